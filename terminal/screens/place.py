"""Where everything of a layout goes on a panel of a given size: boxes, and what stands in each.

The rules, each a test over all screens, languages and panels: a text never leaves its box; it wraps, or its end is
replaced by "…" (of what is typed, its beginning is: the end is where the next digit appears); an amount is never
shortened, it is drawn smaller. Boxes of texts never overlap. A line is 16 pixels: a 128 x 64 panel has four.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.ports import Align
from terminal.screens.font import LINE_PX, Font, Scale
from terminal.screens.icons import ICON_PX
from terminal.screens.layout import Checks, Entry, Hint, Layout, Listing, Mark, MenuList, Notice, QrLayout
from terminal.screens.qr import code_area, qr_fits
from terminal.screens.wrap import cut, cut_start, fit_scale, wrap

BAR_PAD_PX = 2
GAP_PX = 4
SCROLL_PX = 3
TALL_BODY_PX = 72  # A body this high has its picture above the words, a lower one beside them.


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels from the top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text in its box, centred from top to bottom; on a filled ground it is dark on lit."""

    box: Box
    text: str
    scale: Scale = Scale.SMALL
    align: Align = Align.LEFT


@dataclass(frozen=True, slots=True)
class Fill:
    """A lit rectangle; placed before the texts on it."""

    box: Box


@dataclass(frozen=True, slots=True)
class Icon:
    box: Box
    mark: Mark
    times: int


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code: the whole box is lit ground, the modules stand in its middle."""

    box: Box
    payload: str
    module_px: int


@dataclass(frozen=True, slots=True)
class Clear:
    """A dark rectangle; placed after what it cuts off."""

    box: Box


Item = Line | Fill | Icon | Code | Clear


def place(layout: Layout, width: int, height: int, font: Font) -> tuple[Item, ...]:
    """Arrange a layout on a panel of `width` x `height` pixels."""
    panel = Box(0, 0, width, height)
    match layout:
        case Notice():
            return tuple(_notice(layout, panel, font))
        case Entry():
            return tuple(_entry(layout, panel, font))
        case MenuList():
            return tuple(_menu(layout, panel, font))
        case Checks():
            return tuple(_checks(layout, panel, font))
        case Listing():
            return tuple(_listing(layout, panel, font))
        case QrLayout():
            return tuple(_code(layout, panel, font))


def _bar(title: str, corner: str, panel: Box, font: Font) -> tuple[list[Item], Box]:
    """The lit bar at the top with its title and corner, and what is left of the panel beneath it."""
    if not title and not corner:
        return [], panel
    items: list[Item] = [Fill(Box(panel.x, panel.y, panel.width, LINE_PX))]
    room = panel.width - 2 * BAR_PAD_PX
    taken = font.width(corner)
    if title and taken:
        room_left = room - taken - GAP_PX
        # Half a word says less than none: under three letters the title leaves the bar to the corner.
        title = cut(title, room_left, font) if room_left >= 3 * LINE_PX // 2 else ""
    if title:
        title = cut(title, room, font)
        box = Box(panel.x + BAR_PAD_PX, panel.y, room - taken, LINE_PX)
        items.append(Line(box, title))
    if corner:
        box = Box(panel.x + panel.width - BAR_PAD_PX - min(taken, room), panel.y, min(taken, room), LINE_PX)
        items.append(Line(box, cut(corner, room, font), align=Align.RIGHT))
    return items, Box(panel.x, panel.y + LINE_PX, panel.width, panel.height - LINE_PX)


def _foot(hint: Hint, body: Box, font: Font, *, rule: bool = True) -> tuple[list[Item], Box]:
    """The hint at the bottom (a thin rule above it where there is room), and what is left above it."""
    if not hint.left and not hint.right:
        return [], body
    y = body.y + body.height - LINE_PX
    # What the green key does is never cut: of two that do not fit, the left one gives way.
    left_px = min(font.width(hint.left), max(0, body.width - font.width(hint.right)))
    items: list[Item] = []
    if left_px:
        items.append(Line(Box(body.x, y, left_px, LINE_PX), cut(hint.left, left_px, font)))
    if hint.right:
        right_px = min(font.width(hint.right), body.width - left_px)
        box = Box(body.x + body.width - right_px, y, right_px, LINE_PX)
        items.append(Line(box, cut(hint.right, right_px, font), align=Align.RIGHT))
    rest = Box(body.x, body.y, body.width, body.height - LINE_PX)
    if rule and rest.height >= TALL_BODY_PX:
        items.append(Fill(Box(body.x, y - 2, body.width, 1)))
        rest = Box(body.x, body.y, body.width, rest.height - 3)
    return items, rest


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines of one scale that belong together."""

    lines: tuple[str, ...]
    scale: Scale

    @property
    def height(self) -> int:
        return len(self.lines) * LINE_PX * self.scale.value[1]

    def width(self, font: Font) -> int:
        return max((font.width(line, self.scale) for line in self.lines), default=0)

    def placed(self, box: Box, align: Align) -> Iterable[Line]:
        step = LINE_PX * self.scale.value[1]
        for at, line in enumerate(self.lines):
            yield Line(Box(box.x, box.y + at * step, box.width, step), line, self.scale, align)


def _headline(text: str, width: int, height: int, font: Font) -> _Block:
    """As large as it goes: doubled on one line, else wrapped; cut by "…" only if nothing else helps."""
    if height >= 2 * LINE_PX and font.width(text, Scale.LARGE) <= width:
        return _Block((text,), Scale.LARGE)
    return _Block(wrap(text, width, max(1, height // LINE_PX), font), Scale.SMALL)


def _amount(text: str, width: int, height: int, font: Font) -> _Block:
    scale = fit_scale(text, width, height, font)
    if scale is None:  # Narrower than any panel we know; still every digit is shown.
        return _Block(wrap(text, width, height // LINE_PX, font), Scale.SMALL)
    return _Block((text,), scale)


def _notice(notice: Notice, panel: Box, font: Font) -> Iterable[Item]:
    bar, body = _bar(notice.title, notice.corner, panel, font)
    foot, body = _foot(notice.hint, body, font)
    yield from bar
    yield from foot
    if notice.amount or notice.mark is Mark.NONE or body.height >= TALL_BODY_PX:
        yield from _column(notice, body, font)
    else:
        yield from _beside(notice, body, font)


def _beside(notice: Notice, body: Box, font: Font) -> Iterable[Item]:
    """The picture left, the words right of it, both in the middle; no picture if the words need its room."""
    room = body.width - ICON_PX - GAP_PX
    # Under a bar, doubled words beside a picture need air; a panel of their own they may fill.
    large_px = room - 3 * GAP_PX if notice.title else room
    if font.width(notice.headline, Scale.LARGE) > large_px:
        block = _Block(wrap(notice.headline, room, body.height // LINE_PX, font), Scale.SMALL)
    else:
        block = _headline(notice.headline, room, body.height, font)
    if block.lines and block.lines[-1].endswith("…"):
        block = _headline(notice.headline, body.width, body.height, font)
        yield from block.placed(_middle(body, body.width, block.height), Align.CENTRE)
        return
    words_px = block.width(font)
    gap = min(2 * GAP_PX, room - words_px + GAP_PX)
    left = body.x + (body.width - ICON_PX - gap - words_px) // 2
    top = body.y + (body.height - ICON_PX) // 2
    yield Icon(Box(left, top, ICON_PX, ICON_PX), notice.mark, 1)
    words = Box(left + ICON_PX + gap, body.y + (body.height - block.height) // 2, words_px, block.height)
    yield from block.placed(words, Align.LEFT)


def _column(notice: Notice, body: Box, font: Font) -> Iterable[Item]:
    """Picture (if there is room), amount or headline, then lines, one under the other, in the middle."""
    if notice.amount:
        block = _amount(notice.amount, body.width, body.height, font)
    elif notice.headline:
        block = _headline(notice.headline, body.width, body.height, font)
    else:
        block = _Block((), Scale.SMALL)
    left = (body.height - block.height) // LINE_PX
    small: list[str] = []
    for line in notice.lines:
        if len(small) < left:
            small += wrap(line, body.width, left - len(small), font)
    below = _Block(tuple(small), Scale.SMALL)
    words_px = block.height + below.height
    times = 0
    if notice.mark is not Mark.NONE:
        times = next((n for n in (2, 1) if n * ICON_PX + GAP_PX + words_px <= body.height), 0)
    icon_px = times * ICON_PX + GAP_PX if times else 0
    y = body.y + (body.height - icon_px - words_px) // 2
    if times:
        size = times * ICON_PX
        yield Icon(Box(body.x + (body.width - size) // 2, y, size, size), notice.mark, times)
    y += icon_px
    yield from block.placed(Box(body.x, y, body.width, block.height), Align.CENTRE)
    yield from below.placed(Box(body.x, y + block.height, body.width, below.height), Align.CENTRE)


def _middle(body: Box, width: int, height: int) -> Box:
    return Box(body.x + (body.width - width) // 2, body.y + (body.height - height) // 2, width, height)


def _entry(entry: Entry, panel: Box, font: Font) -> Iterable[Item]:
    hint, note, corner = entry.hint, entry.note, entry.corner
    low = panel.height < TALL_BODY_PX + 2 * LINE_PX
    if low and (entry.amount or entry.figures_first and entry.label):
        hint = Hint()
    bar_room = panel.width - 2 * BAR_PAD_PX - GAP_PX - font.width(entry.title)
    if low and note and not corner and not entry.label and font.width(note) <= bar_room:
        note, corner = "", note  # The bar has room for it, and the value gets the line.
    bar, body = _bar(entry.title, corner, panel, font)
    foot, body = _foot(hint, body, font)
    yield from bar
    yield from foot
    head, note = (entry.label, note) if entry.label else (note, "")
    if entry.figures_first and font.width(head) > body.width:
        head = head.rpartition(" ")[2]  # The word gives way to its amount.
    if head:
        line = Box(body.x, body.y, body.width, LINE_PX)
        yield Line(line, cut(head, body.width, font), align=Align.CENTRE)
        body = Box(body.x, body.y + LINE_PX, body.width, body.height - LINE_PX)
    if note and body.height >= 3 * LINE_PX:
        line = Box(body.x, body.y + body.height - LINE_PX, body.width, LINE_PX)
        yield Line(line, cut(note, body.width, font), align=Align.CENTRE)
        body = Box(body.x, body.y, body.width, body.height - LINE_PX)
    if entry.amount:
        block = _amount(entry.amount, body.width, body.height - LINE_PX, font)
        spare = max(0, body.height - block.height - 2 * LINE_PX) // 2
        yield from block.placed(Box(body.x, body.y + spare, body.width, block.height), Align.CENTRE)
        used = spare + block.height
        body = Box(body.x, body.y + used, body.width, body.height - used)
    yield from _typed(entry, body, font)


def _typed(entry: Entry, body: Box, font: Font) -> Iterable[Item]:
    shown = entry.value if entry.masked is None else "●" * entry.masked
    if not entry.figures_first:  # Money fills from the right: a cursor after it would lie.
        shown += "_"
    scale = fit_scale(shown, body.width, body.height, font)
    if scale is Scale.TALL and entry.masked is not None:
        scale = Scale.SMALL  # Stretched dots look like something else.
    if scale is None:
        shown, scale = cut_start(shown, body.width, font), Scale.SMALL
    block = _Block((shown,), scale)
    yield from block.placed(_middle(body, body.width, block.height), Align.CENTRE)


def _menu(menu: MenuList, panel: Box, font: Font) -> Iterable[Item]:
    bar, body = _bar(menu.title, menu.corner, panel, font)
    yield from bar
    shown = max(1, body.height // LINE_PX)
    first = min(max(0, menu.selected - shown + 2), max(0, len(menu.items) - shown))
    scroll = len(menu.items) > shown
    width = body.width - (SCROLL_PX + 1 if scroll else 0)
    for at, item in enumerate(menu.items[first : first + shown]):
        y = body.y + at * LINE_PX
        if first + at == menu.selected:
            yield Fill(Box(body.x, y, width, LINE_PX))
        pad = GAP_PX if font.width(item) <= width - 2 * GAP_PX else 0
        box = Box(body.x + pad, y, width - 2 * pad, LINE_PX)
        yield Line(box, cut(item, box.width, font))
        if first + at == menu.selected:
            yield Clear(Box(body.x, y, width, 1))  # Else it would run into the bar above it.
    if scroll:
        track = shown * LINE_PX
        size = max(6, track * shown // len(menu.items))
        top = body.y + (track - size) * first // (len(menu.items) - shown)
        yield Fill(Box(body.x + body.width - SCROLL_PX, top, SCROLL_PX, size))


def _checks(checks: Checks, panel: Box, font: Font) -> Iterable[Item]:
    bar, body = _bar(checks.title, checks.corner, panel, font)
    yield from bar
    rows = checks.checks
    shown = max(1, body.height // LINE_PX)
    if len(rows) > shown:  # What failed must be in sight.
        rows = tuple(sorted(rows, key=lambda row: row[1]))[:shown]
    for at, (name, passed) in enumerate(rows):
        y = body.y + at * LINE_PX
        name_px = body.width - LINE_PX - 2 * GAP_PX
        yield Line(Box(body.x + GAP_PX, y, name_px, LINE_PX), cut(name, name_px, font))
        mark = Box(body.x + body.width - LINE_PX - GAP_PX, y, LINE_PX, LINE_PX)
        yield Line(mark, "✔" if passed else "✗", align=Align.RIGHT)


def _listing(listing: Listing, panel: Box, font: Font) -> Iterable[Item]:
    label, total = listing.footer
    tall = panel.height - LINE_PX >= TALL_BODY_PX
    title = listing.title
    if not tall and font.width(title) + GAP_PX + font.width(total) > panel.width - 2 * BAR_PAD_PX:
        title = title.partition(" ")[0]  # The page number gives way to the total.
    # On a low panel the total stands in the bar, and every line is left to the rows.
    bar, body = _bar(title, listing.corner if tall else total, panel, font)
    yield from bar
    if tall and total:
        foot, body = _foot(Hint(label, total), body, font, rule=False)
        yield from foot
    if not listing.rows:
        block = _headline(listing.empty, body.width, LINE_PX, font)
        yield from block.placed(_middle(body, body.width, block.height), Align.CENTRE)
    for at, row in enumerate(listing.rows[: max(1, body.height // LINE_PX)]):
        yield from _row(row, Box(body.x, body.y + at * LINE_PX, body.width, LINE_PX), font)


def _row(row: tuple[str, ...], box: Box, font: Font) -> Iterable[Item]:
    """Columns side by side; the last two stand right. Too wide: columns leave from the left, never the amount."""
    while len(row) > 2 and sum(font.width(cell) for cell in row[:-1]) + LINE_PX > box.width:
        row = row[1:]
    *first, amount, mark = row
    right = box.x + box.width - LINE_PX
    spare = right - box.x - sum(font.width(cell) for cell in (*first, amount))
    gap = min(GAP_PX, spare // max(1, len(first)))
    x = box.x
    for cell in first:
        yield Line(Box(x, box.y, font.width(cell), LINE_PX), cell)
        x += font.width(cell) + gap
    yield Line(Box(x, box.y, right - x, LINE_PX), cut(amount, right - x, font), align=Align.RIGHT)
    yield Line(Box(right, box.y, LINE_PX, LINE_PX), mark, align=Align.RIGHT)


def _code(layout: QrLayout, panel: Box, font: Font) -> Iterable[Item]:
    module_px = qr_fits(layout.payload, panel.width, panel.height)
    if not module_px:
        notice = Notice(
            layout.caption,
            headline=layout.too_big,
            corner=layout.corner,
            mark=Mark.PAPER,
            hint=layout.hint,
        )
        yield from _notice(notice, panel, font)
        return
    across, down = code_area(panel.width, panel.height)
    yield Code(Box(panel.x, panel.y, across, down), layout.payload, module_px)
    if down < panel.height:
        foot = Box(panel.x, panel.y + down, panel.width, panel.height - down)
        fits = font.width(layout.amount) + font.width(layout.corner) <= foot.width
        items, _ = _foot(Hint(layout.amount, layout.corner if fits else ""), foot, font)
        yield from items
        return
    side = Box(panel.x + across + GAP_PX, panel.y, panel.width - across - GAP_PX, panel.height)
    lines = [layout.caption, *_amount(layout.amount, side.width, 2 * LINE_PX, font).lines]
    lines.append(layout.corner)
    if layout.hint.left:
        lines.append(layout.hint.left)
    room = side.height // LINE_PX
    # The amount and the countdown stay; the caption goes first, the hint next.
    if len(lines) > room:
        lines = lines[1:]
    for at, line in enumerate(lines[:room]):
        box = Box(side.x, side.y + at * LINE_PX, side.width, LINE_PX)
        yield Line(box, cut(line, side.width, font), align=Align.CENTRE)
