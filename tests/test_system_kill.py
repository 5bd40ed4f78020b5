"""A real process, killed with SIGKILL before and after each commit and each frame, started again, and set right.

The terminal is the product's own, in a process of its own, with its journal and keys on disk and TCP to an acquirer
whose book lives here and survives. After each kill the same people come back with the same errands: whatever the kill,
each errand must end in both books exactly once.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from killed_lives import CHIP, PROCESSES, QR, SMALL, Counter, Phase, Prepared, prepare, stans_used_twice, wrongs

from sim.card import PROFILES
from sim.killed.forked import ended, start
from terminal.hostlink.profile import load_profile

KILLED = -9
NOT_REACHED = "it never came to that moment"
TRIES = 3  # A slow machine polls a QR order once more in one life than in the next: the last moments may be missing.
MOMENTS_AT_LEAST = 50  # Some 20 commits, and an exchange for each of sign-in, sale, order, query and settlement.
PHASES = (
    Phase("first run and sign-in", ""),
    Phase("chip sale with PIN", "first run and sign-in", (CHIP,)),
    Phase("shown QR", "first run and sign-in", (QR,)),
    Phase("settlement", "chip sale with PIN", (CHIP,), settle=True),
)


def kill_and_mend(phase: Phase, point: str, prepared: Prepared | None, data: Path) -> list[str]:
    """Kill one process at one moment, start another, and say what is wrong afterwards."""
    counter = Counter(data, prepared)
    killed = counter.live(phase, kill_at=point)
    if killed.status == 0:
        return [NOT_REACHED]
    if killed.status != KILLED or not killed.points or killed.points[-1] != point:
        return [f"it ended with {killed.status} after {killed.points[-1:]}: {killed.errors[-500:]}"]
    leaks = card_numbers_in(data)
    mended = counter.live(Phase("", "", (*phase.sell, SMALL), settle=True), "--reprint")
    if mended.status != 0:
        return [f"the next start ended with {mended.status}: {mended.errors[-1500:]}"]
    return leaks + wrongs(counter, (*phase.sell, SMALL), mended)


def card_numbers_in(folder: Path) -> list[str]:
    """Card numbers in the clear in any file of a killed terminal, in digits or packed."""
    pans = [PROFILES[text.split(":")[2]].pan for text in (CHIP, SMALL)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [
        f"a card number in {path.name}"
        for path in files
        for pan in pans
        if pan.encode() in (data := path.read_bytes()) or bytes.fromhex(pan + "0" * (len(pan) % 2)) in data
    ]


@pytest.mark.slow
def test_a_process_killed_at_every_moment_of_a_sale_and_a_settlement(
    tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    states, points = prepare(PHASES, tmp_path)
    jobs = [(phase, point) for phase in PHASES for point in points[phase.name]]

    def job(number: int) -> list[str]:
        phase, point = jobs[number]
        found: list[str] = []
        for attempt in range(TRIES):
            folder = tmp_path / f"{number}-{attempt}"
            found = kill_and_mend(phase, point, states.get(phase.after), folder)
            shutil.rmtree(folder)
            if found != [NOT_REACHED]:
                break
        return [f"{phase.name}, killed {point}: {each}" for each in found]

    with ThreadPoolExecutor(PROCESSES) as pool:
        wrong = [each for found in pool.map(job, range(len(jobs))) for each in found]
    record_property("kill_points", len(jobs))
    counts = ", ".join(f"{phase.name} {len(points[phase.name])}" for phase in PHASES)
    with capsys.disabled():
        print(f"\nkilled with SIGKILL and recovered at {len(jobs)} moments ({counts})")
    assert wrong == []
    assert len(jobs) >= MOMENTS_AT_LEAST
    for kind in ("commit", "send", "receive"):
        for side in ("before", "after"):
            assert f"{side} {kind} 1" in points["chip sale with PIN"]


def test_the_same_stan_twice_would_be_seen() -> None:
    """The check itself can fail."""
    acquirer_frames = [(frame, 0) for frame in _two_sign_ins("000001", "000001")]
    assert stans_used_twice(acquirer_frames) == ["STAN 000001 was used twice"]
    assert stans_used_twice([(frame, 0) for frame in _two_sign_ins("000001", "000002")]) == []


@pytest.mark.slow
def test_lives_that_end_while_others_begin_end_as_they_did(tmp_path: Path) -> None:
    """Once one in fifteen was told to have ended with 255: its end had been read by another's beginning."""

    def live(number: int) -> int:
        process, heard = start(["--help"], tmp_path / str(number))
        status = ended(process)
        heard.close()
        return status

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(live, range(60))) == [0] * 60


def _two_sign_ins(*stans: str) -> list[bytes]:
    from terminal.hostlink.codec import encode
    from terminal.hostlink.frame import wrap
    from terminal.hostlink.messages import Terminal, sign_in

    profile = load_profile("unionpay")
    terminal = Terminal("898440153110001", "10000001", "000001", "001")
    return [wrap(encode(sign_in(terminal, profile, stan=stan), profile), profile) for stan in stans]
