"""Which rail carries an order out: the acquirer, or a wallet itself where the shop has a contract with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terminal.methods.host_rail import HostRail
from terminal.model import Method
from terminal.rail import ACQUIRER, Rail
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

RAIL = "rail"  # Fact of a payment: who has its order. A payment of before there were several has none.
ANY_WALLET = ""  # Whichever the customer has.


def rail_for(shop: Shop, method: Method, wallet: str = ANY_WALLET) -> Rail | None:
    """Who takes a new order of this wallet; None when nobody does: it has no contract, and the acquirer no scheme."""
    own = shop.rails.get(wallet)
    if own is not None and method in own.takes:
        return own
    return HostRail(shop) if shop.profile.qr_scheme != "none" else None


def wallets_for(shop: Shop, method: Method) -> tuple[str, ...]:
    """Whose new orders of this method somebody takes: wallets asked directly, then ANY_WALLET for the acquirer's."""
    direct = tuple(wallet for wallet, rail in shop.rails.items() if method in rail.takes)
    return (*direct, ANY_WALLET) if shop.profile.qr_scheme != "none" else direct


def all_rails(shop: Shop) -> tuple[Rail, ...]:
    """Each whom this shop may have orders with, once: the acquirer first."""
    acquirer = (HostRail(shop),) if shop.profile.qr_scheme != "none" else ()
    return (*acquirer, *{rail.name: rail for rail in shop.rails.values()}.values())


def rail_of(shop: Shop, payment: PaymentRecord) -> Rail | None:
    """Who has this payment's order; None when the shop is no longer connected to them, and it stays open."""
    name = str(payment.facts.get(RAIL, ACQUIRER))
    if name == ACQUIRER:
        return HostRail(shop)
    return next((rail for rail in shop.rails.values() if rail.name == name), None)
