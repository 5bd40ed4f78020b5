"""What is refused, broken or locked, and what a person does next."""

from __future__ import annotations

from typing import ClassVar

from terminal.screens.catalogue.parts import hinted
from terminal.screens.layout import Hint, Layout, Mark, Notice
from terminal.screens.values import value
from terminal.strings import Words


@value
class Problem:
    """`title` and `text` are keys or plain text."""

    name: ClassVar[str] = "problem"
    title: str
    text: str

    def lay(self, words: Words) -> Layout:
        hint = hinted(words, "", "ok")
        title = words.phrase(self.title) or words["problem.title"]
        return Notice(title, headline=words.phrase(self.text), mark=Mark.CAUTION, hint=hint)


@value
class Refused:
    """`reason` in room "refused"."""

    name: ClassVar[str] = "refused"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("refused", self.reason)
        hint = hinted(words, "", "ok")
        return Notice(words["refused.title"], headline=text, mark=Mark.CAUTION, hint=hint)


@value
class SignInDue:
    """Nothing is sold before a sign-in; `reason` in room "sign_in_due" says why."""

    name: ClassVar[str] = "sign_in_due"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("sign_in_due", self.reason)
        hint = hinted(words, "", "ok")
        return Notice(words["refused.sign_in"], headline=text, mark=Mark.CAUTION, hint=hint)


@value
class ServiceMode:
    """`reason` in room "service_mode": crashes, disk, journal, keys, self_test. Only after crashes a key goes on."""

    name: ClassVar[str] = "service_mode"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("service_mode", self.reason)
        hint = hinted(words, "", "ok" if self.reason == "crashes" else "")
        return Notice(words["service_mode.title"], headline=text, mark=Mark.CAUTION, hint=hint)


@value
class CheckClock:
    """`shown` is the terminal's own date and time, as it is to be read."""

    name: ClassVar[str] = "check_clock"
    shown: str

    def lay(self, words: Words) -> Layout:
        hint = hinted(words, "no", "yes")
        return Notice(words["check_clock.title"], headline=self.shown, hint=hint)


@value
class Locked:
    """`reason` in room "locked": tamper, files, keys-gone."""

    name: ClassVar[str] = "locked"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("locked", self.reason)
        hint = Hint(words["locked.call"], words["hint.recover"])
        return Notice(words["locked.title"], headline=text, mark=Mark.LOCK, hint=hint)
