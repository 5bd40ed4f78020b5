"""挂起冲正: a supervisor lets sales go on although the host has not taken a reversal.

Only one that the host has had as often as it may; it stays open, stands on the settlement slip, and is sent again at
every sign-in.
Source: docs/host-link.md §5; host-link digest §11.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.loop import Commit
from terminal.methods.reversal import PARKED, blocking_reversals, clear_reversals, is_worn_out
from terminal.operators import supervisor_agrees
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx


async def try_reversals(shop: Shop) -> None:
    """Send what waits once more; offer to park what the host has had often enough."""
    if not await blocking_reversals(shop) or await clear_reversals(shop):
        return
    await acknowledge(shop, screens.ReversalPending(count=len(await blocking_reversals(shop)), code=""))
    for payment in await blocking_reversals(shop):
        if not is_worn_out(shop, payment):
            continue
        offer = screens.OfferParking(amount=payment.amount, voucher_no=str(payment.stan))
        if await acknowledge(shop, offer, shop.config.timeouts.key_ms) is not Key.ENTER:
            return
        if not await supervisor_agrees(shop):
            return
        await Commit(partial(_park, payment.id))
        shop.sound(Tone.ATTENTION)


def _park(payment_id: int, tx: Tx) -> None:
    tx.note(payment_id, **{PARKED: True})
