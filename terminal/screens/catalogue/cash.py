"""Cash: what was handed over, and the change."""

from __future__ import annotations

from typing import ClassVar

from terminal.model import Money
from terminal.screens.catalogue.parts import hinted
from terminal.screens.layout import Entry, Layout, Notice
from terminal.screens.values import value
from terminal.strings import Words


@value
class CashTendered:
    name: ClassVar[str] = "cash_tendered"
    amount: Money
    tendered: Money

    def lay(self, words: Words) -> Layout:
        return Entry(
            words["cash_tendered.title"],
            value=words.money(self.tendered),
            label=words.say("cash.due", amount=words.money(self.amount)),
            figures_first=True,
            hint=hinted(words, "cancel", "confirm"),
        )


@value
class CashChange:
    name: ClassVar[str] = "cash_change"
    amount: Money
    tendered: Money
    change: Money

    def lay(self, words: Words) -> Layout:
        lines = (
            words.say("cash.tendered", amount=words.money(self.tendered)),
            words.say("cash.due", amount=words.money(self.amount)),
        )
        return Notice(
            words["cash_change.title"],
            amount=words.money(self.change),
            lines=lines,
            hint=hinted(words, "", "continue"),
        )
