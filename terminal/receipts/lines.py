"""Cells: how wide a text is on a receipt printer, and how it is broken into lines.

Theory: the printer has two fonts. ASCII goes out one byte and one cell (12 dots) a character;
everything else goes out in GBK's two (or GB18030's four) bytes and is drawn by the Chinese font two
cells (24 dots) wide. That holds for characters Unicode calls narrow or ambiguous too ("·", "…",
"α"): what counts is the code page, not Unicode.
"""

from __future__ import annotations

CLOSING = frozenset("，。、；：！？）」』》”’,.;:!?)")  # Never at the head of a line (GB/T 15834).


def cells_of(text: str) -> int:
    """Half-width cells of a text.

    >>> cells_of("金额 AMT")
    8
    """
    return len(text) if text.isascii() else 2 * len(text) - sum(map(str.isascii, text))


def wrap(text: str, cells: int) -> tuple[str, ...]:
    """The text in lines of at most `cells` cells, at least one line.

    Broken at spaces and between hanzi, inside a word only if it must be.

    >>> wrap("ABC 持卡人存根", 8)
    ('ABC 持卡', '人存根')
    """
    if cells < 2:
        raise ValueError("a line holds one full-width character at least")
    if cells_of(text) <= cells:
        return (text.rstrip(),)
    lines: list[str] = []
    line = ""
    for word in _words(text):
        if cells_of(line + word.rstrip()) <= cells:
            line += word
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = word.lstrip()
        while cells_of(line.rstrip()) > cells:
            fit = _longest(line, cells)
            lines.append(line[:fit])
            line = line[fit:]
    if line.strip() or not lines:
        lines.append(line.rstrip())
    return tuple(lines)


def two_columns(left: str, right: str, cells: int) -> tuple[str, ...]:
    """`left` at the left edge and `right` at the right one; on lines of their own where they do not fit.

    >>> two_columns("TSI:", "E800", 10)
    ('TSI:  E800',)
    """
    space = cells - cells_of(left) - cells_of(right)
    if space >= 1:
        return (left + " " * space + right,)
    rights = tuple(" " * (cells - cells_of(line)) + line for line in wrap(right, cells))
    return (*wrap(left, cells), *rights)


def columns(texts: tuple[str, ...], widths: tuple[int, ...]) -> str:
    """A table's row: the first column at its left edge, the others at their right edges; too long is cut."""
    row = ""
    for number, (text, width) in enumerate(zip(texts, widths, strict=True)):
        text = text[: _longest(text, width)]
        pad = " " * (width - cells_of(text))
        row += text + pad if number == 0 else pad + text
    return row


def _words(text: str) -> list[str]:
    """Pieces a line may be broken after: a hanzi, or a run of ASCII with the spaces that follow it."""
    words: list[str] = []
    ends_word = True
    for character in text:
        if character == " " and words:
            words[-1] += character
            ends_word = True
        elif character.isascii() and not ends_word or character in CLOSING and words:
            words[-1] += character
        else:
            words.append(character)
            ends_word = not character.isascii()
    return words


def _longest(text: str, cells: int) -> int:
    """How many characters from the start fit into `cells`."""
    used = 0
    for number, character in enumerate(text):
        used += cells_of(character)
        if used > cells:
            return number
    return len(text)
