"""对账: a day's trade bill against our own orders and refunds. Pure: nothing here asks, reads a clock or writes.

Both are matched by order number (a refund by its refund number too; what came over the printed code by the number of
its receipt), and what stands in one of them only is named.
An order that was made at 23:59 may be paid at 00:00, and clocks differ a little. So of each of ours only the span is
known in which its money can have moved, and it is matched whichever day around the bill's it is of. It is missing
when its whole span lies in the bill's day, or reaches back into the day before and that day's bill has not got it
either. What reaches into the next day is left to the next day's bill.

The contract's fee is `amount * basis points / 10,000`, half a fen rounded up, as wallets round it; of a refund, as much
comes back, give or take one fen, because several parts are rounded each for itself.

Source: retail digest, "QR payments" (trade bill); docs/wallets.md, "Reconciliation".
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from terminal.model import Finding, Money, PaymentState
from terminal.rail import CHINA, BillRow

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

DAY_MS = 24 * 3_600_000
MARGIN_MS = 5 * 60_000  # Two clocks apart, and a wallet that still finishes what was scanned in an order's last second.
WHOLE_BP = 10_000
REFUND_FEE_ROUNDING_MINOR = 1

Number = tuple[str, str]  # Order's or receipt's number, refund number ("" for the order itself).


class Stand(Enum):
    """What we hold of one of ours."""

    MOVED = "moved"  # Paid; of a refund: given back.
    BACK = "back"  # An order that was undone: the bill has both ways, or neither.
    NOT_MOVED = "not-moved"
    OPEN = "open"  # Nobody knows yet; its query tells, not a bill.


@dataclass(frozen=True, slots=True)
class Ours:
    """An order of ours, a refund or a receipt. `from_ms` to `to_ms`: when its money moved, if it did (UTC)."""

    order_no: str
    refund_no: str
    amount: Money
    stand: Stand
    from_ms: int
    to_ms: int
    voucher_no: str = ""

    @property
    def number(self) -> Number:
        return self.order_no, self.refund_no


@dataclass(frozen=True, slots=True)
class Line:
    """One order or refund, both sides of it. None: that side has none. `due_minor` is the contract's fee."""

    finding: Finding
    order_no: str
    refund_no: str
    ours: Money | None = None
    bill: Money | None = None
    due_minor: int | None = None
    fee_minor: int | None = None
    voucher_no: str = ""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """`lines` are the bill's rows in its order, then what it has not got. `wants_before`: the last bill may have it."""

    lines: tuple[Line, ...]
    wants_before: bool = False

    @property
    def differences(self) -> tuple[Line, ...]:
        return tuple(each for each in self.lines if each.finding not in (Finding.MATCHED, Finding.OTHER_DAY))

    @property
    def counts(self) -> Mapping[Finding, int]:
        """How many of each; 0 for what was not found."""
        return Counter(each.finding for each in self.lines)


def bounds(day: datetime.date) -> tuple[int, int]:
    """The first millisecond of a bill's day, and the first of the next day.

    >>> bounds(datetime.date(2026, 7, 14))
    (1783958400000, 1784044800000)
    """
    begins = int(datetime.datetime.combine(day, datetime.time(), CHINA).timestamp() * 1000)
    return begins, begins + DAY_MS


def contract_fee(amount: Money, fee_bp: int) -> int:
    """Minor units, half a fen rounded up.

    >>> contract_fee(Money(12_850), 60), contract_fee(Money(1_250), 60)
    (77, 8)
    """
    return (amount.amount_minor * fee_bp + WHOLE_BP // 2) // WHOLE_BP


def reconcile(
    day: datetime.date,
    rows: Iterable[BillRow],
    ours: Iterable[Ours],
    *,
    fee_bp: int | None = None,
    before: Collection[BillRow] | None = None,
) -> Reconciled:
    """What the bill of `day` and ours say of each other. `ours`: at least of the day before to the day after.

    `fee_bp` None: fees are not checked. `before`: the last day's rows; None: not fetched, and what may stand there is
    OTHER_DAY with `wants_before`.
    """
    rows, known = tuple(rows), {each.number: each for each in ours}
    there = {(row.order_no, row.refund_no) for row in rows}
    seen: set[Number] = set()
    lines: list[Line] = []
    for row in rows:
        number = row.order_no, row.refund_no
        mine = known.get(number) or _taken_back(known, row)
        finding = Finding.EXTRA
        if mine is not None and number not in seen:
            finding = _compare(row, mine, fee_bp, back_too=(row.order_no, row.order_no) in there)
        seen.add(number)
        lines.append(_line(finding, row, mine, fee_bp))
    _, ends_ms = bounds(day)
    absent = [each for each in known.values() if each.number not in seen and each.stand is Stand.MOVED]
    earlier = None if before is None else {(row.order_no, row.refund_no) for row in before}
    wants_before = False
    for mine in absent:
        found = _absent(mine, day, earlier)
        if found is not None:
            lines.append(Line(found, mine.order_no, mine.refund_no, ours=mine.amount, voucher_no=mine.voucher_no))
            wants_before |= found is Finding.OTHER_DAY and earlier is None and not _late(mine, ends_ms)
    return Reconciled(tuple(lines), wants_before)


def _taken_back(known: Mapping[Number, Ours], row: BillRow) -> Ours | None:
    """The order that a row gives back whole under the order's own number."""
    return known.get((row.order_no, "")) if row.refund_no == row.order_no else None


def _compare(row: BillRow, mine: Ours, fee_bp: int | None, *, back_too: bool) -> Finding:
    """`back_too`: the bill gives the order back whole, too. If only the next one does, it is said all the same."""
    whole_back = row.refund_no != mine.refund_no
    stands = mine.stand is Stand.MOVED and not whole_back or mine.stand is Stand.BACK and (whole_back or back_too)
    if not stands:
        return Finding.STATE
    if row.amount != mine.amount:
        return Finding.AMOUNT
    return Finding.MATCHED if fee_bp is None or _fee_is_right(row, fee_bp) else Finding.FEE


def _fee_is_right(row: BillRow, fee_bp: int) -> bool:
    due = contract_fee(row.amount, fee_bp)
    return abs(row.fee_minor + due) <= REFUND_FEE_ROUNDING_MINOR if row.refund_no else row.fee_minor == due


def _line(finding: Finding, row: BillRow, mine: Ours | None, fee_bp: int | None) -> Line:
    due = None if fee_bp is None else contract_fee(row.amount, fee_bp) * (-1 if row.refund_no else 1)
    return Line(
        finding,
        row.order_no,
        row.refund_no,
        ours=mine.amount if mine else None,
        bill=row.amount,
        due_minor=due,
        fee_minor=row.fee_minor,
        voucher_no=mine.voucher_no if mine else "",
    )


def _late(mine: Ours, ends_ms: int) -> bool:
    """Whether it may as well have moved on the next day."""
    return mine.to_ms + MARGIN_MS >= ends_ms


def _absent(mine: Ours, day: datetime.date, earlier: Collection[Number] | None) -> Finding | None:
    """What it means that this bill has not got it; None: nothing, it is of another day."""
    begins_ms, ends_ms = bounds(day)
    first, last = mine.from_ms - MARGIN_MS, mine.to_ms + MARGIN_MS
    if last < begins_ms or first >= ends_ms or earlier is not None and mine.number in earlier:
        return None
    if last >= ends_ms or first < begins_ms - DAY_MS:  # Of three days or more no two bills prove anything.
        return Finding.OTHER_DAY
    if first < begins_ms and earlier is None:
        return Finding.OTHER_DAY
    return Finding.MISSING


# Out of the journal

_MOVED = (PaymentState.APPROVED, PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED)
_OPEN = (PaymentState.NEW, PaymentState.REQUESTED, PaymentState.UNKNOWN, PaymentState.REVERSING)
DONE_MS = "done_ms"  # Fact of a refund: when its end was heard of.


def of_payments(payments: Iterable[PaymentRecord], *, clock_offset_ms: int = 0) -> Iterator[Ours]:
    """Orders, their refunds and receipts as this module wants them. `clock_offset_ms`: the host's clock is ahead."""
    for payment in payments:
        facts, refund_no = payment.facts, str(payment.facts.get("refund_no", ""))
        if "receipt_no" in facts:
            yield _of_receipt(payment, clock_offset_ms)
            continue
        # A refund's end may be told late. An order cannot be paid after its time, whenever that was heard of.
        ended = facts.get(DONE_MS, payment.changed_ms) if refund_no else facts.get("expires_ms", payment.changed_ms)
        to_ms = min(payment.changed_ms, int(ended))
        yield Ours(
            order_no=str(facts["order_no"]),
            refund_no=refund_no,
            amount=payment.amount,
            stand=_stand(payment),
            from_ms=min(payment.created_ms, to_ms) + clock_offset_ms,  # A clock may have been set back meanwhile.
            to_ms=to_ms + clock_offset_ms,
            voucher_no=str(payment.stan or ""),
        )


def _of_receipt(payment: PaymentRecord, clock_offset_ms: int) -> Ours:
    """What came over the printed code: under the host's own number, and at the moment that the host has named.

    Without that moment it was paid before it was told, nobody knows how long: no bill proves that it is missing.
    """
    try:
        paid = datetime.datetime.strptime(str(payment.facts.get("paid_time", "")), "%Y%m%d%H%M%S")
        from_ms = to_ms = int(paid.replace(tzinfo=CHINA).timestamp()) * 1000
    except ValueError:
        to_ms = payment.changed_ms + clock_offset_ms
        from_ms = min(payment.created_ms + clock_offset_ms, to_ms) - 2 * DAY_MS
    number = str(payment.facts["receipt_no"])
    return Ours(number, "", payment.amount, _stand(payment), from_ms, to_ms)


def _stand(payment: PaymentRecord) -> Stand:
    if payment.state in _MOVED:
        return Stand.MOVED
    if payment.state in _OPEN:
        return Stand.OPEN
    # Whether it was paid in between, its wallet may have told ("refunded") or not ("closed").
    return Stand.BACK if payment.state is PaymentState.REVERSED else Stand.NOT_MOVED
