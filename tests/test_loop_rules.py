"""The loop's rules in virtual time: races, ties, deadlock, cancelling, mailboxes, stale generations."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from terminal.loop import (
    DRAW_LIMIT_BYTES,
    INBOX_LIMIT,
    MAILBOX_LIMIT,
    Commit,
    Deadlock,
    Draw,
    Instant,
    Loop,
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

Flow = Coroutine[Syscall[Any], Any, Any]


class VirtualLoop(Loop):
    """Time jumps to the next timer. A call takes `call_ms`; a commit is a call on its own list."""

    def __init__(self, call_ms: int = 5) -> None:
        super().__init__()
        self.mono_ms = 0
        self.call_ms = call_ms
        self.idles: list[int | None] = []
        self.turns = 0
        self.commits: list[Any] = []

    def now(self) -> Instant:
        return Instant(self.mono_ms, 1_000_000 + self.mono_ms)

    def draw(self, count: int) -> bytes:
        return bytes(range(count))

    def idle(self, until_ms: int | None) -> None:
        self.idles.append(until_ms)
        if until_ms is None:
            raise Deadlock("nothing will happen")
        self.mono_ms = until_ms

    def on_progress(self) -> None:
        self.turns += 1

    def start_call(
        self, owner: str, call: Callable[[], Any], deadline_ms: int, task: Task, ticket: int
    ) -> None:
        def deliver() -> None:
            try:
                self.answer(task, ticket, call(), None)
            except BaseException as error:
                self.answer(task, ticket, None, error)

        self.at(self.mono_ms + self.call_ms, deliver)

    def start_commit(self, work: Callable[[Any], Any], task: Task, ticket: int) -> None:
        self.commits.append(work)
        self.start_call("journal", lambda: work("tx"), 1000, task, ticket)


def run(flow: Flow, loop: Loop | None = None) -> Any:
    return (loop or VirtualLoop()).run(flow)


# Races


def test_a_race_gives_index_and_value_of_the_first() -> None:
    loop = VirtualLoop()
    keys: Mailbox[str] = Mailbox("keys")

    async def flow() -> tuple[int, Any]:
        loop.at(30, lambda: loop.post(keys, "5"))
        return await Race(Sleep(100), Wait(keys))

    assert run(flow(), loop) == (1, "5")
    assert loop.mono_ms == 30


def test_a_race_is_lost_by_time() -> None:
    keys: Mailbox[str] = Mailbox("keys")

    async def flow() -> tuple[int, Any]:
        return await Race(Wait(keys), Sleep(100))

    assert run(flow()) == (1, None)
    assert not keys._waiters, "the loser's wait is forgotten"


@pytest.mark.parametrize("first", ["a", "b"])
def test_ties_go_to_argument_order(first: str) -> None:
    loop = VirtualLoop()
    a: Mailbox[str] = Mailbox("a")
    b: Mailbox[str] = Mailbox("b")

    async def flow() -> tuple[int, Any]:
        loop.at(10, lambda: loop.post(b, "b"))  # B is posted first; that does not matter.
        loop.at(10, lambda: loop.post(a, "a"))
        entries = (Wait(a), Wait(b)) if first == "a" else (Wait(b), Wait(a))
        return await Race(*entries, Sleep(10))

    assert run(flow(), loop) == (0, first)


def test_a_sleep_that_is_due_ties_with_a_post_in_argument_order() -> None:
    for sleep_first in (True, False):
        loop = VirtualLoop()
        box: Mailbox[int] = Mailbox("box")

        async def flow(
            loop: VirtualLoop = loop, box: Mailbox[int] = box, sleep_first: bool = sleep_first
        ) -> tuple[int, Any]:
            loop.at(50, lambda: loop.post(box, 1))
            entries = (Sleep(50), Wait(box)) if sleep_first else (Wait(box), Sleep(50))
            return await Race(*entries)

        won, value = run(flow(), loop)
        assert won == 0
        assert value == (None if sleep_first else 1)


def test_the_loser_of_a_race_keeps_its_value() -> None:
    loop = VirtualLoop()
    a: Mailbox[str] = Mailbox("a")
    b: Mailbox[str] = Mailbox("b")

    async def flow() -> tuple[Any, Any]:
        loop.post(a, "a")
        loop.post(b, "b")
        await Sleep(1)
        return await Race(Wait(a), Wait(b)), await Wait(b)

    assert run(flow(), loop) == ((0, "a"), "b")


def test_an_offload_may_not_race() -> None:
    with pytest.raises(LoopError, match="not Offload"):
        Race(Sleep(1), Offload("display", lambda: None, 10))  # type: ignore[arg-type]


# Deadlock, exceptions, ends


def test_a_wait_that_nothing_can_end_is_a_deadlock() -> None:
    async def flow() -> None:
        await Wait(Mailbox("never"))

    with pytest.raises(Deadlock):
        run(flow())


def test_an_outstanding_call_is_no_deadlock_and_its_answer_arrives() -> None:
    async def flow() -> str:
        return await Offload("printer", lambda: "paper", 100)

    assert run(flow()) == "paper"


def test_a_call_that_could_not_begin_does_not_hide_a_deadlock() -> None:
    class Unable(VirtualLoop):
        def start_call(self, *_: Any) -> None:
            raise LoopError("no such device")

    async def flow() -> None:
        with pytest.raises(LoopError, match="no such device"):
            await Offload("ghost", lambda: None, 10)
        await Wait(Mailbox("never"))

    loop = Unable()
    with pytest.raises(Deadlock, match="every task waits"):
        run(flow(), loop)
    assert loop.idles == []


def test_an_uncaught_exception_in_any_task_stops_the_loop_and_closes_the_others() -> None:
    closed: list[str] = []

    async def bystander() -> None:
        try:
            await Sleep(10_000)
        finally:
            closed.append("bystander")

    async def faulty() -> None:
        await Sleep(5)
        raise ZeroDivisionError("ours")

    async def main() -> None:
        await Spawn(bystander(), "bystander")
        await Spawn(faulty(), "faulty")
        await Sleep(1_000)

    loop = VirtualLoop()
    with pytest.raises(ZeroDivisionError, match="ours"):
        run(main(), loop)
    assert closed == ["bystander"]
    assert loop.mono_ms == 5


def test_a_calls_exception_is_raised_in_the_task_that_asked() -> None:
    def broken() -> None:
        raise OSError("the cable")

    async def flow() -> str:
        try:
            await Offload("printer", broken, 100)
        except OSError as error:
            return str(error)
        return "no error"

    assert run(flow()) == "the cable"


def test_misuse_is_told_at_the_await() -> None:
    class Strange(Syscall[None]):
        pass

    async def flow() -> str:
        try:
            await Strange()
        except LoopError as error:
            return str(error)
        return ""

    assert run(flow()).startswith("not a syscall")


def test_a_flow_that_never_waits_is_stopped() -> None:
    async def flow() -> None:
        while True:
            await Now()

    with pytest.raises(LoopError, match="without waiting"):
        run(flow())


def test_main_ends_the_world() -> None:
    seen: list[int] = []

    async def ticker() -> None:
        for tick in range(1_000):
            seen.append(tick)
            await Sleep(10)

    async def main() -> str:
        await Spawn(ticker(), "ticker")
        await Sleep(35)
        return "done"

    assert run(main()) == "done"
    assert seen == [0, 1, 2, 3]


def test_main_closed_by_another_task_is_an_error() -> None:
    loop = VirtualLoop()

    async def killer() -> None:
        next(iter(loop._tasks.values())).close()

    async def main() -> None:
        await Spawn(killer(), "killer")
        await Sleep(100)

    with pytest.raises(LoopError, match="closed by another task"):
        run(main(), loop)


# Cancelling


def test_close_is_synchronous_and_wakes_nothing() -> None:
    trail: list[str] = []
    box: Mailbox[int] = Mailbox("box")
    loop = VirtualLoop()

    async def waiting() -> None:
        try:
            await Wait(box)
            trail.append("woken")
        finally:
            trail.append("cleaned")

    async def main() -> None:
        task = await Spawn(waiting(), "waiting")
        await Sleep(10)
        trail.append("closing")
        task.close()
        trail.append("closed")
        task.close()  # Twice is once.
        loop.post(box, 1)
        await Sleep(10)

    run(main(), loop)
    assert trail == ["closing", "cleaned", "closed"]
    assert len(box) == 1, "nobody took it"
    assert not box._waiters


def test_a_closed_task_leaves_nothing_behind() -> None:
    loop = VirtualLoop()
    box: Mailbox[int] = Mailbox("box")

    async def waiting() -> None:
        await Race(Wait(box), Sleep(1_000))

    async def main() -> int:
        for _ in range(50):
            task = await Spawn(waiting(), "waiting")
            await Sleep(1)
            task.close()
        return len(loop._tasks)

    assert run(main(), loop) == 1, "only main itself"
    assert not box._waiters


def test_a_task_closed_before_its_first_step_never_runs() -> None:
    ran: list[int] = []

    async def body() -> None:
        ran.append(1)

    async def main() -> None:
        task = await Spawn(body(), "body")
        task.close()
        await Sleep(10)

    run(main())
    assert ran == []


def test_a_task_may_not_close_itself() -> None:
    loop = VirtualLoop()

    async def main() -> str:
        assert loop.running is not None
        try:
            loop.running.close()
        except LoopError as error:
            return str(error)
        return ""

    assert "may not close itself" in run(main(), loop)


def test_the_answer_for_a_closed_task_is_counted_not_delivered() -> None:
    loop = VirtualLoop(call_ms=50)

    async def asking() -> None:
        await Offload("host", lambda: 1, 1000)

    async def main() -> None:
        task = await Spawn(asking(), "asking")
        await Sleep(10)
        task.close()
        await Sleep(100)

    run(main(), loop)
    assert loop.late_answers == 1


def test_a_value_goes_to_the_next_waiter_when_the_woken_one_is_closed() -> None:
    loop = VirtualLoop()
    box: Mailbox[int] = Mailbox("box")
    got: list[int] = []

    async def taker() -> None:
        got.append(await Wait(box))

    async def main() -> None:
        first = await Spawn(taker(), "first")
        await Spawn(taker(), "second")
        await Sleep(10)
        # In one moment: the value arrives, and the task that would have taken it is closed.
        loop.at(20, lambda: loop.post(box, 7))
        loop.at(20, first.close)
        await Sleep(50)

    run(main(), loop)
    assert got == [7]


# Mailboxes


def test_a_full_mailbox_refuses_and_counts() -> None:
    loop = VirtualLoop()
    box: Mailbox[int] = Mailbox("box", limit=3)

    async def main() -> list[int]:
        for value in range(5):
            loop.post(box, value)
        await Sleep(1)
        return [await Wait(box) for _ in range(len(box))]

    assert run(main(), loop) == [0, 1, 2]
    assert box.dropped == 2
    assert Mailbox("default").limit == MAILBOX_LIMIT


def test_keep_newest_keeps_only_the_newest() -> None:
    loop = VirtualLoop()
    box: Mailbox[str] = Mailbox("screens", keep_newest=True)

    async def main() -> str:
        for screen in ("a", "b", "c"):
            loop.post(box, screen)
        await Sleep(1)
        return await Wait(box)

    assert run(main(), loop) == "c"
    assert box.dropped == 2


def test_a_stale_generation_is_dropped_and_counted() -> None:
    loop = VirtualLoop()
    box: Mailbox[str] = Mailbox("frames")

    async def main() -> tuple[str, int]:
        old = box.generation
        loop.post(box, "queued", old)
        await Sleep(1)
        new = box.renew()
        loop.post(box, "late answer", old)
        loop.post(box, "fresh", new)
        return await Wait(box), box.dropped

    assert run(main(), loop) == ("fresh", 2)


def test_two_takers_of_one_mailbox_get_one_value_each_in_order_of_waiting() -> None:
    loop = VirtualLoop()
    box: Mailbox[int] = Mailbox("box")
    got: list[tuple[str, int]] = []

    async def taker(name: str) -> None:
        got.append((name, await Wait(box)))

    async def main() -> None:
        await Spawn(taker("first"), "first")
        await Spawn(taker("second"), "second")
        await Sleep(10)
        loop.post(box, 1)
        loop.post(box, 2)
        await Sleep(10)

    run(main(), loop)
    assert got == [("first", 1), ("second", 2)]


def test_a_flood_of_posts_raises_at_the_poster_and_in_the_loop() -> None:
    loop = VirtualLoop()
    box: Mailbox[int] = Mailbox("box")

    async def main() -> None:
        for value in range(INBOX_LIMIT):
            loop.post(box, value)
        with pytest.raises(LoopError, match="inbox is full"):
            loop.post(box, -1)
        await Sleep(1)

    with pytest.raises(LoopError, match="inbox is full"):
        run(main(), loop)


# The rest of the syscalls


def test_draw_has_bounds() -> None:
    async def main() -> bytes:
        for count in (0, -1, DRAW_LIMIT_BYTES + 1):
            with pytest.raises(LoopError, match="Draw"):
                await Draw(count)
        return await Draw(4)

    assert run(main()) == b"\x00\x01\x02\x03"


def test_now_is_monotonic_and_wall_milliseconds() -> None:
    async def main() -> tuple[Instant, Instant]:
        before = await Now()
        await Sleep(250)
        return before, await Now()

    assert run(main()) == (Instant(0, 1_000_000), Instant(250, 1_000_250))


def test_commit_hands_the_transaction_to_its_work() -> None:
    async def main() -> str:
        return await Commit(lambda tx: f"in {tx}")

    loop = VirtualLoop()
    assert run(main(), loop) == "in tx"
    assert len(loop.commits) == 1


def test_an_idle_loop_sleeps_until_its_timer_and_does_not_spin() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        await Sleep(3_600_000)

    run(main(), loop)
    assert loop.idles == [3_600_000]
    assert loop.turns <= 4, "the first step, one idle, the wake, the end"


def test_timers_of_one_moment_fire_in_the_order_they_were_set() -> None:
    loop = VirtualLoop()
    order: list[int] = []

    async def main() -> None:
        for number in range(5):
            loop.at(10, lambda number=number: order.append(number))  # type: ignore[misc]
        await Sleep(20)

    run(main(), loop)
    assert order == [0, 1, 2, 3, 4]
