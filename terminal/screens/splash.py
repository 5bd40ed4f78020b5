"""The very first picture: the product's name and version, on the glass before anything else is imported.

The catalogue, its layouts and everything behind them take longer to import than the whole of Python; on a small
board the panel would stay dark for seconds, and a dark panel looks broken. So this one picture draws itself, from
the font alone, in no language in particular. The boot screen with its checks replaces it.
"""

from __future__ import annotations

from terminal.screens.font import LINE_PX, Font, Scale

NAME = "掌柜"


class Splash:
    """Meets drivers.ports.Picture."""

    def __init__(self, version: str, font: Font) -> None:
        self.name = "splash"
        self._font = font
        self._lines = ((NAME, Scale.LARGE), (f"Zhanggui {version}", Scale.SMALL))

    def text(self) -> tuple[str, ...]:
        return tuple(text for text, _ in self._lines)

    def pixels(self, width: int, height: int) -> bytes:
        """The lines in the middle of the panel. Raises ValueError for a panel that is too small for them."""
        stride = -(-width // 8) * 8
        rows = sum(LINE_PX * scale.value[1] for _, scale in self._lines)
        canvas, bottom = 0, (height + rows) // 2
        for text, scale in reversed(self._lines):
            spare = width - self._font.width(text, scale)
            if spare < 0 or rows > height:
                raise ValueError(f"a panel of {width} x {height} is too small for {text!r}")
            right = stride - spare // 2
            for character in text:
                right -= self._font.glyph(character).width * scale.value[0]
                canvas |= self._font.stamp(character, stride, scale) << (height - bottom) * stride + right
            bottom -= LINE_PX * scale.value[1]
        return canvas.to_bytes(stride * height // 8, "big")
