"""The life of a wallet's order, from its durable number to its certain end, whoever carries it out (terminal/rail.py).

An order is REQUESTED before anybody hears of it. From there it is paid (COMPLETED), refused (DECLINED), never sent
(ABANDONED), or its fate is not known (UNKNOWN), and then it is only ever asked about. Whoever gives it up (the
merchant, the clock, a start after a power cut) makes it CLOSING, which is the state REVERSING of a wallet's payment:
one durable wish to undo it, a query and with no gap the close (of a shown code) or the reversal (of a scanned one),
again and again until the end is certain. A wallet may refuse an early close, and may not know an order that nobody has
scanned: "not known" ends it only when its time has certainly passed, or when its code was never shown.

A payment that comes after all completes its sale while that is still open: nothing that may have been paid for it was
begun since. Otherwise all of it is given back (methods/qr_giveback.py). So at most one payment stands for one sale.

Source: retail digest, "QR payments"; docs/architecture.md, "A wallet's order".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.hostlink.transactions import Effect
from terminal.loop import Commit, Now, Sleep
from terminal.methods import qr_giveback
from terminal.methods.answers import refusal_screen
from terminal.methods.news import LATE, tell_later
from terminal.methods.qr_split import CameWith, came_with
from terminal.methods.rails import RAIL, rail_of
from terminal.methods.reversal import is_parked
from terminal.methods.static_code import ASKED
from terminal.model import Kind, Method, Money, PaymentState
from terminal.printing import head_at, keep, print_kept
from terminal.rail import FINAL, KEY_ID, Fate, Order, OrderNews, Rail, order_of
from terminal.receipts import Late, QrSlip
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

SHOWN = "shown"  # Fact: the code may have been seen, so it may be paid until its time has passed.
NOT_STANDING = (PaymentState.ABANDONED, PaymentState.DECLINED, PaymentState.REVERSED)
OPEN_ORDER = (PaymentState.UNKNOWN, PaymentState.REVERSING)
THROUGH_ORDERS = (Method.QR_SHOWN, Method.QR_SCANNED)


@dataclass(frozen=True, slots=True)
class Ended:
    """A payment that a customer has made, its kept slip, and the refund if it came too late for its sale."""

    payment: PaymentRecord
    slip_id: int
    slip: QrSlip
    refund: PaymentRecord | None


# The beginning


async def begin(
    shop: Shop, method: Method, due: Money, rail: Rail, seconds: int, **facts: str | int
) -> PaymentRecord:
    """NEW and REQUESTED in one commit: the order's number and its expiry are durable before anybody hears of it."""

    def new(tx: Tx) -> PaymentRecord:
        payment = tx.new_payment(method, due, shop.operator)
        stan = tx.next_stan()
        batch_no = tx.get("batch_no", "000001")
        return tx.move(
            payment.id,
            PaymentState.REQUESTED,
            stan=stan,
            batch_no=batch_no,
            order_no=qr_giveback.new_number(shop, batch_no, payment.id, tx.now_ms),
            order_seconds=seconds,
            expires_ms=tx.now_ms + seconds * 1000,
            **{RAIL: rail.name, **facts},
        )

    return await Commit(new)


async def about_to_show(payment: PaymentRecord, news: OrderNews) -> PaymentRecord:
    """Durable before anybody can see the code. The rail may say that the order lives longer than was asked."""

    def note(tx: Tx) -> PaymentRecord:
        expires_ms = max(order_of(payment).expires_ms, tx.now_ms + news.seconds * 1000)
        return tx.note(payment.id, expires_ms=expires_ms, **{SHOWN: True})

    return await Commit(note)


async def not_begun(shop: Shop, payment: PaymentRecord, news: OrderNews) -> PaymentRecord:
    """The order could not be made: refused by an authentic answer, never sent, or nobody knows."""
    shop.sound(Tone.FAILURE)
    if news.fate is Fate.REFUSED:
        done = await _move(payment, PaymentState.DECLINED, response_code=news.code)
        if news.fault:
            await acknowledge(shop, screens.BadCode(reason=news.fault))
        elif news.said:
            await acknowledge(shop, screens.Declined(code=news.code, text=news.said, then=""))
        else:
            await acknowledge(shop, refusal_screen(shop, done))
        return done
    if news.fate is Fate.UNSENT:
        done = await _move(payment, PaymentState.ABANDONED, why="withdrawn", fault=news.fault)
        await acknowledge(shop, screens.NothingSent(reason=news.fault))
        return done
    unknown = await _move(payment, PaymentState.UNKNOWN)
    if news.fault == KEY_ID:  # Asking again will not help before somebody has looked at the configuration.
        await acknowledge(shop, screens.Refused(reason="wallet_key_id"))
    return await ask_unknown(shop, unknown)


async def _move(payment: PaymentRecord, state: PaymentState, **facts: str) -> PaymentRecord:
    def move(tx: Tx) -> PaymentRecord:
        return tx.move(payment.id, state, **facts)

    return await Commit(move)


# Giving up, and asking until the end is certain


async def give_up(shop: Shop, payment: PaymentRecord, why: str) -> PaymentRecord:
    """The sale goes on without this order. Durable first; then the last query, the close, and what people see."""
    payment = await _closing(payment, why)
    shop.show(screens.Connecting(what="qr_close"))
    payment, news = await chase(shop, payment)
    if payment.state not in OPEN_ORDER:
        return payment
    shop.sound(Tone.FAILURE)
    if news.fate in (Fate.SILENT, Fate.UNSENT):
        return await ask_unknown(shop, payment)
    await acknowledge(shop, screens.OrderClosing(amount=payment.amount))
    return payment


async def chase(
    shop: Shop, payment: PaymentRecord, *, patient: bool = False
) -> tuple[PaymentRecord, OrderNews]:
    """Ask about an order of nobody, and undo it if it can still be paid; the payment and the last news.

    `patient`: somebody stands here and has not given it up, so a customer who is being asked is not interrupted.
    May be repeated at any time. Behind the idle screen nothing is said: that is `news`'s.
    """
    rail = rail_of(shop, payment)
    if rail is None:
        return payment, OrderNews(Fate.UNSENT, fault="unreachable")
    order = order_of(payment)
    news = await rail.query(order)
    if patient and news.fate is Fate.PAYING and payment.state is PaymentState.UNKNOWN:
        return payment, news
    if news.fate in (Fate.WAITING, Fate.PAYING, Fate.ABSENT):
        if payment.state is PaymentState.UNKNOWN:  # Nobody shows its code any more.
            payment = await _closing(payment, "unattended")
        if not (news.fate is Fate.ABSENT and await _is_dead(shop, rail, payment, order)):
            news = await (rail.close if order.method is Method.QR_SHOWN else rail.reverse)(order)
        if news.fate is Fate.ABSENT and await _is_dead(shop, rail, payment, order):
            news = OrderNews(Fate.CLOSED, news.code)
    if news.fate in FINAL:
        shop.wondered_ms.pop(payment.id, None)
        payment = await end(shop, payment, news)
    return payment, news


async def _is_dead(shop: Shop, rail: Rail, payment: PaymentRecord, order: Order) -> bool:
    """Whether what is not known there cannot be paid any more.

    Its time must have passed by the wall clock, and, since that may be set ahead, a whole life of it since this run of
    the terminal first wondered.
    """
    if order.method is Method.QR_SHOWN and SHOWN not in payment.facts:
        return True
    now, grace_ms = await Now(), rail.rules.grace_ms
    since_ms = shop.wondered_ms.setdefault(payment.id, now.mono_ms)
    life_ms = order.expires_ms - payment.created_ms
    return now.wall_ms >= order.expires_ms + grace_ms and now.mono_ms >= since_ms + life_ms + grace_ms


async def _closing(payment: PaymentRecord, why: str) -> PaymentRecord:
    def close(tx: Tx) -> PaymentRecord:
        if tx.payment(payment.id).state is PaymentState.REVERSING:
            return tx.payment(payment.id)
        return tx.move(payment.id, PaymentState.REVERSING, reversal_reason=why)

    return await Commit(close)


async def ask_unknown(shop: Shop, payment: PaymentRecord) -> PaymentRecord:
    """The query screen: ENTER asks, CANCEL leaves the order open, or gives it up if the merchant says so.

    It is settled by query, never by guess.
    """
    while payment.state in OPEN_ORDER:
        shop.boxes.keys.renew()
        order_no = str(payment.facts["order_no"])
        key = await acknowledge(shop, screens.QrUnknown(amount=payment.amount, order_no=order_no))
        if key is not Key.ENTER:
            if key is not Key.CANCEL or payment.state is PaymentState.REVERSING:
                return payment
            if await acknowledge(shop, screens.GiveUpOrder(amount=payment.amount)) is not Key.ENTER:
                return payment
            payment = await _closing(payment, "given-up")
        shop.show(screens.Connecting(what="qr_query"))
        payment, _ = await chase(shop, payment, patient=True)
    return payment


# The end


async def end(shop: Shop, payment: PaymentRecord, news: OrderNews) -> PaymentRecord:
    """What a final fate makes of the payment, in one commit; said and printed where somebody stands before it."""
    quiet = shop.behind.running
    if news.fate is not Fate.PAID:
        done = await Commit(lambda tx: _not_paid(tx, payment, news))
        if not quiet:
            shop.sound(Tone.FAILURE)
            await acknowledge(shop, screens.OrderClosed(amount=payment.amount))
        return done
    ended = await Commit(lambda tx: _paid(shop, tx, payment, news, quiet=quiet))
    if quiet:
        return ended.payment
    if ended.refund is None:
        shop.sound(Tone.SUCCESS)
        for screen in _paid_screens(payment.amount, came_with(payment.amount, news)):
            shop.show(screen)
            await Sleep(shop.config.timeouts.result_ms)
    else:
        shop.sound(Tone.ATTENTION)
        await acknowledge(shop, screens.OrderLate(amount=payment.amount, late=ended.slip.late.value))
    await print_kept(shop, ended.slip_id, ended.slip)
    if ended.refund is not None:
        await qr_giveback.send(shop, ended.refund)
    return ended.payment


def _paid_screens(amount: Money, came: CameWith) -> tuple[screens.WalletPaid, ...]:
    """One, or two where a discount and something else came: a low panel has room for one line."""
    believed, extra = not came.disbelieved, came.extras[0] if came.extras else ""
    if extra and (came.customer is not None or not believed):
        first = screens.WalletPaid(amount=amount, customer=came.customer, believed=believed, extra="")
        return first, screens.WalletPaid(amount=amount, customer=None, believed=True, extra=extra)
    return (screens.WalletPaid(amount=amount, customer=came.customer, believed=believed, extra=extra),)


def _not_paid(tx: Tx, payment: PaymentRecord, news: OrderNews) -> PaymentRecord:
    """Nobody paid ("closed"), or whoever paid has the money back ("refunded"): either way nothing was sold."""
    if tx.payment(payment.id).state is not PaymentState.REVERSING:
        tx.move(payment.id, PaymentState.REVERSING, reversal_reason="unpaid")
    return tx.move(payment.id, PaymentState.REVERSED, closed_as=news.fate.value)


def _paid(shop: Shop, tx: Tx, payment: PaymentRecord, news: OrderNews, *, quiet: bool) -> Ended:
    late = Late.NOT
    if tx.payment(payment.id).state is PaymentState.REVERSING:
        late = Late.COMPLETED if is_sale_open(shop, tx, payment) else Late.REFUNDED
    wallet = news.wallet or str(payment.facts.get("wallet", ""))
    came = came_with(payment.amount, news)
    facts = {"wallet": wallet, "wallet_no": news.wallet_no, LATE: late.value, **came.facts}
    tx.move(payment.id, PaymentState.APPROVED, stan=None, **facts)
    done = tx.move(payment.id, PaymentState.COMPLETED)
    refund = qr_giveback.begin(shop, tx, done) if late is Late.REFUNDED else None
    slip = QrSlip(
        head=head_at(shop, str(payment.facts["batch_no"]), tx.now_ms),
        amount=payment.amount,
        order_no=str(payment.facts["order_no"]),
        voucher_no=str(payment.stan),
        method=payment.method,
        wallet=wallet,
        wallet_transaction_no=news.wallet_no,
        late=late,
        refund_no=str(refund.facts["refund_no"]) if refund else "",
        promotions=came.promotions,
        customer=came.customer,
        extras=came.extras,
        disbelieved=came.disbelieved,
        eslip_url=news.eslip_url,
    )
    slip_id = keep(tx, slip, payment.id)
    if quiet:
        tell_later(tx, payment.id)
    return Ended(done, slip_id, slip, refund)


def is_sale_open(shop: Shop, tx: Tx, payment: PaymentRecord) -> bool:
    """Whether a late payment still completes its sale: its batch is open, and nothing was begun since that stands or
    may yet stand, which is to say that may have been paid in its place.
    """
    if payment.batch != tx.get("batch", 1):
        return False
    return not any(
        shop.profile.transactions[later.kind].effect is Effect.DEBIT
        and later.state not in NOT_STANDING
        and not _is_another_customers(later, payment)
        for later in tx.payments(after=payment.id, newest_first=False)
    )


def _is_another_customers(later: PaymentRecord, payment: PaymentRecord) -> bool:
    """A receipt of the printed code that nobody has asked for, and of another amount."""
    by_itself = later.method is Method.QR_STATIC and not later.facts.get(ASKED)
    return by_itself and later.amount != payment.amount


# Behind the idle screen


def open_orders(tx: Tx) -> tuple[PaymentRecord, ...]:
    """Orders of nobody: whose fate is unknown, or that are being closed."""
    return tuple(
        p
        for p in tx.open_payments()
        if p.method in THROUGH_ORDERS and p.kind is Kind.SALE and p.state in OPEN_ORDER
    )


def is_owed(tx: Tx) -> bool:
    """Whether there is anything to ask a rail about."""
    return bool(open_orders(tx) or qr_giveback.open_refunds(tx))


def in_the_way(tx: Tx) -> tuple[PaymentRecord, ...]:
    """What a settlement has to wait for: orders without an end, and refunds of which nobody knows whether they are
    done. One that is pending stays open, and counts in the batch in which it ends; what a supervisor has parked stays
    open, too.
    """
    refunds = (each for each in qr_giveback.open_refunds(tx) if not qr_giveback.is_pending(each))
    return tuple(each for each in (*open_orders(tx), *refunds) if not is_parked(each))


async def ask_all(shop: Shop) -> bool:
    """Ask about each order and each refund that is open once; True when none is left."""
    for payment in await Commit(open_orders):
        await chase(shop, payment)
    for refund in await Commit(qr_giveback.open_refunds):
        await qr_giveback.send(shop, refund)
    return not await Commit(is_owed)
