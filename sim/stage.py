"""A world to hold in the hand: it stands still between two deeds, and outlives its terminal's power.

Whoever drives it says one step after the other, `perform("press", "12850 ENTER")`: the words of sim.story and those of
sim.scenario.steps. Virtual time runs only while a step is done, so nothing here depends on how fast the machine is.
When the power goes, the terminal's process is gone with all it had in memory, and the disk decides what it has kept of
what was not synced; the next life starts from the same folder before the same host. A process whose journal fails ends,
too, and is started again; if it cannot open its journal then, it says so on its panel and tries again after a while, as
terminal.__main__ does. One seed and the same steps give the same world to the byte.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from drivers.ports import PaperLine, Picture
from sim.acquirer import Acquirer
from sim.acquirer.faults import FaultKind, FaultPlan
from sim.books import all_payments, discrepancies
from sim.counter import Counter
from sim.cut_loop import PowerCut
from sim.loop import START_WALL_MS
from sim.pace import PacedLoop
from sim.scenario.steps import EXPECT, Step, Text, check, run_step
from sim.story import FIRST_RUN, OPERATOR, StoryError, play
from sim.twins.link import Network
from sim.twins.printer import TwinPrinter
from sim.wire.disk import Disk
from sim.wire.roll import text_of
from sim.world import HostAnswers, World, hash_seed
from terminal.config.settings import OFFERABLE
from terminal.hostlink.codec import FrameError, decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import load_profile
from terminal.journal import Journal, JournalBroken, JournalError
from terminal.loop import Loop
from terminal.recording import Recording
from terminal.screens.catalogue import ServiceMode
from terminal.screens.render import picture
from terminal.supervision import OUT_OF_SERVICE_S, clean_stop

T = TypeVar("T")
DARK_MS = 3_000  # From the cut to the next start, when nobody says otherwise.
RESTART_MS = 2_000  # RestartSec of terminal/install/zhanggui.service.
# What looks at the terminal, as what can be expected of it at once; whoever looks goes on looking through a restart.
LOOKING = {"see": "screen", "read": "text", "slip": "slip"}
SLIPS_LIMIT = 1_000  # Of one stage; whoever prints more wants a day (sim.day).
HEARD_LIMIT = 10_000
SCREENS_LIMIT = 100_000  # A countdown is one a second: more than a day of them.
EXCHANGES_LIMIT_BYTES = 64 * 1024 * 1024  # With a host outside: as long as a terminal's own recording may be.


@dataclass(frozen=True, slots=True)
class Terms:
    """What a world begins with. `begin`: new (never switched on) or signed-in. `offered`: usual or all transactions.

    `profile`: the dialect of terminal and host. `amount_codes`: see sim.acquirer.Acquirer.
    """

    seed: int | str = 0
    language: str = "en"
    panel: tuple[int, int] = (128, 64)
    begin: str = "signed-in"
    offered: str = "usual"
    lines: int = 1
    profile: str = "unionpay"
    amount_codes: bool = False


class Stage(Counter):
    """One terminal through all its lives. `close()` it, or use it as a context manager. One thread at a time.

    `host`, if given, answers in place of the acquirer (sim.outside_host): its book is then nobody's but its own, and
    `first_stan` is where the terminal's counter begins, for it may remember earlier worlds. `tape`, if given, makes the
    recording of each life, as of a real terminal.
    Raises StoryError when the terminal does not get to where it begins, ProfileError for a dialect that cannot be read.
    """

    def __init__(
        self,
        terms: Terms,
        host: HostAnswers | None = None,
        first_stan: int = 0,
        tape: Callable[[Loop], Recording] | None = None,
    ) -> None:
        self.terms = terms
        self.host = host
        # Who wants to know, in the order in which it happens: (what, value), see sim.live.
        self.told: Callable[[str, Any], None] = lambda what, value: None
        self.pace: Callable[[int], None] = lambda elapsed_ms: None
        self._folder = tempfile.TemporaryDirectory(prefix="zg-stage-")
        self._profile = load_profile(terms.profile)
        self.acquirer = Acquirer(
            seed=hash_seed(terms.seed), profile=self._profile, faults=FaultPlan(), amount_codes=terms.amount_codes
        )
        self.slips: list[tuple[PaperLine, ...]] = []
        self._found = 0
        self.printed = 0  # Slips, those included that are no longer kept.
        self._papers: list[str] = []  # The same, as text.
        self.heard: list[str] = []  # The message types that the host was sent, in order.
        self.exchanges: list[tuple[bytes, tuple[bytes, ...]]] = []  # Each request to a host outside, its answers.
        self.exchanges_bytes = 0  # From EXCHANGES_LIMIT_BYTES on not all are there.
        self.screens: list[str] = []
        self.lives = 0
        self._wall_ms = START_WALL_MS
        self._on = False
        self._again_ms: int | None = None  # Out of service: when its process is started again.
        self.ended = ""  # How the last life did: cut, off, restart, crashed.
        self.disk = Disk(hash_seed(f"disk {terms.seed}"))
        self._failed = 0  # How often it has, before this life.
        self.first_stan = first_stan
        self._tape = tape
        self.world = self._new_life(None)
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        if self.terms.begin == "signed-in":
            self.do(play(self, FIRST_RUN + OPERATOR + "idle:\n"))
            if self.mode() != "signed-in":
                raise StoryError(f"the host has not signed it in; it is {self.mode()}")
        self.slips.clear()
        self._papers.clear()
        self.printed = 0
        self.heard.clear()
        self.screens.clear()

    # Lives.

    def _new_life(self, before: World | None, *, crashed: bool = False) -> World:
        self.lives += 1
        begun_ms = self._wall_ms - START_WALL_MS
        loop = PacedLoop(f"{self.terms.seed} {self.lives}", start_wall_ms=self._wall_ms)
        loop.pace = lambda ms: self.pace(begun_ms + ms)
        recording = self._tape(loop) if self._tape else None

        def drawn(data: bytes) -> None:
            self.told("draw", data)
            if recording:
                recording.drawn(len(data))

        loop.drawn = drawn
        world = World(
            loop=loop,
            data=Path(self._folder.name) / "terminal",
            acquirer=before.acquirer if before is not None else self.acquirer,
            panel=self.terms.panel,
            language=self.terms.language,
            other_lines=[Network()] * (self.terms.lines - 1),
            profile=self._profile,
            offered=OFFERABLE if self.terms.offered == "all" else None,
            answers=None if self.host is None else partial(self._outside, self.host),
            recording=recording,
            disk=self.disk,
            counted=crashed,
        )
        if before is not None:
            world.succeed(before)
        elif self.first_stan:
            world.journal.transact(lambda tx: tx.advance("stan", self.first_stan))
        world.printer_said = self._printed
        world.on_frame = self._frame
        world.on_show = self._shown
        world.on_sense = lambda what, value: self.told(what, value)
        world.switch_on()
        self._loop, self._begun_ms, self._on = loop, begun_ms, True
        self.told("power", "on")
        return world

    def _printed(self, lines: tuple[PaperLine, ...]) -> None:
        self.slips.append(lines)
        self._papers.append(slip_text(lines))
        del self.slips[:-SLIPS_LIMIT], self._papers[:-SLIPS_LIMIT]
        self.printed += 1
        self.told("slip", lines)

    def _shown(self, shown: Picture) -> None:
        self.screens.append(shown.name)
        del self.screens[:-SCREENS_LIMIT]
        self.told("screen", shown)

    def _frame(self, frame: bytes) -> None:
        try:
            profile = self.world.shop.profile
            mti = decode(unwrap(frame, profile).body, profile).mti
        except FrameError:
            mti = "????"
        if mti[2:3] in "02468":  # Only what the terminal asks; what it is answered has an odd third digit.
            self.heard.append(mti)
        del self.heard[:-HEARD_LIMIT]
        self.told("frame", frame)

    def _outside(self, host: HostAnswers, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        """What a host outside answers, kept: a world is made again from it without the host."""
        answers = host(frame, now_ms)
        self.exchanges_bytes += len(frame) + sum(map(len, answers))
        if self.exchanges_bytes < EXCHANGES_LIMIT_BYTES:
            self.exchanges.append((frame, answers))
        self.told("host", answers)
        return answers

    def _lights_out(self, ended: str) -> None:
        self._wall_ms = START_WALL_MS + self.elapsed_ms()
        self.ended = ended
        self.world.loop.stop()
        self.disk.dead = ended in ("cut", "off")
        with contextlib.suppress(JournalError):  # Told to the log of a process that ends all the same.
            if ended == "restart":
                self.world.journal.transact(clean_stop)
        with contextlib.suppress(JournalError):
            self.world.close()
        if self.disk.dead:
            self.disk.mend()
        self._on = False
        self.told("power", "crashed" if ended == "crashed" else "off")

    @contextmanager
    def _until_it_ends(self) -> Iterator[None]:
        """One life, which may end within."""
        try:
            yield
        except PowerCut as cut:
            self._lights_out(str(cut) if str(cut) in ("off", "restart") else "cut")
            if self.ended != "off":
                self._wall_ms += RESTART_MS if self.ended == "restart" else DARK_MS
                self._start()
        except JournalBroken:
            if not self._disk_is_to_blame():
                raise
            self._lights_out("crashed")
            self._wall_ms += RESTART_MS
            self._start(crashed=True)

    def _disk_is_to_blame(self) -> bool:
        """Or else the journal broke by itself, which is a finding."""
        return self.disk.failed > self._failed or self.disk.lied

    def _start(self, *, crashed: bool = False) -> None:
        """The next life, or the panel that says why there is none, until the process is started again."""
        self._again_ms, self._failed = None, self.disk.failed
        try:
            self.world = self._new_life(self.world, crashed=crashed)
        except JournalError as error:
            if not self._disk_is_to_blame():
                raise
            self._again_ms = self._wall_ms + OUT_OF_SERVICE_S * 1000
            self.told("power", "on")
            notice = ServiceMode("disk" if isinstance(error, JournalBroken) else "journal")
            self.world.display.show(picture(notice, self.terms.language, self.world.shop.font))

    # Steps.

    def perform(self, step: Step) -> None:
        """One step. Raises StoryError when it does not come about."""
        argument = step.argument
        if step.verb == EXPECT:
            check(self, step)
        elif step.verb == "disk":
            self.happen("disk", str(argument))
        elif not self._on and step.verb == "power":
            self._switch(str(argument))
        elif not self._on and step.verb == "wait":
            self.pass_to(self.elapsed_ms() + int(str(argument)) * 1000)
        elif self._again_ms is not None and step.verb in LOOKING:
            check(self, Step(EXPECT, {LOOKING[step.verb]: argument}))
        else:
            lives, limited = self.lives, self._loop.limit_ms is not None
            self.do(run_step(self, step))
            if self.lives != lives and self.ended == "crashed" and step.verb in LOOKING and not limited:
                self.perform(step)

    def do(self, deed: Coroutine[Any, Any, T]) -> T | None:
        """Run until this deed is done; None when the life ended first. Raises StoryError while there is none."""
        if not self._on:
            deed.close()
            raise StoryError(self.why_dark)
        with self._until_it_ends():
            return self.world.until(deed)
        return None

    def _switch(self, how: str) -> None:
        """The switch of a terminal that is dark or out of service."""
        if how == "on":
            self.power_on()
        elif not self.is_lit:
            raise StoryError(self.why_dark)
        else:
            self._again_ms = None
            self.told("power", "off")
            if how != "off":
                self._wall_ms += DARK_MS
                self._start()

    # Time.

    def pass_to(self, elapsed_ms: int) -> None:
        """Let time pass until the world has existed for so long; in one piece or in slices, it is the same world."""
        while self.elapsed_ms() < elapsed_ms:
            if self._on:
                with self._until_it_ends():
                    self._loop.run_to(elapsed_ms - self._begun_ms)
            elif self._again_ms is not None and self._again_ms <= START_WALL_MS + elapsed_ms:
                self._wall_ms = self._again_ms
                self._start(crashed=True)
            else:
                self._wall_ms = START_WALL_MS + elapsed_ms

    @contextmanager
    def limited(self, elapsed_ms: int) -> Iterator[None]:
        """Within it a step that takes longer ends with TimeIsUp, in this life and no other."""
        loop = self._loop
        loop.limit_ms = max(elapsed_ms - self._begun_ms, loop.clock_ms())
        try:
            yield
        finally:
            loop.limit_ms = None

    @property
    def is_on(self) -> bool:
        return self._on

    @property
    def is_lit(self) -> bool:
        """It has power: it is on, or says on its panel why it is out of service."""
        return self._on or self._again_ms is not None

    @property
    def why_dark(self) -> str:
        """Why nothing can be done with it now."""
        if self.is_lit:
            return "the terminal is out of service: its journal cannot be opened; it tries again by itself"
        return "the terminal has no power; power: on first"

    def power_on(self) -> None:
        """Give a dark terminal its power back."""
        if self.is_lit:
            raise StoryError("the terminal is on")
        self._start()

    def elapsed_ms(self) -> int:
        """How long the world has existed, dark hours included."""
        return self._begun_ms + self._loop.clock_ms() if self._on else self._wall_ms - START_WALL_MS

    def close(self) -> None:
        if self._on:
            self._lights_out("")
        self.disk.unregister()
        self._folder.cleanup()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Faults that were planned.

    def mend(self, what: str, name: str) -> None:
        """No more of one fault of the host (what: fault) or of the line."""
        if what == "line":
            self.world.line_faults.remove(name)
            return
        with self.world.acquirer.lock:
            self.world.acquirer.faults.remove(FaultKind(name))

    def clear_faults(self) -> None:
        """No more faults of host and line, no moment at which power or disk fails; what is broken stays broken."""
        with self.world.acquirer.lock:
            self.world.acquirer.faults.clear()
        self.world.line_faults.clear()
        self._loop.cut_next = ""
        self.disk.unplan()

    # What people see (sim.scenario.steps.Bench).

    def showing(self) -> str:
        shown = self.world.display.picture if self.is_lit else None
        return shown.name if shown is not None else ""

    def glass(self) -> tuple[str, ...]:
        return self.world.display.text() if self.is_lit else ()

    def paper(self) -> list[str]:
        """Every slip that is kept, as text."""
        return self._papers

    def find_slip(self, text: Text) -> bool:
        """Whether a slip has it that was printed after the last one found."""
        for number in range(max(self._found, self.printed - len(self._papers)), self.printed):
            if text.found_in(self._papers[number - self.printed]):
                self._found = number + 1
                return True
        return False

    def messages(self) -> list[str]:
        return self.heard

    def mode(self) -> str:
        return self.world.shop.mode.value if self._on else "off"

    def payments(self) -> list[str]:
        """What became of each payment, oldest first."""
        return [payment.state.value for payment in reversed(all_payments(self.journal))]

    def host_book(self) -> list[str]:
        """What the host makes of each request and each order, oldest first."""
        book = self._book().book
        entries = [(entry.at_ms, entry.state.value) for entry in book.entries]
        entries += [(order.created_ms, order.state.name.lower()) for order in book.qr_orders]
        return [state for _, state in sorted(entries, key=lambda entry: entry[0])]

    def differences(self) -> list[str]:
        """Where the two books differ; empty when they agree."""
        return discrepancies(self.journal, self._book())

    @property
    def journal(self) -> Journal:
        """The terminal's. Raises StoryError while nobody can read it."""
        if not self._on:
            raise StoryError(self.why_dark)
        journal = self.world.journal
        try:
            journal.events_after(journal.last_n, 1)
        except JournalBroken as broken:  # The loop will hear of it in a moment.
            raise StoryError(str(broken)) from None
        return journal

    def _book(self) -> Acquirer:
        if self.host is not None:
            raise StoryError("the host is outside this world; its book is its own")
        return self.world.acquirer


def slip_text(lines: tuple[PaperLine, ...]) -> str:
    """A slip as it stands on the paper."""
    printer = TwinPrinter()
    printer.print(lines)
    return "\n".join(text_of(printer.roll(1), printer.cells))
