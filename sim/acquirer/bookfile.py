"""A book that outlives its process, in a SQLite file: read whole at the start, each answer's changes written at once.

One process has one file. Accounts, batches and the terminals' keys are what they were; only what waits for a phone is
forgotten.
"""

from __future__ import annotations

from pathlib import Path

from sim.acquirer.registry import Account
from sim.acquirer.sql import Sql, SqliteSql
from sim.acquirer.sqlbook import SCHEMA, SqlBook, read_entry, read_order, read_receipt

VERSION = 3
# What versions 1 (which wrote no number) and 2 lack. The defaults serve: all is read from the bodies.
_ADDED = {
    1: ("alter table batch add column upload text", "alter table batch add column signatures text"),
    2: (
        "alter table batch add column version bigint default 0",
        "alter table entry add column rrn text default ''",
        "alter table entry add column auth_code text default ''",
        "alter table entry add column original text default ''",
        "alter table entry add column version bigint default 0",
        "alter table qr_order add column terminal text default ''",
        "alter table qr_order add column version bigint default 0",
    ),
}


class BookFile(SqlBook):
    """A Book over a SQLite file. Raises sqlite3.Error for a file that is none of ours, ValueError for a newer one."""

    def __init__(self, path: Path) -> None:
        sql = SqliteSql(path)
        super().__init__(sql)
        _bring_up_to_date(sql, path)
        for merchant, terminal, version, keys in sql.rows("select merchant, terminal, version, keys from terminal"):
            self._versions[merchant, terminal], self._blocks[merchant, terminal] = version, keys
        for row in sql.rows(
            "select merchant, terminal, batch_no, settlement, upload, signatures from batch order by place"
        ):
            self.take_batch(row)
        for (body,) in sql.rows("select body from entry order by rowid"):
            entry = read_entry(body)
            self.take_entry(entry)
            self.last_rrn = max(self.last_rrn, int(entry.rrn[4:] or 0))
        for (body,) in sql.rows("select body from qr_order order by place"):
            self.take_order(read_order(body))
        for (body,) in sql.rows("select body from receipt order by number"):
            self.take_receipt(read_receipt(body))

    def restore(self, account: Account) -> None:
        for (body,) in self._sql.rows("select body from account where card = ?", account.card):
            self.take_account(account, body)


def _bring_up_to_date(sql: Sql, path: Path) -> None:
    ((version,),) = sql.rows("pragma user_version")
    if version > VERSION:
        sql.close()
        raise ValueError(f"{path}: this book is of version {version}, newer than {VERSION}: use the newer program")
    if version == 0 and sql.rows("select name from sqlite_master where name = 'batch'"):
        version = 1
    if version:
        for older in range(version, VERSION):
            sql.write([(statement, ()) for statement in _ADDED[older]])
    sql.write([(statement, ()) for statement in (*SCHEMA, f"pragma user_version = {VERSION}")])
