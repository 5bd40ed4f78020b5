"""Lives of the terminal as a process of its own, before one acquirer: for the tests that end them in bad ways.

Each begins on a copy of a prepared data folder, with an acquirer that was brought to the same point by the same frames.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.acquirer import Acquirer
from sim.acquirer.book import EntryState
from sim.acquirer.server import AcquirerServer
from sim.acquirer.wallets import WalletKind
from sim.books import all_payments, discrepancies
from sim.killed.forked import ended, start
from sim.phone import Phone
from terminal.hostlink.codec import decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import load_profile
from terminal.hostlink.subfields import OrderState
from terminal.journal import Journal

ROOT = Path(__file__).parents[1]
PATIENCE_S = 90
PROCESSES = 2  # At once. More would make a slow machine look like a broken display.
CHIP, QR, SMALL = "12850:card:unionpay-credit-pin", "4200:qr-shown:wechat", "310:card:no-cvm"


@dataclass(frozen=True)
class Phase:
    """What people come for, on a terminal prepared by another phase ("": a new one)."""

    name: str
    after: str
    sell: tuple[str, ...] = ()
    settle: bool = False


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


class Forked:
    """A life that is forked from a process which has imported everything."""

    def __init__(self, words: Sequence[str], errors: Path) -> None:
        self.process, self._heard = start(words, errors)

    def lines(self) -> Iterator[str]:
        with open(self._heard.fileno(), encoding="utf-8", closefd=False) as lines:
            yield from lines

    def ended(self) -> int:
        status = ended(self.process)
        self._heard.close()
        return status


class Started:
    """A life that another command starts and watches."""

    def __init__(self, under: tuple[str, ...], words: Sequence[str], errors: Path) -> None:
        command = (*under, sys.executable, "-m", "sim.killed", *words)
        with errors.open("wb") as told:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=told, text=True)

    def lines(self) -> Iterator[str]:
        yield from self.process.stdout or ()

    def ended(self) -> int:
        with self.process:
            return self.process.wait()


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

    def live(self, phase: Phase, *options: str, kill_at: str = "", under: tuple[str, ...] = ()) -> Life:
        """One life of the process, from power on to its end. `under`: a command that starts it, a tracer."""
        words = [word for text in phase.sell for word in ("--sell", text)] + ["--settle"] * phase.settle
        server = AcquirerServer(self.acquirer, on_exchange=lambda way, frame: self._seen(server, way, frame))
        with server:
            words = ["--data", str(self.data), "--port", str(server.port), *words, *options, "--kill-at", kill_at]
            errors = self.data.with_name(self.data.name + ".errors")
            begun: Forked | Started = Started(under, words, errors) if under else Forked(words, errors)
            patience = threading.Timer(PATIENCE_S, begun.process.terminate)
            patience.start()
            life = Life(0)
            for line in begun.lines():
                self._hear(server, life, json.loads(line))
            life.status = begun.ended()
            patience.cancel()
            life.errors = errors.read_text("utf-8", "replace")
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
        begun = bool(batch.entries or batch.orders)  # A sign-in after the settlement opens the next one.
        if begun and batch.settlement is None or batch.settlement is not None and not batch.settlement.balanced:
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
