"""The receipt printer at the end of the wire: ESC/POS bytes become paper; what it does not know it refuses.

Theory: a printer reads a stream of commands. Real-time ones (DLE EOT) are answered on receipt, even when it
has stopped; all others wait in its buffer while paper is out or the cover is open, and go on when that is
mended. This one is strict where real ones are lax (they print garbage for what they do not know): an unknown
command, a value out of range or a line wider than the paper raises `Refused` with its offset.
Spec: Epson ESC/POS command reference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.ports import Align, Paper

BUFFER_COMMANDS = 4096  # What waits while the printer has stopped; a whole slip is some 100 commands.
LOW_LINES = 20  # The near-end sensor of a real printer sees about 8 cm.
LINE_DOTS = 30  # From one line to the next, of small text.
DOTS_A_CELL = 12


class Refused(Exception):
    """The driver sent what this printer does not know. `offset` counts from the first byte ever sent."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"byte {offset}: {reason}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Span:
    """Text in one style; `wide` and `high` are 1 to 8."""

    text: str
    bold: bool
    wide: int
    high: int

    @property
    def cells(self) -> int:
        return self.wide * sum(1 if character.isascii() else 2 for character in self.text)


@dataclass(frozen=True, slots=True)
class Row:
    spans: tuple[Span, ...]
    align: Align

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)

    @property
    def dots(self) -> int:
        return max((span.high for span in self.spans), default=1) * 24 + LINE_DOTS - 24


@dataclass(frozen=True, slots=True)
class PrintedQr:
    """A QR that the printer drew itself; `module_dots` a side of a module."""

    payload: bytes
    module_dots: int
    level: str
    align: Align

    @property
    def dots(self) -> int:
        return 200  # About; only to count the paper.


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture: `rows` of `width_bytes` each, most significant bit left, 1 is black."""

    width_bytes: int
    rows: bytes
    align: Align

    @property
    def dots(self) -> int:
        return len(self.rows) // self.width_bytes


@dataclass(frozen=True, slots=True)
class Blank:
    lines: int

    @property
    def dots(self) -> int:
        return self.lines * LINE_DOTS


@dataclass(frozen=True, slots=True)
class CutMark:
    dots: int = 0


Printed = Row | PrintedQr | Raster | Blank | CutMark


@dataclass(slots=True)
class _Style:
    align: Align = Align.LEFT
    bold: bool = False
    wide: int = 1
    high: int = 1
    chinese: bool = False
    spans: list[Span] = field(default_factory=list)


@dataclass(slots=True)
class _Code:
    """The QR in the printer's symbol store."""

    dots: int = 3
    level: str = "L"
    payload: bytes = b""


class PaperPrinter:
    """`receive` takes bytes and gives the printer's answers; `roll` is what has been printed.

    `on_row` is called with each thing printed. The state can be changed from outside at any time.
    """

    def __init__(self, cells: int = 32, on_row: Callable[[Printed], None] | None = None) -> None:
        self.cells = cells
        self.roll: list[Printed] = []
        self.lines_left: int | None = None  # None: a roll without end.
        self.cover_open = False
        self.deaf = False  # Switched off or its cable pulled: nothing is printed or answered.
        self._low = False
        self._on_row = on_row
        self._buffer = bytearray()
        self._offset = 0
        self._held: deque[Callable[[], bytes]] = deque()
        self._style = _Style()
        self._code = _Code()

    # What a person can do to it

    @property
    def paper(self) -> Paper:
        if self.deaf:
            return Paper.OFFLINE
        if self.cover_open:
            return Paper.COVER_OPEN
        if self.lines_left is not None and self.lines_left <= 0:
            return Paper.OUT
        low = self._low or (self.lines_left is not None and self.lines_left <= LOW_LINES)
        return Paper.LOW if low else Paper.OK

    def set_paper(self, paper: Paper) -> bytes:
        """Put the printer into a state; the answers to what waited for it, if it goes on now."""
        self.deaf = paper is Paper.OFFLINE
        self.cover_open = paper is Paper.COVER_OPEN
        self.lines_left = 0 if paper is Paper.OUT else None
        self._low = paper is Paper.LOW
        return self._go_on()

    def run_out_after(self, lines: int) -> None:
        self.lines_left = lines

    def tear(self) -> tuple[Printed, ...]:
        """Take what has been printed off the roll."""
        torn, self.roll = tuple(self.roll), []
        return torn

    # The wire

    def receive(self, data: bytes) -> bytes:
        """Bytes in, answers out. Raises Refused."""
        if self.deaf:
            return b""
        self._buffer += data
        answers = b""
        while self._buffer:
            length, work = self._parse()
            if not length:
                break
            at_once = self._buffer[0] == 0x10
            del self._buffer[:length]
            self._offset += length
            if at_once or not (self._held or self._stopped):
                answers += work()
            elif len(self._held) >= BUFFER_COMMANDS:
                raise self._refuse("sent on and on to a printer that has stopped")
            else:
                self._held.append(work)
        return answers

    @property
    def _stopped(self) -> bool:
        return self.paper in (Paper.COVER_OPEN, Paper.OUT, Paper.OFFLINE)

    def _go_on(self) -> bytes:
        answers = b""
        while self._held and not self._stopped:
            answers += self._held.popleft()()
        return answers

    def _refuse(self, reason: str) -> Refused:
        return Refused(self._offset, reason)

    def _parse(self) -> tuple[int, Callable[[], bytes]]:
        """(length, what to do) of the command at the head of the buffer; length 0 if it is not all there."""
        first = self._buffer[0]
        if first == 0x0A:
            return 1, self._line_feed
        if first == 0x0D:
            return 1, lambda: b""
        if first in (0x10, 0x1B, 0x1C, 0x1D):
            return self._parse_command(first)
        if first < 0x20 or first in (0x7F, 0x80, 0xFF):
            raise self._refuse(f"no command begins with {first:02X}")
        return self._parse_character(first)

    def _parse_character(self, first: int) -> tuple[int, Callable[[], bytes]]:
        length = 1
        if first > 0x80:
            if not self._chinese_when_read:
                raise self._refuse(f"{first:02X} outside Chinese mode (FS &) is no hanzi")
            if len(self._buffer) < 2:
                return 0, bytes
            length = 4 if 0x30 <= self._buffer[1] <= 0x39 else 2  # GB 18030: the second byte tells.
            if len(self._buffer) < length:
                return 0, bytes
        raw = bytes(self._buffer[:length])
        try:
            character = raw.decode("gb18030")
        except UnicodeDecodeError:
            raise self._refuse(f"{raw.hex()} is no GB 18030 character") from None

        def put() -> bytes:
            style = self._style
            span = Span(character, style.bold, style.wide, style.high)
            if sum(each.cells for each in style.spans) + span.cells > self.cells:
                raise self._refuse(f"a line wider than {self.cells} cells")
            style.spans.append(span)
            return b""

        return length, put

    @property
    def _chinese_when_read(self) -> bool:
        return self._style.chinese or bool(self._held)  # Held commands may enter it yet.

    def _parse_command(self, first: int) -> tuple[int, Callable[[], bytes]]:
        if len(self._buffer) < 2:
            return 0, bytes
        name = bytes(self._buffer[:2])
        if name in _PLAIN:
            return 2, lambda: _PLAIN[name](self)
        if len(self._buffer) < 3:
            if name in _ONE_BYTE or name in (b"\x1dV", b"\x1dv", b"\x1d("):
                return 0, bytes
        elif name in _ONE_BYTE:
            value = self._buffer[2]
            allowed, work = _ONE_BYTE[name]
            if value not in allowed:
                raise self._refuse(f"{name.hex()} with {value}")
            return 3, lambda: work(self, value)
        elif name == b"\x1dV":
            return self._parse_cut()
        elif bytes(self._buffer[:3]) == b"\x1dv0":
            return self._parse_raster()
        elif bytes(self._buffer[:3]) == b"\x1d(k":
            return self._parse_code()
        raise self._refuse(f"unknown command {bytes(self._buffer[:3]).hex()}")

    def _parse_cut(self) -> tuple[int, Callable[[], bytes]]:
        if self._buffer[2] in (0, 1, 48, 49):
            return 3, lambda: self._print(CutMark())
        if self._buffer[2] not in (65, 66):
            raise self._refuse(f"GS V {self._buffer[2]}")
        return (4 if len(self._buffer) >= 4 else 0), lambda: self._print(CutMark())

    def _parse_raster(self) -> tuple[int, Callable[[], bytes]]:
        if len(self._buffer) < 8:
            return 0, bytes
        mode = self._buffer[3]
        width = int.from_bytes(self._buffer[4:6], "little")
        height = int.from_bytes(self._buffer[6:8], "little")
        if mode or not 0 < width * 8 <= self.cells * DOTS_A_CELL or not 0 < height <= 2303:
            raise self._refuse(f"GS v 0 mode {mode}, {width * 8} by {height} dots")
        length = 8 + width * height
        if len(self._buffer) < length:
            return 0, bytes
        rows = bytes(self._buffer[8:length])
        return length, lambda: self._print(Raster(width, rows, self._style.align))

    def _parse_code(self) -> tuple[int, Callable[[], bytes]]:
        if len(self._buffer) < 5:
            return 0, bytes
        length = 5 + int.from_bytes(self._buffer[3:5], "little")
        if len(self._buffer) < length:
            return 0, bytes
        body = bytes(self._buffer[5:length])
        if len(body) < 3 or body[0] != 0x31:
            raise self._refuse("GS ( k for no QR")
        return length, lambda: self._code_function(body[1], body[2:])

    # What the commands do

    def _code_function(self, function: int, arguments: bytes) -> bytes:
        if function == 0x41 and arguments == b"2\x00":
            self._code = _Code()
        elif function == 0x43 and len(arguments) == 1 and 1 <= arguments[0] <= 16:
            self._code.dots = arguments[0]
        elif function == 0x45 and arguments in (b"0", b"1", b"2", b"3"):
            self._code.level = "LMQH"[arguments[0] - 0x30]
        elif function == 0x50 and arguments[:1] == b"0" and len(arguments) > 1:
            self._code.payload = arguments[1:]
        elif function == 0x51 and arguments == b"0" and self._code.payload:
            code = self._code
            return self._print(PrintedQr(code.payload, code.dots, code.level, self._style.align))
        else:
            raise self._refuse(f"GS ( k function {function:02X} with {arguments.hex()}")
        return b""

    def _print(self, printed: Printed) -> bytes:
        self.roll.append(printed)
        if self._on_row is not None:
            self._on_row(printed)
        if self.lines_left is not None:
            self.lines_left = max(0, self.lines_left - -(-printed.dots // LINE_DOTS))
        return b""

    def _line_feed(self) -> bytes:
        spans, self._style.spans = tuple(self._style.spans), []
        return self._print(Row(_joined(spans), self._style.align))

    def _initialise(self) -> bytes:
        self._style = _Style()
        return b""

    def _chinese(self, on: bool) -> bytes:
        self._style.chinese = on
        return b""

    def _align(self, value: int) -> bytes:
        self._style.align = (Align.LEFT, Align.CENTRE, Align.RIGHT)[value % 48]
        return b""

    def _bold(self, value: int) -> bytes:
        self._style.bold = bool(value & 1)
        return b""

    def _size(self, value: int) -> bytes:
        self._style.wide, self._style.high = (value >> 4) + 1, (value & 7) + 1
        return b""

    def _tell(self, which: int) -> bytes:
        """DLE EOT. Bits 1 and 4 are always set, bits 0 and 7 never."""
        paper = self.paper
        out, cover = paper is Paper.OUT, self.cover_open
        if which == 1:
            return bytes((0x12 | 0x08 * (out or cover),))
        if which == 2:
            return bytes((0x12 | 0x04 * cover | 0x20 * out,))
        if which == 3:
            return b"\x12"
        return bytes((0x12 | 0x0C * (paper in (Paper.LOW, Paper.OUT)) | 0x60 * out,))

    def _tell_in_turn(self, which: int) -> bytes:
        return bytes((0x03 * (self.paper is Paper.LOW) | 0x0C * (self.paper is Paper.OUT),))


def _joined(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and (last.bold, last.wide, last.high) == (span.bold, span.wide, span.high):
            joined[-1] = Span(last.text + span.text, span.bold, span.wide, span.high)
        else:
            joined.append(span)
    return tuple(joined)


_PLAIN: dict[bytes, Callable[[PaperPrinter], bytes]] = {
    b"\x1b@": PaperPrinter._initialise,
    b"\x1b2": lambda printer: b"",
    b"\x1c&": lambda printer: printer._chinese(True),
    b"\x1c.": lambda printer: printer._chinese(False),
}

_ONE_BYTE: dict[bytes, tuple[frozenset[int] | range, Callable[[PaperPrinter, int], bytes]]] = {
    b"\x1ba": (frozenset((0, 1, 2, 48, 49, 50)), PaperPrinter._align),
    b"\x1bE": (range(256), PaperPrinter._bold),
    b"\x1bd": (range(256), lambda printer, lines: printer._print(Blank(lines))),
    b"\x1d!": (frozenset(16 * w + h for w in range(8) for h in range(8)), PaperPrinter._size),
    b"\x1dr": (frozenset((1, 49)), PaperPrinter._tell_in_turn),
    b"\x10\x04": (range(1, 5), PaperPrinter._tell),
}
