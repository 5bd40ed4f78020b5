"""A terminal's lives: the power goes at any write of the journal, or the disk fails, and the next start must cope.

The journal is the product's own, on SQLite, over a disk in memory (`sim.wire.disk`). The acquirer, the cards, the
wallets and the people live through it; so does what was on the line: it may arrive while the terminal is dark. The key
store's file is on a real disk and is not cut here: tests/test_keys_power_cuts.py does that.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import apsw

from sim.loop import START_WALL_MS
from sim.swarm.crowd import Company, Crowd
from sim.swarm.draws import WORLD, Draws
from sim.swarm.watch import Restarted, Watch
from sim.swarm.world import Bank, Drawn, SwarmLoop, SwarmWorld
from sim.wire.disk import Disk
from terminal.hostlink.profile import load_profile
from terminal.journal import JournalBroken

RECOVERY_EFFECTS = 40
DARK_MS = (2_000, 600_000)  # How long nobody finds the switch.
LIVES_LIMIT = 1_000
ARRIVES_IN_THE_DARK = 2  # One request in so many that were on the line.


class PowerLost(BaseException):
    """Nothing after this moment happens. No Exception: no handler of the product's may catch it."""


@dataclass(slots=True)
class Lives:
    """One disk, one bank, and the worlds that come one after the other on them. `cuts` and `failures` count."""

    draws: Draws
    fittings: Drawn
    watch: Watch
    company: Company
    scratch: Path | None
    lying: bool = False
    cuts: int = 0
    failures: int = 0
    wrong_ms: int = 0  # How far the terminal's clock is from the truth.
    again: bool = False  # The next recovery is cut, too.

    def run(self) -> int:
        """From the first start to the end of the last life; the virtual time of all of them. Raises what crashed."""
        disk = Disk(self.draws.number(WORLD, "disk", 2**32), lying=self.lying)
        bank = Bank(self.draws, load_profile(self.fittings.profile))
        begins_ms = START_WALL_MS
        try:
            with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
                for life in range(LIVES_LIMIT):
                    begins_ms, ended = self._live(life, disk, bank, Path(folder), begins_ms)
                    if ended:
                        break
        finally:
            disk.unregister()
        return begins_ms - START_WALL_MS

    def _live(self, life: int, disk: Disk, bank: Bank, folder: Path, begins_ms: int) -> tuple[int, bool]:
        """One life; when the next one begins, and whether this one was the last."""
        loop = SwarmLoop(self.draws, start_wall_ms=begins_ms, drift_ppm=self.fittings.drift_ppm)
        loop.wrong_ms = self.wrong_ms
        disk.on_cut = lambda: loop.at(0, self._lose_power)
        transaction, restarts = self.watch.transaction, self.company.restarts
        if self.again:
            self.again = False
            disk.cut_after = self.draws.number(transaction, f"cut again {restarts}", RECOVERY_EFFECTS)
        world: SwarmWorld | None = None
        try:
            world = SwarmWorld(self.draws, loop=loop, bank=bank, data=folder, disk=disk, fittings=self.fittings)
            world.die = partial(self._die, disk)
            world.begin(transaction, restarts)
            self.watch.look_at(world)
            if life:
                self.watch.tell(Restarted())
            world.run(Crowd(world, self.company, restarted=life > 0).live())
            self._close(world)
            return loop.true_ms(), True
        except (PowerLost, JournalBroken, apsw.Error) as end:
            if not isinstance(end, PowerLost) and not disk.dead and not disk.failed:
                raise  # Nothing was done to the disk: the journal broke by itself.
            if world is not None:
                self._close(world)
            self._darkness(disk, bank, world)
        dark_ms = self.draws.between(self.watch.transaction, f"dark {self.company.restarts}", *DARK_MS)
        self.company.restarts += 1
        self.wrong_ms = loop.wrong_ms - (dark_ms if self.company.world_has("no-clock-battery", self.draws) else 0)
        return loop.true_ms() + dark_ms, False

    @staticmethod
    def _lose_power() -> None:
        """The engine sees an I/O error; the loop itself ends before anything else happens."""
        raise PowerLost

    @staticmethod
    def _die(disk: Disk, killed: bool) -> None:
        disk.dead = not killed
        raise PowerLost

    @staticmethod
    def _close(world: SwarmWorld) -> None:
        try:
            world.close()
        except (JournalBroken, apsw.Error):
            return  # The disk fails at the close, too: the next life finds what there is.

    def _darkness(self, disk: Disk, bank: Bank, world: SwarmWorld | None) -> None:
        """What was on the line may still arrive; then the disk decides what it has kept."""
        self.again = self.again or self.company.mischief.cut_again
        self.company.mischief.cut_again = False
        if world is not None:
            for number, frame in enumerate(world.in_flight):
                if self.draws.number(self.watch.transaction, f"in flight {number}", ARRIVES_IN_THE_DARK) == 0:
                    bank.acquirer.handle(frame, world.world_ms())
        disk.failed = 0
        if disk.dead:
            self.cuts += 1
            disk.mend()
        else:
            self.failures += 1
            disk.cut_after = disk.failure = None
