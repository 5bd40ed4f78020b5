"""A page of paper while it is being laid out: its lines so far, and the few ways to add one.

Spec: host-link digest §10.
"""

from __future__ import annotations

import datetime

from drivers.ports import Align, PaperLine, Text
from terminal.model import Money
from terminal.receipts.lines import cells_of, two_columns, wrap
from terminal.receipts.parts import Head
from terminal.receipts.words import PHRASES


class Page:
    """The lines so far, and the few ways to add one."""

    def __init__(self, cells: int, *, chinese: bool) -> None:
        self.cells = cells
        self.chinese = chinese
        self.lines: list[PaperLine] = []

    def word(self, pair: tuple[str, str], between: str = "/") -> str:
        """Chinese with its English behind it, or the English alone."""
        return f"{pair[0]}{between}{pair[1]}" if self.chinese else pair[1]

    def label(self, key: str) -> str:
        chinese, english = PHRASES[key]
        return f"{chinese}({english}):" if self.chinese else f"{english}:"

    def text(self, text: str, *, align: Align = Align.LEFT, bold: bool = False, large: bool = False) -> None:
        for line in wrap(text, self.cells // 2 if large else self.cells):
            self.lines.append(Text(line, align, bold, large))

    def title(self, key: str) -> None:
        chinese, english = PHRASES[key]
        if self.chinese:
            self.text(chinese, align=Align.CENTRE, bold=True, large=True)
            self.text(english, align=Align.CENTRE)
        else:
            self.text(english, align=Align.CENTRE, bold=True, large=True)

    def say(self, key: str, *, before: str = "", after: str = "", bold: bool = False) -> None:
        """A centred phrase: in one line where both languages fit, else the English on its own."""
        chinese, english = PHRASES[key]
        both = f"{before}{chinese} {english}{after}"
        if not self.chinese:
            parts = [f"{before}{english}{after}"]
        elif cells_of(both) <= self.cells:
            parts = [both]
        else:
            parts = [f"{before}{chinese}{after}", f"{before}{english}{after}"]
        for part in parts:
            self.text(part, align=Align.CENTRE, bold=bold)

    def sentence(self, pair: tuple[str, str], *, bold: bool = False) -> None:
        """Too long to stand side by side: the Chinese, and below it the English."""
        if self.chinese:
            self.text(pair[0], bold=bold)
        self.text(pair[1], bold=bold)

    def rule(self) -> None:
        self.lines.append(Text("-" * self.cells))

    def pair(self, key: str, value: str, *, bold: bool = False) -> None:
        """A label and its value; an empty value leaves both away."""
        if value:
            self.row(self.label(key), value, bold=bold)

    def row(self, left: str, right: str, *, bold: bool = False) -> None:
        for line in two_columns(left, right, self.cells):
            self.lines.append(Text(line, bold=bold))

    def amount(self, key: str, amount: Money) -> None:
        self.text(self.label(key))
        self.text(f"RMB {amount}", align=Align.RIGHT, bold=True, large=True)

    def packed(self, items: list[str]) -> None:
        """Items side by side while they fit: the block nobody reads until there is a dispute."""
        line = ""
        for item in items:
            joined = f"{line}  {item}" if line else item
            if cells_of(joined) <= self.cells:
                line = joined
                continue
            if line:
                self.text(line)
            line = item
        if line:
            self.text(line)


def head(page: Page, head: Head) -> None:
    page.rule()
    page.pair("merchant_name", head.merchant_name, bold=True)
    page.pair("merchant_no", head.merchant_no)
    page.pair("terminal_no", head.terminal_no)
    page.pair("operator", head.operator)


def when(head: Head) -> str:
    return datetime.datetime.fromisoformat(head.at).strftime("%Y/%m/%d %H:%M:%S")
