"""Field 62, which means something else in each message: a writer and a reader for each, and which one a message has.

| message | what F62 holds |
|---|---|
| 0800, a sign-in | the device's number: product certificate (4) and serial, behind `Sequence No` and a length |
| 0810, a sign-in | the working keys, each wrapped, with its check value |
| 0800, 0820, a download | how many have come, or the name of one |
| 0810, 0830, a download | a digit that says whether more follow, and entries (`downloads`, `lists`) |
| 0200, an instalment | months, plan, how the fee is paid |
| 0200, 0100, an order (MOTO) | elements: tag, length, value |
| 0320, a chip that failed | the reason of its reversal |
| 0820, a signature | a part of the image |

What is written comes back; what breaks a rule raises FrameError(62, …) with its offset.

Spec: docs/host-link.md §2 (F62), §3, §4, §13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from keys import KeyLayout
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.downloads import DOWNLOADS
from terminal.hostlink.subfields import read_f60

F62 = 62
CERTIFICATE_CHARACTERS = 4
KCV_BYTES = 4
SERIAL_MARK = b"Sequence No"
PLAN_CHARACTERS = 30
SIGNATURE_TYPE = "07"  # 60.1
FAILURE_CODES = ("204", "206")  # 60.3

_SERIAL = re.compile(rb"Sequence No([0-9]{2})([\x20-\x7e]*)")
_TERMS = re.compile(rb"([0-9]{2})([\x20-\x7e]{30})([0-9])")
_SIGN_INS = frozenset(layout.code for layout in KeyLayout)
_DOWNLOADS = frozenset(
    code for row in DOWNLOADS.values() for code in (row.names, row.load, row.more, row.end) if code
)


class Free(Enum):
    """What a message's field 62 is."""

    NOTHING = "nothing"  # This message has none, or nobody has said what it means.
    SERIAL = "serial"
    KEYS = "keys"
    LIST = "list"
    TERMS = "terms"
    ELEMENTS = "elements"
    REASON = "reason"
    SIGNATURE = "signature"


def free_data_of(message: Message) -> Free:
    """Which of them it is, by MTI, F25 and F60. Raises FrameError for an F60 that cannot be read."""
    if F62 not in message.fields or 60 not in message.fields:
        return Free.NOTHING
    codes = read_f60(message.text(60))
    network = codes.network_management
    if message.mti == "0820" and codes.type == SIGNATURE_TYPE:
        return Free.SIGNATURE
    if message.mti[1] == "8":
        if network in _DOWNLOADS:
            return Free.LIST
        if network in _SIGN_INS:
            return {"0800": Free.SERIAL, "0810": Free.KEYS}.get(message.mti, Free.NOTHING)
        return Free.NOTHING
    if message.mti == "0320" and network in FAILURE_CODES:
        return Free.REASON
    if message.mti in ("0200", "0100"):
        return {"64": Free.TERMS, "08": Free.ELEMENTS}.get(message.text(25), Free.NOTHING)
    return Free.NOTHING


@dataclass(frozen=True, slots=True)
class DeviceNumber:
    """Of a sign-in: the product's certificate (0000: it has none) and the device's serial."""

    certificate: str
    serial: str


def write_device_number(number: DeviceNumber) -> bytes:
    """
    >>> write_device_number(DeviceNumber("0000", "A1"))
    b'Sequence No060000A1'
    """
    text = f"{number.certificate}{number.serial}".encode("ascii", "replace")
    data = SERIAL_MARK + b"%02d" % len(text) + text
    if len(text) > 99 or read_device_number(data) != number:
        raise FrameError(F62, 0, "a certificate has four characters, it and the serial 99 at most")
    return data


def read_device_number(data: bytes) -> DeviceNumber:
    found = _SERIAL.fullmatch(data)
    if found is None:
        raise FrameError(F62, 0, "Sequence No, its length, certificate and serial")
    text = found[2].decode("ascii")
    if len(text) != int(found[1]) or len(text) < CERTIFICATE_CHARACTERS:
        raise FrameError(F62, len(SERIAL_MARK), "a length that is not the number's")
    return DeviceNumber(text[:CERTIFICATE_CHARACTERS], text[CERTIFICATE_CHARACTERS:])


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """One item of a key block: whose key, the key under the TMK, and its check value. No secret without the TMK."""

    usage: str
    wrapped: bytes
    check_value: bytes


def write_key_block(items: tuple[WrappedKey, ...]) -> bytes:
    return b"".join(item.wrapped + item.check_value for item in items)


def read_key_block(data: bytes, layout: KeyLayout) -> tuple[WrappedKey, ...]:
    """The items of a block of this layout. Raises FrameError for another size."""
    if len(data) != layout.size_bytes:
        raise FrameError(F62, 0, f"a block of this layout has {layout.size_bytes} bytes")
    step = layout.scheme.key_bytes + KCV_BYTES
    parts = (data[start : start + step] for start in range(0, len(data), step))
    return tuple(
        WrappedKey(usage.name, part[:-KCV_BYTES], part[-KCV_BYTES:])
        for usage, part in zip(layout.usages, parts, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """Of an instalment: months (two digits), the plan without filling blanks, how the fee is paid (one digit)."""

    months: str
    plan: str
    fee: str


def write_terms(terms: Terms) -> bytes:
    data = f"{terms.months}{terms.plan:<{PLAN_CHARACTERS}}{terms.fee}".encode("ascii", "replace")
    if read_terms(data) != terms:
        raise FrameError(F62, 0, "terms that do not fit their widths")
    return data


def read_terms(data: bytes) -> Terms:
    found = _TERMS.fullmatch(data)
    if found is None:
        raise FrameError(F62, 0, "months n2, plan ans30, fee n1")
    months, plan, fee = (part.decode("ascii") for part in found.groups())
    return Terms(months, plan.rstrip(" "), fee)
