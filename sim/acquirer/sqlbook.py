"""A book that is written down: which row of which table each thing becomes, and back.

What changes while one message is answered is written in one transaction at its end (`message`), so that a book never
holds half of an answer. Card numbers are kept as first six and last four and as a token (`registry.token_of`), so the
database holds none. Working keys are kept as the key block that went to the terminal, under its master key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from sim.acquirer.book import (
    AUTHORISATIONS,
    Batch,
    Book,
    Entry,
    EntryState,
    Order,
    Receipt,
    Row,
    Settlement,
    Signature,
    TerminalId,
    Upload,
)
from sim.acquirer.registry import Account
from sim.acquirer.sql import Sql, Statement
from terminal.hostlink.messages import Totals
from terminal.hostlink.subfields import OrderState
from terminal.model import Kind, mask_pan

SCHEMA = (
    ("create table if not exists terminal (merchant text, terminal text, version bigint, keys text,"
    " primary key (merchant, terminal))"),
    ("create table if not exists batch (merchant text, terminal text, batch_no text, place integer, settlement text,"
    " upload text, signatures text, version bigint default 0, primary key (merchant, terminal, batch_no))"),
    ("create table if not exists entry (merchant text, terminal text, batch_no text, stan text, body text,"
    " rrn text default '', auth_code text default '', original text default '', version bigint default 0,"
    " primary key (merchant, terminal, batch_no, stan))"),
    ("create table if not exists qr_order (merchant text, order_no text, place integer, body text,"
    " terminal text default '', version bigint default 0, primary key (merchant, order_no))"),
    ("create table if not exists receipt (merchant text, terminal text, number text, body text, version bigint,"
     " primary key (merchant, terminal, number))"),
    "create table if not exists account (card text primary key, body text)",
)
_TERMINAL = (
    "insert into terminal (merchant, terminal, version, keys) values (?, ?, ?, ?)"
    " on conflict (merchant, terminal) do update set version = excluded.version, keys = excluded.keys"
)
_BATCH = (
    "insert into batch (merchant, terminal, batch_no, place, settlement, upload, signatures, version)"
    " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (merchant, terminal, batch_no) do update set"
    " settlement = excluded.settlement, upload = excluded.upload, signatures = excluded.signatures,"
    " version = excluded.version"
)
_ENTRY = (
    "insert into entry (merchant, terminal, batch_no, stan, body, rrn, auth_code, original, version)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (merchant, terminal, batch_no, stan) do update set"
    " body = excluded.body, version = excluded.version"
)
_ORDER = (
    "insert into qr_order (merchant, order_no, place, body, terminal, version) values (?, ?, ?, ?, ?, ?)"
    " on conflict (merchant, order_no) do update set body = excluded.body, version = excluded.version"
)
_RECEIPT = (
    "insert into receipt (merchant, terminal, number, body, version) values (?, ?, ?, ?, ?)"
    " on conflict (merchant, terminal, number) do update set body = excluded.body, version = excluded.version"
)
_ACCOUNT = "insert into account (card, body) values (?, ?) on conflict (card) do update set body = excluded.body"
# What a bank knows of an account beside who it is; the rest is the registry's.
_ACCOUNT_FACTS = ("balance_minor", "held_minor", "points_minor", "owed_minor", "wrong_pins", "pins_day", "sends")


class SqlBook(Book):
    """A Book over a database. Subclasses say when they read."""

    def __init__(self, sql: Sql) -> None:
        super().__init__()
        self._sql = sql
        self._versions: dict[TerminalId, int] = {}
        self._blocks: dict[TerminalId, str] = {}
        self._changed: dict[tuple[str, ...], Row] = {}
        self._inside = False

    # Writing

    @contextmanager
    def message(self, terminal: TerminalId) -> Iterator[None]:
        self._sql.begin()
        self._inside = True
        try:
            yield
            self._write()
            self._sql.commit()
        except BaseException:
            self._changed.clear()
            self._sql.rollback()
            raise
        finally:
            self._inside = False

    def keep(self, row: Row) -> None:
        self._changed[_name(row)] = row
        if not self._inside:
            self._write()  # A phone has paid: no message is being answered.

    def keep_keys(self, terminal: TerminalId, block: str) -> None:
        self._blocks[terminal] = block
        self._write_terminal(terminal)

    def key_block(self, terminal: TerminalId) -> str | None:
        return self._blocks.get(terminal, "")

    def _write(self) -> None:
        changed, self._changed = self._changed, {}
        if not changed:
            return
        terminals = {row.terminal for row in changed.values() if not isinstance(row, Account)}
        for terminal in terminals:
            self._versions[terminal] = self._versions.get(terminal, 0) + 1
        statements = [self._statement(row) for row in changed.values()]
        self._sql.write([*statements, *(self._terminal_row(terminal) for terminal in terminals)])

    def _write_terminal(self, terminal: TerminalId) -> None:
        self._versions[terminal] = self._versions.get(terminal, 0) + 1
        self._sql.write([self._terminal_row(terminal)])

    def _terminal_row(self, terminal: TerminalId) -> Statement:
        return _TERMINAL, (*terminal, self._versions[terminal], self._blocks.get(terminal, ""))

    def _statement(self, row: Row) -> Statement:
        if isinstance(row, Account):
            return _ACCOUNT, (row.card, account_body(row))
        version = self._versions[row.terminal]
        if isinstance(row, Batch):
            settlement = None if row.settlement is None else json.dumps(asdict(row.settlement))
            upload = None if row.upload is None else json.dumps(asdict(row.upload))
            signatures = json.dumps([asdict(s) | {"image": s.image.hex()} for s in row.signatures.values()])
            place = len(self.batches[row.terminal])
            return _BATCH, (*row.terminal, row.batch_no, place, settlement, upload, signatures, version)
        if isinstance(row, Receipt):
            return _RECEIPT, (*row.terminal, row.number, json.dumps(asdict(row)), version)
        body = asdict(row) | {"state": row.state.value}
        if isinstance(row, Entry):
            body |= {"pan": mask_pan(row.pan), "kind": row.kind.value}
            key = (*row.terminal, row.batch_no, row.stan)
            code = row.auth_code if row.kind in AUTHORISATIONS else ""
            return _ENTRY, (*key, json.dumps(body), row.rrn, code, row.original, version)
        return _ORDER, (row.terminal[0], row.order_no, len(self.orders), json.dumps(body), row.terminal[1], version)

    # Reading

    def take_batch(self, row: tuple[Any, ...]) -> None:
        """(merchant, terminal, batch_no, settlement, upload, signatures): a new batch, or a known one that changed."""
        merchant, terminal, batch_no, settlement, upload, signatures = row
        batches = self.batches.setdefault((merchant, terminal), {})
        batch = batches.setdefault(batch_no, Batch((merchant, terminal), batch_no))
        batch.settlement = _settlement(json.loads(settlement)) if settlement else None
        batch.upload = Upload(**json.loads(upload)) if upload else None
        batch.signatures = {each["stan"]: _signature(each) for each in json.loads(signatures or "[]")}

    def take_entry(self, entry: Entry) -> None:
        batch = self.batches[entry.terminal][entry.batch_no]
        known = batch.entries.get(entry.stan)
        if known is None:
            self._file(batch, entry)
        else:  # Whoever holds the entry sees the change.
            known.state, known.script, known.ended_in = entry.state, entry.script, entry.ended_in
            self._carry(known)

    def take_order(self, order: Order) -> None:
        batch = self.batches[order.terminal][order.batch_no]
        batch.stans.add(order.stan)
        batch.orders[order.order_no] = order
        self.orders[order.terminal[0], order.order_no] = order

    def take_receipt(self, receipt: Receipt) -> None:
        self.receipts.setdefault(receipt.terminal, {})[receipt.number] = receipt

    def take_account(self, account: Account, body: str) -> None:
        for name, value in json.loads(body).items():
            setattr(account, name, value)

    def close(self) -> None:
        self._sql.close()


def _name(row: Row) -> tuple[str, ...]:
    """What a row is called among those that changed."""
    if isinstance(row, Account):
        return ("account", row.card)
    if isinstance(row, Batch):
        return ("batch", *row.terminal, row.batch_no)
    if isinstance(row, Entry):
        return ("entry", *row.terminal, row.batch_no, row.stan)
    if isinstance(row, Receipt):
        return ("receipt", *row.terminal, row.number)
    return ("order", *row.terminal, row.order_no)


def account_body(account: Account) -> str:
    return json.dumps({name: getattr(account, name) for name in _ACCOUNT_FACTS})


def read_entry(text: str) -> Entry:
    body = json.loads(text)
    kind = Kind(body.get("kind", Kind.SALE.value))  # Version 1 knew sales only.
    return Entry(**_typed(body) | {"kind": kind, "state": EntryState(body["state"])})


def read_order(text: str) -> Order:
    body = json.loads(text)
    return Order(**_typed(body) | {"state": OrderState(body["state"])})


def read_receipt(text: str) -> Receipt:
    return Receipt(**_typed(json.loads(text)))


def _typed(body: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where the rows have tuples."""
    terminal = body["terminal"]
    if not isinstance(terminal, list):
        raise ValueError("the book was written by somebody else")
    return body | {"terminal": tuple(terminal)}


def _signature(body: dict[str, Any]) -> Signature:
    return Signature(**body | {"image": bytes.fromhex(body["image"])})


def _settlement(body: Mapping[str, Any]) -> Settlement:
    told = {name: body[name] for name in ("claimed", "booked")}
    told |= {name: body.get(name, {}) for name in ("claimed_foreign", "booked_foreign")}  # None in a book of before.
    if not all(isinstance(each, dict) for each in told.values()):
        raise ValueError("the book was written by somebody else")
    totals = {name: Totals(**each) for name, each in told.items()}
    return Settlement(balanced=bool(body["balanced"]), at_ms=int(body["at_ms"]), **totals)
