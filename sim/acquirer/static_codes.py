"""The shops' printed codes: a wallet pays an amount of its own choice, and the terminal is told when it asks.

One receipt an answer, oldest first; the next question says that it is durable there, and only then is it told no more.
What the terminal could not read it passes over, by their number: the one behind them is told, and they wait on. 25 when
nothing else waits. No receipt is in a batch.

Spec: docs/host-link.md §12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from emv import qr
from sim.acquirer.book import Book, Receipt, TerminalId
from sim.acquirer.faults import Fault, FaultKind
from sim.acquirer.requests import APPROVED, FORMAT_ERROR, NOT_FOUND, Answer, Refused, Request
from sim.acquirer.wallets import PayResult, Wallet
from terminal.hostlink.profile import Profile
from terminal.hostlink.subfields import OrderTag, read_tlv, write_tlv

CHINA = timezone(timedelta(hours=8))
TOO_MUCH_MINOR = 100_000_000  # The first amount that nobody can type at a till.
FIRST_DIGIT_MINOR = 10**11  # Of the twelve of field 4.
LIKE_A_TRACK = "1111222233334444D"


class StaticDesk:
    """Takes what wallets pay to printed codes, and announces it. `account`: the acquirer's identifier in its codes."""

    def __init__(self, book: Book, profile: Profile) -> None:
        self._book = book
        self._account = profile.qr_static_account

    def pay(self, payload: str, wallet: Wallet, amount_minor: int, now_ms: int) -> PayResult:
        """A user has scanned a printed code and typed an amount. Whoever calls holds the acquirer's lock."""
        terminal = self._terminal_of(payload)
        if terminal is None:
            return PayResult.UNKNOWN_CODE
        if wallet.balance_minor < amount_minor:
            return PayResult.INSUFFICIENT_FUNDS
        wallet.balance_minor -= amount_minor
        number = f"S{len(self._book.receipts_of(terminal)) + 1:08d}"
        kind = wallet.kind.value
        self._book.add_receipt(Receipt(terminal, number, amount_minor, kind, f"T{number}", now_ms))
        return PayResult.PAID

    def _terminal_of(self, payload: str) -> TerminalId | None:
        try:
            code = qr.parse(payload)
        except qr.QrError:
            return None
        if code.dynamic or not self._account or code.text("26", "00") != self._account:
            return None
        return code.text("26", "01"), code.text("62", "07")

    def answer(self, request: Request) -> Answer:
        """Raises Refused: 25 when nothing waits to be told."""
        receipts = self._book.receipts_of(request.terminal)
        text = request.message.text(59)
        tags = read_tlv(text) if text else {}
        taken, passed_over = receipts.get(tags.get(OrderTag.RECEIPT_NO, "")), tags.get(OrderTag.PASSED_OVER, "0")
        if not re.fullmatch("[0-9]{1,2}", passed_over):
            raise Refused(FORMAT_ERROR)
        if taken is not None and not taken.taken:
            taken.taken = True
            self._book.keep(taken)
        if taken is not None and FaultKind.TOLD_AGAIN in request.faults:
            return _announced(taken)
        waiting = [receipt for receipt in receipts.values() if not receipt.taken][int(passed_over) :]
        if not waiting:
            raise Refused(NOT_FOUND)
        return _announced(_spoilt(waiting[0], request.faults))


def _spoilt(receipt: Receipt, faults: Mapping[FaultKind, Fault]) -> Receipt:
    """As it is told; the book's own stays as it is."""
    if FaultKind.LARGE_RECEIPT in faults:
        more_minor = TOO_MUCH_MINOR + faults[FaultKind.LARGE_RECEIPT].digit * FIRST_DIGIT_MINOR
        receipt = replace(receipt, amount_minor=receipt.amount_minor % TOO_MUCH_MINOR + more_minor)
    if FaultKind.TRACK_RECEIPT in faults:
        receipt = replace(receipt, number=LIKE_A_TRACK + receipt.number[1:])
    return receipt


def _announced(receipt: Receipt) -> Answer:
    tags = {
        OrderTag.WALLET: receipt.wallet,
        OrderTag.WALLET_NO: receipt.wallet_no,
        OrderTag.RECEIPT_NO: receipt.number,
        OrderTag.PAID_AT: f"{datetime.fromtimestamp(receipt.paid_ms / 1000, CHINA):%Y%m%d%H%M%S}",
    }
    return Answer(APPROVED, {4: f"{receipt.amount_minor:012d}", 59: write_tlv(tags)})
