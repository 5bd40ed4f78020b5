"""The display: a small OLED on I²C, through luma.oled's real driver; only what changed travels.

luma opens the bus, initialises the controller and carries bytes; which bytes is ours. luma sends whole frames
(1,034 bytes, 23 ms at 400 kHz), and its own diff is not to be had for these controllers. So this driver keeps
what the controller holds, finds the changed columns of each page (a page is 8 rows; a byte is 8 pixels of one
column, the top one in bit 0), and sends those alone: a changed digit of a countdown takes about 20 bytes.

Support:
    Function                  | supported | remark
    SSD1306 128x64, I²C       | yes       | windows of columns and pages (horizontal addressing)
    SH1107 128x128, I²C       | yes       | runs of columns, page by page (page addressing)
    rotation                  | yes       | 0 and 180; the square panel also 90 and 270, clockwise
    contrast                  | yes       | 0-255; luma's own value if not given
    SPI                       | no        | needs a D/C line, which the keypad's wiring does not leave free
    grey and colour           | no        | 1 bit a pixel
    a panel that lost power   | yes       | the next call initialises it again and sends everything

Spec: Solomon Systech SSD1306 rev 1.1 §9-10; Sino Wealth SH1107 v2.0, commands.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from drivers.ports import DeviceError, Picture

PANELS = {"ssd1306": (128, 64), "sh1107": (128, 128)}
PAGE_ROWS = 8

# A new window costs its addressing and two more I²C headers; unchanged columns up to that many are cheaper sent.
WINDOW_COST_BYTES = {"ssd1306": 10, "sh1107": 7}

_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
# Eight pixels of a row, left first, as eight bytes of 0 or 1: shifted and joined they are a page's columns.
_SPREAD = tuple(int("".join(f"0{bit}" for bit in f"{value:08b}"), 16) for value in range(256))


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """`controller` is a key of PANELS; `rotate` is clockwise degrees; `port` is the N of /dev/i2c-N."""

    controller: str = "ssd1306"
    port: int = 1
    address: int = 0x3C
    rotate: int = 0
    contrast: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Columns `first` to `last` of pages `top` to `bottom`, all inclusive."""

    first: int
    last: int
    top: int
    bottom: int

    @property
    def size(self) -> int:
        """Bytes of display memory in it."""
        return (self.last - self.first + 1) * (self.bottom - self.top + 1)

    def joined(self, other: Window) -> Window:
        return Window(
            min(self.first, other.first),
            max(self.last, other.last),
            min(self.top, other.top),
            max(self.bottom, other.bottom),
        )


def to_pages(pixels: bytes, width: int, height: int, rotate: int = 0) -> bytes:
    """Rows of pixels (see Picture.pixels) as the controller's pages, turned clockwise by `rotate` degrees.

    >>> to_pages(bytes([0x80] * 8), 8, 8).hex()
    'ff00000000000000'
    """
    stride = -(-width // 8)
    if rotate in (90, 270):  # A row becomes a column, so its bytes are pages already, but for the bits' order.
        columns = (pixels[page::stride][::-1] for page in range(stride))
        pages = b"".join(columns).translate(_MIRRORED)
    else:
        out = []
        for top in range(0, height, PAGE_ROWS):
            rows = [pixels[(top + row) * stride : (top + row + 1) * stride] for row in range(PAGE_ROWS)]
            for eight in zip(*rows, strict=True):
                columns_of_eight = 0
                for row, value in enumerate(eight):
                    columns_of_eight |= _SPREAD[value] << row
                out.append(columns_of_eight.to_bytes(8, "big"))
        pages = b"".join(out)
    return pages[::-1].translate(_MIRRORED) if rotate in (180, 270) else pages


def changed_windows(old: bytes, new: bytes, width: int, cost: int, *, tall: bool) -> list[Window]:
    """The windows that turn `old` into `new`; `tall` ones may span pages.

    `cost` is what a window of its own costs in bytes: neighbours are joined where that is cheaper.
    """
    windows: list[Window] = []
    for page in range(len(new) // width):
        before, after = old[page * width : (page + 1) * width], new[page * width : (page + 1) * width]
        if before == after:
            continue
        for first, last in _runs(before, after, cost):
            run = Window(first, last, page, page)
            for at, above in enumerate(windows):
                joined = above.joined(run)
                if tall and above.bottom == page - 1 and joined.size <= above.size + run.size + cost:
                    windows[at] = joined
                    break
            else:
                windows.append(run)
    return windows


def _runs(before: bytes, after: bytes, cost: int) -> Iterator[tuple[int, int]]:
    first = last = -1
    for column in range(len(after)):
        if before[column] == after[column]:
            continue
        if first < 0:
            first = column
        elif column - last - 1 > cost:
            yield first, last
            first = column
        last = column
    if first >= 0:
        yield first, last


class OledDisplay:
    """Meets drivers.ports.Display. Opened by the first call, and again by the next one after a fault.

    `bus` is an SMBus (the simulator's fake one, or one shared with other devices); None opens /dev/i2c-N.
    """

    def __init__(self, settings: DisplaySettings, bus: Any = None) -> None:
        if settings.controller not in PANELS:
            raise DeviceError("display", f"no such controller: {settings.controller}; there are {', '.join(PANELS)}")
        self.width, self.height = PANELS[settings.controller]
        if settings.rotate not in ((0, 90, 180, 270) if self.width == self.height else (0, 180)):
            raise DeviceError("display", f"a {self.width}x{self.height} panel does not turn by {settings.rotate}")
        self._settings = settings
        self._bus = bus
        self._device: Any = None
        self._held = b""

    def show(self, picture: Picture) -> None:
        """Draw it; only what changed travels. Raises DeviceError."""
        pages = to_pages(picture.pixels(self.width, self.height), self.width, self.height, self._settings.rotate)
        try:
            if self._device is None:
                self._open()
            self._send(pages)
        except _faults() as error:
            self._device = None  # What the controller holds is no longer known: all of it again, next time.
            raise DeviceError("display", _advice(error, self._settings)) from error
        self._held = pages

    def close(self) -> None:
        """Dark and closed. A panel that is gone already is not an error here."""
        device, self._device = self._device, None
        if device is not None:
            with suppress(*_faults()):
                device.cleanup()

    def _open(self) -> None:
        # Imported here for boot time: 50 ms and 10 MiB.
        from luma.core.interface.serial import i2c
        from luma.oled import device

        settings = self._settings
        wire = i2c(bus=self._bus, port=settings.port, address=settings.address)
        opened = getattr(device, settings.controller)(wire, width=self.width, height=self.height)
        if settings.contrast is not None:
            opened.contrast(settings.contrast)
        self._held = bytes(self.width * self.height // PAGE_ROWS)  # luma has cleared it.
        self._device = opened

    def _send(self, pages: bytes) -> None:
        controller, width = self._settings.controller, self.width
        tall = controller == "ssd1306"
        cost = WINDOW_COST_BYTES[controller]
        for window in changed_windows(self._held, pages, width, cost, tall=tall):
            if tall:
                self._device.command(0x21, window.first, window.last, 0x22, window.top, window.bottom)
            else:
                low, high = window.first & 0x0F, 0x10 | window.first >> 4
                self._device.command(high, low, 0xB0 | window.top)
            rows = range(window.top, window.bottom + 1)
            data = b"".join(pages[page * width + window.first : page * width + window.last + 1] for page in rows)
            self._device.data(list(data))


def _faults() -> tuple[type[Exception], ...]:
    """What a bus can fail with: the kernel's errors, and luma's words for some of them."""
    from luma.core.error import Error

    return OSError, Error


def _advice(error: Exception, settings: DisplaySettings) -> str:
    """What the installer must do. luma turns some OSErrors into its own and keeps them as context."""
    cause = error if isinstance(error, OSError) else error.__context__
    number = cause.errno if isinstance(cause, OSError) else None
    bus, address = f"/dev/i2c-{settings.port}", f"0x{settings.address:02X}"
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) and isinstance(cause, OSError) and cause.filename:
        return f"there is no {bus}: switch I²C on (raspi-config, Interface Options) and restart"
    if number in (errno.EPERM, errno.EACCES):
        return f"no right to use {bus}: put the terminal's user into the group i2c and log in again"
    if number in (errno.EREMOTEIO, errno.EIO, errno.ENXIO):
        return (
            f"nothing answers at {address} on {bus}: check power, ground, SDA and SCL, and the address "
            f"(i2cdetect -y {settings.port} lists who answers; most panels are 0x3C or 0x3D)"
        )
    if number in (errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY):
        return f"{bus} is stuck: a device holds a line down; check SDA and SCL, switch the power off and on"
    return f"{bus}: {error}"
