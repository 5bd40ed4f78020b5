"""The host of a certification: the simulated acquirer, and what crossed the line, message by message.

Each request is kept with what held when it came: the host's keys (whether its MAC is good, and what its PIN block
opens to), its open batch, its clock. So it can be judged afterwards, as often as somebody likes.

Spec: docs/host-link.md §7, §9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sim.acquirer import Acquirer
from sim.acquirer.core import CHINA
from sim.acquirer.hostkeys import HostKeys
from sim.acquirer.requests import Reply
from terminal.hostlink.codec import FrameError, Message, decode
from terminal.hostlink.frame import Frame, unwrap
from terminal.hostlink.messages import mac_wire_bytes
from terminal.hostlink.profile import Profile

EXCHANGES_LIMIT = 10_000  # A case has a dozen; more is a terminal that does not stop.


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answers. `message` is None for what could not be read, `problem` says why."""

    at_ms: int
    request: bytes = field(repr=False)
    outer: Frame | None = field(repr=False)
    message: Message | None
    problem: str
    mac: str  # good, bad, absent, or unchecked: the host had no key.
    keys: HostKeys | None
    batch_no: str
    answers: tuple[bytes, ...] = field(default=(), repr=False)
    answer: Message | None = None

    @property
    def mti(self) -> str:
        return self.message.mti if self.message is not None else "????"

    @property
    def date(self) -> str:
        """MMDD in China, when it came."""
        return datetime.fromtimestamp(self.at_ms / 1000, CHINA).strftime("%m%d")


class Host(Acquirer):
    """The acquirer with a memory for frames. `on_exchange` hears of each, on whatever thread it came.

    `later(data, delay_ms)` sends an answer that a fault has delayed, where time is virtual; a server waits by itself.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.exchanges: list[Exchange] = []
        self.on_exchange: Callable[[Exchange], None] = lambda exchange: None
        self.later: Callable[[bytes, int], None] = lambda data, delay_ms: None

    def handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        """As the acquirer's, but for answers that come late."""
        replies = [reply for reply in self.exchange(frame, now_ms) if reply.data and not reply.hang_up]
        for reply in replies:
            if reply.delay_ms:
                self.later(reply.data, reply.delay_ms)
        return tuple(reply.data for reply in replies if not reply.delay_ms)

    def exchange(self, frame: bytes, now_ms: int) -> tuple[Reply, ...]:
        with self.lock:
            asked = self._asked(frame, now_ms)
            replies = super().exchange(frame, now_ms)
            self._keep(asked, replies)
        return replies

    def _asked(self, frame: bytes, now_ms: int) -> Exchange:
        """The request as it is judged later, before the host has acted on it."""
        try:
            outer = unwrap(frame, self.profile)
            message = decode(outer.body, self.profile)
        except FrameError as wrong:
            return Exchange(now_ms, frame, None, None, str(wrong), "unchecked", None, "")
        terminal = (message.text(42), message.text(41))
        keys = self.keys_of(terminal, message)
        batch = self.book.current(terminal)
        mac = "absent"
        if 64 in message.fields:
            size = mac_wire_bytes(self.profile)
            good = keys is not None and keys.mac_ok(outer.body[:-size], outer.body[-size:])
            mac = "unchecked" if keys is None else "good" if good else "bad"
        return Exchange(now_ms, frame, outer, message, "", mac, keys, batch.batch_no if batch is not None else "")

    def _keep(self, asked: Exchange, replies: tuple[Reply, ...]) -> None:
        answers = tuple(reply.data for reply in replies if reply.data)
        exchange = Exchange(
            asked.at_ms,
            asked.request,
            asked.outer,
            asked.message,
            asked.problem,
            asked.mac,
            asked.keys,
            asked.batch_no,
            answers,
            _answer_to(asked.message, [_readable(answer, self.profile) for answer in answers]),
        )
        if len(self.exchanges) == EXCHANGES_LIMIT:
            raise RuntimeError(f"more than {EXCHANGES_LIMIT} messages in one case: the terminal does not stop")
        self.exchanges.append(exchange)
        self.on_exchange(exchange)


def book_of(host: Host, exchanges: Sequence[Exchange]) -> tuple[str, ...]:
    """What the host's book says of each transaction that these requests were about, in their order."""
    states = {(entry.batch_no, entry.stan): entry.state.value for entry in host.book.entries}
    found: dict[tuple[str, str], str] = {}
    for exchange in exchanges:
        if exchange.message is None or 60 not in exchange.message.fields:
            continue
        key = (exchange.message.text(60)[2:8], exchange.message.text(11))
        if key in states:
            found[key] = states[key]
    return tuple(found.values())


def _answer_to(asked: Message | None, answers: Sequence[Message | None]) -> Message | None:
    """The answer to this very request, where one of another has come before it; else the first."""
    own = [answer for answer in answers if answer and asked and answer.text(11) == asked.text(11)]
    return own[0] if own else next(iter(answers), None)


def _readable(frame: bytes, profile: Profile) -> Message | None:
    """None for an answer that a fault has spoilt."""
    try:
        return decode(unwrap(frame, profile).body, profile)
    except FrameError:
        return None
