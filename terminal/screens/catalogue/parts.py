"""What the screens of all subjects are made of: a reason in words, a hint, a numbered list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Protocol

from terminal.screens.layout import Hint, Layout
from terminal.strings import Words

TALL_PANEL_PX = 96  # From here on a panel has room for a footer under a list.


class Screen(Protocol):
    """What can be drawn."""

    name: ClassVar[str]

    def lay(self, words: Words) -> Layout:
        """The screen in words. Raises UnknownPhrase."""
        ...


CORNER_CHARACTERS = 7  # Beside a title on the narrowest panel.


def rows_a_page(height: int) -> int:
    """How many rows of Today a panel of that height (pixels) shows at once."""
    return height // 16 - (2 if height >= TALL_PANEL_PX else 1)


def numbered(items: Iterable[str]) -> tuple[str, ...]:
    """With the digit that takes an item at once."""
    return tuple(f"{n} {item}" if n <= 9 else item for n, item in enumerate(items, 1))


def fault(words: Words, room: str, reason: str) -> str:
    """A reason of the screen's own room, or one of the faults of the host link that several screens share."""
    return words.about(room if f"{room}.{reason}" in words else "fault", reason)


def sentence(words: Words, text: str) -> str:
    """What the host's answer says, as a sentence begins."""
    said = words.phrase(text)
    return said[:1].upper() + said[1:]


def hinted(words: Words, left: str, right: str) -> Hint:
    return Hint(words[f"hint.{left}"] if left else "", words[f"hint.{right}"] if right else "")
