"""One exchange with the host: send, wait, accept only the answer to what was asked.

The one question that money depends on is whether the host can have seen the request. `Silence.sent` answers it: until
the first byte may have left, nothing was asked and a prepared reversal is withdrawn; after it, silence always means
that the host may have approved. Which route a request leaves by, and over which connection, is `line.Line`'s affair.

A frame that does not answer this request (an older STAN, another terminal's, a second reply) is dropped, counted and
told to `note`. A connection on which a request found no answer is closed, so that a late one cannot meet a later
question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.ports import Link, LinkClosed, LinkDown, LinkFault, LinkFrame
from keys import KeyStore
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.line import Line
from terminal.hostlink.profile import Profile
from terminal.hostlink.reply import Verdict, VerdictKind, check_reply
from terminal.loop import Mailbox, Now, Race, Sleep, Wait

TICK_MS = 1_000  # The countdown that a person watches.
BEHIND_CONNECT_MS = 5_000  # The longest that a customer waits for what went on behind the idle screen.
YIELDED = "yielded"  # The reason of a silence that we made ourselves: somebody wanted the line.
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
    """The link to the host with its profile and keys; owns no state but its line, and counts of what it dropped.

    `note` hears a line of text for each thing that was not as it should be: no field of a message, no secret.
    """

    def __init__(
        self,
        link: Link,
        box: Mailbox[LinkFrame | LinkClosed],
        profile: Profile,
        keys: KeyStore,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._box = box
        self.profile = profile
        self._keys = keys
        self._note = note
        self.line = Line(link, box, note)
        self._foreign = 0
        self.behind = False  # What is asked now is asked behind the idle screen, and gives way.
        self.yielding = False  # Somebody waits for it to end: nothing more is asked.
        self.hurry: Mailbox[None] = Mailbox("hurry", keep_newest=True)  # Somebody wants the line.

    @property
    def dropped(self) -> int:
        """Frames that answered nothing that was asked, since the start."""
        return self._foreign + self.line.dropped

    async def exchange(
        self,
        request: Message,
        on_wait: Callable[[int], None] | None = None,
        *,
        within_ms: int | None = None,
        only: int | None = None,
    ) -> Answered | Silence:
        """Send one request and wait for its answer; `on_wait` hears the seconds left, once a second.

        `within_ms` is another time-out than the profile's; `only` is the one route to take. While `yielding` is set
        none begins, and with `behind` set one ends as soon as something is in `hurry`, as if nobody had answered.
        """
        profile, line = self.profile, self.line
        if self.yielding:
            return Silence(False, YIELDED)
        connect_ms = min(profile.connect_timeout_ms, BEHIND_CONNECT_MS if self.behind else profile.connect_timeout_ms)
        try:
            frame = wrap(encode(request, profile), profile)
            connection = await line.send(frame, profile, connect_ms=connect_ms, only=only)
        except LinkDown as down:
            return Silence(down.sent, down.fault.value)
        outcome = await self._await_reply(connection, request, within_ms or profile.response_timeout_ms, on_wait)
        if isinstance(outcome, Answered) and outcome.verdict.answered:
            await line.heard(profile)
        else:
            await line.close(failed=isinstance(outcome, Silence) and outcome.reason != YIELDED)
        if isinstance(outcome, Silence):
            self._note(f"{request.mti}: no answer ({outcome.reason})")
        return outcome

    async def _await_reply(
        self, connection: int, request: Message, within_ms: int, on_wait: Callable[[int], None] | None
    ) -> Answered | Silence:
        deadline_ms = (await Now()).mono_ms + within_ms
        foreign = 0
        while foreign < FOREIGN_LIMIT:
            left_ms = deadline_ms - (await Now()).mono_ms
            if left_ms <= 0:
                return Silence(True, LinkFault.TIMEOUT.value)
            if on_wait:
                on_wait(-(-left_ms // 1000))
            hurry = (Wait(self.hurry),) if self.behind else ()
            won, event = await Race(Wait(self._box), Sleep(min(TICK_MS, left_ms)), *hurry)
            if won == 2:
                return Silence(True, YIELDED)
            if won == 1:
                continue
            if event.connection != connection:
                foreign += self._drop("it came on an older connection")
                continue
            if isinstance(event, LinkClosed):
                return Silence(True, LinkFault.BROKEN.value)
            try:
                received = unwrap(event.data, self.profile)
                reply = decode(received.body, self.profile)
            except FrameError as error:
                self._note(f"{request.mti}: an answer that cannot be read (field {error.field})")
                return Silence(True, "garbled")
            verdict = check_reply(request, reply, self._keys, self.profile)
            if verdict.kind is VerdictKind.MISMATCH:
                foreign += self._drop(f"{reply.mti} does not answer {request.mti}: field {verdict.field}")
                continue
            return Answered(reply, verdict, received.requirement)
        return Silence(True, "foreign")

    def _drop(self, why: str) -> int:
        self._foreign += 1
        self._note(f"dropped a frame: {why}")
        return 1
