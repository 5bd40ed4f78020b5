"""The supervisor hears what it should, as often as it should: a real Unix socket on the other side."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminal.loop import Sleep
from terminal.loop.real import RealLoop
from terminal.watchdog import Watchdog


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[socket.socket]:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    listening.setblocking(False)
    yield listening
    listening.close()


def heard(supervisor: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(supervisor.recv(1000).decode())
        except BlockingIOError:
            return messages


def test_the_supervisor_hears_each_word(supervisor: socket.socket) -> None:
    watchdog = Watchdog(supervisor.getsockname(), None, lambda: 0)
    watchdog.ready()
    watchdog.status("ready\nfor  customers")
    watchdog.feed()  # No period was given: nothing to feed.
    watchdog.stopping()
    watchdog.close()
    assert heard(supervisor) == ["READY=1", "STATUS=ready for customers", "STOPPING=1"]


def test_feeding_is_limited_to_four_times_a_period(supervisor: socket.socket) -> None:
    times = iter(range(0, 20_000, 10))
    watchdog = Watchdog(supervisor.getsockname(), 4_000, lambda: next(times))
    for _ in range(1_000):  # Ten seconds of turns.
        watchdog.feed()
    assert heard(supervisor) == ["WATCHDOG=1"] * 10
    watchdog.close()


def test_the_environment_tells_all() -> None:
    ours = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    assert Watchdog.from_environment(ours, lambda: 0).supervised
    assert Watchdog.from_environment(ours, lambda: 0)._interval_ms == 7_500
    others = {**ours, "WATCHDOG_PID": "1"}
    assert Watchdog.from_environment(others, lambda: 0)._interval_ms is None
    for environment in ({}, {"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "rubbish"}):
        quiet = Watchdog.from_environment(environment, lambda: 0)
        assert not quiet.supervised
        quiet.ready()
        quiet.feed()


def test_an_abstract_socket_is_understood() -> None:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(f"\0zhanggui-test-{os.getpid()}")
    watchdog = Watchdog(f"@zhanggui-test-{os.getpid()}", None, lambda: 0)
    watchdog.ready()
    assert listening.recv(100) == b"READY=1"
    watchdog.close()
    listening.close()


def test_a_supervisor_that_is_gone_does_not_stop_the_terminal(tmp_path: Path) -> None:
    watchdog = Watchdog(str(tmp_path / "absent"), 1_000, lambda: 0)
    watchdog.ready()
    watchdog.feed()
    watchdog.close()


def test_the_loop_feeds_it(supervisor: socket.socket) -> None:
    loop = RealLoop(lambda work: work(None), outside=False)
    watchdog = Watchdog(supervisor.getsockname(), 40, lambda: loop.now().mono_ms)
    loop.watchdog = watchdog.feed

    async def flow() -> None:
        for _ in range(10):
            await Sleep(10)

    loop.run(flow())
    loop.close()
    watchdog.close()
    assert 4 <= len(heard(supervisor)) <= 12
