"""The payment that something is to be done about: typed, scanned off its slip or chosen from today's, and its card.

An order's number has letters, which no keypad types: its slip carries it as a code.

A voucher number is looked for in the open batch and in the one before it: what is settled deserves its own answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import type_text
from terminal.hostlink.transactions import Silence
from terminal.loop import Commit
from terminal.methods.pick import pick
from terminal.methods.reversal import unseal_card
from terminal.methods.scanning import scan
from terminal.model import Kind, PaymentState, mask_pan
from terminal.rail import ORDER_NO_LIMIT
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx
    from terminal.methods.card_attempt import Deal

STAN_DIGITS = 6
# A refund that may have been made: one that nobody answered counts as made.
GIVEN_BACK = (
    PaymentState.COMPLETED,
    PaymentState.SETTLED,
    PaymentState.REQUESTED,
    PaymentState.APPROVED,
    PaymentState.UNKNOWN,
)
SCAN, LIST = "scan", "list"  # What the arrows are for while a number is typed.


async def find_original(
    shop: Shop,
    field: str,
    limit: int,
    find: Callable[[str, Tx], PaymentRecord | None],
    listed: Callable[[PaymentRecord], bool],
) -> PaymentRecord | None:
    """Of a typed number, of a scanned slip (UP), or one of today's that are `listed` (DOWN); None: nobody wants one.

    `field`: of the screen, and its hint.
    """
    hint = field
    while (number := await _number(shop, field, limit, hint)) is not None:
        if number == LIST:
            found, hint = await pick(shop, listed), field
        elif number == SCAN:
            scanned = await _scan_slip(shop)
            found = await Commit(partial(by_order_no, scanned)) if scanned else None
            hint = "not_found" if scanned else field
        else:
            found, hint = await Commit(partial(find, number)), "not_found"
        if found is not None:
            return found
        if hint == "not_found":
            shop.sound(Tone.FAILURE)
    return None


async def find_voucher(shop: Shop) -> PaymentRecord | None:
    """As `find_original`, by the voucher number."""
    return await find_original(shop, "voucher_no", STAN_DIGITS, by_voucher, _may_be_meant)


def _may_be_meant(payment: PaymentRecord) -> bool:
    return payment.state is PaymentState.COMPLETED and payment.stan is not None


async def _scan_slip(shop: Shop) -> str | None:
    """The order number that a slip carries as a code."""

    def read(raw: bytes) -> str | None:
        text = raw.decode("ascii", "replace").strip()
        return text if re.fullmatch(rf"[0-9A-Za-z]{{{STAN_DIGITS + 1},{ORDER_NO_LIMIT}}}", text) else None

    return await scan(
        shop,
        lambda left: screens.ScanSlip(seconds_left=left),
        read,
        lambda raw: screens.Problem(title="scan_slip.title", text="scan_slip.wrong"),
    )


async def _number(shop: Shop, field: str, limit: int, hint: str) -> str | None:
    return await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field=field, value=value, hint=problem or hint),
        limit=limit,
        check=lambda value: "" if value.strip("0") else field,
        instead={Key.UP: SCAN, Key.DOWN: LIST},
    )


def by_order_no(number: str, tx: Tx) -> PaymentRecord | None:
    """The sale of an order number, of any batch."""
    found = (p for p in tx.with_fact("order_no", number) if p.kind is Kind.SALE)
    return next(found, None)


def by_voucher(number: str, tx: Tx) -> PaymentRecord | None:
    """The payment of a voucher number (STAN), leading zeros left out or not."""
    stan, batch = number.zfill(STAN_DIGITS), tx.get("batch", 1)
    return tx.by_stan(batch, stan) or tx.by_stan(batch - 1, stan)


def given_back_minor(shop: Shop, tx: Tx, original: PaymentRecord) -> int:
    """What refunds by card have given back of it, or may have."""
    refunds = (p for p in tx.with_fact("undoes", original.id) if p.state in GIVEN_BACK)
    rows = shop.profile.transactions
    return sum(p.amount.amount_minor for p in refunds if rows[p.kind].silence is Silence.UNKNOWN)


def is_the_same(shop: Shop, tx: Tx, deal: Deal, pan: str) -> bool:
    """Whether this is the original's card: by its sealed number, or once that is destroyed by what slips show."""
    if deal.undoes is None:
        return True
    sealed = unseal_card(shop, tx, deal.undoes)
    return sealed.pan == pan if sealed else deal.undoes.facts.get("masked_pan") == mask_pan(pan)


def had_pin(deal: Deal) -> bool:
    """Whether the original went with a PIN; of one that is not ours nobody knows, so the cardholder decides."""
    return deal.undoes is None or str(deal.undoes.facts.get("entry_mode", ""))[2:] == "1"
