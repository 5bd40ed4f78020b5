"""The idle screen, menus, lists, settlement."""

from __future__ import annotations

from typing import ClassVar

from terminal.model import Mode, Money
from terminal.screens.catalogue.parts import fault, hinted, numbered, sentence
from terminal.screens.layout import Hint, Layout, Listing, Mark, MenuList, Notice
from terminal.screens.values import value
from terminal.strings import Words


@value
class TodayRow:
    """`time` "14:05"; `kind` a Method's value (room "kind"); `state` a PaymentState's (room "state")."""

    time: str
    kind: str
    amount: Money
    state: str


@value
class Today:
    """`rows` of this page only (see `rows_a_page`); `page` counts from 1; `total` is the whole day's."""

    name: ClassVar[str] = "today"
    rows: tuple[TodayRow, ...]
    page: int
    pages: int
    total: Money

    def lay(self, words: Words) -> Layout:
        rows = tuple(
            (row.time, words.about("kind", row.kind), str(row.amount), words.about("state", row.state))
            for row in self.rows
        )
        title = words["today.title"]
        if self.pages > 1:
            title += " " + words.say("page", page=self.page, pages=self.pages)
        footer = (words["total"], words.money(self.total))
        return Listing(title, rows, footer=footer, empty=words["today.none"])


@value
class PickPayment:
    """One of today's payments is to be chosen: `rows` are (time "14:05", amount), newest first."""

    name: ClassVar[str] = "pick_payment"
    rows: tuple[tuple[str, Money], ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        items = tuple(f"{time} {amount}" for time, amount in self.rows)
        corner = f"{self.selected + 1}/{len(items)}"
        return MenuList(words["today.title"], items, self.selected, corner=corner)


@value
class ConfirmSettlement:
    name: ClassVar[str] = "confirm_settlement"
    count: int
    total: Money

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["confirm_settlement.title"],
            amount=words.money(self.total),
            corner=words.say("items", count=self.count),
            hint=hinted(words, "cancel", "settle"),
        )


@value
class Settling:
    """`step` in room "step": recover, reversals, notices, totals, upload, print, close, finish."""

    name: ClassVar[str] = "settling"
    step: str

    def lay(self, words: Words) -> Layout:
        return Notice(words["settling.title"], headline=words.about("step", self.step), mark=Mark.WAIT)


@value
class OfferParking:
    """What the host does not end, a reversal or an order: may work go on without it? A supervisor has to agree."""

    name: ClassVar[str] = "offer_parking"
    amount: Money
    voucher_no: str

    def lay(self, words: Words) -> Layout:
        lines = (words.say("offer_parking.voucher", voucher=self.voucher_no),)
        hint = hinted(words, "no", "yes")
        return Notice(
            words["offer_parking.title"], amount=words.money(self.amount), lines=lines, mark=Mark.CAUTION, hint=hint
        )


@value
class LineAnswer:
    """How the host has answered a sign-out, an echo or a cashier's sign-in (`what`, a word of the menu).

    `reason` in room "line" or "fault", "" when the host has answered; `code` is its no, with its words in `text` and
    the next step in room "next", or all three are "".
    """

    name: ClassVar[str] = "line_answer"
    what: str
    reason: str
    code: str
    text: str
    then: str

    def lay(self, words: Words) -> Layout:
        text = fault(words, "line", self.reason) if self.reason else words["line.good"]
        if self.text:
            text = sentence(words, self.text)
        mark = Mark.FAILED if self.reason or self.code else Mark.DONE
        hint = Hint(words.about("next", self.then) if self.then else "", words["hint.ok"])
        return Notice(words.about("menu", self.what), headline=text, corner=self.code, mark=mark, hint=hint)


@value
class HostWay:
    """One of the ways to the host: UP and DOWN turn to the others. `state` in room "way"."""

    name: ClassVar[str] = "host_way"
    number: int
    count: int
    address: str
    state: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words.say("host_way.title", number=self.number, count=self.count),
            headline=self.address,
            corner=words.about("way", self.state),
            hint=Hint("▲▼" if self.count > 1 else "", words["hint.ok"]),
        )


@value
class Settled:
    name: ClassVar[str] = "settled"
    balanced: bool
    count: int
    total: Money

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["settled.balanced" if self.balanced else "settled.unbalanced"],
            amount=words.money(self.total),
            corner=words.say("items", count=self.count),
            mark=Mark.DONE if self.balanced else Mark.CAUTION,
            hint=hinted(words, "", "ok"),
        )


@value
class Received:
    """What came over the shop's printed code: `wallet` as the host names it."""

    wallet: str
    amount: Money


@value
class Idle:
    """`clock` as it is to be read ("14:05"); `pending` reversals that wait for the host.

    `due` in room "idle": what the merchant will have to see to soon ("paper_low", "nearly_full"); "" for nothing.
    `news` in room "news": what was done behind this screen and nobody has read yet; "" for nothing. Money that was
    received stands in the clock's place until somebody has read it.
    """

    name: ClassVar[str] = "idle"
    mode: Mode
    clock: str
    pending: int
    due: str
    news: str | Received

    def lay(self, words: Words) -> Layout:
        left, right = {
            Mode.SIGNED_IN: ("idle.sell", "hint.menu"),
            Mode.KEYED: ("idle.menu", "hint.sign_in"),
            Mode.SETTLING: ("idle.menu", "hint.settle"),
            Mode.BLANK: ("", "hint.set_up"),
            Mode.LOCKED: ("idle.service", ""),
        }[self.mode]
        told = words[f"idle.{self.due}"] if self.due else ""
        headline = self.clock
        if isinstance(self.news, Received):
            headline = _received(words, self.news)
            told, right = words["news.receipt"], "hint.read"
        elif self.news:
            told, right = words[f"news.{self.news}"], "hint.read"
        elif self.pending:
            told = words.say("idle.pending", count=self.pending)
        return Notice(
            words["brand"],
            headline=headline,
            corner=words[f"mode.{self.mode.value}"],
            hint=Hint(told or (words[left] if left else ""), words[right] if right else ""),
        )


@value
class Menu:
    """`title` and `items` are keys ("menu.main", "menu.sale") or plain text."""

    name: ClassVar[str] = "menu"
    title: str
    items: tuple[str, ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        items = numbered(words.about("menu", item) for item in self.items)
        corner = f"{self.selected + 1}/{len(items)}" if items else ""
        return MenuList(words.about("menu", self.title), items, self.selected, corner=corner)


def _received(words: Words, received: Received) -> str:
    wallet = words.phrase(f"paid_by.{received.wallet}") if f"paid_by.{received.wallet}" in words else ""
    return f"{wallet} {words.money(received.amount)}".strip()
