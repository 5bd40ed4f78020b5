"""The journal's file: its lock, permissions, modes, chain, versions and backup. And a process that is killed."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from terminal.journal import (
    ChainBroken,
    Journal,
    JournalBroken,
    JournalError,
    JournalInUse,
    JournalNewer,
    NotAJournal,
    Tx,
)
from terminal.journal.events import FIRST_DIGEST, digest_of
from terminal.journal.schema import APPLICATION_ID, SCHEMA
from terminal.model import Kind, Method, Money, Notice, PaymentState


def wall_ms() -> int:
    return 1_798_000_000_000


def filled(path: Path, sales: int = 5) -> None:
    journal = Journal.open(path, wall_ms=wall_ms)
    for _ in range(sales):
        journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(100), "01"))
    journal.close()


def edit(path: Path, sql: str) -> None:
    """Change the file behind the journal's back, as an accident would."""
    with apsw.Connection(str(path)) as db:
        db.execute(sql)
    db.close()


# Opening


def test_only_one_may_hold_the_journal(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    with pytest.raises(JournalInUse, match="in use by another process"):
        Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    script = (
        "import sys; from pathlib import Path; from terminal.journal import *\n"
        "try: Journal.open(Path(sys.argv[1]), wall_ms=lambda: 1)\n"
        "except JournalInUse: sys.exit(42)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "journal.db")]
    assert subprocess.run(command, check=False).returncode == 42
    journal.transact(lambda tx: tx.set("still", "mine"))
    journal.close()
    Journal.open(tmp_path / "journal.db", wall_ms=wall_ms).close()


def test_a_failed_open_lets_go_of_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is no database at all" * 100)
    for _ in range(2):
        with pytest.raises(NotAJournal):
            Journal.open(path, wall_ms=wall_ms)
    path.unlink()
    Journal.open(path, wall_ms=wall_ms).close()


def test_files_and_folder_are_the_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = tmp_path / "data" / "journal.db"
        journal = Journal.open(path, wall_ms=wall_ms)
        journal.transact(lambda tx: tx.set("a", 1))
        for name in ("journal.db", "journal.db-wal", "journal.lock"):
            assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600, name
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        journal.close()
    finally:
        os.umask(old)


def test_a_journal_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    path.chmod(0o644)
    Journal.open(path, wall_ms=wall_ms).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_engine_runs_in_the_modes_that_were_asked_for(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    modes = {name: journal._db.pragma(name) for name in ("journal_mode", "synchronous", "locking_mode")}
    assert modes == {"journal_mode": "wal", "synchronous": 2, "locking_mode": "exclusive"}
    journal.close()


def test_a_disk_that_refuses_wal_is_refused() -> None:
    """A VFS of version 1 has no shared memory; without it and without exclusive mode there is no WAL."""
    from sim.wire.disk import Disk, OpenFile

    class NoWal(Disk):
        def xOpen(self, name: object, flags: list[int]) -> OpenFile:
            if flags[0] & apsw.SQLITE_OPEN_WAL:
                raise apsw.CantOpenError
            return super().xOpen(name, flags)

    with pytest.raises(JournalBroken):
        Journal.open(Path("/journal.db"), wall_ms=wall_ms, vfs=NoWal(1).name)


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path, 3)
    journal = Journal.open(path, wall_ms=wall_ms)
    assert len(journal.transact(lambda tx: tx.payments())) == 3
    assert journal.verify() == 4
    assert journal.transact(lambda tx: tx.new_payment(Method.CASH, Money(1), "01")).id == 4
    assert journal.verify() == 5
    journal.close()


# Other people's files


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    edit(path, f"PRAGMA user_version = {SCHEMA + 1}")
    with pytest.raises(JournalNewer, match="install the newer program"):
        Journal.open(path, wall_ms=wall_ms)


@pytest.mark.parametrize("sql", ["CREATE TABLE other(a)", "CREATE TABLE other(a); PRAGMA user_version = 1"])
def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "journal.db"
    edit(path, sql)
    with pytest.raises(NotAJournal):
        Journal.open(path, wall_ms=wall_ms)
    db = apsw.Connection(str(path))
    assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("other",)]
    db.close()


# The chain

UNLOCKED = "DROP TRIGGER events_unchanged; DROP TRIGGER events_undeleted; "


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("UPDATE events SET body = replace(body, '100', '900') WHERE n = 3", 3),
        ("UPDATE events SET at_ms = at_ms + 1 WHERE n = 4", 4),
        ("UPDATE events SET kind = 'noted' WHERE n = 2", 2),
        ("DELETE FROM events WHERE n = 5", 5),
        ("DELETE FROM events WHERE n = 1", 1),
        ("UPDATE events SET n = 99 WHERE n = 6", 6),
        ("UPDATE events SET digest = lower(hex(zeroblob(32))) WHERE n = 6", 6),
    ],
)
def test_verify_names_the_first_wrong_row(tmp_path: Path, sql: str, row: int) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    edit(path, UNLOCKED + sql)
    with pytest.raises(ChainBroken) as caught:  # Six events: all of them are checked at the start.
        Journal.open(path, wall_ms=wall_ms)
    assert caught.value.n == row


def test_a_change_behind_the_running_journal_is_found(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    for _ in range(5):
        journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(100), "01"))
    journal._db.execute(UNLOCKED + "UPDATE events SET body = '{}' WHERE n = 4")
    with pytest.raises(ChainBroken, match="event 4"):
        journal.verify()
    journal.close()


def test_an_unknown_kind_of_event_is_refused(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    from terminal.journal.events import digest_of

    last = journal.events_after(0)[-1]
    digest = digest_of(last.digest, 2, 1, "from-the-future", 1, "{}")
    journal._db.execute("INSERT INTO events VALUES(2, 1, 'from-the-future', 1, '{}', ?)", (digest,))
    with pytest.raises(ChainBroken, match="not known"):
        journal.verify()
    with pytest.raises(JournalError, match="not known"):
        journal.events_after(1)
    journal.close()


def test_events_can_be_neither_changed_nor_deleted(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    for sql in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
        with pytest.raises(apsw.ConstraintError, match="immutable"):
            journal._db.execute(sql)
    journal.close()


def test_events_are_read_in_pieces(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    journal.transact(lambda tx: [tx.count("stan", limit=99) for _ in range(9)])
    assert [event.n for event in journal.events_after(4, limit=3)] == [5, 6, 7]
    assert [event.n for event in journal.events_after(9)] == [10]
    assert journal.events_after(10) == ()
    journal.close()


# Backup


def test_a_backup_is_a_whole_journal_in_one_private_file(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    journal.transact(lambda tx: [tx.count("stan", limit=999) for _ in range(400)])
    copy = tmp_path / "copies" / "journal.db"
    copy.parent.mkdir()
    journal.backup(copy)
    journal.transact(lambda tx: tx.count("stan", limit=999))
    journal.backup(copy)  # Over the older one.
    assert sorted(path.name for path in copy.parent.iterdir()) == ["journal.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    restored = Journal.open(copy, wall_ms=wall_ms)
    assert restored.verify() == journal.verify() == 402
    assert restored.transact(lambda tx: tx.count("stan", limit=999)) == 402
    restored.close()
    journal.close()


def test_a_backup_that_cannot_be_written_leaves_the_journal_usable(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", wall_ms=wall_ms)
    with pytest.raises(JournalError):
        journal.backup(tmp_path / "absent" / "copy.db")
    journal.transact(lambda tx: tx.set("a", 1))
    journal.close()


def test_the_application_id_tells_what_the_file_is(tmp_path: Path) -> None:
    filled(tmp_path / "journal.db")
    assert (tmp_path / "journal.db").read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big")


# A real process

COUNTING = """
import sys
from pathlib import Path
from terminal.journal import Journal
journal = Journal.open(Path(sys.argv[1]), wall_ms=lambda: 1_798_000_000_000)
while True:
    print(journal.transact(lambda tx: tx.count("stan", limit=999_999)), flush=True)
"""


def counting(path: Path, *before: str) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-c", COUNTING, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_process_loses_nothing_it_has_said(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    said = 0
    for life in range(3):
        process = counting(path)
        assert process.stdout is not None
        with process:
            for _ in range(20 + 7 * life):
                said = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
            said = int(rest[-1]) if rest else said
        journal = Journal.open(path, wall_ms=wall_ms)
        next_one = journal.transact(lambda tx: tx.count("stan", limit=999_999))
        journal.verify()
        journal.close()
        assert next_one in (said + 1, said + 2), "the last one may have been durable and not yet said"


@pytest.mark.system
@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC", "signal=KILL"])
def test_a_real_sync_that_fails_ends_the_process_and_loses_nothing(tmp_path: Path, fault: str) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is missing: make system-deps")
    path = tmp_path / "journal.db"
    for when in (2, 5, 9):
        inject = f"inject=fsync,fdatasync:{fault}:when={when}+"
        traced = (strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject)
        process = counting(path, *traced)
        try:
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
        said = [int(line) for line in out.split()]
        assert process.returncode != 0
        if "signal" not in fault:
            assert "JournalBroken" in err
        journal = Journal.open(path, wall_ms=wall_ms)
        journal.verify()

        def last(tx: Tx) -> int:
            return tx.count("stan", limit=999_999)

        assert journal.transact(last) > (said[-1] if said else 0)
        journal.close()


def test_a_journal_from_before_its_rows_named_people_goes_on_with_them(tmp_path: Path) -> None:
    """Old rows stay as they are and verify; the schema is the same, so that the older program opens it again too."""
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, wall_ms=lambda: 1_000)) as journal:
        journal.transact(lambda tx: tx.set("language", "en"))
    with closing(Journal.open(path, wall_ms=lambda: 2_000)) as journal:
        journal.people = lambda: {"operator": "02", "approved_by": "01"}
        number = journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(100), "03")).id
        journal.transact(lambda tx: tx.settle(1))
    with closing(Journal.open(path, wall_ms=lambda: 3_000)) as journal:
        bodies = [event.body for event in journal.events_after(0)]
        assert [(body.get("operator"), body.get("approved_by")) for body in bodies] == [
            (None, None), (None, None), ("03", "01"), ("02", "01"),
        ]  # fmt: skip
        journal.verify()
        before = journal.transact(lambda tx: tx.payment(number))
        journal.rebuild()
        assert journal.transact(lambda tx: tx.payment(number)) == before


def test_a_journal_of_sales_only_becomes_one_with_kinds(tmp_path: Path) -> None:
    """Schema 1 had payments without a kind. Its events stay, its projections are made anew, a backup comes first."""
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, wall_ms=lambda: 1_000)) as journal:
        number = journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(100), "01")).id
        journal.transact(lambda tx: tx.move(number, PaymentState.REQUESTED, stan="000001"))
    old_body = '{"amount_minor":100,"batch":1,"currency":"CNY","facts":{},"id":1,"method":"card","operator":"01"}'
    age(path, old_body)
    with closing(Journal.open(path, wall_ms=lambda: 2_000)) as journal:
        found = journal.transact(lambda tx: tx.payment(number))
        assert (found.kind, found.state, found.stan) == (Kind.SALE, PaymentState.REQUESTED, "000001")
        assert journal.events_after(0)[1].body["kind"] == "sale"
        assert journal.transact(lambda tx: tx.queue_upload(Notice.ADVICE, number, "000001")) == 1
        journal.verify()
    kept = apsw.Connection(str(tmp_path / "journal.db.schema-1"))
    assert kept.pragma("user_version") == 1


def age(path: Path, body: str) -> None:
    """Make the file what version 1 would have written: the payment's event without a kind, and its tables."""
    rewrite(path, "payment", 1, body, schema=1)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("ALTER TABLE payments DROP COLUMN kind")
        db.execute("DROP TABLE uploads")


def rewrite(path: Path, wanted: str, version: int, body: str, *, schema: int) -> None:
    """Every event of one kind as an older program would have written it, in a file of its schema."""
    db = apsw.Connection(str(path))
    rows = db.execute("SELECT n, at_ms, kind, version, body FROM events ORDER BY n").get
    db.execute("DROP TRIGGER events_unchanged")
    digest = FIRST_DIGEST
    for n, at_ms, kind, written, text in rows:
        if kind == wanted:
            written, text = version, body
        digest = digest_of(digest, n, at_ms, kind, written, text)
        db.execute("UPDATE events SET version = ?, body = ?, digest = ? WHERE n = ?", (written, text, digest, n))
    db.execute(
        "CREATE TRIGGER events_unchanged BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are immutable'); END"
    )
    db.pragma("user_version", schema)
    db.close()


def test_a_settlement_of_before_took_unknown_orders_along_and_one_of_today_leaves_them(tmp_path: Path) -> None:
    """Schema 3 settled a wallet's unknown order, which nobody then asked about any more. What it did stays done."""
    path = tmp_path / "journal.db"
    with closing(Journal.open(path, wall_ms=lambda: 1_000)) as journal:

        def unknown(tx: Tx) -> int:
            number = tx.new_payment(Method.QR_SHOWN, Money(100), "01").id
            tx.move(number, PaymentState.REQUESTED, stan="000001")
            return tx.move(number, PaymentState.UNKNOWN).id

        number = journal.transact(unknown)
        journal.transact(lambda tx: tx.settle(1))
        assert journal.transact(lambda tx: tx.payment(number)).state is PaymentState.UNKNOWN
        journal.verify()
    rewrite(path, "batch-settled", 1, '{"batch":1}', schema=3)
    with closing(Journal.open(path, wall_ms=lambda: 2_000)) as journal:
        assert journal.transact(lambda tx: tx.payment(number)).state is PaymentState.SETTLED
        journal.verify()
