"""A serial port with a twin at its far end: a pty, so that the real pyserial opens a real device file.

Theory: a pty behaves as a UART at any baud rate, without parity. Two things differ from a cable: bytes pass
at once whatever the baud rate says, and the plug is pulled by closing the master's end, after which a reader
sees the end of file.
"""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable

READ_BYTES = 4096
FULL_MS = 1_000  # The kernel's buffer is full and nobody reads: the bytes are lost.
SLICE_MS = 50  # How soon `close` is noticed by the thread.


class SerialPty:
    """`on_bytes(data)` is called on the twin's thread with what the terminal wrote, and returns the answer.

    `path` is what the driver opens. An exception in `on_bytes` ends the twin; `check` raises it again.
    """

    def __init__(self, on_bytes: Callable[[bytes], bytes], name: str) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._on_bytes = on_bytes
        self._open = True
        self._lock = threading.Lock()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"twin-{name}", daemon=True)
        self._thread.start()

    def send(self, data: bytes) -> None:
        """Send to the terminal; what its buffer cannot take is lost, as on a UART."""
        with self._lock:
            while self._open and data:
                _, ready, _ = select.select([], [self._master], [], FULL_MS / 1000)
                if not ready:
                    return
                data = data[os.write(self._master, data) :]

    def unplug(self) -> None:
        """Pull the cable: the terminal reads the end of file."""
        with self._lock:
            if not self._open:
                return
            self._open = False
        if self._thread is not threading.current_thread():
            self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def check(self) -> None:
        """Raise what went wrong on the twin's thread, if anything did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.unplug()

    def _run(self) -> None:
        while self._open:
            ready, _, _ = select.select([self._master], [], [], SLICE_MS / 1000)
            if not ready:
                continue
            try:
                data = os.read(self._master, READ_BYTES)
            except (BlockingIOError, OSError):
                continue
            try:
                self.send(self._on_bytes(data))
            except Exception as error:  # The driver's fault; the test asks for it by `check`.
                self._error = error
                return
