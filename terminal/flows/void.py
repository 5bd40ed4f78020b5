"""撤销: a sale, a completion, an instalment… of the open batch is taken back whole, with the card that paid it.

One flow for every kind whose row of TRANSACTIONS names its original by STAN and gives money back: what the voucher
number leads to decides which. The original is VOIDED in the commit that completes the void, never before.
Source: docs/host-link.md §3, §11.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.flows import order_refund
from terminal.flows.sale import why_not_selling
from terminal.flows.signature import last_signed, said_to_differ, take_back, void_deal
from terminal.hostlink.transactions import void_of
from terminal.loop import Commit
from terminal.methods import deals
from terminal.methods.original import find_voucher, given_back_minor
from terminal.methods.qr_order import THROUGH_ORDERS
from terminal.model import Kind, Method, PaymentState
from terminal.operators import allowed
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

ADJUSTED = "adjusted"  # Fact of a sale whose amount a tip has changed.
NOT_NOW = {
    PaymentState.VOIDED: "already_voided",
    PaymentState.SETTLED: "original_settled",
}


async def void(shop: Shop) -> None:
    """From the voucher number to the void's slip; whatever stands against it is said on the glass."""
    refused = why_not_selling(shop)
    original = None if refused else await find_voucher(shop)
    if original is not None and original.method in THROUGH_ORDERS and original.kind is Kind.SALE:
        await order_refund.void(shop, original)
        return
    if original is not None:
        refused = await Commit(partial(_why_not, shop, original))
    if refused:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason=refused))
    elif original is not None and await is_meant(shop, original) and await allowed(shop, "void"):
        await deals.transact(shop, void_deal(shop, original))


async def signature_differs(shop: Shop) -> None:
    """签名不符: the sale just signed for is taken back at once, without its card and without a supervisor."""
    refused = why_not_selling(shop)
    last = None if refused else await Commit(partial(last_signed, shop))
    against = "" if last is None else await Commit(partial(_why_not, shop, last))
    if not refused and (last is None or against):
        refused = "not_signed"
    if refused or last is None:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason=refused))
    elif await is_meant(shop, last):
        await take_back(shop, await Commit(partial(said_to_differ, last)))


def _why_not(shop: Shop, original: PaymentRecord, tx: Tx) -> str:
    """"" when it may be voided, else a word of the room "refused"."""
    if original.facts.get(ADJUSTED):
        return "adjusted"
    if original.method is not Method.CARD or void_of(shop.profile.transactions, original.kind) is None:
        return "not_voidable"
    if original.state is PaymentState.COMPLETED:  # A void gives back the whole.
        return "not_voidable" if given_back_minor(shop, tx, original) else ""
    return NOT_NOW.get(original.state, "not_voidable")


async def is_meant(shop: Shop, original: PaymentRecord) -> bool:
    screen = screens.Original(
        kind=original.kind.value,
        amount=original.amount,
        masked_pan=str(original.facts["masked_pan"]),
        voucher_no=str(original.stan),
    )
    return await acknowledge(shop, screen, shop.config.timeouts.key_ms) is Key.ENTER
