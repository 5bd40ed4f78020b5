"""`make gallery`: every screen and slip is on the page, a change is told from none, and a damaged file is refused."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sim.__main__ import main
from sim.gallery.book import BookError, compare, difference, read_book, write_book
from sim.gallery.page import page_of
from sim.gallery.pieces import Piece, every_piece, how_many
from sim.slip_samples import SAMPLES
from terminal.screens.catalogue.samples import EXAMPLES
from terminal.screens.font import load_font


@pytest.fixture(scope="module")
def pieces() -> tuple[Piece, ...]:
    return tuple(every_piece(load_font()))


@pytest.mark.slow
def test_everything_is_there_once(pieces: tuple[Piece, ...]) -> None:
    keys = {piece.key for piece in pieces}
    assert len(keys) == len(pieces) == how_many()
    assert {piece.name.split()[0] for piece in pieces if piece.kind == "screen"} == {each.name for each in EXAMPLES}
    assert {piece.name for piece in pieces if piece.kind == "slip"} >= set(SAMPLES)
    page = page_of(pieces, (), "", load_font())
    assert page.count("<figure") == len(pieces)
    assert "http" not in page.replace("https://pay", "").split("<script>")[0].split("<header>")[0]


def _piece(name: str, ink: tuple[int, int] | None, text: tuple[str, ...] = ("掌柜",), kind: str = "screen") -> Piece:
    """A panel of 8 x 4, dark but for one pixel."""
    image = Image.new("1", (8, 4), 0)
    if ink:
        image.putpixel(ink, 1)
    out = io.BytesIO()
    image.save(out, "PNG")
    return Piece(kind, "8x4", "en", name, text, out.getvalue())


def test_a_change_is_what_looks_or_reads_otherwise() -> None:
    before = (_piece("same", (1, 1)), _piece("moved", (1, 1)), _piece("worded", None), _piece("gone", None))
    after = (_piece("same", (1, 1)), _piece("moved", (2, 1)), _piece("worded", None, ("柜台",)), _piece("new", None))
    changes = compare(before, after)
    assert [(change.word, change.piece.name) for change in changes] == [
        ("changed", "moved"),
        ("changed", "worded"),
        ("new", "new"),
        ("gone", "gone"),
    ]
    both = Image.open(io.BytesIO(difference(changes[0])))
    assert both.getpixel((1, 1)) == (255, 0, 0)  # What went is red, what came green.
    assert both.getpixel((2, 1)) == (0, 255, 0)
    assert difference(changes[2]) == b""


def test_how_a_png_is_packed_is_no_change() -> None:
    piece = _piece("same", (1, 1))
    packed = io.BytesIO()
    Image.open(io.BytesIO(piece.png)).save(packed, "PNG", compress_level=0)
    assert packed.getvalue() != piece.png
    assert compare((piece,), (replace(piece, png=packed.getvalue()),)) == ()


def test_a_gallery_is_read_as_it_was_written(tmp_path: Path) -> None:
    pieces = (_piece("one", (1, 1)), _piece("two", None, ("a<b>&\"", "二")))
    write_book(tmp_path / "gallery.json", pieces)
    assert read_book(tmp_path / "gallery.json") == pieces
    page = page_of(pieces, compare((), pieces), "HEAD", load_font())
    assert "a&lt;b&gt;&amp;&quot;" in page
    assert "a<b>" not in page


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no JSON"),
        ("[]", "no gallery"),
        ('{"format": 2, "pieces": []}', "no gallery"),
        ('{"format": 1, "pieces": [{"kind": "screen"}]}', "piece 0"),
        (
            '{"format": 1, "pieces": [{"kind": "s", "where": "", "language": "", "name": "", "text": [], "png": "!"}]}',
            "piece 0",
        ),
    ],
)
def test_what_is_no_gallery_is_refused_with_its_place(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "gallery.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BookError, match=reason):
        read_book(path)


@pytest.mark.slow
def test_the_command_compares_with_what_was_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["gallery", "--out", str(first), "--json"]) == 0
    kept = read_book(first / "gallery.json")
    write_book(first / "gallery.json", (replace(kept[0], text=("otherwise",)), *kept[1:]))
    capsys.readouterr()
    assert main(["gallery", "--out", str(second), "--before", str(first), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == {kept[0].key: "changed"}
    assert "之前 before" in (second / "index.html").read_text(encoding="utf-8")


def test_nothing_to_compare_with_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery", "--out", str(tmp_path), "--before", str(tmp_path / "none")]) == 2
    assert "nothing to compare with" in capsys.readouterr().err
    assert main(["gallery", "--out", str(tmp_path), "--since", "no-such-revision"]) == 2
    assert "no-such-revision" in capsys.readouterr().err
