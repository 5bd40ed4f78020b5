"""The stripe reader: a serial or USB-COM swipe reader that sends each swipe as one line of text.

Theory: such a reader decodes the tracks itself, checks parity (and mostly the LRC), and sends what it read between
the sentinels of each track, all on one line that ends with CR, LF or both:

    %B6225000000000014^TEST/CARDHOLDER^301220100000000?;6225000000000014=301220100000000?

A track that it could not read is left out, or comes as `%E?` or `;E?`. What the line means is read by `emv.track`;
here it is only cut out of the stream. A line that is too long, or has not ended IDLE_MS after its last byte, is
dropped whole: never the end of one card's track before the start of another's.

Support:
    Function                        | supported | remark
    tracks 1, 2, 3 as text          | yes       | in one line, with sentinels (the usual factory setting)
    LRC after the end sentinel      | yes       | if the reader hands it on: [stripe] lrc = true
    reconnect after unplugging      | yes       | tried every two seconds
    USB keyboard mode (HID)         | no        | set the reader to its virtual serial port (USB-COM) with its tool
    encrypting heads (DUKPT)        | no        | their formats are each maker's own
    motorised and dip readers       | no        | only the swipe itself is told

Spec: ISO/IEC 7811-2, ISO/IEC 7813 (the characters); the line itself is makers' custom, no standard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.ports import DeviceError
from drivers.serial_listener import IDLE_MS, SerialListener

DEVICE = "stripe reader"
LINE_LIMIT = 256  # Three full tracks have 226 characters.


@dataclass(frozen=True, slots=True)
class StripeSettings:
    device: str = "/dev/ttyACM0"
    baud: int = 9600


class SwipeStream:
    """The reader's bytes, cut into lines. Never holds more than one; what it drops it counts in `dropped`.

    `babbling` is True from a line that is too long until the next that is not.

    >>> SwipeStream().feed(b";1=2?" + bytes((13, 10)))
    [b';1=2?']
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipping = False
        self.dropped = 0
        self.babbling = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that have ended with these bytes."""
        lines: list[bytes] = []
        for byte in data:
            if byte not in b"\r\n":
                self._buffer.append(byte)
                if len(self._buffer) > LINE_LIMIT:
                    self._drop()
                    self._skipping = self.babbling = True
            elif self._skipping:
                self._drop()
                self._skipping = False
            elif self._buffer:
                lines.append(bytes(self._buffer))
                self._wipe()
                self.babbling = False
        return lines

    def idle(self) -> None:
        """Nothing has come for IDLE_MS: half a line is dropped."""
        self._drop()
        self._skipping = False

    def _drop(self) -> None:
        self.dropped += len(self._buffer)
        self._wipe()

    def _wipe(self) -> None:
        """A track does not lie about in memory after it was handed on."""
        self._buffer[:] = bytes(len(self._buffer))
        self._buffer.clear()


class SerialStripeReader:
    """The StripeReader port. `on_swipe` and `on_fault` are called from the reader's thread.

    A fault is told once when it begins; after unplugging the port is opened again by itself.
    """

    fitted = True

    def __init__(self, settings: StripeSettings, on_fault: Callable[[DeviceError], None]) -> None:
        self._on_fault = on_fault
        self._on_swipe: Callable[[bytes], None] | None = None
        self._stream = SwipeStream()
        self._told_babble = False
        self._line = SerialListener(
            DEVICE, settings.device, settings.baud, on_data=self._take, on_idle=self._idle, on_lost=on_fault
        )

    @property
    def dropped(self) -> int:
        """Bytes thrown away since the start: babble and half lines."""
        return self._stream.dropped

    def watch(self, on_swipe: Callable[[bytes], None]) -> None:
        """Open the port and report each swipe. Called once. Raises DeviceError if the port cannot be opened."""
        if self._on_swipe is not None:
            raise ValueError("the stripe reader is watched already")
        self._on_swipe = on_swipe
        self._line.start()

    def close(self) -> None:
        self._line.close()

    def _take(self, data: bytes) -> None:
        for line in self._stream.feed(data):
            if self._on_swipe is not None:
                self._on_swipe(line)
        if self._stream.babbling and not self._told_babble:
            self._on_fault(DeviceError(DEVICE, "sends nonsense; check its baud rate and settings"))
        self._told_babble = self._stream.babbling

    def _idle(self, idle_ms: int) -> None:
        if idle_ms >= IDLE_MS:
            self._stream.idle()
