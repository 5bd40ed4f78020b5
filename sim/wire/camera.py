"""A camera module as picamera2 has it, and pictures to hold before it.

`FakePicamera2` is what the driver opens instead of the real class: the calls that the driver makes, in the order that
picamera2 demands (configure, start, capture, stop, close), and buffers as it gives them: the grey plane with its padded
rows, then two quarter planes of colour.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.camera import PIXELS_MAX, Frame
from drivers.ports import DeviceError

if TYPE_CHECKING:
    from PIL.Image import Image

FRAME_MS = 20  # A little faster than a real one: what is not looked at in time is simply not seen.
FILE_LIMIT = 16_000_000
STRIDE_UNIT = 64  # The Pi's camera pads rows to this.


def photo(path: Path) -> Frame:
    """A picture file as a frame. Raises DeviceError for what is no picture, or one too large to look at."""
    from PIL import Image, UnidentifiedImageError

    try:
        if path.stat().st_size > FILE_LIMIT:
            raise DeviceError("camera", f"{path.name} has more than {FILE_LIMIT} bytes")
        with Image.open(path) as opened:
            if opened.width * opened.height > PIXELS_MAX:  # Known from the head, before a pixel is unpacked.
                raise DeviceError("camera", f"{path.name} has more than {PIXELS_MAX} pixels")
            grey = opened.convert("L")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as why:
        raise DeviceError("camera", f"{path.name} is no picture that can be read") from why
    return Frame(grey.width, grey.height, grey.width, grey.tobytes())


def drawn(*codes: bytes, size: tuple[int, int] = (640, 480)) -> Image:
    """Codes side by side on a grey desk, each as large as there is room for. A long code makes the picture larger."""
    import qrcode  # type: ignore[import-untyped]  # has no stubs
    from PIL import Image

    desk = Image.new("L", size, 160)
    for number, code in enumerate(codes):
        symbol = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L, border=4)
        symbol.add_data(code)
        symbol.make(fit=True)
        modules = symbol.modules_count + 8
        room = size[0] // len(codes)
        symbol.box_size = max(1, min(room, size[1]) * 9 // 10 // modules)
        picture = symbol.make_image().get_image().convert("L")
        desk.paste(picture, (number * room + (room - picture.width) // 2, (size[1] - picture.height) // 2))
    return desk


class FakePicamera2:
    """`hold` puts codes before it, `show` any picture; `once`: it is gone when the driver stops the stream."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = threading.Event()
        self._picture: Image | None = None
        self._once = False
        self._size = (0, 0)
        self._state = "closed"
        self.unplugged = False
        self.cut_short = 0  # Bytes that are missing at the end of each buffer: a torn transfer.
        self.starts = 0

    def open(self, number: int) -> FakePicamera2:
        """What the driver calls for the real class. No camera of this number: IndexError, as picamera2 has it."""
        if self.unplugged:
            raise IndexError("list index out of range")
        if self._state != "closed":
            raise RuntimeError("Failed to acquire camera: device or resource busy")
        self._state = "open"
        return self

    # What stands before it

    def hold(self, code: bytes | None) -> None:
        self.show(None if code is None else drawn(code))

    def present(self, code: bytes) -> None:
        """Hold a code before it until it has been read once, as a customer does."""
        self.show(drawn(code), once=True)

    def show(self, picture: Image | None, *, once: bool = False) -> None:
        with self._lock:
            self._picture, self._once = picture, once

    # As picamera2

    def create_video_configuration(self, main: dict[str, Any], buffer_count: int) -> dict[str, Any]:
        if main["format"] != "YUV420" or buffer_count < 1:
            raise RuntimeError("no such configuration")
        return {"main": main, "buffer_count": buffer_count}

    def configure(self, configuration: dict[str, Any]) -> None:
        self._demand("open")
        self._size = configuration["main"]["size"]
        self._state = "configured"

    def stream_configuration(self, name: str) -> dict[str, Any]:
        return {"size": self._size, "stride": self._stride}

    def start(self) -> None:
        self._demand("configured")
        self._state = "streaming"
        self.starts += 1

    def capture_buffer(self, name: str) -> bytearray:
        self._demand("streaming")
        if self.unplugged:
            raise RuntimeError("camera frontend has timed out")
        self._next.wait(FRAME_MS / 1000)
        from PIL import Image

        seen = Image.new("L", (self._stride, self._size[1]), 90)
        with self._lock:
            if self._picture is not None:
                seen.paste(self._picture.resize(self._size) if self._picture.size != self._size else self._picture)
        buffer = bytearray(seen.tobytes()) + bytearray(b"\x80") * (self._stride * self._size[1] // 2)
        return buffer[: len(buffer) * 2 // 3 - self.cut_short] if self.cut_short else buffer

    def stop(self) -> None:
        if self._state == "streaming":
            self._state = "stopped"
        with self._lock:
            if self._once:
                self._picture, self._once = None, False

    def close(self) -> None:
        self._state = "closed"

    @property
    def _stride(self) -> int:
        return -(-self._size[0] // STRIDE_UNIT) * STRIDE_UNIT + STRIDE_UNIT

    def _demand(self, state: str) -> None:
        if self._state != state:
            raise RuntimeError(f"the camera is {self._state}, not {state}")
