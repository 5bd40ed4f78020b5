"""The twin's weather: each fault happens where and when the plan says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.ports import LinkClosed, LinkDown, LinkFault, LinkFrame
from sim.loop import START_WALL_MS, SimLoop
from sim.twins.link import LATENCY_MS, Network, Trip, TwinLink
from terminal.loop import Sleep

TIMEOUT_MS = 5_000


class World:
    """A twin, a host that echoes, and what happened when."""

    def __init__(self, network: Network) -> None:
        self.loop = SimLoop(seed=1)
        self.at_host: list[tuple[int, bytes]] = []
        self.events: list[tuple[int, LinkFrame | LinkClosed]] = []
        self.link = TwinLink(self.loop, self._handle, network)
        self.link.watch(lambda event: self.events.append((self.loop.now().mono_ms, event)))

    def _handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        self.at_host.append((now_ms - START_WALL_MS, frame))
        return (frame,)

    def run(self, ms: int, *steps: tuple[int, Callable[[], object]]) -> None:
        for when_ms, step in steps:
            self.loop.at(when_ms, lambda step=step: step())

        async def a_while() -> None:
            await Sleep(ms)

        self.loop.run(a_while())


def one_trip(trip: Trip) -> World:
    world = World(Network(trip=lambda serial: trip if serial == 1 else Trip()))
    world.link.connect(TIMEOUT_MS)
    return world


def test_effect_and_delivery_are_separate_moments() -> None:
    world = one_trip(Trip())
    world.link.send(b"sale", TIMEOUT_MS)
    assert not world.at_host
    world.run(1_000)
    assert world.at_host == [(LATENCY_MS, b"sale")]
    assert world.events == [(2 * LATENCY_MS, LinkFrame(1, b"sale"))]


def test_a_dropped_request_never_reaches_the_host() -> None:
    world = one_trip(Trip(drop_request=True))
    world.link.send(b"sale", TIMEOUT_MS)
    world.run(60_000)
    assert not world.at_host
    assert not world.events


def test_a_dropped_reply_has_had_its_effect() -> None:
    world = one_trip(Trip(drop_reply=True))
    world.link.send(b"sale", TIMEOUT_MS)
    world.run(60_000)
    assert len(world.at_host) == 1
    assert not world.events


def test_a_delayed_reply_also_delays_what_is_behind_it() -> None:
    world = one_trip(Trip(delay_reply_ms=500))
    world.link.send(b"first", TIMEOUT_MS)
    world.link.send(b"second", TIMEOUT_MS)
    world.run(1_000)
    assert world.events == [(540, LinkFrame(1, b"first")), (540, LinkFrame(1, b"second"))]


def test_duplicates() -> None:
    world = one_trip(Trip(duplicate_request=True, duplicate_reply=True))
    world.link.send(b"sale", TIMEOUT_MS)
    world.run(1_000)
    assert len(world.at_host) == 2
    assert len(world.events) == 4


@pytest.mark.parametrize(("after", "sent"), [(0, False), (1, True), (5, True)])
def test_a_request_cut_short_tells_whether_a_byte_left(after: int, sent: bool) -> None:
    world = one_trip(Trip(cut_request_after=after))
    with pytest.raises(LinkDown) as down:
        world.link.send(b"sale", TIMEOUT_MS)
    assert down.value.sent is sent
    world.run(1_000)
    assert not world.at_host


def test_a_cut_behind_the_last_byte_lets_the_host_act_and_nobody_hear() -> None:
    world = one_trip(Trip(cut_request_after=6))
    world.link.send(b"sale", TIMEOUT_MS)
    world.run(1_000)
    assert len(world.at_host) == 1
    assert [event for _, event in world.events] == [LinkClosed(1, LinkFault.BROKEN)]


def test_closing_does_not_call_a_request_back() -> None:
    world = one_trip(Trip())
    world.link.send(b"sale", TIMEOUT_MS)
    world.run(1_000, (1, world.link.close))
    assert len(world.at_host) == 1
    assert not world.events


def test_an_answer_to_the_old_connection_is_not_delivered_on_the_new() -> None:
    world = one_trip(Trip(delay_reply_ms=500))
    world.link.send(b"old", TIMEOUT_MS)
    world.run(1_000, (100, lambda: world.link.connect(TIMEOUT_MS)))
    assert not world.events


@pytest.mark.parametrize("fault", [LinkFault.REFUSED, LinkFault.TIMEOUT, LinkFault.TLS_DATE])
def test_a_refused_attempt_and_a_good_one(fault: LinkFault) -> None:
    world = World(Network(refuse=lambda attempt: fault if attempt == 1 else None))
    with pytest.raises(LinkDown) as down:
        world.link.connect(TIMEOUT_MS)
    assert (down.value.fault, down.value.sent) == (fault, False)
    assert world.link.connect(TIMEOUT_MS) == 1


def test_a_line_slower_than_the_timeout_is_a_timeout() -> None:
    spent: list[int] = []
    world = World(Network(latency_ms=lambda leg: 3_000))
    link = TwinLink(world.loop, lambda frame, now_ms: (), Network(latency_ms=lambda leg: 3_000), spend=spent.append)
    with pytest.raises(LinkDown) as down:
        link.connect(TIMEOUT_MS)
    assert down.value.fault is LinkFault.TIMEOUT
    assert spent == [TIMEOUT_MS]
