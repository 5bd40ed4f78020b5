"""The scheduler: it advances one task at a time, and answers what the task asks."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from terminal.loop.syscalls import (
    Answer,
    Commit,
    Deadlock,
    Draw,
    Instant,
    LoopError,
    Mailbox,
    Now,
    Offload,
    Race,
    Sleep,
    Spawn,
    Syscall,
    Task,
    Wait,
)

T = TypeVar("T")

INBOX_LIMIT = 10_000  # Posts from threads between two steps; far above what all devices together can produce.
DRAW_LIMIT_BYTES = 1024
STEP_LIMIT = 100_000  # Requests answered at once in one step; a flow that never waits would freeze the rest.
_FLOODED = "the inbox is full: a device posts faster than the loop can step"
_WAITING = object()  # No answer yet; never an answer.


class Loop:
    """The scheduler. A subclass (RealLoop, sim's SimLoop) supplies time, random bytes, calls, how to be idle."""

    at_once: frozenset[str] = frozenset()  # Owners whose calls take no time at all, as no real device's do.

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._timers: list[tuple[int, int, Task | Callable[[], None], int]] = []
        self._serial = 0
        self._outstanding = 0
        self._inbox: deque[tuple[Mailbox[Any], Any, int | None] | Answer] = deque()
        self._tasks: dict[int, Task] = {}
        self.running: Task | None = None
        self.late_answers = 0
        self._flooded = False
        self._syscalls: dict[type[Syscall[Any]], Callable[[Task, Any], Any]] = {
            Wait: self._for_wait,
            Sleep: self._for_sleep,
            Race: self._for_race,
            Now: self._for_now,
            Offload: self._for_offload,
            Commit: self._for_commit,
            Draw: self._for_draw,
            Spawn: self._for_spawn,
        }

    # What a subclass supplies.

    def now(self) -> Instant:
        raise NotImplementedError

    def clock_ms(self) -> int:
        """The monotonic part of `now`: asked several times a turn, so subclasses make it cheap."""
        return self.now().mono_ms

    def draw(self, count: int) -> bytes:
        raise NotImplementedError

    def start_call(
        self, owner: str, call: Callable[[], Any], deadline_ms: int, task: Task, ticket: int
    ) -> None:
        """Begin a call; its outcome comes back through `answer`."""
        raise NotImplementedError

    def start_commit(self, work: Callable[[Any], Any], task: Task, ticket: int) -> None:
        raise NotImplementedError

    def idle(self, until_ms: int | None) -> None:
        """Nothing is ready: wait for the inbox or until `until_ms` (None: no timer)."""
        raise NotImplementedError

    def has_outside(self) -> bool:
        """Whether something outside the loop (a device's thread) may still post."""
        return False

    def on_progress(self) -> None:
        """Called once for every turn of the loop; feeds a watchdog."""

    # What devices and tasks use.

    def post(self, mailbox: Mailbox[T], value: T, generation: int | None = None) -> None:
        """Put a value into a mailbox; safe from any thread. A stale generation is dropped and counted.

        A full inbox raises LoopError here and in the loop: a device's thread alone could swallow it.
        """
        if len(self._inbox) >= INBOX_LIMIT:
            self._flooded = True
            self.wake()
            raise LoopError(_FLOODED)
        self._inbox.append((mailbox, value, generation))
        self.wake()

    def wake(self) -> None:
        """Interrupt `idle` from another thread."""

    def answer(self, task: Task, ticket: int, value: Any, error: BaseException | None) -> None:
        """Hand back the outcome of a call; safe from any thread."""
        self._inbox.append(Answer(task, ticket, value, error))
        self.wake()

    def spawn(self, coroutine: Coroutine[Syscall[Any], Any, Any], name: str) -> Task:
        self._serial += 1
        task = self._tasks[self._serial] = Task(coroutine, name, self._serial, self._forget)
        self._queue(task)
        return task

    def at(self, when_ms: int, call: Callable[[], None]) -> None:
        """Run a plain function on the loop at a monotonic time (the simulator's world uses it)."""
        self._serial += 1
        heapq.heappush(self._timers, (when_ms, self._serial, call, 0))

    def run(self, main: Coroutine[Syscall[Any], Any, T], name: str = "main") -> T:
        """Run until `main` returns and give its value; every other task is closed then.

        Raises whatever a task did not catch, and Deadlock.
        """
        result: list[T] = []

        async def watched() -> None:
            result.append(await _as_awaitable(main))

        main_task = self.spawn(watched(), name)
        try:
            while not main_task.done:
                self._turn()
        finally:
            self._close_all()
        if not result:
            raise LoopError(f"{name} was closed by another task")
        return result[0]

    # One turn.

    def _turn(self) -> None:
        if self._flooded:
            raise LoopError(_FLOODED)
        # Timers first: what their functions post must count in the ties of this very moment.
        if self._timers and self._timers[0][0] <= self.clock_ms():
            self._fire_timers()
        if self._inbox:
            self._take_inbox()
        if self._ready:
            task = self._ready.popleft()
            task.queued = False
            self._step(task)
        elif not self._inbox:
            until = self._timers[0][0] if self._timers else None
            if until is None and not self._outstanding and not self.has_outside():
                raise Deadlock("every task waits and nothing can wake one")
            self.idle(until)
        self.on_progress()

    def _take_inbox(self) -> None:
        while self._inbox:
            item = self._inbox.popleft()
            if isinstance(item, Answer):
                self._outstanding -= 1
                if item.task.done or item.ticket != item.task.ticket:
                    self.late_answers += 1
                    if item.error is not None and not isinstance(item.error, Exception):
                        raise item.error
                    continue
                item.task.answer = item
                self._queue(item.task)
            else:
                mailbox, value, generation = item
                if mailbox._put(value, generation):
                    for waiter in mailbox._waiters:
                        self._queue(waiter)

    def _fire_timers(self) -> None:
        now_ms = self.clock_ms()
        while self._timers and self._timers[0][0] <= now_ms:
            _, _, target, ticket = heapq.heappop(self._timers)
            if not isinstance(target, Task):
                target()
            elif not target.done and target.ticket == ticket:
                self._queue(target)

    def _queue(self, task: Task) -> None:
        if not task.queued and not task.done:
            task.queued = True
            self._ready.append(task)

    def _step(self, task: Task) -> None:
        """Advance one task: decide its wait, send the value, and carry out syscalls until it has to wait."""
        if task.done:  # Closed while it was queued.
            return
        value: Any = None
        error: BaseException | None = None
        if task.answer is not None:
            _, _, value, error = task.answer
            task.answer = None
        elif task.entries:
            decided = self._decide(task, self.clock_ms())
            if decided is None:
                return  # Another task took the value; this one goes on waiting.
            value = decided[1] if task.single else decided
            self._forget_wait(task)
        self.running = task
        send, syscalls = task.coroutine.send, self._syscalls
        try:
            for _ in range(STEP_LIMIT):
                request = send(value) if error is None else task.coroutine.throw(error)
                error = None
                try:
                    carry_out = syscalls.get(type(request))
                    if carry_out is None:
                        raise LoopError(f"not a syscall: {request!r}")
                    value = carry_out(task, request)
                except Exception as broken:  # Our own misuse, told to the task at its await.
                    error = broken
                else:
                    if value is _WAITING:
                        return
            raise LoopError(f"{task.name}: {STEP_LIMIT} requests without waiting")
        except StopIteration:
            task.done = True
            self._forget(task)
        finally:
            self.running = None

    # Each syscall: the answer when the task can go on, `_WAITING` when it must wait. What is there already is taken
    # at once, in argument order.

    def _for_wait(self, task: Task, request: Wait[Any]) -> Any:
        task.ticket += 1
        if request.mailbox._items:
            return request.mailbox._items.popleft()
        task.entries, task.single = (request,), True
        self._wait_for(task, request.mailbox)
        return _WAITING

    def _for_sleep(self, task: Task, request: Sleep) -> Any:
        task.ticket += 1
        if request.ms <= 0:
            return None
        task.entries, task.single = (request,), True
        task.deadlines = [self.clock_ms() + request.ms]
        self._wake_at(task, task.deadlines[0])
        return _WAITING

    def _for_race(self, task: Task, request: Race) -> Any:
        task.ticket += 1
        entries = task.entries = request.entries
        task.single = False
        now_ms = self.clock_ms()
        task.deadlines = [now_ms + e.ms if isinstance(e, Sleep) else 0 for e in entries]
        decided = self._decide(task, now_ms)
        if decided is not None:
            task.entries = ()
            return decided
        for entry, deadline_ms in zip(entries, task.deadlines, strict=True):
            if isinstance(entry, Sleep):
                self._wake_at(task, deadline_ms)
            else:
                self._wait_for(task, entry.mailbox)
        return _WAITING

    def _for_now(self, task: Task, request: Now) -> Any:
        return self.now()

    def _for_offload(self, task: Task, request: Offload[Any]) -> Any:
        if request.owner in self.at_once:
            return request.call()
        task.ticket += 1
        self.start_call(request.owner, request.call, request.deadline_ms, task, task.ticket)
        self._outstanding += 1  # Only now: a call that could not begin has no answer to wait for.
        return _WAITING

    def _for_commit(self, task: Task, request: Commit[Any]) -> Any:
        task.ticket += 1
        self.start_commit(request.work, task, task.ticket)
        self._outstanding += 1
        return _WAITING

    def _for_draw(self, task: Task, request: Draw) -> Any:
        if not 0 < request.count <= DRAW_LIMIT_BYTES:
            raise LoopError(f"Draw({request.count}): 1 to {DRAW_LIMIT_BYTES} bytes")
        return self.draw(request.count)

    def _for_spawn(self, task: Task, request: Spawn) -> Any:
        return self.spawn(request.coroutine, request.name)

    def _wake_at(self, task: Task, when_ms: int) -> None:
        self._serial += 1
        heapq.heappush(self._timers, (when_ms, self._serial, task, task.ticket))

    @staticmethod
    def _wait_for(task: Task, mailbox: Mailbox[Any]) -> None:
        if task not in mailbox._waiters:
            mailbox._waiters.append(task)

    def _decide(self, task: Task, now_ms: int) -> tuple[int, Any] | None:
        for index, entry in enumerate(task.entries):
            if isinstance(entry, Sleep):
                if now_ms >= task.deadlines[index]:
                    return index, None
            elif entry.mailbox._items:
                return index, entry.mailbox._items.popleft()
        return None

    def _forget_wait(self, task: Task) -> None:
        for entry in task.entries:
            if isinstance(entry, Wait) and task in entry.mailbox._waiters:
                entry.mailbox._waiters.remove(task)
                if entry.mailbox._items:
                    for waiter in entry.mailbox._waiters:
                        self._queue(waiter)
        task.entries = ()

    def _forget(self, task: Task) -> None:
        """A task has ended: nothing of it is kept."""
        self._forget_wait(task)
        task.answer = None
        self._tasks.pop(task.serial, None)

    def _close_all(self) -> None:
        for task in list(self._tasks.values()):
            task.close()
        self._tasks.clear()
        self._ready.clear()
        self._timers.clear()


async def _as_awaitable(coroutine: Coroutine[Syscall[Any], Any, T]) -> T:
    return cast("T", await cast("Any", coroutine))
