"""A sale: the amount, the method, the card, the PIN, the answer."""

from __future__ import annotations

from typing import ClassVar

from terminal.model import Method, Money
from terminal.screens.catalogue.parts import hinted, numbered
from terminal.screens.layout import Entry, Layout, Mark, MenuList, Notice
from terminal.screens.values import value
from terminal.strings import Words


@value
class EnterAmount:
    name: ClassVar[str] = "enter_amount"
    amount: Money

    def lay(self, words: Words) -> Layout:
        hint = hinted(words, "cancel", "confirm")
        return Entry(words["enter.amount"], value=words.money(self.amount), figures_first=True, hint=hint)


@value
class EnterTip:
    name: ClassVar[str] = "enter_tip"
    sale: Money
    tip: Money

    def lay(self, words: Words) -> Layout:
        label = words.say("enter_tip.sale", amount=words.money(self.sale))
        hint = hinted(words, "cancel", "confirm")
        value = words.money(self.tip)
        return Entry(words["enter_tip.title"], value=value, label=label, figures_first=True, hint=hint)


@value
class ChooseMethod:
    """`selected` counts in `methods`: those that this merchant's acquirer takes, and cash."""

    name: ClassVar[str] = "choose_method"
    amount: Money
    methods: tuple[Method, ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        items = numbered(words[f"method.{method.value}"] for method in self.methods)
        return MenuList(words["choose_method.title"], items, self.selected, corner=words.money(self.amount))


@value
class ChooseWallet:
    """Whose code is to be shown. `wallets` in room "wallet"; "": another one, by the acquirer's code."""

    name: ClassVar[str] = "choose_wallet"
    amount: Money
    wallets: tuple[str, ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        items = numbered(words[f"wallet.{wallet or 'other'}"] for wallet in self.wallets)
        return MenuList(words["choose_wallet.title"], items, self.selected, corner=words.money(self.amount))


@value
class ChooseTerms:
    """`terms`: numbers of months, two digits each."""

    name: ClassVar[str] = "choose_terms"
    amount: Money
    terms: tuple[str, ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        items = numbered(words.say("terms", count=int(months)) for months in self.terms)
        return MenuList(words["choose_terms.title"], items, self.selected, corner=words.money(self.amount))


@value
class InsertCard:
    """`swipe`: a stripe reader is fitted, too. `kind` in room "kind_name": said where it is not a sale."""

    name: ClassVar[str] = "insert_card"
    amount: Money
    swipe: bool
    kind: str

    def lay(self, words: Words) -> Layout:
        return _for_a_card(words, "either" if self.swipe else "insert", self.amount, self.kind)


@value
class TypeCardNumber:
    """`shown`: what of the number may stand on the glass; `problem` in room "card_number", or ""."""

    name: ClassVar[str] = "type_card_number"
    shown: str
    problem: str

    def lay(self, words: Words) -> Layout:
        note = words.about("card_number", self.problem or "digits")
        return Entry(words["card_number.title"], value=self.shown, note=note, hint=hinted(words, "cancel", "confirm"))


@value
class TypeCvv2:
    """How many digits are typed; which ones no screen knows. `problem` in room "cvv2", or ""."""

    name: ClassVar[str] = "type_cvv2"
    digits: int
    problem: str

    def lay(self, words: Words) -> Layout:
        note = words.about("cvv2", self.problem or "where")
        return Entry(words["cvv2.title"], masked=self.digits, note=note, hint=hinted(words, "cancel", "confirm"))


# The sale still waits for a card and may be cancelled; every other problem has ended it.
_CARD_CAN_COME = ("mute", "upside_down", "reader_lost", "bad_stripe", "chip_card_swiped", "another_card")


@value
class CardProblem:
    """`reason` in room "card_problem": mute, upside_down, reader_lost, not_accepted, bad_data, removed..."""

    name: ClassVar[str] = "card_problem"
    reason: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["card_problem.title"],
            headline=words.about("card_problem", self.reason),
            mark=Mark.CARD,
            hint=hinted(words, "cancel", "") if self.reason in _CARD_CAN_COME else hinted(words, "", "ok"),
        )


@value
class OfferFallback:
    """The chip cannot be read: swipe it instead?"""

    name: ClassVar[str] = "offer_fallback"

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["offer_fallback.title"],
            headline=words["offer_fallback.text"],
            mark=Mark.CARD,
            hint=hinted(words, "no", "yes"),
        )


@value
class SwipeCard:
    """`kind` as in InsertCard."""

    name: ClassVar[str] = "swipe_card"
    amount: Money
    kind: str

    def lay(self, words: Words) -> Layout:
        return _for_a_card(words, "swipe", self.amount, self.kind)


def _for_a_card(words: Words, way: str, amount: Money, kind: str) -> Layout:
    """A card is wanted, in this way; what for stands above where it is no sale. A balance has no amount."""
    if kind == "sale":
        hint = hinted(words, "cancel", "")
        return Notice(words[f"card.{way}"], amount=words.money(amount), mark=Mark.CARD, hint=hint)
    name = words.about("kind_name", kind)
    if kind == "balance":
        return Notice(name, headline=words[f"card.{way}"], mark=Mark.CARD, hint=hinted(words, "cancel", ""))
    return Notice(name, amount=words.money(amount), mark=Mark.CARD, hint=hinted(words, "cancel", way))


@value
class ReadingCard:
    name: ClassVar[str] = "reading_card"

    def lay(self, words: Words) -> Layout:
        lines = (words["reading_card.stay"],)
        return Notice(words["reading_card.text"], headline=lines[0], mark=Mark.CARD)


@value
class ChooseApplication:
    """`labels` as the card gives them (9F12 or 50); `again`: the one chosen before cannot be used."""

    name: ClassVar[str] = "choose_application"
    labels: tuple[str, ...]
    selected: int
    again: bool

    def lay(self, words: Words) -> Layout:
        title = "choose_application.again" if self.again else "choose_application.title"
        return MenuList(words[title], numbered(self.labels), self.selected)


@value
class EnterPin:
    """Only the number of digits is known here, never a digit. `tries_left`, `wrong`: what the card says of its PIN.

    `amount` is None where there is none: for a balance.
    """

    name: ClassVar[str] = "enter_pin"
    amount: Money | None
    digits: int
    seconds_left: int
    tries_left: int | None
    wrong: bool

    def lay(self, words: Words) -> Layout:
        note = ""
        if self.tries_left == 1:
            note = words["enter_pin.last"]
        elif self.wrong and self.tries_left is not None:
            note = words.say("enter_pin.tries", count=self.tries_left)
        return Entry(
            words["enter_pin.wrong" if self.wrong else "enter_pin.title"],
            note=note,
            masked=self.digits,
            amount=words.money(self.amount) if self.amount else "",
            corner=words.say("seconds", seconds=self.seconds_left),
            hint=hinted(words, "cancel", "confirm"),
        )
