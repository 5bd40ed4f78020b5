"""Pay by QR through the acquirer, both ways round: the phone scans our display, or the scanner reads the phone.

An order has a number of ours that is durable before the acquirer hears it, so it can always be asked about. Paid,
closed or UNKNOWN: an order whose fate is not known is never guessed, only queried, here and on the query screen.
A close may still find that the customer has paid, and then the sale is complete.
Source: host-link digest (QR orders, a profile setting); retail digest, "QR payments".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.ports import DeviceError, Key, Tone
from terminal.dialogue import acknowledge
from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.codes import PARTIAL_APPROVAL, is_last_word
from terminal.hostlink.reply import VerdictKind, read_order
from terminal.hostlink.session import Answered, Silence
from terminal.hostlink.subfields import OrderState
from terminal.journal import harmless
from terminal.loop import CallOverdue, Commit, Now, Offload, Race, Sleep, Wait
from terminal.methods.answers import refusal_screen
from terminal.methods.asking import ask_authenticated
from terminal.methods.reversal import identity
from terminal.model import Method, Money, PaymentState
from terminal.printing import keep, print_copy, print_kept, slip_head
from terminal.receipts import Copy, QrOrderSlip, QrSlip
from terminal.scans import PAYMENT, Scan, Why, classify
from terminal.screens import catalogue as screens
from terminal.screens.qr import qr_fits
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

FINAL = ("PAID", "CLOSED", "REFUNDED")  # Nothing is gained by asking on.
BAD_CODES = {"14": "used", "54": "expired"}  # Field 39 of a payment code that cannot be charged.
POLL_MS = 3_000  # Wallets ask for 3 to 5 seconds between queries.
TICK_MS = 1_000
ORDER_SECONDS = 120  # When the acquirer names no expiry of its own.
ORDER_SECONDS_MAX = 900  # Nobody stands before a code for longer; the field could say a day.
SCAN_SECONDS = 60
PAYING_SECONDS = 60  # A customer who has to type a password; after it the order is closed.
SCANNER_DEADLINE_MS = 2_000
# The wallet's own trouble (error, time-outs, malfunction): it may have been charged, which only a query can tell.
IN_DOUBT = frozenset({"06", "68", "91", "96", "98"})


@dataclass(frozen=True, slots=True)
class OrderNews:
    """What the acquirer says of an order: PAID, WAITING, PAYING, CLOSED... ("" when nothing believable came)."""

    state: str
    code: str = ""
    wallet: str = ""
    wallet_no: str = ""
    payload: str = ""
    seconds: int = 0
    sent: bool = True
    fault: str = ""
    order_no: str = ""


async def pay_shown(shop: Shop, due: Money) -> PaymentRecord:
    """The terminal shows a code; ends COMPLETED, REVERSED (closed), DECLINED, ABANDONED or UNKNOWN."""
    payment = await _new_order(shop, Method.QR_SHOWN, due)
    shop.show(screens.Connecting(what="qr_order"))
    batch_no, stan, order_no = _numbers(payment)
    request = messages.qr_order(identity(shop, batch_no), shop.profile, stan=stan, amount=due, order_no=order_no)
    news = await _ask(shop, payment, request, "qr_order")
    if not news.state:
        return await _refused_or_unknown(shop, payment, news)
    if news.payload:
        news = await _show_until_paid(shop, payment, news)
    elif news.state not in FINAL:
        news = await _close(shop, payment)  # An order without a code to show: nobody can pay it.
    return await _settle_order(shop, payment, news)


async def pay_scanned(shop: Shop, due: Money) -> PaymentRecord | None:
    """The scanner reads a one-time payment code; the same endings, and None when no code was ever scanned."""
    code = await _scan_payment_code(shop, due)
    if code is None:
        return None
    payment = await _new_order(shop, Method.QR_SCANNED, due)
    shop.show(screens.Connecting(what="qr_pay"))
    batch_no, stan, order_no = _numbers(payment)
    request = messages.qr_pay(
        identity(shop, batch_no), shop.profile, stan=stan, amount=due, order_no=order_no, code=code
    )
    news = await _ask(shop, payment, request, "qr_pay")
    if not news.state:
        return await _refused_or_unknown(shop, payment, news)
    if news.state == "PAYING":
        news = await _poll_while_paying(shop, payment)
    return await _settle_order(shop, payment, news)


async def query(shop: Shop, payment: PaymentRecord) -> PaymentRecord:
    """Ask what became of an order (after a restart, from the query screen, before settlement) and act on it.

    One that still waits is closed: nobody shows its code any more, and whoever sells again must not be paid twice.
    """
    news = await _query(shop, payment)
    if news.state in ("NEW", "WAITING", "PAYING"):
        news = await _send_close(shop, payment)
    if not news.state and news.code != "25":
        return payment
    if news.code == "25":  # The acquirer never heard of it: nobody can have paid it.
        return await _closed(shop, payment)
    return await _settle_order(shop, payment, news, quiet=True)


# The order and its durable numbers


async def _new_order(shop: Shop, method: Method, due: Money) -> PaymentRecord:
    """NEW and REQUESTED in one commit: the order number is durable before the acquirer hears it."""

    def begin(tx: Tx) -> PaymentRecord:
        payment = tx.new_payment(method, due, shop.operator)
        stan = f"{tx.count('stan', limit=999_999):06d}"
        numbers = identity(shop, tx.get("batch_no", "000001"))
        order_no = f"{numbers.terminal_no}{numbers.batch_no}{payment.id:08d}{tx.now_ms % 10_000_000_000:010d}"
        return tx.move(
            payment.id, PaymentState.REQUESTED, stan=stan, batch_no=numbers.batch_no, order_no=order_no
        )

    return await Commit(begin)


def _numbers(payment: PaymentRecord) -> tuple[str, str, str]:
    return str(payment.facts["batch_no"]), str(payment.stan), str(payment.facts["order_no"])


async def _next_stan() -> str:
    return await Commit(lambda tx: f"{tx.count('stan', limit=999_999):06d}")


# Asking the acquirer


async def _ask(shop: Shop, payment: PaymentRecord, request: Message, what: str) -> OrderNews:
    """One exchange about an order. Only what is authenticated, and about this order, is believed."""
    answer = await ask_authenticated(shop, request, "" if what == "qr_query" else what)
    if isinstance(answer, Silence):
        return OrderNews("", sent=answer.sent, fault=answer.reason)
    news = read_news(answer)
    told = answer.reply.text(4)  # A query asks for no amount, so nobody has compared it yet.
    other_amount = told != "" and int(told) != payment.amount.amount_minor
    if news.state and (news.order_no != payment.facts["order_no"] or (other_amount and news.state == "PAID")):
        return OrderNews("", fault="garbled")
    return news


def read_news(answer: Answered) -> OrderNews:
    """The order's state out of an authenticated reply; a refusal has a code and no state."""
    if answer.verdict.kind is VerdictKind.UNAUTHENTICATED:
        return OrderNews("", fault="unauthenticated")
    code = answer.verdict.code
    if code == PARTIAL_APPROVAL:
        return OrderNews("", fault="partial")  # An order is paid whole or not; which, only a query can tell.
    refused = answer.verdict.kind is VerdictKind.DECLINED
    if refused and (code in IN_DOUBT or not is_last_word(code)) and not answer.reply.text(59):
        return OrderNews("", fault="unsure")
    if not answer.reply.text(59):
        return OrderNews("", code=code if refused else "")
    try:
        order = read_order(answer.reply)
    except FrameError:
        return OrderNews("", fault="garbled")
    if refused and order.state is not OrderState.PAYING:
        if code in IN_DOUBT or not is_last_word(code) or order.state is not OrderState.CLOSED:
            return OrderNews("", fault="unsure")  # A refusal of an order that lives says two things at once.
        return OrderNews("", code=code)
    return OrderNews(
        order.state.value,
        code,
        harmless("wallet", order.wallet),
        harmless("wallet_no", order.wallet_no),
        order.payload,
        order.expires_s or 0,
        order_no=order.order_no,
    )


async def _query(shop: Shop, payment: PaymentRecord) -> OrderNews:
    batch_no, _, order_no = _numbers(payment)
    entry = messages.SHOWN if payment.method is Method.QR_SHOWN else messages.SCANNED
    request = messages.qr_query(
        identity(shop, batch_no), shop.profile, stan=await _next_stan(), order_no=order_no, entry=entry
    )
    return await _ask(shop, payment, request, "qr_query")


# Merchant shows


async def _show_until_paid(shop: Shop, payment: PaymentRecord, order: OrderNews) -> OrderNews:
    """Show (or print) the code and poll until paid, closed, expired or cancelled; the last news."""
    display = shop.devices.display
    due, payload = payment.amount, order.payload
    seconds = min(order.seconds or ORDER_SECONDS, ORDER_SECONDS_MAX)
    on_paper = qr_fits(payload, display.width, display.height) == 0
    if on_paper:
        _, _, order_no = _numbers(payment)
        head = await slip_head(shop, "")
        slip = QrOrderSlip(
            head=head, amount=due, payload=payload, order_no=order_no, valid_seconds=seconds
        )
        await print_copy(shop, slip, Copy.CARDHOLDER, reprint=False)
    shop.boxes.keys.renew()
    started_ms = (await Now()).mono_ms
    next_poll_ms = started_ms + POLL_MS
    while True:
        now_ms = (await Now()).mono_ms
        left = seconds - (now_ms - started_ms) // 1000
        if left <= 0:
            return await _close(shop, payment)
        shop.show(
            screens.QrOnPaper(amount=due, seconds_left=left)
            if on_paper
            else screens.ShowQr(amount=due, payload=payload, seconds_left=left)
        )
        won, key = await Race(Wait(shop.boxes.keys), Sleep(TICK_MS))
        if won == 0:
            shop.sound(Tone.KEY)
            if key is Key.CANCEL:
                return await _close(shop, payment)
        if (await Now()).mono_ms >= next_poll_ms:
            news = await _query(shop, payment)
            if news.state in FINAL:
                return news
            next_poll_ms = (await Now()).mono_ms + POLL_MS


async def _close(shop: Shop, payment: PaymentRecord) -> OrderNews:
    """A last query, and with no gap the close. The answer to the close is the last word."""
    news = await _query(shop, payment)
    if news.state in FINAL:
        return news
    return await _send_close(shop, payment)


async def _send_close(shop: Shop, payment: PaymentRecord) -> OrderNews:
    batch_no, _, order_no = _numbers(payment)
    entry = messages.SHOWN if payment.method is Method.QR_SHOWN else messages.SCANNED
    request = messages.qr_close(
        identity(shop, batch_no), shop.profile, stan=await _next_stan(), order_no=order_no, entry=entry
    )
    shop.show(screens.Connecting(what="qr_close"))
    return await _ask(shop, payment, request, "qr_close")


# Merchant scans


async def _scan_payment_code(shop: Shop, due: Money) -> str | None:
    """Light the scanner until it reads a payment code; None when cancelled or nobody showed one."""
    shop.boxes.scans.renew()
    shop.boxes.keys.renew()
    if not await _trigger(shop, True):
        await acknowledge(shop, screens.Refused(reason="no_scanner"))
        return None
    started_ms = (await Now()).mono_ms
    code: str | None = None
    while code is None:
        left = SCAN_SECONDS - ((await Now()).mono_ms - started_ms) // 1000
        if left <= 0:
            break
        shop.show(screens.ScanCode(amount=due, seconds_left=left))
        won, value = await Race(Wait(shop.boxes.scans), Wait(shop.boxes.keys), Sleep(TICK_MS))
        if won == 1:
            shop.sound(Tone.KEY)
            if value is Key.CANCEL:
                break
        elif won == 0:
            scan = classify(value, shop.config.scans.patterns)
            if scan.kind in PAYMENT:
                code = scan.text
            else:
                shop.sound(Tone.FAILURE)
                if await acknowledge(shop, screens.BadCode(reason=_what_it_is(scan))) is Key.CANCEL:
                    break
                await _trigger(shop, True)
    await _trigger(shop, False)
    return code


def _what_it_is(scan: Scan) -> str:
    """A word of room "bad_code" for what is no payment code."""
    if scan.kind:
        return scan.kind.value
    return "not_payment" if scan.why in (None, Why.UNKNOWN) else scan.why.value


async def _trigger(shop: Shop, on: bool) -> bool:
    try:
        await Offload("scanner", lambda: shop.devices.scanner.trigger(on), SCANNER_DEADLINE_MS)
        return True
    except (DeviceError, CallOverdue):
        return False


async def _poll_while_paying(shop: Shop, payment: PaymentRecord) -> OrderNews:
    """The customer types a password: poll; when the time is over (or CANCEL), close."""
    shop.boxes.keys.renew()
    started_ms = (await Now()).mono_ms
    next_poll_ms = started_ms + POLL_MS
    while True:
        now_ms = (await Now()).mono_ms
        left = PAYING_SECONDS - (now_ms - started_ms) // 1000
        if left <= 0:
            return await _close(shop, payment)
        shop.show(screens.WalletPaying(amount=payment.amount, seconds_left=left))
        won, key = await Race(Wait(shop.boxes.keys), Sleep(TICK_MS))
        if won == 0 and key is Key.CANCEL:
            return await _close(shop, payment)
        if (await Now()).mono_ms >= next_poll_ms:
            news = await _query(shop, payment)
            if news.state in FINAL:
                return news
            next_poll_ms = (await Now()).mono_ms + POLL_MS


# Endings


async def _settle_order(
    shop: Shop, payment: PaymentRecord, news: OrderNews, *, quiet: bool = False
) -> PaymentRecord:
    """What the news makes of the payment. `quiet`: nobody waits (recovery); the slip is printed all the same."""
    if news.state == "PAID":
        return await _paid(shop, payment, news)
    if news.state in ("CLOSED", "REFUNDED"):
        return await _closed(shop, payment, news.state.lower())
    payment = await _to_unknown(payment)
    return payment if quiet else await ask_unknown(shop, payment)


async def _paid(shop: Shop, payment: PaymentRecord, news: OrderNews) -> PaymentRecord:
    head = await slip_head(shop, str(payment.facts["batch_no"]))
    slip = QrSlip(
        head=head,
        amount=payment.amount,
        order_no=str(payment.facts["order_no"]),
        voucher_no=str(payment.stan),
        method=payment.method,
        wallet=news.wallet,
        wallet_transaction_no=news.wallet_no,
    )

    def complete(tx: Tx) -> tuple[PaymentRecord, int]:
        tx.move(payment.id, PaymentState.APPROVED, wallet=news.wallet, wallet_no=news.wallet_no)
        return tx.move(payment.id, PaymentState.COMPLETED), keep(tx, slip, payment.id)

    done, slip_id = await Commit(complete)
    shop.sound(Tone.SUCCESS)
    shop.show(screens.Approved(amount=payment.amount, code="", then=""))
    await Sleep(shop.config.timeouts.result_ms)
    await print_kept(shop, slip_id, slip)
    return done


async def _closed(shop: Shop, payment: PaymentRecord, how: str = "closed") -> PaymentRecord:
    """Nobody paid ("closed"), or whoever paid has the money back ("refunded"): either way nothing was sold."""

    def close(tx: Tx) -> PaymentRecord:
        if tx.payment(payment.id).state is not PaymentState.REVERSING:
            tx.move(payment.id, PaymentState.REVERSING, reversal_reason=how)
        return tx.move(payment.id, PaymentState.REVERSED)

    done = await Commit(close)
    shop.sound(Tone.FAILURE)
    await acknowledge(shop, screens.OrderClosed(amount=payment.amount))
    return done


async def _refused_or_unknown(shop: Shop, payment: PaymentRecord, news: OrderNews) -> PaymentRecord:
    """The order could not be begun: refused (an authenticated code), never sent, or nobody knows."""
    shop.sound(Tone.FAILURE)
    if news.code:
        done = await _move(payment, PaymentState.DECLINED, response_code=news.code)
        await acknowledge(shop, _refusal(shop, done, news.code))
        return done
    if not news.sent:
        done = await _move(payment, PaymentState.ABANDONED, why="withdrawn", fault=news.fault)
        await acknowledge(shop, screens.NothingSent(reason=news.fault))
        return done
    return await ask_unknown(shop, await _to_unknown(payment))


def _refusal(shop: Shop, payment: PaymentRecord, code: str) -> screens.Screen:
    """The host's no in words. Of a scanned code, what the table says of a card is not meant."""
    if payment.method is Method.QR_SCANNED and code in BAD_CODES:
        return screens.BadCode(reason=BAD_CODES[code])
    return refusal_screen(shop, payment)


async def _move(payment: PaymentRecord, state: PaymentState, **facts: str) -> PaymentRecord:
    def move(tx: Tx) -> PaymentRecord:
        return tx.move(payment.id, state, **facts)

    return await Commit(move)


async def _to_unknown(payment: PaymentRecord) -> PaymentRecord:
    def unknown(tx: Tx) -> PaymentRecord:
        now = tx.payment(payment.id)
        return now if now.state is PaymentState.UNKNOWN else tx.move(payment.id, PaymentState.UNKNOWN)

    return await Commit(unknown)


async def ask_unknown(shop: Shop, payment: PaymentRecord) -> PaymentRecord:
    """The query screen: ENTER asks again, CANCEL leaves it open (settled later by query, never by guess)."""
    while True:
        shop.boxes.keys.renew()
        screen = screens.QrUnknown(amount=payment.amount, order_no=str(payment.facts["order_no"]))
        if await acknowledge(shop, screen) is not Key.ENTER:
            return payment
        shop.show(screens.Connecting(what="qr_query"))
        payment = await query(shop, payment)
        if payment.state is not PaymentState.UNKNOWN:
            return payment
