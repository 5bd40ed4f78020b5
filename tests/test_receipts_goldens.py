"""Golden slips: each kind in each language on each paper, as text, as bytes and as a picture to look at.

The text is what stands on the paper after the bytes have been through the printer. The picture is compared dot
by dot, not byte by byte: how a PNG is packed differs from one Pillow to the next.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from conftest import GOLDENS

from drivers.escpos_encoder import PrinterSettings, encode
from sim.slip_samples import SAMPLES
from sim.wire.paper import PaperPrinter, PrintedQr
from sim.wire.roll import image_of, png_of, text_of
from terminal.receipts import Copy, lay_out
from terminal.screens.font import Font, load_font

CASES = [(name, language, cells) for name in SAMPLES for language in ("zh-CN", "en") for cells in (32, 48)]


@pytest.fixture(scope="module")
def font() -> Font:
    return load_font()


@pytest.mark.parametrize(("name", "language", "cells"), CASES)
def test_slip(
    name: str,
    language: str,
    cells: int,
    font: Font,
    golden: Callable[[str, bytes], None],
    request: pytest.FixtureRequest,
) -> None:
    from PIL import Image

    # The odd ones are the second copy, printed again: so both copies and the mark are seen without twice the files.
    second = name in ("card-pin", "cash")
    copy = Copy.CARDHOLDER if second else Copy.MERCHANT
    lines = lay_out(SAMPLES[name], cells=cells, language=language, copy=copy, reprint=second)
    data = b"".join(encode(lines, PrinterSettings(cells=cells, cutter=True)))
    printer = PaperPrinter(cells)
    printer.receive(data)
    text = text_of(printer.roll, cells)
    base = f"slips/{name}-{language}-{cells}"
    golden(f"{base}.txt", ("\n".join(text) + "\n").encode())
    golden(f"{base}.bin", data)
    missing = {c for line in text for c in line if c not in font}
    assert not missing, f"no glyph in the shipped font for {missing}"

    picture = GOLDENS / f"{base}.png"
    if request.config.getoption("--record-goldens"):
        picture.write_bytes(png_of(printer.roll, cells, font))
    seen = image_of(printer.roll, cells, font)
    kept = Image.open(io.BytesIO(picture.read_bytes())).convert("1")
    assert (kept.size, kept.tobytes()) == (seen.size, seen.tobytes()), f"{picture.name} changed: make goldens"


@pytest.mark.parametrize("cells", [32, 48])
@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("length", [1, 42, 150, 900])
def test_a_phone_can_read_the_code_off_the_paper(cells: int, native: bool, length: int, font: Font) -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    from drivers.ports import Feed, Qr, Text

    payload = ("https://qr.example.cn/付款/" + "0123456789" * 90)[: max(length, 20)]
    settings = PrinterSettings(cells=cells, native_qr=native)
    printer = PaperPrinter(cells)
    for chunk in encode((Text("扫码"), Qr(payload), Feed(2)), settings):
        printer.receive(chunk)
    assert any(isinstance(printed, PrintedQr) for printed in printer.roll) == native
    found = zxingcpp.read_barcodes(image_of(printer.roll, cells, font).convert("L"))
    assert [each.text for each in found] == [payload]
