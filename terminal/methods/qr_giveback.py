"""The whole of a wallet's payment goes back: it came when something else may have been paid in its place.

The refund is a payment of its own, with a number of its own that is durable in the commit in which the late payment is.
It is sent, and sent again, and asked about until its end is certain: the same number is the same refund.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from terminal.hostlink.codes import lookup
from terminal.loop import Commit
from terminal.methods.late_news import LATE, tell_later
from terminal.methods.rails import RAIL, rail_of
from terminal.methods.reversal import identity
from terminal.model import Kind, PaymentState
from terminal.printing import head_at, keep
from terminal.rail import ACQUIRER, Refund, RefundFate, RefundNews, order_of
from terminal.receipts import Ending, NoticeSlip
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

REFUND_NO = "refund_no"  # Fact of a refund of an order; a card's has none.
OPEN_REFUND = (PaymentState.REQUESTED, PaymentState.UNKNOWN)


def begin(shop: Shop, tx: Tx, sale: PaymentRecord) -> PaymentRecord:
    """In the commit that completes the late payment: its refund, REQUESTED under its own number."""
    refund = tx.new_payment(sale.method, sale.amount, shop.operator, Kind.REFUND, undoes=sale.id)
    batch_no = tx.get("batch_no", "000001")
    return tx.move(
        refund.id,
        PaymentState.REQUESTED,
        stan=f"{tx.count('stan', limit=999_999):06d}",
        batch_no=batch_no,
        order_no=str(sale.facts["order_no"]),
        refund_no=new_number(shop, batch_no, refund.id, tx.now_ms),
        **{RAIL: str(sale.facts.get(RAIL, ACQUIRER))},
    )


def new_number(shop: Shop, batch_no: str, payment_id: int, now_ms: int) -> str:
    """A number that the merchant never uses again, of an order or of a refund: 32 digits and letters."""
    return f"{identity(shop, batch_no).terminal_no}{batch_no}{payment_id:08d}{now_ms % 10_000_000_000:010d}"


def open_refunds(tx: Tx) -> tuple[PaymentRecord, ...]:
    return tuple(p for p in tx.open_payments() if REFUND_NO in p.facts and p.state in OPEN_REFUND)


async def send(shop: Shop, refund: PaymentRecord) -> PaymentRecord:
    """Send it, or ask what became of it, once; COMPLETED or DECLINED when that is certain."""
    rail = rail_of(shop, refund)
    if rail is None:
        return refund
    sale = await Commit(lambda tx: tx.payment(int(refund.facts["undoes"])))
    order = order_of(sale)
    wanted = Refund(str(refund.facts[REFUND_NO]), refund.amount, "late", str(refund.stan))
    if refund.state is PaymentState.UNKNOWN:
        news = await rail.refund_query(order, wanted)
        if news.fate is RefundFate.ABSENT:
            news = await rail.refund(order, wanted)
    else:
        news = await rail.refund(order, wanted)
    return await Commit(lambda tx: _end(shop, tx, refund, news))


def _end(shop: Shop, tx: Tx, refund: PaymentRecord, news: RefundNews) -> PaymentRecord:
    if news.fate is RefundFate.DONE:
        tx.move(refund.id, PaymentState.APPROVED, response_code=news.code, wallet_no=news.wallet_no)
        sale = tx.payment(int(refund.facts["undoes"]))
        if sale.state is PaymentState.COMPLETED:
            tx.move(sale.id, PaymentState.VOIDED)
        return tx.move(refund.id, PaymentState.COMPLETED)
    if news.fate is RefundFate.REFUSED:
        words = lookup(news.code)
        slip = NoticeSlip(
            head=head_at(shop, str(refund.facts["batch_no"]), tx.now_ms),
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
        tell_later(tx, refund.id)
        return tx.move(refund.id, PaymentState.DECLINED, response_code=news.code, **{LATE: "refused"})
    if tx.payment(refund.id).state is PaymentState.UNKNOWN:
        return refund
    return tx.move(refund.id, PaymentState.UNKNOWN, why=news.fate.value)
