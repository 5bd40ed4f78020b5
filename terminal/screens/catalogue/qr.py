"""Orders of wallets: the code shown, the code scanned, how it ended; the printed code."""

from __future__ import annotations

from typing import ClassVar

from terminal.model import Money
from terminal.screens.catalogue.parts import hinted, numbered
from terminal.screens.layout import Hint, Layout, Listing, Mark, MenuList, Notice, QrLayout
from terminal.screens.values import value
from terminal.strings import Words


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
            hint=hinted(words, "stop", ""),
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
        hint = hinted(words, "back", "")
        text = words["scan_slip.text"]
        return Notice(words["scan_slip.title"], headline=text, corner=corner, mark=Mark.PAPER, hint=hint)


@value
class BadCode:
    """`reason` in room "bad_code": what the scan is instead of a payment code, or why the host cannot charge it."""

    name: ClassVar[str] = "bad_code"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("bad_code", self.reason)
        hint = hinted(words, "cancel", "retry")
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
            hint=hinted(words, "back", "query"),
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
            hint=hinted(words, "no", "yes"),
        )


@value
class SameAmountOpen:
    """An amount was typed of which a sale of `at` "14:05" is still open: that one, or another on purpose."""

    name: ClassVar[str] = "same_amount_open"
    amount: Money
    at: str
    selected: int

    def lay(self, words: Words) -> Layout:
        items = numbered((words.say("same_amount.query", at=self.at), words["same_amount.new"]))
        return MenuList(words["same_amount.title"], items, self.selected, corner=words.money(self.amount))


@value
class OrderClosing:
    """Given up, and not closed yet: it may still be paid, and is asked about until it cannot be."""

    name: ClassVar[str] = "order_closing"
    amount: Money

    def lay(self, words: Words) -> Layout:
        lines = (words["order_closing.text"],)
        return Notice(words["order_closing.title"], amount=words.money(self.amount), lines=lines, mark=Mark.WAIT)


ASKED_FOR = ("given_back", "not_given_back")


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
        title = words["order_late.title"] if self.late not in ASKED_FOR else words.about("kind_name", "refund")
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
            hint=hinted(words, "back", "query"),
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
            hint=hinted(words, "" if self.green == "ok" else "back", self.green),
        )


@value
class ReceiptUnreadable:
    """Something was paid to the printed code, and what the host tells of it cannot be read. `called`: which one."""

    name: ClassVar[str] = "receipt_unreadable"
    called: str

    def lay(self, words: Words) -> Layout:
        lines = (self.called, words["receipt_unreadable.ask"])
        return Notice(words["receipt_unreadable.title"], lines=lines, hint=hinted(words, "", "ok"))


@value
class ShowStatic:
    """The shop's own code, without amount or end."""

    name: ClassVar[str] = "show_static"
    payload: str

    def lay(self, words: Words) -> Layout:
        hint, too_big = hinted(words, "back", ""), words["show_qr.too_big"]
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
    hint = hinted(words, "cancel", "")
    return Notice(words[title], amount=words.money(amount), corner=corner, mark=mark, hint=hint)
