"""The web font that is made from the terminal's own glyphs: the pixels come back out of a real font renderer."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from sim.panel.webfont import ASCENT_PIXELS, block, glyphs_of, rectangles, truetype
from terminal.screens.font import Glyph, load_font


def drawn(font: bytes, character: str) -> tuple[int, ...]:
    """The rows of one character as FreeType draws it at 16 pixels."""
    face = ImageFont.truetype(io.BytesIO(font), 16)
    image = Image.new("L", (16, 16))
    ImageDraw.Draw(image).text((0, ASCENT_PIXELS), character, font=face, fill=255, anchor="ls")
    data, rows = image.tobytes(), []
    for y in range(16):
        rows.append(sum((data[16 * y + x] > 127) << (15 - x) for x in range(16)))
    return tuple(rows)


@pytest.mark.parametrize("character", "掌柜取消清除确认一鑫，。「」！")
def test_a_glyph_is_the_terminal_s_to_the_pixel(character: str) -> None:
    font = load_font()
    if character not in font:
        pytest.fail(f"the shipped font lacks {character}")
    made = block(f"{ord(character) >> 8:02x}", glyphs_of(font))
    assert made is not None
    glyph = font.glyph(character)
    assert drawn(made, character) == tuple(row << (16 - glyph.width) for row in glyph.rows)


def test_what_is_no_block_is_none() -> None:
    glyphs = glyphs_of(load_font())
    for name in ("", "zz", "4E", "4e0", "../4e", "d8"):
        assert block(name, glyphs) is None


@given(st.lists(st.integers(0, 0xFFFF), min_size=16, max_size=16))
def test_rectangles_cover_each_lit_pixel_once_and_no_dark_one(rows: list[int]) -> None:
    covered = [[0] * 16 for _ in range(16)]
    for left, top, right, bottom in rectangles(Glyph(16, tuple(rows))):
        for y in range(top, bottom):
            for x in range(left, right):
                covered[y][x] += 1
    assert covered == [[row >> (15 - x) & 1 for x in range(16)] for row in rows]


@given(
    st.dictionaries(
        st.integers(0x4E00, 0x4EFF),
        st.lists(st.integers(0, 0xFFFF), min_size=16, max_size=16),
        min_size=1,
        max_size=4,
    )
)
def test_any_glyphs_make_a_font_that_draws_them(found: dict[int, list[int]]) -> None:
    font = truetype([(code, Glyph(16, tuple(rows))) for code, rows in sorted(found.items())])
    for code, rows in found.items():
        assert drawn(font, chr(code)) == tuple(rows)
