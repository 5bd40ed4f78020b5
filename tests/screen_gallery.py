"""Contact sheets of every example screen, for the goldens and for whoever wants to look."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image

from sim.gallery.pieces import PANELS
from terminal.screens.catalogue import Screen
from terminal.screens.catalogue.samples import EXAMPLES
from terminal.screens.font import Font
from terminal.screens.render import picture
from terminal.strings import LANGUAGES

COLUMNS, GAP, ENLARGED = 8, 8, 2


def every_case() -> Iterator[tuple[Screen, str, int, int]]:
    """Each example in each language on each panel: (screen, language, width, height)."""
    for width, height in PANELS:
        for language in LANGUAGES:
            for screen in EXAMPLES:
                yield screen, language, width, height


def contact_sheet(language: str, width: int, height: int, font: Font) -> Image.Image:
    """All examples side by side; 1 bit a pixel, each pixel drawn as 2 x 2."""
    rows = -(-len(EXAMPLES) // COLUMNS)
    across, down = width * ENLARGED + GAP, height * ENLARGED + GAP
    sheet = Image.new("1", (COLUMNS * across + GAP, rows * down + GAP), 0)
    for at, screen in enumerate(EXAMPLES):
        drawn = Image.frombytes("1", (width, height), picture(screen, language, font).pixels(width, height))
        large = drawn.resize((width * ENLARGED, height * ENLARGED), Image.Resampling.NEAREST)
        x, y = GAP + at % COLUMNS * across, GAP + at // COLUMNS * down
        frame = Image.new("1", (large.width + 4, large.height + 4), 1)
        frame.paste(0, (1, 1, large.width + 3, large.height + 3))
        sheet.paste(frame, (x - 2, y - 2))
        sheet.paste(large, (x, y))
    return sheet


def to_png(sheet: Image.Image) -> bytes:
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()
