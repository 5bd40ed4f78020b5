"""One transaction: the only way to change the journal, and the only way flows read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TypeVar, overload

import apsw

from terminal.journal.errors import JournalError
from terminal.journal.events import JSON, canonical, digest_of
from terminal.journal.records import (
    PAYMENT_COLUMNS,
    UPLOAD_COLUMNS,
    PaymentRecord,
    SlipRecord,
    Total,
    UploadRecord,
    payment_record,
    slip_record,
    upload_record,
)
from terminal.journal.schema import KINDS, OPEN_PAYMENTS
from terminal.journal.screening import check_facts, check_json
from terminal.model import (
    MODE_EDGES,
    PAYMENT_EDGES,
    Kind,
    Method,
    Mode,
    Money,
    Notice,
    PaymentState,
    UploadState,
    check_edge,
)

D = TypeVar("D")

PAGE_LIMIT = 500  # One screenful is 6 rows; a report pages. Bounds the memory of a single question.
# A batch holds 999 transactions (F48). Nearly all are told at once; this is a day of them with the host away.
UPLOADS_LIMIT = 2_000
BODY_LIMIT = 32_768  # The longest slip is a settlement's, some 10,000 characters a strip.
SEALED_LIMIT_BYTES = 4096  # PAN, expiry and field 55 of one sale; far less than this.


class Tx:
    """A transaction, good only inside `Journal.transact`. Everything it writes becomes durable together.

    `now_ms`: the wall clock at its beginning, the time of all its events. `settings` are those that are known already
    and durable, as JSON or None for one that is not set; what is read beside them is put there. `people` says who
    answers for what is written, and is put into the body of each event.
    """

    __slots__ = ("_db", "_open", "_settings", "changed", "digest", "n", "now_ms", "people", "writes")

    def __init__(
        self,
        db: apsw.Connection,
        now_ms: int,
        n: int,
        digest: str,
        settings: dict[str, str | None],
        people: Callable[[], Mapping[str, str]],
    ) -> None:
        self._db = db
        self._open = True
        self._settings = settings
        self.now_ms = now_ms
        self.people = people
        self.n = n  # The last event, counting this transaction's own.
        self.digest = digest
        self.writes = False
        self.changed: dict[str, str | None] = {}  # Its own settings, which are durable when all of it is.

    def begin(self) -> None:
        """From here on it writes: each event sees to it. Most only read, which costs SQLite no transaction.

        The mutex and the lock of the file keep what they read the same meanwhile.
        """
        self._check_open()
        if not self.writes:
            self.writes = True  # First: a BEGIN that has failed leaves nothing that may be trusted either.
            self._db.execute("BEGIN IMMEDIATE")

    def begin_journal(self, schema: int) -> None:
        """The first event of a new journal."""
        self._append("opened", {"schema": schema})

    def end(self) -> None:
        self._open = False

    def _append(self, kind: str, body: dict[str, JSON]) -> None:
        """Write one event and let it change the projections: the same function that folds it again later."""
        self.begin()
        known, body = KINDS[kind], {**self.people(), **body}
        text = canonical(body)
        if len(text) > BODY_LIMIT:
            raise JournalError(f"an event of kind {kind!r} with more than {BODY_LIMIT} characters")
        n = self.n + 1
        digest = digest_of(self.digest, n, self.now_ms, kind, known.version, text)
        self._db.execute(
            "INSERT INTO events VALUES(?, ?, ?, ?, ?, ?)", (n, self.now_ms, kind, known.version, text, digest)
        )
        self.n, self.digest = n, digest
        known.project(self._db, self.now_ms, body)

    def _check_open(self) -> None:
        if not self._open:
            raise JournalError("this transaction has ended; its Tx may not be kept")

    def _one(self, sql: str, bindings: tuple[JSON, ...] = ()) -> tuple[JSON, ...] | None:
        self._check_open()
        row: tuple[JSON, ...] | None = self._db.execute(sql, bindings).fetchone()
        return row

    def _number(self, sql: str, bindings: tuple[JSON, ...] = ()) -> int:
        row = self._one(sql, bindings)
        return int(row[0] or 0) if row else 0

    # The terminal's mode

    @property
    def mode(self) -> Mode:
        row = self._one("SELECT mode FROM terminal")
        return Mode(row[0]) if row else Mode.BLANK

    @property
    def mode_facts(self) -> Mapping[str, str | int | bool]:
        """What was said with the last set_mode."""
        row = self._one("SELECT facts FROM terminal")
        return MappingProxyType(json.loads(row[0]) if row else {})

    def set_mode(self, mode: Mode, **facts: str | int | bool) -> None:
        """Raises IllegalEdge (and the transaction is rolled back) unless MODE_EDGES has the step."""
        old = self.mode
        check_edge(MODE_EDGES, old, mode)
        check_facts(facts)
        self._append("mode", {"from": old.value, "to": mode.value, "facts": facts})

    # Settings and counters

    @overload
    def get(self, name: str, default: None = None) -> JSON: ...
    @overload
    def get(self, name: str, default: D) -> D: ...
    def get(self, name: str, default: JSON = None) -> JSON:
        """A setting's value, or `default`. A stored value of another type than the default is an error."""
        text = self._setting(name)
        if text is None:
            return default
        value = json.loads(text)
        if isinstance(default, tuple) and isinstance(value, list):
            return tuple(value)  # JSON has no tuples.
        if default is not None and type(value) is not type(default):
            raise JournalError(f"setting {name!r} is a {type(value).__name__}, not a {type(default).__name__}")
        return value

    def set(self, name: str, value: JSON) -> None:
        """Set a setting to plain JSON without floats; None forgets it. An unchanged value writes nothing."""
        check_json(name, value)
        text = canonical(value)
        after = None if value is None else text
        if self._setting(name) == after:
            return
        self._append("setting", {"name": name, "value": json.loads(text)})
        self.changed[name] = after

    def _setting(self, name: str) -> str | None:
        """Its JSON; None when it is not set."""
        self._check_open()
        if name in self.changed:
            return self.changed[name]
        if name not in self._settings:
            row = self._one("SELECT value FROM settings WHERE name = ?", (name,))
            self._settings[name] = str(row[0]) if row else None
        return self._settings[name]

    def count(self, name: str, *, limit: int) -> int:
        """The next number of a durable counter: 1 to `limit`, then 1 again, never 0."""
        if limit < 1:
            raise JournalError("a counter's limit is at least 1")
        row = self._one("SELECT value FROM counters WHERE name = ?", (name,))
        value = row[0] + 1 if row and row[0] < limit else 1
        self._append("counted", {"name": name, "value": value})
        return int(value)

    def next_stan(self) -> str:
        """The next STAN. Committed before its message leaves, it is never used twice."""
        return f"{self.count('stan', limit=999_999):06d}"

    def counter(self, name: str) -> int:
        """A counter's last value; 0 for a name never seen."""
        return self._number("SELECT value FROM counters WHERE name = ?", (name,))

    def advance(self, name: str, value: int) -> None:
        """Take a counter that never begins anew up to `value`. Raises JournalError unless that is above its last."""
        if value <= self.counter(name):
            raise JournalError("a counter only grows")
        self._append("counted", {"name": name, "value": value})

    # Payments

    def new_payment(
        self, method: Method, amount: Money, operator: str, kind: Kind = Kind.SALE, **facts: str | int | bool
    ) -> PaymentRecord:
        """A payment in state NEW, in the current local batch (setting "batch", from 1)."""
        check_facts(facts)
        check_json("operator", operator)
        payment_id = self._number("SELECT max(id) FROM payments") + 1
        batch = self.get("batch", 1)
        self._append(
            "payment",
            {
                "id": payment_id,
                "kind": kind.value,
                "method": method.value,
                "amount_minor": amount.amount_minor,
                "currency": amount.currency.code,
                "operator": operator,
                "batch": batch,
                "facts": facts,
            },
        )
        return self.payment(payment_id)

    def move(
        self, payment_id: int, state: PaymentState, *, stan: str | None = None, **facts: str | int | bool
    ) -> PaymentRecord:
        """Take a payment to its next state; `facts` are merged into its facts.

        Raises IllegalEdge unless PAYMENT_EDGES has the step, JournalError for an unknown payment or a STAN
        that is not six digits.
        """
        check_facts(facts)
        if stan is not None and not (len(stan) == 6 and stan.isascii() and stan.isdigit()):
            raise JournalError("a STAN is six digits")
        row = self._one("SELECT state FROM payments WHERE id = ?", (payment_id,))
        if row is None:
            raise JournalError(f"there is no payment {payment_id}")
        old = PaymentState(row[0])
        check_edge(PAYMENT_EDGES, old, state)
        body: dict[str, JSON] = {"id": payment_id, "from": old.value, "to": state.value, "facts": facts}
        if stan is not None:
            body["stan"] = stan
        self._append("moved", body)
        return self.payment(payment_id)

    def reduce(self, payment_id: int, amount: Money) -> PaymentRecord:
        """Only this part of it was approved: from now on it is the payment's amount. Raises JournalError."""
        before = self.payment(payment_id).amount
        if amount.currency != before.currency or not 0 < amount.amount_minor < before.amount_minor:
            raise JournalError("a part is more than nothing and less than the whole")
        self._append("reduced", {"id": payment_id, "amount_minor": amount.amount_minor})
        return self.payment(payment_id)

    def note(self, payment_id: int, **facts: str | int | bool) -> PaymentRecord:
        """Add facts to a payment without a change of state."""
        check_facts(facts)
        self._append("noted", {"id": payment_id, "facts": facts})
        return self.payment(payment_id)

    def carry(self, payment_id: int, batch: int) -> PaymentRecord:
        """Its batch is settled and it has no end yet: it belongs to this one now. Raises JournalError."""
        if self.payment(payment_id).state not in (PaymentState.REQUESTED, PaymentState.UNKNOWN):
            raise JournalError(f"payment {payment_id} is not open: it stays in its batch")
        self._append("carried", {"id": payment_id, "batch": batch})
        return self.payment(payment_id)

    def settle(self, batch: int) -> int:
        """Every completed or voided payment of the batch becomes SETTLED, in one event; how many.

        A card's refund that nobody answered, too; a wallet's order is never settled by anything but its query.
        """
        self._append("batch-settled", {"batch": batch, "orders_stay": True})
        return self._db.changes()

    def payment(self, payment_id: int) -> PaymentRecord:
        """Raises JournalError when there is none."""
        row = self._one(f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE id = ?", (payment_id,))
        if row is None:
            raise JournalError(f"there is no payment {payment_id}")
        return payment_record(row)

    def by_stan(self, batch: int, stan: str) -> PaymentRecord | None:
        """The payment of a local batch that has this STAN (its voucher number)."""
        row = self._one(
            f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE batch = ? AND stan = ? ORDER BY id DESC LIMIT 1",
            (batch, stan),
        )
        return payment_record(row) if row else None

    def with_fact(self, name: str, value: str | int) -> tuple[PaymentRecord, ...]:
        """Payments of any batch whose fact `name` is this value, newest first, at most a page. Reads them all."""
        return self._payments("json_extract(facts, ?) = ? ORDER BY id DESC LIMIT ?", f"$.{name}", value, PAGE_LIMIT)

    def open_payments(self) -> tuple[PaymentRecord, ...]:
        """What recovery has to look at, oldest first."""
        return self._payments(f"{OPEN_PAYMENTS} ORDER BY id")

    def payments(
        self,
        *,
        batch: int | None = None,
        newest_first: bool = True,
        limit: int = PAGE_LIMIT,
        offset: int = 0,
        after: int = 0,
    ) -> tuple[PaymentRecord, ...]:
        """At most a page, of a batch or of all. `after`: only those with a greater number."""
        where, bindings = ("", (after,)) if batch is None else ("AND batch = ?", (after, batch))
        order = "DESC" if newest_first else "ASC"
        where = f"id > ? {where} ORDER BY id {order} LIMIT ? OFFSET ?"
        return self._payments(where, *bindings, min(limit, PAGE_LIMIT), offset)

    def alive_between(
        self, from_ms: int, to_ms: int, methods: Collection[Method], *, after: int = 0
    ) -> tuple[PaymentRecord, ...]:
        """Payments that were begun before `to_ms` and last changed at `from_ms` or later, oldest first; a page at most.

        `after`: only those with a greater number. Reads them all.
        """
        marks = ",".join("?" * len(methods))
        where = f"id > ? AND created_ms < ? AND changed_ms >= ? AND method IN ({marks}) ORDER BY id LIMIT ?"
        return self._payments(where, after, to_ms, from_ms, *(method.value for method in methods), PAGE_LIMIT)

    def _payments(self, where: str, *bindings: JSON) -> tuple[PaymentRecord, ...]:
        self._check_open()
        rows = self._db.execute(f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE {where}", bindings)
        return tuple(payment_record(row) for row in rows)

    def totals(self, batch: int) -> tuple[Total, ...]:
        """Counts and sums of a batch by kind, method and state, over all its payments."""
        self._check_open()
        rows = self._db.execute(
            "SELECT kind, method, state, count(*), sum(amount_minor) FROM payments WHERE batch = ?"
            " GROUP BY kind, method, state ORDER BY kind, method, state",
            (batch,),
        )
        return tuple(
            Total(Kind(kind), Method(method), PaymentState(state), int(count), int(total))
            for kind, method, state, count, total in rows
        )

    def count_payments(self, batch: int, states: Collection[PaymentState]) -> int:
        """How many payments of a batch are in one of these states."""
        marks = ",".join("?" * len(states))
        counted = f"SELECT count(*) FROM payments WHERE batch = ? AND state IN ({marks})"
        return self._number(counted, (batch, *(state.value for state in states)))

    # Slips

    def keep_slip(self, kind: str, body: Mapping[str, JSON], payment_id: int | None) -> int:
        """Keep a slip to be printed (and printed again); its number."""
        check_json("slip", body)
        slip_id = self._number("SELECT max(id) FROM slips") + 1
        self._append("slip", {"id": slip_id, "slip": kind, "payment_id": payment_id, "body": dict(body)})
        return slip_id

    def last_slip(self, kind: str | None = None, payment_id: int | None = None) -> SlipRecord | None:
        """The newest of all, of one kind, or of one payment."""
        column, value = ("kind", kind) if payment_id is None else ("payment_id", payment_id)
        where, bindings = ("", ()) if value is None else (f"WHERE {column} = ?", (value,))
        return next(iter(self._slips(f"{where} ORDER BY id DESC LIMIT 1", bindings)), None)

    def slips_from(self, slip_id: int, count: int) -> tuple[SlipRecord, ...]:
        """As many as are wanted of those that were kept from this one on, oldest first."""
        return self._slips("WHERE id >= ? ORDER BY id LIMIT ?", (slip_id, count))

    def unprinted(self) -> tuple[SlipRecord, ...]:
        """Slips whose printing was never confirmed, oldest first."""
        return self._slips("WHERE printed = 0 ORDER BY id", ())

    def _slips(self, where: str, bindings: tuple[int | str, ...]) -> tuple[SlipRecord, ...]:
        self._check_open()
        rows = self._db.execute(f"SELECT id, kind, payment_id, body, created_ms, printed FROM slips {where}", bindings)
        return tuple(slip_record(row) for row in rows)

    def slip_printed(self, slip_id: int) -> None:
        """The paper is out. Saying it twice changes nothing."""
        row = self._one("SELECT printed FROM slips WHERE id = ?", (slip_id,))
        if row is None:
            raise JournalError(f"there is no slip {slip_id}")
        if not row[0]:
            self._append("printed", {"id": slip_id})

    # Uploads

    def queue_upload(self, notice: Notice, payment_id: int, stan: str) -> int:
        """Put a notice about this payment at the queue's end; its number. Raises JournalError when it is full."""
        if self.queued_uploads() >= UPLOADS_LIMIT:
            raise JournalError(f"{UPLOADS_LIMIT} notices wait already: they must be uploaded before another is queued")
        upload_id = self._number("SELECT max(id) FROM uploads") + 1
        batch = self.payment(payment_id).batch
        body = {"id": upload_id, "notice": notice.value, "payment_id": payment_id, "batch": batch, "stan": stan}
        self._append("queued", body)
        return upload_id

    def end_upload(self, upload_id: int, state: UploadState, code: str) -> None:
        """DONE, REFUSED or UNSENT. An upload that has ended stays as it is."""
        row = self._one("SELECT state FROM uploads WHERE id = ?", (upload_id,))
        if row is None:
            raise JournalError(f"there is no upload {upload_id}")
        check_json("code", code)
        if row[0] == UploadState.QUEUED.value:
            self._append("uploaded", {"id": upload_id, "to": state.value, "code": code})

    def upload_tried(self, upload_id: int) -> None:
        """It was sent, and nobody answered."""
        self._append("upload-tried", {"id": upload_id})

    def queued_uploads(self) -> int:
        return self._number("SELECT count(*) FROM uploads WHERE state = 'queued'")

    def next_upload(self, notice: Notice | None = None) -> UploadRecord | None:
        """The oldest that waits: of all, or of one kind."""
        where, bindings = ("", ()) if notice is None else (" AND notice = ?", (notice.value,))
        row = self._one(
            f"SELECT {UPLOAD_COLUMNS} FROM uploads WHERE state = 'queued'{where} ORDER BY id LIMIT 1", bindings
        )
        return upload_record(row) if row else None

    def uploads(self, batch: int) -> tuple[UploadRecord, ...]:
        """Those of a batch, in their order."""
        self._check_open()
        rows = self._db.execute(f"SELECT {UPLOAD_COLUMNS} FROM uploads WHERE batch = ? ORDER BY id", (batch,))
        return tuple(upload_record(row) for row in rows)

    # Sealed data: ciphertext under the batch's key, in no event and in no projection

    def seal(self, payment_id: int, purpose: str, sealed: bytes) -> None:
        """Keep ciphertext for a payment until its batch is settled; it is bound to its purpose too."""
        if len(sealed) > SEALED_LIMIT_BYTES:
            raise JournalError(f"sealed data of more than {SEALED_LIMIT_BYTES} bytes")
        batch = self.payment(payment_id).batch
        self._append("sealed", {"payment_id": payment_id, "purpose": purpose})
        self._db.execute("INSERT OR REPLACE INTO sealed VALUES(?, ?, ?, ?)", (payment_id, purpose, batch, sealed))

    def sealed(self, payment_id: int, purpose: str) -> bytes | None:
        row = self._one("SELECT data FROM sealed WHERE payment_id = ? AND purpose = ?", (payment_id, purpose))
        return bytes(row[0]) if row else None

    def drop_sealed(self, batch: int) -> None:
        """Delete the batch's ciphertext; its key is destroyed by KeyStore.destroy_batch."""
        self._append("seals-dropped", {"batch": batch})
        self._db.execute("DELETE FROM sealed WHERE batch = ?", (batch,))
