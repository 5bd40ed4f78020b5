"""The link without a wire: frames go to `handle(frame, now_ms)` and come back, in virtual time.

A request's effect on the host, the delivery of each answer and a connection's end are separate moments,
scheduled by `loop.at`; what goes wrong on the way is drawn beforehand by the `Network` plan, so that a seed
decides it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.link import FLOOD_LIMIT, FRAME_LIMIT_BYTES, LENGTH_BYTES
from drivers.ports import LinkClosed, LinkDown, LinkFault, LinkFrame
from terminal.loop import Loop

LATENCY_MS = 20  # One way, on a good line, when a plan says nothing else.


@dataclass(frozen=True, slots=True)
class Trip:
    """What happens to one request and its answers. The default is a good day.

    `cut_request_after`, `cut_reply_after`: the connection breaks after that many bytes on the wire (the
    length prefix counts); a cut after the last byte of a request breaks it when the host has everything.
    """

    drop_request: bool = False
    drop_reply: bool = False
    delay_request_ms: int = 0
    delay_reply_ms: int = 0
    duplicate_request: bool = False  # A faulty network path or gateway sends it twice.
    duplicate_reply: bool = False
    cut_request_after: int | None = None
    cut_reply_after: int | None = None


GOOD_TRIP = Trip()


def steady_latency(leg: int) -> int:
    """The same latency for every leg of every trip."""
    return LATENCY_MS


def always_reachable(attempt: int) -> LinkFault | None:
    """Every connection succeeds."""
    return None


def good_trip(serial: int) -> Trip:
    """Every request arrives and is answered."""
    return GOOD_TRIP


@dataclass(frozen=True, slots=True)
class Network:
    """The weather. Each function gets a number that counts from 1 over the twin's whole life.

    `latency_ms(leg)`: one way, for connections, requests and answers alike. `refuse(attempt)`: the fault of a
    connection, or None. `trip(serial)`: what happens to the n-th request that is sent.
    """

    latency_ms: Callable[[int], int] = steady_latency
    refuse: Callable[[int], LinkFault | None] = always_reachable
    trip: Callable[[int], Trip] = good_trip


GOOD_WEATHER = Network()


class TwinLink:
    """Meets `drivers.ports.Link` on a virtual-time loop.

    `handle(frame, now_ms)` is the host: one frame in, its answers out; `now_ms` is the loop's wall clock.
    `others` are further routes, each with weather of its own.
    `spend(ms)`, if given, tells the loop that the device was busy (sim.loop.SimLoop.spend): a refused
    connection takes one leg, one that times out takes all of its timeout.
    """

    def __init__(
        self,
        loop: Loop,
        handle: Callable[[bytes, int], tuple[bytes, ...]],
        network: Network = GOOD_WEATHER,
        *,
        others: Sequence[Network] = (),
        spend: Callable[[int], None] = lambda ms: None,
    ) -> None:
        self._loop = loop
        self._handle = handle
        self._networks = (network, *others)
        self._network = network  # That of the newest connection.
        self._unplugged: set[int] = set()
        self._spend = spend
        self._on_event: Callable[[LinkFrame | LinkClosed], None] = lambda event: None
        self._number = 0
        self._route = 0
        self._open = False
        self._attempts = 0
        self._sent = 0
        self._legs = 0
        self._to_host_ms = 0  # When the last thing on its way arrives, each way.
        self._from_host_ms = 0
        self._unasked = 0  # Frames since the last request.
        self.taken: list[int] = []  # The route of each connection that was made.

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(f"line {number}" for number in range(1, len(self._networks) + 1))

    def watch(self, on_event: Callable[[LinkFrame | LinkClosed], None]) -> None:
        self._on_event = on_event

    def connect(self, timeout_ms: int, route: int = 0) -> int:
        self.close()
        self._attempts += 1
        self._network, self._route = self._networks[route], route
        fault = LinkFault.TIMEOUT if route in self._unplugged else self._network.refuse(self._attempts)
        latency_ms = self._latency()
        if fault is None and 2 * latency_ms > timeout_ms:
            fault = LinkFault.TIMEOUT
        if fault is not None:
            self._spend(timeout_ms if fault is LinkFault.TIMEOUT else min(timeout_ms, latency_ms))
            raise LinkDown(fault, sent=False, detail="the simulated network")
        self._spend(2 * latency_ms)
        self._number += 1
        self._open = True
        self.taken.append(route)
        self._to_host_ms = self._from_host_ms = 0
        return self._number

    def send(self, data: bytes, timeout_ms: int) -> None:
        if not 0 < len(data) <= FRAME_LIMIT_BYTES:
            raise ValueError(f"a frame has 1 to {FRAME_LIMIT_BYTES} bytes, not {len(data)}")
        if not self._open:
            raise LinkDown(LinkFault.BROKEN, sent=False, detail="not connected")
        self._sent += 1
        self._unasked = 0
        trip = self._network.trip(self._sent)
        cut = trip.cut_request_after
        if cut is not None and cut < LENGTH_BYTES + len(data):
            self.close()
            raise LinkDown(LinkFault.BROKEN, sent=cut > 0, detail=f"cut after {cut} bytes")
        if not trip.drop_request and self._route not in self._unplugged:
            number = self._number
            arrival_ms = self._to_host_ms = max(
                self._to_host_ms, self._now_ms() + self._latency() + trip.delay_request_ms
            )
            for _ in range(2 if trip.duplicate_request else 1):
                self._loop.at(arrival_ms, lambda: self._arrive(number, data, trip))
        if cut is not None:
            self._cut(self._number)

    def close(self) -> None:
        """What is on its way to the host still arrives there; what is on its way back is lost."""
        self._open = False

    # The world.

    def answer_later(self, data: bytes, delay_ms: int) -> None:
        """A slow host's answer on the present connection, so long from now; nobody's if that has ended by then."""
        number = self._number
        self._loop.at(self._now_ms() + delay_ms + self._latency(), lambda: self._deliver(number, data))

    def break_connection(self) -> None:
        """The line goes down now (a cable pulled, a host restarted)."""
        if self._open:
            self._end(self._number)

    def unplug(self, route: int) -> None:
        """That route's cable is out: nothing passes either way, nothing is told, and no connection is made."""
        self._unplugged.add(route)

    def take_over(self, before: TwinLink) -> None:
        """The cables that were out."""
        self._unplugged = before._unplugged

    def is_unplugged(self, route: int) -> bool:
        return route in self._unplugged

    def plug_in(self, route: int) -> None:
        self._unplugged.discard(route)

    def _arrive(self, number: int, data: bytes, trip: Trip) -> None:
        for answer in self._handle(data, self._loop.now().wall_ms):
            if trip.drop_reply:
                continue
            at_ms = self._now_ms() + self._latency() + trip.delay_reply_ms
            if number == self._number:  # TCP keeps the order: what is late makes all behind it late.
                at_ms = self._from_host_ms = max(self._from_host_ms, at_ms)
            if trip.cut_reply_after is not None and trip.cut_reply_after < LENGTH_BYTES + len(answer):
                self._loop.at(at_ms, lambda: self._end(number))
                return
            for _ in range(2 if trip.duplicate_reply else 1):
                # mypy cannot type a default
                self._loop.at(at_ms, lambda answer=answer: self._deliver(number, answer))  # type: ignore[misc]

    def _deliver(self, number: int, data: bytes) -> None:
        if not self._open or number != self._number or self._route in self._unplugged:
            return
        self._unasked += 1
        if self._unasked > FLOOD_LIMIT:
            self._end(number)
            return
        self._on_event(LinkFrame(number, data))

    def _cut(self, number: int) -> None:
        self._loop.at(self._now_ms() + self._latency(), lambda: self._end(number))

    def _end(self, number: int) -> None:
        if self._open and number == self._number:
            self._open = False
            self._on_event(LinkClosed(number, LinkFault.BROKEN))

    def _latency(self) -> int:
        self._legs += 1
        return self._network.latency_ms(self._legs)

    def _now_ms(self) -> int:
        return self._loop.clock_ms()
