"""While the host is asked, what it has said (approved, declined, a part, nothing), the card and signature after it."""

from __future__ import annotations

from typing import ClassVar

from terminal.model import Money
from terminal.screens.catalogue.parts import CORNER_CHARACTERS, fault, hinted, sentence
from terminal.screens.layout import Hint, Layout, Mark, Notice
from terminal.screens.values import value
from terminal.strings import Words


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
        text = words[own] if own in words else sentence(words, self.text)
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
        return Notice(words["part_approved.title"], lines=lines, hint=hinted(words, "undo", "take"))


@value
class StillDue:
    """A part was paid: what is left, and shall it be paid in another way?"""

    name: ClassVar[str] = "still_due"
    amount: Money

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["still_due.title"], amount=words.money(self.amount), hint=hinted(words, "back", "continue")
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
            hint=hinted(words, "cancel", "continue"),
        )


@value
class Cancelled:
    name: ClassVar[str] = "cancelled"

    def lay(self, words: Words) -> Layout:
        return Notice("", headline=words["cancelled.title"], mark=Mark.FAILED)


@value
class Balance:
    """What the cardholder's account holds."""

    name: ClassVar[str] = "balance"
    amount: Money

    def lay(self, words: Words) -> Layout:
        return Notice(words["balance.title"], amount=words.money(self.amount), hint=hinted(words, "", "ok"))


@value
class SignOnPad:
    name: ClassVar[str] = "sign_on_pad"
    amount: Money

    def lay(self, words: Words) -> Layout:
        hint = hinted(words, "paper", "")
        return Notice(words["sign_on_pad.title"], amount=words.money(self.amount), hint=hint)


@value
class CompareSignature:
    """The signed copy is in somebody's hand: is it the cardholder's signature?"""

    name: ClassVar[str] = "compare_signature"
    amount: Money

    def lay(self, words: Words) -> Layout:
        hint = hinted(words, "differs", "same")
        return Notice(words["compare_signature.title"], amount=words.money(self.amount), hint=hint)


@value
class NothingSent:
    """`reason` in room "fault": the values of LinkFault, and what an answer can be wrong with."""

    name: ClassVar[str] = "nothing_sent"
    reason: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["nothing_sent.title"],
            headline=fault(words, "nothing_sent", self.reason),
            corner=words["nothing_sent.paid"],
            mark=Mark.CAUTION,
            hint=hinted(words, "", "ok"),
        )


@value
class NotAnswered:
    """A question that moves no money was sent, and no answer came that can be believed. `reason` as in NothingSent."""

    name: ClassVar[str] = "not_answered"
    reason: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["not_answered.title"],
            headline=fault(words, "not_answered", self.reason),
            corner=words["not_answered.paid"],
            mark=Mark.CAUTION,
            hint=Hint(words["next.wait"], words["hint.ok"]),
        )
