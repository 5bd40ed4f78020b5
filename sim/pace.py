"""Virtual time on a rein: held back to a multiple of the wall clock, stopped, or ended at a moment.

A turn of the loop never depends on how long a person waited for it: `PacedLoop` does the same turns whatever its pace,
and `run_to` leaves the same world behind whether it is called once or in a hundred slices.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sim.cut_loop import CutLoop

SPEED_LIMIT = 3600  # An hour a second: about what one core does of an idle terminal.


class TimeIsUp(Exception):
    """The moment has come up to which a loop was to run."""


class Interrupted(Exception):
    """Somebody has taken the hand off the world in the middle of a deed."""


class PacedLoop(CutLoop):
    """A CutLoop with a limit (TimeIsUp is raised there), and with a say in when time may jump.

    `pace(ms)` is asked before each jump, with the moment to which time would jump. It returns when it may. `drawn` is
    told each random draw.
    """

    def __init__(self, seed: int | str, *, start_wall_ms: int) -> None:
        super().__init__(seed, start_wall_ms=start_wall_ms)
        self.limit_ms: int | None = None
        self.pace: Callable[[int], None] = lambda ms: None
        self.drawn: Callable[[bytes], None] = lambda data: None

    def draw(self, count: int) -> bytes:
        data = super().draw(count)
        self.drawn(data)
        return data

    def has_outside(self) -> bool:
        """People: a world in which nothing happens by itself is no deadlock."""
        return True

    def idle(self, until_ms: int | None) -> None:
        limit_ms = self.limit_ms
        if limit_ms is not None and (until_ms is None or until_ms > limit_ms):
            self.pace(limit_ms)
            self._mono_ms = max(self._mono_ms, limit_ms)
            raise TimeIsUp
        if until_ms is not None:
            self.pace(until_ms)
        super().idle(until_ms)

    def run_to(self, ms: int) -> None:
        """All that happens up to and at this moment; then it is that moment."""
        self.limit_ms = ms
        try:
            while True:
                self._turn()
        except TimeIsUp:
            return
        finally:
            self.limit_ms = None


class Pace:
    """How fast virtual time may pass: `speed` virtual milliseconds in one of the wall clock's. From any thread.

    At 0 nothing passes by itself, and a deed takes its own time at once.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._speed = 0.0
        self._interrupted = False
        self._from_s = 0.0
        self._from_ms = 0

    @property
    def speed(self) -> float:
        return self._speed

    def set(self, speed: float, now_ms: int) -> None:
        """Raises ValueError beyond 0 to SPEED_LIMIT."""
        if not 0 <= speed <= SPEED_LIMIT:
            raise ValueError(f"a speed is 0 to {SPEED_LIMIT}")
        with self._changed:
            self._speed, self._from_s, self._from_ms = speed, time.monotonic(), now_ms
            self._changed.notify_all()

    def due_ms(self) -> int:
        """Up to which virtual moment time may have passed by now."""
        return self._from_ms + int((time.monotonic() - self._from_s) * 1000 * self._speed)

    def hold(self, until_ms: int) -> None:
        """Return when that moment is due. Raises Interrupted."""
        with self._changed:
            while self._speed and not self._interrupted and (early_ms := until_ms - self.due_ms()) > 0:
                self._changed.wait(early_ms / 1000 / self._speed)
            if self._interrupted:
                self._interrupted = False
                raise Interrupted

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def go_on(self) -> None:
        """An interruption that nobody has felt is over."""
        with self._changed:
            self._interrupted = False
