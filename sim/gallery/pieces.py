"""What there is to look at: each example screen on each panel, each sample slip on each paper, in each language."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.escpos_encoder import PrinterSettings, encode
from sim.slip_samples import SAMPLES
from sim.wire.paper import PaperPrinter
from sim.wire.roll import png_of, text_of
from terminal.receipts import Copy, lay_out
from terminal.screens.catalogue.samples import EXAMPLES
from terminal.screens.font import Font
from terminal.screens.render import picture
from terminal.strings import LANGUAGES

PANELS = ((128, 64), (128, 128))
PAPERS = (32, 48)  # Cells: 58 mm and 80 mm.
SECOND_COPIES = ("card-pin", "cash")  # These are shown as the cardholder's copy, printed again, too.


@dataclass(frozen=True, slots=True)
class Piece:
    """A picture and its words. (`kind`, `where`, `language`, `name`) tells it from every other, also across revisions.

    `kind` is "screen" or "slip"; `where` a panel ("128x64") or a paper in cells ("32"); `png` one bit a pixel.
    """

    kind: str
    where: str
    language: str
    name: str
    text: tuple[str, ...]
    png: bytes

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.where}/{self.language}/{self.name}"


def every_piece(font: Font) -> Iterator[Piece]:
    """All of them, in the order in which they are looked at."""
    for width, height in PANELS:
        for language in LANGUAGES:
            yield from _screens(width, height, language, font)
    for cells in PAPERS:
        for language in LANGUAGES:
            yield from _slips(cells, language, font)


def how_many() -> int:
    """The number of pieces, for those who show progress."""
    return len(LANGUAGES) * (len(PANELS) * len(EXAMPLES) + len(PAPERS) * (len(SAMPLES) + len(SECOND_COPIES)))


def _screens(width: int, height: int, language: str, font: Font) -> Iterator[Piece]:
    seen: Counter[str] = Counter()  # A screen has several examples; they are told apart by their number.
    for screen in EXAMPLES:
        seen[screen.name] += 1
        drawn = picture(screen, language, font)
        png = _png(drawn.pixels(width, height), width, height)
        yield Piece("screen", f"{width}x{height}", language, f"{screen.name} {seen[screen.name]}", drawn.text(), png)


def _slips(cells: int, language: str, font: Font) -> Iterator[Piece]:
    cases = [(name, name, Copy.MERCHANT) for name in SAMPLES]
    cases += [(name, f"{name} again", Copy.CARDHOLDER) for name in SECOND_COPIES]
    for sample, name, copy in cases:
        again = copy is Copy.CARDHOLDER
        lines = lay_out(SAMPLES[sample], cells=cells, language=language, copy=copy, reprint=again)
        printer = PaperPrinter(cells)
        for chunk in encode(lines, PrinterSettings(cells=cells, cutter=True)):
            printer.receive(chunk)
        roll = printer.roll
        yield Piece("slip", str(cells), language, name, text_of(roll, cells), png_of(roll, cells, font))


def _png(pixels: bytes, width: int, height: int) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.frombytes("1", (width, height), pixels).save(out, "PNG")
    return out.getvalue()
