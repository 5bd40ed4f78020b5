"""Screens into pixels: one renderer for all layouts and all panels.

A canvas is one integer of width x height bits, so that a glyph is put on it with one shift and one XOR (XOR makes
dark letters on a lit bar by itself). Nothing is drawn until somebody asks for pixels: virtual days show thousands
of screens that nobody looks at.
"""

from __future__ import annotations

from terminal.screens.catalogue import Screen
from terminal.screens.font import LINE_PX, Font
from terminal.screens.icons import ICONS
from terminal.screens.layout import Checks, Entry, Layout, Listing, MenuList, Notice, QrLayout
from terminal.screens.place import Box, Clear, Code, Fill, Icon, Item, Line, place
from terminal.screens.qr import modules
from terminal.strings import Words

Size = tuple[int, int]


def picture(screen: Screen, language: str, font: Font) -> ScreenPicture:
    """The picture of a screen (a drivers.ports.Picture). Raises ValueError for an unknown language."""
    return ScreenPicture(screen.name, screen.lay(Words(language)), font)


class ScreenPicture:
    """One screen, ready to be drawn; the pixels of the last panel size asked for are kept."""

    __slots__ = ("name", "layout", "_font", "_drawn")

    def __init__(self, name: str, layout: Layout, font: Font) -> None:
        self.name = name
        self.layout = layout
        self._font = font
        self._drawn: tuple[Size, bytes] | None = None

    def text(self) -> tuple[str, ...]:
        """The words, whole, whatever a panel would cut; the chosen item of a menu begins with "> "."""
        return texts(self.layout)

    def pixels(self, width: int, height: int) -> bytes:
        """Rows from the top, most significant bit left, padded to bytes; 1 is lit."""
        if self._drawn is None or self._drawn[0] != (width, height):
            items = place(self.layout, width, height, self._font)
            self._drawn = (width, height), draw(items, width, height, self._font)
        return self._drawn[1]


def texts(layout: Layout) -> tuple[str, ...]:
    """The words of a layout, a line each, empty ones left out."""
    lines: tuple[str, ...]
    match layout:
        case Notice():
            foot = _pair(layout.hint.left, layout.hint.right)
            lines = (_pair(layout.title, layout.corner), layout.amount, layout.headline, *layout.lines, foot)
        case Entry():
            typed = layout.value if layout.masked is None else "●" * layout.masked
            foot = _pair(layout.hint.left, layout.hint.right)
            lines = (_pair(layout.title, layout.corner), layout.label, layout.amount, typed, layout.note, foot)
        case MenuList():
            chosen = (("> " if n == layout.selected else "") + item for n, item in enumerate(layout.items))
            lines = (_pair(layout.title, layout.corner), *chosen)
        case Checks():
            marks = (f"{name} {'✔' if passed else '✗'}" for name, passed in layout.checks)
            lines = (_pair(layout.title, layout.corner), *marks)
        case Listing():
            rows = (" ".join(row) for row in layout.rows)
            empty = "" if layout.rows else layout.empty
            lines = (_pair(layout.title, layout.corner), *rows, empty, _pair(*layout.footer))
        case QrLayout():
            lines = (layout.caption, layout.amount, layout.corner, layout.hint.left)
    return tuple(line for line in lines if line)


def _pair(left: str, right: str) -> str:
    return f"{left} {right}".strip()


def draw(items: tuple[Item, ...], width: int, height: int, font: Font) -> bytes:
    """Items into pixels, later ones over earlier ones. Raises ValueError for an item outside the panel."""
    canvas = _Canvas(width, height)
    for item in items:
        box = item.box
        if box.x < 0 or box.y < 0 or box.x + box.width > width or box.y + box.height > height:
            raise ValueError(f"{item!r} lies outside {width} x {height}")
        match item:
            case Line():
                _draw_line(canvas, item, font)
            case Fill():
                canvas.rectangle(box)
            case Clear():
                canvas.clear(box)
            case Icon():
                rows = ICONS[item.mark]
                bits = [int(row.replace("#", "1").replace(".", "0"), 2) for row in rows]
                canvas.put(_grown(bits, len(rows[0]), item.times), box)
            case Code():
                _draw_code(canvas, item)
    return canvas.to_bytes()


class _Canvas:
    """One integer; the pixel (x, y) is bit (height - 1 - y) * stride + (stride - 1 - x)."""

    __slots__ = ("bits", "stride", "height")

    def __init__(self, width: int, height: int) -> None:
        self.stride = -(-width // 8) * 8
        self.height = height
        self.bits = 0

    def stamp(self, shape: int, x: int, y: int, width: int, height: int) -> None:
        """XOR a shape (rows `stride` apart, last pixel at bit 0) with its top left corner at x, y."""
        self.bits ^= shape << (self.height - y - height) * self.stride + self.stride - x - width

    def rectangle(self, box: Box) -> None:
        self.put([(1 << box.width) - 1] * box.height, box)

    def clear(self, box: Box) -> None:
        kept = self.bits
        self.bits = 0
        self.rectangle(box)
        self.bits = kept & ~self.bits

    def put(self, rows: list[int], box: Box) -> None:
        shape = 0
        for row in rows:
            shape = shape << self.stride | row
        self.stamp(shape, box.x, box.y, box.width, box.height)

    def to_bytes(self) -> bytes:
        return self.bits.to_bytes(self.stride * self.height // 8, "big")


def _draw_line(canvas: _Canvas, line: Line, font: Font) -> None:
    box, scale = line.box, line.scale
    wide, high = scale.value
    spare = box.width - font.width(line.text, scale)
    if spare < 0:
        raise ValueError(f"{line!r} is wider than its box")
    x = box.x + {"left": 0, "centre": spare // 2, "right": spare}[line.align.value]
    y = box.y + (box.height - LINE_PX * high) // 2
    for character in line.text:
        width = font.glyph(character).width * wide
        canvas.stamp(font.stamp(character, canvas.stride, scale), x, y, width, LINE_PX * high)
        x += width


def _grown(rows: list[int], width: int, times: int) -> list[int]:
    """Each pixel as a square of `times` x `times`."""
    if times == 1:
        return rows
    block = (1 << times) - 1
    grown = []
    for row in rows:
        wide = sum(block << times * bit for bit in range(width) if row >> bit & 1)
        grown += [wide] * times
    return grown


def _draw_code(canvas: _Canvas, code: Code) -> None:
    found = modules(code.payload)
    side = found.size * code.module_px
    x = code.box.x + (code.box.width - side) // 2
    y = code.box.y + (code.box.height - side) // 2
    canvas.rectangle(code.box)  # Lit ground; the dark modules are then taken out of it.
    canvas.put(_grown(list(found.rows), found.size, code.module_px), Box(x, y, side, side))
