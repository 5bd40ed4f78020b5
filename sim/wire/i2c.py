"""A fake I²C bus with an OLED on it: bytes in, commands decoded, pixels out.

It stands under the real luma.oled driver as its SMBus. Everything the bytes say is obeyed (addressing modes,
windows, segment remap, scan direction, offsets, on, inverted), and what the controller does not know is
refused, so that wrong initialisation shows as a wrong picture or as an error, which a mock would swallow.

A module's glass is wired one way. Those sold with an SSD1306 stand upright with segment remap A1 and scan
direction C8 and need the charge pump; those with an SH1107 stand upright with the reset values A0 and C0.

Spec: Solomon Systech SSD1306 rev 1.1 §9, table 9-1; Sino Wealth SH1107 v2.0, commands 1-22.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

PAGE_ROWS = 8
ADDRESS = 0x3C
SMBUS_BLOCK_LIMIT = 32  # I2C_SMBUS_BLOCK_MAX of Linux.
COMMANDS, DATA = 0x00, 0x40  # The control bytes: a stream of commands, a stream of display data.


class Refused(Exception):
    """The bytes are nothing that this controller understands. Our driver's fault, so never an OSError."""


class Controller(ABC):
    """What both controllers have: memory in pages, a pointer, and the switches of the picture."""

    columns: ClassVar[int] = 128
    pages: ClassVar[int]
    arguments: ClassVar[Mapping[int, int]]  # Opcode: bytes that follow it.

    def __init__(self) -> None:
        # After power-on the memory holds anything; what was not written must show.
        self.memory = bytearray((91 * at + 37) & 0xFF for at in range(self.columns * self.pages))
        self.column = self.page = 0
        self.on = self.inverted = self.all_lit = self.remapped = self.scan_reversed = False
        self.contrast = 0x7F
        self.multiplex = self.offset = self.start_line = 0

    @property
    def height(self) -> int:
        return self.pages * PAGE_ROWS

    def command(self, stream: Sequence[int]) -> None:
        """Obey one transaction's commands. Raises Refused."""
        at = 0
        while at < len(stream):
            opcode = stream[at]
            count = self.arguments.get(opcode)
            if count is None:
                raise Refused(
                    f"{type(self).__name__} has no command {opcode:02X} (at {at} of {bytes(stream).hex(' ')})"
                )
            given = tuple(stream[at + 1 : at + 1 + count])
            if len(given) != count:
                raise Refused(f"command {opcode:02X} needs {count} bytes more, and {len(given)} came")
            self._obey(opcode, given)
            at += 1 + count

    def _obey(self, opcode: int, given: tuple[int, ...]) -> None:
        match opcode:
            case 0x81:
                self.contrast = given[0]
            case 0xA0 | 0xA1:
                self.remapped = opcode == 0xA1
            case 0xA4 | 0xA5:
                self.all_lit = opcode == 0xA5
            case 0xA6 | 0xA7:
                self.inverted = opcode == 0xA7
            case 0xA8:
                self.multiplex = given[0]
            case 0xAE | 0xAF:
                self.on = opcode == 0xAF
            case 0xD3:
                self.offset = given[0]
            case _ if 0x00 <= opcode <= 0x0F:
                self.column = self.column & 0xF0 | opcode
            case _ if 0x10 <= opcode <= 0x1F:
                self.column = (opcode & 0x07) << 4 | self.column & 0x0F
            case _ if 0xB0 <= opcode <= 0xBF:
                self.page = opcode & 0x0F
            case _:
                self._obey_own(opcode, given)

    @abstractmethod
    def _obey_own(self, opcode: int, given: tuple[int, ...]) -> None: ...

    @abstractmethod
    def data(self, stream: Sequence[int]) -> None:
        """Write display memory where the pointer stands, and move it."""

    @abstractmethod
    def _lit(self, x: int, y: int) -> bool:
        """Whether memory lights the glass's pixel, before inversion and the like."""

    @abstractmethod
    def _powered(self) -> bool: ...

    def pixels(self) -> bytes:
        """What a person sees, in the form of drivers.ports.Picture.pixels."""
        if not self._powered():
            return bytes(self.columns * self.pages)
        out = bytearray()
        for y in range(self.height):
            for left in range(0, self.columns, 8):
                value = 0
                for x in range(left, left + 8):
                    lit = y <= self.multiplex and (self.all_lit or self._lit(x, y) != self.inverted)
                    value = value << 1 | lit
                out.append(value)
        return bytes(out)

    def _bit(self, column: int, row: int) -> bool:
        return bool(self.memory[row // PAGE_ROWS * self.columns + column] >> row % PAGE_ROWS & 1)


_BARE = dict.fromkeys((*range(0x10), 0xA0, 0xA1, *range(0xA4, 0xA8), 0xAE, 0xAF, 0xE3), 0)


class Ssd1306(Controller):
    """128x64. Scrolling (26-2F, A3) is not modelled and therefore refused."""

    pages = 8
    arguments: ClassVar[Mapping[int, int]] = {
        **_BARE,
        **dict.fromkeys((*range(0x10, 0x20), *range(0x40, 0x80), *range(0xB0, 0xB8), 0xC0, 0xC8), 0),
        **dict.fromkeys((0x20, 0x81, 0x8D, 0xA8, 0xD3, 0xD5, 0xD9, 0xDA, 0xDB), 1),
        0x21: 2,
        0x22: 2,
    }
    HORIZONTAL, VERTICAL, PAGE = 0, 1, 2

    def __init__(self) -> None:
        super().__init__()
        self.multiplex = 63
        self.mode = self.PAGE
        self.column_window, self.page_window = (0, 127), (0, 7)
        self.pump = False
        self.com_pins = 0x12

    def _obey_own(self, opcode: int, given: tuple[int, ...]) -> None:
        match opcode:
            case 0x20:
                if given[0] & 0x03 == 3:
                    raise Refused("addressing mode 3 is not valid")
                self.mode = given[0] & 0x03
            case 0x21:
                self.column_window = self._window(given, 127)
                self.column = given[0]
            case 0x22:
                self.page_window = self._window(given, 7)
                self.page = given[0]
            case 0x8D:
                self.pump = bool(given[0] & 0x04)
            case 0xC0 | 0xC8:
                self.scan_reversed = opcode == 0xC8
            case 0xDA:
                self.com_pins = given[0]
            case _ if 0x40 <= opcode <= 0x7F:
                self.start_line = opcode & 0x3F

    @staticmethod
    def _window(given: tuple[int, ...], limit: int) -> tuple[int, int]:
        first, last = given
        if not first <= last <= limit:
            raise Refused(f"a window from {first} to {last} (of 0 to {limit})")
        return first, last

    def data(self, stream: Sequence[int]) -> None:
        for value in stream:
            # The remap acts on what is written, not on what is there already.
            column = 127 - self.column if self.remapped else self.column
            self.memory[self.page * self.columns + column] = value
            if self.mode == self.PAGE:
                self.column = (self.column + 1) % self.columns
            elif self.mode == self.HORIZONTAL:
                self.column, carry = self._step(self.column, self.column_window)
                if carry:
                    self.page, _ = self._step(self.page, self.page_window)
            else:
                self.page, carry = self._step(self.page, self.page_window)
                if carry:
                    self.column, _ = self._step(self.column, self.column_window)

    @staticmethod
    def _step(at: int, window: tuple[int, int]) -> tuple[int, bool]:
        return (window[0], True) if at == window[1] else (at + 1, False)

    def _lit(self, x: int, y: int) -> bool:
        # This glass: segment 127 at the left, COM 63 at the top, so that A1 and C8 stand upright.
        if self.com_pins != 0x12:  # Sequential pins on alternative wiring: the halves lie between each other.
            y = y // 2 + (32 if y % 2 else 0)
        com = 63 - y
        scanned = self.multiplex - com if self.scan_reversed else com
        return self._bit(127 - x, (scanned + self.offset + self.start_line) % 64)

    def _powered(self) -> bool:
        return self.on and self.pump


class Sh1107(Controller):
    """128x128, page or vertical addressing; columns do not carry into the next page."""

    pages = 16
    arguments: ClassVar[Mapping[int, int]] = {
        **_BARE,
        **dict.fromkeys((*range(0x10, 0x18), 0x20, 0x21, *range(0xB0, 0xD0), 0xE0, 0xEE), 0),
        # DA is in no SH1107 data sheet; luma sends it, and real modules do not mind.
        **dict.fromkeys((0x81, 0xA8, 0xAD, 0xD3, 0xD5, 0xD9, 0xDA, 0xDB, 0xDC), 1),
    }

    def __init__(self) -> None:
        super().__init__()
        self.multiplex = 127
        self.vertical = False

    def _obey_own(self, opcode: int, given: tuple[int, ...]) -> None:
        match opcode:
            case 0x20 | 0x21:
                self.vertical = opcode == 0x21
            case 0xDC:
                self.start_line = given[0] & 0x7F
            case _ if 0xC0 <= opcode <= 0xCF:
                self.scan_reversed = opcode >= 0xC8
            case 0xE0 | 0xEE:
                raise Refused("read-modify-write needs a bus that can read")

    def data(self, stream: Sequence[int]) -> None:
        for value in stream:
            self.memory[self.page * self.columns + self.column] = value
            if self.vertical:
                self.page = (self.page + 1) % self.pages
                if self.page == 0:
                    self.column = (self.column + 1) % self.columns
            else:
                self.column = (self.column + 1) % self.columns

    def _lit(self, x: int, y: int) -> bool:
        column = 127 - x if self.remapped else x
        row = self.multiplex - y if self.scan_reversed else y
        return self._bit(column, (row + self.offset + self.start_line) % 128)

    def _powered(self) -> bool:
        return self.on


class FakeSMBus:
    """The smbus2.SMBus that luma's i2c asks for, with one panel on it. Counts what a logic analyser would see."""

    def __init__(self, panel: Controller) -> None:
        self.panel = panel
        self.bytes_sent = 0  # Address, control and payload bytes.
        self.transactions = 0
        self.closed = False
        self._fault: int | None = None

    def write_i2c_block_data(self, address: int, control: int, payload: Sequence[int]) -> None:
        """One write. Raises OSError as the kernel does, Refused for bytes the panel does not know."""
        if self._fault is not None:
            raise OSError(self._fault, "injected")
        if address != ADDRESS:
            raise OSError(errno.EREMOTEIO, "no acknowledge")
        if len(payload) > SMBUS_BLOCK_LIMIT:
            raise OSError(errno.EINVAL, "block too long")
        self.transactions += 1
        self.bytes_sent += 2 + len(payload)
        if control == COMMANDS:
            self.panel.command(payload)
        elif control == DATA:
            self.panel.data(payload)
        else:
            raise Refused(f"control byte {control:02X}")

    def close(self) -> None:
        self.closed = True

    # What a person can do to it

    def break_off(self, number: int | None) -> None:
        """From now on every write fails with that errno; None mends it."""
        self._fault = number

    def swap_panel(self, panel: Controller) -> None:
        """The panel lost its power: its memory and switches are as new."""
        self.panel = panel

    def pixels(self) -> bytes:
        return self.panel.pixels()
