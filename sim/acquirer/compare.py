"""Do the two books agree? The terminal's payments against the acquirer's book, row by row.

What is charged (or given back, or held) at the terminal must stand at the host as the same kind with the same amount;
everything that stands at the host must be such a row; nothing may be left open. Only two things may be either: a refund
that nobody answered, and an advice that the host did not take, which is the shop's own loss and on its settlement slip.
What moves no money, a balance, is not compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from sim.acquirer.book import Book, Entry, Order, Receipt, TerminalId
from terminal.hostlink.subfields import OrderState
from terminal.hostlink.transactions import TRANSACTIONS, Silence
from terminal.model import Kind


class Net(Enum):
    """What a payment comes to in the terminal's eyes."""

    CHARGED = "charged"  # Also when a void, which is a payment of its own, has taken it back.
    NOT_CHARGED = "not-charged"  # Declined, reversed, closed, abandoned.
    OPEN = "open"  # Not known yet: never in agreement.
    UNANSWERED = "unanswered"  # A refund: never sent again, never reversed, and on paper as such; or a part of it.
    UNTOLD = "untold"  # An advice that the host has refused, or never answered: on paper as such, too.


EITHER = (Net.UNANSWERED, Net.UNTOLD)  # The host may have it or not.


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One payment as the terminal sees it. QR payments give `order_no`; their STAN is not compared."""

    stan: str
    batch_no: str
    amount_minor: int
    net: Net
    order_no: str = ""
    kind: Kind = Kind.SALE
    receipt_no: str = ""  # Of what was paid to the printed code.


def books_agree(
    book: Book, payments: Iterable[PaymentRow], *, terminal: TerminalId | None = None
) -> list[str]:
    """The discrepancies, none when both agree. `terminal`: compare with this one's entries only."""
    found: list[str] = []
    cards: dict[tuple[str, str], PaymentRow] = {}
    orders: dict[str, PaymentRow] = {}
    payments = tuple(payments)
    found += _compare_receipts(book, [row for row in payments if row.receipt_no], terminal)
    for row in (row for row in payments if not row.receipt_no):
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
        moves = TRANSACTIONS[entry.kind].silence is not Silence.NOTHING
        if moves and (terminal is None or entry.terminal == terminal):
            found += _compare_entry(entry, cards.pop((entry.batch_no, entry.stan), None))
    for order in book.qr_orders:
        if terminal is None or order.terminal == terminal:
            found += _compare_order(order, orders.pop(order.order_no, None))
    for row in (*cards.values(), *orders.values()):
        if row.net is Net.CHARGED and TRANSACTIONS[row.kind].silence is not Silence.NOTHING:
            found.append(f"{_name(row)}: charged at the terminal, unknown at the host")
    return found


def _compare_receipts(book: Book, rows: list[PaymentRow], terminal: TerminalId | None) -> list[str]:
    """What was paid to printed codes. What a terminal was not told yet is no difference."""
    mine = [book.receipts_of(terminal)] if terminal else list(book.receipts.values())
    told: dict[str, Receipt] = {number: receipt for known in mine for number, receipt in known.items()}
    found: list[str] = []
    seen: set[str] = set()
    for row in rows:
        name, receipt = f"receipt {row.receipt_no}", told.get(row.receipt_no)
        if row.receipt_no in seen:
            found.append(f"{name}: twice at the terminal")
        seen.add(row.receipt_no)
        if receipt is None:
            found.append(f"{name}: received at the terminal, unknown at the host")
        elif receipt.amount_minor != row.amount_minor:
            found.append(f"{name}: {receipt.amount_minor} at the host, {row.amount_minor} at the terminal")
    lost = (number for number, receipt in told.items() if receipt.taken and number not in seen)
    return found + [f"receipt {number}: taken, and unknown at the terminal" for number in lost]


def _name(row: PaymentRow) -> str:
    return f"order {row.order_no}" if row.order_no else f"batch {row.batch_no} STAN {row.stan}"


def _compare_entry(entry: Entry, row: PaymentRow | None) -> list[str]:
    name = f"batch {entry.batch_no} STAN {entry.stan}"
    if row is not None and row.kind is not entry.kind:
        return [f"{name}: {entry.kind.value} at the host, {row.kind.value} at the terminal"]
    return _compare(name, entry.standing, entry.amount_minor, row)


def _compare_order(order: Order, row: PaymentRow | None) -> list[str]:
    return _compare(f"order {order.order_no}", order.state is OrderState.PAID, order.amount_minor, row)


def _compare(name: str, charged: bool, amount_minor: int, row: PaymentRow | None) -> list[str]:
    if row is None:
        return [f"{name}: charged at the host, unknown at the terminal"] if charged else []
    if charged and row.net not in (Net.CHARGED, *EITHER):
        return [f"{name}: charged at the host, {row.net.value} at the terminal"]
    if not charged and row.net is Net.CHARGED:
        return [f"{name}: charged at the terminal, not at the host"]
    in_part = row.net is Net.UNANSWERED and amount_minor < row.amount_minor
    if charged and amount_minor != row.amount_minor and not in_part:
        return [f"{name}: {amount_minor} at the host, {row.amount_minor} at the terminal"]
    return []
