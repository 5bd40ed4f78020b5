"""挂起: a supervisor lets sales go on without a reversal's end, or a settlement without an order's.

Only a reversal that the host has had as often as it may, and only an order, or a refund of one, that nobody has told
the end of for a day. It stays open, stands on the settlement slip, and is sent again at every sign-in or asked about
behind the idle screen.
Source: docs/host-link.md §12, §17; host-link digest §11.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.loop import Commit
from terminal.methods import qr_order
from terminal.methods.reversal import PARKED, blocking_reversals, clear_reversals, is_worn_out
from terminal.operators import supervisor_agrees
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

UNTOLD_MS = 24 * 3600_000  # [ours]

async def try_reversals(shop: Shop) -> None:
    """Send what waits once more; offer to park what the host has had often enough."""
    if not await blocking_reversals(shop) or await clear_reversals(shop):
        return
    await acknowledge(shop, screens.ReversalPending(count=len(await blocking_reversals(shop)), code=""))
    for payment in await blocking_reversals(shop):
        if not is_worn_out(shop, payment):
            continue
        if not await _parked(shop, payment):
            return


async def park_orders(shop: Shop) -> bool:
    """Offer to park what a settlement waits for; whether it may go on. Nothing is offered while any of it is fresh."""
    waits, now_ms = await Commit(lambda tx: (qr_order.in_the_way(tx), tx.now_ms))
    if any(now_ms - payment.created_ms < UNTOLD_MS for payment in waits):
        return False
    for payment in waits:
        if not await _parked(shop, payment):
            return False
    return True


async def _parked(shop: Shop, payment: PaymentRecord) -> bool:
    offer = screens.OfferParking(amount=payment.amount, voucher_no=str(payment.stan or ""))
    if await acknowledge(shop, offer, shop.config.timeouts.key_ms) is not Key.ENTER:
        return False
    if not await supervisor_agrees(shop):
        return False
    await Commit(partial(_park, payment.id))
    shop.sound(Tone.ATTENTION)
    return True


def _park(payment_id: int, tx: Tx) -> None:
    tx.note(payment_id, **{PARKED: True})
