"""A host from outside, over real TCP, in a world of virtual time: people test theirs with our terminal, faults and all.

The world stands still while the host thinks, so that what takes a minute of the terminal's time (a silent line, a
reversal that is sent again and again) takes no time here, and the host sees the same requests in the same order. What
the host sends too late arrives before the answer to the next request, as on a real line.

Frames have the length prefix of the profile and go over one plain connection, which is made again when it breaks. The
terminal speaks as the test merchant's terminal under the published test keys (docs/host-link.md). TLS: put stunnel or
a proxy between, or take the real program (`python -m terminal`).
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.link import FRAME_LIMIT_BYTES, READ_BYTES, FrameReader, length_prefix
from sim.proxy import Address
from sim.stage import Stage, Terms
from terminal.loop import Loop
from terminal.recording import Recording

PATIENCE_S = 10.0  # A host that has not answered by then was silent; a real one answers within seconds.
STANS = 900_000  # Numbers that a world may begin at: a hundred thousand are left for its life.
FRAMES_LIMIT = 32  # In one exchange: more is a host that does not stop.


@dataclass(frozen=True, slots=True)
class HostSaid:
    """All that a world had from a host outside: with it the world is made again without that host.

    `first_stan`: where the terminal's counter began. `answers`: to each request, in order.
    """

    first_stan: int
    answers: Sequence[tuple[bytes, ...]]

    def stage(self, terms: Terms, tape: Callable[[Loop], Recording] | None = None) -> Stage:
        """That world once more. Whatever is asked beyond what was answered then is not answered."""
        left = iter(self.answers)
        return Stage(terms, lambda frame, now_ms: next(left, ()), self.first_stan, tape)


class OutsideHost:
    """Answers by what the host at `address` answers: sim.world.HostAnswers. `close` it.

    `problem` is the last reason why nothing came, "" when something did.
    """

    def __init__(self, address: Address, *, length_digits: int = 0, patience_s: float = PATIENCE_S) -> None:
        self.address = address
        self.problem = ""
        self._first_stan = secrets.randbelow(STANS)
        self._sent = 0
        self._digits = length_digits
        self._patience_s = patience_s
        self._socket: socket.socket | None = None
        self._reader = FrameReader(FRAME_LIMIT_BYTES, length_digits)

    def stage(self, terms: Terms) -> Stage:
        """A world before this host, which remembers the numbers of the worlds before: this one has others.

        It calls anew: what the host still owes to the one before belongs to nobody.
        """
        self.close()
        return Stage(terms, host=self, first_stan=(self._first_stan + self._sent) % STANS)

    def __call__(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        self._sent += 1  # A message has one number at most.
        try:
            line, late = self._line()
            line.settimeout(self._patience_s)
            line.sendall(length_prefix(len(frame), self._digits) + frame)
            answers = self._read(line, self._patience_s)
        except (OSError, ValueError) as error:
            self.problem = f"{self.address.host}:{self.address.port}: {error}"
            self.close()
            return ()
        self.problem = "" if answers else "no answer"
        return (*late, *answers)

    def _line(self) -> tuple[socket.socket, tuple[bytes, ...]]:
        """The connection, and what came on it meanwhile. A host may have closed one that was silent for long."""
        if self._socket is not None:
            try:
                return self._socket, self._read(self._socket, 0)
            except (OSError, ValueError):
                self.close()
        self._reader = FrameReader(FRAME_LIMIT_BYTES, self._digits)
        address = (self.address.host, self.address.port)
        self._socket = socket.create_connection(address, timeout=self._patience_s)
        return self._socket, ()

    def _read(self, line: socket.socket, patience_s: float) -> tuple[bytes, ...]:
        """At least one frame, or what there is when patience ends. Raises OSError, ValueError."""
        frames: list[bytes] = []
        until = time.monotonic() + patience_s
        while not frames and len(frames) < FRAMES_LIMIT:
            line.settimeout(max(0.0, until - time.monotonic()))
            try:
                data = line.recv(READ_BYTES)
            except (TimeoutError, BlockingIOError):
                break
            if not data:
                raise ConnectionResetError("the host hung up")
            frames += self._reader.take(data)
        return tuple(frames[:FRAMES_LIMIT])

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
