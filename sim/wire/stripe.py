"""A swipe reader on a serial cable: it sends a line for each swipe and listens to nothing."""

from __future__ import annotations

from sim.wire.serial_pty import SerialPty

LINE_END = b"\r\n"


class SerialStripe:
    """`path` is what the driver opens. `swipe` sends one line, `babble` any bytes. What it is sent counts as wrong."""

    def __init__(self) -> None:
        self._pty = SerialPty(self._receive, "stripe")
        self.path = self._pty.path

    def swipe(self, line: bytes) -> None:
        self._pty.send(line + LINE_END)

    def babble(self, data: bytes) -> None:
        self._pty.send(data)

    def unplug(self) -> None:
        self._pty.unplug()

    def check(self) -> None:
        self._pty.check()

    def close(self) -> None:
        self._pty.close()

    def _receive(self, data: bytes) -> bytes:
        raise ValueError(f"a stripe reader takes no commands, and was sent {len(data)} bytes")
