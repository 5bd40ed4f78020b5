"""The loop on a terminal: device threads, deadlines, quarantine, posts from other threads. Nothing sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from terminal.loop import CallOverdue, Commit, LoopError, Mailbox, Offload, Sleep, Spawn, Syscall, Wait
from terminal.loop.real import RealLoop

PATIENCE_S = 10.0  # A test that waits this long has failed.


class QuickLoop(RealLoop):
    STUCK_MS = 30


def direct(work: Callable[[Any], Any]) -> Any:
    return work("tx")


def run(flow: Coroutine[Syscall[Any], Any, Any], loop: RealLoop | None = None) -> Any:
    loop = loop or RealLoop(direct, outside=False)
    try:
        return loop.run(flow)
    finally:
        loop.close()


def test_calls_of_one_device_are_made_in_order_on_one_thread() -> None:
    made: list[tuple[int, str]] = []

    def call(number: int) -> Callable[[], int]:
        def work() -> int:
            made.append((number, threading.current_thread().name))
            return number

        return work

    async def one(number: int, done: Mailbox[int], loop: RealLoop) -> None:
        loop.post(done, await Offload("printer", call(number), 1_000))

    async def main(loop: RealLoop) -> list[int]:
        done: Mailbox[int] = Mailbox("done")
        for number in range(10):
            await Spawn(one(number, done, loop), f"one-{number}")
        return [await Wait(done) for _ in range(10)]

    loop = RealLoop(direct, outside=False)
    assert run(main(loop), loop) == list(range(10))
    assert made == [(number, "device-printer") for number in range(10)]


def test_two_devices_do_not_wait_for_each_other() -> None:
    release = threading.Event()

    async def slow() -> bool:
        return await Offload("scanner", lambda: release.wait(PATIENCE_S), 20_000)

    async def main() -> str:
        await Spawn(slow(), "slow")
        answer = await Offload("display", lambda: "drawn", 1_000)
        release.set()
        return answer

    assert run(main()) == "drawn"


def test_an_overdue_call_is_told_and_its_device_quarantined_until_it_returns() -> None:
    release, returned = threading.Event(), threading.Event()

    def stuck() -> str:
        release.wait(PATIENCE_S)
        returned.set()
        return "too late"

    async def main() -> list[str]:
        trail = []
        with pytest.raises(CallOverdue, match="reader: no answer within 20 ms"):
            await Offload("reader", stuck, 20)
        with pytest.raises(CallOverdue):
            await Offload("reader", lambda: "refused at once", 60_000)
        trail.append(await Offload("display", lambda: "others go on", 1_000))
        release.set()
        await Offload("helper", lambda: returned.wait(PATIENCE_S), 20_000)
        for _ in range(100):  # The thread takes its lock once more before it is free.
            try:
                trail.append(await Offload("reader", lambda: "free again", 1_000))
                break
            except CallOverdue:
                await Sleep(5)
        return trail

    loop = RealLoop(direct, outside=False)
    assert run(main(), loop) == ["others go on", "free again"]


def test_calls_queued_behind_an_overdue_one_are_refused_with_it() -> None:
    release = threading.Event()
    made: list[str] = []

    async def second(told: Mailbox[str], loop: RealLoop) -> None:
        try:
            await Offload("reader", lambda: made.append("second"), 60_000)
        except CallOverdue:
            loop.post(told, "refused")

    async def main(loop: RealLoop) -> str:
        told: Mailbox[str] = Mailbox("told")
        task = await Spawn(first(), "first")
        await Spawn(second(told, loop), "second")
        answer = await Wait(told)
        release.set()
        task.close()
        return answer

    async def first() -> None:
        with pytest.raises(CallOverdue):
            await Offload("reader", lambda: release.wait(PATIENCE_S), 20)

    loop = RealLoop(direct, outside=False)
    assert run(main(loop), loop) == "refused"
    assert made == []


def test_a_call_that_never_returns_stops_the_process() -> None:
    release = threading.Event()

    async def main() -> None:
        with pytest.raises(CallOverdue):
            await Offload("reader", lambda: release.wait(PATIENCE_S), 10)
        await Sleep(60_000)

    with pytest.raises(LoopError, match="reader: a call never returned"):
        run(main(), QuickLoop(direct, outside=False))
    release.set()


def test_a_device_that_comes_back_is_not_given_up() -> None:
    release = threading.Event()

    async def main() -> str:
        with pytest.raises(CallOverdue):
            await Offload("reader", lambda: release.wait(PATIENCE_S), 10)
        release.set()
        await Sleep(60)
        return "alive"

    assert run(main(), QuickLoop(direct, outside=False)) == "alive"


def test_a_full_queue_refuses() -> None:
    release = threading.Event()

    async def one(told: Mailbox[str], loop: RealLoop) -> None:
        try:
            await Offload("reader", lambda: release.wait(PATIENCE_S), 20_000)
        except CallOverdue:
            loop.post(told, "refused")

    async def main(loop: RealLoop) -> str:
        told: Mailbox[str] = Mailbox("told")
        for number in range(RealLoop.QUEUE_LIMIT + 2):  # One is running.
            await Spawn(one(told, loop), f"one-{number}")
        answer = await Wait(told)
        release.set()
        return answer

    loop = RealLoop(direct, outside=False)
    assert run(main(loop), loop) == "refused"


def test_a_threads_exception_reaches_the_task_even_when_it_is_no_ordinary_one() -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        await Offload("reader", leave, 1_000)

    with pytest.raises(KeyboardInterrupt):
        run(main())


def test_posts_from_many_threads_all_arrive_and_each_threads_order_holds() -> None:
    threads, each = 8, 200
    loop = RealLoop(direct)
    box: Mailbox[tuple[int, int]] = Mailbox("box", limit=threads * each)

    def poster(number: int) -> None:
        for value in range(each):
            loop.post(box, (number, value))

    async def main() -> list[tuple[int, int]]:
        for number in range(threads):
            threading.Thread(target=poster, args=(number,), daemon=True).start()
        return [await Wait(box) for _ in range(threads * each)]

    seen = run(main(), loop)
    for number in range(threads):
        assert [value for who, value in seen if who == number] == list(range(each))
    assert box.dropped == 0


def test_a_post_wakes_an_idle_loop_at_once() -> None:
    loop = RealLoop(direct)
    box: Mailbox[str] = Mailbox("keys")

    async def main() -> float:
        threading.Timer(0.05, lambda: loop.post(box, "5")).start()
        before = time.monotonic()
        await Wait(box)
        return time.monotonic() - before

    assert run(main(), loop) < RealLoop.IDLE_MS / 1000 / 2


def test_an_idle_loop_does_not_spin_and_still_feeds_its_watchdog() -> None:
    loop = RealLoop(direct)
    loop.IDLE_MS = 50  # type: ignore[misc]
    fed: list[int] = []
    loop.watchdog = lambda: fed.append(1)

    async def main() -> None:
        await Sleep(220)

    cpu = time.process_time()
    run(main(), loop)
    assert 4 <= len(fed) <= 12, "about one turn for each 50 ms"
    assert time.process_time() - cpu < 0.1


def test_a_commit_runs_on_the_journals_own_thread_and_gives_its_value() -> None:
    names: list[str] = []

    def commit(work: Callable[[Any], Any]) -> Any:
        names.append(threading.current_thread().name)
        return work("tx")

    async def main() -> str:
        return await Commit(lambda tx: f"in {tx}")

    assert run(main(), RealLoop(commit, outside=False)) == "in tx"
    assert names == ["device-journal"]


def test_random_bytes_are_the_systems() -> None:
    loop = RealLoop(direct)
    assert len({loop.draw(16) for _ in range(50)}) == 50
