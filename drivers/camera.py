"""A camera that reads codes: it meets the scanner's port, so that no flow knows which of the two is fitted.

Theory: between triggers the camera sleeps and nothing is seen. While a code is wanted, one thread takes a picture,
looks for codes in its grey plane (zxing-cpp), and rests at least as long as the look took, so that half a core is the
most it can use. A scanner's beam chooses what it reads; a camera sees whatever lies about. So a picture with two
different codes gives none (a sticker beside the customer's phone must not be taken for it), and the code that was
just read is not given again for a moment, while the phone is being taken away.

A picture is hostile: whoever stands before the lens chooses what is in it. Its size is held against what was asked
for before a byte is looked at, and what does not fit is refused with the reason, told once.

Support:
    Function                      | supported | remark
    QR, EAN-13, EAN-8, Code 128   | yes       | any angle; bytes as they come
    trigger on, off               | yes       | the stream runs only between the two
    Raspberry Pi cameras          | yes       | picamera2, the grey plane of YUV420; no colour conversion
    USB cameras                   | as Pi     | those that libcamera lists
    exposure, focus               | no        | libcamera's own automatic

Spec: ISO/IEC 18004 for the codes; the picamera2 manual, "Capturing images and requests" and "Camera configuration".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from drivers.ports import DeviceError

WIDTH, HEIGHT = 640, 480  # A payment code on a phone has 29 modules at most: some 10 pixels each at arm's length.
PIXELS_MAX = 4_000_000  # Of a picture: what a look can take in is bounded by this.
CODE_LIMIT = 7_089  # Bytes of the longest text in a QR: 7,089 digits in version 40-L (ISO/IEC 18004 Table 7).
REST_MS = 60  # Between two looks, at least; ten looks a second are as many as a hand can use.
SAME_MS = 1_500  # Taking a phone away takes about so long.
OPEN_MS = 1_500  # A Pi's camera streams after some 400 ms; the flow gives a trigger two seconds.
STALL_MS = 3_000  # Without a picture for so long, a stream that was running is dead.
CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A grey picture: `height` rows of `stride` bytes, of which the first `width` are pixels."""

    width: int
    height: int
    stride: int
    grey: bytes

    def fault(self) -> str:
        """Why nothing should look at it; empty when it is sound.

        >>> Frame(2, 2, 2, bytes(4)).fault(), Frame(2, 2, 2, bytes(3)).fault()
        ('', '3 bytes are no picture of 2 rows of 2')
        """
        if self.width < 1 or self.height < 1 or self.stride < self.width:
            return f"{self.width} x {self.height} in rows of {self.stride} is no picture"
        if self.stride * self.height > PIXELS_MAX:
            return f"{self.width} x {self.height} is more than {PIXELS_MAX} pixels"
        if len(self.grey) != self.stride * self.height:
            return f"{len(self.grey)} bytes are no picture of {self.height} rows of {self.stride}"
        return ""


class Lens(Protocol):
    """What gives pictures. All of it is called from one thread; each call raises DeviceError."""

    def start(self) -> None:
        """Open the camera, if it is not, and let it stream."""

    def grab(self) -> Frame:
        """The next picture; waits for it."""

    def stop(self) -> None:
        """Stop streaming and let the camera go."""


def codes_in(frame: Frame) -> tuple[bytes, ...]:
    """The different texts in a sound picture, each once. Never raises for what is in the picture."""
    import zxingcpp

    kinds = zxingcpp.BarcodeFormat
    wanted = [kinds.QRCode, kinds.EAN13, kinds.EAN8, kinds.Code128]
    rows = memoryview(frame.grey).cast("B", shape=[frame.height, frame.stride])
    found = zxingcpp.read_barcodes(rows, formats=wanted)  # type: ignore[arg-type]  # The binding converts a list.
    return tuple(dict.fromkeys(bytes(each.bytes) for each in found if each.valid and 0 < len(each.bytes) <= CODE_LIMIT))


class PiLens:
    """A camera of the Raspberry Pi. `open_camera(number)` makes a Picamera2; the default is the real one."""

    def __init__(self, number: int = 0, open_camera: Callable[[int], Any] | None = None) -> None:
        self._number = number
        self._open = open_camera or _picamera2
        self._camera: Any = None
        self._stride = 0

    def start(self) -> None:
        with _told("cannot be opened; check its ribbon cable, and that no other program has it"):
            self._camera = self._open(self._number)
            # Two buffers: one is looked at while the next is filled. Older ones would only be older.
            main = {"size": (WIDTH, HEIGHT), "format": "YUV420"}
            self._camera.configure(self._camera.create_video_configuration(main=main, buffer_count=2))
            self._stride = int(self._camera.stream_configuration("main")["stride"])
            self._camera.start()

    def grab(self) -> Frame:
        """Of YUV420 the grey plane comes first, and is all that a reader of codes needs."""
        with _told("gives no pictures; check its ribbon cable"):
            plane = memoryview(self._camera.capture_buffer("main")).cast("B")[: self._stride * HEIGHT]
            return Frame(WIDTH, HEIGHT, self._stride, bytes(plane))

    def stop(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            with _told("does not stop"):
                camera.stop()
                camera.close()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """A vendor's faults, in words. picamera2 says IndexError for a camera that is not there."""
    try:
        yield
    except ImportError as missing:
        raise DeviceError("camera", "picamera2 is not installed; sudo apt install python3-picamera2") from missing
    except (RuntimeError, IndexError, OSError, ValueError, TypeError) as fault:
        raise DeviceError("camera", what) from fault


def _picamera2(number: int) -> Any:
    from picamera2 import Picamera2

    return Picamera2(number)


class CameraScanner:
    """The Scanner port over a lens. `on_scan` and `on_fault` are called from the camera's thread.

    A fault is told once when it begins, and again only after pictures have come.
    """

    def __init__(self, lens: Lens, on_fault: Callable[[DeviceError], None]) -> None:
        self._lens = lens
        self._on_fault = on_fault
        self._on_scan: Callable[[bytes], None] | None = None
        self._changed = threading.Condition()
        self._wanted = self._closed = False
        self._streaming = False
        self._trouble: DeviceError | None = None
        self._seen_ms = 0  # When the last picture came.
        self._last: tuple[bytes, int] = (b"", 0)  # The code that was given last, and when.
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self.looks = 0
        self.refused = 0  # Pictures: of a wrong size, or with two codes.

    def watch(self, on_scan: Callable[[bytes], None]) -> None:
        """Report each code. Called once. Opens nothing: a shop whose camera is broken still sells by card."""
        if self._on_scan is not None:
            raise ValueError("the camera is watched already")
        self._on_scan = on_scan
        self._thread.start()

    def trigger(self, on: bool) -> None:
        """Start looking for one code, or stop. Raises DeviceError when the camera gives no pictures."""
        with self._changed:
            stalled = self._streaming and _now_ms() - self._seen_ms > STALL_MS
            self._wanted, self._trouble = on, None
            self._changed.notify_all()
            if stalled:
                raise DeviceError("camera", "gives no pictures any more; check its ribbon cable and start again")
            if on:
                ready = self._changed.wait_for(lambda: self._streaming or self._trouble is not None, OPEN_MS / 1000)
                if self._trouble is not None:
                    raise self._trouble
                if not ready:
                    self._wanted = False
                    raise DeviceError("camera", "does not start; check its ribbon cable")

    def close(self) -> None:
        with self._changed:
            self._closed, self._wanted = True, False
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    # On the camera's thread

    def _run(self) -> None:
        told = ""
        while self._waits_until_wanted():
            try:
                self._stream()
                told = ""
            except DeviceError as fault:
                with self._changed:
                    self._wanted, self._trouble = False, fault
                    self._changed.notify_all()
                if str(fault) != told:
                    told = str(fault)
                    self._on_fault(fault)

    def _waits_until_wanted(self) -> bool:
        """False when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closed)
            return not self._closed

    def _stream(self) -> None:
        """From the start of the stream until no code is wanted. Raises DeviceError."""
        told = ""
        try:
            self._lens.start()
            with self._changed:
                self._seen_ms, self._streaming = _now_ms(), True
                self._changed.notify_all()
            while self._wanted:
                frame = self._lens.grab()
                self._seen_ms = begun_ms = _now_ms()
                fault = frame.fault()
                codes: tuple[bytes, ...] = ()
                if not fault:
                    codes = codes_in(frame)
                    self.looks += 1
                    fault = "shows two codes at once: show one" if len(codes) > 1 else ""
                if fault:
                    self.refused += 1
                    if fault != told:
                        told = fault
                        self._on_fault(DeviceError("camera", fault))
                elif codes and self._give(codes[0]):
                    return
                self._rest(_now_ms() - begun_ms)
        finally:
            with self._changed:
                self._streaming = False
            self._lens.stop()

    def _give(self, code: bytes) -> bool:
        """One code for one trigger, unless it is the one that was read a moment ago; whether it was given."""
        text, given_ms = self._last
        now_ms = _now_ms()
        if code == text and now_ms - given_ms < SAME_MS:
            return False
        with self._changed:
            if not self._wanted:
                return False  # It was stopped while we looked.
            self._wanted = False
        self._last = (code, now_ms)
        if self._on_scan is not None:
            self._on_scan(code)
        return True

    def _rest(self, look_ms: int) -> None:
        """As long as the look took: half a core at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._wanted, max(look_ms, REST_MS) / 1000)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
