"""The port between the flows of a wallet's order and whoever carries it out: the acquirer, or a wallet itself.

A flow speaks to a `Rail` and does not know which one. A rail turns each call into its own messages, believes only what
is authenticated and about this very order and amount, and says what it heard as one `Fate`. It shows nothing but a
countdown, keeps nothing, and repeats nothing by itself: what is durable, and when it is asked again, is the flow's.
Two numbers are ours and durable before the first call about them: the order's and each refund's. So every call may be
repeated, and means the same thing again.

Source: retail digest, "QR payments"; docs/architecture.md, "A wallet's order".
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from terminal.model import Method, Money, Promotion

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

CHINA = datetime.timezone(datetime.timedelta(hours=8))  # Whose civil time wallets and bills go by.
ACQUIRER = "acquirer"  # The rail that every terminal with a QR scheme has: the host itself.
KEY_ID = "key_id"  # A fault: the answer names another key of the wallet's than the configuration.
PROMOTIONS_LIMIT = 8  # Of an order; more are not believed: nobody prints a receipt of discounts.
EXTRAS_LIMIT = 4
ORDER_NO_LIMIT = 32  # Characters, letters and digits: what each of the rails takes.


class Fate(Enum):
    """What is known of an order after a call. PAID, CLOSED and REFUNDED are final: they will never be taken back."""

    WAITING = "waiting"  # Nobody has paid yet.
    PAYING = "paying"  # A customer is asked to confirm.
    PAID = "paid"
    CLOSED = "closed"  # It can never be paid.
    REFUNDED = "refunded"  # Who paid has all of it back.
    ABSENT = "absent"  # The number is not known there. A code that nobody has scanned yet may be paid all the same.
    REFUSED = "refused"  # Of create and pay_by_code: nothing was made and nothing charged. Of another call: not done.
    UNSENT = "unsent"  # No byte of the question can have left the terminal.
    SILENT = "silent"  # No answer, or none that can be believed: it may have been done.


BOTH_WAYS = frozenset({Method.QR_SHOWN, Method.QR_SCANNED})
FINAL = frozenset({Fate.PAID, Fate.CLOSED, Fate.REFUNDED})


@dataclass(frozen=True, slots=True)
class Order:
    """One order as a rail needs it. `expires_ms`: the wall clock's time at which it must be dead by itself."""

    number: str
    method: Method
    amount: Money
    expires_ms: int
    seconds: int  # How long it lives from its creation on.
    batch_no: str
    stan: str
    wallet: str = ""  # "wechat", "alipay" or "unionpay", where it is known already: by the scanned code, by an answer.
    wallet_no: str = ""


@dataclass(frozen=True, slots=True)
class OrderNews:
    """What a rail says of an order.

    `payload`: what the shown code must hold, from `create`. `seconds`: how long the order lives still, 0 when not said.
    `code`: the rail's own code of a refusal. `fault`: a stable word, of room "fault" for UNSENT and SILENT, of room
    "bad_code" for a payment code that cannot be charged. `said`: the wallet's own words for people, if it has any.
    `promotions`: None where discounts were told that cannot be read. `customer`: what the customer paid, None where it
    was not said. Neither is checked here (`methods/qr_split.py`). `extras`: lines for the slip that came with the
    payment (a red packet won, a voucher given). `eslip_url`: where the customer finds the slip, "" for nowhere.
    """

    fate: Fate
    code: str = ""
    fault: str = ""
    said: str = ""
    wallet: str = ""
    wallet_no: str = ""
    payload: str = ""
    seconds: int = 0
    paid_ms: int = 0
    promotions: tuple[Promotion, ...] | None = ()
    customer: Money | None = None
    extras: tuple[str, ...] = ()
    eslip_url: str = ""


class RefundFate(Enum):
    DONE = "done"  # Final: the customer has it.
    PENDING = "pending"  # Taken, and not done yet: only the refund query tells.
    REFUSED = "refused"  # Final: nothing was given back under this number.
    ABSENT = "absent"  # Of the refund query: the number is not known there; to send the refund again is safe.
    UNSENT = "unsent"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Refund:
    """Money back for an order, whole or in part. `number` is ours; the same one again is the same refund."""

    number: str
    amount: Money
    reason: str = ""
    stan: str = ""


@dataclass(frozen=True, slots=True)
class RefundNews:
    fate: RefundFate
    code: str = ""
    fault: str = ""
    said: str = ""
    wallet_no: str = ""  # The wallet's number of the refund.


@dataclass(frozen=True, slots=True)
class BillRow:
    """One row of a day's trade bill: money that came (`refund_no` ""), or that went back.

    `refund_no` of an order that was taken back whole, under no number of its own, is the order's. `amount` is never
    negative; `fee_minor` is what the wallet keeps of it, negative where it gives a fee back.
    """

    order_no: str
    refund_no: str
    wallet: str
    wallet_no: str
    amount: Money
    fee_minor: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Bill:
    """`rows` None: not published yet (`fault` ""), or no believable answer (`fault`). An empty day has no rows: ().

    `fault`: a stable word, of room "bill" or "fault"; `code`: the rail's own code of a refusal.
    """

    rows: tuple[BillRow, ...] | None
    fault: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """A rail's own manners, as data. Times in seconds are what people see, in milliseconds what only we do.

    `poll_ms`: between two queries, doubled after each one without an answer up to `poll_limit_ms`.
    `shown_seconds`: how long a shown code lives. `paying_seconds`: how long a customer may think over a scanned one.
    `reverse_after_ms`: not sooner after a scanned code was charged may it be taken back.
    `grace_ms`: after an order's expiry, until nothing about it can be on its way any more.
    """

    poll_ms: int = 3_000
    poll_limit_ms: int = 12_000
    shown_seconds: int = 120
    paying_seconds: int = 60
    reverse_after_ms: int = 0
    grace_ms: int = 60_000


class Rail(Protocol):
    """Whoever carries out orders. No call raises for what the other side does: that is a Fate.

    `close` is for a code that was shown, `reverse` for one that was scanned. `reverse` takes the order back whatever
    has become of it, and answers CLOSED or REFUNDED; it is never asked once PAID was told. Both may answer PAID or
    REFUSED: too early, too late.
    """

    @property
    def name(self) -> str:
        """What the journal calls it: after a restart the same rail is asked."""

    @property
    def rules(self) -> Rules: ...
    @property
    def takes(self) -> frozenset[Method]:
        """Which new orders are for it: codes that we show, codes that we scan. Old ones stay with whoever has them."""

    @property
    def fee_bp(self) -> int | None:
        """What the contract lets it keep, in basis points of an order's amount; None: not told to us."""

    async def create(self, order: Order) -> OrderNews: ...
    async def pay_by_code(self, order: Order, code: str) -> OrderNews: ...
    async def query(self, order: Order) -> OrderNews: ...
    async def close(self, order: Order) -> OrderNews: ...
    async def reverse(self, order: Order) -> OrderNews: ...
    async def refund(self, order: Order, refund: Refund) -> RefundNews: ...
    async def refund_query(self, order: Order, refund: Refund) -> RefundNews: ...

    async def bill(self, day: datetime.date) -> Bill:
        """The trade bill of a day of China's civil time."""


def order_of(payment: PaymentRecord) -> Order:
    """The order of a payment, out of its facts."""
    facts = payment.facts
    return Order(
        number=str(facts["order_no"]),
        method=payment.method,
        amount=payment.amount,
        expires_ms=int(facts.get("expires_ms", 0)),
        seconds=int(facts.get("order_seconds", 0)),
        batch_no=str(facts["batch_no"]),
        stan=str(payment.stan),
        wallet=str(facts.get("wallet", "")),
        wallet_no=str(facts.get("wallet_no", "")),
    )
