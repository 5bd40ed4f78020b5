"""The host link as pyiso8583 is told it: written from docs/host-link.md §1 and §2 by hand, and from nothing of ours.

Somebody else's codec with this specification is what our own is judged by (tests/test_hostlink_independent.py). The
frame is decoded from its TPDU on: `h` is TPDU and header.
"""

from __future__ import annotations

from typing import Any


def _row(data: str, length: int, prefix: int = 0, **more: Any) -> dict[str, Any]:
    """`data` b (nibbles or bytes) or ascii; `prefix` digits of a BCD length."""
    return {"data_enc": data, "len_enc": "bcd", "len_type": (prefix + 1) // 2, "max_len": length, "desc": "", **more}


def _digits(length: int, prefix: int = 0, *, before: bool = False) -> dict[str, Any]:
    side = {"left_pad": "0"} if before else {"right_pad": "0"}
    return _row("b", length, prefix, len_count="nibbles", **side)


def _text(length: int, prefix: int = 0, encoding: str = "ascii") -> dict[str, Any]:
    return _row(encoding, length, prefix, len_count="bytes")


def _bytes(length: int, prefix: int = 0) -> dict[str, Any]:
    return _row("b", length, prefix, len_count="bytes")


SPEC: dict[str, dict[str, Any]] = {
    "h": _bytes(11),
    "t": _bytes(2),
    "p": _bytes(8),
    "1": _bytes(0),
    "2": _digits(19, 2),
    "3": _digits(6),
    "4": _digits(12),
    "11": _digits(6),
    "12": _digits(6),
    "13": _digits(4),
    "14": _digits(4),
    "15": _digits(4),
    "22": _digits(3),
    "23": _digits(3, before=True),
    "25": _digits(2),
    "26": _digits(2),
    "32": _digits(11, 2),
    "35": _digits(37, 2),
    "36": _digits(104, 3),
    "37": _text(12),
    "38": _text(6),
    "39": _text(2),
    "41": _text(8),
    "42": _text(15),
    "44": _text(25, 2),
    "48": _digits(322, 3),
    "49": _text(3),
    "52": _bytes(8),
    "53": _digits(16),
    "54": _text(20, 3),
    "55": _bytes(255, 3),
    "57": _text(999, 3, "gb18030"),
    "58": _text(100, 3),
    "59": _text(999, 3, "gb18030"),
    "60": _digits(17, 3),
    "61": _digits(29, 3),
    "62": _bytes(512, 3),
    "63": _text(163, 3, "gb18030"),
    "64": _bytes(8),
}
