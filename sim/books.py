"""What the terminal's journal says was charged, beside what the acquirer's book says."""

from __future__ import annotations

from functools import partial

from sim.acquirer import Acquirer, Net, PaymentRow, books_agree
from terminal.journal import Journal, PaymentRecord, Tx
from terminal.model import Kind, Method, PaymentState

PAGE = 500
CHARGED = (PaymentState.COMPLETED, PaymentState.SETTLED)
VOIDS = tuple(kind for kind in Kind if kind.name.endswith("VOID"))
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


def payment_rows(payments: tuple[PaymentRecord, ...]) -> tuple[PaymentRow, ...]:
    """The rows that a host could know of: not cash, only what was ever asked, and no balance: it moves nothing."""
    rows: list[PaymentRow] = []
    # Once it is settled, only its void still says that a payment was taken back.
    voided = {p.facts.get("undoes") for p in payments if p.kind in VOIDS and p.state in CHARGED}
    for payment in payments:
        if payment.method is Method.CASH or payment.stan is None or payment.kind is Kind.BALANCE:
            continue
        charged = payment.state in CHARGED and payment.id not in voided
        net = Net.CHARGED if charged else Net.OPEN if payment.state in OPEN else Net.NOT_CHARGED
        rows.append(
            PaymentRow(
                stan=payment.stan,
                batch_no=str(payment.facts.get("batch_no", "")),
                amount_minor=payment.amount.amount_minor,
                net=net,
                order_no=str(payment.facts.get("order_no", "")),
            )
        )
    return tuple(rows)


def discrepancies(journal: Journal, acquirer: Acquirer) -> list[str]:
    """Where the two books differ; empty when they agree."""
    return books_agree(acquirer.book, payment_rows(all_payments(journal)))
