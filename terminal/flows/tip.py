"""小费调整: a tip is added to a sale of the open batch, once, before it is settled.

The host is told afterwards (the queue of uploads): the cardholder has signed for it on the first slip, so nobody is
asked now, and no card. From then on the sale is ADJUSTED: it is not voided any more, and a refund may give back both.
Source: docs/host-link.md §3.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Tone
from terminal.dialogue import acknowledge, type_amount
from terminal.flows.card_only import may_ask
from terminal.flows.signature import named_whole
from terminal.flows.void import ADJUSTED, NOT_NOW, is_meant
from terminal.hostlink.extra_fields import tip_field
from terminal.loop import Commit
from terminal.methods import deals
from terminal.methods.card_attempt import Deal
from terminal.methods.card_ending import DIFFERS, SIGNATURE
from terminal.methods.original import find_voucher
from terminal.model import Kind, Method, Money, PaymentState
from terminal.operators import allowed
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx


async def tip(shop: Shop) -> None:
    """From the voucher number to the tip's slip; whatever stands against it is said on the glass."""
    if not await may_ask(shop) or not await allowed(shop, Kind.TIP.value):
        return
    sale = await find_voucher(shop)
    if sale is None:
        return
    refused = await Commit(partial(_why_not, shop, sale))
    if not refused and await is_meant(shop, sale):
        amount = await type_amount(shop, screen=lambda typed: screens.EnterTip(sale=sale.amount, tip=typed))
        if amount is None:
            return
        refused = "" if amount.amount_minor <= most(shop, sale.amount) else "over_tip"
        if not refused:
            await deals.transact(shop, _deal(sale, amount))
    if refused:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason=refused))


def most(shop: Shop, paid: Money) -> int:
    """The highest tip for a sale, in minor units: what the merchant allows, and the host, if it has said."""
    percent = shop.config.transactions.tip_percent
    told = shop.downloaded.parameters
    if told is not None and told.tip_percent_max is not None:
        percent = min(percent, told.tip_percent_max)
    return paid.amount_minor * percent // 100


def _why_not(shop: Shop, sale: PaymentRecord, tx: Tx) -> str:
    """"" when a tip may be added, else a word of the room "refused"."""
    row = shop.profile.transactions[Kind.TIP]
    if sale.method is not Method.CARD or sale.kind is not row.undoes or sale.facts.get(SIGNATURE) == DIFFERS:
        return "no_tip"
    if sale.facts.get(ADJUSTED):
        return "adjusted"
    if sale.state is not PaymentState.COMPLETED:
        return NOT_NOW.get(sale.state, "no_tip")
    refunded = any(shop.profile.transactions[p.kind].undoes is sale.kind for p in tx.with_fact("undoes", sale.id))
    return "no_tip" if refunded else ""


def _deal(sale: PaymentRecord, amount: Money) -> Deal:
    facts: dict[str, str | int | bool] = {
        "original_no": str(sale.stan),
        "original_by": "voucher",
        "undoes": sale.id,
        "base_minor": sale.amount.amount_minor,
    }
    extra = tip_field(amount.amount_minor)
    return Deal(Kind.TIP, amount, about=named_whole(sale), extra=extra, facts=facts, undoes=sale)
