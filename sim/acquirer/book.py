"""The acquirer's book: what it believes of every message that moved, or could have moved, money.

A batch belongs to one terminal and holds entries by STAN and QR orders by order number. A closed batch keeps the
judgement of its settlement, so that a repeated 0500 gets the same answer, and what was uploaded of it afterwards.

An entry is found by its batch and STAN, by its reference number, and an authorisation by its code and date: these are
the ways in which a terminal names an original (docs/host-link.md §3). Reference numbers are unique in a book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum

from sim.acquirer.registry import Account
from terminal.hostlink.messages import Totals
from terminal.hostlink.subfields import OrderState
from terminal.hostlink.transactions import TRANSACTIONS, Effect
from terminal.model import Kind

BATCH_LIMIT = 999_999  # F60.2 has six digits; 000000 is none.
CRYPTOGRAMS_LIMIT = 100_000  # How many used ones are remembered; a replay is tried soon or never.

TerminalId = tuple[str, str]  # Merchant number, terminal number.


class EntryState(Enum):
    APPROVED = "approved"
    DECLINED = "declined"
    REVERSED = "reversed"
    PREVENTED = "prevented"  # Its reversal came first; the transaction itself is refused when it comes.
    VOIDED = "voided"  # A void stands against it: both are counted, each on its side.
    COMPLETED = "completed"  # An authorisation that has had its completion.
    PENDING = "pending"  # A refund of an order that its wallet has taken and not done: counted where it ends.


# What an entry is counted in a settlement's totals in: it has happened, whatever came after it.
STANDING = (EntryState.APPROVED, EntryState.VOIDED, EntryState.COMPLETED)
AUTHORISATIONS = (Kind.AUTH, Kind.MOTO_AUTH)


@dataclass(slots=True)
class Entry:
    """One card transaction. Amounts in minor units; `pan` never shows in a repr.

    `held_minor`: by how much it has raised (or, negative, lowered) what is held on the account. `original`: the
    reference number of the entry that it is about. `script`: what is known of the issuer script that went with its
    answer: "" none was sent, "sent", or tag DF31 of the notice in hex.
    """

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
    kind: Kind = Kind.SALE
    held_minor: int = 0
    original: str = ""
    script: str = ""
    card: str = ""  # The token of its card number (registry.token_of).
    asked_minor: int = 0  # What the request said, where only a part (`amount_minor`) was approved.
    organisation: str = ""  # Whose card it is, as its answer has said in F63.1; "" in a book of before.
    refund_no: str = ""  # Of a QR order's refund, whose number is `original`.
    eslip_key: str = field(default="", repr=False)
    ended_in: str = ""  # The batch that counts it, where that is another than its own.

    @property
    def standing(self) -> bool:
        return self.state in STANDING


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
    told: bool = False  # The merchant has had PAID for an answer: from now on it is refunded, not reversed.
    merchant_minor: int = 0  # Discounts, if it is paid: what the merchant bears,
    platform_minor: int = 0  # and what a platform pays in the customer's place.
    extra: str = ""  # What comes with the payment: a line for the slip.
    eslip_key: str = field(default="", repr=False)

    @property
    def customer_minor(self) -> int:
        """What its payer pays."""
        return self.amount_minor - self.merchant_minor - self.platform_minor

    @property
    def prevented(self) -> bool:
        """It was asked about (or closed) before it came: remembered without amount, never to be paid."""
        return self.amount_minor == 0


@dataclass(slots=True)
class Receipt:
    """What a wallet has paid to a shop's printed code. `taken`: the terminal has said that it is durable there."""

    terminal: TerminalId
    number: str
    amount_minor: int
    wallet: str
    wallet_no: str
    paid_ms: int
    taken: bool = False


@dataclass(slots=True)
class Settlement:
    """How a batch was closed: what the terminal said, what the book says, of domestic cards and of foreign ones."""

    claimed: Totals
    booked: Totals
    balanced: bool
    at_ms: int
    claimed_foreign: Totals = Totals()
    booked_foreign: Totals = Totals()


@dataclass(slots=True)
class Upload:
    """What came of a closed batch in 0320s: each record by its STAN, and what the book says otherwise."""

    stans: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    ended: bool = False


@dataclass(slots=True)
class Signature:
    """An electronic signature as far as it has come. `parts`: how many, the last one not counted."""

    stan: str
    image: bytes = field(default=b"", repr=False)
    parts: int = 0
    whole: bool = False


@dataclass(slots=True)
class Batch:
    terminal: TerminalId
    batch_no: str
    entries: dict[str, Entry] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    stans: set[str] = field(default_factory=set)  # Every STAN used about money: a second use is a duplicate.
    settlement: Settlement | None = None
    upload: Upload | None = None
    carried: dict[str, Entry] = field(default_factory=dict)  # Of earlier batches, ended in this one, by refund number.
    signatures: dict[str, Signature] = field(default_factory=dict)  # By the STAN of what was signed.

    @property
    def is_open(self) -> bool:
        return self.settlement is None

    def totals(self, *, with_qr: bool) -> Totals:
        """What stands, of whatever card."""
        return self.halves(lambda organisation: False, with_qr=with_qr)[0]

    def halves(self, is_foreign: Callable[[str], bool], *, with_qr: bool) -> tuple[Totals, Totals]:
        """What stands, by its kind's effect (docs/host-link.md §6): of domestic cards, of foreign ones.

        Paid QR orders are domestic, if the profile counts them.
        """
        sides = {(foreign, effect): [0, 0] for foreign in (False, True) for effect in (Effect.DEBIT, Effect.CREDIT)}
        own = (entry for entry in self.entries.values() if entry.ended_in in ("", self.batch_no))
        for entry in (*own, *self.carried.values()):
            effect = TRANSACTIONS[entry.kind].effect
            if entry.refund_no and not with_qr:
                continue
            if entry.standing and effect is not Effect.NONE:
                side = sides[is_foreign(entry.organisation), effect]
                side[0] += entry.amount_minor
                side[1] += 1
        if with_qr:
            amounts = [o.amount_minor for o in self.orders.values() if o.state is OrderState.PAID]
            debit = sides[False, Effect.DEBIT]
            debit[0] += sum(amounts)
            debit[1] += len(amounts)
        domestic, foreign = (
            Totals(*sides[abroad, Effect.DEBIT], *sides[abroad, Effect.CREDIT]) for abroad in (False, True)
        )
        return domestic, foreign


Row = Entry | Order | Batch | Account | Receipt


class Book:
    """All batches of all terminals. A subclass may write each change down: see bookfile and sharedbook."""

    def __init__(self) -> None:
        self.batches: dict[TerminalId, dict[str, Batch]] = {}
        self.orders: dict[tuple[str, str], Order] = {}  # By merchant and order number: unique for a merchant.
        self.receipts: dict[TerminalId, dict[str, Receipt]] = {}  # By number, oldest first.
        self.last_rrn = 0
        self._by_rrn: dict[str, Entry] = {}
        self._by_code: dict[str, list[Entry]] = {}  # Authorisations by their code.
        self._about: dict[str, list[Entry]] = {}  # By the original's reference number.
        self._seen: dict[bytes, None] = {}  # Cryptograms already used, oldest first.

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

    def entry(self, merchant_no: str, rrn: str) -> Entry | None:
        """An entry of this merchant by its reference number, of whichever of its terminals."""
        entry = self._by_rrn.get(rrn)
        return entry if entry is not None and entry.terminal[0] == merchant_no else None

    def authorisations(self, merchant_no: str, auth_code: str, date: str) -> list[Entry]:
        """Pre-authorisations of this merchant by their code, on that day (MMDD); codes come again."""
        found = self._by_code.get(auth_code, ())
        return [entry for entry in found if entry.terminal[0] == merchant_no and entry.rrn[:4] == date]

    def about(self, original: Entry) -> list[Entry]:
        """Everything that names this entry as its original, oldest first."""
        return list(self._about.get(original.rrn, ())) if original.rrn else []

    def refunds_of(self, order: Order) -> list[Entry]:
        """What was given back of an order, oldest first."""
        return [e for e in self._about.get(order.order_no, ()) if e.refund_no and e.terminal[0] == order.terminal[0]]

    def any_order(self, merchant_no: str, order_no: str) -> Order | None:
        """An order of this merchant, of whichever of its terminals: numbers are unique for a merchant."""
        return self.orders.get((merchant_no, order_no))

    def payment(self, number: str) -> Order | Entry | None:
        """A QR order by its number, or a card's transaction by its reference number, of whichever merchant."""
        found = (order for (_, order_no), order in self.orders.items() if order_no == number)
        return next(found, None) or self._by_rrn.get(number)
    def receipts_of(self, terminal: TerminalId) -> dict[str, Receipt]:
        """What was paid to this terminal's printed code, by number, oldest first."""
        return self.receipts.get(terminal, {})

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
        return current if current is not None and current.is_open else self.next_batch(terminal)

    def next_batch(self, terminal: TerminalId) -> Batch:
        """A new one, whatever became of the last."""
        current = self.current(terminal)
        number = 1 if current is None else int(current.batch_no) % BATCH_LIMIT + 1
        batch = Batch(terminal, f"{number:06d}")
        self.batches.setdefault(terminal, {})[batch.batch_no] = batch
        self.keep(batch)
        return batch

    def add_entry(self, batch: Batch, entry: Entry) -> None:
        self._file(batch, entry)
        self.keep(entry)

    def _file(self, batch: Batch, entry: Entry) -> None:
        """Put an entry where it can be found."""
        batch.entries[entry.stan] = entry
        batch.stans.add(entry.stan)
        if entry.rrn:
            self._by_rrn[entry.rrn] = entry
        if entry.kind in AUTHORISATIONS and entry.auth_code:
            self._by_code.setdefault(entry.auth_code, []).append(entry)
        if entry.original:
            self._about.setdefault(entry.original, []).append(entry)
        self._carry(entry)

    def _carry(self, entry: Entry) -> None:
        if entry.ended_in:
            self.batches[entry.terminal][entry.ended_in].carried[entry.refund_no] = entry

    def end_refund(self, entry: Entry, batch: Batch) -> None:
        """A pending refund is done, and counts in the batch in which its terminal is told so."""
        entry.state = EntryState.APPROVED
        entry.ended_in = "" if batch.batch_no == entry.batch_no else batch.batch_no
        self._carry(entry)
        self.keep(entry)

    def _unfile(self, entry: Entry) -> None:
        self._by_rrn.pop(entry.rrn, None)
        for index, key in ((self._by_code, entry.auth_code), (self._about, entry.original)):
            index[key] = [each for each in index.get(key, ()) if each is not entry]

    def add_order(self, batch: Batch, order: Order) -> None:
        batch.orders[order.order_no] = order
        self.orders[order.terminal[0], order.order_no] = order
        self.keep(order)

    def add_receipt(self, receipt: Receipt) -> None:
        self.receipts.setdefault(receipt.terminal, {})[receipt.number] = receipt
        self.keep(receipt)

    def close_batch(self, batch: Batch, settlement: Settlement) -> None:
        batch.settlement = settlement
        self.keep(batch)

    def next_rrn(self, day: str) -> str:
        """F37: four digits of the date and a running number."""
        self.last_rrn += 1
        return f"{day}{self.last_rrn:08d}"

    def first_use(self, arqc: bytes) -> bool:
        """Whether this cryptogram was never used before; from now on it was."""
        if arqc in self._seen:
            return False
        if len(self._seen) >= CRYPTOGRAMS_LIMIT:
            del self._seen[next(iter(self._seen))]
        self._seen[arqc] = None
        return True

    def message(self, terminal: TerminalId) -> AbstractContextManager[None]:
        """Around everything that is done about one message of this terminal. May raise sql.Conflict."""
        return nullcontext()

    def keep(self, row: Row) -> None:
        """A row is new or has changed."""

    def restore(self, account: Account) -> None:
        """At the start: what an earlier process has made of an account of the registry."""

    def fresh(self, account: Account) -> None:
        """Before an account is looked at: what others have made of it."""

    def keep_keys(self, terminal: TerminalId, block: str) -> None:
        """The key block of a sign-in, in hex after its F60.3 and a colon; "" after a sign-out."""

    def key_block(self, terminal: TerminalId) -> str | None:
        """What was kept; None: this book keeps none, and keys live in the process."""
        return None

    def close(self) -> None: ...
