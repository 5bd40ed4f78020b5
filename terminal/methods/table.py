"""METHODS: what a merchant can choose, and who carries it out. To add a way to pay, add a file and a row."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from terminal.hostlink.profile import Profile
from terminal.methods import card, cash, qr, qr_static
from terminal.methods.qr_order import THROUGH_ORDERS
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


def offered(profile: Profile) -> tuple[tuple[Method, Pay], ...]:
    """The rows that this acquirer can carry out: without a QR scheme, none of the wallets'."""
    none = set() if profile.qr_scheme != "none" else {*THROUGH_ORDERS, Method.QR_STATIC}
    if not profile.qr_static_account:
        none.add(Method.QR_STATIC)
    return tuple(row for row in METHODS if row[0] not in none)
