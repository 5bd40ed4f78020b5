"""A serial port with one thread that reads all the time: what the scanner and the stripe reader have in common.

Theory: what such a device sends comes whenever a person does something. One thread waits for it, so that nothing is
lost between two calls; a pause in the stream is told, too, because half a text that has not ended by then never will.
A port that breaks is told once and then tried again until it is there, or `close` is called.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from drivers.ports import DeviceError

CHUNK_BYTES = 8_192  # At most so much at a time is handed on; the longest text of any such device is shorter.
READ_MS = 50  # How long one read waits: how soon `close` is noticed.
IDLE_MS = 300  # A text that has not ended by then never will; at 9,600 baud bytes come each ms.
REOPEN_MS = 2_000
JOIN_S = 5


class SerialListener:
    """`on_data`, `on_idle` (at each READ_MS without a byte, with the ms so far) and `on_lost` run on its thread.

    `name` is the device's in errors.
    """

    def __init__(
        self,
        name: str,
        device: str,
        baud: int,
        *,
        on_data: Callable[[bytes], None],
        on_idle: Callable[[int], None],
        on_lost: Callable[[DeviceError], None],
    ) -> None:
        self._name, self._device, self._baud = name, device, baud
        self._on_data, self._on_idle, self._on_lost = on_data, on_idle, on_lost
        self._port: Any = None
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"device-{name.replace(' ', '-')}", daemon=True)

    def start(self) -> None:
        """Open the port and listen. Called once. Raises DeviceError if the port cannot be opened."""
        self._port = self._open()
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Raises DeviceError."""
        with self._writing:
            port = self._port
            if port is None:
                raise DeviceError(self._name, "is not connected; check its cable")
            try:
                port.write(data)
            except OSError as error:  # pyserial's exceptions are OSErrors.
                raise DeviceError(self._name, "is not connected; check its cable") from error

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)
        self._shut()

    def _open(self) -> Any:
        import serial

        try:
            return serial.Serial(self._device, self._baud, timeout=READ_MS / 1000, write_timeout=1)
        except (serial.SerialException, ValueError) as error:
            raise DeviceError(self._name, f"{self._device} cannot be opened; check its cable") from error

    def _shut(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()

    # The listening thread

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read_until_broken()
            except (OSError, TypeError) as error:  # TypeError: pyserial's read of a port closed under it.
                if self._stop.is_set():
                    return
                self._shut()
                fault = DeviceError(self._name, "was disconnected; check its cable")
                fault.__cause__ = error
                self._on_lost(fault)
                self._reopen()

    def _read_until_broken(self) -> None:
        idle_ms = 0
        while not self._stop.is_set():
            data = self._port.read(1)
            if not data:
                idle_ms += READ_MS
                self._on_idle(idle_ms)
                continue
            idle_ms = 0
            self._on_data(data + self._port.read(min(self._port.in_waiting, CHUNK_BYTES)))

    def _reopen(self) -> None:
        """Try until the port is there again or `close` is called; the pause between is the bound."""
        while not self._stop.wait(REOPEN_MS / 1000):
            try:
                self._port = self._open()
            except DeviceError:
                continue  # Still unplugged, and told already.
            self._on_idle(IDLE_MS)  # Half a text from before the plug was pulled joins nothing.
            return
