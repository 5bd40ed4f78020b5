"""One book for several acquirers: in PostgreSQL, each message under a lock on its terminal.

Each process keeps what it has seen, and at the beginning of a message reads what others have changed of that terminal
since: rows carry the terminal's version. An account is locked where it is first asked for. An original of another
terminal locks that terminal too; where two do so crosswise PostgreSQL undoes one, and its message is answered anew
(`Conflict`).

Not shared are wallets on phones, activations and master keys that were downloaded: they belong to one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sim.acquirer.book import Entry, Order, TerminalId
from sim.acquirer.registry import Account
from sim.acquirer.sql import Sql
from sim.acquirer.sqlbook import SCHEMA, SqlBook, account_body, read_entry, read_order, read_receipt

_SHARED = (
    "create table if not exists cryptogram (arqc text primary key)",
    "create index if not exists entry_rrn on entry (rrn)",
    "create index if not exists entry_code on entry (auth_code) where auth_code <> ''",
    "create index if not exists entry_original on entry (original) where original <> ''",
    "create sequence if not exists rrn increment 1000",
)
_ACCOUNT = "select body from account where card = ? for update"
RRN_BLOCK = 1000  # Reference numbers that a process takes at once.
_FIRST_START = 0x5A48414E  # Any number: two processes that come up together make the tables one after the other.


class SharedBook(SqlBook):
    """A Book over a PostgreSQL that others write to as well."""

    def __init__(self, sql: Sql) -> None:
        super().__init__(sql)
        sql.rows("select pg_advisory_lock(?)", _FIRST_START)
        sql.write([(statement, ()) for statement in (*SCHEMA, *_SHARED)])
        sql.rows("select pg_advisory_unlock(?)", _FIRST_START)
        self._held: set[TerminalId] = set()
        self._last_of_block = 0

    @contextmanager
    def message(self, terminal: TerminalId) -> Iterator[None]:
        try:
            with super().message(terminal):
                self._lock(terminal)
                yield
        except BaseException:
            for each in self._held | {terminal}:
                self._forget(each)
            raise
        finally:
            self._held.clear()

    def _lock(self, terminal: TerminalId) -> None:
        """Nobody else touches this terminal until the message is answered; and what others did is read."""
        if terminal in self._held:
            return None
        found = self._sql.rows(
            "select version, keys from terminal where merchant = ? and terminal = ? for update", *terminal
        )
        if not found:
            self._sql.rows(
                "insert into terminal (merchant, terminal, version, keys) values (?, ?, 0, '')"
                " on conflict (merchant, terminal) do nothing",
                *terminal,
            )
            return self._lock(terminal)
        self._held.add(terminal)
        version, self._blocks[terminal] = found[0]
        seen = self._versions.get(terminal, -1)
        if version != seen:
            self._read(terminal, seen)
        self._versions[terminal] = version
        return None

    def _read(self, terminal: TerminalId, seen: int) -> None:
        since = (*terminal, seen)
        where = "where merchant = ? and terminal = ? and version > ?"
        columns = "merchant, terminal, batch_no, settlement, upload, signatures"
        for row in self._sql.rows(f"select {columns} from batch {where} order by place", *since):
            self.take_batch(row)
        entries = [read_entry(body) for (body,) in self._sql.rows(f"select body from entry {where}", *since)]
        for entry in sorted(entries, key=lambda each: (each.at_ms, each.rrn)):
            self.take_entry(entry)
        orders = [read_order(body) for (body,) in self._sql.rows(f"select body from qr_order {where}", *since)]
        for order in sorted(orders, key=lambda each: each.created_ms):
            self.take_order(order)
        for (body,) in self._sql.rows(f"select body from receipt {where} order by number", *since):
            self.take_receipt(read_receipt(body))

    def _forget(self, terminal: TerminalId) -> None:
        """What was changed here and not written is not true: read it all again."""
        self._versions.pop(terminal, None)
        self.receipts.pop(terminal, None)
        for batch in self.batches.pop(terminal, {}).values():
            for entry in batch.entries.values():
                self._unfile(entry)
            for order in batch.orders.values():
                self.orders.pop((terminal[0], order.order_no), None)

    # What may be another terminal's

    def entry(self, merchant_no: str, rrn: str) -> Entry | None:
        for (terminal_no,) in self._sql.rows(
            "select terminal from entry where rrn = ? and merchant = ?", rrn, merchant_no
        ):
            self._lock((merchant_no, terminal_no))
        return super().entry(merchant_no, rrn)

    def authorisations(self, merchant_no: str, auth_code: str, date: str) -> list[Entry]:
        for (terminal_no,) in self._sql.rows(
            "select distinct terminal from entry where auth_code = ? and merchant = ? order by terminal",
            auth_code,
            merchant_no,
        ):
            self._lock((merchant_no, terminal_no))
        return super().authorisations(merchant_no, auth_code, date)

    def about(self, original: Entry) -> list[Entry]:
        if not original.rrn:
            return []
        # Read only: who changes one of them holds its original's terminal, as we do. Our own may not be written yet.
        rows = self._sql.rows("select body from entry where original = ?", original.rrn)
        found = [read_entry(body) for (body,) in rows]
        mine = {entry.rrn: entry for entry in super().about(original) if entry.terminal in self._held}
        return [mine.get(entry.rrn, entry) for entry in found]

    def any_order(self, merchant_no: str, order_no: str) -> Order | None:
        known = super().any_order(merchant_no, order_no)
        if known is not None:
            return known
        found = self._sql.rows("select body from qr_order where merchant = ? and order_no = ?", merchant_no, order_no)
        return read_order(found[0][0]) if found else None

    # What is everybody's

    def fresh(self, account: Account) -> None:
        """Locked until the message is answered, so that no two spend the same money."""
        while not (found := self._sql.rows(_ACCOUNT, account.card)):
            self._sql.rows(
                "insert into account (card, body) values (?, ?) on conflict (card) do nothing",
                account.card,
                account_body(account),
            )
        self.take_account(account, found[0][0])

    def first_use(self, arqc: bytes) -> bool:
        inserted = self._sql.rows(
            "insert into cryptogram (arqc) values (?) on conflict do nothing returning arqc", arqc.hex()
        )
        return bool(inserted)

    def next_rrn(self, day: str) -> str:
        if self.last_rrn >= self._last_of_block:
            ((first,),) = self._sql.rows("select nextval('rrn')")
            self.last_rrn, self._last_of_block = first - 1, first - 1 + RRN_BLOCK
        return super().next_rrn(day)

