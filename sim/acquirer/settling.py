"""0500: what the terminal has counted, beside the book; and the batch is closed.

A repeated 0500 is compared with what the batch was closed with, because its first answer may have been lost.

Spec: docs/host-link.md §6.
"""

from __future__ import annotations

from sim.acquirer.book import Book, Settlement
from sim.acquirer.requests import APPROVED, BATCH_MISMATCH, FORMAT_ERROR, Answer, Refused, Request
from sim.acquirer.wallets import WalletGateway
from terminal.hostlink.messages import Totals
from terminal.hostlink.profile import Profile

TOTALS_DIGITS = 62


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
        claimed = Totals(int(f48[:12]), int(f48[12:15]), int(f48[15:27]), int(f48[27:30]))
        foreign = f48[31:61]
        settled = batch.settlement
        if settled is None:
            for order in batch.orders.values():
                self._gateway.close(order, request.now_ms)  # What nobody has paid by now is not paid later.
            booked = batch.totals(with_qr=self._profile.qr_in_totals)
            settled = Settlement(claimed, booked, claimed == booked, request.now_ms)
            self._book.close_batch(batch, settled)
        domestic = "1" if claimed == settled.booked else "2"
        abroad = "1" if foreign.strip("0") == "" else "2"
        rrn = self._book.next_rrn(request.date)
        return Answer(APPROVED, {37: rrn, 48: f48[:30] + domestic + foreign + abroad, 15: request.date})
