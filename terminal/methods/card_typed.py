"""订购 (MOTO): a card that is not there. Its number and expiry are typed, and for a new order the CVV2 on its back.

A typed number proves nothing: it is checked for slips of the finger (ISO/IEC 7812-1's check digit, an expiry that is
a month and is not past), and must be the original's where there is one. Number and expiry are sealed with the payment,
as a card's. Whether the CVV2 is asked for, the profile says (`moto.cvv2`). It goes into the request and nowhere else:
no seal, no reversal, no upload, no journal; on the glass its digits are dots, and the buffer is wiped when the request
is built.
Spec: docs/host-link.md §3; PCI DSS 4.0 §3.3 (the CVV2 is not kept after authorisation).
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from emv import commands as kernel
from emv.track import luhn_holds
from terminal.dialogue import next_key, type_text
from terminal.hostlink.card_messages import MANUAL, CardFields
from terminal.hostlink.extra_fields import CVV2_DIGITS, cvv2_field
from terminal.hostlink.profile import Cvv2Rule
from terminal.hostlink.transactions import Names
from terminal.loop import Commit
from terminal.methods.card import begin
from terminal.methods.card_attempt import Deal
from terminal.methods.card_ending import conclude
from terminal.methods.card_sealed import ask_without_card
from terminal.methods.order import way_is_clear
from terminal.methods.original import is_the_same
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

PAN_DIGITS = range(13, 20)  # Spec: ISO/IEC 7812-1.
EXPIRY_DIGITS = 4


@dataclass(slots=True)
class Typed:
    """What somebody has read out. `expiry` is YYMM; `cvv2` is wiped by whoever has used it."""

    pan: str = field(repr=False)
    expiry: str = field(repr=False)
    cvv2: bytearray = field(default_factory=bytearray, repr=False)


async def transact_typed(shop: Shop, deal: Deal) -> PaymentRecord | None:
    """As `card.transact`, by a card that is read out; None when nothing was begun."""
    if not await way_is_clear(shop, deal.kind):
        return None
    new_order = shop.profile.transactions[deal.kind].names is Names.NOTHING
    typed = await _type_card(shop, shop.profile.moto_cvv2 if new_order else Cvv2Rule.NEVER)
    if typed is None:
        return None
    try:
        if typed.cvv2:
            deal = replace(deal, extra={**deal.extra, **cvv2_field(typed.cvv2)})
    finally:
        typed.cvv2[:] = bytes(len(typed.cvv2))
    attempt = await begin(shop, deal)
    if not await Commit(lambda tx: is_the_same(shop, tx, deal, typed.pan)):
        return await conclude(shop, attempt, kernel.CardError("other-card"))
    return await ask_without_card(shop, attempt, CardFields(typed.pan, typed.expiry, entry=MANUAL))


async def _type_card(shop: Shop, cvv2: Cvv2Rule) -> Typed | None:
    pan = await type_text(
        shop,
        lambda value, problem: screens.TypeCardNumber(shown=_shown(value), problem=problem),
        limit=PAN_DIGITS[-1],
        check=lambda value: "" if len(value) in PAN_DIGITS and luhn_holds(value) else "wrong",
    )
    if pan is None:
        return None
    today = shop.local_time(await wall_ms()).date()
    expiry = await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field="expiry", value=value, hint=problem or "expiry"),
        limit=EXPIRY_DIGITS,
        check=lambda value: _expiry_problem(value, today),
    )
    if expiry is None:
        return None
    typed = Typed(pan, expiry[2:] + expiry[:2])
    if cvv2 is not Cvv2Rule.NEVER and not await _type_cvv2(shop, typed.cvv2, optional=cvv2 is Cvv2Rule.OPTIONAL):
        return None
    return typed


def _shown(pan: str) -> str:
    """What was typed, in the one form in which a number may stand on the glass: its first 6 and last 4.

    >>> _shown("62250000"), _shown("6225000000000014")
    ('62250000', '622500******0014')
    """
    return pan[:6] + "*" * max(0, len(pan) - 10) + pan[max(6, len(pan) - 4) :]


def _expiry_problem(month_year: str, today: datetime.date) -> str:
    """MMYY as it stands on the card: "" or a word of the room "hint_text".

    >>> [_expiry_problem(text, datetime.date(2026, 3, 31)) for text in ("0326", "0226", "1326", "12")]
    ['', 'expired', 'expiry_wrong', 'expiry_wrong']
    """
    if len(month_year) != EXPIRY_DIGITS or not 1 <= int(month_year[:2]) <= 12:
        return "expiry_wrong"
    # Two digits of a year are of this century: a card lives for twenty years at most.
    month, year = int(month_year[:2]), 2000 + int(month_year[2:])
    return "" if (year, month) >= (today.year, today.month) else "expired"


async def _type_cvv2(shop: Shop, digits: bytearray, *, optional: bool) -> bool:
    """Type into `digits`, or none where they are `optional`; False, with them wiped, when nobody wants to."""
    problem = ""
    while True:
        shop.show(screens.TypeCvv2(digits=len(digits), problem=problem or ("optional" if optional else "")))
        key = await next_key(shop, shop.config.timeouts.key_ms)
        problem = ""
        if key is None or key is Key.CANCEL:
            digits[:] = bytes(len(digits))
            return False
        if key is Key.ENTER:
            if len(digits) == CVV2_DIGITS or optional and not digits:
                return True
            problem = "short"
            shop.sound(Tone.FAILURE)
        elif key is Key.CLEAR:
            digits[:] = bytes(len(digits))
            digits.clear()
        elif len(key.digits) == 1 and len(digits) < CVV2_DIGITS:
            digits.append(ord(key.digits))
