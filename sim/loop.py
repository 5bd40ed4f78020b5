"""The terminal's loop in virtual time: seeded, jumping, and exactly repeatable.

A device call has three moments, and the seed separates them as real life does: it begins when the device is free,
takes effect (the twin's function runs), and is delivered back to its task. A task closed in between does not undo the
effect, just as closing a task does not stop a real thread. When nothing is ready, time jumps to the next timer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from terminal.loop import CallOverdue, Deadlock, Instant, Loop, LoopError, Task

T = TypeVar("T")

START_WALL_MS = 1_798_000_000_000  # A day in December 2026, so that a long run crosses the year's end.
JOURNAL_MS = (1, 6)
CALL_MS = (0, 3)


class SimLoop(Loop):
    """`seed` decides every latency and every random byte; `commit` is to be Journal.transact."""

    at_once = frozenset({"gpio", "display"})  # A pin takes microseconds; pixels are drawn when somebody looks.

    def __init__(self, seed: int | str = 0, *, start_wall_ms: int = START_WALL_MS) -> None:
        super().__init__()
        self._mono_ms = 0
        self._start_wall_ms = start_wall_ms
        self._draw_latency = random.Random(f"latency {seed}").random
        self._bytes = random.Random(f"bytes {seed}")
        self._free_ms: dict[str, int] = {}
        self._spent_ms = 0
        self.commit: Callable[[Callable[[Any], Any]], Any] | None = None
        self.clock_error_ms = 0  # How much the terminal's clock is ahead of the world's.

    def now(self) -> Instant:
        return Instant(self._mono_ms, self._start_wall_ms + self._mono_ms + self.clock_error_ms)

    def clock_ms(self) -> int:
        return self._mono_ms

    def draw(self, count: int) -> bytes:
        return self._bytes.randbytes(count)

    def idle(self, until_ms: int | None) -> None:
        if until_ms is None:
            raise Deadlock("calls are outstanding, but nothing in the world will ever happen")
        self._mono_ms = max(self._mono_ms, until_ms)

    def until(self, deed: Coroutine[Any, Any, T], name: str = "person") -> T:
        """Run until `deed` returns, and stand still then: all other tasks wait for the next one.

        Raises what the deed or any other task does not catch.
        """
        done: list[T] = []

        async def watched() -> None:
            done.append(await deed)

        task = self.spawn(watched(), name)
        try:
            while not task.done:
                self._turn()
        finally:
            task.close()
        if not done:
            raise LoopError(f"{name} was closed by another task")
        return done[0]

    def stop(self) -> None:
        """Close every task, as a process that has ended does; nothing that was on its way arrives."""
        self._close_all()

    def spend(self, ms: int) -> None:
        """Called by a twin inside a call: the device is busy this much longer (a slow card, a silent one)."""
        self._spent_ms += ms

    def start_call(self, owner: str, call: Callable[[], Any], deadline_ms: int, task: Task, ticket: int) -> None:
        self._call(owner, call, deadline_ms, task, ticket, CALL_MS)

    def start_commit(self, work: Callable[[Any], Any], task: Task, ticket: int) -> None:
        commit = self.commit
        if commit is None:
            raise Deadlock("this loop was made without a journal")
        self._call("journal", lambda: commit(work), 120_000, task, ticket, JOURNAL_MS)

    def _call(
        self,
        owner: str,
        call: Callable[[], Any],
        deadline_ms: int,
        task: Task,
        ticket: int,
        latency_ms: tuple[int, int],
    ) -> None:
        now_ms = self._mono_ms
        free_ms = self._free_ms.get(owner, 0)
        if free_ms > now_ms + deadline_ms:  # The device is still in an earlier call: quarantined.
            self.answer(task, ticket, None, CallOverdue(owner, deadline_ms))
            return
        least, spread = latency_ms[0], latency_ms[1] - latency_ms[0] + 1
        effect_ms = max(now_ms, free_ms) + least + int(self._draw_latency() * spread)
        self._free_ms[owner] = effect_ms

        def effect() -> None:
            self._spent_ms = 0
            value: Any = None
            error: BaseException | None = None
            try:
                value = call()
            except BaseException as raised:  # Raised again in the task that asked, as a thread's would be.
                error = raised
            done_ms = effect_ms + self._spent_ms + least + int(self._draw_latency() * spread)
            if done_ms > self._free_ms[owner]:
                self._free_ms[owner] = done_ms
            if done_ms > now_ms + deadline_ms:
                done_ms = now_ms + deadline_ms
                value, error = None, CallOverdue(owner, deadline_ms)
            if done_ms <= self._mono_ms:
                self.answer(task, ticket, value, error)
            else:
                self.at(done_ms, lambda: self.answer(task, ticket, value, error))

        if effect_ms <= now_ms:
            effect()
        else:
            self.at(effect_ms, effect)
