"""What the payment that a deal is about asks of its card: that it is the same one, and that it knows its PIN again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terminal.methods.reversal import unseal_card
from terminal.model import mask_pan
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx
    from terminal.methods.card_attempt import Deal


def is_the_same(shop: Shop, tx: Tx, deal: Deal, pan: str) -> bool:
    """Whether this is the original's card: by its sealed number, or once that is destroyed by what slips show."""
    if deal.undoes is None:
        return True
    sealed = unseal_card(shop, tx, deal.undoes)
    return sealed.pan == pan if sealed else deal.undoes.facts.get("masked_pan") == mask_pan(pan)


def had_pin(deal: Deal) -> bool:
    """Whether the original went with a PIN; of one that is not ours nobody knows, so the cardholder decides."""
    return deal.undoes is None or str(deal.undoes.facts.get("entry_mode", ""))[2:] == "1"
