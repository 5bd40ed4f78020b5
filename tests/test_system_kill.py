"""A real process, killed with SIGKILL before and after each commit and each frame, started again, and set right.

The terminal is the product's own, in a process of its own, with its journal and keys on disk and TCP to an acquirer
whose book lives here and survives. Each phase begins on a copy of a prepared data folder, and with an acquirer that
was brought to the same point by the same frames. After each kill the same people come back with the same errands:
whatever the kill, each errand must end in both books exactly once.
"""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sim.acquirer import Acquirer
from sim.acquirer.book import EntryState
from sim.acquirer.server import AcquirerServer
from sim.acquirer.wallets import WalletKind
from sim.books import all_payments, discrepancies
from sim.card import PROFILES
from sim.killed.forked import start
from sim.phone import Phone
from terminal.hostlink.codec import decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import load_profile
from terminal.hostlink.subfields import OrderState
from terminal.journal import Journal

KILLED = -9
PROCESSES = 2  # At once. More would make a slow machine look like a broken display.
PATIENCE_S = 90
NOT_REACHED = "it never came to that moment"
TRIES = 3  # A slow machine polls a QR order once more in one life than in the next: the last moments may be missing.
CHIP, QR, SMALL = "12850:card:unionpay-credit-pin", "4200:qr-shown:wechat", "310:card:no-cvm"
MOMENTS_AT_LEAST = 50  # Some 20 commits, and an exchange for each of sign-in, sale, order, query and settlement.


@dataclass(frozen=True)
class Phase:
    """What people come for, on a terminal prepared by another phase ("": a new one)."""

    name: str
    after: str
    sell: tuple[str, ...] = ()
    settle: bool = False


PHASES = (
    Phase("first run and sign-in", ""),
    Phase("chip sale with PIN", "first run and sign-in", (CHIP,)),
    Phase("shown QR", "first run and sign-in", (QR,)),
    Phase("settlement", "chip sale with PIN", (CHIP,), settle=True),
)


@dataclass
class Life:
    """How one process ended and what it said."""

    status: int
    points: list[str] = field(default_factory=list)
    done: dict[str, Any] = field(default_factory=dict)
    errors: str = ""


@dataclass(frozen=True)
class Prepared:
    data: Path
    frames: tuple[tuple[bytes, int], ...]  # What the acquirer has seen, and when.


class Counter:
    """One acquirer on a socket, its customer's phone, and the terminals that are started before it."""

    def __init__(self, data: Path, prepared: Prepared | None) -> None:
        self.data = data
        self.frames: list[tuple[bytes, int]] = []
        self.acquirer = Acquirer(seed=1)
        self._phone = Phone(self.acquirer.gateway)
        if prepared is None:
            data.mkdir()
            return
        shutil.copytree(prepared.data, data)
        for frame, at_ms in prepared.frames:
            self.acquirer.handle(frame, at_ms)
            self.frames.append((frame, at_ms))

    def live(self, phase: Phase, *options: str, kill_at: str = "") -> Life:
        """One life of the process, from power on to its end."""
        words = [word for text in phase.sell for word in ("--sell", text)] + ["--settle"] * phase.settle
        server = AcquirerServer(self.acquirer, on_exchange=lambda way, frame: self._seen(server, way, frame))
        with server:
            words = ["--data", str(self.data), "--port", str(server.port), *words, *options, "--kill-at", kill_at]
            errors = self.data.with_name(self.data.name + ".errors")
            process, heard = start(words, errors)
            patience = threading.Timer(PATIENCE_S, process.terminate)
            patience.start()
            life = Life(0)
            with open(heard.fileno(), encoding="utf-8", closefd=False) as lines:
                for line in lines:
                    self._hear(server, life, json.loads(line))
            process.join()
            heard.close()
            patience.cancel()
            life.errors = errors.read_text("utf-8", "replace")
            life.status = process.exitcode or 0
            errors.unlink()
        return life

    def _seen(self, server: AcquirerServer, way: str, frame: bytes) -> None:
        if way == "in":
            self.frames.append((frame, server.clock()))

    def _hear(self, server: AcquirerServer, life: Life, said: dict[str, Any]) -> None:
        if "point" in said:
            life.points.append(said["point"])
        elif "look" in said:
            payload = self._phone.look(bytes.fromhex(said["look"]), said["width"], said["height"])
            if payload is not None:
                self._phone.pay(payload, server.clock(), wallet=WalletKind(said["wallet"]))
        else:
            life.done = said["done"]


def prepare(phases: tuple[Phase, ...], folder: Path) -> tuple[dict[str, Prepared], dict[str, list[str]]]:
    """Live each phase once without a kill: the state it leaves, and the moments it passes."""
    states: dict[str, Prepared] = {}
    points: dict[str, list[str]] = {}
    for number, phase in enumerate(phases):
        counter = Counter(folder / f"whole-{number}", states.get(phase.after))
        life = counter.live(phase)
        assert life.status == 0, (phase.name, life.errors)
        points[phase.name] = life.points
        states[phase.name] = Prepared(counter.data, tuple(counter.frames))
    return states, points


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


def wrongs(counter: Counter, sold: tuple[str, ...], mended: Life) -> list[str]:
    """The invariants, after everything was set right."""
    found: list[str] = []
    journal = Journal.open(counter.data / "journal.db", wall_ms=lambda: 0)
    try:
        journal.verify()
        found += discrepancies(journal, counter.acquirer)
        if journal.transact(lambda tx: tx.open_payments()):
            found.append("payments are still open")
        if journal.transact(lambda tx: tx.unprinted()):
            found.append("a slip was never printed")
        own = [p.amount.amount_minor for p in all_payments(journal) if p.state.value == "settled"]
    finally:
        journal.close()
    book = counter.acquirer.book
    host = [e.amount_minor for e in book.entries if e.state is EntryState.APPROVED]
    host += [o.amount_minor for o in book.qr_orders if o.state is OrderState.PAID]
    wanted = sorted(int(text.split(":")[0]) for text in sold)
    if sorted(host) != wanted or sorted(own) != wanted:
        found.append(f"to be charged once each: {wanted}; the host has {sorted(host)}, the terminal {sorted(own)}")
    for batch in book.all_batches():
        if batch.settlement is None or not batch.settlement.balanced:
            found.append(f"batch {batch.batch_no} is not settled in balance")
    if "***DUPLICATED***" not in str(mended.done["last_slip"]):
        found.append("the last slip was not reprinted")
    return found + stans_used_twice(counter.frames)


def stans_used_twice(frames: list[tuple[bytes, int]]) -> list[str]:
    """A STAN belongs to one request; only a reversal, and one payment's record in a batch upload, bear its own."""
    profile = load_profile("unionpay")
    owners: dict[str, bytes] = {}
    found: list[str] = []
    for frame, _ in frames:
        message = decode(unwrap(frame, profile).body, profile)
        stan = message.text(11)
        if message.mti == "0400" or (message.mti == "0320" and 2 in message.fields):
            continue
        if stan in owners:
            found.append(f"STAN {stan} was used twice")
        owners[stan] = frame
    return found


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


def _two_sign_ins(*stans: str) -> list[bytes]:
    from terminal.hostlink.codec import encode
    from terminal.hostlink.frame import wrap
    from terminal.hostlink.messages import Terminal, sign_in

    profile = load_profile("unionpay")
    terminal = Terminal("898440153110001", "10000001", "000001", "001")
    return [wrap(encode(sign_in(terminal, profile, stan=stan), profile), profile) for stan in stans]
