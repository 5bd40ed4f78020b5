"""What a screen consists of, before anybody knows the panel: a handful of layouts for all screens.

A screen's `lay(words)` answers one of these, in words; `place` arranges it on any panel and `render`
draws it. There is no drawing code for a single screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """The little picture beside a notice."""

    NONE = ""
    CARD = "card"
    DONE = "done"
    FAILED = "failed"
    CAUTION = "caution"
    WAIT = "wait"
    PAPER = "paper"
    PHONE = "phone"
    LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Hint:
    """The foot of a screen: what the red key (left) and the green key (right) do."""

    left: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A title bar, an amount drawn as large as it fits, or a headline, then small lines, then the hint.

    Every text wraps; on a small panel the last of `lines` give way first (cut by "…"), the amount never does.
    """

    title: str
    amount: str = ""
    headline: str = ""
    lines: tuple[str, ...] = ()
    corner: str = ""
    mark: Mark = Mark.NONE
    hint: Hint = Hint()


@dataclass(frozen=True, slots=True)
class Entry:
    """Something is being typed: a label, the value as large as it fits (its end stays in sight), a note.

    An `amount` above what is typed is drawn as large as it fits. `figures_first`: the value is money, which fills
    from the right without a cursor. Where either has company, a low panel leaves the hint out to draw it large.

    `masked` draws that many dots and `value` is then empty: a password or a PIN never reaches a layout.
    """

    title: str
    value: str = ""
    masked: int | None = None
    label: str = ""
    note: str = ""
    amount: str = ""
    figures_first: bool = False
    corner: str = ""
    hint: Hint = Hint()


@dataclass(frozen=True, slots=True)
class MenuList:
    """Items under a title, one of them chosen; the window follows the choice."""

    title: str
    items: tuple[str, ...]
    selected: int
    corner: str = ""


@dataclass(frozen=True, slots=True)
class Checks:
    """Names with a tick or a cross."""

    title: str
    checks: tuple[tuple[str, bool], ...]
    corner: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of rows in columns (the last two stand right); a row too wide loses its first column."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    corner: str = ""
    footer: tuple[str, str] = ("", "")
    empty: str = ""


@dataclass(frozen=True, slots=True)
class QrLayout:
    """A code to scan, dark on lit ground, with the amount beside or beneath it."""

    payload: str
    amount: str
    caption: str
    corner: str
    hint: Hint
    too_big: str


Layout = Notice | Entry | MenuList | Checks | Listing | QrLayout
