"""METHODS: what a merchant can choose, and who carries it out. To add a way to pay, add a file and a row."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from terminal.methods import card, cash, qr, qr_static
from terminal.methods.qr_order import THROUGH_ORDERS
from terminal.methods.rails import wallets_for
from terminal.model import Method, Money
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

Pay = Callable[[Shop, Money], Coroutine[Any, Any, "PaymentRecord | None"]]
METHODS: tuple[tuple[Method, Pay], ...] = (
    (Method.CARD, card.pay),
    (Method.QR_SHOWN, qr.pay_shown),
    (Method.QR_SCANNED, qr.pay_scanned),
    (Method.CASH, cash.pay),
    (Method.QR_STATIC, qr_static.pay),
)


def offered(shop: Shop) -> tuple[tuple[Method, Pay], ...]:
    """The rows that somebody can carry out: a wallet's need the acquirer's QR scheme, or a contract with the wallet."""
    printed = shop.profile.qr_scheme != "none" and bool(shop.profile.qr_static_account)

    def possible(method: Method) -> bool:
        if method is Method.QR_STATIC:
            return printed
        return method not in THROUGH_ORDERS or bool(wallets_for(shop, method))

    return tuple(row for row in METHODS if possible(row[0]))
