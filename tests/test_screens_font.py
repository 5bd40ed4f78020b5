"""Fonts: the shipped subset is whole, a configured file is used as it is, and a bad one says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from terminal.model import Money
from terminal.screens.catalogue import InsertCard
from terminal.screens.font import FontError, Glyph, Scale, load_font
from terminal.screens.make_font import GLYPH_BYTES, MAGIC, pack, wanted
from terminal.screens.render import picture

BDF_HEAD = """STARTFONT 2.1
FONT -test-test-medium-r-normal--12-120-75-75-c-80-iso10646-1
SIZE 12 75 75
FONTBOUNDINGBOX 8 12 0 -2
STARTPROPERTIES 2
FONT_ASCENT 10
FONT_DESCENT 2
ENDPROPERTIES
"""


def test_the_shipped_font_has_gb2312_and_what_screens_need() -> None:
    font = load_font()
    assert all(chr(point) in font for point in wanted())
    assert sum(1 for point in wanted() if 0x4E00 <= point <= 0x9FFF) == 6763
    assert all(character in font for character in "¥￥✓✔✗→│●▲▼，。？éü")
    assert (font.width("ab"), font.width("请插卡"), font.width("¥1", Scale.LARGE)) == (16, 48, 32)
    assert font.width("ab", Scale.TALL) == 16


def test_a_missing_glyph_is_a_box_of_the_right_width() -> None:
    font = load_font()
    assert "\U0001f600" not in font
    assert font.glyph("\U0001f600").width == 16
    assert font.glyph("\u0301").width == 8
    assert any(font.glyph("\U0001f600").rows)


def test_enlarging_keeps_the_shape_and_fills_no_gap() -> None:
    square = Glyph(8, (0xFF, *(0x81,) * 14, 0xFF))
    large = square.scaled(Scale.LARGE)
    assert (large.width, len(large.rows)) == (16, 32)
    assert large.rows[15] == 0xC003
    tall = square.scaled(Scale.TALL)
    assert (tall.width, tall.rows[:3]) == (8, (0xFF, 0xFF, 0x81))
    empty = Glyph(8, (0,) * 16)
    assert not any(empty.scaled(Scale.LARGE).rows)


def test_packing_sorts_and_pads() -> None:
    packed = pack("8BF7:" + "ABCD" * 16 + "\n0041:" + "18" * 16 + "\n1F600:" + "00" * 16 + "\n")
    assert packed[:8] == MAGIC + (2).to_bytes(4, "little")
    assert packed[8:12] == b"\x41\x00\xf7\x8b"
    assert packed[12:14] == b"\x08\x10"
    assert packed[14:] == b"\x18" * 16 + bytes(16) + b"\xab\xcd" * 16
    assert len(packed) == 14 + 2 * GLYPH_BYTES
    with pytest.raises(ValueError, match="U\\+0041"):
        pack("0041:1818\n")


def test_a_configured_bitmap_font_is_drawn_and_its_gaps_are_reported(tmp_path: Path) -> None:
    glyphs = ""
    for character in "InsertcadCl":
        rows = "\n".join(["FE"] + ["82"] * 8 + ["FE"])
        glyphs += (
            f"STARTCHAR u{ord(character):04X}\nENCODING {ord(character)}\nSWIDTH 500 0\nDWIDTH 8 0\n"
            f"BBX 8 10 0 0\nBITMAP\n{rows}\nENDCHAR\n"
        )
    space = "STARTCHAR space\nENCODING 32\nSWIDTH 500 0\nDWIDTH 8 0\nBBX 8 1 0 0\nBITMAP\n00\nENDCHAR\n"
    path = tmp_path / "small.bdf"
    path.write_text(f"{BDF_HEAD}CHARS 12\n{space}{glyphs}ENDFONT\n", "ascii")
    font = load_font(path)
    assert font.name == "small.bdf"
    assert "I" in font and "X" not in font
    assert font.glyph("I").width == 8
    screen = InsertCard(Money(100), swipe=False, kind="sale")
    assert {c for c in "".join(picture(screen, "en", font).text()) if c not in font} == set("¥1.0✗")
    assert len(picture(screen, "en", font).pixels(128, 64)) == 1024


def test_a_bad_font_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FontError, match="there is no file"):
        load_font(tmp_path / "none.pcf")
    bad = tmp_path / "bad.pcf"
    bad.write_bytes(b"no font at all")
    with pytest.raises(FontError, match="bad.pcf"):
        load_font(bad)
