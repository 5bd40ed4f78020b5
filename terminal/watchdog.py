"""Telling the supervisor (systemd) that the terminal is up and that its loop still turns.

The protocol is a datagram to the Unix socket named by NOTIFY_SOCKET; without one every call does nothing. `feed` is
the loop's `on_progress`: a loop that no longer turns is no longer fed, and the supervisor restarts the process.
Spec: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping

FEEDS_PER_PERIOD = 4  # sd_watchdog_enabled(3) asks for two; four survive one slow turn.
STATUS_LIMIT = 200  # Characters; systemctl shows one line.


class Watchdog:
    """`address`: the supervisor's socket ("@name" is abstract) or None; `period_ms`: WatchdogSec, or None."""

    def __init__(self, address: str | None, period_ms: int | None, now_ms: Callable[[], int]) -> None:
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address
        self._interval_ms = max(1, period_ms // FEEDS_PER_PERIOD) if period_ms else None
        self._now_ms = now_ms
        self._next_ms = 0
        self._socket: socket.socket | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], now_ms: Callable[[], int]) -> Watchdog:
        """What systemd told this process. `now_ms` is a monotonic clock."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period_ms = int(microseconds) // 1000 if microseconds.isdigit() and ours else None
        return cls(environment.get("NOTIFY_SOCKET") or None, period_ms, now_ms)

    @property
    def supervised(self) -> bool:
        """Whether somebody restarts this process when it dies."""
        return self._address is not None

    def ready(self) -> None:
        """The first screen is up."""
        self._tell("READY=1")

    def feed(self) -> None:
        """The loop has made progress. Called at every turn; a datagram leaves four times a period."""
        if self._interval_ms is None:
            return
        now_ms = self._now_ms()
        if now_ms >= self._next_ms:
            self._next_ms = now_ms + self._interval_ms
            self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; never anything about a payment."""
        self._tell("STATUS=" + " ".join(text.split())[:STATUS_LIMIT])

    def stopping(self) -> None:
        """A clean end has begun."""
        self._tell("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, message: str) -> None:
        if self._address is None:
            return
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        # A supervisor that is gone or busy is no reason to stop selling; if it is alive, it will notice the silence.
        with contextlib.suppress(OSError):
            self._socket.sendto(message.encode(), self._address)
