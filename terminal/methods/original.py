"""The payment that something is to be done about: found by a typed number, and what it asks of its card.

A voucher number is looked for in the open batch and in the one before it: what is settled deserves its own answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Tone
from terminal.dialogue import type_text
from terminal.loop import Commit
from terminal.methods.reversal import unseal_card
from terminal.model import mask_pan
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx
    from terminal.methods.card_attempt import Deal

STAN_DIGITS = 6


async def typed(
    shop: Shop, field: str, limit: int, find: Callable[[str, Tx], PaymentRecord | None]
) -> PaymentRecord | None:
    """The payment of a typed number; None when nobody wants one any more. `field`: of the screen, and its hint."""
    number = await _number(shop, field, limit, field)
    while number is not None:
        found = await Commit(partial(find, number))
        if found is not None:
            return found
        shop.sound(Tone.FAILURE)
        number = await _number(shop, field, limit, "not_found")
    return None


async def typed_voucher(shop: Shop) -> PaymentRecord | None:
    """As `typed`, by the voucher number."""
    return await typed(shop, "voucher_no", STAN_DIGITS, by_voucher)


async def _number(shop: Shop, field: str, limit: int, hint: str) -> str | None:
    return await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field=field, value=value, hint=problem or hint),
        limit=limit,
        check=lambda value: "" if value.strip("0") else field,
    )


def by_voucher(number: str, tx: Tx) -> PaymentRecord | None:
    """The payment of a voucher number (STAN), leading zeros left out or not."""
    stan, batch = number.zfill(STAN_DIGITS), tx.get("batch", 1)
    return tx.by_stan(batch, stan) or tx.by_stan(batch - 1, stan)


def is_the_same(shop: Shop, tx: Tx, deal: Deal, pan: str) -> bool:
    """Whether this is the original's card: by its sealed number, or once that is destroyed by what slips show."""
    if deal.undoes is None:
        return True
    sealed = unseal_card(shop, tx, deal.undoes)
    return sealed.pan == pan if sealed else deal.undoes.facts.get("masked_pan") == mask_pan(pan)


def had_pin(deal: Deal) -> bool:
    """Whether the original went with a PIN; of one that is not ours nobody knows, so the cardholder decides."""
    return deal.undoes is None or str(deal.undoes.facts.get("entry_mode", ""))[2:] == "1"
