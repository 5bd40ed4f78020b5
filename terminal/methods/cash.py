"""Cash: what is due, what was handed over, what goes back. Nobody is asked, so one commit completes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import AMOUNT_TYPED_MAX_MINOR, acknowledge, next_key
from terminal.loop import Commit
from terminal.model import Method, Money, PaymentState
from terminal.printing import keep, print_kept, slip_head
from terminal.receipts import CashSlip
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx


async def pay(shop: Shop, due: Money) -> PaymentRecord | None:
    """Take cash for `due` and say the change; None when cancelled (nothing is recorded then)."""
    tendered = await _tendered(shop, due)
    if tendered is None:
        return None
    change = tendered - due
    head = await slip_head(shop, "")

    def complete(tx: Tx) -> tuple[PaymentRecord, int, CashSlip]:
        payment = tx.new_payment(Method.CASH, due, shop.operator)
        payment = tx.move(
            payment.id,
            PaymentState.COMPLETED,
            tendered_minor=tendered.amount_minor,
            change_minor=change.amount_minor,
        )
        slip = CashSlip(head=head, amount=due, tendered=tendered, change=change, receipt_no=f"{payment.id:06d}")
        return payment, keep(tx, slip, payment.id), slip

    payment, slip_id, slip = await Commit(complete)
    shop.sound(Tone.SUCCESS)
    await print_kept(shop, slip_id, slip)
    await acknowledge(shop, screens.CashChange(amount=due, tendered=tendered, change=change))
    return payment


async def _tendered(shop: Shop, due: Money) -> Money | None:
    """Type what was handed over; ENTER on nothing typed means the exact amount."""
    typed_minor = 0
    while True:
        shop.show(screens.CashTendered(amount=due, tendered=Money(typed_minor)))
        key = await next_key(shop, shop.config.timeouts.key_ms)
        if key is None or key is Key.CANCEL:
            return None
        if key is Key.CLEAR:
            typed_minor //= 10
        elif key is Key.ENTER:
            tendered = Money(typed_minor or due.amount_minor)
            if tendered.amount_minor >= due.amount_minor:
                return tendered
            shop.sound(Tone.FAILURE)
            await acknowledge(shop, screens.Refused(reason="tendered_short"))
        elif key.digits:
            grown = typed_minor * 10 ** len(key.digits) + int(key.digits)
            if grown <= AMOUNT_TYPED_MAX_MINOR:
                typed_minor = grown
