"""The way to the host: which route a request leaves by, and whether a connection may be used again.

A terminal may have several routes (another address of the host, another network interface), the preferred one first.
A request leaves by the first that takes it. Until its first byte may have left nothing was asked, so the next route may
be tried; from that byte on it is never sent again, by any route, whatever becomes of the line.

A route that failed is tried after all others, until something has passed by it again: a payment, or the check that a
terminal makes when nobody is waiting (`Line.resting`). A route is also thought to have failed when a request found no
answer on it: what follows, the reversal, had better go another way.

A connection is closed after each exchange, or kept (profile, `connection.keep`). One that is kept is trusted with a
request only within `connection.trusted_ms` of the last frame heard on it: a new connection is the proof that somebody
is there, and costs what an echo would.

Spec: docs/host-link.md §18.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeVar

from drivers.ports import Link, LinkClosed, LinkDown, LinkFault, LinkFrame
from terminal.hostlink.profile import Profile
from terminal.loop import CallOverdue, Mailbox, Now, Offload, Race, Sleep, Wait

T = TypeVar("T")


class WayState(Enum):
    """How a route stands with us; the value is a word of the room "way"."""

    USED = "used"  # The last exchange went by it.
    READY = "ready"
    RESTING = "resting"  # It failed: tried after all others, and called when nobody is served.


GRACE_MS = 2_000  # The driver's own time-out comes first; this is for a driver that is late in noticing.


class Line:
    """Routes and the one connection; its state is what was learnt about them since the start."""

    def __init__(self, link: Link, box: Mailbox[LinkFrame | LinkClosed], note: Callable[[str], None]) -> None:
        self._link = link
        self._box = box
        self._note = note
        self._known: tuple[str, ...] = link.routes
        self._failed: list[int] = []  # The longest ago first.
        self._number: int | None = None  # The open connection's.
        self._heard_ms = 0
        self.route = 0  # The one that was used last.
        self.dropped = 0  # Frames and ends that came when nothing was asked.

    @property
    def routes(self) -> tuple[str, ...]:
        return self._link.routes

    def order(self) -> tuple[int, ...]:
        """The routes as the next request will try them."""
        if self._known != self._link.routes:  # Another host was dialled.
            self._known, self._failed = self._link.routes, []
        good = [route for route in range(len(self._known)) if route not in self._failed]
        return (*good, *self._failed)

    def resting(self) -> tuple[int, ...]:
        """The routes that failed and have to be checked before they are preferred again."""
        self.order()
        return tuple(sorted(self._failed))

    def ways(self) -> tuple[tuple[str, WayState], ...]:
        """Each route's name and how it stands, the preferred one first."""
        resting = self.resting()
        return tuple(
            (name, WayState.RESTING if at in resting else WayState.USED if at == self.route else WayState.READY)
            for at, name in enumerate(self._known)
        )

    async def send(self, frame: bytes, profile: Profile, *, connect_ms: int, only: int | None = None) -> int:
        """Send by the best route, or by `only` that one; the connection's number. Raises LinkDown.

        All routes share `connect_ms`, so that nobody waits longer for several of them than for one.
        With `sent` the host may have seen the request. Without it no route took a byte of it; the fault is that of
        the route that was tried first, or that of a certificate's date, which a person can mend.
        """
        faults: list[LinkDown] = []
        if only is None and await self._is_fresh(profile):
            down = await self._try(self.route, frame, profile, None)
            if down is None and self._number is not None:
                return self._number
            faults += [down] if down else []
        end_ms = (await Now()).mono_ms + connect_ms
        order: Sequence[int] = self.order() if only is None else (only,)
        for place, route in enumerate(order):
            left_ms = max(1, end_ms - (await Now()).mono_ms)
            down = await self._try(route, frame, profile, left_ms // (len(order) - place) or 1)
            if down is None and self._number is not None:
                return self._number
            faults += [down] if down else []
        raise next((down for down in faults if down.fault is LinkFault.TLS_DATE), faults[-len(order)])

    async def _try(self, route: int, frame: bytes, profile: Profile, connect_ms: int | None) -> LinkDown | None:
        """One route, over the open connection if there is no time for a new one. Raises LinkDown with sent=True."""
        link = self._link
        try:
            if connect_ms is not None:
                await self.close()
                self.route = route
                self._number = await _call(lambda: link.connect(connect_ms, route), connect_ms, sent=False)
            timeout_ms = profile.connect_timeout_ms
            await _call(lambda: link.send(frame, timeout_ms), timeout_ms, sent=True)
        except LinkDown as down:
            self._note(f"{self._name(route)}: {down}")
            # A kept connection that the host has closed meanwhile says nothing against its route.
            await self.close(failed=connect_ms is not None)
            if down.sent:
                raise
            return down
        return None

    async def _is_fresh(self, profile: Profile) -> bool:
        """Whether there is a connection to be trusted. What came in the meantime answers nothing: it is dropped."""
        while True:
            won, event = await Race(Wait(self._box), Sleep(0))
            if won == 1:
                break
            self.dropped += 1
            if event.connection == self._number and isinstance(event, LinkClosed):
                self._number = None
            elif isinstance(event, LinkFrame):
                self._note(f"{self._name(self.route)}: dropped a frame of {len(event.data)} bytes that came unasked")
        silent_ms = (await Now()).mono_ms - self._heard_ms
        return profile.connection_kept and self._number is not None and silent_ms < profile.connection_trusted_ms

    async def heard(self, profile: Profile) -> None:
        """The exchange ended in an answer: its route is good, and its connection is kept if that is wanted."""
        self._heard_ms = (await Now()).mono_ms
        if self.route in self._failed:
            self._failed.remove(self.route)
        if not profile.connection_kept:
            await self.close()

    async def is_due(self, profile: Profile) -> bool:
        """Whether a kept connection has been silent for so long that an echo has to prove it."""
        silent_ms = (await Now()).mono_ms - self._heard_ms
        return self._number is not None and profile.connection_kept and silent_ms >= profile.connection_echo_ms

    async def close(self, *, failed: bool = False) -> None:
        """Hang up. `failed`: nothing is to be expected of this route for now."""
        if failed and self.route in self.order():
            self._failed = [route for route in self._failed if route != self.route] + [self.route]
        if self._number is None:
            return
        self._number = None
        try:
            await Offload("link", self._link.close, GRACE_MS)
        except (LinkDown, CallOverdue):
            return  # What was to be learnt from this connection is known already.

    def _name(self, route: int) -> str:
        return self._known[route] if route < len(self._known) else "?"


async def _call(call: Callable[[], T], timeout_ms: int, *, sent: bool) -> T:
    """A call of the link's; overdue, it has failed, and `sent` tells what that may have done. Raises LinkDown."""
    try:
        return await Offload("link", call, timeout_ms + GRACE_MS)
    except CallOverdue:
        raise LinkDown(LinkFault.TIMEOUT, sent=sent, detail="the link does not return") from None
