"""What a flow may ask of the loop, the mailboxes it waits at, the task it runs in, and what may go wrong.

A request is made where it is awaited and known to nobody else. Those that a sale makes by the hundred are not frozen,
because that would cost three times as much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAILBOX_LIMIT = 64  # About 10 keys a second are typed; six seconds of typing ahead is more than anyone means.


class LoopError(Exception):
    """A rule of the loop was broken by our own code; the process should stop."""


class Deadlock(LoopError):
    """Every task waits and nothing can ever wake one."""


class CallOverdue(Exception):
    """A device call passed its deadline (or its device is still stuck in an earlier one).

    Raised in the task that awaited the call; the device is quarantined until the call returns.
    """

    def __init__(self, owner: str, deadline_ms: int) -> None:
        super().__init__(f"{owner}: no answer within {deadline_ms} ms")
        self.owner = owner


class Syscall(Generic[T_co]):
    """What a flow may await. Yields itself to the loop, so that `await x` has the type of x's answer."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, T_co]:
        answer: T_co = yield self  # A narrower type here makes mypy infer Any where the context is known.
        return answer


class Mailbox(Generic[T]):
    """A bounded queue between a device (or a task) and the tasks that wait for it.

    `keep_newest` makes a one-slot mailbox whose content is replaced (the display's: only the last screen
    matters). Otherwise a full mailbox refuses the newcomer. Dropped and stale values are counted, never
    silent.
    """

    def __init__(self, name: str, *, limit: int = MAILBOX_LIMIT, keep_newest: bool = False) -> None:
        self.name = name
        self.limit = 1 if keep_newest else limit
        self.keep_newest = keep_newest
        self.generation = 0
        self.dropped = 0
        self._items: deque[T] = deque()
        self._waiters: list[Task] = []

    def __len__(self) -> int:
        return len(self._items)

    def renew(self) -> int:
        """Forget what is queued and start a new generation; posts tagged with an older one are dropped."""
        self.dropped += len(self._items)
        self._items.clear()
        self.generation += 1
        return self.generation

    def _put(self, value: T, generation: int | None) -> bool:
        if generation is not None and generation != self.generation:
            self.dropped += 1
            return False
        if len(self._items) >= self.limit:
            self.dropped += 1
            if not self.keep_newest:
                return False
            self._items.clear()
        self._items.append(value)
        return True


class Instant(NamedTuple):
    """Monotonic milliseconds (for durations) and milliseconds since 1970 UTC (for people and messages)."""

    mono_ms: int
    wall_ms: int


@dataclass(eq=False, slots=True)
class Sleep(Syscall[None]):
    ms: int


@dataclass(eq=False, slots=True)
class Wait(Syscall[T]):
    """The next value of a mailbox."""

    mailbox: Mailbox[T]


_WAITS = (Wait, Sleep)  # What may race; made once, for each wait is looked at.


class Race(Syscall[tuple[int, Any]]):
    """The first of several waits: (index, value). Ties go to argument order.

    Example: `won, key = await Race(Wait(shop.boxes.keys), Sleep(30_000))`
    """

    __slots__ = ("entries",)

    def __init__(self, *entries: Wait[Any] | Sleep) -> None:
        for entry in entries:
            if not isinstance(entry, _WAITS):
                raise LoopError(f"only mailboxes and sleeps may race, not {type(entry).__name__}")
        self.entries = entries


@dataclass(frozen=True, slots=True)
class Spawn(Syscall["Task"]):
    """Start a task beside this one; the answer is its handle (close() cancels it)."""

    coroutine: Coroutine[Syscall[Any], Any, Any]
    name: str


@dataclass(eq=False, slots=True)
class Offload(Syscall[T]):
    """A bounded call on a device's own thread, in that device's order.

    The call must end by itself; past `deadline_ms` the waiting task gets CallOverdue and the device is
    quarantined.
    """

    owner: str
    call: Callable[[], T]
    deadline_ms: int


@dataclass(eq=False, slots=True)
class Now(Syscall[Instant]):
    pass


@dataclass(frozen=True, slots=True)
class Draw(Syscall[bytes]):
    """Random bytes: os.urandom on a terminal, the seed's in the simulator."""

    count: int


@dataclass(eq=False, slots=True)
class Commit(Syscall[T]):
    """Run `work` inside one durable journal transaction, on the journal's thread; answers when it is synced.

    `work` receives the transaction (terminal.journal.Tx); state it depends on is read inside it.
    """

    work: Callable[[Any], T]


class Task:
    """One running coroutine. `close()` cancels it: GeneratorExit at its await, nothing awaited after."""

    def __init__(
        self,
        coroutine: Coroutine[Syscall[Any], Any, Any],
        name: str,
        serial: int,
        on_closed: Callable[[Task], None] = lambda task: None,
    ) -> None:
        self.coroutine = coroutine
        self.name = name
        self.serial = serial
        self.done = False
        self.queued = False
        self.entries: tuple[Wait[Any] | Sleep, ...] = ()
        self.deadlines: list[int] = []
        self.single = False
        self.ticket = 0  # Counts waits: a timer or an answer for an earlier wait is stale.
        self.answer: Answer | None = None  # To its call or commit; what it waited for, when it is stepped.
        self.on_closed = on_closed

    def close(self) -> None:
        if self.done:
            return
        if self.coroutine.cr_running:  # type: ignore[attr-defined]  # every `async def` has it
            raise LoopError(f"{self.name}: a task may not close itself; it returns")
        self.done = True
        try:
            self.coroutine.close()
        finally:
            self.on_closed(self)


class Answer(NamedTuple):
    """The outcome of an offloaded call, on its way back to its task."""

    task: Task
    ticket: int
    value: Any
    error: BaseException | None
