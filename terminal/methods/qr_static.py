"""Pay by the shop's printed code: the cashier types the amount, the customer too, and a receipt of that amount ends it.

What was typed is durable and waits: before the screen, behind it, over a power cut and over a settlement. Nothing was
asked of anybody, so giving it up loses nothing: a receipt that comes later is one that no sale has.

Source: docs/host-link.md §12; docs/architecture.md, "The printed code".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.loop import Commit, Now, Race, Sleep, Wait
from terminal.methods import static_code
from terminal.methods.static_code import ASKED, RECEIPT_NO
from terminal.model import Kind, Method, Money, PaymentState
from terminal.printing import print_kept, print_record
from terminal.receipts import from_record
from terminal.screens import catalogue as screens
from terminal.screens.qr import qr_fits
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

WAIT_SECONDS = 180  # Nobody stands before a till for longer; what was typed stays open.
POLL_MS = 3_000
TICK_MS = 1_000
RECENT_MS = 10 * 60_000  # A receipt may be there before its amount is typed at the till.


async def pay(shop: Shop, due: Money) -> PaymentRecord | None:
    """Wait for a receipt of `due`. Ends COMPLETED or DECLINED (given up), or is left open: UNKNOWN."""
    now_ms = (await Now()).wall_ms
    before = await Commit(lambda tx: static_code.unmatched(tx, due, now_ms - RECENT_MS))
    key_ms = shop.config.timeouts.key_ms
    if before is not None and await acknowledge(shop, found(shop, before, "yes"), key_ms) is Key.ENTER:
        return await _done(shop, await Commit(partial(static_code.match, shop, before)))

    def begin(tx: Tx) -> PaymentRecord:
        tx.set(static_code.IN_USE, True)
        payment = tx.new_payment(Method.QR_STATIC, due, shop.operator, Kind.SALE, **{ASKED: True})
        return tx.move(payment.id, PaymentState.REQUESTED)

    payment = await _wait(shop, await Commit(begin))
    if payment.state is PaymentState.COMPLETED:
        return await _done(shop, payment)
    shop.sound(Tone.FAILURE)
    return await ask(shop, await Commit(lambda tx: tx.move(payment.id, PaymentState.UNKNOWN)))


async def ask(shop: Shop, payment: PaymentRecord) -> PaymentRecord:
    """Not there yet: ENTER asks the host once more, CANCEL leaves it open, or gives it up if the merchant says so.

    What came while somebody was asked about another is paid, and news.
    """
    payment = await _seen(payment)
    if payment.state is not PaymentState.UNKNOWN:
        return payment
    while payment.state is PaymentState.UNKNOWN:
        key = await acknowledge(shop, screens.NotReceived(amount=payment.amount), shop.config.timeouts.key_ms)
        if key is Key.ENTER:
            shop.show(screens.Connecting(what="receipts"))
            await static_code.fetch(shop, payment.id)
            payment = await _seen(payment)
        elif key is not Key.CANCEL:
            return payment
        elif await acknowledge(shop, screens.GiveUpOrder(amount=payment.amount)) is Key.ENTER:
            return await Commit(partial(_give_up, payment))
        else:
            return payment
    return await _done(shop, payment) if payment.state is PaymentState.COMPLETED else payment


def _give_up(payment: PaymentRecord, tx: Tx) -> PaymentRecord:
    return tx.move(payment.id, PaymentState.DECLINED, why="given-up")


async def _wait(shop: Shop, payment: PaymentRecord) -> PaymentRecord:
    """Before the code, or before the words that stand for the printed one, until it is paid or nobody waits."""
    code, display = static_code.payload(shop), shop.devices.display
    shows = qr_fits(code, display.width, display.height) > 0
    shop.boxes.keys.renew()
    started_ms = poll_ms = (await Now()).mono_ms
    while payment.state is PaymentState.REQUESTED:
        now_ms = (await Now()).mono_ms
        left = WAIT_SECONDS - (now_ms - started_ms) // 1000
        if left <= 0:
            break
        if shows:
            shop.show(screens.ShowQr(amount=payment.amount, payload=code, seconds_left=left))
        else:
            shop.show(screens.AwaitReceipt(amount=payment.amount, seconds_left=left))
        won, key = await Race(Wait(shop.boxes.keys), Sleep(TICK_MS))
        if won == 0:
            shop.sound(Tone.KEY)
            if key is Key.CANCEL:
                break
        if now_ms >= poll_ms:
            await static_code.fetch(shop, payment.id)
            payment = await _seen(payment)
            poll_ms = (await Now()).mono_ms + POLL_MS
    return payment


async def _seen(payment: PaymentRecord) -> PaymentRecord:
    return await Commit(lambda tx: tx.payment(payment.id))


def found(shop: Shop, payment: PaymentRecord, green: str) -> screens.Screen:
    """A receipt as people see it; `green` says what the green key does."""
    return screens.ReceiptFound(
        wallet=str(payment.facts.get("wallet", "")),
        amount=payment.amount,
        at=f"{shop.local_time(payment.created_ms):%m-%d %H:%M}",
        number=str(payment.facts.get(RECEIPT_NO, "")),
        green=green,
    )


async def _done(shop: Shop, payment: PaymentRecord) -> PaymentRecord:
    """Said, and its slip printed: marked, if somebody has printed the receipt at the menu before it was this sale's."""
    shop.sound(Tone.SUCCESS)
    shop.show(screens.Approved(amount=payment.amount, code="", then=""))
    await Sleep(shop.config.timeouts.result_ms)
    slip = await Commit(lambda tx: tx.last_slip(payment_id=payment.id))
    if slip is not None and slip.printed:
        await print_record(shop, slip)
    elif slip is not None:
        await print_kept(shop, slip.id, from_record(slip.body))
    return payment
