"""The loop on a terminal: the system's clocks, one thread a device, os.urandom.

A device has one owner thread with a first-in-first-out queue of bounded calls, because a lost wait cannot stop a
blocked `serial.read` or a silent card. A call past its deadline answers CallOverdue to whoever waits and quarantines
its device until it returns; one that never returns ends the process, and the supervisor restarts it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from terminal.loop import CallOverdue, Instant, Loop, LoopError, Task


class RealLoop(Loop):
    """The loop on a terminal: the system's clocks, one thread for each device, os.urandom.

    `commit` runs a function in one durable transaction (terminal.journal.Journal.transact).
    `outside` tells that devices may post, so that waiting for a key is no deadlock. `drawn` is told how many random
    bytes each draw takes.
    """

    IDLE_MS = 2_000  # The longest sleep between two watchdog feeds.
    QUEUE_LIMIT = 16  # Calls waiting for one device; a flow never has more than a few.
    STUCK_MS = 60_000  # A call that holds its device this long past its deadline will not return: restart.
    COMMIT_MS = 120_000  # A bad SD card stalls for seconds; two minutes means that it is gone.

    def __init__(
        self,
        commit: Callable[[Callable[[Any], Any]], Any],
        *,
        outside: bool = True,
        drawn: Callable[[int], None] = lambda count: None,
    ) -> None:
        super().__init__()
        self._monotonic_ns = time.monotonic_ns
        self._time_ns = time.time_ns
        self._urandom = os.urandom
        self._drawn = drawn
        self._commit = commit
        self._outside = outside
        self._wakeup = threading.Event()
        self._owners: dict[str, _Owner] = {}
        self.watchdog: Callable[[], None] | None = None

    def now(self) -> Instant:
        return Instant(self.clock_ms(), self._time_ns() // 1_000_000)

    def clock_ms(self) -> int:
        return self._monotonic_ns() // 1_000_000

    def draw(self, count: int) -> bytes:
        self._drawn(count)
        return self._urandom(count)

    def has_outside(self) -> bool:
        return self._outside

    def wake(self) -> None:
        self._wakeup.set()

    def idle(self, until_ms: int | None) -> None:
        now_ms = self.clock_ms()
        wait_ms = self.IDLE_MS if until_ms is None else max(0, min(self.IDLE_MS, until_ms - now_ms))
        self._wakeup.wait(wait_ms / 1000)
        self._wakeup.clear()

    def on_progress(self) -> None:
        if self.watchdog:
            self.watchdog()

    def start_call(
        self, owner: str, call: Callable[[], Any], deadline_ms: int, task: Task, ticket: int
    ) -> None:
        thread = self._owners.get(owner)
        if thread is None:
            thread = self._owners[owner] = _Owner(owner, self)
        thread.submit(call, deadline_ms, task, ticket)

    def start_commit(self, work: Callable[[Any], Any], task: Task, ticket: int) -> None:
        self.start_call("journal", lambda: self._commit(work), self.COMMIT_MS, task, ticket)

    def close(self) -> None:
        """Let the device threads end once they are idle; call after `run`."""
        for owner in self._owners.values():
            owner.stop()


class _Call:
    """One call in an owner's queue. Its outcome is told once: by the thread, or by the deadline."""

    def __init__(self, call: Callable[[], Any], deadline_ms: int, task: Task, ticket: int) -> None:
        self.call = call
        self.deadline_ms = deadline_ms
        self.task = task
        self.ticket = ticket
        self.told = False


class _Owner:
    """A device's thread: a FIFO of bounded calls, quarantined while one is overdue."""

    def __init__(self, name: str, loop: RealLoop) -> None:
        self.name = name
        self._loop = loop
        self._queue: deque[_Call] = deque()
        self._condition = threading.Condition()
        self._stopping = False
        self._overdue: _Call | None = None
        threading.Thread(target=self._run, name=f"device-{name}", daemon=True).start()

    def submit(self, call: Callable[[], Any], deadline_ms: int, task: Task, ticket: int) -> None:
        entry = _Call(call, deadline_ms, task, ticket)
        with self._condition:
            if self._overdue is not None or len(self._queue) >= self._loop.QUEUE_LIMIT:
                entry.told = True
                self._loop.answer(task, ticket, None, CallOverdue(self.name, deadline_ms))
                return
            self._queue.append(entry)
            self._condition.notify()
        now_ms = self._loop.clock_ms()
        self._loop.at(now_ms + deadline_ms, lambda: self._expire(entry))

    def stop(self) -> None:
        with self._condition:
            self._stopping = True
            self._condition.notify()

    def _expire(self, entry: _Call) -> None:
        with self._condition:
            if entry.told:
                return
            refused = [entry]
            if entry in self._queue:  # Never begun: another call holds the device, and has its own deadline.
                self._queue.remove(entry)
            else:
                self._overdue = entry
                refused += self._queue
                self._queue.clear()
            for call in refused:
                call.told = True
        for call in refused:
            self._loop.answer(call.task, call.ticket, None, CallOverdue(self.name, call.deadline_ms))
        stuck_at = self._loop.clock_ms() + self._loop.STUCK_MS
        self._loop.at(stuck_at, lambda: self._give_up(entry))

    def _give_up(self, entry: _Call) -> None:
        if self._overdue is entry:
            raise LoopError(f"{self.name}: a call never returned; the process must restart")

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._queue and not self._stopping:
                    self._condition.wait()
                if not self._queue:
                    return
                entry = self._queue.popleft()
            value: Any = None
            error: BaseException | None = None
            try:
                value = entry.call()
            except BaseException as raised:  # Raised again in the loop, in the task that asked.
                error = raised
            with self._condition:
                if self._overdue is entry:
                    self._overdue = None
                told, entry.told = entry.told, True
            if not told:
                self._loop.answer(entry.task, entry.ticket, value, error)
