"""The acquirer's trade bill of a terminal's day, part by part: what was paid and given back through its orders, and
what was paid to its printed code.

A day's bill is published at nine the next morning, as the wallets' are. An order that was taken back stands there both
ways, a receipt of the printed code under its own number, whether the terminal was told of it or not. The rows are
written here from docs/host-link.md, apart from the terminal's reader.

Spec: docs/host-link.md, "acquirer-orders", bill.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from sim.acquirer.book import Book, TerminalId
from sim.acquirer.faults import FaultKind
from sim.acquirer.requests import APPROVED, FORMAT_ERROR, Answer, Refused, Request
from terminal.hostlink.subfields import OrderState, OrderTag, read_tlv, write_tlv

CHINA = timezone(timedelta(hours=8))
PUBLISHED_HOUR = 9  # Of the next morning.
PART_BYTES = 800  # Rows of one answer: F59 has 999.
FEE_BP = 60  # 0.60 %: the contract of the test merchant.
FOREIGN_ORDER = "99999999000001000000010000000000"  # Some other terminal's.
YUAN = 100


@dataclass(frozen=True, slots=True)
class BilledRow:
    order_no: str
    refund_no: str
    wallet: str
    wallet_no: str
    amount_minor: int
    at_ms: int
    fee_bp: int

    def __str__(self) -> str:
        fee = (2 * self.amount_minor * self.fee_bp + 10_000) // 20_000
        at = datetime.fromtimestamp(self.at_ms // 1000, CHINA)
        cells = (self.order_no, self.refund_no, self.wallet, self.wallet_no, self.amount_minor)
        return ",".join(map(str, (*cells, -fee if self.refund_no else fee, f"{at:%Y%m%d%H%M%S}")))


class BillDesk:
    """Answers 770000. `fee_bp` is what the acquirer keeps."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.fee_bp = FEE_BP

    def answer(self, request: Request) -> Answer:
        tags = read_tlv(request.message.text(59))
        told, received = tags.get(OrderTag.BILL_DAY, ""), tags.get(OrderTag.BILL_FROM, "")
        try:
            day = datetime.strptime(told, "%Y%m%d").replace(tzinfo=CHINA)
        except ValueError:
            raise Refused(FORMAT_ERROR) from None
        if not re.fullmatch(r"[0-9]{1,6}", received):
            raise Refused(FORMAT_ERROR)
        answered = {OrderTag.BILL_DAY: told, OrderTag.BILL_FROM: received}
        published = day + timedelta(days=1, hours=PUBLISHED_HOUR)
        if request.now_ms >= published.timestamp() * 1000 and FaultKind.BILL_LATE not in request.faults:
            rows = self._spoilt(request, self._rows(request.terminal, told), day + timedelta(hours=12))
            answered[OrderTag.BILL_COUNT] = str(len(rows))
            answered[OrderTag.BILL_ROWS] = _part(rows, int(received))
        return Answer(APPROVED, {59: write_tlv(answered)})

    def _rows(self, terminal: TerminalId, day: str) -> list[BilledRow]:
        rows = []
        for order in self._book.qr_orders:
            if order.terminal != terminal:
                continue
            row = BilledRow(
                order.order_no, "", order.wallet, order.wallet_no, order.amount_minor, order.paid_ms, self.fee_bp
            )
            if order.paid_ms:
                rows.append(row)
            if order.paid_ms and order.state is OrderState.REFUNDED:
                rows.append(replace(row, refund_no=order.order_no))
            rows += [
                replace(
                    row, refund_no=e.refund_no, wallet_no=f"R{e.rrn}", amount_minor=e.amount_minor, at_ms=e.at_ms
                )
                for e in self._book.refunds_of(order)
            ]
        rows += [
            BilledRow(each.number, "", each.wallet, each.wallet_no, each.amount_minor, each.paid_ms, self.fee_bp)
            for each in self._book.receipts_of(terminal).values()
        ]
        return [row for row in rows if f"{datetime.fromtimestamp(row.at_ms // 1000, CHINA):%Y%m%d}" == day]

    def _spoilt(self, request: Request, rows: list[BilledRow], noon: datetime) -> list[BilledRow]:
        """With what the fault plan wants, on the first row."""
        if rows and FaultKind.BILL_AMOUNT in request.faults:
            rows[0] = replace(rows[0], amount_minor=rows[0].amount_minor + YUAN)
        if rows and FaultKind.BILL_FEE in request.faults:
            rows[0] = replace(rows[0], fee_bp=request.faults[FaultKind.BILL_FEE].bp)
        if FaultKind.BILL_MISSING in request.faults:
            del rows[:1]
        if FaultKind.BILL_EXTRA in request.faults:
            at_ms = int(noon.timestamp()) * 1000
            rows.insert(0, BilledRow(FOREIGN_ORDER, "", "wechat", "T0", YUAN, at_ms, self.fee_bp))
        return rows


def _part(rows: Sequence[BilledRow], received: int) -> str:
    """As many rows as fit, from `received` on."""
    body = ""
    for row in rows[received:]:
        longer = f"{body};{row}" if body else str(row)
        if len(longer) > PART_BYTES:
            break
        body = longer
    return body
