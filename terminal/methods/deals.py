"""A deal with a card, carried out as its row of TRANSACTIONS wants: the card, its number, or its seal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terminal.hostlink.transactions import Card
from terminal.methods import card
from terminal.methods.card_attempt import Deal
from terminal.methods.card_sealed import transact_sealed
from terminal.methods.card_typed import transact_typed
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord


async def transact(shop: Shop, deal: Deal) -> PaymentRecord | None:
    """The payment as it ended; None when nothing was begun."""
    match shop.profile.transactions[deal.kind].card:
        case Card.NONE:
            return await transact_sealed(shop, deal)
        case Card.TYPED:
            return await transact_typed(shop, deal)
    return await card.transact(shop, deal)
