"""One exchange with the host: connect, send, wait, accept only the answer to what was asked.

The one question that money depends on is whether the host can have seen the request. `Silence.sent` answers it: until
the first byte may have left, nothing was asked and a prepared reversal is withdrawn; after it, silence always means
that the host may have approved. A frame that does not answer this request (an older STAN, another terminal's) is
dropped and counted; a connection is never reused, so that a late answer cannot meet a later question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.ports import Link, LinkClosed, LinkDown, LinkFault, LinkFrame
from keys import KeyStore
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.profile import Profile
from terminal.hostlink.reply import Verdict, VerdictKind, check_reply
from terminal.loop import CallOverdue, Mailbox, Now, Offload, Race, Sleep, Wait

GRACE_MS = 2_000  # The driver's own time-out comes first; this is for a driver that is late in noticing.
TICK_MS = 1_000  # The countdown that a person watches.
FOREIGN_LIMIT = 32  # Frames that answer something else, in one exchange; a host that sends more is broken.


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply to this very request, with what may be believed of it."""

    reply: Message
    verdict: Verdict
    requirement: int  # The header's processing requirement, to be obeyed after the transaction.


@dataclass(frozen=True, slots=True)
class Silence:
    """No usable answer. `sent`: the host may have seen the request. `reason` is a stable word for the person."""

    sent: bool
    reason: str


class HostSession:
    """The link to the host with its profile and keys; owns no state but a count of what it dropped."""

    def __init__(self, link: Link, box: Mailbox[LinkFrame | LinkClosed], profile: Profile, keys: KeyStore) -> None:
        self._link = link
        self._box = box
        self.profile = profile
        self._keys = keys
        self.dropped = 0

    async def exchange(self, request: Message, on_wait: Callable[[int], None] | None = None) -> Answered | Silence:
        """Send one request and wait for its answer; `on_wait` hears the seconds left, once a second."""
        profile, link = self.profile, self._link
        frame = wrap(encode(request, profile), profile)
        self._box.renew()
        try:
            connection = await Offload(
                "link",
                lambda: link.connect(profile.connect_timeout_ms),
                profile.connect_timeout_ms + GRACE_MS,
            )
        except LinkDown as down:
            return Silence(False, down.fault.value)
        except CallOverdue:
            return Silence(False, LinkFault.TIMEOUT.value)
        try:
            await Offload(
                "link", lambda: link.send(frame, profile.connect_timeout_ms), profile.connect_timeout_ms + GRACE_MS
            )
        except LinkDown as down:
            await self._hang_up()
            return Silence(down.sent, down.fault.value)
        except CallOverdue:
            return Silence(True, LinkFault.TIMEOUT.value)
        outcome = await self._await_reply(connection, request, on_wait)
        await self._hang_up()
        return outcome

    async def _hang_up(self) -> None:
        try:
            await Offload("link", self._link.close, GRACE_MS)
        except (LinkDown, CallOverdue):
            return  # What was to be learnt from this connection is known already.

    async def _await_reply(
        self, connection: int, request: Message, on_wait: Callable[[int], None] | None
    ) -> Answered | Silence:
        deadline_ms = (await Now()).mono_ms + self.profile.response_timeout_ms
        foreign = 0
        while foreign < FOREIGN_LIMIT:
            left_ms = deadline_ms - (await Now()).mono_ms
            if left_ms <= 0:
                return Silence(True, LinkFault.TIMEOUT.value)
            if on_wait:
                on_wait(-(-left_ms // 1000))
            won, event = await Race(Wait(self._box), Sleep(min(TICK_MS, left_ms)))
            if won == 1:
                continue
            if event.connection != connection:
                self.dropped += 1
                foreign += 1
                continue
            if isinstance(event, LinkClosed):
                return Silence(True, LinkFault.BROKEN.value)
            try:
                received = unwrap(event.data, self.profile)
                reply = decode(received.body, self.profile)
            except FrameError:
                return Silence(True, "garbled")
            verdict = check_reply(request, reply, self._keys, self.profile)
            if verdict.kind is VerdictKind.MISMATCH:
                self.dropped += 1
                foreign += 1
                continue
            return Answered(reply, verdict, received.requirement)
        return Silence(True, "foreign")
