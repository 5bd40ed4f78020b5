"""A wallet's payment goes back, whole or in part: it came too late for its sale, or the merchant wants it back.

The refund is a payment of its own, with a number of its own that is durable before anybody hears of it; of a late
payment, in the commit in which that is booked. It is sent, and sent again, and asked about until its end is certain:
the same number is the same refund. Until then it counts as given back, so that all refunds together are at most the
order. The sale is VOIDED in the commit in which the last of it is back for certain.

Source: retail digest, "QR payments".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from terminal.hostlink.codes import lookup
from terminal.loop import Commit
from terminal.methods.news import LATE, tell_later
from terminal.methods.qr_split import split_in
from terminal.methods.rails import RAIL, rail_of
from terminal.methods.reversal import identity
from terminal.model import Kind, Money, PaymentState
from terminal.printing import head_at, keep
from terminal.rail import ACQUIRER, Refund, RefundFate, RefundNews, order_of
from terminal.receipts import Ending, Late, NoticeSlip, QrSlip
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, SlipRecord, Tx

REFUND_NO = "refund_no"  # Fact of a refund of an order; a card's has none.
OPEN_REFUND = (PaymentState.REQUESTED, PaymentState.UNKNOWN)
BACK = (PaymentState.COMPLETED, PaymentState.SETTLED)  # Of a refund: the customer has it for certain.


def begin(shop: Shop, tx: Tx, sale: PaymentRecord, amount: Money | None = None) -> PaymentRecord:
    """A refund of it, REQUESTED under its own number; None is all of it. Raises ValueError over what is left."""
    amount = amount or sale.amount
    if amount.amount_minor > left_of(tx, sale).amount_minor:
        raise ValueError(f"a refund of {amount} is more than is left of payment {sale.id}")
    refund = tx.new_payment(sale.method, amount, shop.operator, Kind.REFUND, undoes=sale.id)
    batch_no = tx.get("batch_no", "000001")
    return tx.move(
        refund.id,
        PaymentState.REQUESTED,
        stan=tx.next_stan(),
        batch_no=batch_no,
        order_no=str(sale.facts["order_no"]),
        refund_no=new_number(shop, batch_no, refund.id, tx.now_ms),
        **{RAIL: str(sale.facts.get(RAIL, ACQUIRER))},
    )


def new_number(shop: Shop, batch_no: str, payment_id: int, now_ms: int) -> str:
    """A number that the merchant never uses again, of an order or of a refund: 32 digits and letters."""
    return f"{identity(shop, batch_no).terminal_no}{batch_no}{payment_id:08d}{now_ms % 10_000_000_000:010d}"


def refunds_of(tx: Tx, sale: PaymentRecord, states: tuple[PaymentState, ...]) -> tuple[PaymentRecord, ...]:
    return tuple(p for p in tx.with_fact("undoes", sale.id) if p.kind is Kind.REFUND and p.state in states)


def left_of(tx: Tx, sale: PaymentRecord) -> Money:
    """What may still be given back: what may have been given already counts as given."""
    given = refunds_of(tx, sale, (*BACK, *OPEN_REFUND, PaymentState.APPROVED))
    return Money(sale.amount.amount_minor - sum(p.amount.amount_minor for p in given))


def open_refunds(tx: Tx) -> tuple[PaymentRecord, ...]:
    return tuple(p for p in tx.open_payments() if REFUND_NO in p.facts and p.state in OPEN_REFUND)


def is_pending(refund: PaymentRecord) -> bool:
    """Whether the last word was that it is taken and not done: it ends when somebody is told so, and not before."""
    return refund.state is PaymentState.UNKNOWN and refund.facts.get("why") == RefundFate.PENDING.value


async def send(shop: Shop, refund: PaymentRecord, *, said_here: bool = False) -> PaymentRecord:
    """Send it, or ask what became of it, once; COMPLETED or DECLINED when that is certain.

    `said_here`: the caller tells people how it ended. Otherwise they are told when the idle screen is next reached.
    """
    rail = rail_of(shop, refund)
    if rail is None:
        return refund
    sale = await Commit(lambda tx: tx.payment(int(refund.facts["undoes"])))
    order = order_of(sale)
    wanted = Refund(str(refund.facts[REFUND_NO]), refund.amount, _reason(sale), str(refund.stan))
    if refund.state is PaymentState.UNKNOWN:
        news = await rail.refund_query(order, wanted)
        if news.fate is RefundFate.ABSENT:
            news = await rail.refund(order, wanted)
    else:
        news = await rail.refund(order, wanted)
    return await Commit(lambda tx: _end(shop, tx, refund, news, said_here=said_here))


def _reason(sale: PaymentRecord) -> str:
    """Why, in the wallet's own records: "late", or "" for the merchant's own reasons."""
    return "late" if was_late(sale) else ""


def was_late(sale: PaymentRecord) -> bool:
    """Whether its own slip says already that all of it goes back."""
    return sale.facts.get(LATE) == Late.REFUNDED.value


def unprinted_of(tx: Tx, refund: PaymentRecord) -> tuple[SlipRecord, ...]:
    return tuple(slip for slip in tx.unprinted() if slip.payment_id == refund.id)


def _end(shop: Shop, tx: Tx, refund: PaymentRecord, news: RefundNews, *, said_here: bool) -> PaymentRecord:
    if news.fate is RefundFate.DONE:
        return _done(shop, tx, refund, news, said_here=said_here)
    if news.fate is RefundFate.REFUSED:
        words = lookup(news.code)
        late = "refused" if was_late(tx.payment(int(refund.facts["undoes"]))) else "not_given_back"
        slip = NoticeSlip(
            head=head_at(shop, tx.get("batch_no", ""), tx.now_ms),
            amount=refund.amount,
            masked_pan="",
            voucher_no=str(refund.stan),
            ending=Ending.DECLINED,
            code=news.code,
            zh=news.said or words.zh,
            en=news.said or words.en,
            kind=Kind.REFUND,
        )
        keep(tx, slip, refund.id)
        if not said_here:
            tell_later(tx, refund.id)
        return tx.move(refund.id, PaymentState.DECLINED, response_code=news.code, **{LATE: late})
    if tx.payment(refund.id).state is PaymentState.UNKNOWN:
        return tx.note(refund.id, why=news.fate.value)
    return tx.move(refund.id, PaymentState.UNKNOWN, why=news.fate.value)


def _done(shop: Shop, tx: Tx, refund: PaymentRecord, news: RefundNews, *, said_here: bool) -> PaymentRecord:
    """The customer has it: the refund, its sale and its slip in one commit."""
    sale = tx.payment(int(refund.facts["undoes"]))
    late = was_late(sale)
    facts: dict[str, str | int | bool] = {"response_code": news.code, "wallet_no": news.wallet_no}
    if not late:
        facts[LATE] = "given_back"
    before = refunds_of(tx, sale, BACK)
    left = split_in(sale.facts)
    if left is not None:
        for each in before:
            left -= split_in(each.facts) or left.part(each.amount.amount_minor)
        facts |= left.part(refund.amount.amount_minor).facts
    tx.move(refund.id, PaymentState.APPROVED, stan=None, done_ms=tx.now_ms, **facts)
    done = tx.move(refund.id, PaymentState.COMPLETED)
    back_minor = sum(each.amount.amount_minor for each in (*before, done))
    if sale.state is PaymentState.COMPLETED and back_minor == sale.amount.amount_minor:
        tx.move(sale.id, PaymentState.VOIDED)
    if late:
        return done
    slip = QrSlip(
        head=head_at(shop, tx.get("batch_no", ""), tx.now_ms),
        amount=refund.amount,
        order_no=str(sale.facts["order_no"]),
        voucher_no=str(refund.stan),
        kind=Kind.REFUND,
        method=sale.method,
        wallet=str(sale.facts.get("wallet", "")),
        wallet_transaction_no=news.wallet_no,
        refund_no=str(refund.facts[REFUND_NO]),
    )
    keep(tx, slip, refund.id)
    if not said_here:
        tell_later(tx, refund.id)
    return done
