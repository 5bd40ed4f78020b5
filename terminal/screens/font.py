"""Bitmap fonts 16 pixels high: the shipped Unifont subset, or any PCF, BDF or outline font that is configured.

Which font is used is configuration, never guessed from what a machine has: the same terminal looks the same
everywhere. A glyph is rows of bits; Pillow is imported only for a configured font file, because the first screen
must not wait for it. unifont.bin (format: make_font.py) is read whole in about a millisecond.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from terminal.screens.make_font import GLYPH_BYTES, MAGIC

LINE_PX = 16  # The height of a line, of every font: screens are laid out in lines of this.
HALF_PX = 8
STAMP_LIMIT = 4096  # Glyphs kept ready to draw; all screens of both languages use about 700.


class FontError(Exception):
    """A configured font cannot be read; the message says which and why."""


class Scale(Enum):
    """How a text is enlarged: (times wide, times high)."""

    SMALL = (1, 1)
    TALL = (1, 2)
    LARGE = (2, 2)


@dataclass(frozen=True, slots=True)
class Glyph:
    """`width` pixels; `rows` from the top, LINE_PX of them, most significant bit left."""

    width: int
    rows: tuple[int, ...]

    def scaled(self, scale: Scale) -> Glyph:
        """Enlarged: rows doubled, or both ways with rounded corners (Scale2x)."""
        if scale is Scale.SMALL:
            return self
        if scale is Scale.TALL:
            return Glyph(self.width, tuple(row for row in self.rows for _ in range(2)))
        return _scale2x(self)


class Font:
    """Glyphs by character, and the same glyphs as *stamps*, ready to be put on a canvas.

    `find` gives the glyph of a character or None. A character without a glyph is drawn as a box and counted as
    missing by the renderer.
    """

    def __init__(self, name: str, find: Callable[[str], Glyph | None]) -> None:
        self.name = name
        self._find = find
        self._glyphs: dict[str, Glyph] = {}
        self._stamps: dict[tuple[str, int, Scale], int] = {}

    def __contains__(self, character: str) -> bool:
        return self._find(character) is not None

    def glyph(self, character: str) -> Glyph:
        """The glyph, or a box for what the font lacks."""
        found = self._glyphs.get(character)
        if found is None:
            found = self._find(character) or _box(LINE_PX if ord(character) >= 0x1100 else HALF_PX)
            if len(self._glyphs) >= STAMP_LIMIT:
                self._glyphs.clear()
            self._glyphs[character] = found
        return found

    def width(self, text: str, scale: Scale = Scale.SMALL) -> int:
        """Pixels that a text takes across."""
        return sum(self.glyph(character).width for character in text) * scale.value[0]

    def stamp(self, character: str, stride: int, scale: Scale) -> int:
        """The glyph as one integer with its rows `stride` bits apart, its last pixel at bit 0.

        A canvas that is one integer takes a whole glyph with one shift and one OR.
        """
        key = (character, stride, scale)
        found = self._stamps.get(key)
        if found is None:
            found = 0
            for row in self.glyph(character).scaled(scale).rows:
                found = found << stride | row
            if len(self._stamps) >= STAMP_LIMIT:
                self._stamps.clear()
            self._stamps[key] = found
        return found


def load_font(name_or_path: str | Path = "unifont") -> Font:
    """The font "unifont" (shipped), or one at a path to a PCF, BDF, OTF or TTF file. Raises FontError."""
    if str(name_or_path) == "unifont":
        return _load_packed((Path(__file__).parent / "unifont.bin").read_bytes())
    return _load_file(Path(name_or_path))


def _load_packed(data: bytes) -> Font:
    count = int.from_bytes(data[4:8], "little")
    widths_at = 8 + 2 * count
    glyphs_at = widths_at + count
    if data[:4] != MAGIC or len(data) != glyphs_at + GLYPH_BYTES * count:
        raise FontError("unifont.bin is damaged: install the program again")
    codes = array("H", data[8:widths_at])
    if sys.byteorder == "big":
        codes.byteswap()

    def find(character: str) -> Glyph | None:
        code = ord(character)
        index = bisect_left(codes, code)
        if index == count or codes[index] != code:
            return None
        width = data[widths_at + index]
        start, step = glyphs_at + GLYPH_BYTES * index, width // 8
        rows = (data[start + step * row : start + step * row + step] for row in range(LINE_PX))
        return Glyph(width, tuple(int.from_bytes(row, "big") for row in rows))

    return Font("unifont", find)


def _load_file(path: Path) -> Font:
    from PIL import ImageFont  # Here for boot time: the shipped font needs no Pillow.

    if not path.is_file():
        raise FontError(f"font: there is no file {path}")
    # A bitmap font exists in some sizes only, and FreeType refuses the others: the largest that fits a line.
    for size in range(LINE_PX, HALF_PX - 1, -1):
        try:
            face = ImageFont.truetype(str(path), size)
        except OSError:
            continue
        ascent, descent = face.getmetrics()
        if ascent + descent <= LINE_PX:
            return Font(path.name, _file_finder(face, ascent, (LINE_PX - ascent - descent) // 2))
    raise FontError(f"font: {path} has no size that fits {LINE_PX} pixels, or is no font")


def _file_finder(face: Any, ascent: int, top: int) -> Callable[[str], Glyph | None]:
    from PIL import Image, ImageDraw

    def draw(character: str) -> Glyph:
        width = min(max(1, round(face.getlength(character))), 2 * LINE_PX)
        image = Image.new("1", (width, LINE_PX))
        ImageDraw.Draw(image).text((0, top + ascent), character, fill=1, font=face, anchor="ls")
        pad = -width % 8  # Pillow pads each row to a byte.
        stride, data = (width + pad) // 8, image.tobytes()
        rows = (data[stride * row : stride * row + stride] for row in range(LINE_PX))
        return Glyph(width, tuple(int.from_bytes(row, "big") >> pad for row in rows))

    nothing = draw("\uffff")  # A noncharacter: what the font draws for what it lacks.

    def find(character: str) -> Glyph | None:
        glyph = draw(character)
        if character.isspace():
            return glyph
        return None if glyph == nothing or not any(glyph.rows) else glyph

    return find


def _box(width: int) -> Glyph:
    edge, side = (1 << width - 2) - 1 << 1, 1 << width - 2 | 2
    return Glyph(width, (0, 0, edge, *(side,) * (LINE_PX - 5), edge, 0))


def _scale2x(glyph: Glyph) -> Glyph:
    """Twice as large, with corners cut the way the strokes run. Source: A. Mazzoleni's Scale2x rules."""
    rows, width = glyph.rows, glyph.width
    full = (1 << width) - 1
    out: list[int] = []
    for at, here in enumerate(rows):
        above = rows[at - 1] if at else 0
        below = rows[at + 1] if at + 1 < len(rows) else 0
        left, right = here >> 1, here << 1 & full  # What stands left and right of each pixel.
        free = (above ^ below) & (left ^ right)  # Only where neither axis runs straight through.

        def corner(side: int, vertical: int, free: int = free, here: int = here) -> int:
            take = free & ~(side ^ vertical)
            return here & ~take | side & take

        out.append(_interleave(corner(left, above), corner(right, above), width))
        out.append(_interleave(corner(left, below), corner(right, below), width))
    return Glyph(2 * width, tuple(out))


def _interleave(even: int, odd: int, width: int) -> int:
    out = 0
    for bit in range(width):
        out |= (even >> bit & 1) << 2 * bit + 1 | (odd >> bit & 1) << 2 * bit
    return out
