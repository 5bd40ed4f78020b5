"""0500: what the terminal has counted, beside the book, domestic cards and foreign ones apart; and the batch is closed.

A repeated 0500 is compared with what the batch was closed with, because its first answer may have been lost.

Spec: docs/host-link.md §6.
"""

from __future__ import annotations

from sim.acquirer.book import Book, Settlement
from sim.acquirer.requests import APPROVED, BATCH_MISMATCH, FORMAT_ERROR, Answer, Refused, Request
from sim.acquirer.wallets import WalletGateway
from terminal.hostlink.messages import Totals
from terminal.hostlink.profile import Profile
from terminal.hostlink.subfields import TotalsResult

TOTALS_DIGITS = 62
HALF = 31  # Of domestic cards, then of foreign ones; the last digit of each is the result.


class SettlementDesk:
    def __init__(self, book: Book, gateway: WalletGateway, profile: Profile) -> None:
        self._book = book
        self._gateway = gateway
        self._profile = profile

    def settle(self, request: Request) -> Answer:
        """Raises Refused: 77 for a batch that is none of ours, 30 for other totals than 62 digits."""
        batch = self._book.batch(request.terminal, request.f60.batch_no)
        if batch is None:
            raise Refused(BATCH_MISMATCH)
        f48 = request.message.text(48)
        if len(f48) != TOTALS_DIGITS:
            raise Refused(FORMAT_ERROR)
        claimed, claimed_foreign = _half(f48[:HALF]), _half(f48[HALF:])
        settled = batch.settlement
        if settled is None:
            for order in batch.orders.values():
                self._gateway.close(order, request.now_ms)  # What nobody has paid by now is not paid later.
            booked = batch.halves(self._profile.is_foreign, with_qr=self._profile.qr_in_totals)
            agreed = booked == (claimed, claimed_foreign)
            settled = Settlement(claimed, booked[0], agreed, request.now_ms, claimed_foreign, booked[1])
            self._book.close_batch(batch, settled)
        domestic = f48[: HALF - 1] + _result(claimed == settled.booked)
        foreign = f48[HALF:-1] + _result(claimed_foreign == settled.booked_foreign)
        rrn = self._book.next_rrn(request.date)
        return Answer(APPROVED, {37: rrn, 48: domestic + foreign, 15: request.date})


def _half(digits: str) -> Totals:
    return Totals(int(digits[:12]), int(digits[12:15]), int(digits[15:27]), int(digits[27:30]))


def _result(agrees: bool) -> str:
    return str((TotalsResult.BALANCED if agrees else TotalsResult.NOT_BALANCED).value)
