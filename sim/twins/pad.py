"""The signature pad in-process: signing is a call."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.ports import DeviceError

Strokes = Sequence[Sequence[tuple[int, int]]]


class TwinSignaturePad:
    """The SignaturePad port. `sign` is what a cardholder does; with `broken` every call fails."""

    def __init__(self) -> None:
        self.broken = False
        self._strokes: Strokes | None = None

    def sign(self, strokes: Strokes) -> None:
        self._strokes = strokes

    def clear(self) -> None:
        self._works()
        self._strokes = None

    def strokes(self) -> Strokes | None:
        self._works()
        return self._strokes

    def _works(self) -> None:
        if self.broken:
            raise DeviceError("pad", "it does not answer: look at its cable")
