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

from sim.acquirer.book import Batch, Book, Entry, EntryState, Order, Settlement
from terminal.hostlink.messages import Totals
from terminal.hostlink.subfields import OrderState
from terminal.model import mask_pan

_SCHEMA = """
create table if not exists batch (merchant text, terminal text, batch_no text, place integer, settlement text,
    primary key (merchant, terminal, batch_no));
create table if not exists entry (merchant text, terminal text, batch_no text, stan text, body text,
    primary key (merchant, terminal, batch_no, stan));
create table if not exists qr_order (merchant text, order_no text, place integer, body text,
    primary key (merchant, order_no));
"""


class BookFile(Book):
    """A Book over a SQLite file. Raises sqlite3.Error for a file that is none of ours."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        # Only the holder of the acquirer's lock calls, from whichever thread.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._db.executescript(_SCHEMA)
        self._load()

    def _load(self) -> None:
        rows = self._db.execute("select merchant, terminal, batch_no, settlement from batch order by place")
        for merchant, terminal, batch_no, settlement in rows.fetchall():
            batch = Batch((merchant, terminal), batch_no)
            batch.settlement = _settlement(json.loads(settlement)) if settlement else None
            self.batches.setdefault(batch.terminal, {})[batch_no] = batch
        for (body,) in self._db.execute("select body from entry order by rowid").fetchall():
            entry = _entry(json.loads(body))
            batch = self.batches[entry.terminal][entry.batch_no]
            batch.entries[entry.stan] = entry
            batch.stans.add(entry.stan)
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
            self._db.execute(
                "insert into batch values (?, ?, ?, ?, ?) on conflict do update set settlement = excluded.settlement",
                (*row.terminal, row.batch_no, place, settlement),
            )
            return
        body = asdict(row) | {"state": row.state.value}
        if isinstance(row, Entry):
            body["pan"] = mask_pan(row.pan)
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
    return Entry(**_typed(body) | {"state": EntryState(body["state"])})  # type: ignore[arg-type]  # What keep wrote.


def _order(body: dict[str, object]) -> Order:
    return Order(**_typed(body) | {"state": OrderState(body["state"])})  # type: ignore[arg-type]  # What keep wrote.


def _typed(body: dict[str, object]) -> dict[str, object]:
    """JSON has lists where the rows have tuples."""
    terminal = body["terminal"]
    if not isinstance(terminal, list):
        raise ValueError("the book's file was written by somebody else")
    return body | {"terminal": tuple(terminal)}


def _settlement(body: Mapping[str, object]) -> Settlement:
    claimed, booked = body["claimed"], body["booked"]
    if not isinstance(claimed, dict) or not isinstance(booked, dict):
        raise ValueError("the book's file was written by somebody else")
    return Settlement(Totals(**claimed), Totals(**booked), bool(body["balanced"]), int(str(body["at_ms"])))
