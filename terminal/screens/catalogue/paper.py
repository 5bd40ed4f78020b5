"""The printer: what it is doing, and why it stands."""

from __future__ import annotations

from typing import ClassVar

from terminal.screens.catalogue.parts import hinted
from terminal.screens.layout import Layout, Mark, Notice
from terminal.screens.values import value
from terminal.strings import Words


@value
class Printing:
    """`copy` in room "copy": merchant, cardholder, settlement, self_test, reprint, qr."""

    name: ClassVar[str] = "printing"
    copy: str

    def lay(self, words: Words) -> Layout:
        return Notice(words["printing.title"], headline=words.about("copy", self.copy), mark=Mark.PAPER)


@value
class PaperStopped:
    """`state` is a value of drivers.ports.Paper (room "paper")."""

    name: ClassVar[str] = "paper_stopped"
    state: str

    def lay(self, words: Words) -> Layout:
        text = words.about("paper", self.state)
        hint = hinted(words, "cancel", "retry")
        return Notice(words["paper_stopped.title"], headline=text, mark=Mark.PAPER, hint=hint)
