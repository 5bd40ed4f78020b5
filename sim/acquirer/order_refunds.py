"""Refunds of QR orders on the wire: give back, and what became of it.

A refund stands in the book as an entry like a card's, under its own number, so that totals and the comparison of the
books count it. One that is pending is in no total until its terminal is told that it is done. The same number again is
the same refund; all refunds of an order together are at most the order.

Spec: docs/host-link.md, "acquirer-orders".
"""

from __future__ import annotations

from itertools import takewhile

from sim.acquirer.book import Batch, Book, Entry, EntryState, Order
from sim.acquirer.faults import FaultKind
from sim.acquirer.requests import (
    APPROVED,
    DUPLICATE,
    FORMAT_ERROR,
    INVALID_AMOUNT,
    INVALID_TRANSACTION,
    NOT_FOUND,
    ORIGINAL_AMOUNT_WRONG,
    Answer,
    Refused,
    Request,
)
from sim.acquirer.wallets import WalletGateway
from terminal.hostlink.codes import PARTIAL_APPROVAL
from terminal.hostlink.messages import ORDER_NO_LIMIT, QR_REFUND, QR_REFUND_QUERY
from terminal.hostlink.subfields import OrderState, OrderTag, RefundState, read_tlv, write_tlv
from terminal.model import Kind

REFUNDING = (QR_REFUND, QR_REFUND_QUERY)
UNFINISHED = frozenset({FaultKind.REFUND_PENDING, FaultKind.PARTIAL})


class OrderRefundDesk:
    """Answers the two requests about refunds of a signed-in terminal."""

    def __init__(self, gateway: WalletGateway, book: Book) -> None:
        self._gateway = gateway
        self._book = book

    def answer(self, request: Request, batch: Batch) -> Answer:
        message = request.message
        tags = read_tlv(message.text(59))
        order_no, refund_no = tags.get(OrderTag.ORDER_NO, ""), tags.get(OrderTag.REFUND_NO, "")
        if not 0 < len(refund_no) <= ORDER_NO_LIMIT:
            raise Refused(FORMAT_ERROR)
        order = self._book.any_order(request.terminal[0], order_no)
        known = next((e for e in self._book.refunds_of(order) if e.refund_no == refund_no), None) if order else None
        if message.text(3) == QR_REFUND:
            known = self._refund(request, batch, order, known, refund_no)
        if known is None:
            raise Refused(NOT_FOUND)
        in_part = FaultKind.PARTIAL in request.faults and message.text(3) == QR_REFUND
        if known.state is EntryState.PENDING and not in_part and FaultKind.REFUND_PENDING not in request.faults:
            self._book.end_refund(known, batch)
            if order is not None:
                earlier = takewhile(lambda entry: entry is not known, self._book.refunds_of(order))
                self._gateway.give_back(order, known.amount_minor, sum(entry.amount_minor for entry in earlier))
        pending = known.state is EntryState.PENDING and not in_part
        fields: dict[int, str | bytes] = {
            4: f"{known.amount_minor // (1 + in_part):012d}",
            59: write_tlv(
                {
                    OrderTag.ORDER_NO: order_no,
                    OrderTag.WALLET_NO: f"R{known.rrn}",
                    OrderTag.REFUND_NO: refund_no,
                    OrderTag.REFUND_STATE: (RefundState.PENDING if pending else RefundState.DONE).value,
                }
            ),
        }
        return Answer(PARTIAL_APPROVAL if in_part else APPROVED, fields)

    def _refund(
        self, request: Request, batch: Batch, order: Order | None, known: Entry | None, refund_no: str
    ) -> Entry:
        amount = request.message.text(4)
        if not amount or not int(amount):
            raise Refused(INVALID_AMOUNT if amount else FORMAT_ERROR)
        if order is None:
            raise Refused(NOT_FOUND)
        if known is not None:
            if known.amount_minor != int(amount):
                raise Refused(DUPLICATE)
            return known
        if order.state is not OrderState.PAID:
            raise Refused(INVALID_TRANSACTION)
        before = sum(entry.amount_minor for entry in self._book.refunds_of(order))
        if before + int(amount) > order.amount_minor:
            raise Refused(ORIGINAL_AMOUNT_WRONG)
        entry = Entry(
            request.terminal,
            batch.batch_no,
            request.message.text(11),
            int(amount),
            EntryState.PENDING if UNFINISHED & request.faults.keys() else EntryState.APPROVED,
            APPROVED,
            request.now_ms,
            rrn=self._book.next_rrn(request.date),
            kind=Kind.REFUND,
            original=order.order_no,
            refund_no=refund_no,
        )
        if entry.state is EntryState.APPROVED:
            self._gateway.give_back(order, entry.amount_minor, before)
        self._book.add_entry(batch, entry)
        return entry
