"""A gallery kept in a file, and two of them compared: by what is seen, not by how a PNG was packed."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.gallery.pieces import Piece

if TYPE_CHECKING:
    from PIL.Image import Image

FORMAT = 1


class BookError(Exception):
    """The file is no gallery of ours; the message says where it goes wrong."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one piece: `before` is None for a new one, `after` for one that is gone."""

    before: Piece | None
    after: Piece | None

    @property
    def word(self) -> str:
        return "new" if self.before is None else "gone" if self.after is None else "changed"

    @property
    def piece(self) -> Piece:
        piece = self.after or self.before
        if piece is None:
            raise ValueError("a change has at least one side")
        return piece


def write_book(path: Path, pieces: Iterable[Piece]) -> None:
    rows = [
        {
            "kind": piece.kind,
            "where": piece.where,
            "language": piece.language,
            "name": piece.name,
            "text": piece.text,
            "png": base64.b64encode(piece.png).decode(),
        }
        for piece in pieces
    ]
    path.write_text(json.dumps({"format": FORMAT, "pieces": rows}, ensure_ascii=False) + "\n", encoding="utf-8")


def read_book(path: Path) -> tuple[Piece, ...]:
    """The pieces of a gallery.json. Raises BookError, and OSError when there is no such file."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BookError(f"{path} is no JSON: {error}") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise BookError(f"{path} is no gallery of format {FORMAT}")
    pieces = []
    for number, row in enumerate(told.get("pieces", ())):
        try:
            words = (row["kind"], row["where"], row["language"], row["name"])
            if not all(isinstance(word, str) for word in (*words, *row["text"])):
                raise TypeError("names and lines are text")
            pieces.append(Piece(*words, tuple(row["text"]), base64.b64decode(row["png"], validate=True)))
        except (KeyError, TypeError, ValueError) as error:
            raise BookError(f"{path}: piece {number} cannot be read ({error})") from error
    return tuple(pieces)


def compare(before: Iterable[Piece], after: Iterable[Piece]) -> tuple[Change, ...]:
    """Every piece that looks different, is new or is gone; in the order of `after`, those that are gone last."""
    earlier = {piece.key: piece for piece in before}
    changes = []
    for piece in after:
        was = earlier.pop(piece.key, None)
        if was is None or _seen(was) != _seen(piece):
            changes.append(Change(was, piece))
    return (*changes, *(Change(was, None) for was in earlier.values()))


def _seen(piece: Piece) -> tuple[tuple[str, ...], str]:
    from PIL import Image

    image = Image.open(io.BytesIO(piece.png)).convert("1")
    return piece.text, hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest()


def difference(change: Change) -> bytes:
    """One over the other: what both have is grey, what is gone red, what is new green; b"" for one side alone."""
    from PIL import Image, ImageChops

    if change.before is None or change.after is None:
        return b""
    sides = [Image.open(io.BytesIO(piece.png)).convert("L") for piece in (change.before, change.after)]
    size = (max(side.width for side in sides), max(side.height for side in sides))
    # A panel's ink is what is lit, a slip's is what is burnt.
    inked = [ImageChops.invert(side) if change.piece.kind == "slip" else side for side in sides]
    was, now = (_on(size, side) for side in inked)
    both = ImageChops.darker(was, now).point(lambda value: value * 2 // 5)
    red = ImageChops.add(both, ImageChops.subtract(was, now))
    green = ImageChops.add(both, ImageChops.subtract(now, was))
    out = io.BytesIO()
    Image.merge("RGB", (red, green, both)).save(out, "PNG")
    return out.getvalue()


def _on(size: tuple[int, int], side: Image) -> Image:
    from PIL import Image as images

    sheet = images.new("L", size, 0)
    sheet.paste(side, (0, 0))
    return sheet
