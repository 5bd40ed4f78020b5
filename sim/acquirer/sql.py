"""The one door to a database: statements with ? for values, in SQLite or in PostgreSQL.

Only what both understand is written here and in sqlbook.py: text, bigint, `on conflict`. psycopg is imported only when
a PostgreSQL is asked for (the extra "load" installs it).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

Value = str | int | None
Statement = tuple[str, tuple[Value, ...]]


class Conflict(Exception):
    """The database has undone the transaction: two wanted the same at once, or it went away. Try the whole again."""


class Sql(Protocol):
    """One connection. Outside of begin and commit each statement stands for itself."""

    def rows(self, statement: str, *values: Value) -> list[tuple[Any, ...]]: ...

    def write(self, statements: Sequence[Statement]) -> None: ...

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class SqliteSql:
    """A SQLite file. Raises sqlite3.Error for a file that is none."""

    def __init__(self, path: Path) -> None:
        # Only the holder of the acquirer's lock calls, from whichever thread.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        # A process that is killed loses nothing; a machine that is may lose the last answers, and this is no bank.
        self._db.execute("pragma synchronous=normal")

    def rows(self, statement: str, *values: Value) -> list[tuple[Any, ...]]:
        return self._db.execute(statement, values).fetchall()

    def write(self, statements: Sequence[Statement]) -> None:
        for statement, values in statements:
            self._db.execute(statement, values)

    def begin(self) -> None:
        self._db.execute("begin immediate")

    def commit(self) -> None:
        self._db.execute("commit")

    def rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")

    def close(self) -> None:
        self._db.close()


class PostgresSql:
    """A PostgreSQL by URL; statements that answer nothing travel together. Raises OSError when it cannot be reached."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise OSError("PostgreSQL needs psycopg: pip install 'zhanggui[load]'") from None
        self._psycopg = psycopg
        self._url = url
        self._db = self._connect()

    def _connect(self) -> Any:
        try:
            return self._psycopg.connect(self._url, autocommit=True, prepare_threshold=1)
        except self._psycopg.Error as error:
            raise OSError(f"the database cannot be reached: {str(error).splitlines()[0]}") from None

    def rows(self, statement: str, *values: Value) -> list[tuple[Any, ...]]:
        try:
            cursor = self._db.execute(_numbered(statement), values)
            return cursor.fetchall() if cursor.description else []
        except self._psycopg.OperationalError as error:
            raise Conflict(str(error)) from None

    def write(self, statements: Sequence[Statement]) -> None:
        try:
            with self._db.pipeline():
                for statement, values in statements:
                    self._db.execute(_numbered(statement), values)
        except self._psycopg.OperationalError as error:
            raise Conflict(str(error)) from None

    def begin(self) -> None:
        if self._db.closed:
            try:
                self._db = self._connect()
            except OSError as error:
                raise Conflict(str(error)) from None
        self.rows("begin")

    def commit(self) -> None:
        self.rows("commit")

    def rollback(self) -> None:
        if not self._db.closed:
            self._db.rollback()

    def close(self) -> None:
        self._db.close()


def _numbered(statement: str) -> str:
    return statement.replace("?", "%s")
