"""Slips as ESC/POS bytes: pure, shared by the printer's driver and its in-process twin.

Theory: after FS & bytes from 0x81 up are the first of a GBK (GB18030) character, drawn two cells wide, and
ASCII stays ASCII, one cell wide. GS ! and ESC E act on both.
Spec: Epson ESC/POS command reference; GB 18030-2005; ISO/IEC 18004 (QR).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.ports import Align, Cut, DeviceError, Feed, PaperLine, Text

DOTS_A_CELL = 12
CHUNK_BYTES = 128  # What may come out after the paper is back and before the slip begins again: 3 to 4 lines.
RASTER_ROWS = 24  # Rows of dots in one band of a drawn QR: one line of text high.
QR_MODULE_DOTS_MAX = 8  # 1 mm: bigger only wastes paper.
QR_BORDER_MODULES = 4  # ISO/IEC 18004 §6.3.8.
FEED_LINES_MAX = 255  # ESC d takes one byte.

ALIGNMENTS = {Align.LEFT: 0, Align.CENTRE: 1, Align.RIGHT: 2}
# Bytes a QR of version 1, 2, ... holds in byte mode at level M (ISO/IEC 18004 Table 7).
QR_BYTES_M = (
    *(14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666),
    *(711, 779, 857, 911, 997, 1059, 1125, 1190, 1264, 1370, 1452, 1538, 1628, 1722, 1809, 1911, 1989, 2099),
    *(2213, 2331),
)


@dataclass(frozen=True, slots=True)
class PrinterSettings:
    """Which printer hangs where. `device` is a path, or a host for "network". Times in milliseconds."""

    transport: str = "serial"  # serial | network | file
    device: str = "/dev/serial0"
    network_port: int = 9100
    baud: int = 9600
    cells: int = 32
    charset: str = "gb18030"  # Or "gbk", for printers without the four-byte characters.
    native_qr: bool = True
    cutter: bool = False
    answers: bool = True  # Whether the way back is wired; without it paper is not watched.
    knows_gs_r: bool = True  # Without GS r 1 the slip counts as printed once the printer has taken all of it.
    answer_ms: int = 200  # For an idle printer; the time of the bytes on the wire is added.
    drain_ms: int = 20_000  # For the last line to come out: a slip of 60 lines at 50 mm/s takes 6 s.
    cache: Path | None = None  # Where python-escpos may keep its parsed profiles.


def safe_text(text: str, charset: str = "gb18030") -> str:
    """The text as the printer can draw it, as many cells wide as before.

    A control character would be a command to the printer, and a name from a wallet may hold one.

    >>> safe_text("¥1.50 \\x1b@ 😀")
    '￥1.50 ?@ ？'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_safe(character, charset) for character in text)


def _safe(character: str, charset: str) -> str:
    if character.isascii():
        return character if character.isprintable() else "?"
    if character == "¥":
        return "￥"  # U+00A5 is no GBK character; four GB18030 bytes that printers draw as a blank.
    try:
        length = len(character.encode(charset))
    except UnicodeEncodeError:
        return "？"
    # Of the four-byte characters printers know only the hanzi of Extension A (U+3400 to U+4DBF).
    return character if length == 2 or "㐀" <= character <= "䶿" else "？"


def encode(lines: Sequence[PaperLine], settings: PrinterSettings) -> tuple[bytes, ...]:
    """A slip as ESC/POS, in pieces between which the printer may be asked for its state.

    Raises DeviceError for a QR payload that no QR on this paper holds.
    """
    pieces = [b"\x1b@\x1c&"]  # ESC @: forget all settings and the half line; FS &: Chinese mode.
    for line in lines:
        pieces.extend(_encode_line(line, settings))
    chunks: list[bytes] = []
    for piece in pieces:
        if chunks and len(chunks[-1]) + len(piece) <= CHUNK_BYTES:
            chunks[-1] += piece
        else:
            chunks.append(piece)
    return tuple(chunks)


def _encode_line(line: PaperLine, settings: PrinterSettings) -> list[bytes]:
    if isinstance(line, Text):
        style = bytes(
            (0x1B, 0x61, ALIGNMENTS[line.align], 0x1B, 0x45, line.bold, 0x1D, 0x21, 0x11 * line.large)
        )
        return [style + safe_text(line.text, settings.charset).encode(settings.charset) + b"\n"]
    if isinstance(line, Feed):
        return [b"\x1bd" + bytes((min(line.lines, FEED_LINES_MAX),))]
    if isinstance(line, Cut):
        return [b"\x1dVB\x00"] if settings.cutter else []
    return _native_qr(line.payload, settings) if settings.native_qr else _raster_qr(line.payload, settings)


def qr_module_dots(payload: bytes, cells: int) -> int:
    """How many dots a side of a module may be, so that the code and its border fit the paper."""
    version = next((n for n, size in enumerate(QR_BYTES_M, 1) if size >= len(payload)), None)
    if version is None:
        raise DeviceError("printer", "this code is too long to be printed; take another way to pay")
    modules = 17 + 4 * version + 2 * QR_BORDER_MODULES
    return min(QR_MODULE_DOTS_MAX, cells * DOTS_A_CELL // modules)


def _native_qr(payload: str, settings: PrinterSettings) -> list[bytes]:
    data = payload.encode()
    dots = qr_module_dots(data, settings.cells)

    def function(code: int, arguments: bytes) -> bytes:
        body = bytes((0x31, code)) + arguments
        return b"\x1d(k" + len(body).to_bytes(2, "little") + body

    return [
        b"\x1ba\x01"  # Centred.
        + function(0x41, b"2\x00")  # Model 2.
        + function(0x43, bytes((dots,)))
        + function(0x45, b"1"),  # Level M: thermal paper gets scratched.
        function(0x50, b"0" + data),
        function(0x51, b"0"),
    ]


def _raster_qr(payload: str, settings: PrinterSettings) -> list[bytes]:
    """For printers without GS ( k: the modules drawn by us, in bands of GS v 0."""
    from qrcode.constants import ERROR_CORRECT_M  # type: ignore[import-untyped]  # python-escpos brings it
    from qrcode.main import QRCode  # type: ignore[import-untyped]  # has no stubs

    dots = qr_module_dots(payload.encode(), settings.cells)
    code = QRCode(error_correction=ERROR_CORRECT_M, border=QR_BORDER_MODULES)
    code.add_data(payload.encode(), optimize=0)
    code.make(fit=True)
    width = settings.cells * DOTS_A_CELL
    rows: list[bytes] = []
    for modules in code.get_matrix():
        bits = "".join(("1" if dark else "0") * dots for dark in modules).center(width, "0")
        rows.extend([int(bits, 2).to_bytes(width // 8, "big")] * dots)
    bands = [rows[n : n + RASTER_ROWS] for n in range(0, len(rows), RASTER_ROWS)]
    head = b"\x1dv0\x00" + (width // 8).to_bytes(2, "little")
    return [head + len(band).to_bytes(2, "little") + b"".join(band) for band in bands]
