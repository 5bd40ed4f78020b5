"""Activation and downloads."""

from __future__ import annotations

from typing import ClassVar

from terminal.screens.catalogue.parts import fault, hinted, numbered
from terminal.screens.layout import Layout, Mark, MenuList, Notice
from terminal.screens.values import value
from terminal.strings import Words


@value
class Activating:
    name: ClassVar[str] = "activating"

    def lay(self, words: Words) -> Layout:
        return Notice(words["activation.title"], headline=words["activation.asking"], mark=Mark.WAIT)


@value
class Activated:
    """What the code was good for, to be compared with the contract."""

    name: ClassVar[str] = "activated"
    merchant_name: str
    merchant_no: str
    terminal_no: str

    def lay(self, words: Words) -> Layout:
        lines = (self.merchant_no, self.terminal_no)
        hint = hinted(words, "no", "yes")
        return Notice(words["activation.done"], headline=self.merchant_name, lines=lines, hint=hint)


@value
class ActivationFailed:
    """`reason` in room "activation" or a fault of the link; `code` is field 39, or ""."""

    name: ClassVar[str] = "activation_failed"
    reason: str
    code: str

    def lay(self, words: Words) -> Layout:
        text = fault(words, "activation", self.reason)
        hint = hinted(words, "back", "retry")
        return Notice(words["activation.failed"], headline=text, corner=self.code, mark=Mark.CAUTION, hint=hint)


@value
class Downloading:
    """`what` in room "list"; `received` entries of it have come."""

    name: ClassVar[str] = "downloading"
    what: str
    received: int

    def lay(self, words: Words) -> Layout:
        corner = str(self.received) if self.received else ""
        headline = words.about("list", self.what)
        return Notice(words["downloading.title"], headline=headline, corner=corner, mark=Mark.WAIT)


@value
class DownloadFailed:
    """`reason` in room "download" or a fault of the link; the old list stays in force, and the screen says so."""

    name: ClassVar[str] = "download_failed"
    what: str
    reason: str
    code: str

    def lay(self, words: Words) -> Layout:
        text = fault(words, "download", self.reason)
        lines = (words["download.old_stays"],)
        hint = hinted(words, "back", "retry")
        title = words.about("list", self.what)
        return Notice(title, headline=text, lines=lines, corner=self.code, mark=Mark.CAUTION, hint=hint)


@value
class Downloads:
    """What is in force and can be loaded anew: all of it, or one of `rows`, (list in room "list", entries, date or "").

    `selected` 0 is all of it. The chosen list's date stands in the corner.
    """

    name: ClassVar[str] = "downloads"
    rows: tuple[tuple[str, int, str], ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        lists = (f"{words.about('list', name)} {count}" for name, count, _ in self.rows)
        since = self.rows[self.selected - 1][2] if self.selected else ""
        items = numbered((words["downloads.all"], *lists))
        return MenuList(words["menu.downloads"], items, self.selected, corner=since)
