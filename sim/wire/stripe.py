"""A swipe reader on a serial cable: it sends a line for each swipe and listens to nothing."""

from __future__ import annotations

from sim.wire.serial_pty import SerialPty

LINE_END = b"\r\n"


class SerialStripe(SerialPty):
    """`swipe` sends one line. What it is sent counts as wrong."""

    def __init__(self) -> None:
        super().__init__(_refused, "stripe")

    def swipe(self, line: bytes) -> None:
        self.send(line + LINE_END)


def _refused(data: bytes) -> bytes:
    raise ValueError(f"a stripe reader takes no commands, and was sent {len(data)} bytes")
