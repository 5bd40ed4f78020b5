"""The disk says no to the real process: at each system call on the journal it fails or is killed once, losing nothing.

strace makes the N-th write, sync, open, truncation or deletion of the journal's files fail, or kills the process as it
makes it, while a chip sale is made and settled. Whatever the process makes of it, it is started again on a disk that
works, the same people come back with the same errands, and each must end in both books exactly once. `make test` tries
some of the calls, spread over all of them; `make journal-errors` tries each, with each of these ends.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter as TallyOf
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from killed_lives import CHIP, PROCESSES, SMALL, Counter, Phase, Prepared, prepare, wrongs

pytestmark = [pytest.mark.system, pytest.mark.slow]

CALLS = ("pwrite64", "fdatasync", "fsync", "openat", "ftruncate", "unlink")
ENDS = {"EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "SIGKILL": "signal=KILL"}  # As strace has them.
SAMPLES = 12
CALLS_AT_LEAST = 100  # A sale and a settlement are some 25 commits, of some pages each.
SIGNED_IN = Phase("first run and sign-in", "")
STORY = Phase("a chip sale, settled", SIGNED_IN.name, (CHIP,), settle=True)


@dataclass(frozen=True)
class Refusal:
    """The `nth` such call fails, or is the last thing that the process does.

    It is one of the journal's own thread, or of the one that opens and closes it.
    """

    call: str
    nth: int
    end: str
    own_thread: bool

    def __str__(self) -> str:
        where = "while trading" if self.own_thread else "at opening or closing"
        return f"{self.end} at {self.call} {self.nth} {where}"


def tracer(data: Path, told: Path, *, own_thread: bool, inject: Refusal | None = None) -> tuple[str, ...]:
    """The command that watches the journal's files alone. strace counts `when` for each thread by itself."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is missing: make system-deps")
    files = (data / "journal.db", data / "journal.db-wal", data)
    watched = chain.from_iterable(("-P", str(path)) for path in files)
    signals = inject is not None and inject.end == "SIGKILL"  # Which strace does not deliver with its fast filter.
    inner = ("-f", *(() if signals else ("--seccomp-bpf",))) if own_thread else ()
    failing = ("-e", f"inject={inject.call}:{ENDS[inject.end]}:when={inject.nth}") if inject else ()
    return (strace, *inner, "-qq", "-o", str(told), *watched, "-e", f"trace={','.join(CALLS)}", *failing)


def calls_made(prepared: Prepared, folder: Path, *, own_thread: bool) -> TallyOf[str]:
    """How often the story makes each call when nothing fails."""
    counter, told = Counter(folder / f"whole-{own_thread}", prepared), folder / f"calls-{own_thread}"
    life = counter.live(STORY, under=tracer(counter.data, told, own_thread=own_thread))
    assert life.status == 0, f"strace cannot watch here, or the life failed: {life.errors[-800:]}"
    lines = told.read_text("utf-8", "replace").splitlines()
    if not own_thread:
        return TallyOf(line.split("(")[0] for line in lines)
    per_thread: dict[str, TallyOf[str]] = {}
    for line in lines:  # "4724  pwrite64(5, ...": the first thread is the one that opens and closes.
        thread, call = line.split("(")[0].split()
        per_thread.setdefault(thread, TallyOf())[call] += 1
    _, *trading = per_thread.values()
    return max(trading, key=TallyOf.total)


def every_refusal(calls: TallyOf[str], *, own_thread: bool) -> Iterator[Refusal]:
    for call, count in calls.items():
        for nth in range(1, count + 1):
            for end in ENDS:
                yield Refusal(call, nth, end, own_thread)


def spread(every: Sequence[Refusal]) -> list[Refusal]:
    """SAMPLES of them, as far from each other as may be, and each end in turn."""
    calls = len(every) // len(ENDS)
    return [every[len(ENDS) * (at * calls // SAMPLES) + at % len(ENDS)] for at in range(SAMPLES)]


def refuse_and_mend(refusal: Refusal, prepared: Prepared, folder: Path) -> list[str]:
    """One life with that failure, and another one without; what is wrong afterwards."""
    folder.mkdir()
    counter, told = Counter(folder / "data", prepared), folder / "calls"
    life = counter.live(STORY, under=tracer(counter.data, told, own_thread=refusal.own_thread, inject=refusal))
    said = "killed by SIGKILL" if refusal.end == "SIGKILL" else "(INJECTED)"
    if said not in told.read_text("utf-8", "replace"):
        return [f"nothing was refused; it ended with {life.status}: {life.errors[-500:]}"]
    sold = (CHIP, SMALL)
    mended = counter.live(Phase("", "", sold, settle=True), "--reprint")
    if mended.status != 0:
        return [f"the next start ended with {mended.status}: {mended.errors[-1500:]}"]
    return wrongs(counter, sold, mended)


def test_a_disk_that_says_no_at_a_call_of_the_journal_loses_nothing(
    tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared = prepare((SIGNED_IN,), tmp_path)[0][SIGNED_IN.name]
    every = [
        refusal
        for own_thread in (True, False)
        for refusal in every_refusal(calls_made(prepared, tmp_path, own_thread=own_thread), own_thread=own_thread)
    ]
    tried = every if os.environ.get("EVERY_CALL") else spread(every)

    def job(number: int) -> list[str]:
        folder = tmp_path / f"{number}"
        found = refuse_and_mend(tried[number], prepared, folder)
        shutil.rmtree(folder)
        return [f"{tried[number]}: {each}" for each in found]

    with ThreadPoolExecutor(PROCESSES) as pool:
        wrong = [each for found in pool.map(job, range(len(tried))) for each in found]
    record_property("kill_points", len(tried))
    with capsys.disabled():
        print(f"\nrefused or killed, and recovered, at {len(tried)} of {len(every)} calls and ends")
    assert wrong == []
    assert len(every) >= CALLS_AT_LEAST and {refusal.end for refusal in tried} == set(ENDS)
