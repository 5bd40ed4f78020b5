"""Do the two books agree? The terminal's payments against the acquirer's book, row by row.

A charged row must stand at the host with the same amount; everything that stands at the host must be a charged row;
nothing may be left open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from sim.acquirer.book import Book, Entry, EntryState, Order, TerminalId
from terminal.hostlink.subfields import OrderState
from terminal.model import Kind


class Net(Enum):
    """What a payment comes to in the terminal's eyes."""

    CHARGED = "charged"
    NOT_CHARGED = "not-charged"  # Declined, reversed, closed, abandoned.
    OPEN = "open"  # Not known yet: never in agreement.


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One payment as the terminal sees it. QR payments give `order_no`; their STAN is not compared."""

    stan: str
    batch_no: str
    amount_minor: int
    net: Net
    order_no: str = ""


def books_agree(
    book: Book, payments: Iterable[PaymentRow], *, terminal: TerminalId | None = None
) -> list[str]:
    """The discrepancies, none when both agree. `terminal`: compare with this one's entries only."""
    found: list[str] = []
    cards: dict[tuple[str, str], PaymentRow] = {}
    orders: dict[str, PaymentRow] = {}
    for row in payments:
        name = _name(row)
        if row.net is Net.OPEN:
            found.append(f"{name}: open at the terminal")
        key_taken = row.order_no in orders if row.order_no else (row.batch_no, row.stan) in cards
        if key_taken:
            found.append(f"{name}: twice at the terminal")
        if row.order_no:
            orders[row.order_no] = row
        else:
            cards[row.batch_no, row.stan] = row
    for entry in book.entries:
        if terminal is None or entry.terminal == terminal:
            found += _compare_entry(entry, cards.pop((entry.batch_no, entry.stan), None))
    for order in book.qr_orders:
        if terminal is None or order.terminal == terminal:
            found += _compare_order(order, orders.pop(order.order_no, None))
    for row in (*cards.values(), *orders.values()):
        if row.net is Net.CHARGED:
            found.append(f"{_name(row)}: charged at the terminal, unknown at the host")
    return found


def _name(row: PaymentRow) -> str:
    return f"order {row.order_no}" if row.order_no else f"batch {row.batch_no} STAN {row.stan}"


def _compare_entry(entry: Entry, row: PaymentRow | None) -> list[str]:
    name = f"batch {entry.batch_no} STAN {entry.stan}"
    stands = entry.state in (EntryState.APPROVED, EntryState.COMPLETED) and entry.kind is not Kind.BALANCE
    return _compare(name, stands, entry.amount_minor, row)


def _compare_order(order: Order, row: PaymentRow | None) -> list[str]:
    return _compare(f"order {order.order_no}", order.state is OrderState.PAID, order.amount_minor, row)


def _compare(name: str, charged: bool, amount_minor: int, row: PaymentRow | None) -> list[str]:
    if row is None:
        return [f"{name}: charged at the host, unknown at the terminal"] if charged else []
    if charged and row.net is not Net.CHARGED:
        return [f"{name}: charged at the host, {row.net.value} at the terminal"]
    if not charged and row.net is Net.CHARGED:
        return [f"{name}: charged at the terminal, not at the host"]
    if charged and amount_minor != row.amount_minor:
        return [f"{name}: {amount_minor} at the host, {row.amount_minor} at the terminal"]
    return []
