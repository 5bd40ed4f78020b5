"""A GM65 on a serial cable: it answers trigger commands, and reads the code that is held before it.

Strict: a frame that is none, a wrong CRC or an unknown register is answered as the module does (type not 00) and
counted in `refused`.
"""

from __future__ import annotations

import threading

from sim.wire.serial_pty import SerialPty

LINE_END = b"\r\n"
BUFFER_BYTES = 1024  # A command is 9 bytes; what is no command is thrown away.


def crc16_xmodem(data: bytes) -> int:
    """Bit by bit, on purpose not the driver's code: two sides that share code can be wrong together."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


class SerialScanner(SerialPty):
    """`hold` puts a code before it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._state_lock = threading.Lock()
        self._held: bytes | None = None
        self._once = False
        self._looking = False
        self.deaf = False  # Its receive line is broken: it answers nothing.
        self.refused = 0
        super().__init__(self._receive, "scanner")

    @property
    def looking(self) -> bool:
        return self._looking

    def hold(self, code: bytes | None, *, once: bool = False) -> None:
        """Hold a code before it, or take it away (None). `once`: it is gone when it has been read."""
        with self._state_lock:
            self._held, self._once = code, once
            text = self._read()
        self.send(text)

    def present(self, code: bytes) -> None:
        """Hold a code before it until it has been read once, as a customer does."""
        self.hold(code, once=True)

    def _read(self) -> bytes:
        """The text it sends when it looks and something is there; then it looks no more."""
        if not self._looking or self._held is None:
            return b""
        self._looking = False
        text = self._held + LINE_END
        if self._once:
            self._held, self._once = None, False
        return text

    def _receive(self, data: bytes) -> bytes:
        with self._state_lock:
            if self.deaf:
                return b""
            self._buffer += data
            del self._buffer[:-BUFFER_BYTES]
            answer = b""
            while (frame := self._next_frame()) is not None:
                answer += self._obey(frame)
            return answer + self._read()

    def _next_frame(self) -> bytes | None:
        start = self._buffer.find(b"\x7e\x00")
        if start < 0 or len(self._buffer) < start + 4:
            return None
        end = start + 8 + self._buffer[start + 3]
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return frame

    def _obey(self, frame: bytes) -> bytes:
        body, crc = frame[2:-2], frame[-2:]
        known = body[0] == 0x08 and body[2:4] == b"\x00\x02" and body[1] == 1
        intact = crc == b"\xab\xcd" or crc == crc16_xmodem(body).to_bytes(2, "big")
        if not (known and intact):
            self.refused += 1
            return _answer(0x01)
        self._looking = bool(body[4] & 1)
        return _answer(0x00)


def _answer(kind: int) -> bytes:
    body = bytes((kind, 1, 0))
    return b"\x02\x00" + body + crc16_xmodem(body).to_bytes(2, "big")
