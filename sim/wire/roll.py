"""What stands on the paper, for people and for phones: as text, and dot by dot.

Theory: a 203 dpi thermal head burns 8 dots a millimetre; 58 mm paper has 384 of them, 80 mm 576. The
printer's own fonts are 12x24 (ASCII) and 24x24 (hanzi) dots. Ours come from the shipped 16-pixel Unifont: two
pixels become three dots (a, a or b, b), so that each stroke is two dots wide and each gap stays open.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from drivers.ports import Align
from sim.wire.paper import DOTS_A_CELL, LINE_DOTS, Blank, CutMark, Printed, PrintedQr, Raster, Row, Span

if TYPE_CHECKING:
    from PIL.Image import Image

    from terminal.screens.font import Font

CUT_DOTS = 12
QR_BORDER_DOTS = 24  # Above and below a QR: the printer feeds, the paper is white.
SHARE = {Align.LEFT: 0, Align.CENTRE: 1, Align.RIGHT: 2}


def text_of(roll: Iterable[Printed], cells: int) -> tuple[str, ...]:
    """The lines as they stand on the paper, spaces before them included; codes and cuts in brackets.

    Large text keeps its place: a character of it stands where its left half is.
    """
    lines: list[str] = []
    for printed in roll:
        if isinstance(printed, Row):
            space = cells - sum(span.cells for span in printed.spans)
            lines.append((" " * (space * SHARE[printed.align] // 2) + printed.text).rstrip())
        elif isinstance(printed, Blank):
            lines.extend([""] * printed.lines)
        elif isinstance(printed, PrintedQr):
            lines.append(f"[QR {printed.payload.decode('utf-8', 'replace')}]")
        elif isinstance(printed, Raster):
            if not lines or lines[-1] != "[picture]":
                lines.append("[picture]")
        else:
            lines.append("[cut]")
    return tuple(lines)


def image_of(roll: Sequence[Printed], cells: int, font: Font) -> Image:
    """The paper as a picture of one bit a dot, black on white."""
    from PIL import Image

    width = cells * DOTS_A_CELL
    rows: list[int] = []
    for printed in roll:
        rows.extend(_rows_of(printed, width, font))
    data = b"".join(row.to_bytes(width // 8, "big") for row in rows or [0])
    black_is_0 = bytes(byte ^ 0xFF for byte in data)
    return Image.frombytes("1", (width, len(rows) or 1), black_is_0)


def png_of(roll: Sequence[Printed], cells: int, font: Font) -> bytes:
    out = io.BytesIO()
    image_of(roll, cells, font).save(out, "PNG")
    return out.getvalue()


def _rows_of(printed: Printed, width: int, font: Font) -> list[int]:
    if isinstance(printed, Row):
        return _text_rows(printed, width, font)
    if isinstance(printed, Blank):
        return [0] * printed.lines * LINE_DOTS
    if isinstance(printed, CutMark):
        dashes = sum(1 << bit for bit in range(width) if bit // 8 % 2)
        return [0] * (CUT_DOTS // 2) + [dashes] + [0] * (CUT_DOTS // 2)
    if isinstance(printed, PrintedQr):
        return [0] * QR_BORDER_DOTS + _qr_rows(printed, width) + [0] * QR_BORDER_DOTS
    step = printed.width_bytes
    shift = (width - 8 * step) * (2 - SHARE[printed.align]) // 2
    picture = (printed.rows[n : n + step] for n in range(0, len(printed.rows), step))
    return [int.from_bytes(row, "big") << shift for row in picture]


def _text_rows(row: Row, width: int, font: Font) -> list[int]:
    rows = [0] * row.dots
    bottom = row.dots - (LINE_DOTS - 24)
    used = sum(span.cells for span in row.spans) * DOTS_A_CELL
    left = (width - used) * SHARE[row.align] // 2
    for span in row.spans:
        for character in span.text:
            glyph = _dots(character, span, font)
            across = span.wide * DOTS_A_CELL * (1 if character.isascii() else 2)
            shift = width - left - across
            for n, dots in enumerate(glyph):
                rows[bottom - len(glyph) + n] |= dots << shift
            left += across
    return rows


def _dots(character: str, span: Span, font: Font) -> list[int]:
    """A glyph in dots: 24 rows a unit of height, 12 or 24 columns a unit of width."""
    glyph = font.glyph(character)
    pixels = 8 if character.isascii() else 16
    # What the font draws narrow and the printer full-width ("·") is put into the middle of its cell.
    pad = (pixels - glyph.width) // 2 if glyph.width < pixels else 0
    lines = [row << pad for row in glyph.rows]
    wide = [_stretch(line, pixels, span.wide) for line in lines]
    if span.bold:
        wide = [line | line >> 1 for line in wide]
    high: list[int] = []
    for upper, lower in zip(wide[::2], wide[1::2], strict=True):
        if span.high == 1:
            high += [upper, upper | lower, lower]
        else:
            first = 3 * span.high // 2
            high += [upper] * first + [lower] * (3 * span.high - first)
    return high


def _stretch(line: int, pixels: int, times: int) -> int:
    """Two pixels as three dots, times `times`."""
    out = 0
    for at in range(pixels - 2, -1, -2):
        left, right = line >> at + 1 & 1, line >> at & 1
        if times == 1:
            out = out << 3 | left << 2 | (left | right) << 1 | right
        else:
            first = 3 * times // 2
            second = 3 * times - first
            out = out << first | ((1 << first) - 1) * left
            out = out << second | ((1 << second) - 1) * right
    return out


def _qr_rows(printed: PrintedQr, width: int) -> list[int]:
    import zxingcpp

    code = zxingcpp.create_barcode(
        printed.payload.decode("utf-8", "replace"), zxingcpp.BarcodeFormat.QRCode, ec_level=printed.level
    )
    picture = code.to_image(scale=1, add_quiet_zones=False)
    data = bytes(memoryview(picture))  # type: ignore[arg-type]  # its stubs leave the buffer protocol out
    side = math.isqrt(len(data))
    dots = printed.module_dots
    if side * dots > width:
        raise ValueError(
            f"a QR of {side * dots} dots on paper of {width}: a real printer would print nothing"
        )
    shift = (width - side * dots) * (2 - SHARE[printed.align]) // 2
    rows: list[int] = []
    for n in range(side):
        bits = "".join(("0" if value else "1") * dots for value in data[n * side : (n + 1) * side])
        rows += [int(bits, 2) << shift] * dots
    return rows
