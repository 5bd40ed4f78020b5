"""A signature pad that hands its strokes on in a file.

| function | supported | remark |
|---|---|---|
| strokes of one signature | yes | JSON: a list of lines, each a list of [x, y], both 0 to 1000 |
| pressure, time | no | hosts take a picture |
| clear the pad's own glass | no | the file is removed before each signature |

Whoever serves the pad (a program of its vendor's) writes the file whole, by renaming another one over it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drivers.ports import DeviceError

SIZE_LIMIT = 262_144  # Bytes; a long signature has some 2,000 points of 12.
SPAN = 1000


class SignatureFile:
    """The SignaturePad port over a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def clear(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as fault:
            raise DeviceError("pad", f"{self._path} cannot be removed ({fault.strerror}): check its folder") from None

    def strokes(self) -> tuple[tuple[tuple[int, int], ...], ...] | None:
        try:
            with self._path.open("rb") as file:
                data = file.read(SIZE_LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise DeviceError("pad", f"{self._path} cannot be read ({fault.strerror}): check its rights") from None
        if len(data) > SIZE_LIMIT:
            raise DeviceError("pad", f"{self._path} is longer than {SIZE_LIMIT} bytes: look at the pad's program")
        try:
            return tuple(tuple(_point(point) for point in line) for line in json.loads(data) if line)
        except (ValueError, TypeError):
            raise DeviceError("pad", f"{self._path} is no list of lines of [x, y], 0 to {SPAN}") from None


def _point(point: Any) -> tuple[int, int]:
    """Raises ValueError, TypeError."""
    x, y = point
    if type(x) is not int or type(y) is not int or not (0 <= x <= SPAN and 0 <= y <= SPAN):
        raise ValueError("a point off the pad")
    return x, y
