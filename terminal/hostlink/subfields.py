"""The inside of fields 48, 59, 60 and 61, read only when somebody asks.

Spec: docs/host-link.md §2 (F59, F60, F61), §6 (F48).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from enum import Enum

from terminal.hostlink.codec import FrameError

TLV_LIMIT = 40  # F59 holds 999 bytes and an element takes at least 5; real messages carry fewer than ten.


class OrderTag:
    """F59 tags of a QR order (our own convention, A2 and A3 excepted)."""

    TERMINAL_INFO = "A2"
    SCANNED_CODE = "A3"
    ORDER_NO = "A4"
    PAYLOAD = "A5"
    STATE = "A6"
    SECONDS_LEFT = "A7"
    WALLET = "A8"
    WALLET_NO = "A9"
    REFUND_NO = "B0"
    REFUND_STATE = "B1"
    BILL_DAY = "C1"
    BILL_FROM = "C2"
    BILL_COUNT = "C3"
    BILL_ROWS = "C4"
    CUSTOMER_PAID = "B6"
    PROMOTIONS = "B7"
    EXTRAS = "B8"
    ESLIP_KEY = "B9"
    RECEIPT_NO = "B2"  # Of the printed code: what was paid to it.
    PAID_AT = "B3"
    PASSED_OVER = "B4"


class OrderState(Enum):
    NEW = "NEW"
    WAITING = "WAITING"
    PAYING = "PAYING"
    PAID = "PAID"
    CLOSED = "CLOSED"
    REFUNDED = "REFUNDED"


class RefundState(Enum):
    DONE = "DONE"
    PENDING = "PENDING"
    REFUSED = "REFUSED"


def write_tlv(tags: Mapping[str, str]) -> str:
    """F59: tag (2), length (3 digits, counts GB18030 bytes), value.

    >>> write_tlv({"A3": "6229"})
    'A30046229'
    """
    parts: list[str] = []
    for tag, value in tags.items():
        length = len(value.encode("gb18030"))
        if length > 999 or len(tag) != 2:
            raise ValueError(f"F59 tag {tag}: a tag has 2 characters, a value at most 999 bytes")
        parts.append(f"{tag}{length:03d}{value}")
    return "".join(parts)


def read_tlv(f59: str) -> dict[str, str]:
    """F59 by tag. Raises FrameError(59, …) for a bad length, a repeated tag or too many elements."""
    data = f59.encode("gb18030")
    found: dict[str, str] = {}
    offset = 0
    while offset < len(data):
        head = data[offset : offset + 5]
        if len(found) == TLV_LIMIT:
            raise FrameError(59, offset, f"more than {TLV_LIMIT} elements")
        if not re.fullmatch(rb"[0-9A-Z]{2}[0-9]{3}", head):
            raise FrameError(59, offset, "an element is tag 2, length 3, value")
        tag, length = head[:2].decode("ascii"), int(head[2:])
        value = data[offset + 5 : offset + 5 + length]
        if len(value) != length:
            raise FrameError(59, offset, f"element {tag} is cut short")
        if tag in found:
            raise FrameError(59, offset, f"element {tag} twice")
        try:
            found[tag] = value.decode("gb18030")
        except UnicodeDecodeError:
            raise FrameError(59, offset, f"element {tag} ends inside a character") from None
        offset += 5 + length
    return found


@dataclass(frozen=True, slots=True)
class TerminalInfo:
    """F59's A2: which device this is, and its proof. "" for what is not sent; `version` without filling blanks.

    `factor` is the last six digits of the PAN or of the scanned code, `proof` eight characters made of serial and
    factor under the device's own key.
    """

    device_type: str = ""  # 02 a classic terminal, 03 one of a phone, 04 a smart one, 08 a phone, 10 and 11 a code's.
    serial: str = ""
    factor: str = ""
    proof: str = ""
    version: str = ""


# The elements of A2 in order, and how long each may be. Spec: docs/host-link.md §2 (F59).
_A2 = (("01", 2, 2), ("02", 1, 50), ("03", 6, 6), ("04", 8, 8), ("05", 8, 8))
VERSION_CHARACTERS = 8


def write_terminal_info(info: TerminalInfo) -> str:
    """The value of A2. Raises FrameError for what would not come back.

    >>> write_terminal_info(TerminalInfo("04", factor="001234"))
    '010020403006001234'
    """
    texts = (*astuple(info)[:-1], info.version.ljust(VERSION_CHARACTERS) if info.version else "")
    text = write_tlv({tag: value for (tag, *_), value in zip(_A2, texts, strict=True) if value})
    if read_terminal_info(text) != info:
        raise FrameError(59, 0, "an element of A2 that does not fit")
    return text


def read_terminal_info(a2: str) -> TerminalInfo:
    """The value of A2. Raises FrameError(59, …) for an unknown element, another order, or a wrong length."""
    found = read_tlv(a2)
    order = [tag for tag, *_ in _A2]
    if list(found) != [tag for tag in order if tag in found]:
        raise FrameError(59, 0, "A2 has the elements 01 to 05, each once and in order")
    for tag, least, most in _A2:
        if tag in found and not least <= len(found[tag]) <= most:
            raise FrameError(59, 0, f"element {tag} of A2 has {least} to {most} characters")
    device_type, serial, factor, proof, version = (found.get(tag, "") for tag in order)
    if version and not version.strip(" "):
        raise FrameError(59, 0, "element 05 of A2 is blank")
    return TerminalInfo(device_type, serial, factor, proof, version.rstrip(" "))


@dataclass(frozen=True, slots=True)
class Reserved60:
    """F60, as far as it was sent: later sub-fields are "" when the field ends before them."""

    type: str
    batch_no: str
    network_management: str = ""
    capability: str = ""
    ic_condition: str = ""
    partial_approval: str = ""
    account_type: str = ""


def write_f60(parts: Reserved60) -> str:
    """F60 up to the last sub-field that is there. Raises FrameError for what would not come back.

    >>> write_f60(Reserved60("22", "000007", "000", "5", "0"))
    '2200000700050'
    """
    return _joined(60, astuple(parts), read_f60, parts)


def read_f60(f60: str) -> Reserved60:
    """F60's sub-fields n2 n6 n3 n1 n1 n1 n3. Raises FrameError when it ends inside one."""
    return Reserved60(*_cut(60, f60, (2, 6, 3, 1, 1, 1, 3), least=2))


@dataclass(frozen=True, slots=True)
class Original61:
    """F61: the message that this one is about; later sub-fields are "" when not sent."""

    batch_no: str
    stan: str
    date: str = ""
    auth_mode: str = ""
    auth_institution: str = ""


def write_f61(parts: Original61) -> str:
    """F61 up to the last sub-field that is there. Raises FrameError for what would not come back.

    >>> write_f61(Original61("000001", "000042", "1130"))
    '0000010000421130'
    """
    return _joined(61, astuple(parts), read_f61, parts)


def read_f61(f61: str) -> Original61:
    """F61's sub-fields n6 n6 n4 n2 n11. Raises FrameError."""
    return Original61(*_cut(61, f61, (6, 6, 4, 2, 11), least=2))


def _joined(field: int, texts: tuple[str, ...], read: Callable[[str], object], parts: object) -> str:
    text = "".join(texts)
    if not (text.isascii() and text.isdecimal()) or read(text) != parts:
        raise FrameError(field, 0, "a sub-field that does not fit its width, or one left out before another")
    return text


def _cut(field: int, digits: str, widths: tuple[int, ...], *, least: int) -> tuple[str, ...]:
    parts: list[str] = []
    offset = 0
    for width in widths:
        if offset == len(digits):
            break
        part = digits[offset : offset + width]
        if len(part) != width:
            raise FrameError(field, offset, "ends inside a sub-field")
        parts.append(part)
        offset += width
    if offset != len(digits):
        raise FrameError(field, offset, "longer than all its sub-fields")
    if len(parts) < least:
        raise FrameError(field, offset, f"needs at least {least} sub-fields")
    return tuple(parts)


class TotalsResult(Enum):
    """The host's judgement of a settlement: F48 digit 31 (domestic) and 62 (foreign)."""

    UNSAID = "0"
    BALANCED = "1"
    NOT_BALANCED = "2"
    ERROR = "3"


def read_totals_result(f48: str) -> tuple[TotalsResult, TotalsResult]:
    """(domestic, foreign) of an 0510. Raises FrameError(48, …)."""
    if len(f48) != 62:
        raise FrameError(48, 0, "settlement totals have 62 digits")
    results: list[TotalsResult] = []
    for place in (30, 61):
        if f48[place] not in "0123":
            raise FrameError(48, place, "the result is 0 to 3")
        results.append(TotalsResult(f48[place]))
    return results[0], results[1]
