"""A case on this repository's terminal as a process of its own: real drivers on wire twins, and TCP to the host.

The process is the panel's handheld (sim.handheld), with its own folder for each case; people press its keys by JSON
lines, in real time. When the case is over it is killed, and its journal read: what it holds is what was made durable.
"""

from __future__ import annotations

import base64
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivers.ports import Key, Paper
from sim.acquirer.faults import FaultPlan
from sim.acquirer.server import wall_ms
from sim.acquirer.wallets import WalletKind
from sim.books import all_payments, discrepancies
from sim.certify.host import Host, book_of
from sim.certify.judge import Observed
from sim.certify.line import Line
from sim.certify.playing import perform, steps, switch_on
from sim.certify.script import Case
from sim.panel.child import LAUNCHER, Handheld
from sim.phone import Phone, PhoneInHand
from sim.story import Eyes, StoryError
from terminal.config.settings import OFFERED
from terminal.hostlink.profile import Profile
from terminal.journal import Journal
from terminal.loop.real import RealLoop

PATIENCE_MS = 150_000  # A host that is silent for its time-out, on a machine that is busy.
PHONE_BALANCE_MINOR = 100_000_000


class Counter:
    """sim.story.Counter over one handheld's process."""

    def __init__(self, loop: RealLoop, command: Sequence[str], log: Path, host: Host, line: Line) -> None:
        self.eyes = Eyes(loop, PATIENCE_MS)
        self.slips: list[str] = []
        self.ended = ""
        self._line = line
        self._pixels: tuple[bytes, int, int] = (b"", 0, 0)
        self._phone = Phone(host.gateway, dict.fromkeys(WalletKind, PHONE_BALANCE_MINOR))
        self._child = Handheld(command, log=log, on_said=self._said, on_end=self._on_end)

    def _said(self, message: dict[str, Any]) -> None:
        """On the reader's thread."""
        match message["is"]:
            case "screen":
                pixels = base64.b64decode(message["pixels"])
                self._pixels = (pixels, int(message["width"]), int(message["height"]))
                self.eyes.shown(str(message["name"]))
            case "paper":
                self.slips.append(str(message["text"]))

    def _on_end(self, status: int) -> None:
        self.ended = f"the terminal's process ended: {status}"

    def press(self, key: Key) -> None:
        self._tell(do="press", key=key.value)

    def insert(self, profile: str) -> None:
        self._tell(do="insert", card=profile)

    def swipe(self, card: str) -> None:
        self._tell(do="swipe", card=card)

    def remove(self) -> None:
        self._tell(do="remove")

    def scan(self, code: str) -> None:
        self._tell(do="scan", code=code)

    def phone(self, wallet: str) -> PhoneInHand:
        return PhoneInHand(self._phone, WalletKind(wallet), now_ms=wall_ms, display=lambda: self._pixels)

    def set_paper(self, paper: Paper) -> None:
        self._tell(do="paper", state=paper.value)

    def host_behaviour(self, behaviour: str) -> None:
        self._line.behave(behaviour)

    def happen(self, what: str, how: str) -> None:
        raise StoryError(f"{what} {how}: not in a certification")

    def _tell(self, **message: str) -> None:
        if not self._child.tell(message):
            raise StoryError(self.ended or "the terminal's process is gone")

    def close(self) -> None:
        self._child.kill()


def observe(case: Case, profile: Profile, name: str = "unionpay") -> Observed:
    """Play one case in real time and tell what was seen. `name` is the profile's, which the process loads itself.

    Raises OSError when no process can be started.
    """
    host = Host(profile=profile, draw=os.urandom, faults=FaultPlan())
    with tempfile.TemporaryDirectory() as folder, Line(host) as line:
        data = Path(folder) / "terminal"
        offered = ("--offered", *(OFFERED if case.offered is None else case.offered))
        where = ("--data", str(data), "--host", f"127.0.0.1:{line.port}")
        command = (*LAUNCHER, *where, "--lang", "zh-CN", "--profile", name, *offered)
        loop = RealLoop(lambda work: None)  # People have no journal.
        counter = Counter(loop, command, Path(folder) / "terminal.log", host, line)
        began_ms = 0
        before: list[str] = []

        async def people() -> None:
            nonlocal began_ms
            await switch_on(counter, host)
            began_ms = wall_ms()
            before.extend(counter.slips)
            await perform(counter, host, case.story)

        problem = ""
        try:
            loop.run(people())
        except StoryError as error:
            problem = f"{error} {counter.ended}".strip()
        finally:
            loop.close()
            counter.close()
        with host.lock:
            exchanges = tuple(host.exchanges)
        journal = Journal.open(data / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000)
        try:
            payments = tuple(f"{p.kind.value} {p.state.value}" for p in reversed(all_payments(journal)))
            disagreements = tuple(discrepancies(journal, host))
        finally:
            journal.close()
        return Observed(
            exchanges=exchanges,
            began_ms=began_ms,
            ended_ms=wall_ms(),
            problem=problem,
            screens=steps(counter.eyes.history),
            payments=payments,
            book=book_of(host, exchanges),
            slips=tuple(counter.slips[len(before) :]),
            disagreements=disagreements,
        )
