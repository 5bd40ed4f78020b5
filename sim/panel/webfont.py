"""A web font made from the terminal's own bitmap font, so that no machine shows boxes for Chinese.

Each 16-pixel glyph becomes a TrueType glyph whose outline is the pixels themselves, as few rectangles as runs
allow. The page asks for one block of 256 code points at a time (/font/4e.ttf), and only for blocks that it
shows. At 16, 32 or 48 CSS pixels the outline falls on whole pixels and looks exactly as on the terminal's
display.

Spec: OpenType 1.9, the ten tables that a browser insists on: cmap glyf head hhea hmtx loca maxp name OS/2
post.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Sequence

from terminal.screens.font import Font, Glyph

PIXEL = 64  # Font units a pixel: 16 pixels are one em of 1024.
EM = 1024
ASCENT_PIXELS = 14  # Unifont stands on the fifteenth row.
FAMILY = "Zhanggui Pixel"
NOT_LATIN = 0x2190  # Arrows and all behind them.
CHINESE_FONTS = ("Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei")


Glyphs = Callable[[str], Glyph | None]


def glyphs_of(font: Font) -> Glyphs:
    """What the font has; None, not its box, for what it lacks."""
    return lambda character: font.glyph(character) if character in font else None


def block(name: str, glyphs: Glyphs) -> bytes | None:
    """The font of one block, "4e" for U+4E00..U+4EFF; None when the name is no block or the block is empty."""
    if not 1 <= len(name) <= 2 or any(letter not in "0123456789abcdef" for letter in name):
        return None
    first = int(name, 16) << 8
    found: list[tuple[int, Glyph]] = []
    for code in range(first, first + 256):
        if 0xD800 <= code < 0xE000:
            continue
        glyph = glyphs(chr(code))
        if glyph is not None:
            found.append((code, glyph))
    return truetype(found) if found else None


def font_face(text: str, font: Font) -> str:
    """The CSS of a font that lies in the page itself: the glyphs of all characters of `text` that Latin fonts lack.

    A machine's own Chinese font goes before it. The family has to stand first wherever it is used: behind others,
    Chromium now and then keeps the boxes that it has drawn before the font was there.
    """
    glyphs = glyphs_of(font)
    drawn = [(ord(each), glyph) for each in sorted(set(text)) if ord(each) >= NOT_LATIN and (glyph := glyphs(each))]
    if not drawn:
        return ""
    data = base64.b64encode(truetype(drawn)).decode("ascii")
    local = ", ".join(f'local("{name}")' for name in CHINESE_FONTS)
    return (
        f'@font-face {{ font-family: "{FAMILY}"; font-display: block; unicode-range: U+{NOT_LATIN:X}-10FFFF;\n'
        f"  src: {local}, url(data:font/ttf;base64,{data}) }}\n"
    )


def rectangles(glyph: Glyph) -> tuple[tuple[int, int, int, int], ...]:
    """Left, top, right, bottom of rectangles that cover the lit pixels once; equal runs in a column are
    joined.

    >>> rectangles(Glyph(4, (0b0110, 0b0110, 0b1000)))
    ((1, 0, 3, 2), (0, 2, 1, 3))
    """
    done: list[tuple[int, int, int, int]] = []
    growing: dict[tuple[int, int], int] = {}
    for y, row in enumerate((*glyph.rows, 0)):
        runs: set[tuple[int, int]] = set()
        x = 0
        while x < glyph.width:
            start = x
            while x < glyph.width and row >> (glyph.width - 1 - x) & 1:
                x += 1
            if x > start:
                runs.add((start, x))
            x += 1
        for run in [run for run in growing if run not in runs]:
            done.append((run[0], growing.pop(run), run[1], y))
        for run in runs:
            growing.setdefault(run, y)
    return tuple(sorted(done, key=lambda box: (box[1], box[0])))


def truetype(found: Sequence[tuple[int, Glyph]]) -> bytes:
    """A font of these characters, ascending by code point."""
    empty = Glyph(8, ())
    drawn = (empty, *(glyph for _, glyph in found))
    outlines = [_outline(glyph) for glyph in drawn]
    widths = [glyph.width * PIXEL for glyph in drawn]
    bearings = [min((box[0] for box in rectangles(glyph)), default=0) * PIXEL for glyph in drawn]
    offsets = [0]
    for outline, _, _ in outlines:
        offsets.append(offsets[-1] + len(outline))
    count = len(outlines)
    descent = -(16 - ASCENT_PIXELS) * PIXEL
    ascent = ASCENT_PIXELS * PIXEL
    points = max(points for _, points, _ in outlines)
    contours = max(contours for _, _, contours in outlines)
    tables = {
        b"OS/2": _os2(found[0][0], found[-1][0], ascent, descent),
        b"cmap": _cmap([code for code, _ in found]),
        b"glyf": b"".join(outline for outline, _, _ in outlines) or b"\0",
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh",
            *(0x00010000, 0x00010000, 0, 0x5F0F3CF5, 0x000B, EM, 0, 0),
            *(0, descent, EM, ascent, 0, 8, 2, 1, 0),
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhhhhhhhH", 0x00010000, ascent, descent, 0, max(widths), *(0,) * 3, 1, *(0,) * 7, count
        ),
        b"hmtx": b"".join(struct.pack(">Hh", *pair) for pair in zip(widths, bearings, strict=True)),
        b"loca": b"".join(struct.pack(">I", offset) for offset in offsets),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x00010000, count, points, contours, 0, 0, 2, *(0,) * 8),
        b"name": _name(),
        b"post": struct.pack(">IIhhIIIII", 0x00030000, 0, -PIXEL, PIXEL, 0, 0, 0, 0, 0),
    }
    return _file(tables)


def _outline(glyph: Glyph) -> tuple[bytes, int, int]:
    """A glyf entry (padded to 4 bytes), its points and its contours."""
    boxes = rectangles(glyph)
    if not boxes:
        return b"", 0, 0
    xs: list[int] = []
    ys: list[int] = []
    for left, top, right, bottom in boxes:  # Clockwise: inside is to the right of the line.
        xs += [left, left, right, right]
        ys += [ASCENT_PIXELS - bottom, ASCENT_PIXELS - top, ASCENT_PIXELS - top, ASCENT_PIXELS - bottom]
    xs = [x * PIXEL for x in xs]
    ys = [y * PIXEL for y in ys]
    body = struct.pack(">hhhhh", len(boxes), min(xs), min(ys), max(xs), max(ys))
    body += b"".join(struct.pack(">H", 4 * index + 3) for index in range(len(boxes)))
    body += struct.pack(">H", 0) + b"\x01" * len(xs)  # No instructions; every point is on the curve, moves are words.
    for values in (xs, ys):
        at = 0
        for value in values:
            body += struct.pack(">h", value - at)
            at = value
    return body + b"\0" * (-len(body) % 4), len(xs), len(boxes)


def _cmap(codes: Sequence[int]) -> bytes:
    """Format 4: one segment for each run of code points, glyph numbers in their order from 1."""
    segments: list[tuple[int, int, int]] = []
    for index, code in enumerate(codes):
        if segments and segments[-1][1] == code - 1:
            segments[-1] = (segments[-1][0], code, segments[-1][2])
        else:
            segments.append((code, code, (index + 1 - code) & 0xFFFF))
    if codes[-1] != 0xFFFF:
        segments.append((0xFFFF, 0xFFFF, 1))
    count = len(segments)
    power = 1 << (count.bit_length() - 1)
    body = struct.pack(">HHHH", 2 * count, 2 * power, power.bit_length() - 1, 2 * count - 2 * power)
    body += b"".join(struct.pack(">H", end) for _, end, _ in segments) + b"\0\0"
    body += b"".join(struct.pack(">H", start) for start, _, _ in segments)
    body += b"".join(struct.pack(">H", delta) for _, _, delta in segments)
    body += b"\0\0" * count
    return struct.pack(">HHHHI", 0, 1, 3, 1, 12) + struct.pack(">HHH", 4, len(body) + 6, 0) + body


def _os2(first: int, last: int, ascent: int, descent: int) -> bytes:
    return struct.pack(
        ">HhHHH11h10sIIII4sHHHhhhHHIIhhHHH",
        *(4, EM, 400, 5, 0),
        *(EM // 2, EM // 2, 0, 140, EM // 2, EM // 2, 0, 480, PIXEL, 4 * PIXEL, 0),
        *(b"\0" * 10, 0, 0, 0, 0, b"ZHGU", 0x40, first, last),
        *(ascent, descent, 0, ascent, -descent, 0, 0, 8 * PIXEL, 10 * PIXEL, 0, 32, 0),
    )


def _name() -> bytes:
    entries = ((1, FAMILY), (2, "Regular"), (4, FAMILY), (6, FAMILY.replace(" ", "")))
    records = b""
    text = b""
    for number, value in entries:
        data = value.encode("utf-16-be")
        records += struct.pack(">HHHHHH", 3, 1, 0x409, number, len(data), len(text))
        text += data
    return struct.pack(">HHH", 0, len(entries), 6 + len(records)) + records + text


def _checksum(data: bytes) -> int:
    data += b"\0" * (-len(data) % 4)
    total: int = sum(struct.unpack(f">{len(data) // 4}I", data))
    return total & 0xFFFFFFFF


def _file(tables: dict[bytes, bytes]) -> bytes:
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    head = struct.pack(">IHHHH", 0x00010000, count, 16 * power, power.bit_length() - 1, 16 * (count - power))
    at = len(head) + 16 * count
    directory = b""
    body = b""
    head_at = 0
    for tag, data in sorted(tables.items()):
        if tag == b"head":
            head_at = at + len(body)
        directory += tag + struct.pack(">III", _checksum(data), at + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    whole = bytearray(head + directory + body)
    adjustment = (0xB1B0AFBA - _checksum(bytes(whole))) & 0xFFFFFFFF
    struct.pack_into(">I", whole, head_at + 8, adjustment)
    return bytes(whole)
