"""The journal's tables, the kinds of events, and how each event changes the projections.

`KINDS` is the whole vocabulary. A kind's version grows when the shape of its body changes; an upcaster then
turns the old body into the new one when it is read. Events are never rewritten. A new kind or version makes
SCHEMA grow, so that an older program refuses the file. Beside what is listed, each body may have `operator` (who is
signed in) and `approved_by` (the supervisor who has agreed to it); journals of before lack them, and nothing is
projected from them but a payment's operator.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import apsw

from terminal.journal.errors import JournalError
from terminal.journal.events import JSON, canonical
from terminal.model import OPEN_STATES, PAYMENT_EDGES, Method, PaymentState, UploadState

SCHEMA = 5  # 1: payments without a kind. 2: no uploads. 3: a settlement took wallets' open orders along. 4: nothing
# was carried into the next batch.
APPLICATION_ID = 0x5A474A4E  # "ZGJN": tells our file from any other database.

EVENTS_TABLE = """
CREATE TABLE events(
  n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL,
  body TEXT NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TRIGGER events_unchanged BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are immutable');
END; CREATE TRIGGER events_undeleted BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are
immutable'); END;
"""
SEALED_TABLE = """
CREATE TABLE sealed(
  payment_id INTEGER NOT NULL, purpose TEXT NOT NULL, batch INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY(payment_id, purpose)) STRICT;
CREATE INDEX sealed_by_batch ON sealed(batch);
"""
_OPEN = ",".join(f"'{state.value}'" for state in OPEN_STATES)
PROJECTION_TABLES = f"""
CREATE TABLE terminal(
  id INTEGER PRIMARY KEY CHECK(id = 1), mode TEXT NOT NULL, facts TEXT NOT NULL,
  changed_ms INTEGER NOT NULL) STRICT;
CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE payments(
  id INTEGER PRIMARY KEY, state TEXT NOT NULL, kind TEXT NOT NULL, method TEXT NOT NULL,
  amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, operator TEXT NOT NULL, batch INTEGER NOT NULL, stan TEXT,
  created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, facts TEXT NOT NULL) STRICT;
CREATE INDEX payments_by_batch ON payments(batch, id);
CREATE INDEX payments_open ON payments(id) WHERE state IN ({_OPEN});
CREATE TABLE slips(
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, payment_id INTEGER, body TEXT NOT NULL,
  created_ms INTEGER NOT NULL, printed INTEGER NOT NULL) STRICT;
CREATE INDEX slips_unprinted ON slips(id) WHERE printed = 0;
CREATE TABLE uploads(
  id INTEGER PRIMARY KEY, notice TEXT NOT NULL, payment_id INTEGER NOT NULL, batch INTEGER NOT NULL,
  stan TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, tries INTEGER NOT NULL) STRICT;
CREATE INDEX uploads_queued ON uploads(id) WHERE state = 'queued';
CREATE INDEX uploads_by_batch ON uploads(batch, id);
"""
# What `rebuild` empties and folds again: everything but `sealed`, which no event carries.
PROJECTIONS = ("terminal", "settings", "counters", "payments", "slips", "uploads")
OPEN_PAYMENTS = f"state IN ({_OPEN})"  # The very text of the partial index, so that SQLite uses it.
_UNKNOWN_ORDER = f"state = '{PaymentState.UNKNOWN.value}' AND method != '{Method.CARD.value}'"
_SETTLING = tuple(state.value for state, to in PAYMENT_EDGES.items() if PaymentState.SETTLED in to)

Project = Callable[[apsw.Connection, int, Mapping[str, JSON]], None]


def _opened(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    """The first event changes no projection."""


def _setting(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    if body["value"] is None:
        db.execute("DELETE FROM settings WHERE name = ?", (body["name"],))
    else:
        db.execute("INSERT OR REPLACE INTO settings VALUES(?, ?)", (body["name"], canonical(body["value"])))


def _counted(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute("INSERT OR REPLACE INTO counters VALUES(?, ?)", (body["name"], body["value"]))


def _mode(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute("INSERT OR REPLACE INTO terminal VALUES(1, ?, ?, ?)", (body["to"], canonical(body["facts"]), at_ms))


def _payment(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute(
        "INSERT INTO payments VALUES(?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)",
        (
            body["id"],
            PaymentState.NEW.value,
            body["kind"],
            body["method"],
            body["amount_minor"],
            body["currency"],
            body["operator"],
            body["batch"],
            at_ms,
            at_ms,
            canonical(body["facts"]),
        ),
    )


def _moved(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    facts = _merged(db, body["id"], body["facts"])
    db.execute(
        "UPDATE payments SET state = ?, stan = coalesce(?, stan), changed_ms = ?, facts = ? WHERE id = ?",
        (body["to"], body.get("stan"), at_ms, facts, body["id"]),
    )


def _reduced(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute(
        "UPDATE payments SET amount_minor = ?, changed_ms = ? WHERE id = ?", (body["amount_minor"], at_ms, body["id"])
    )


def _carried(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute("UPDATE payments SET batch = ?, changed_ms = ? WHERE id = ?", (body["batch"], at_ms, body["id"]))


def _noted(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    facts = _merged(db, body["id"], body["facts"])
    db.execute("UPDATE payments SET changed_ms = ?, facts = ? WHERE id = ?", (at_ms, facts, body["id"]))


def _merged(db: apsw.Connection, payment_id: int, facts: Mapping[str, JSON]) -> str:
    old = db.execute("SELECT facts FROM payments WHERE id = ?", (payment_id,)).fetchone()
    if old is None:
        raise JournalError(f"there is no payment {payment_id}")
    return canonical({**json.loads(old[0]), **facts}) if facts else str(old[0])


def _settled(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    marks = ",".join("?" * len(_SETTLING))
    but = f"AND NOT ({_UNKNOWN_ORDER})" if body["orders_stay"] else ""
    db.execute(
        f"UPDATE payments SET state = ?, changed_ms = ? WHERE batch = ? AND state IN ({marks}) {but}",
        (PaymentState.SETTLED.value, at_ms, body["batch"], *_SETTLING),
    )


def _slip(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute(
        "INSERT INTO slips VALUES(?, ?, ?, ?, ?, 0)",
        (body["id"], body["slip"], body["payment_id"], canonical(body["body"]), at_ms),
    )


def _printed(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute("UPDATE slips SET printed = 1 WHERE id = ?", (body["id"],))


def _queued(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute(
        "INSERT INTO uploads VALUES(?, ?, ?, ?, ?, ?, '', 0)",
        (body["id"], body["notice"], body["payment_id"], body["batch"], body["stan"], UploadState.QUEUED.value),
    )


def _uploaded(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute("UPDATE uploads SET state = ?, code = ? WHERE id = ?", (body["to"], body["code"], body["id"]))


def _tried(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    db.execute("UPDATE uploads SET tries = tries + 1 WHERE id = ?", (body["id"],))


def _nothing(db: apsw.Connection, at_ms: int, body: Mapping[str, JSON]) -> None:
    """Sealed data lives outside the projections; the event says only that it came or went."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`version` is the one written now; `upcast[v]` turns a body of version v into v + 1."""

    version: int
    project: Project
    upcast: Mapping[int, Callable[[Mapping[str, JSON]], Mapping[str, JSON]]]


def _with_kind(body: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Version 1 knew sales only."""
    return {**body, "kind": "sale"}


def _orders_settled(body: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Version 1 settled whatever was unknown, a wallet's order too."""
    return {**body, "orders_stay": False}


_NO_UPCAST: MappingProxyType[int, Callable[[Mapping[str, JSON]], Mapping[str, JSON]]] = MappingProxyType({})
KINDS: MappingProxyType[str, Kind] = MappingProxyType(
    {
        "opened": Kind(1, _opened, _NO_UPCAST),  # schema
        "setting": Kind(1, _setting, _NO_UPCAST),  # name, value (null: forgotten)
        "counted": Kind(1, _counted, _NO_UPCAST),  # name, value
        "mode": Kind(1, _mode, _NO_UPCAST),  # from, to, facts
        # id, kind, method, amount_minor, currency, operator, batch, facts
        "payment": Kind(2, _payment, MappingProxyType({1: _with_kind})),
        "moved": Kind(1, _moved, _NO_UPCAST),  # id, from, to, [stan], facts
        "reduced": Kind(1, _reduced, _NO_UPCAST),  # id, amount_minor: a part was approved
        "carried": Kind(1, _carried, _NO_UPCAST),  # id, batch: open over a settlement
        "noted": Kind(1, _noted, _NO_UPCAST),  # id, facts
        # batch: every completed, voided or unanswered payment of it; orders_stay: but wallets' unknown orders
        "batch-settled": Kind(2, _settled, MappingProxyType({1: _orders_settled})),
        "slip": Kind(1, _slip, _NO_UPCAST),  # id, slip (its kind), payment_id, body
        "printed": Kind(1, _printed, _NO_UPCAST),  # id of the slip
        "queued": Kind(1, _queued, _NO_UPCAST),  # id, notice, payment_id, batch, stan
        "uploaded": Kind(1, _uploaded, _NO_UPCAST),  # id, to, code
        "upload-tried": Kind(1, _tried, _NO_UPCAST),  # id: it was sent and nobody answered
        "sealed": Kind(1, _nothing, _NO_UPCAST),  # payment_id, purpose
        "seals-dropped": Kind(1, _nothing, _NO_UPCAST),  # batch
    }
)


def current_body(kind: str, version: int, body: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """The body in today's shape. Raises JournalError for a kind or version this program does not know."""
    known = KINDS.get(kind)
    if known is None or version > known.version:
        raise JournalError(f"an event of kind {kind!r} version {version} is not known to this program")
    for old in range(version, known.version):
        body = known.upcast[old](body)
    return body
