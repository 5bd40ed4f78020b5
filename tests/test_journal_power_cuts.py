"""Power cuts at any write: what was acknowledged is there, the chain holds, the projections fit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from sim.wire.disk import SECTOR, Disk, Failure, OpenFile
from terminal.journal import ChainBroken, Journal, JournalBroken, NotAJournal, Tx
from terminal.model import Method, Money, PaymentState

SALES = 12
CLOSE_EFFECTS = 26  # Of a journal with so many sales: the pages of its checkpoint, their sync, a deletion.
PATH = Path("/journal.db")


def open_journal(disk: Disk) -> Journal:
    return Journal.open(PATH, wall_ms=lambda: 1_798_000_000_000, vfs=disk.name)


def trade(journal: Journal, acknowledged: list[tuple[int, str]]) -> None:
    """Sales one after the other; what is in `acknowledged` was returned from a transaction."""
    for _ in range(SALES):
        payment = journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(1285), "01"))

        def request(tx: Tx, payment_id: int = payment.id) -> str:
            stan = tx.next_stan()
            tx.move(payment_id, PaymentState.REQUESTED, stan=stan)
            tx.seal(payment_id, "reversal", b"\x00" * 900)
            return stan

        acknowledged.append((payment.id, journal.transact(request)))
        journal.transact(lambda tx, i=payment.id: tx.move(i, PaymentState.APPROVED, rrn="123456789012"))  # type: ignore[misc]


def live(disk: Disk, cut_after: int, acknowledged: list[tuple[int, str]]) -> None:
    """Open the journal and trade until the power goes, at the latest after the last sale."""
    disk.cut_after = cut_after
    try:
        journal = open_journal(disk)
    except JournalBroken:
        return
    try:
        trade(journal, acknowledged)
        disk.cut_after = 0
        journal.transact(lambda tx: tx.count("end", limit=9))
    except JournalBroken:
        journal.close()


def cut_and_check(seed: int, *, lying: bool = False) -> tuple[int, int]:
    """Three lives, the second one cut early, while it recovers: (acknowledged, lost)."""
    disk = Disk(seed, lying=lying)
    acknowledged: list[tuple[int, str]] = []
    for life, cut_after in enumerate((disk.random.randrange(260), disk.random.randrange(12), 260)):
        live(disk, cut_after if life < 2 else disk.random.randrange(cut_after), acknowledged)
        disk.mend()
    journal = open_journal(disk)
    journal.verify()
    before = journal.transact(lambda tx: tx.payments())
    stans = [(payment.id, payment.stan) for payment in before if payment.stan]
    assert len({stan for _, stan in stans}) == len(stans), "a STAN was used twice"
    journal.rebuild()
    assert journal.transact(lambda tx: tx.payments()) == before
    lost = [pair for pair in acknowledged if pair not in stans]
    if not lost:
        assert all(journal.transact(lambda tx, i=i: tx.sealed(i, "reversal")) for i, _ in acknowledged)  # type: ignore[misc]
    journal.close()
    return len(acknowledged), len(lost)


def many(cuts: int, first: int = 0, *, lying: bool = False) -> tuple[int, int]:
    acknowledged = lost = 0
    for seed in range(first, first + cuts):
        kept, gone = cut_and_check(seed, lying=lying)
        acknowledged, lost = acknowledged + kept, lost + gone
        assert lying or not gone, f"acknowledged and lost; seed {seed}"
    return acknowledged, lost


def test_a_power_cut_loses_nothing_that_was_acknowledged() -> None:
    acknowledged, lost = many(60)
    assert lost == 0
    assert acknowledged > 100, "the cuts must come in the middle of trading"


@pytest.mark.slow
def test_two_thousand_power_cuts_lose_nothing() -> None:
    assert many(2_000, first=1_000)[1] == 0


def test_a_disk_that_lies_is_seen_by_this_test() -> None:
    """The test can fail: with a disk that only claims to sync, acknowledged sales do get lost."""
    disk = Disk(5, lying=True)
    acknowledged: list[tuple[int, str]] = []
    live(disk, 10_000, acknowledged)
    disk.mend()
    try:
        again = open_journal(disk)
    except (JournalBroken, ChainBroken, NotAJournal):
        return  # So much was lost that it is no journal any more.
    kept = {(payment.id, payment.stan) for payment in again.transact(lambda tx: tx.payments())}
    assert [pair for pair in acknowledged if pair not in kept]


def kept(disk: Disk) -> list[tuple[int, str | None]]:
    """The sales that the next start finds; the journal is whole."""
    journal = open_journal(disk)
    journal.verify()
    found = [(payment.id, payment.stan) for payment in journal.transact(lambda tx: tx.payments())]
    journal.close()
    return sorted(found)


def test_a_power_cut_at_any_moment_of_the_close_and_after_it_loses_nothing() -> None:
    """The close checkpoints and deletes the write-ahead log; its folder is not synced, so the log may come back."""
    came_back = 0
    for moment in range(CLOSE_EFFECTS + 8):  # The last ones come after it.
        disk, acknowledged = Disk(moment), list[tuple[int, str]]()
        journal = open_journal(disk)
        trade(journal, acknowledged)
        disk.cut_after = moment
        with suppress(JournalBroken):
            journal.close()
        assert disk.dead == (moment < CLOSE_EFFECTS)
        deleted = set(disk.unlinked)
        disk.mend()
        came_back += bool(deleted & disk.files.keys())
        assert kept(disk) == acknowledged, f"cut {moment} moments into the close"
    assert 0 < came_back < 8


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
@pytest.mark.parametrize("at", ["write", "sync", "delete", "folder", "close"])
def test_a_disk_that_fails_at_any_call_loses_nothing_that_was_acknowledged(at: str, error: type[apsw.Error]) -> None:
    """Full or broken: each first failure of its kind after so many effects; then a cut, and the next start."""
    failed = 0
    for after in range(0, 200, 5):
        disk, acknowledged = Disk(after), list[tuple[int, str]]()
        disk.failure = Failure(at, error, after)
        try:
            journal = open_journal(disk)
            trade(journal, acknowledged)
            journal.close()
        except JournalBroken:
            pass  # Told to whoever asked: what was not acknowledged may be there or not.
        failed += disk.failed
        disk.dead = True
        disk.mend()
        assert set(acknowledged) <= set(kept(disk)), f"{at} fails after {after} effects"
    assert failed


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
def test_a_failed_sync_ends_the_journal_until_it_is_opened_again(error: type[apsw.Error]) -> None:
    disk = Disk(1)
    journal = open_journal(disk)
    journal.transact(lambda tx: tx.set("language", "en"))
    disk.fail_sync = error
    with pytest.raises(JournalBroken, match="restart to recover"):
        journal.transact(lambda tx: tx.set("language", "zh-CN"))
    disk.fail_sync = None  # The disk seems well again; the journal must not believe it.
    with pytest.raises(JournalBroken, match="failed before"):
        journal.transact(lambda tx: tx.get("language"))
    with pytest.raises(JournalBroken):
        journal.events_after(0)
    with pytest.raises(JournalBroken):
        journal.verify()
    effects = disk.effects
    journal.close()
    assert disk.effects == effects, "a broken journal writes nothing more, not even a checkpoint"
    assert open_journal(disk).transact(lambda tx: tx.get("language")) in ("en", "zh-CN")


def test_a_disk_that_fails_while_the_journal_is_made_says_so() -> None:
    disk = Disk(1)
    disk.fail_sync = apsw.IOError
    with pytest.raises(JournalBroken):
        open_journal(disk)


# What the disk beneath does with what was not synced: these cuts would be harmless if it did less


def written(seed: int, *, lying: bool = False) -> tuple[Disk, OpenFile]:
    """A file of three synced sectors of "a", and each of them written anew with "b"."""
    disk = Disk(seed, lying=lying)
    file = disk.xOpen("/file", [apsw.SQLITE_OPEN_CREATE, 0])
    file.xWrite(b"a" * 3 * SECTOR, 0)
    file.xSync(0)
    for sector in range(3):
        file.xWrite(b"b" * SECTOR, sector * SECTOR)
    return disk, file


def after_the_cut(disk: Disk) -> bytes | None:
    disk.dead = True
    disk.mend()
    return bytes(disk.files["/file"].seen) if "/file" in disk.files else None


def fate(sector: bytes) -> str:
    kept = len(sector) - len(sector.lstrip(b"b"))
    assert sector == b"b" * kept + b"a" * (SECTOR - kept), "what was safe stands beneath"
    return {0: "lost", SECTOR: "kept"}.get(kept, "torn")


def test_each_sector_that_was_not_synced_is_lost_kept_or_torn_whatever_became_of_those_before_it() -> None:
    seen = set()
    for seed in range(400):
        found = after_the_cut(written(seed)[0]) or b""
        seen.add(tuple(fate(found[at : at + SECTOR]) for at in range(0, 3 * SECTOR, SECTOR)))
    assert len(seen) == 27, "in any order: each fate of each"


def test_what_was_synced_stays_and_on_a_lying_disk_does_not() -> None:
    for seed in range(20):
        disk, file = written(seed)
        file.xSync(0)
        assert after_the_cut(disk) == b"b" * 3 * SECTOR
    lied = set()
    for seed in range(20):
        disk, file = written(seed, lying=True)
        file.xSync(0)
        lied.add(after_the_cut(disk))
    assert len(lied) > 1


def test_a_new_name_a_deletion_and_a_truncation_last_only_once_they_are_synced() -> None:
    made, deleted, cut = set(), set(), set()
    for seed in range(40):
        disk = Disk(seed)
        disk.xOpen("/file", [apsw.SQLITE_OPEN_CREATE, 0])
        made.add(after_the_cut(disk) is None)
        for folder_is_synced in (False, True):
            disk, file = written(seed)
            disk.xDelete("/file", folder_is_synced)
            deleted.add((folder_is_synced, after_the_cut(disk) is None))
            disk, file = written(seed)
            file.xTruncate(0)
            if folder_is_synced:
                file.xSync(0)
            cut.add((folder_is_synced, after_the_cut(disk) == b""))
    assert made == {False, True}
    assert deleted == cut == {(False, False), (False, True), (True, True)}
