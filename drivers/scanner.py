"""The code scanner: a serial module of the GM65 family (GM65, GM805 and kin), 9,600 baud, 8N1.

Theory: what the module reads comes as the bare text and a line end. What it is told is a frame, answered by a
frame, on the same line:

    command   7E 00 | type | length | address16 | data... | CRC16
    answer    02 00 | 00   | length | data...             | CRC16      (type not 00: refused)

The CRC is CRC-16/XMODEM over all after the two head bytes; `ABCD` in its place is accepted unchecked. A line of
text never begins with 02 00, so that at the head of a line the two can be told apart. One thread reads all the
time and takes the stream apart; a module that babbles without a line end (a wrong baud rate, a broken cable) is
cut off at a fixed size and reported once.

The module looks for a code for a few seconds only (its "single read time", 5 s by default): while a code is
wanted it is triggered again. It must be set (by the codes in its manual) to command-triggered mode and to end
each text with CR or CR LF.

Support:
    Function                     | supported | remark
    trigger on, off              | yes       | register 0002; answered and checked
    QR, bar codes                | yes       | whatever the module reads; bytes as they come
    reconnect after unplugging   | yes       | tried every two seconds
    settings in its registers    | no        | set them with the codes in the manual
    USB keyboard mode            | no        | set it to serial (USB-COM counts as serial)

Spec: GM65 user manual, chapter "serial port commands"; CRC catalogue, CRC-16/XMODEM.
"""

from __future__ import annotations

import binascii
import contextlib
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.ports import DeviceError
from drivers.serial_listener import IDLE_MS, SerialListener

CODE_LIMIT = 7_089  # Bytes of the longest text in a QR: 7,089 digits in version 40-L (ISO/IEC 18004 Table 7).
ANSWER_DATA_LIMIT = 64  # Of an answer's data: what we ask for is one byte.
ANSWERS_LIMIT = 8  # One is waited for; more come only from a module gone wild.
ANSWER_MS = 500  # The module answers in some 10 ms, unless it is sending a long code just then.
AGAIN_MS = 4_000  # Before the module's own 5 s are over.

TRIGGER_REGISTER = 0x0002


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    device: str = "/dev/ttyUSB0"
    baud: int = 9600


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 1021, from 0, most significant bit first.

    >>> f"{crc16(b'123456789'):04X}"
    '31C3'
    """
    return binascii.crc_hqx(data, 0)


def write_command(register: int, value: bytes) -> bytes:
    """The frame that writes a register.

    >>> write_command(TRIGGER_REGISTER, b"\\x01").hex()
    '7e00080100020102da'
    """
    body = bytes((0x08, len(value))) + register.to_bytes(2, "big") + value
    return b"\x7e\x00" + body + crc16(body).to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class Code:
    """A text the module has read, without its line end."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """`accepted` is False when the module refused the command, or its CRC was wrong."""

    accepted: bool
    data: bytes


class ScanStream:
    """The module's bytes, taken apart. Never holds more than one code; what it drops it counts.

    `dropped` counts bytes; `babbling` is True from a text that is too long until the next that is not.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipping = False
        self.dropped = 0
        self.babbling = False

    def feed(self, data: bytes) -> list[Code | Answer]:
        found: list[Code | Answer] = []
        for byte in data:
            self._buffer.append(byte)
            if self._buffer[0] == 0x02 and not self._skipping:
                self._try_answer(found)
            elif byte in b"\r\n":
                self._end_line(found)
            elif len(self._buffer) > CODE_LIMIT:
                self._drop()
                self._skipping = self.babbling = True
        return found

    def idle(self) -> None:
        """Nothing has come for IDLE_MS: half a text or half an answer is dropped."""
        self._drop()
        self._skipping = False

    def _end_line(self, found: list[Code | Answer]) -> None:
        line = bytes(self._buffer[:-1])
        self._buffer.clear()
        if self._skipping:
            self.dropped += len(line)
            self._skipping = False
        elif line:
            self.babbling = False
            found.append(Code(line))

    def _try_answer(self, found: list[Code | Answer]) -> None:
        """02 00 type length data CRC: kept until it is whole."""
        buffer = self._buffer
        if (len(buffer) >= 2 and buffer[1] != 0x00) or (len(buffer) >= 4 and buffer[3] > ANSWER_DATA_LIMIT):
            self._drop()
            self._skipping = True  # No answer, and no text begins with 02: nonsense to the end of its line.
        elif len(buffer) >= 4 and len(buffer) == 6 + buffer[3]:
            body = bytes(buffer[2:-2])
            intact = crc16(body) == int.from_bytes(buffer[-2:], "big")
            buffer.clear()
            found.append(Answer(intact and body[0] == 0, body[2:]))

    def _drop(self) -> None:
        self.dropped += len(self._buffer)
        self._buffer.clear()


class Gm65Scanner:
    """The Scanner port. `on_scan` and `on_fault` are called from the reader's thread.

    A fault is told once when it begins; after unplugging the port is opened again by itself.
    """

    def __init__(self, settings: ScannerSettings, on_fault: Callable[[DeviceError], None]) -> None:
        self._on_fault = on_fault
        self._on_scan: Callable[[bytes], None] | None = None
        self._stream = ScanStream()
        self._answers: queue.Queue[Answer] = queue.Queue(ANSWERS_LIMIT)
        self._wanted_until_ms: int | None = None  # When to trigger again; None: no code is wanted.
        self._told_babble = False
        self._line = SerialListener(
            "scanner",
            settings.device,
            settings.baud,
            on_data=self._take,
            on_idle=self._idle,
            on_lost=self._lost,
        )

    @property
    def dropped(self) -> int:
        """Bytes thrown away since the start: babble and half texts."""
        return self._stream.dropped

    def watch(self, on_scan: Callable[[bytes], None]) -> None:
        """Open the port and report each code. Called once. Raises DeviceError if the port cannot be opened."""
        if self._on_scan is not None:
            raise ValueError("the scanner is watched already")
        self._on_scan = on_scan
        self._line.start()

    def trigger(self, on: bool) -> None:
        """Start looking for one code, or stop. Raises DeviceError if the module does not answer."""
        self._wanted_until_ms = None
        while not self._answers.empty():
            self._answers.get_nowait()  # Of a trigger that was repeated meanwhile.
        self._send(on)
        try:
            answer = self._answers.get(timeout=ANSWER_MS / 1000)
        except queue.Empty:
            raise DeviceError("scanner", "does not answer; check its cable, power and baud rate") from None
        if not answer.accepted:
            raise DeviceError("scanner", "refused the command; set it to command-triggered mode")
        if on:
            self._wanted_until_ms = _now_ms() + AGAIN_MS

    def close(self) -> None:
        self._line.close()

    def _send(self, on: bool) -> None:
        """Raises DeviceError."""
        self._line.write(write_command(TRIGGER_REGISTER, bytes((on,))))

    # On the listening thread

    def _take(self, data: bytes) -> None:
        for found in self._stream.feed(data):
            self._hand_on(found)
        if self._stream.babbling and not self._told_babble:
            self._on_fault(DeviceError("scanner", "sends nonsense; check its baud rate and settings"))
        self._told_babble = self._stream.babbling

    def _hand_on(self, found: Code | Answer) -> None:
        if isinstance(found, Answer):
            with contextlib.suppress(queue.Full):
                self._answers.put_nowait(found)
        elif self._on_scan is not None:
            self._wanted_until_ms = None  # One code for one trigger: the same paper is not read twice.
            self._on_scan(found.data)

    def _idle(self, idle_ms: int) -> None:
        if idle_ms >= IDLE_MS:
            self._stream.idle()
        wanted = self._wanted_until_ms
        if wanted is not None and _now_ms() >= wanted:
            self._wanted_until_ms = _now_ms() + AGAIN_MS
            try:
                self._send(True)
            except DeviceError as error:  # The read that follows finds the same fault and reports it.
                raise OSError(str(error)) from error

    def _lost(self, fault: DeviceError) -> None:
        self._wanted_until_ms = None
        self._told_babble = False
        self._on_fault(fault)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
