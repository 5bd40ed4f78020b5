"""消费: an amount, a way to pay, and that way's own flow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge, choose, type_amount
from terminal.flows.batch import held
from terminal.flows.signature import take_back_unsigned
from terminal.hostlink.messages import TOTAL_COUNT_LIMIT
from terminal.loop import Commit
from terminal.methods import qr_order, qr_static, static_code
from terminal.methods.order import refusal
from terminal.methods.part_payment import still_due
from terminal.methods.table import offered
from terminal.model import Method, Mode, Money, PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx


async def sale(shop: Shop, first_key: Key | None = None) -> None:
    """One sale from its amount to its end. Nothing but cash is sold unless the terminal is signed in."""
    refused = "" if _cash_only(shop) else why_not_selling(shop)
    refused = refused or ("batch_full" if await Commit(batch_is_full) else "")
    if refused:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, await refusal(shop, refused))
        return
    due = await type_amount(shop, first_key)
    if due is not None and not await _is_meant_anew(shop, due):
        return
    while due is not None:
        due = await _pay(shop, due)


async def _is_meant_anew(shop: Shop, due: Money) -> bool:
    """Whether a sale of `due` is to be begun. One of that amount that was left open is shown first: it may be paid."""
    while shop.mode is Mode.SIGNED_IN and (left := await Commit(partial(_left_open, due))) is not None:
        at = f"{shop.local_time(left.created_ms):%H:%M}"
        chosen = await choose(shop, 2, partial(screens.SameAmountOpen, due, at))
        if chosen is None:
            return False
        if chosen == 1:  # On purpose: two sales.
            return True
        ask = qr_static.ask if left.method is Method.QR_STATIC else qr_order.ask_unknown
        if (await ask(shop, left)).state is PaymentState.COMPLETED:
            return False
    return True


def _left_open(due: Money, tx: Tx) -> PaymentRecord | None:
    """The oldest sale of this amount whose end nobody knows, and that nobody has given up."""
    found = (p for p in (*qr_order.open_orders(tx), *static_code.waits(tx)) if p.amount == due)
    return next((p for p in found if p.state is PaymentState.UNKNOWN), None)


async def _pay(shop: Shop, due: Money) -> Money | None:
    """One way to pay, to its end; what is left to be paid in another way, where somebody wants that."""
    ways = tuple(row for row in offered(shop) if row[0] is Method.CASH or not _cash_only(shop))
    methods = tuple(method for method, _ in ways)
    chosen = await choose(
        shop, len(ways), lambda at: screens.ChooseMethod(amount=due, methods=methods, selected=at)
    )
    if chosen is None:
        return None
    _, pay = ways[chosen]
    payment = await pay(shop, due)
    await take_back_unsigned(shop, payment)
    rest = still_due(payment)
    if rest is None:
        return None
    wanted = await acknowledge(shop, screens.StillDue(amount=rest), shop.config.timeouts.key_ms) is Key.ENTER
    return rest if wanted and not why_not_selling(shop) else None


def _cash_only(shop: Shop) -> bool:
    """While a settlement goes on behind: what the host counts may not grow, and cash it never counts."""
    return shop.mode is Mode.SETTLING and shop.profile.settled_behind and not shop.service_reason


def why_not_selling(shop: Shop) -> str:
    """"" when selling is allowed, else a word of the room "refused"."""
    if shop.service_reason:
        return "service"
    return {Mode.SIGNED_IN: "", Mode.SETTLING: "settling", Mode.LOCKED: "locked"}.get(shop.mode, "sign_in")


def batch_is_full(tx: Tx) -> bool:
    """Whether one sale more could make a batch that no settlement can carry: field 48 counts to 999.

    Cash is counted too, so that the sum of all of them fits an amount.
    """
    return held(tx) >= TOTAL_COUNT_LIMIT
