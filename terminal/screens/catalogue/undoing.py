"""Reversals, and what undoes or completes an earlier transaction."""

from __future__ import annotations

from typing import ClassVar

from terminal.model import Money
from terminal.screens.catalogue.parts import hinted
from terminal.screens.layout import Hint, Layout, Mark, Notice
from terminal.screens.values import value
from terminal.strings import Words


@value
class Reversing:
    name: ClassVar[str] = "reversing"
    amount: Money

    def lay(self, words: Words) -> Layout:
        lines = (words["reversing.text"],)
        return Notice(words["reversing.title"], amount=words.money(self.amount), lines=lines, mark=Mark.WAIT)


@value
class ReversalPending:
    """`code` is an answer that says nothing for certain (field 39), or "" without any."""

    name: ClassVar[str] = "reversal_pending"
    count: int
    code: str

    def lay(self, words: Words) -> Layout:
        text = words.say("reversal_pending.text", count=self.count)
        hint = hinted(words, "", "ok")
        return Notice(
            words["reversal_pending.title"], headline=text, corner=self.code, mark=Mark.CAUTION, hint=hint
        )


@value
class ReversalDone:
    name: ClassVar[str] = "reversal_done"
    amount: Money

    def lay(self, words: Words) -> Layout:
        lines = (words["reversal_done.text"],)
        return Notice(words["reversal_done.title"], amount=words.money(self.amount), lines=lines, mark=Mark.DONE)


@value
class Original:
    """What was found under a voucher number: is it this one? `kind` in room "kind_name"; the number is masked."""

    name: ClassVar[str] = "original"
    kind: str
    amount: Money
    masked_pan: str
    voucher_no: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words.about("kind_name", self.kind),
            amount=words.money(self.amount),
            lines=(self.masked_pan[-8:],),  # The whole of it is wider than the smallest panel.
            corner=self.voucher_no,
            hint=hinted(words, "no", "yes"),
        )


@value
class OutcomeUnknown:
    """A request that may not be repeated went unanswered; `code` as in ReversalPending."""

    name: ClassVar[str] = "outcome_unknown"
    amount: Money
    code: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["outcome_unknown.title"],
            amount=words.money(self.amount),
            lines=(words["outcome_unknown.text"],),
            mark=Mark.CAUTION,
            hint=Hint(self.code, words["hint.ok"]),
        )
