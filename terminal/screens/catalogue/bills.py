"""Trade bills and their reconciliation (对账)."""

from __future__ import annotations

from typing import ClassVar

from terminal.model import Money
from terminal.screens.catalogue.parts import fault, hinted
from terminal.screens.layout import Layout, Listing, Mark, Notice
from terminal.screens.values import value
from terminal.strings import Words


@value
class BillFailed:
    """There is no bill of this day (MMDD); `reason` in room "bill" (not_yet: not published), or a fault of the link."""

    name: ClassVar[str] = "bill_failed"
    wallet: str
    day: str
    reason: str
    code: str

    def lay(self, words: Words) -> Layout:
        waits = self.reason == "not_yet"
        return Notice(
            _bill(words, self.wallet, self.day),
            headline=fault(words, "bill", self.reason),
            corner=self.code,
            mark=Mark.WAIT if waits else Mark.CAUTION,
            hint=hinted(words, "back", "retry"),
        )


@value
class Reconciled:
    """`matched` rows, and of each kind of difference how many: (finding in room "found", count)."""

    name: ClassVar[str] = "reconciled"
    wallet: str
    day: str
    matched: int
    differences: tuple[tuple[str, int], ...]

    def lay(self, words: Words) -> Layout:
        found = " ".join(words.say(f"found.{name}", count=count) for name, count in self.differences)
        said = "reconciled.differ" if found else "reconciled.matched"
        return Notice(
            _bill(words, self.wallet, self.day),
            headline=words.say(said, matched=self.matched, count=sum(count for _, count in self.differences)),
            lines=(found or words["reconciled.none"],),
            mark=Mark.CAUTION if found else Mark.DONE,
            hint=hinted(words, "", "continue"),
        )


@value
class BillDifference:
    """Difference `number` of `count`. `order_no`: a voucher number, or the end of an order's that is none of ours.

    `ours` and `bill` are amounts, or fees where the fee differs; None: there is none on that side.
    """

    name: ClassVar[str] = "bill_difference"
    finding: str
    number: int
    count: int
    order_no: str
    ours: Money | None
    bill: Money | None

    def lay(self, words: Words) -> Layout:
        of_fees = self.finding == "fee"
        rows = tuple(
            (words[f"difference.{label}"], str(amount) if amount is not None else words["difference.none"], "")
            for label, amount in (("due" if of_fees else "ours", self.ours), ("fee" if of_fees else "bill", self.bill))
        )
        number = (words["difference.number"], self.order_no, "")
        page = words.say("page", page=self.number, pages=self.count)
        return Listing(f"{words.about('finding', self.finding)} {page}", (number, *rows))


def _bill(words: Words, wallet: str, day: str) -> str:
    return words.say("reconciled.title", wallet=words.about("wallet", wallet), day=day)
