"""What the terminal's journal says was charged, beside what the acquirer's book says."""

from __future__ import annotations

from functools import partial

from sim.acquirer import Acquirer, Net, PaymentRow, books_agree
from terminal.flows.batch import is_unknown
from terminal.journal import Journal, PaymentRecord, Tx
from terminal.methods.static_code import RECEIPT_NO, is_receipt
from terminal.model import Kind, Method, Notice, PaymentState, UploadState

PAGE = 500
CHARGED = (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED)
OPEN = (PaymentState.NEW, PaymentState.REQUESTED, PaymentState.UNKNOWN, PaymentState.APPROVED, PaymentState.REVERSING)


def all_payments(journal: Journal) -> tuple[PaymentRecord, ...]:
    """Every payment of a journal, newest first."""
    found: list[PaymentRecord] = []
    while True:
        page = journal.transact(partial(_page, len(found)))
        found += page
        if len(page) < PAGE:
            return tuple(found)


def _page(offset: int, tx: Tx) -> tuple[PaymentRecord, ...]:
    return tx.payments(limit=PAGE, offset=offset)


def untold(journal: Journal) -> frozenset[int]:
    """Payments whose advice the host has refused, or never answered: the shop's loss, on its settlement slip."""

    def found(tx: Tx) -> frozenset[int]:
        uploads = (upload for batch in range(1, tx.get("batch", 1) + 1) for upload in tx.uploads(batch))
        lost = (UploadState.REFUSED, UploadState.UNSENT)
        return frozenset(u.payment_id for u in uploads if u.notice is Notice.ADVICE and u.state in lost)

    return journal.transact(found)


def payment_rows(
    payments: tuple[PaymentRecord, ...], untold: frozenset[int] = frozenset()
) -> tuple[PaymentRow, ...]:
    """The rows that a host could know of: not cash, only what was ever asked, and no balance: it moves nothing."""
    rows: list[PaymentRow] = []
    for payment in payments:
        if is_receipt(payment):
            amount, number = payment.amount.amount_minor, str(payment.facts[RECEIPT_NO])
            rows.append(PaymentRow("", "", amount, Net.CHARGED, receipt_no=number))
        if payment.method is Method.CASH or payment.stan is None or payment.kind is Kind.BALANCE:
            continue
        rows.append(
            PaymentRow(
                stan=payment.stan,
                batch_no=str(payment.facts.get("batch_no", "")),
                amount_minor=payment.amount.amount_minor,
                net=Net.UNTOLD if payment.id in untold and payment.state in CHARGED else _net(payment),
                order_no="" if payment.kind is Kind.REFUND else str(payment.facts.get("order_no", "")),
                kind=payment.kind,
            )
        )
    return tuple(rows)


def unanswered(payment: PaymentRecord) -> bool:
    """Whether it is a card's refund whose end nobody knows. Settled with its batch it stays one."""
    return payment.method is Method.CARD and is_unknown(payment)


def _net(payment: PaymentRecord) -> Net:
    if unanswered(payment):
        return Net.UNANSWERED
    return Net.CHARGED if payment.state in CHARGED else Net.OPEN if payment.state in OPEN else Net.NOT_CHARGED


def discrepancies(journal: Journal, acquirer: Acquirer) -> list[str]:
    """Where the two books differ; empty when they agree."""
    return books_agree(acquirer.book, payment_rows(all_payments(journal), untold(journal)))
