"""A world that lives: a Stage on a thread of its own, for whoever comes from other threads (the panel, the HTTP API).

    with Live(Terms(seed=7)) as live:
        live.do(step_from({"press": "500 ENTER"})).result()
        live.do(Until("screen", "choose_method"), limit_ms=5_000).result().met
        live.ask(lambda stage: stage.glass()).result()
        live.speed(1)          # from now on virtual time follows the wall clock
        live.speed(0)          # and stands still again
        live.advance(60_000)   # a minute, at once

**Time.** At speed 0 (where a world begins) nothing passes between two deeds, and a deed takes its own virtual time at
once: this is what tests want, and what a panel calls stopped. At 1, 10, 60 or any speed up to SPEED_LIMIT time follows
the wall clock, in deeds too: `wait: 60` then takes a minute, six seconds, or one. `advance(ms)` steps. `speed` and
`interrupt` (which ends the deed under way and nothing else) act at once, also while a deed is being done.

**Deeds** (sim.deeds) come through a bounded queue and are done one after the other; each gives a Future of its Outcome.
`ask` gives a Future of what a function makes of the stage, between two deeds: it may look, and keep what it saw, and
must change nothing but by `touch`. `play` performs the steps of a scenario from where the world is, telling of each.

**Events** come to `told` from the owning thread, in the order in which they happen, each with the age of the world:

    screen   Picture                     slip     tuple of PaperLine       tone    Tone
    frame    bytes, either way           apdu     (command, answer)        lamp    (Lamp, lit)
    journal  terminal.journal.Event      power    on, off, crashed         step    the Step about to be done
    key      Key                         code     what was held before     draw    random bytes
    host     tuple of bytes: what a               the scanner
             host outside answers
    time     the speed                   begun    the Terms                broken  the exception

`told` must neither wait for the world nor raise. What the terminal itself raises breaks the world: every deed then
raises Broken, until `reset` or `restore` makes another one.

**Snapshots.** A world is decided by its terms and what was done to it. A snapshot is these, and a digest of all that
was shown, printed, sent and recorded; `restore` does it all again, at the speed of the machine, and raises ValueError
if what comes out is not the same to the byte (another version of the program, or something outside that answered
otherwise).
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from sim.deeds import DEEDS_LIMIT, Deed, Done, Entry, Passed, Touch, do_again, perform, touch
from sim.outside_host import HostSaid
from sim.pace import Interrupted, Pace, TimeIsUp
from sim.scenario.steps import Step
from sim.stage import EXCHANGES_LIMIT_BYTES, Stage, Terms
from sim.story import StoryError
from sim.witness import Witness

T = TypeVar("T")
QUEUE_LIMIT = 1000  # Deeds waiting: whoever is faster than the world has to wait for it.
TICK_S = 0.02  # How often time is moved on when nobody does anything: fifty times a second is smooth enough.
CLOSE_S = 30
OTHER_WORLD = "the same deeds did not make the same world: another version, or something from outside"
YOUNGER = "only a younger world can be kept, and reset begins one"


class Busy(Exception):
    """More deeds are waiting than anyone means."""


class Broken(Exception):
    """This world's terminal raised what nobody caught; there is no going on with it."""


@dataclass(frozen=True, slots=True)
class Event:
    at_ms: int
    what: str
    value: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a deed ended. `ended`: done, limit (not within its time), interrupted, power-cut; crashed: its disk."""

    ended: str
    at_ms: int

    @property
    def met(self) -> bool:
        return self.ended == "done"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything of which a world is made. `digest`: of what came out of it. `host`: what one outside said."""

    terms: Terms
    entries: tuple[Entry, ...]
    digest: str
    host: HostSaid | None = None


class Live:
    """One living world. `close()` it, or use it as a context manager. Every method is safe from any thread."""

    def __init__(
        self,
        terms: Terms | None = None,
        *,
        told: Callable[[Event], None] = lambda event: None,
        begin: Callable[[Terms], Stage] = Stage,
    ) -> None:
        """Raises what `begin` raises: StoryError when the terminal does not get to where it begins."""
        self._told = told
        self._begin = begin
        self._pace = Pace()
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(QUEUE_LIMIT)
        self._entries: list[Entry] = []
        self._age_ms = 0
        self._broken: BaseException | None = None
        self._stage: Stage | None = None
        self._witness: Witness | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._thread.start()
        try:
            self.reset(terms or Terms()).result()
        except BaseException:
            self.close()
            raise

    # From any thread.

    def do(self, deed: Deed, limit_ms: int | None = None) -> Future[Outcome]:
        """Do it. With a limit it ends there at the latest, done or not. The Future raises StoryError, Broken."""
        return self._put(lambda: self._do(deed, limit_ms))

    def play(self, steps: Sequence[Step]) -> Future[Outcome]:
        """One step after the other; other deeds wait. The Future raises StoryError where one does not come about."""
        return self._put(lambda: self._play(steps))

    def advance(self, ms: int) -> Future[Outcome]:
        """Let so much virtual time pass, at once whatever the speed."""
        return self._put(lambda: self._advance(ms))

    def ask(self, look: Callable[[Stage], T]) -> Future[T]:
        """What `look` makes of the stage, between two deeds. The Future raises what `look` raises, and Broken."""
        return self._put(lambda: look(self._whole()))

    def touch(self, deed: Touch) -> Any:
        """On the world's own thread, within `ask`: do it now, as a deed like any other; what the phone then says."""
        said = touch(self._whole(), deed)
        self._note(Done(deed))
        return said

    def speed(self, speed: float) -> None:
        """Virtual milliseconds in one of the wall clock's; 0 stands still. At once. Raises ValueError."""
        self._pace.set(speed, self._age_ms)
        self._tell("time", speed)
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(lambda: None)  # Whoever slept for ever sleeps by the tick now.

    @property
    def pace(self) -> float:
        """The speed."""
        return self._pace.speed

    @property
    def age_ms(self) -> int:
        """How long the world has existed, in its own time."""
        return self._age_ms

    def interrupt(self) -> None:
        """End the deed under way, if there is one; its Outcome is `interrupted`."""
        self._pace.interrupt()

    def snapshot(self) -> Future[Snapshot]:
        """Also of a world that has broken. The Future raises ValueError where more counts than the deeds kept."""
        return self._put(self._snapshot)

    def story(self) -> Future[Snapshot]:
        """As a snapshot, to be recorded and not to be restored: also before a host outside."""
        return self._put(self._story)

    def reset(self, terms: Terms) -> Future[None]:
        """Another world in place of this one. The Future raises StoryError; then there is none."""
        return self._put(lambda: self._reset(terms))

    def restore(self, snapshot: Snapshot) -> Future[None]:
        """That world in place of this one. The Future raises ValueError, StoryError."""
        return self._put(lambda: self._restore(snapshot))

    def close(self) -> None:
        """End it all; what waits is not done, and its Future is cancelled."""
        if self._closed:
            return
        self._closed = True
        self._pace.set(0, self._age_ms)
        self._pace.interrupt()
        self._queue.put(None, timeout=CLOSE_S)
        self._thread.join(CLOSE_S)

    def __enter__(self) -> Live:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _put(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def job() -> None:
            if self._closed or not future.set_running_or_notify_cancel():
                future.cancel()
                return
            try:
                future.set_result(work())
            except BaseException as error:  # It belongs to whoever asked, on another thread.
                future.set_exception(error)

        if self._closed:
            raise Busy("this world is closed")
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            raise Busy(f"{QUEUE_LIMIT} deeds are waiting already") from None
        return future

    # The owning thread.

    def _run(self) -> None:
        while True:
            try:
                job = self._queue.get(timeout=TICK_S if self._pace.speed else None)
            except queue.Empty:
                self._catch_up()
                continue
            if job is None:
                break
            self._catch_up()
            job()
        if self._stage is not None:
            self._stage.close()
        while not self._queue.empty():  # Whoever still waits is told that it will not be done.
            if (left := self._queue.get()) is not None:
                left()

    def _whole(self) -> Stage:
        if self._broken is not None:
            raise Broken(f"{type(self._broken).__name__}: {self._broken}") from self._broken
        if self._stage is None:
            raise Broken("there is no world; reset makes one")
        return self._stage

    def _catch_up(self) -> None:
        """As much virtual time as the wall clock has made due."""
        if self._pace.speed and self._stage is not None and self._broken is None:
            with contextlib.suppress(Broken):  # Told already, and raised to the next who wants something.
                self._pass_to(self._pace.due_ms())

    def _pass_to(self, to_ms: int) -> None:
        stage = self._whole()
        if to_ms <= stage.elapsed_ms():
            return
        try:
            with self._mending(stage):
                stage.pass_to(to_ms)
        finally:
            self._note(Passed(to_ms))

    def _advance(self, ms: int) -> Outcome:
        self._pass_to(self._whole().elapsed_ms() + ms)
        self._pace.set(self._pace.speed, self._age_ms)
        return Outcome("done", self._age_ms)

    def _do(self, deed: Deed, limit_ms: int | None) -> Outcome:
        stage = self._whole()
        to_ms = None if limit_ms is None else stage.elapsed_ms() + limit_ms
        lives, ended, cut_short = stage.lives, "done", None
        self._pace.go_on()
        stage.pace = self._pace.hold
        try:
            with self._mending(stage):
                perform(stage, deed, to_ms)
            if stage.lives != lives or not stage.is_on:
                ended = "crashed" if stage.ended == "crashed" else "power-cut"
        except TimeIsUp:
            ended, cut_short = "limit", stage.elapsed_ms()
        except Interrupted:
            ended, cut_short = "interrupted", stage.elapsed_ms()
        finally:
            stage.pace = _at_once
            self._note(Done(deed, cut_short))
        return Outcome(ended, self._age_ms)

    def _play(self, steps: Sequence[Step]) -> Outcome:
        for step in steps:
            self._tell("step", step)
            outcome = self._do(step, None)
            if outcome.ended == "interrupted":
                return outcome
        return Outcome("done", self._age_ms)

    @contextlib.contextmanager
    def _mending(self, stage: Stage) -> Iterator[None]:
        """What the story or its reins raise is an outcome; all else has broken the world."""
        try:
            yield
        except (StoryError, TimeIsUp, Interrupted):
            raise
        except Exception as error:
            self._broken = error
            self._tell("broken", error)
            raise Broken(f"{type(error).__name__}: {error}") from error
        finally:
            self._age_ms = stage.elapsed_ms()
            if self._witness is not None:
                self._witness.look()

    def _note(self, entry: Entry) -> None:
        if isinstance(entry, Passed) and self._entries and isinstance(self._entries[-1], Passed):
            self._entries[-1] = entry
        elif len(self._entries) <= DEEDS_LIMIT:  # One more than is kept: it says that not all are there.
            self._entries.append(entry)

    # Worlds.

    def _reset(self, terms: Terms) -> None:
        if self._stage is not None:
            self._stage.close()
        self._stage, self._witness, self._broken, self._entries = None, None, None, []
        stage = self._begin(terms)
        self._witness = Witness(stage, self._heard)
        self._stage, self._age_ms = stage, stage.elapsed_ms()
        self._pace.set(self._pace.speed, self._age_ms)
        self._tell("begun", terms)
        self._witness.look()

    def _snapshot(self) -> Snapshot:
        if self._stage is not None and self._stage.host is not None:
            raise ValueError("the host is outside this world, and remembers what a snapshot cannot: record it")
        return self._story()

    def _story(self) -> Snapshot:
        stage, witness = self._stage, self._witness
        if stage is None or witness is None:
            raise ValueError("there is no world; reset makes one")
        if len(self._entries) > DEEDS_LIMIT:
            raise ValueError(f"more than {DEEDS_LIMIT} deeds were done; {YOUNGER}")
        if stage.exchanges_bytes >= EXCHANGES_LIMIT_BYTES:
            limit = f"{EXCHANGES_LIMIT_BYTES // 1024**2} MB"
            raise ValueError(f"more than {limit} went to and from the host; {YOUNGER}")
        said = HostSaid(stage.first_stan, tuple(answers for _, answers in stage.exchanges))
        return Snapshot(stage.terms, tuple(self._entries), witness.digest, None if stage.host is None else said)

    def _restore(self, snapshot: Snapshot) -> None:
        self._reset(snapshot.terms)
        stage = self._whole()
        self._entries = list(snapshot.entries)
        with self._mending(stage):
            do_again(stage, self._entries)
        self._pace.set(self._pace.speed, self._age_ms)
        if self._witness is None or self._witness.digest != snapshot.digest:
            raise ValueError(OTHER_WORLD)

    # Events.

    def _heard(self, at_ms: int, what: str, value: Any) -> None:
        self._age_ms = at_ms
        self._tell(what, value)

    def _tell(self, what: str, value: Any) -> None:
        self._told(Event(self._age_ms, what, value))


def _at_once(elapsed_ms: int) -> None:
    """Time may jump."""
