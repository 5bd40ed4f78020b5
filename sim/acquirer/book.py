"""The acquirer's book: what it believes of every message that moved, or could have moved, money.

A batch belongs to one terminal and holds entries by STAN and QR orders by order number. A closed batch keeps the
judgement of its settlement, so that a repeated 0500 gets the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from terminal.hostlink.messages import Totals
from terminal.hostlink.subfields import OrderState

BATCH_LIMIT = 999_999  # F60.2 has six digits; 000000 is none.
ORDERS_LIMIT = 200_000  # A soak test makes fewer; more means that somebody floods us.

TerminalId = tuple[str, str]  # Merchant number, terminal number.


class EntryState(Enum):
    APPROVED = "approved"
    DECLINED = "declined"
    REVERSED = "reversed"
    PREVENTED = "prevented"  # Its reversal came first; the sale itself is refused when it comes.


@dataclass(slots=True)
class Entry:
    """One card transaction. Amounts in minor units; `pan` never shows in a repr."""

    terminal: TerminalId
    batch_no: str
    stan: str
    amount_minor: int
    state: EntryState
    code: str
    at_ms: int
    pan: str = field(default="", repr=False)
    rrn: str = ""
    auth_code: str = ""


@dataclass(slots=True)
class Order:
    """One QR order. `payload` is what the terminal shows ("" for a scanned one)."""

    terminal: TerminalId
    order_no: str
    batch_no: str
    stan: str
    amount_minor: int
    state: OrderState
    created_ms: int
    expires_ms: int
    payload: str = ""
    wallet: str = ""
    wallet_no: str = ""
    paid_ms: int = 0
    code: str = "00"  # Why a scanned one was refused.

    @property
    def prevented(self) -> bool:
        """It was asked about (or closed) before it came: remembered without amount, never to be paid."""
        return self.amount_minor == 0


@dataclass(slots=True)
class Settlement:
    """How a batch was closed: what the terminal said, what the book says."""

    claimed: Totals
    booked: Totals
    balanced: bool
    at_ms: int


@dataclass(slots=True)
class Batch:
    terminal: TerminalId
    batch_no: str
    entries: dict[str, Entry] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    stans: set[str] = field(default_factory=set)  # Every STAN used in a 0200: a second use is a duplicate.
    settlement: Settlement | None = None

    @property
    def is_open(self) -> bool:
        return self.settlement is None

    def totals(self, *, with_qr: bool) -> Totals:
        """Approved and not reversed card sales; paid QR orders too, if the profile counts them."""
        amounts = [e.amount_minor for e in self.entries.values() if e.state is EntryState.APPROVED]
        if with_qr:
            amounts += [o.amount_minor for o in self.orders.values() if o.state is OrderState.PAID]
        return Totals(debit_minor=sum(amounts), debit_count=len(amounts))


class Book:
    """All batches of all terminals. A subclass may write each change down; see bookfile."""

    def __init__(self) -> None:
        self.batches: dict[TerminalId, dict[str, Batch]] = {}
        self.orders: dict[tuple[str, str], Order] = {}  # By merchant and order number: unique for a merchant.
        self.last_rrn = 0

    # Reading

    def current(self, terminal: TerminalId) -> Batch | None:
        """The newest batch of a terminal, open or closed."""
        batches = self.batches.get(terminal)
        return next(reversed(batches.values())) if batches else None

    def batch(self, terminal: TerminalId, batch_no: str) -> Batch | None:
        return self.batches.get(terminal, {}).get(batch_no)

    def order(self, terminal: TerminalId, order_no: str) -> Order | None:
        """An order of this very terminal."""
        order = self.orders.get((terminal[0], order_no))
        return order if order is not None and order.terminal == terminal else None

    def all_batches(self) -> Iterator[Batch]:
        for batches in self.batches.values():
            yield from batches.values()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All card transactions, oldest first within a terminal."""
        return tuple(entry for batch in self.all_batches() for entry in batch.entries.values())

    @property
    def qr_orders(self) -> tuple[Order, ...]:
        return tuple(self.orders.values())

    # Writing. `keep` is told of each change; here it does nothing.

    def open_batch(self, terminal: TerminalId) -> Batch:
        """The open batch, or the next one after a closed one."""
        current = self.current(terminal)
        if current is not None and current.is_open:
            return current
        number = 1 if current is None else int(current.batch_no) % BATCH_LIMIT + 1
        batch = Batch(terminal, f"{number:06d}")
        self.batches.setdefault(terminal, {})[batch.batch_no] = batch
        self.keep(batch)
        return batch

    def add_entry(self, batch: Batch, entry: Entry) -> None:
        batch.entries[entry.stan] = entry
        batch.stans.add(entry.stan)
        self.keep(entry)

    def add_order(self, batch: Batch, order: Order) -> None:
        batch.orders[order.order_no] = order
        self.orders[order.terminal[0], order.order_no] = order
        self.keep(order)

    def close_batch(self, batch: Batch, settlement: Settlement) -> None:
        batch.settlement = settlement
        self.keep(batch)

    def next_rrn(self, day: str) -> str:
        """F37: four digits of the date and a running number."""
        self.last_rrn += 1
        return f"{day}{self.last_rrn:08d}"

    def keep(self, row: Entry | Order | Batch) -> None:
        """A row is new or has changed."""

    def close(self) -> None: ...
