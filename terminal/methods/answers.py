"""What the host's answer (field 39) says to people: the words of the screen, what to do next, whether the card stays.

Source: docs/host-link.md §8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from terminal.hostlink.card_messages import MANUAL
from terminal.hostlink.codes import Action, action_of, lookup
from terminal.model import PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord


def what_next(shop: Shop, payment: PaymentRecord) -> Action | None:
    """What the merchant does after this payment's answer; None without one. A card that is not there is not kept."""
    code = str(payment.facts.get("response_code", ""))
    if not code:
        return None
    card_is_here = not str(payment.facts.get("entry_mode", MANUAL)).startswith(MANUAL)
    return action_of(code, shop.profile.keep_card_codes if card_is_here else ())


def keeps_card(shop: Shop, payment: PaymentRecord) -> bool:
    """Whether the issuer wants the card back, so that its holder is not asked to take it."""
    return payment.state is PaymentState.DECLINED and what_next(shop, payment) is Action.KEEP_CARD


def refusal_screen(shop: Shop, payment: PaymentRecord, code: str) -> screens.Declined:
    """The host's no in the shop's language."""
    words, action = lookup(code), what_next(shop, payment)
    text = words.zh if shop.language == "zh-CN" else words.en
    return screens.Declined(code=code, text=text, then=action.value if action else "")
