"""What the host's answer (field 39) says to people: the words of the screen, what to do next, whether the card stays.

Source: docs/host-link.md §8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from terminal.hostlink.card_messages import MANUAL
from terminal.hostlink.codes import Action, action_of, lookup
from terminal.model import Method, PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord


ABOUT_A_CARD = (Action.CHIP, Action.PIN, Action.OTHER_CARD, Action.KEEP_CARD)
# What a sign-in, an echo or a cashier has not: a host that says so is misunderstood, and the acquirer knows why.
ABOUT_A_PAYMENT = (*ABOUT_A_CARD, Action.AMOUNT, Action.ORIGINAL, Action.ISSUER, Action.DONE, Action.CONFIRM)


def what_next(shop: Shop, payment: PaymentRecord) -> Action | None:
    """What the merchant does after this payment's answer; None without one, and of a wallet for what cards only have.

    A card that is not there is not kept.
    """
    code = str(payment.facts.get("response_code", ""))
    if not code:
        return None
    card_is_here = not str(payment.facts.get("entry_mode", MANUAL)).startswith(MANUAL)
    action = action_of(code, shop.profile.keep_card_codes if card_is_here else ())
    return None if payment.method is not Method.CARD and action in ABOUT_A_CARD else action


def keeps_card(shop: Shop, payment: PaymentRecord) -> bool:
    """Whether the issuer wants the card back, so that its holder is not asked to take it."""
    return payment.state is PaymentState.DECLINED and what_next(shop, payment) is Action.KEEP_CARD


def refusal_screen(shop: Shop, payment: PaymentRecord) -> screens.Declined:
    """The host's no to this payment in the shop's language."""
    code, action = str(payment.facts["response_code"]), what_next(shop, payment)
    return screens.Declined(code=code, text=words_of(shop, code), then=action.value if action else "")


def words_of(shop: Shop, code: str) -> str:
    """What a code says, in the shop's language."""
    words = lookup(code)
    return words.zh if shop.language == "zh-CN" else words.en


def next_step(code: str) -> Action:
    """What follows from a no to something that is no payment."""
    action = lookup(code).action
    return Action.ACQUIRER if action in ABOUT_A_PAYMENT else action
