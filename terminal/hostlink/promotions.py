"""What came with a wallet's payment, in F59 of an answer that says PAID: discounts, what the customer paid, extras.

Nothing in here may lose a payment, so nothing in here raises for what a host may say: figures that cannot be read are
None, which `methods/qr_split.py` does not believe, and lines that cannot be read are left out.

Spec: docs/host-link.md, "acquirer-orders", tags B6 to B9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from terminal.hostlink.codec import FrameError
from terminal.hostlink.profile import Profile
from terminal.hostlink.subfields import OrderTag, read_tlv, write_tlv
from terminal.model import AMOUNT_MAX_MINOR, Money, Payer, Promotion
from terminal.rail import EXTRAS_LIMIT, PROMOTIONS_LIMIT

NAME_LIMIT = 20  # Characters, of a discount and of an extra: all that may come fits F59 beside the order, in Chinese.
_PROMOTION = re.compile(rf"([MP])([0-9]{{12}})(.{{0,{NAME_LIMIT}}})")
_LETTERS = {Payer.MERCHANT: "M", Payer.PLATFORM: "P"}
_PAYERS = {letter: payer for payer, letter in _LETTERS.items()}


@dataclass(frozen=True, slots=True)
class CameWith:
    """`promotions`: None where they cannot be read. `customer`: None where it was not said. `key`: of the e-slip."""

    promotions: tuple[Promotion, ...] | None = ()
    customer: Money | None = None
    extras: tuple[str, ...] = ()
    key: str = ""


def eslip_url(profile: Profile, number: str, key: str) -> str:
    """Where the customer finds the slip of this order, or of a card's reference number; "" where there is none."""
    return f"{profile.eslip_address}{number}/{key}" if profile.eslip_address and number and key else ""


def read_eslip_key(tags: Mapping[str, str]) -> str:
    """Tag B9, "" for none that can be read."""
    key = tags.get(OrderTag.ESLIP_KEY, "")
    return key if re.fullmatch(r"[0-9A-Z]{6,16}", key) else ""


def read_came_with(tags: Mapping[str, str]) -> CameWith:
    """Tags B6 to B9 of F59, each of them optional. Never raises."""
    paid = tags.get(OrderTag.CUSTOMER_PAID)
    promotions = _promotions(tags.get(OrderTag.PROMOTIONS, ""))
    customer = None if paid is None else _amount(paid)
    if paid is not None and customer is None:
        promotions = None
    return CameWith(promotions, customer, _extras(tags.get(OrderTag.EXTRAS, "")), read_eslip_key(tags))


def write_promotions(promotions: Iterable[Promotion]) -> str:
    """The value of B7: elements 01, 02, … with who bears it (M or P), amount n12, and its name.

    >>> write_promotions((Promotion("立减", Money(500), Payer.MERCHANT),))
    '01017M000000000500立减'
    """
    return _numbered(f"{_LETTERS[each.payer]}{each.amount.amount_minor:012d}{each.name}" for each in promotions)


def write_extras(lines: Iterable[str]) -> str:
    """The value of B8: elements 01, 02, … with one line each."""
    return _numbered(lines)


def _numbered(values: Iterable[str]) -> str:
    return write_tlv({f"{number:02d}": value for number, value in enumerate(values, 1)})


def _promotions(b7: str) -> tuple[Promotion, ...] | None:
    rows = _rows(b7, PROMOTIONS_LIMIT)
    matches = [_PROMOTION.fullmatch(row) for row in rows] if rows is not None else [None]
    read = ((m[3], _amount(m[2]), _PAYERS[m[1]]) for m in matches if m)
    found = tuple(Promotion(name, amount, payer) for name, amount, payer in read if amount is not None)
    return found if len(found) == len(matches) else None


def _amount(text: str) -> Money | None:
    """None for what is no amount, or a larger one than any of ours."""
    return Money(int(text)) if re.fullmatch(r"[0-9]{12}", text) and int(text) <= AMOUNT_MAX_MINOR else None


def _extras(b8: str) -> tuple[str, ...]:
    rows = _rows(b8, EXTRAS_LIMIT) or ()
    return tuple(row for row in rows if 0 < len(row) <= NAME_LIMIT)


def _rows(value: str, limit: int) -> tuple[str, ...] | None:
    """The values of elements 01, 02, … in their order; None for anything else."""
    try:
        found = read_tlv(value)
    except FrameError:
        return None
    numbered = list(found) == [f"{number:02d}" for number in range(1, len(found) + 1)]
    return tuple(found.values()) if numbered and len(found) <= limit else None
