"""The journal's file: opened once, checked, locked; transactions, verification, backup."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, TypeAlias, TypeVar, cast

import apsw

from terminal.hygiene import private_folder
from terminal.journal.errors import (
    ChainBroken,
    JournalBroken,
    JournalError,
    JournalInUse,
    JournalNewer,
    NotAJournal,
)
from terminal.journal.events import FIRST_DIGEST, Event, digest_of
from terminal.journal.schema import (
    APPLICATION_ID,
    EVENTS_TABLE,
    KINDS,
    PROJECTION_TABLES,
    PROJECTIONS,
    SCHEMA,
    SEALED_TABLE,
    current_body,
)
from terminal.journal.tx import Tx

T = TypeVar("T")
_Row: TypeAlias = tuple[int, int, str, int, str, str]

READ_LIMIT = 1000  # Events read at once; bounds the memory of verify and rebuild.
TAIL_CHECKED = 200  # Events whose chain is checked at each start: the last few sales, in milliseconds.
BACKUP_PAGES = 256  # Pages (1 MB) copied at a time.
FULL = 2  # PRAGMA synchronous


class Journal:
    """The terminal's memory. Open one, from the composition root; hand it to the loop as `transact`.

    Safe to use from several threads, one transaction at a time. After JournalBroken it refuses everything.
    `people` is asked at each event who answers for it; what it says is part of the event (`Shop.people`).
    """

    def __init__(self, db: apsw.Connection, wall_ms: Callable[[], int], lock: int | None) -> None:
        self._db = db
        self._wall_ms = wall_ms
        self.people: Callable[[], Mapping[str, str]] = dict
        self._lock = lock
        self._mutex = threading.RLock()
        self._inside = False
        self._broken: str | None = None
        self._n = 0
        self._digest = FIRST_DIGEST
        self._settings: dict[str, str | None] = {}  # As they are durable; each is read from the file once.

    @classmethod
    def open(cls, path: Path | None, *, wall_ms: Callable[[], int], vfs: str | None = None) -> Journal:
        """Open (or make) the journal at `path`; None keeps it in memory, for the simulator.

        `wall_ms` is the wall clock in milliseconds since 1970 UTC. `vfs` names an apsw VFS (the faulty one
        of the tests); the lock file is then left out, because the path is not on this machine's disk.

        Raises JournalInUse, JournalNewer, NotAJournal, ChainBroken, JournalBroken.
        """
        lock = None if path is None or vfs is not None else _private_file(path)
        journal: Journal | None = None
        try:
            name = ":memory:" if path is None else str(path)
            journal = cls(_connect(name, vfs, durable=path is not None), wall_ms, lock)
            journal._prepare()
        except BaseException as error:
            if journal is not None:
                journal._broken = "it could not be opened"
                journal.close()
            elif lock is not None:
                os.close(lock)
            if isinstance(error, apsw.NotADBError):
                raise NotAJournal("the file is not a database") from error
            if isinstance(error, apsw.BusyError):
                raise JournalInUse(Path(name)) from error
            if isinstance(error, apsw.Error):
                raise JournalBroken(f"the journal cannot be opened: {type(error).__name__}") from error
            raise
        if lock is not None and path is not None:
            _sync(path.parent)
        return journal

    def _prepare(self) -> None:
        db = self._db
        version = int(db.pragma("user_version"))
        if version > SCHEMA:
            raise JournalNewer(version, SCHEMA)
        if version == 0:
            if db.execute("SELECT count(*) FROM sqlite_schema").get:
                raise NotAJournal("the file holds other tables; it is not a journal")
            self.transact(self._make)
        elif int(db.pragma("application_id")) != APPLICATION_ID:
            raise NotAJournal("the file is a database of another program")
        elif version < SCHEMA:
            self._migrate(version)
        self._check_chain(after=max(0, self._last_n() - TAIL_CHECKED))

    def _make(self, tx: Tx) -> None:
        """All tables, what the file is, and the first event: a cut leaves an empty file or a journal."""
        tx.begin()
        self._db.execute(EVENTS_TABLE + SEALED_TABLE + PROJECTION_TABLES)
        self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA}")
        tx.begin_journal(SCHEMA)

    def _migrate(self, version: int) -> None:
        """From an older program's schema: a backup, then the projections made anew from the events, which stay.

        One transaction, so that a cut leaves the old schema with its old projections.
        """
        name = self._db.filename
        if name:
            self.backup(Path(f"{name}.schema-{version}"))
        self._check_chain(after=0)

        def work(tx: Tx) -> int:
            tx.begin()
            for table in PROJECTIONS:
                self._db.execute(f"DROP TABLE IF EXISTS {table}")  # The older one may not have had it.
            self._db.execute(PROJECTION_TABLES)
            self._db.execute(f"PRAGMA user_version = {SCHEMA}")
            return self._fold()

        self.transact(work)

    def _last_n(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(n), 0) FROM events").get)

    # Transactions

    def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction and return its value once the disk has it.

        An exception in `work` rolls everything back and is raised. An error of the engine or the disk raises
        JournalBroken; then nothing may be assumed, and only a restart may go on.
        """
        with self._mutex:
            self._check_usable()
            if self._inside:
                raise JournalError("a transaction inside a transaction")
            self._inside = True
            try:
                return self._transact(work)
            finally:
                self._inside = False

    def _transact(self, work: Callable[[Tx], T]) -> T:
        tx = Tx(self._db, self._wall_ms(), self._n, self._digest, self._settings, self.people)
        try:
            result = work(tx)
        except apsw.Error as error:
            self._break(error)
        except BaseException as raised:
            if tx.writes:
                try:
                    self._db.execute("ROLLBACK")
                except Exception:
                    self._break(raised)
            raise
        finally:
            tx.end()
        if tx.writes:
            try:
                self._db.execute("COMMIT")
            except BaseException as error:  # A VFS written in Python raises what it likes.
                self._break(error)
            self._settings.update(tx.changed)
        if tx.n != self._n:
            self._n, self._digest = tx.n, tx.digest
        return result

    def _break(self, error: BaseException) -> NoReturn:
        self._broken = type(error).__name__
        if not isinstance(error, Exception):  # A power cut of the tests, or the end of the process.
            raise error
        raise JournalBroken(f"the journal failed ({self._broken}); restart to recover") from error

    def _check_usable(self) -> None:
        if self._broken:
            raise JournalBroken(f"the journal failed before ({self._broken}); restart to recover")

    @property
    def last_n(self) -> int:
        """The number of the last event; 0 when there is none."""
        return self._n

    @property
    def counters(self) -> JournalCounters:
        """For the key room: each call is a transaction of its own, made on the caller's thread."""
        return JournalCounters(self)

    # Reading

    def events_after(self, n: int, limit: int = READ_LIMIT) -> tuple[Event, ...]:
        """At most `limit` events after number `n`, in order, in today's shape."""
        with self._mutex:
            self._check_usable()
            try:
                rows = self._rows(n, min(limit, READ_LIMIT))
            except apsw.Error as error:
                self._break(error)
        return tuple(_event(*row) for row in rows)

    def _rows(self, after: int, limit: int) -> list[_Row]:
        rows = self._db.execute(
            "SELECT n, at_ms, kind, version, body, digest FROM events WHERE n > ? ORDER BY n LIMIT ?",
            (after, limit),
        )
        return cast("list[_Row]", rows.fetchall())

    def verify(self) -> int:
        """Check SQLite's structures and the whole hash chain; the number of events.

        Raises ChainBroken with the first wrong row.
        """
        with self._mutex:
            self._check_usable()
            try:
                found = self._db.execute("PRAGMA quick_check(1)").get
                if found != "ok":
                    raise ChainBroken(0, f"the database is damaged: {found}")
                return self._check_chain(after=0)
            except apsw.Error as error:
                self._break(error)

    def _check_chain(self, *, after: int) -> int:
        """Walk the chain from event `after` to the end and remember its head."""
        digest, n = FIRST_DIGEST, after
        if after:
            digest = self._db.execute("SELECT digest FROM events WHERE n = ?", (after,)).get
            if digest is None:
                raise ChainBroken(after, "it is missing")
        while True:
            rows = self._rows(n, READ_LIMIT)
            if not rows:
                break
            for m, at_ms, kind, version, body, claimed in rows:
                if m != n + 1:
                    raise ChainBroken(n + 1, "it is missing")
                if digest_of(digest, m, at_ms, kind, version, body) != claimed:
                    raise ChainBroken(m, "its digest does not fit: the row or one before it was changed")
                if kind not in KINDS or version > KINDS[kind].version:
                    raise ChainBroken(m, f"its kind {kind!r} version {version} is not known")
                n, digest = m, claimed
        self._n, self._digest = n, digest
        return n

    def rebuild(self) -> int:
        """Empty the projections and fold all events into them again; the number of events.

        Migrations use it: they may change projections, never events. `sealed` is left alone.
        """

        def work(tx: Tx) -> int:
            tx.begin()
            self._settings.clear()
            for table in PROJECTIONS:
                self._db.execute(f"DELETE FROM {table}")
            return self._fold()

        return self.transact(work)

    def _fold(self) -> int:
        """Inside a transaction, over empty projections: every event once; the number of events."""
        n = 0
        while events := self.events_after(n):
            for event in events:
                KINDS[event.kind].project(self._db, event.at_ms, event.body)
            n = events[-1].n
        return n

    def backup(self, path: Path) -> None:
        """Copy the journal to `path` by SQLite's backup API, whole or not at all.

        Raises JournalError when the copy cannot be written; the journal itself goes on.
        """
        part = path.with_name(path.name + ".part")
        with self._mutex:
            self._check_usable()
            try:
                part.unlink(missing_ok=True)
                os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
                self._copy_to(part)
                _sync(part)
                os.replace(part, path)
                _sync(path.parent)
            except (apsw.Error, OSError) as error:
                part.unlink(missing_ok=True)
                raise JournalError(f"the backup failed: {type(error).__name__}") from error

    def _copy_to(self, path: Path) -> None:
        target = apsw.Connection(str(path))
        try:
            with target.backup("main", self._db, "main") as copy:
                while not copy.done:
                    copy.step(BACKUP_PAGES)
            target.pragma("journal_mode", "delete")  # The copy is one file, without a WAL beside it.
        finally:
            target.close()

    def close(self) -> None:
        """Close the file and let go of the lock.

        A broken journal is closed without a checkpoint: after a failed sync nothing more may be written.
        """
        with self._mutex:
            broken, self._broken = self._broken, self._broken or "closed"
            try:
                if broken:
                    _abandon(self._db)
                else:
                    self._db.close(True)
            except apsw.Error as error:
                self._break(error)
            finally:
                if self._lock is not None:
                    os.close(self._lock)
                    self._lock = None


class JournalCounters:
    """The journal's counters for whoever needs one to be durable before it goes on (`keys.dukpt.Counters`).

    Not for code inside a transaction, which has `Tx`; there a call raises JournalError.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def last(self, name: str) -> int:
        """The largest value that was ever advanced to; 0 for a name never seen."""
        return self._journal.transact(lambda tx: tx.counter(name))

    def advance(self, name: str, value: int) -> None:
        """Keep `value`: durable when this returns. Raises JournalError unless it is above the last, JournalBroken."""
        self._journal.transact(lambda tx: tx.advance(name, value))


def _event(n: int, at_ms: int, kind: str, version: int, body: str, digest: str) -> Event:
    now = current_body(kind, version, json.loads(body))
    return Event(n, at_ms, kind, version, MappingProxyType(dict(now)), digest)


def _private_file(path: Path) -> int:
    """Take the folder's lock and see that the journal is ours alone (0600); the lock's descriptor.

    SQLite would make the file with the umask's permissions. Nothing holds a lock on it yet, so closing this
    descriptor drops none.
    """
    private_folder(path.parent)
    lock = _take_lock(path.parent / "journal.lock")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    os.chmod(path, 0o600)
    return lock


def _connect(name: str, vfs: str | None, *, durable: bool) -> apsw.Connection:
    """A connection whose modes were asked for and seen to hold.

    EIO during `PRAGMA journal_mode=WAL` raises nothing, so only the mode that comes back counts.
    """
    db = apsw.Connection(name, vfs=vfs)
    try:
        db.pragma("trusted_schema", False)
        db.pragma("cell_size_check", True)
        db.pragma("secure_delete", True)  # Dropped ciphertext is overwritten, not only forgotten.
        if durable:
            wanted = (("locking_mode", "exclusive", "exclusive"), ("journal_mode", "wal", "wal"))
            for pragma, value, expected in wanted:
                found = db.pragma(pragma, value)
                if found != expected:
                    raise JournalBroken(f"{pragma} is {found!r}, not {expected!r}: the disk refused it")
            db.pragma("synchronous", FULL)
            if db.pragma("synchronous") != FULL:
                raise JournalBroken("synchronous=FULL was refused")
    except BaseException:
        _abandon(db)
        raise
    return db


def _abandon(db: apsw.Connection) -> None:
    """Close without writing anything more; the disk may be gone, so what it says does not count."""
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    with contextlib.suppress(apsw.Error):
        db.close(True)


def _take_lock(path: Path) -> int:
    """The single-instance lock, held as long as the descriptor is open; the kernel frees it when we die."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise JournalInUse(path) from None
    return descriptor


def _sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
