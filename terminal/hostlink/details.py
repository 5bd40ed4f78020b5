"""The inside of fields 48 (batch details), 54 and 63: read and written by the same widths, strict both ways.

What is read comes back to the character when written; what breaks a rule raises FrameError with the field, the offset
in the field (digits, or bytes for F63) and the reason.

Spec: docs/host-link.md §2 (F48, F54, F63).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from terminal.hostlink.codec import FrameError
from terminal.model import AMOUNT_MAX_MINOR, CNY, Money

DETAIL_LIMIT = 8  # In one 0320: F48 holds 322 digits, the count two and each record forty.
DETAIL_DIGITS = 40
AMOUNT_CHARACTERS = 20
AMOUNT_LIMIT = 6  # ISO 8583 gives field 54 at most 120 characters.
ORGANISATION_BYTES = 3  # 63.1
REMARK_BYTES = (20, 20, 20, 60)  # 63.2: issuer, centre, acquirer, and what an acquirer adds.

_DETAIL = re.compile(r"([0-9]{2})([0-9]{6})([0-9]{20})([0-9]{12})")
_AMOUNT = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{3})([CD])([0-9]{12})")
DOMESTIC, FOREIGN = "00", "01"  # `BatchDetail.card_class`.


@dataclass(frozen=True, slots=True, repr=False)
class BatchDetail:
    """One payment of a batch upload: `card_class` is DOMESTIC or FOREIGN; `pan` without its filling zeros."""

    card_class: str
    stan: str
    pan: str
    amount_minor: int

    def __repr__(self) -> str:
        return f"BatchDetail(STAN {self.stan})"


@dataclass(frozen=True, slots=True)
class AdditionalAmount:
    """One amount of field 54; `type` 02 is what is available. `amount_minor` is negative for a debit (D)."""

    account: str
    type: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Remarks:
    """Field 63 of an answer: card organisation or operator, then remarks without the blanks that fill them."""

    organisation: str
    issuer: str = ""
    centre: str = ""
    acquirer: str = ""
    more: str = ""


def read_batch_details(f48: str) -> tuple[BatchDetail, ...]:
    """F48 of a 0320 with details. Raises FrameError(48, …)."""
    records, rest = divmod(len(f48) - 2, DETAIL_DIGITS)
    if rest or not 1 <= records <= DETAIL_LIMIT or f48[:2] != f"{records:02d}":
        raise FrameError(48, 0, f"a count, then as many records of {DETAIL_DIGITS} digits, {DETAIL_LIMIT} at most")
    found: list[BatchDetail] = []
    for offset in range(2, len(f48), DETAIL_DIGITS):
        parts = _DETAIL.fullmatch(f48, offset, offset + DETAIL_DIGITS)
        if parts is None:
            raise FrameError(48, offset, "a record has digits only")
        found.append(BatchDetail(parts[1], parts[2], parts[3].lstrip("0"), int(parts[4])))
    return tuple(found)


def write_batch_details(details: Sequence[BatchDetail]) -> str:
    """F48 of a 0320. Raises FrameError(48, …), without a value in it, for what would not come back."""
    text = f"{len(details):02d}" + "".join(
        f"{detail.card_class}{detail.stan}{detail.pan.zfill(20)}{detail.amount_minor:012d}" for detail in details
    )
    if read_batch_details(text) != tuple(details):
        raise FrameError(48, 0, "a record that does not fit its widths")
    return text


def read_additional_amounts(f54: str) -> tuple[AdditionalAmount, ...]:
    """F54: one amount every twenty characters. Raises FrameError(54, …)."""
    if not f54 or len(f54) % AMOUNT_CHARACTERS or len(f54) > AMOUNT_LIMIT * AMOUNT_CHARACTERS:
        raise FrameError(54, 0, f"1 to {AMOUNT_LIMIT} amounts of {AMOUNT_CHARACTERS} characters")
    found: list[AdditionalAmount] = []
    for offset in range(0, len(f54), AMOUNT_CHARACTERS):
        parts = _AMOUNT.fullmatch(f54, offset, offset + AMOUNT_CHARACTERS)
        if parts is None:
            raise FrameError(54, offset, "account n2, type n2, currency n3, C or D, amount n12")
        minor = int(parts[5])
        if parts[4] == "D" and not minor:
            raise FrameError(54, offset, "a debit of nothing")
        found.append(AdditionalAmount(parts[1], parts[2], parts[3], -minor if parts[4] == "D" else minor))
    return tuple(found)


def write_additional_amounts(amounts: Sequence[AdditionalAmount]) -> str:
    """F54. Raises FrameError(54, …) for what would not come back."""
    text = "".join(
        f"{one.account}{one.type}{one.currency}{'D' if one.amount_minor < 0 else 'C'}{abs(one.amount_minor):012d}"
        for one in amounts
    )
    if read_additional_amounts(text) != tuple(amounts):
        raise FrameError(54, 0, "an amount that does not fit its widths")
    return text


def read_balance(f54: str) -> Money:
    """The first amount, in our currency; what is overdrawn (D) is negative. Raises FrameError(54, …).

    >>> str(read_balance("1002156C000000012850"))
    '128.50'
    """
    first = read_additional_amounts(f54)[0]
    if first.currency != CNY.numeric:
        raise FrameError(54, 4, "no amount in our currency")
    if abs(first.amount_minor) > AMOUNT_MAX_MINOR:
        raise FrameError(54, 8, "an amount that is too large")
    return Money(first.amount_minor)


def read_remarks(f63: str) -> Remarks:
    """F63 of an answer; it may end after any of its parts. Raises FrameError(63, …) when it ends inside one."""
    data = f63.encode("gb18030")
    parts: list[str] = []
    offset = 0
    for width in (ORGANISATION_BYTES, *REMARK_BYTES):
        if offset == len(data) and parts:
            break
        part = data[offset : offset + width]
        if len(part) != width:
            raise FrameError(63, offset, "ends inside a part")
        try:
            parts.append(part.decode("gb18030").rstrip(" "))
        except UnicodeDecodeError:
            raise FrameError(63, offset, "a part ends inside a character") from None
        offset += width
    if offset != len(data):
        raise FrameError(63, offset, "longer than all its parts")
    return Remarks(*parts)


def write_remarks(remarks: Remarks) -> str:
    """F63 with all parts up to the last that says something. Raises FrameError(63, …) for one that is too long."""
    parts = (remarks.organisation, remarks.issuer, remarks.centre, remarks.acquirer, remarks.more)
    last = max((place for place, part in enumerate(parts) if part), default=0)
    out = b""
    for part, width in zip(parts[: last + 1], (ORGANISATION_BYTES, *REMARK_BYTES), strict=False):
        data = part.encode("gb18030")
        if len(data) > width:
            raise FrameError(63, len(out), f"a part of {len(data)} bytes, at most {width}")
        out += data.ljust(width)
    return out.decode("gb18030")
