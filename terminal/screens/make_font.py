"""Make unifont.bin anew from GNU Unifont's unifont.hex (Debian package `unifont`). Run by hand, once in years:

    python -m terminal.screens.make_font /usr/share/unifont/unifont.hex

unifont.hex has a line a glyph: code point in hex, colon, 16 rows of 8 or 16 pixels in hex. What is taken: ASCII,
Latin-1, GB2312 whole (6,763 hanzi and its symbols), full-width forms, arrows, boxes, blocks, shapes, ticks and
crosses. Some Unifont shapes say little at arm's length; they are used as they are all the same.

unifont.bin, little-endian: b"ZGF1", count (u32), count code points (u16, rising), count widths (u8, 8 or 16),
count glyphs of 32 bytes (16 rows; a glyph 8 wide fills the first 16 bytes and leaves the rest zero).
"""

from __future__ import annotations

import sys
from array import array
from pathlib import Path

MAGIC = b"ZGF1"
GLYPH_BYTES = 32
RANGES = (
    (0x0020, 0x007E),  # ASCII
    (0x00A0, 0x00FF),  # Latin-1
    (0x2010, 0x2027),  # Dashes, quotes, bullet, ellipsis
    (0x2030, 0x203E),
    (0x20AC, 0x20AC),  # €
    (0x2190, 0x21BB),  # Arrows
    (0x2300, 0x2335),  # Technical
    (0x23CE, 0x23CE),  # Return
    (0x2500, 0x25FF),  # Boxes, blocks, shapes
    (0x2605, 0x2606),
    (0x2713, 0x2718),  # Ticks and crosses
    (0x3000, 0x303F),  # CJK punctuation
    (0xFF01, 0xFF5E),  # Full-width ASCII
    (0xFFE0, 0xFFE6),  # Full-width signs, ￥ among them
)


def wanted() -> frozenset[int]:
    """The code points of the subset: RANGES and all of GB2312."""
    points = {point for first, last in RANGES for point in range(first, last + 1)}
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                points.add(ord(bytes((row, cell)).decode("gb2312")))
            except UnicodeDecodeError:
                continue  # GB2312 has gaps.
    return frozenset(points)


def pack(hex_text: str) -> bytes:
    """unifont.hex → unifont.bin. Raises ValueError for a line that is no glyph."""
    points = wanted()
    found: list[tuple[int, int, bytes]] = []
    for line in hex_text.splitlines():
        code, _, rows = line.partition(":")
        if int(code, 16) in points:
            glyph = bytes.fromhex(rows)
            if len(glyph) not in (16, 32):
                raise ValueError(f"U+{code}: {len(glyph)} bytes are no glyph of 16 rows")
            found.append((int(code, 16), len(glyph) // 2, glyph.ljust(GLYPH_BYTES, b"\0")))
    found.sort()
    codes = array("H", (code for code, _, _ in found))
    if sys.byteorder == "big":
        codes.byteswap()
    head = MAGIC + len(found).to_bytes(4, "little") + codes.tobytes()
    return head + bytes(width for _, width, _ in found) + b"".join(glyph for _, _, glyph in found)


if __name__ == "__main__":
    made = pack(Path(sys.argv[1]).read_text("ascii"))
    (Path(__file__).parent / "unifont.bin").write_bytes(made)
    print(f"unifont.bin: {len(made)} bytes")
