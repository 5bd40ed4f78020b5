"""撤销, 退款, 查询 of a wallet's order that was paid: found by its numbers, its slip's code, or in today's list.

A void is a refund of all that is left while the order's batch is open. Each refund has a number of its own and is
durable before it is sent; what nobody has answered, or the wallet has taken and not done, is asked about behind the
idle screen until it is certain, after a restart too. Nothing is asked of the customer.

Source: retail digest, "QR payments"; docs/host-link.md, "acquirer-orders".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge, type_amount
from terminal.flows.sale import batch_is_full, why_not_selling
from terminal.loop import Commit, Sleep
from terminal.methods import qr_giveback, qr_order
from terminal.methods.answers import refusal_screen
from terminal.methods.original import STAN_DIGITS, by_order_no, by_voucher, find_original
from terminal.methods.qr_order import THROUGH_ORDERS
from terminal.model import Kind, Money, PaymentState
from terminal.operators import allowed
from terminal.printing import print_kept
from terminal.rail import ORDER_NO_LIMIT
from terminal.receipts import from_record
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

PAID = (PaymentState.COMPLETED, PaymentState.SETTLED)


async def refund(shop: Shop) -> None:
    """退款: the whole or a part, of any batch; all refunds of an order together are at most the order."""
    if await _is_refused(shop, "batch_full" if await Commit(batch_is_full) else ""):
        return
    sale = await _found(shop)
    if sale is None or await _is_refused(shop, await Commit(partial(_why_not, sale))):
        return
    if await acknowledge(shop, await _screen(shop, sale), shop.config.timeouts.key_ms) is not Key.ENTER:
        return
    amount = await type_amount(shop)
    if amount is not None and await allowed(shop, "order-refund"):
        await _give_back(shop, sale, amount)


async def void(shop: Shop, sale: PaymentRecord) -> None:
    """撤销: all of it, while its batch is open and nothing of it went back."""
    if sale.state is PaymentState.SETTLED:
        await _is_refused(shop, "original_settled")
        return
    refused = await Commit(partial(_why_not, sale))
    if not refused and await Commit(lambda tx: qr_giveback.left_of(tx, sale)) != sale.amount:
        refused = "not_voidable"
    if await _is_refused(shop, refused):
        return
    if await acknowledge(shop, await _screen(shop, sale), shop.config.timeouts.key_ms) is not Key.ENTER:
        return
    if await allowed(shop, "void"):
        await _give_back(shop, sale, sale.amount)


async def query(shop: Shop) -> None:
    """查询: what became of any order of ours; one that is open still is asked about first."""
    sale = await _found(shop)
    if sale is None:
        return
    if sale.state in qr_order.OPEN_ORDER:
        shop.show(screens.Connecting(what="qr_query"))
        sale, _ = await qr_order.chase(shop, sale)
    for each in await Commit(lambda tx: qr_giveback.refunds_of(tx, sale, qr_giveback.OPEN_REFUND)):
        await send(shop, each)
    await acknowledge(shop, await _screen(shop, sale), shop.config.timeouts.key_ms)


async def _found(shop: Shop) -> PaymentRecord | None:
    """The order that somebody means; None when nobody wants one any more, or nothing may be asked now."""
    if await _is_refused(shop, why_not_selling(shop)):
        return None
    return await find_original(shop, "order_no", ORDER_NO_LIMIT, _ours, _is_ours)


def _ours(number: str, tx: Tx) -> PaymentRecord | None:
    """By its order number; six digits and less are a voucher number."""
    found = (by_voucher if len(number) <= STAN_DIGITS else by_order_no)(number, tx)
    return found if found is not None and _is_ours(found) else None


def _is_ours(payment: PaymentRecord) -> bool:
    return payment.kind is Kind.SALE and payment.method in THROUGH_ORDERS


def _why_not(sale: PaymentRecord, tx: Tx) -> str:
    """"" when something of it may be given back, else a word of the room "refused"."""
    if sale.state is PaymentState.VOIDED or not qr_giveback.left_of(tx, sale).amount_minor:
        return "already_voided"
    return "" if sale.state in PAID else "not_paid"


async def _is_refused(shop: Shop, reason: str) -> bool:
    if reason:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason=reason))
    return bool(reason)


async def _screen(shop: Shop, sale: PaymentRecord) -> screens.OrderFound:
    left = await Commit(lambda tx: qr_giveback.left_of(tx, sale))
    return screens.OrderFound(
        amount=sale.amount,
        given_back=Money(sale.amount.amount_minor - left.amount_minor),
        wallet=str(sale.facts.get("wallet", "")),
        at=f"{shop.local_time(sale.created_ms):%m-%d %H:%M}",
        state="closing" if sale.state is PaymentState.REVERSING else sale.state.value,
        voucher_no=str(sale.stan),
    )


async def _give_back(shop: Shop, sale: PaymentRecord, amount: Money) -> None:
    """Durable under its own number, sent, and told."""

    def begin(tx: Tx) -> PaymentRecord | str:
        """What is left is looked at again: it may have changed while somebody typed."""
        now = tx.payment(sale.id)
        refused = _why_not(now, tx)
        if not refused and amount.amount_minor > qr_giveback.left_of(tx, now).amount_minor:
            refused = "over_original"
        return refused or qr_giveback.begin(shop, tx, now, amount)

    begun = await Commit(begin)
    if isinstance(begun, str):
        await _is_refused(shop, begun)
        return
    await send(shop, begun)


async def send(shop: Shop, refund: PaymentRecord) -> None:
    """Sent, or asked about, once, while somebody looks on."""
    shop.show(screens.Connecting(what="qr_refund"))
    await _tell(shop, await qr_giveback.send(shop, refund, said_here=True))


async def _tell(shop: Shop, refund: PaymentRecord) -> None:
    """How it ended, on the glass and on paper, or that it is asked about until it has."""
    if refund.state is PaymentState.COMPLETED:
        shop.sound(Tone.SUCCESS)
        shop.show(screens.Approved(amount=refund.amount, code="", then=""))
        await Sleep(shop.config.timeouts.result_ms)
    elif refund.state is PaymentState.DECLINED:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, refusal_screen(shop, refund))
    else:
        shop.sound(Tone.ATTENTION)
        why = "pending" if qr_giveback.is_pending(refund) else "silent"
        await acknowledge(shop, screens.RefundOpen(amount=refund.amount, why=why))
    for kept in await Commit(lambda tx: qr_giveback.unprinted_of(tx, refund)):
        await print_kept(shop, kept.id, from_record(kept.body))
