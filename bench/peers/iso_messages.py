"""The chip sale of `sale.hex` as the two ISO 8583 libraries want it; imported by `serve`, inside its cases only.

pyiso8583 is given the rows that this message needs, in our link's format. iso8583sim has its fields built in and
its own format; it gets the same values as one text, which is its fastest way in and out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[[], object]
SALE = Path(__file__).with_name("sale.hex")


def _row(data: str, length: int, prefix_bytes: int = 0, count: str = "bytes", pad: str = "right_pad") -> dict[str, Any]:
    row = {"data_enc": data, "len_enc": "bcd", "len_type": prefix_bytes, "max_len": length, "len_count": count}
    return {**row, "desc": "", **({pad: "0"} if count == "nibbles" else {})}


def _digits(length: int, prefix_bytes: int = 0, pad: str = "right_pad") -> dict[str, Any]:
    return _row("b", length, prefix_bytes, "nibbles", pad)


SPEC: dict[str, dict[str, Any]] = {
    "h": _row("b", 0), "t": _row("b", 2), "p": _row("b", 8), "1": _row("b", 0),
    "2": _digits(19, 1), "3": _digits(6), "4": _digits(12), "11": _digits(6), "14": _digits(4), "22": _digits(3),
    "23": _digits(3, pad="left_pad"), "25": _digits(2), "26": _digits(2), "35": _digits(37, 1),
    "41": _row("ascii", 8), "42": _row("ascii", 15), "49": _row("ascii", 3), "52": _row("b", 8), "53": _digits(16),
    "55": _row("b", 255, 2), "59": _row("ascii", 999, 2), "60": _digits(17, 2), "63": _row("ascii", 163, 2),
    "64": _row("b", 8),
}  # fmt: skip


def _sale() -> bytes:
    return bytes.fromhex(SALE.read_text(encoding="ascii"))


def _count(fields: int) -> bytes:
    return fields.to_bytes(2, "big")


def pyiso8583_decode() -> Call:
    import iso8583

    body = _sale()
    not_fields = sum(not name.isdecimal() for name in iso8583.decode(body, SPEC)[0])  # The MTI, the bitmap.
    return lambda: _count(len(iso8583.decode(body, SPEC)[0]) - not_fields)


def pyiso8583_encode() -> Call:
    import iso8583

    message, _ = iso8583.decode(_sale(), SPEC)
    return lambda: bytes(iso8583.encode(message, SPEC)[0])


def _iso8583sim_message() -> Any:
    import iso8583
    from iso8583sim.core.types import ISO8583Message

    found, _ = iso8583.decode(_sale(), SPEC)
    fields = {int(name): value for name, value in found.items() if name.isdecimal()}
    return ISO8583Message(mti=found["t"], fields={0: found["t"], **fields, 35: found["35"].replace("D", "=")})


def iso8583sim_decode() -> Call:
    from iso8583sim.core.builder import ISO8583Builder
    from iso8583sim.core.parser import ISO8583Parser

    text, parser = ISO8583Builder().build(_iso8583sim_message()), ISO8583Parser()
    return lambda: _count(len(parser.parse(text).fields) - 1)  # Field 0 is the MTI.


def iso8583sim_encode() -> Call:
    from iso8583sim.core.builder import ISO8583Builder

    message, builder = _iso8583sim_message(), ISO8583Builder()
    return lambda: builder.build(message)  # Text of another format: there is nothing to compare.
