"""Every screen of the terminal: a frozen value with a name, and how it is laid out in words.

Flows make these values; storyboards and goldens name them; `render.picture` draws them. Texts come from
`terminal.strings`: a `reason`, `what`, `copy`, `step`, `field` or `state` is a word of the phrase table
(its room is named at the class), a full key such as "menu.sale", or plain text that is shown as it is. An
identifier without a phrase raises UnknownPhrase.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Protocol

from terminal.model import Method, Mode, Money
from terminal.screens.layout import Checks, Entry, Hint, Layout, Listing, Mark, MenuList, Notice, QrLayout
from terminal.screens.values import value
from terminal.strings import LANGUAGES, Words

TALL_PANEL_PX = 96  # From here on a panel has room for a footer under a list.


class Screen(Protocol):
    """What can be drawn."""

    name: ClassVar[str]

    def lay(self, words: Words) -> Layout:
        """The screen in words. Raises UnknownPhrase."""
        ...


CORNER_CHARACTERS = 7  # Beside a title on the narrowest panel.


def rows_a_page(height: int) -> int:
    """How many rows of Today a panel of that height (pixels) shows at once."""
    return height // 16 - (2 if height >= TALL_PANEL_PX else 1)


def _numbered(items: Iterable[str]) -> tuple[str, ...]:
    """With the digit that takes an item at once."""
    return tuple(f"{n} {item}" if n <= 9 else item for n, item in enumerate(items, 1))


def _fault(words: Words, room: str, reason: str) -> str:
    """A reason of the screen's own room, or one of the faults of the host link that several screens share."""
    return words.about(room if f"{room}.{reason}" in words else "fault", reason)


def _sentence(words: Words, text: str) -> str:
    """What the host's answer says, as a sentence begins."""
    said = words.phrase(text)
    return said[:1].upper() + said[1:]


def _hint(words: Words, left: str, right: str) -> Hint:
    return Hint(words[f"hint.{left}"] if left else "", words[f"hint.{right}"] if right else "")


# First run, power-on, sign-in


@value
class Boot:
    """Power-on; `checks` are (name in room "check", passed)."""

    name: ClassVar[str] = "boot"
    version: str
    checks: tuple[tuple[str, bool], ...]

    def lay(self, words: Words) -> Layout:
        named = tuple((words.about("check", check), ok) for check, ok in self.checks)
        return Checks(words["product"], named, corner=self.version)


@value
class ChooseLanguage:
    """`selected` counts in LANGUAGES."""

    name: ClassVar[str] = "choose_language"
    selected: int

    def lay(self, words: Words) -> Layout:
        items = _numbered(words[f"language.{language}"] for language in LANGUAGES)
        return MenuList(words["choose_language.title"], items, self.selected)


@value
class EnterNumber:
    """`field` in room "field"; `hint` is a word of room "hint_text", a key, or text."""

    name: ClassVar[str] = "enter_number"
    field: str
    value: str
    hint: str

    def lay(self, words: Words) -> Layout:
        note = words.about("hint_text", self.hint) if self.hint else ""
        hint = _hint(words, "back", "confirm")
        return Entry(words.about("field", self.field), value=self.value, note=note, hint=hint)


@value
class ConfirmTestKeys:
    name: ClassVar[str] = "confirm_test_keys"

    def lay(self, words: Words) -> Layout:
        text = words["confirm_test_keys.text"]
        hint = _hint(words, "no", "yes")
        return Notice(words["confirm_test_keys.title"], headline=text, mark=Mark.LOCK, hint=hint)


@value
class NextHolder:
    """Whose turn it is in a key ceremony: component `number` of `count`."""

    name: ClassVar[str] = "next_holder"
    number: int
    count: int

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["load_keys.title"],
            headline=words.say("next_holder.text", number=self.number),
            corner=words.say("page", page=self.number, pages=self.count),
            mark=Mark.LOCK,
            hint=_hint(words, "stop", "log_in"),
        )


@value
class TypeComponent:
    """How many hex digits are typed of how many; which ones no screen knows. `problem` in room "component", or ""."""

    name: ClassVar[str] = "type_component"
    number: int
    count: int
    digits: int
    length: int
    problem: str

    def lay(self, words: Words) -> Layout:
        # Printed components stand in groups of four: the dots of this group are what an eye can count.
        group, dots = divmod(self.digits, 4)
        return Entry(
            words.say("component.title", number=self.number, count=self.count),
            masked=dots,
            corner=words.say("page", page=self.digits, pages=self.length),
            label=words.about("component", self.problem or "keys"),
            note=words.say("component.group", group=group + 1, groups=self.length // 4),
            hint=_hint(words, "stop", ""),
        )


@value
class ConfirmKcv:
    """A check value to be compared with paper: of component `number`, or of the whole key (0)."""

    name: ClassVar[str] = "confirm_kcv"
    number: int
    kcv: str
    parity_errors: int

    def lay(self, words: Words) -> Layout:
        parity = words.say("kcv.parity", count=self.parity_errors) if self.parity_errors else ""
        title = words["kcv.key"]
        if self.number:  # A component without odd parity is no fault, so it is news and stands in the corner.
            title = words.say("kcv.short" if parity else "kcv.component", number=self.number)
        lines = (words["kcv.compare"],)
        return Notice(title, amount=self.kcv, lines=lines, corner=parity, hint=_hint(words, "differs", "same"))


@value
class CeremonyProblem:
    """`reason` in room "ceremony": what a key ceremony does not take, or why it ended."""

    name: ClassVar[str] = "ceremony_problem"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("ceremony", self.reason)
        return Notice(words["load_keys.title"], headline=text, mark=Mark.FAILED, hint=_hint(words, "", "ok"))


@value
class KeysLoaded:
    name: ClassVar[str] = "keys_loaded"
    kcv: str

    def lay(self, words: Words) -> Layout:
        lines = (words["keys_loaded.then"],)
        hint = _hint(words, "", "ok")
        return Notice(words["keys_loaded.title"], amount=self.kcv, lines=lines, mark=Mark.DONE, hint=hint)


@value
class SelfTest:
    """`checks` as in Boot."""

    name: ClassVar[str] = "self_test"
    checks: tuple[tuple[str, bool], ...]

    def lay(self, words: Words) -> Layout:
        named = tuple((words.about("check", check), ok) for check, ok in self.checks)
        passed = sum(ok for _, ok in self.checks)
        return Checks(words["self_test.title"], named, corner=f"{passed}/{len(named)}")


@value
class OperatorPassword:
    """`digits` typed so far; `problem` in room "password_problem", or ""."""

    name: ClassVar[str] = "operator_password"
    operator: str
    digits: int
    problem: str

    def lay(self, words: Words) -> Layout:
        label = words.say("operator_password.label", operator=self.operator)
        if self.problem:
            label = words.about("password_problem", self.problem)
        hint = _hint(words, "back", "confirm")
        return Entry(words["operator_password.title"], masked=self.digits, label=label, hint=hint)


@value
class SigningIn:
    name: ClassVar[str] = "signing_in"

    def lay(self, words: Words) -> Layout:
        return Notice(words["waiting.title"], headline=words["signing_in.text"], mark=Mark.WAIT)


@value
class SignInFailed:
    """`reason` in room "sign_in_failed" or "fault"; `code` is the host's answer, or "".

    `text` is what a refusal says, else ""; `then` is what to do next, in room "next".
    """

    name: ClassVar[str] = "sign_in_failed"
    reason: str
    code: str
    text: str
    then: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["sign_in_failed.title"],
            headline=_sentence(words, self.text) if self.text else _fault(words, "sign_in_failed", self.reason),
            corner=self.code,
            mark=Mark.FAILED,
            hint=self._hint(words),
        )

    def _hint(self, words: Words) -> Hint:
        """Another try is offered where it may help."""
        if not self.text:
            return _hint(words, "back", "retry")
        return Hint(words.about("next", self.then), words["hint.ok" if self.then == "acquirer" else "hint.retry"])


@value
class Received:
    """What came over the shop's printed code: `wallet` as the host names it."""

    wallet: str
    amount: Money


@value
class Idle:
    """`clock` as it is to be read ("14:05"); `pending` reversals that wait for the host; a settlement is due soon.

    `news` in room "news": what was done behind this screen and nobody has read yet; "" for nothing. Money that was
    received stands in the clock's place until somebody has read it.
    """

    name: ClassVar[str] = "idle"
    mode: Mode
    clock: str
    pending: int
    nearly_full: bool
    news: str | Received

    def lay(self, words: Words) -> Layout:
        left, right = {
            Mode.SIGNED_IN: ("idle.sell", "hint.menu"),
            Mode.KEYED: ("idle.menu", "hint.sign_in"),
            Mode.SETTLING: ("idle.menu", "hint.settle"),
            Mode.BLANK: ("", "hint.set_up"),
            Mode.LOCKED: ("idle.service", ""),
        }[self.mode]
        told = words["idle.nearly_full"] if self.nearly_full else ""
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


def _received(words: Words, received: Received) -> str:
    wallet = words.phrase(f"paid_by.{received.wallet}") if f"paid_by.{received.wallet}" in words else ""
    return f"{wallet} {words.money(received.amount)}".strip()


@value
class Menu:
    """`title` and `items` are keys ("menu.main", "menu.sale") or plain text."""

    name: ClassVar[str] = "menu"
    title: str
    items: tuple[str, ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        items = _numbered(words.about("menu", item) for item in self.items)
        corner = f"{self.selected + 1}/{len(items)}" if items else ""
        return MenuList(words.about("menu", self.title), items, self.selected, corner=corner)


# A sale


@value
class EnterAmount:
    name: ClassVar[str] = "enter_amount"
    amount: Money

    def lay(self, words: Words) -> Layout:
        hint = _hint(words, "cancel", "confirm")
        return Entry(words["enter.amount"], value=words.money(self.amount), figures_first=True, hint=hint)


@value
class EnterTip:
    name: ClassVar[str] = "enter_tip"
    sale: Money
    tip: Money

    def lay(self, words: Words) -> Layout:
        label = words.say("enter_tip.sale", amount=words.money(self.sale))
        hint = _hint(words, "cancel", "confirm")
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
        items = _numbered(words[f"method.{method.value}"] for method in self.methods)
        return MenuList(words["choose_method.title"], items, self.selected, corner=words.money(self.amount))


@value
class ChooseWallet:
    """Whose code is to be shown. `wallets` in room "wallet"; "": another one, by the acquirer's code."""

    name: ClassVar[str] = "choose_wallet"
    amount: Money
    wallets: tuple[str, ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        items = _numbered(words[f"wallet.{wallet or 'other'}"] for wallet in self.wallets)
        return MenuList(words["choose_wallet.title"], items, self.selected, corner=words.money(self.amount))


@value
class ChooseTerms:
    """`terms`: numbers of months, two digits each."""

    name: ClassVar[str] = "choose_terms"
    amount: Money
    terms: tuple[str, ...]
    selected: int

    def lay(self, words: Words) -> Layout:
        items = _numbered(words.say("terms", count=int(months)) for months in self.terms)
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
        return Entry(words["card_number.title"], value=self.shown, note=note, hint=_hint(words, "cancel", "confirm"))


@value
class TypeCvv2:
    """How many digits are typed; which ones no screen knows. `problem` in room "cvv2", or ""."""

    name: ClassVar[str] = "type_cvv2"
    digits: int
    problem: str

    def lay(self, words: Words) -> Layout:
        note = words.about("cvv2", self.problem or "where")
        return Entry(words["cvv2.title"], masked=self.digits, note=note, hint=_hint(words, "cancel", "confirm"))


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
            hint=_hint(words, "cancel", "") if self.reason in _CARD_CAN_COME else _hint(words, "", "ok"),
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
            hint=_hint(words, "no", "yes"),
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
        hint = _hint(words, "cancel", "")
        return Notice(words[f"card.{way}"], amount=words.money(amount), mark=Mark.CARD, hint=hint)
    name = words.about("kind_name", kind)
    if kind == "balance":
        return Notice(name, headline=words[f"card.{way}"], mark=Mark.CARD, hint=_hint(words, "cancel", ""))
    return Notice(name, amount=words.money(amount), mark=Mark.CARD, hint=_hint(words, "cancel", way))


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
        return MenuList(words[title], _numbered(self.labels), self.selected)


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
            hint=_hint(words, "cancel", "confirm"),
        )


@value
class Connecting:
    """`what` in room "what": sign_in, host_key, sale, reversal, settlement, qr_order, qr_query, qr_close, qr_pay."""

    name: ClassVar[str] = "connecting"
    what: str

    def lay(self, words: Words) -> Layout:
        return Notice(words["connecting.title"], headline=words.about("what", self.what), mark=Mark.WAIT)


@value
class Waiting:
    """`what` as in Connecting."""

    name: ClassVar[str] = "waiting"
    what: str
    seconds_left: int

    def lay(self, words: Words) -> Layout:
        corner = words.say("seconds", seconds=self.seconds_left)
        headline = words.about("what", self.what)
        return Notice(words["waiting.title"], headline=headline, corner=corner, mark=Mark.WAIT)


@value
class Approved:
    """`code` is the authorisation code (field 38), or "". `then`: what is to be done about it, as in Declined."""

    name: ClassVar[str] = "approved"
    amount: Money
    code: str
    then: str

    def lay(self, words: Words) -> Layout:
        lines: tuple[str, ...] = (words.about("next", self.then),) if self.then else ()
        lines += (words.say("authorisation_code", code=self.code),) if self.code else ()
        return Notice(words["approved.title"], amount=words.money(self.amount), lines=lines, mark=Mark.DONE)


@value
class WalletPaid:
    """A wallet's order is paid. `customer`: what the customer paid of it, None where there was no discount.

    A discount that fits stands in the corner. `believed`: whether its figures come to the order. `extra`: a line that
    came with the payment, or "".
    """

    name: ClassVar[str] = "approved"
    amount: Money
    customer: Money | None
    believed: bool
    extra: str

    def lay(self, words: Words) -> Layout:
        lines: tuple[str, ...] = () if self.believed else (words["wallet_paid.disbelieved"],)
        corner = ""
        if self.customer is not None:
            off = f"-{self.amount - self.customer}"
            corner = off if len(off) <= CORNER_CHARACTERS else ""
            lines += (words.say("wallet_paid.customer", paid=words.money(self.customer)),)
        lines += (self.extra,) if self.extra else ()
        amount = words.money(self.amount)
        return Notice(words["approved.title"], amount=amount, lines=lines, corner=corner, mark=Mark.DONE)


@value
class Declined:
    """`code` is the host's answer (field 39); `text` its words, or a word of the room "declined".

    `then` is what to do next, a word of the room "next", or "". Without a tick or a cross it is no key's name.
    """

    name: ClassVar[str] = "declined"
    code: str
    text: str
    then: str

    def lay(self, words: Words) -> Layout:
        own = f"declined.{self.text}"
        text = words[own] if own in words else _sentence(words, self.text)
        return Notice(
            words["declined.title"],
            headline=text,
            corner=self.code,
            mark=Mark.FAILED,
            hint=Hint(words.about("next", self.then) if self.then else "", words["hint.ok"]),
        )


@value
class PartApproved:
    """Code 10: the issuer gives `amount` only, and `due` would be left. Is the part sold?"""

    name: ClassVar[str] = "part_approved"
    amount: Money
    due: Money

    def lay(self, words: Words) -> Layout:
        lines = tuple(
            words.say(f"part_approved.{name}", amount=words.money(amount))
            for name, amount in (("part", self.amount), ("due", self.due))
        )
        return Notice(words["part_approved.title"], lines=lines, hint=_hint(words, "undo", "take"))


@value
class StillDue:
    """A part was paid: what is left, and shall it be paid in another way?"""

    name: ClassVar[str] = "still_due"
    amount: Money

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["still_due.title"], amount=words.money(self.amount), hint=_hint(words, "back", "continue")
        )


@value
class KeepCard:
    """The issuer wants the card back: the merchant takes it out of the slot, and its holder does not get it."""

    name: ClassVar[str] = "keep_card"

    def lay(self, words: Words) -> Layout:
        return Notice("", headline=words["keep_card.text"], mark=Mark.CAUTION)


@value
class RemoveCard:
    name: ClassVar[str] = "remove_card"

    def lay(self, words: Words) -> Layout:
        return Notice("", headline=words["remove_card.text"], mark=Mark.CARD)


@value
class TryPinAgain:
    name: ClassVar[str] = "try_pin_again"

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["try_pin_again.text"],
            headline=words["try_pin_again.then"],
            mark=Mark.LOCK,
            hint=_hint(words, "cancel", "continue"),
        )


@value
class Cancelled:
    name: ClassVar[str] = "cancelled"

    def lay(self, words: Words) -> Layout:
        return Notice("", headline=words["cancelled.title"], mark=Mark.FAILED)


# Reversal


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
        hint = _hint(words, "", "ok")
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
class NothingSent:
    """`reason` in room "fault": the values of LinkFault, and what an answer can be wrong with."""

    name: ClassVar[str] = "nothing_sent"
    reason: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["nothing_sent.title"],
            headline=_fault(words, "nothing_sent", self.reason),
            corner=words["nothing_sent.paid"],
            mark=Mark.CAUTION,
            hint=_hint(words, "", "ok"),
        )


# What undoes an earlier transaction


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
            hint=_hint(words, "no", "yes"),
        )


@value
class Balance:
    """What the cardholder's account holds."""

    name: ClassVar[str] = "balance"
    amount: Money

    def lay(self, words: Words) -> Layout:
        return Notice(words["balance.title"], amount=words.money(self.amount), hint=_hint(words, "", "ok"))


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


@value
class SignOnPad:
    name: ClassVar[str] = "sign_on_pad"
    amount: Money

    def lay(self, words: Words) -> Layout:
        hint = _hint(words, "paper", "")
        return Notice(words["sign_on_pad.title"], amount=words.money(self.amount), hint=hint)


@value
class CompareSignature:
    """The signed copy is in somebody's hand: is it the cardholder's signature?"""

    name: ClassVar[str] = "compare_signature"
    amount: Money

    def lay(self, words: Words) -> Layout:
        hint = _hint(words, "differs", "same")
        return Notice(words["compare_signature.title"], amount=words.money(self.amount), hint=hint)


# Paper


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
        hint = _hint(words, "cancel", "retry")
        return Notice(words["paper_stopped.title"], headline=text, mark=Mark.PAPER, hint=hint)


# QR


@value
class ShowQr:
    """`payload` is drawn if `qr.qr_fits` says that the panel can carry it; print it otherwise."""

    name: ClassVar[str] = "show_qr"
    amount: Money
    payload: str
    seconds_left: int

    def lay(self, words: Words) -> Layout:
        return QrLayout(
            self.payload,
            amount=words.money(self.amount),
            caption=words["show_qr.caption"],
            corner=words.say("seconds", seconds=self.seconds_left),
            hint=_hint(words, "stop", ""),
            too_big=words["show_qr.too_big"],
        )


@value
class ShowESlip:
    """The customer scans the slip: no panel lets it look like a code to pay. Only if `qr.qr_fits` says that it fits."""

    name: ClassVar[str] = "show_eslip"
    amount: Money
    payload: str

    def lay(self, words: Words) -> Layout:
        return QrLayout(
            self.payload,
            amount=words.money(self.amount),
            caption=words["show_eslip.no_charge"],
            corner=words["show_eslip.corner"],
            hint=Hint(),
            too_big=words["show_qr.too_big"],
        )


@value
class QrOnPaper:
    name: ClassVar[str] = "qr_on_paper"
    amount: Money
    seconds_left: int

    def lay(self, words: Words) -> Layout:
        return _timed(words, "qr_on_paper.title", self.amount, self.seconds_left, Mark.PAPER)


@value
class ScanCode:
    name: ClassVar[str] = "scan_code"
    amount: Money
    seconds_left: int

    def lay(self, words: Words) -> Layout:
        return _timed(words, "scan_code.title", self.amount, self.seconds_left, Mark.PHONE)


@value
class ScanSlip:
    """The code on an order's slip is to be scanned."""

    name: ClassVar[str] = "scan_slip"
    seconds_left: int

    def lay(self, words: Words) -> Layout:
        corner = words.say("seconds", seconds=self.seconds_left)
        hint = _hint(words, "back", "")
        text = words["scan_slip.text"]
        return Notice(words["scan_slip.title"], headline=text, corner=corner, mark=Mark.PAPER, hint=hint)


@value
class BadCode:
    """`reason` in room "bad_code": what the scan is instead of a payment code, or why the host cannot charge it."""

    name: ClassVar[str] = "bad_code"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("bad_code", self.reason)
        hint = _hint(words, "cancel", "retry")
        return Notice(words["bad_code.title"], headline=text, mark=Mark.PHONE, hint=hint)


@value
class WalletPaying:
    name: ClassVar[str] = "wallet_paying"
    amount: Money
    seconds_left: int

    def lay(self, words: Words) -> Layout:
        return _timed(words, "wallet_paying.title", self.amount, self.seconds_left, Mark.PHONE)


@value
class QrUnknown:
    name: ClassVar[str] = "qr_unknown"
    amount: Money
    order_no: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["qr_unknown.title"],
            amount=words.money(self.amount),
            lines=(words.say("qr_unknown.text", order_no=self.order_no),),
            mark=Mark.CAUTION,
            hint=_hint(words, "back", "query"),
        )


@value
class GiveUpOrder:
    """Whether an order whose fate is not known is closed. If not, it stays open and its sale may still be paid."""

    name: ClassVar[str] = "give_up_order"
    amount: Money

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["give_up_order.title"],
            amount=words.money(self.amount),
            lines=(words["give_up_order.text"],),
            mark=Mark.CAUTION,
            hint=_hint(words, "no", "yes"),
        )


@value
class SameAmountOpen:
    """An amount was typed of which a sale of `at` "14:05" is still open: that one, or another on purpose."""

    name: ClassVar[str] = "same_amount_open"
    amount: Money
    at: str
    selected: int

    def lay(self, words: Words) -> Layout:
        items = _numbered((words.say("same_amount.query", at=self.at), words["same_amount.new"]))
        return MenuList(words["same_amount.title"], items, self.selected, corner=words.money(self.amount))


@value
class OrderClosing:
    """Given up, and not closed yet: it may still be paid, and is asked about until it cannot be."""

    name: ClassVar[str] = "order_closing"
    amount: Money

    def lay(self, words: Words) -> Layout:
        lines = (words["order_closing.text"],)
        return Notice(words["order_closing.title"], amount=words.money(self.amount), lines=lines, mark=Mark.WAIT)


_ASKED_FOR = ("given_back", "not_given_back")


@value
class OrderLate:
    """A payment came after its order was given up; `late` in room "order_late": completed, refunded, refused.

    No late payment, but a refund that somebody had asked for and whose end came later: given_back, not_given_back.
    """

    name: ClassVar[str] = "order_late"
    amount: Money
    late: str

    def lay(self, words: Words) -> Layout:
        lines = (words.about("order_late", self.late),)
        title = words["order_late.title"] if self.late not in _ASKED_FOR else words.about("kind_name", "refund")
        return Notice(title, amount=words.money(self.amount), lines=lines, mark=Mark.CAUTION)


@value
class OrderFound:
    """An order of ours that somebody has asked for. `at` "11-25 14:05"; `state` in room "state", `wallet` or "".

    `given_back`: what went back already, or may have.
    """

    name: ClassVar[str] = "order_found"
    amount: Money
    given_back: Money
    wallet: str
    at: str
    state: str
    voucher_no: str

    def lay(self, words: Words) -> Layout:
        rows = (
            (self.at, "", words.about("state", self.state)),
            (words["order_found.amount"], str(self.amount), ""),
            (words["order_found.back"], str(self.given_back), ""),
            (words["order_found.voucher"], self.voucher_no, ""),  # Where there is room.
        )
        title = words.about("wallet", self.wallet) if self.wallet else words["order_found.title"]
        return Listing(title, rows)


@value
class AwaitReceipt:
    """The customer pays to the shop's printed code, and the amount typed here is waited for."""

    name: ClassVar[str] = "await_receipt"
    amount: Money
    seconds_left: int

    def lay(self, words: Words) -> Layout:
        return _timed(words, "await_receipt.title", self.amount, self.seconds_left, Mark.PHONE)


@value
class NotReceived:
    """Nobody has paid this amount to the printed code yet. It stays open until somebody has, or it is given up."""

    name: ClassVar[str] = "not_received"
    amount: Money

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["not_received.title"],
            amount=words.money(self.amount),
            lines=(words["not_received.text"],),
            mark=Mark.CAUTION,
            hint=_hint(words, "back", "query"),
        )


@value
class ReceiptFound:
    """What was paid to the printed code. `at` "11-25 14:05"; `wallet` as the host names it, or "".

    `green` in room "hint": what the green key does with it: print, yes (it is this sale's), ok.
    """

    name: ClassVar[str] = "receipt_found"
    wallet: str
    amount: Money
    at: str
    number: str
    green: str

    def lay(self, words: Words) -> Layout:
        known = f"wallet.{self.wallet}" in words
        return Notice(
            words[f"wallet.{self.wallet}"] if known else words["news.receipt"],
            amount=words.money(self.amount),
            lines=(self.at, self.number),
            corner=self.at[-5:],
            hint=_hint(words, "" if self.green == "ok" else "back", self.green),
        )


@value
class ReceiptUnreadable:
    """Something was paid to the printed code, and what the host tells of it cannot be read. `called`: which one."""

    name: ClassVar[str] = "receipt_unreadable"
    called: str

    def lay(self, words: Words) -> Layout:
        lines = (self.called, words["receipt_unreadable.ask"])
        title, hint = words["receipt_unreadable.title"], _hint(words, "", "ok")
        return Notice(title, lines=lines, hint=hint)


@value
class ShowStatic:
    """The shop's own code, without amount or end."""

    name: ClassVar[str] = "show_static"
    payload: str

    def lay(self, words: Words) -> Layout:
        hint, too_big = _hint(words, "back", ""), words["show_qr.too_big"]
        return QrLayout(self.payload, "", words["show_qr.caption"], "", hint, too_big)


@value
class RefundOpen:
    """A refund that has no end yet and is asked about until it has; `why` in room "refund_open": pending, silent."""

    name: ClassVar[str] = "refund_open"
    amount: Money
    why: str

    def lay(self, words: Words) -> Layout:
        lines = (words.about("refund_open", self.why),)
        return Notice(words["refund_open.title"], amount=words.money(self.amount), lines=lines, mark=Mark.WAIT)


@value
class OrderClosed:
    name: ClassVar[str] = "order_closed"
    amount: Money

    def lay(self, words: Words) -> Layout:
        lines = (words["order_closed.text"],)
        return Notice(words["order_closed.title"], amount=words.money(self.amount), lines=lines, mark=Mark.FAILED)


def _timed(words: Words, title: str, amount: Money, seconds_left: int, mark: Mark) -> Layout:
    corner = words.say("seconds", seconds=seconds_left)
    hint = _hint(words, "cancel", "")
    return Notice(words[title], amount=words.money(amount), corner=corner, mark=mark, hint=hint)


# Cash


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
            hint=_hint(words, "cancel", "confirm"),
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
            hint=_hint(words, "", "continue"),
        )


# The day


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
            hint=_hint(words, "cancel", "settle"),
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
    """A reversal that the host does not take: may sales go on without it? A supervisor has to agree."""

    name: ClassVar[str] = "offer_parking"
    amount: Money
    voucher_no: str

    def lay(self, words: Words) -> Layout:
        lines = (words.say("offer_parking.voucher", voucher=self.voucher_no),)
        hint = _hint(words, "no", "yes")
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
        text = _fault(words, "line", self.reason) if self.reason else words["line.good"]
        if self.text:
            text = _sentence(words, self.text)
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
            hint=_hint(words, "", "ok"),
        )


# Trade bills


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
            headline=_fault(words, "bill", self.reason),
            corner=self.code,
            mark=Mark.WAIT if waits else Mark.CAUTION,
            hint=_hint(words, "back", "retry"),
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
            hint=_hint(words, "", "continue"),
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


# Activation, downloads


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
        hint = _hint(words, "no", "yes")
        return Notice(words["activation.done"], headline=self.merchant_name, lines=lines, hint=hint)


@value
class ActivationFailed:
    """`reason` in room "activation" or a fault of the link; `code` is field 39, or ""."""

    name: ClassVar[str] = "activation_failed"
    reason: str
    code: str

    def lay(self, words: Words) -> Layout:
        text = _fault(words, "activation", self.reason)
        hint = _hint(words, "back", "retry")
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
        text = _fault(words, "download", self.reason)
        lines = (words["download.old_stays"],)
        hint = _hint(words, "back", "retry")
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
        items = _numbered((words["downloads.all"], *lists))
        return MenuList(words["menu.downloads"], items, self.selected, corner=since)


# Trouble


@value
class Problem:
    """`title` and `text` are keys or plain text."""

    name: ClassVar[str] = "problem"
    title: str
    text: str

    def lay(self, words: Words) -> Layout:
        hint = _hint(words, "", "ok")
        title = words.phrase(self.title) or words["problem.title"]
        return Notice(title, headline=words.phrase(self.text), mark=Mark.CAUTION, hint=hint)


@value
class Refused:
    """`reason` in room "refused"."""

    name: ClassVar[str] = "refused"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("refused", self.reason)
        hint = _hint(words, "", "ok")
        return Notice(words["refused.title"], headline=text, mark=Mark.CAUTION, hint=hint)


@value
class SignInDue:
    """Nothing is sold before a sign-in; `reason` in room "sign_in_due" says why."""

    name: ClassVar[str] = "sign_in_due"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("sign_in_due", self.reason)
        hint = _hint(words, "", "ok")
        return Notice(words["refused.sign_in"], headline=text, mark=Mark.CAUTION, hint=hint)


@value
class ServiceMode:
    """`reason` in room "service_mode": crashes, journal, keys, self_test."""

    name: ClassVar[str] = "service_mode"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("service_mode", self.reason)
        hint = _hint(words, "", "ok")
        return Notice(words["service_mode.title"], headline=text, mark=Mark.CAUTION, hint=hint)


@value
class CheckClock:
    """`shown` is the terminal's own date and time, as it is to be read."""

    name: ClassVar[str] = "check_clock"
    shown: str

    def lay(self, words: Words) -> Layout:
        hint = _hint(words, "no", "yes")
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


_SALE = Money(12850)
_LARGE = Money(999_999_999_99)
_CHECKS = (("display", True), ("keypad", True), ("printer", True), ("reader", True), ("scanner", False))
_CODE = "https://pay.example/q/8F3kQz81LmT0"
_ESLIP = "HTTPS://Q.EXAMPLE/S/10000001000001000000021798761600/ABCDEFGH23"  # Digits and capitals: 29 modules.
_LONG_CODE = "https://qr.example.com/unionpay/order?no=" + "26112201352900010001" + "&sign=" + "A7f3" * 16
_ROWS = (
    TodayRow("14:05", "card", _SALE, "completed"),
    TodayRow("13:58", "qr-shown", Money(600), "reversed"),
    TodayRow("13:40", "cash", Money(123456), "completed"),
    TodayRow("12:11", "qr-scanned", Money(98765432), "unknown"),
    TodayRow("11:02", "card", Money(5000), "declined"),
    TodayRow("09:30", "card", _LARGE, "settled"),
)

# One of every screen at least, and of most reasons that have words: what goldens and the gallery show.
CARD_REASONS = (
    "mute", "upside_down", "reader_lost", "not_accepted", "bad_data", "removed", "blocked", "declined",
    "bad_stripe", "chip_card_swiped", "another_card", "other_card",
)  # fmt: skip
REFUSALS = (
    "sign_in",
    "amount_limit",
    "batch_full",
    "no_slip",
    "no_printer",
    "nothing_to_settle",
    "too_late",
    "not_supervisor",
    "not_administrator",
    "pin_rate",
    "already_voided",
    "adjusted",
    "no_tip",
    "over_tip",
    "not_voidable",
    "original_settled",
    "already_completed",
    "over_original",
    "over_authorised",
    "not_whole",
    "not_signed",
    "unsigned_stands",
    "no_balance",
    "lists",
    "uploads_full",
    "uploads_wait",
    "no_sales",
    "no_bill",
    "wallet_key_id",
)
SIGN_IN_REASONS = (
    "no-keys", "kcv", "77", "99", "A0", "header", "settled", "signed-out", "age", "changed", "tamper", "new-tmk",
    "signing-in",
)  # fmt: skip
NEXT_STEPS = (
    "again", "wait", "chip", "pin", "other-card", "keep-card", "amount", "original", "issuer", "acquirer", "sign-in",
    "settle",
)  # fmt: skip
CEREMONY_REASONS = (
    *("same_holder", "zero", "identical", "weak", "not_allowed", "stopped"),
    *("bad_block", "host_refused", "no_answer"),
)
NEWS = (
    *("balanced", "unbalanced", "refused", "unprinted", "order", "unreadable"),
    *(Received("wechat", _SALE), Received("", _LARGE)),
)
LISTS = ("parameters", "ca_keys", "aids", "blacklist", "no_pin_bins", "bin_blacklist", "card_bins")
EXAMPLES: tuple[Screen, ...] = (
    Boot("0.1.0", _CHECKS),
    Boot("0.1.0", (("keys", True), ("journal", True), ("unsealed", False))),
    Boot("0.1.0", (("keys", True), ("journal", True), ("K a1b2c3d4", True), ("wechat", False), ("alipay", True))),
    ChooseLanguage(0),
    EnterNumber("merchant_no", "104110070110", "merchant_no"),
    EnterNumber("terminal_no", "", "terminal_no"),
    EnterNumber("link", "acquirer.example.com:8583", "link"),
    EnterNumber("operator", "01", "operator"),
    EnterNumber("clock", "202611221042", "clock"),
    EnterNumber("merchant_no", "1041100701", "merchant_no_wrong"),
    EnterNumber("terminal_no", "", "terminal_no_wrong"),
    EnterNumber("link", "acquirer.example.com:99999", "link_wrong"),
    EnterNumber("operator", "0", "operator_wrong"),
    EnterNumber("clock", "202611229942", "clock_wrong"),
    EnterNumber("new_operator", "", "operator"),
    EnterNumber("new_operator", "01", "operator_taken"),
    ConfirmTestKeys(),
    *(NextHolder(number, 2) for number in (1, 2)),
    TypeComponent(1, 2, 0, 32, ""),
    TypeComponent(1, 2, 13, 32, ""),
    TypeComponent(3, 3, 31, 32, "letter"),
    ConfirmKcv(1, "8D2270", 0),
    ConfirmKcv(3, "08D7B4", 16),
    ConfirmKcv(0, "08D7B4", 0),
    *(CeremonyProblem(reason) for reason in CEREMONY_REASONS),
    KeysLoaded("08D7B4FB"),
    Menu("menu.load_keys", ("menu.two_components", "menu.three_components", "menu.test_keys", "menu.host_key"), 0),
    Menu("menu.role", ("role.cashier", "role.supervisor", "role.administrator"), 0),
    Menu("menu.transactions", ("menu.sales", "menu.preauth", "menu.other"), 1),
    Menu("menu.sales", ("menu.sale", "menu.void", "menu.refund", "menu.signature", "menu.points-refund"), 3),
    Menu("menu.preauth", ("menu.auth", "menu.auth-void", "menu.completion"), 1),
    SelfTest(_CHECKS),
    OperatorPassword("01", 3, ""),
    *(OperatorPassword("01", 0, problem) for problem in ("wrong", "short", "unknown", "locked", "new", "repeat")),
    OperatorPassword("01", 12, "differs"),
    SigningIn(),
    SignInFailed("timeout", "", "", "again"),
    SignInFailed("bad_keys", "", "", "again"),
    SignInFailed("batch", "00", "", "again"),
    SignInFailed("declined", "97", "终端未登记", "acquirer"),
    SignInFailed("declined", "96", "system malfunction", "wait"),
    *(Idle(mode, "14:05", 0, nearly_full=False, news="") for mode in Mode),
    Idle(Mode.SIGNED_IN, "14:05", 1, nearly_full=True, news=""),
    Idle(Mode.SIGNED_IN, "14:05", 0, nearly_full=True, news=""),
    *(Idle(Mode.KEYED, "14:05", 0, nearly_full=False, news=word) for word in NEWS),
    *(Problem("wish.title", f"wish.{digit}") for digit in (2, 6, 8, 9)),
    Menu("menu.main", ("menu.sale", "menu.today", "menu.reprint", "menu.settlement", "menu.self_test"), 1),
    Menu("menu.main", ("menu.sale", "menu.today", "menu.reprint", "menu.settlement", "menu.self_test"), 4),
    EnterAmount(Money(0)),
    EnterAmount(_SALE),
    EnterAmount(_LARGE),
    *(ChooseMethod(_SALE, tuple(Method), selected) for selected in range(len(Method))),
    ChooseMethod(_LARGE, tuple(Method), 0),
    ChooseWallet(_SALE, ("wechat", "alipay", ""), 0),
    ChooseMethod(_SALE, (Method.CARD, Method.CASH), 1),
    InsertCard(_SALE, swipe=False, kind="sale"),
    InsertCard(_SALE, swipe=True, kind="sale"),
    InsertCard(Money(88888888), swipe=True, kind="sale"),
    InsertCard(_SALE, swipe=True, kind="auth"),
    InsertCard(_LARGE, swipe=False, kind="completion"),
    InsertCard(Money(0), swipe=True, kind="balance"),
    EnterTip(_SALE, Money(0)),
    EnterTip(_SALE, Money(1000)),
    EnterTip(_LARGE, Money(99_999_999)),
    Original("auth", _SALE, "622500******0014", "000042"),
    InsertCard(_SALE, swipe=False, kind="completion-notice"),
    InsertCard(_SALE, swipe=False, kind="offline-settlement"),
    EnterNumber("institution", "", "institution"),
    EnterNumber("institution", "48010000000", "institution"),
    Menu("menu.auth-mode", ("menu.by-phone", "menu.stand-in"), 0),
    ChooseTerms(_SALE, ("03", "06", "12", "24"), 2),
    ChooseTerms(_LARGE, ("03",), 0),
    TypeCardNumber("", ""),
    TypeCardNumber("62250000", ""),
    TypeCardNumber("622500*********0013", "wrong"),
    EnterNumber("expiry", "0130", "expiry"),
    EnterNumber("expiry", "0125", "expired"),
    EnterNumber("expiry", "1325", "expiry_wrong"),
    TypeCvv2(0, ""),
    TypeCvv2(2, "short"),
    TypeCvv2(0, "optional"),
    Original("moto-sale", _SALE, "622500******0014", "000042"),
    Menu("menu.moto", ("menu.moto-sale", "menu.moto-refund", "menu.moto-auth", "menu.moto-completion"), 0),
    Menu("menu.moto", ("menu.moto-sale", "menu.moto-refund", "menu.moto-auth", "menu.moto-auth-void"), 3),
    OfferFallback(),
    SwipeCard(_SALE, kind="sale"),
    SwipeCard(Money(0), kind="balance"),
    EnterPin(None, 0, 60, None, wrong=False),
    SignOnPad(_SALE),
    CompareSignature(_SALE),
    CompareSignature(_LARGE),
    *(
        CardProblem(reason)
        for reason in CARD_REASONS
    ),
    ReadingCard(),
    ChooseApplication(("UnionPay Debit", "借记卡", "A label far longer than the panel"), 0, again=False),
    ChooseApplication(("UnionPay Debit",), 0, again=True),
    EnterPin(_SALE, 0, 60, None, wrong=False),
    EnterPin(_SALE, 4, 48, 3, wrong=False),
    EnterPin(_LARGE, 12, 9, None, wrong=False),
    EnterPin(_SALE, 0, 60, 1, wrong=False),
    EnterPin(_SALE, 2, 55, 2, wrong=True),
    EnterPin(_SALE, 0, 60, 1, wrong=True),
    Connecting("sale"),
    Connecting("sign_in"),
    Waiting("sale", 57),
    Waiting("qr_query", 5),
    Approved(_SALE, "A12345", ""),
    Approved(_LARGE, "", ""),
    Declined("05", "do not honour", ""),
    Declined("02", "refer to issuer, special condition", ""),
    Declined("95", "settling", "acquirer"),
    *(Declined("51", "余额不足", then) for then in NEXT_STEPS),
    Declined("22", "wrong operation, or outside the allowed days", "original"),
    Declined("XQ", "unknown answer XQ", "acquirer"),
    Approved(_SALE, "A12345", "confirm"),
    Approved(_LARGE, "A12345", "confirm"),
    WalletPaid(_SALE, None, believed=True, extra=""),
    WalletPaid(_SALE, Money(12_050), believed=True, extra=""),
    WalletPaid(Money(9_999_999), Money(9_000_000), believed=True, extra=""),
    WalletPaid(_SALE, None, believed=True, extra="获得红包 ¥0.88"),
    WalletPaid(_SALE, None, believed=False, extra=""),
    KeepCard(),
    PartApproved(Money(6425), Money(6425)),
    PartApproved(Money(9_999_999), Money(90_000_000)),
    StillDue(Money(6425)),
    StillDue(_LARGE),
    RemoveCard(),
    TryPinAgain(),
    Reversing(_SALE),
    ReversalPending(1, ""),
    ReversalPending(1, "XQ"),
    ReversalDone(_SALE),
    Original("sale", _SALE, "622500******0014", "000042"),
    Original("completion", _LARGE, "6217000*********0013", "000007"),
    Original("repayment", _LARGE, "6217000*********0013", "999999"),
    OutcomeUnknown(_SALE, ""),
    OutcomeUnknown(_SALE, "XQ"),
    Balance(_SALE),
    EnterNumber("rrn", "326112212345", "rrn"),
    EnterNumber("rrn", "3261", "rrn_wrong"),
    EnterNumber("auth_code", "123456", "auth_code"),
    EnterNumber("auth_code", "1", "auth_code_wrong"),
    EnterNumber("host_date", "1122", "host_date"),
    EnterNumber("host_date", "1322", "host_date_wrong"),
    EnterNumber("voucher_no", "000042", "voucher_no"),
    EnterNumber("voucher_no", "", "not_found"),
    *(
        NothingSent(reason)
        for reason in ("refused", "timeout", "unreachable", "tls-date", "tls", "broken", "garbled", "foreign")
    ),
    *(Printing(copy) for copy in ("merchant", "cardholder", "settlement", "self_test", "reprint", "qr")),
    *(PaperStopped(state) for state in ("low", "out", "cover-open", "offline")),
    ShowQr(_SALE, _CODE, 58),
    ShowQr(Money(12345678), _CODE, 118),
    ShowQr(_SALE, _LONG_CODE, 58),
    ShowESlip(_SALE, _ESLIP),
    QrOnPaper(_SALE, 118),
    ScanCode(_SALE, 58),
    ScanSlip(58),
    Problem("scan_slip.title", "scan_slip.wrong"),
    EnterNumber("order_no", "", "order_no"),
    EnterNumber("order_no", "42", "not_found"),
    *(BadCode(reason) for reason in ("not_payment", "unreadable", "goods", "used", "expired")),
    WalletPaying(_SALE, 30),
    QrUnknown(_SALE, "2611220135290001"),
    *(NothingSent(reason) for reason in ("wallet_keys", "wallet_library")),
    GiveUpOrder(_SALE),
    *(SameAmountOpen(_SALE, "14:05", selected) for selected in (0, 1)),
    OrderClosing(_SALE),
    *(OrderLate(_SALE, late) for late in ("completed", "refunded", "refused", *_ASKED_FOR)),
    OrderFound(_SALE, Money(0), "", "11-25 14:05", "completed", "000123"),
    OrderFound(_SALE, Money(1200), "wechat", "11-25 14:05", "settled", "000123"),
    OrderFound(_SALE, Money(0), "unionpay", "11-25 14:05", "closing", "000123"),
    AwaitReceipt(_SALE, 178),
    NotReceived(_SALE),
    ReceiptFound("wechat", _SALE, "11-25 14:05", "S00000042", "print"),
    ReceiptFound("", _LARGE, "11-25 14:05", "S00000043", "ok"),
    ReceiptFound("alipay", _SALE, "11-25 14:05", "S00000044", "yes"),
    ReceiptUnreadable("S00000045"),
    ReceiptUnreadable("#1"),
    ShowStatic(_CODE),
    *(RefundOpen(_SALE, why) for why in ("pending", "silent")),
    OrderClosed(_SALE),
    CashTendered(_SALE, Money(0)),
    CashTendered(_SALE, Money(20000)),
    CashChange(_SALE, Money(20000), Money(7150)),
    Today(_ROWS, 1, 3, Money(98925738)),
    Today(_ROWS[:2], 1, 1, _SALE),
    Today((), 1, 1, Money(0)),
    PickPayment((("14:05", _SALE), ("13:58", Money(99_999_999)), ("09:00", Money(1))), 1),
    Menu("menu.static_code", ("menu.receipts", "menu.print_code", "menu.show_code"), 0),
    Problem("menu.receipts", "receipts.none"),
    ConfirmSettlement(12, _SALE),
    ConfirmSettlement(9999, _LARGE),
    *(Settling(step) for step in ("recover", "reversals", "notices", "totals", "upload", "print", "close", "finish")),
    OfferParking(_SALE, "000042"),
    OfferParking(_LARGE, "999999"),
    *(LineAnswer(what, "", "", "", "") for what in ("echo", "sign_out", "cashier")),
    LineAnswer("sign_out", "", "77", "batch mismatch: sign in", "sign-in"),
    LineAnswer("cashier", "", "97", "终端未登记", "acquirer"),
    LineAnswer("echo", "timeout", "", "", ""),
    Menu("menu.host", ("menu.echo", "menu.sign_out", "menu.cashier", "menu.ways"), 0),
    HostWay(1, 1, "10.1.2.3:8583", "used"),
    HostWay(1, 2, "acquirer.example.com:8583 (eth0)", "resting"),
    HostWay(2, 2, "[2001:db8::8583]:8583 (wwan0)", "used"),
    HostWay(6, 6, "192.0.2.6:8583 (wlan0)", "ready"),
    Menu("menu.reports", ("menu.x_report", "menu.details", "menu.last_settlement", "menu.last_details"), 0),
    Menu("menu.reports", ("menu.details", "menu.last_settlement", "menu.last_details", "menu.reconcile"), 3),
    EnterNumber("bill_day", "1223", "bill_day"),
    EnterNumber("bill_day", "1332", "bill_day_wrong"),
    Connecting("bill"),
    *(BillFailed("acquirer", "1223", reason, "") for reason in ("not_yet", "too_long", "timeout")),
    BillFailed("alipay", "1223", "declined", "40"),
    Reconciled("wechat", "1223", 12, ()),
    Reconciled("acquirer", "1223", 998, (("missing", 1), ("fee", 12))),
    Reconciled("acquirer", "1223", 0, tuple((name, 99) for name in ("missing", "extra", "amount", "fee", "state"))),
    BillDifference("missing", 1, 5, "000042", _SALE, None),
    BillDifference("extra", 2, 5, "0000000042", None, _SALE),
    BillDifference("amount", 3, 5, "000043", _LARGE, _SALE),
    BillDifference("fee", 4, 5, "000044", Money(77), Money(87)),
    BillDifference("state", 123, 400, "000045", _SALE, _SALE),
    Settled(True, 12, _SALE),
    Settled(False, 12, _SALE),
    Activating(),
    Activated("掌柜测试商户", "898440153110001", "10000001"),
    *(ActivationFailed(reason, code) for reason, code in (("declined", "97"), ("used", "58"), ("timeout", ""))),
    Downloading("parameters", 0),
    *(Downloading(name, 128) for name in LISTS[1:]),
    *(DownloadFailed("ca_keys", reason, "") for reason in ("bad_list", "too_long", "bad_reply", "timeout")),
    DownloadFailed("blacklist", "declined", "40"),
    *(Downloads(tuple((n, at * 170, "11-22" if at else "") for at, n in enumerate(LISTS)), at) for at in (0, 1, 6)),
    Problem("", "Something that nobody foresaw has happened; call the service line and read them this text"),
    Problem("problem.title", "配置文件第12行有误，请联系服务商"),
    *(Refused(reason) for reason in REFUSALS),
    *(SignInDue(reason) for reason in SIGN_IN_REASONS),
    *(ServiceMode(reason) for reason in ("crashes", "journal", "keys", "self_test")),
    CheckClock("2026-11-22 01:35"),
    *(Locked(reason) for reason in ("tamper", "files", "keys-gone")),
    Cancelled(),
)
