"""The shop's printed code: what it holds, and the receipts that were paid to it, each durable once.

The customer types the amount, so the terminal has no part in it until the host announces the receipt. It is asked for
one receipt at a time; the same request says which one is durable here, so none is lost and none counts twice: told
again, it is known by its number. A receipt is a payment of its own, completed when it is booked. If somebody has typed
that amount at the till and waits for it (methods/qr_static.py), it is that sale.

A receipt that cannot be read is passed over: said once, not acknowledged, and asked for again with each round, so that
it is read as soon as the host mends it. Those behind it are had all the same.

Source: docs/host-link.md §12.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Tone
from emv import qr
from terminal.dialogue import AMOUNT_TYPED_MAX_MINOR
from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.reply import Receipt, VerdictKind, read_receipt
from terminal.hostlink.session import Silence
from terminal.hostlink.subfields import OrderTag, read_tlv
from terminal.journal import harmless
from terminal.loop import Commit
from terminal.methods.asking import ask_authenticated
from terminal.methods.host_rail import NOT_KNOWN, QUERY_MS
from terminal.methods.news import LATE, LIMITS, About, News, drop, keep_news, kept, tell_later
from terminal.methods.reversal import identity
from terminal.model import Kind, Method, Money, PaymentState
from terminal.printing import head_at, keep
from terminal.receipts import QrSlip
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

IN_USE = "static_code_in_use"  # Setting: the code was shown or printed, so money may come at any time.
TAKEN = "receipt_taken_no"  # Setting: the last receipt that became durable; the host is told so with the next question.
RECEIPT_NO = "receipt_no"  # Fact: the host's number of a receipt.
ASKED = "asked_for"  # Fact: somebody has typed this amount at the till; without it nobody was waiting.
WAITING = (PaymentState.REQUESTED, PaymentState.UNKNOWN)
UNREADABLE = "receipts_unreadable"  # Setting: how those that the host still holds and nobody can read are called.
PASSED_LIMIT = LIMITS[About.UNREADABLE]  # More than that is a host that speaks another language.
CALLED_CHARACTERS = 16  # Of a number that is none, on the smallest panel.
FETCH_LIMIT = 50  # Receipts at once: more are had with the next question, and somebody may want the terminal.
NAME_CHARACTERS = 25  # EMVCo's objects 59 and 64.


def payload(shop: Shop) -> str:
    """What the code holds; "" where the acquirer has none. Built here, so that it can be printed without a host."""
    profile, numbers = shop.profile, shop.activation
    if not profile.qr_static_account or numbers is None:
        return ""
    name = shop.merchant_name
    objects: dict[str, qr.Value] = {
        "01": "11",
        "26": {"00": profile.qr_static_account, "01": numbers.merchant_no},
        "52": profile.qr_static_category,
        "53": profile.currency,
        "58": "CN",
        "59": (name if name.isascii() and name else numbers.merchant_no)[:NAME_CHARACTERS],
        "60": profile.qr_static_city,
        "62": {"07": numbers.terminal_no},
    }
    if not name.isascii():
        objects["64"] = {"00": "ZH", "01": name[:NAME_CHARACTERS]}
    return qr.build(objects)


def is_in_use(shop: Shop, tx: Tx) -> bool:
    """Whether anything may have been paid to it."""
    return bool(shop.profile.qr_static_account) and tx.get(IN_USE, False)


def waits(tx: Tx) -> tuple[PaymentRecord, ...]:
    """Amounts that somebody has typed and nobody has paid yet, oldest first."""
    return tuple(p for p in tx.open_payments() if p.method is Method.QR_STATIC and p.state in WAITING)


async def fetch(shop: Shop, waiting: int = 0) -> bool:
    """Ask for what was paid; True when the host has told all of it.

    `waiting`: the payment that somebody stands before and will be told of by the caller.
    """
    passed: list[str] = []
    before: tuple[str, str] | None = None  # What the last one that could not be read said.
    for _ in range(FETCH_LIMIT):
        question = await Commit(partial(_question, shop, len(passed)))
        answer = await ask_authenticated(shop, question, "", QUERY_MS)
        if isinstance(answer, Silence) or not answer.verdict.answered:
            return False
        if answer.verdict.kind is VerdictKind.DECLINED:
            if answer.verdict.code != NOT_KNOWN:
                return False
            await Commit(partial(_still_unreadable, passed))
            return True
        try:
            told = _read(answer.reply)
        except FrameError as wrong:
            said = answer.reply.text(4), answer.reply.text(59)
            if said == before or len(passed) == PASSED_LIMIT:
                return False  # The host does not know how to pass one over, or tells nothing that can be read.
            before = said
            passed.append(_called(answer.reply, passed))
            if await Commit(partial(_pass_over, passed[-1])):
                shop.note(f"a receipt of the printed code cannot be read: field {wrong.field}")
                shop.sound(Tone.ATTENTION)
            continue
        booked = await Commit(partial(book, shop, told, waiting))
        if booked is not None and booked.id != waiting:
            shop.sound(Tone.SUCCESS)
    return False


def _read(reply: Message) -> Receipt:
    """Raises FrameError, also for more than is typed at any till, since a batch of those no total can hold, and for a
    number that the journal refuses because it looks like a card's track.
    """
    told = read_receipt(reply)
    if told.amount.amount_minor > AMOUNT_TYPED_MAX_MINOR:
        raise FrameError(4, 0, "more than any till takes")
    if harmless(RECEIPT_NO, told.number) != told.number:
        raise FrameError(59, 0, "element B2 looks like a track")
    return told


def _called(reply: Message, passed: list[str]) -> str:
    """How people may name a receipt that cannot be read: what stands as its number, or its place among such."""
    try:
        number = harmless(RECEIPT_NO, read_tlv(reply.text(59)).get(OrderTag.RECEIPT_NO, "")).strip()
    except FrameError:
        number = ""
    number = number[:CALLED_CHARACTERS]
    return number if number and "*" not in number and number not in passed else f"#{len(passed) + 1}"


def _pass_over(called: str, tx: Tx) -> bool:
    """Whether it was new: then it is news."""
    known: list[str] = tx.get(UNREADABLE, [])
    if called in known:
        return False
    tx.set(UNREADABLE, [*known, called])
    keep_news(tx, News(About.UNREADABLE, called=called))
    return True


def _still_unreadable(passed: list[str], tx: Tx) -> None:
    """The host has told all it has: what is not among it any more has been read, or is its own affair."""
    known: list[str] = tx.get(UNREADABLE, [])
    if set(known) - set(passed):
        tx.set(UNREADABLE, passed or None)
        for news in kept(tx):
            if news.about is About.UNREADABLE and news.called not in passed:
                drop(tx, news)


def _question(shop: Shop, passed_over: int, tx: Tx) -> Message:
    stan = tx.next_stan()
    terminal = identity(shop, tx.get("batch_no", "000001"))
    taken = tx.get(TAKEN, "")
    return messages.qr_receipts(terminal, shop.profile, stan=stan, taken=taken, passed_over=passed_over)


def book(shop: Shop, told: Receipt, waiting: int, tx: Tx) -> PaymentRecord | None:
    """A receipt becomes durable: the sale that waited for it longest, or a payment of its own; None: it is known."""
    tx.set(TAKEN, told.number)
    if tx.with_fact(RECEIPT_NO, told.number):
        return None
    facts = {
        RECEIPT_NO: told.number,
        "wallet": harmless("wallet", told.wallet),
        "wallet_no": harmless("wallet_no", told.wallet_no),
        "paid_time": told.paid_at,
    }
    sale = next((p for p in waits(tx) if p.amount == told.amount), None)
    if sale is None:
        payment = tx.new_payment(Method.QR_STATIC, told.amount, shop.operator, Kind.SALE, **facts)
        keep_news(tx, News(About.RECEIPT, payment.id))
        return tx.move(payment.id, PaymentState.COMPLETED)
    tx.move(sale.id, PaymentState.APPROVED, **facts, **({} if sale.id == waiting else {LATE: "completed"}))
    done = tx.move(sale.id, PaymentState.COMPLETED)
    keep(tx, slip_of(shop, done, tx.get("batch_no", ""), tx.now_ms), done.id)
    if sale.id != waiting:
        tell_later(tx, sale.id)
    return done


def match(shop: Shop, payment: PaymentRecord, tx: Tx) -> PaymentRecord:
    """Somebody says that this receipt, which came before its amount was typed, is the sale's; it has one slip."""
    if tx.last_slip(payment_id=payment.id) is None:
        keep(tx, slip_of(shop, payment, tx.get("batch_no", ""), tx.now_ms), payment.id)
    return tx.note(payment.id, **{ASKED: True})


def unmatched(tx: Tx, amount: Money, since_ms: int) -> PaymentRecord | None:
    """The newest receipt of this amount that is no sale's yet."""
    found = (p for p in tx.payments(batch=tx.get("batch", 1)) if is_receipt(p) and not p.facts.get(ASKED))
    return next((p for p in found if p.amount == amount and p.created_ms >= since_ms), None)


def is_receipt(payment: PaymentRecord) -> bool:
    """Whether it is money that came over the printed code."""
    return payment.method is Method.QR_STATIC and RECEIPT_NO in payment.facts


def slip_of(shop: Shop, payment: PaymentRecord, batch_no: str, at_ms: int) -> QrSlip:
    """The slip of a receipt, as often as somebody wants it."""
    return QrSlip(
        head=head_at(shop, batch_no, at_ms),
        amount=payment.amount,
        order_no="",
        voucher_no="",
        method=Method.QR_STATIC,
        wallet=str(payment.facts.get("wallet", "")),
        wallet_transaction_no=str(payment.facts.get("wallet_no", "")),
        receipt_no=str(payment.facts.get(RECEIPT_NO, "")),
    )
