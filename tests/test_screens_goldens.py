"""How every screen looks: a hash a screen, and contact sheets for human eyes. They change only by `make goldens`."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable

import pytest
from conftest import GOLDENS
from PIL import Image, ImageChops
from screen_gallery import PANELS, contact_sheet, every_case, to_png

from terminal.screens.font import load_font
from terminal.screens.render import picture
from terminal.strings import LANGUAGES

Golden = Callable[[str, bytes], None]


def test_every_screen_looks_as_it_did(golden: Golden) -> None:
    font = load_font()
    hashes: dict[str, dict[str, str]] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for screen, language, width, height in every_case():
        sheet = f"{width}x{height} {language}"
        seen[sheet, screen.name] += 1
        pixels = picture(screen, language, font).pixels(width, height)
        name = f"{screen.name} {seen[sheet, screen.name]}"
        hashes.setdefault(sheet, {})[name] = hashlib.sha256(pixels).hexdigest()[:16]
    golden("screens/hashes.json", (json.dumps(hashes, indent=1) + "\n").encode())


@pytest.mark.parametrize(("width", "height"), PANELS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_contact_sheets_show_what_is_drawn(
    golden: Golden, request: pytest.FixtureRequest, language: str, width: int, height: int
) -> None:
    """By pixels, not by bytes: how a PNG is packed differs between builds of Pillow."""
    name = f"screens/{width}x{height}-{language}.png"
    sheet = contact_sheet(language, width, height, load_font())
    if request.config.getoption("--record-goldens"):
        golden(name, to_png(sheet))
        return
    path = GOLDENS / name
    assert path.exists(), f"no golden {name}: run make goldens and look at it"
    kept = Image.open(io.BytesIO(path.read_bytes())).convert("1")
    same = kept.size == sheet.size and ImageChops.logical_xor(kept, sheet).getbbox() is None
    if not same:
        golden(name, to_png(sheet))  # Keeps what was seen and fails with its path.
