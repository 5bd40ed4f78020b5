"""Electronic slips: what the acquirer's page shows of a payment to whoever has the code that the terminal has shown.

An answer that approves brings a key of ten characters, drawn for this payment and no other; the page's address is the
payment's number and that key, so that nobody finds slips by counting. The book keeps it: a code stays good.

Spec: docs/host-link.md, "E-slips".
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from contextlib import AbstractContextManager

from sim.acquirer.book import Book, Entry, Order

KEY_CHARACTERS = 10
KEY_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32 of them, none easily misread.
PATH = "S/"  # Where the page shows them, beneath its own address.


Slip = tuple[Order | Entry, int]  # A payment, and what went back of it since, in minor units.


class ESlips:
    """Over the acquirer's book. `draw(n)` gives n random bytes; `lock` is the acquirer's."""

    def __init__(self, book: Book, draw: Callable[[int], bytes], lock: AbstractContextManager[object]) -> None:
        self._book = book
        self._draw = draw
        self._lock = lock

    def key(self, payment: Order | Entry) -> str:
        """The key of this payment's slip, drawn the first time that somebody is to know it."""
        if not payment.eslip_key:
            payment.eslip_key = "".join(KEY_ALPHABET[byte % 32] for byte in self._draw(KEY_CHARACTERS))
            self._book.keep(payment)
        return payment.eslip_key

    def find(self, number: str, key: str) -> Slip | None:
        """The payment with this order number, or reference number of a card's, and what went back of it since.

        None for any other key.
        """
        with self._lock:
            payment = self._book.payment(number)
            if payment is None or not payment.eslip_key or not hmac.compare_digest(payment.eslip_key, key):
                return None
            given = self._book.refunds_of(payment) if isinstance(payment, Order) else self._book.about(payment)
            return payment, sum(each.amount_minor for each in given if each.standing)
