"""A book that outlives its process: each change is written to a SQLite file and read back at the next start.

Card numbers are kept as first six and last four, so the file holds none. Keys and balances are not kept: after a
restart terminals sign in again and accounts are as new; what was charged, reversed and settled stays.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from sim.acquirer.book import Batch, Book, Entry, EntryState, Order, Settlement, Signature, Upload
from terminal.hostlink.messages import Totals
from terminal.hostlink.subfields import OrderState
from terminal.model import Kind, mask_pan

VERSION = 2
_SCHEMA = """
create table if not exists batch (merchant text, terminal text, batch_no text, place integer, settlement text,
    upload text, signatures text, primary key (merchant, terminal, batch_no));
create table if not exists entry (merchant text, terminal text, batch_no text, stan text, body text,
    primary key (merchant, terminal, batch_no, stan));
create table if not exists qr_order (merchant text, order_no text, place integer, body text,
    primary key (merchant, order_no));
"""


class BookFile(Book):
    """A Book over a SQLite file. Raises sqlite3.Error for a file that is none of ours, ValueError for a newer one."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        # Only the holder of the acquirer's lock calls, from whichever thread.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._bring_up_to_date(path)
        self._load()

    def _bring_up_to_date(self, path: Path) -> None:
        """Version 1 wrote no version, and knew sales only; what it lacks has a default when it is read."""
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version > VERSION:
            self._db.close()
            raise ValueError(f"{path}: this book is of version {version}, newer than {VERSION}: use the newer program")
        known = {name for (name,) in self._db.execute("select name from sqlite_master where type = 'table'")}
        self._db.executescript(_SCHEMA)
        if version == 0 and "batch" in known:
            self._db.execute("alter table batch add column upload text")
            self._db.execute("alter table batch add column signatures text")
        self._db.execute(f"pragma user_version = {VERSION}")

    def _load(self) -> None:
        rows = self._db.execute(
            "select merchant, terminal, batch_no, settlement, upload, signatures from batch order by place"
        )
        for merchant, terminal, batch_no, settlement, upload, signatures in rows.fetchall():
            batch = Batch((merchant, terminal), batch_no)
            batch.settlement = _settlement(json.loads(settlement)) if settlement else None
            batch.upload = Upload(**json.loads(upload)) if upload else None
            batch.signatures = {s["stan"]: _signature(s) for s in json.loads(signatures or "[]")}
            self.batches.setdefault(batch.terminal, {})[batch_no] = batch
        for (body,) in self._db.execute("select body from entry order by rowid").fetchall():
            entry = _entry(json.loads(body))
            batch = self.batches[entry.terminal][entry.batch_no]
            self._file(batch, entry)
            self.last_rrn = max(self.last_rrn, int(entry.rrn[4:] or 0))
        for (body,) in self._db.execute("select body from qr_order order by place").fetchall():
            order = _order(json.loads(body))
            batch = self.batches[order.terminal][order.batch_no]
            batch.orders[order.order_no] = order
            batch.stans.add(order.stan)
            self.orders[order.terminal[0], order.order_no] = order

    def keep(self, row: Entry | Order | Batch) -> None:
        if isinstance(row, Batch):
            settlement = None if row.settlement is None else json.dumps(asdict(row.settlement))
            place = len(self.batches[row.terminal])
            upload = None if row.upload is None else json.dumps(asdict(row.upload))
            signatures = json.dumps([asdict(s) | {"image": s.image.hex()} for s in row.signatures.values()])
            self._db.execute(
                "insert into batch values (?, ?, ?, ?, ?, ?, ?) on conflict do update set settlement ="
                " excluded.settlement, upload = excluded.upload, signatures = excluded.signatures",
                (*row.terminal, row.batch_no, place, settlement, upload, signatures),
            )
            return
        body = asdict(row) | {"state": row.state.value}
        if isinstance(row, Entry):
            body |= {"pan": mask_pan(row.pan), "kind": row.kind.value}
            self._db.execute(
                "insert into entry values (?, ?, ?, ?, ?) on conflict do update set body = excluded.body",
                (*row.terminal, row.batch_no, row.stan, json.dumps(body)),
            )
            return
        self._db.execute(
            "insert into qr_order values (?, ?, ?, ?) on conflict do update set body = excluded.body",
            (row.terminal[0], row.order_no, len(self.orders), json.dumps(body)),
        )

    def close(self) -> None:
        self._db.close()


def _entry(body: dict[str, object]) -> Entry:
    kind = {"kind": Kind(body.get("kind", Kind.SALE.value))}
    return Entry(**_typed(body) | kind | {"state": EntryState(body["state"])})  # type: ignore[arg-type]  # What keep wrote.


def _order(body: dict[str, object]) -> Order:
    return Order(**_typed(body) | {"state": OrderState(body["state"])})  # type: ignore[arg-type]  # What keep wrote.


def _typed(body: dict[str, object]) -> dict[str, object]:
    """JSON has lists where the rows have tuples."""
    terminal = body["terminal"]
    if not isinstance(terminal, list):
        raise ValueError("the book's file was written by somebody else")
    return body | {"terminal": tuple(terminal)}


def _signature(body: dict[str, object]) -> Signature:
    return Signature(**body | {"image": bytes.fromhex(str(body["image"]))})  # type: ignore[arg-type]  # What keep wrote.


def _settlement(body: Mapping[str, object]) -> Settlement:
    claimed, booked = body["claimed"], body["booked"]
    if not isinstance(claimed, dict) or not isinstance(booked, dict):
        raise ValueError("the book's file was written by somebody else")
    return Settlement(Totals(**claimed), Totals(**booked), bool(body["balanced"]), int(str(body["at_ms"])))
