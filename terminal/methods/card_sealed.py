"""A card payment is taken back without its card: by the number that was sealed with it. No PIN, no track, no chip.

For the cases where the card must not decide: the signature does not match, and whoever holds the card is not to be
asked for it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Tone
from emv import commands as kernel
from keys import KeyRefused
from terminal.dialogue import acknowledge
from terminal.hostlink.card_messages import MANUAL, CardFields
from terminal.hostlink.codec import FrameError
from terminal.loop import Commit
from terminal.methods.card import begin
from terminal.methods.card_attempt import Attempt, Deal
from terminal.methods.card_ending import conclude
from terminal.methods.card_host import ask_host, durable_request
from terminal.methods.order import way_is_clear
from terminal.methods.reversal import unseal_card
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord


async def transact_sealed(shop: Shop, deal: Deal) -> PaymentRecord | None:
    """As `card.transact`, with the card of `deal.undoes` from its seal; None when nothing was begun."""
    original = deal.undoes
    if original is None:
        raise ValueError("nothing was sealed for a deal without an original of ours")
    if not await way_is_clear(shop, deal.kind):
        return None
    card = await Commit(lambda tx: unseal_card(shop, tx, original))
    if card is None:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason="original_settled"))
        return None
    fields = CardFields(card.pan, card.expiry, card.card_sequence, entry=MANUAL)
    return await ask_without_card(shop, await begin(shop, deal), fields)


async def ask_without_card(shop: Shop, attempt: Attempt, fields: CardFields) -> PaymentRecord:
    """The request of a payment whose card is only a number, and its end."""
    outcome: kernel.CardError | None = None
    try:
        await ask_host(shop, attempt, await durable_request(shop, attempt, fields))
    except (FrameError, KeyRefused) as fault:
        outcome = kernel.CardError(str(fault))
    return await conclude(shop, attempt, outcome)
