"""Technical fallback: the stripe of a card whose chip could not be read, when the rules and a person allow it.

A stripe is what a chip replaced because it can be copied, so fallback is the door that a copied card wants. It opens
only after the chip *could not be read*; a chip that was read and said no (blocked, declined, a PIN problem) has been
heard. RULES is that, a row a reason, each with why. Then the profile decides who has to agree, the stripe must be a
chip card's (and of the same number, where the chip got so far), and the host has the last word: 45 sends the card
back to its chip. Each fallback is counted in the journal ("fallback") and named in its payment.

EMV leaves fallback to the payment systems; these rules follow their common practice, from memory of it.
Spec: docs/host-link.md §2 (60.5), §8 (45).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from emv import commands as kernel
from emv.track import Stripe
from terminal.dialogue import acknowledge
from terminal.hostlink.card_messages import CHIP_FAILED
from terminal.hostlink.profile import Fallback, Profile
from terminal.loop import Commit, Now, Race, Sleep, Wait
from terminal.methods import magstripe
from terminal.methods.card_attempt import Deal
from terminal.methods.card_entry import SWIPES, read_stripe
from terminal.operators import supervisor_agrees
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

MUTE, READER_LOST = "mute", "reader-failed"
OFFER_MS = 30_000  # To agree, and again to swipe: the card is in somebody's hand.
COUNT_LIMIT = 99_999_999
PAN_5A = 0x5A


class Verdict(Enum):
    """What the rules say of one reason."""

    YES = "yes"
    NO = "no"
    PROFILE = "profile"  # If the profile's `fallback_without_application` says so.


@dataclass(frozen=True, slots=True)
class Rule:
    verdict: Verdict
    why: str


_YES, _NO, _PROFILE = Verdict
# By the words of the reader and of emv.rules.REASONS. What has no row here has no fallback.
RULES: Mapping[str, Rule] = MappingProxyType(
    {
        MUTE: Rule(_YES, "no answer to reset, three times"),
        READER_LOST: Rule(_YES, "the chip reader is out of use"),
        "bad-data": Rule(_YES, "what the chip sends cannot be read"),
        "too-much": Rule(_YES, "the chip answers without end"),
        "data-missing": Rule(_YES, "the chip lacks what every transaction needs"),
        "no-application": Rule(_PROFILE, "the chip works, and has nothing for this terminal"),
        "card-refused": Rule(_NO, "the chip works and refused"),
        "card-blocked": Rule(_NO, "the issuer has blocked the chip: its stripe would get round that"),
        "application-blocked": Rule(_NO, "the issuer has blocked the application"),
        "service-not-allowed": Rule(_NO, "the issuer does not allow the service"),
        "declined-by-card": Rule(_NO, "the chip was read and declined"),
        "declined-offline": Rule(_NO, "the chip was read, and the rules of risk declined"),
        "declined-by-issuer": Rule(_NO, "the issuer declined"),
        "unable-to-go-online": Rule(_NO, "a stripe needs the host still more"),
        "referred": Rule(_NO, "the issuer wants to be called"),
        "issuer-not-authentic": Rule(_NO, "the chip was read and declined"),
        "card-not-authenticated": Rule(_NO, "the chip may be forged: so may its stripe"),
        "cryptogram-not-allowed": Rule(_NO, "the chip may be forged: so may its stripe"),
        "pin-tries-exceeded": Rule(_NO, "a stripe must not give new tries"),
        "pin-cancelled": Rule(_NO, "the cardholder's own decision"),
        "pin-timed-out": Rule(_NO, "nobody was there to type"),
        "cancelled": Rule(_NO, "the cardholder's own decision"),
        "removed": Rule(_NO, "the chip worked until it was pulled out: insert it again"),
    }
)


@dataclass(frozen=True, slots=True)
class Failed:
    """How a chip failed: a reason of RULES, or "" if it did not. `pan` is its number, where it got so far."""

    reason: str
    pan: str = field(default="", repr=False)

    @classmethod
    def from_kernel(cls, outcome: kernel.Outcome | kernel.CardError) -> Failed:
        """What the kernel says of a session that never asked the host."""
        if isinstance(outcome, kernel.CardError):
            return cls(outcome.reason)
        return cls(outcome.reason, outcome.data.get(PAN_5A, b"").hex().rstrip("f"))


def allowed(profile: Profile, reason: str) -> bool:
    """Whether rules and profile let this reason end in a swipe, if somebody agrees."""
    rule = RULES.get(reason)
    if rule is None or profile.fallback is Fallback.FORBIDDEN:
        return False
    return rule.verdict is _YES or (rule.verdict is _PROFILE and profile.fallback_without_application)


async def offer(
    shop: Shop, deal: Deal, failed: Failed, swiped: Stripe | None = None
) -> PaymentRecord | None:
    """Fallback, if everybody agrees: the payment as it ended, or None. `swiped`: the card has been swiped already."""
    if not allowed(shop.profile, failed.reason):
        if swiped is not None:
            shop.sound(Tone.FAILURE)
            await acknowledge(shop, screens.CardProblem(reason="reader_lost"))
        return None
    if not await _agreed(shop):
        return None
    stripe = swiped or await _swipe(shop, deal, failed)
    if stripe is None:
        return None
    await Commit(lambda tx: tx.count("fallback", limit=COUNT_LIMIT))
    named = replace(deal, facts={**deal.facts, "fallback": failed.reason})
    return await magstripe.pay(shop, named, stripe, CHIP_FAILED)


async def _agreed(shop: Shop) -> bool:
    if await acknowledge(shop, screens.OfferFallback(), OFFER_MS) is not Key.ENTER:
        return False
    return shop.profile.fallback is not Fallback.SUPERVISOR or await supervisor_agrees(shop)


async def _swipe(shop: Shop, deal: Deal, failed: Failed) -> Stripe | None:
    """请刷卡, for OFFER_MS and SWIPES swipes at most: the stripe of the card whose chip failed."""
    shop.boxes.keys.renew()
    shop.boxes.swipes.renew()
    deadline_ms = (await Now()).mono_ms + OFFER_MS
    problem, swipes = "", 0
    while swipes < SWIPES and (left_ms := deadline_ms - (await Now()).mono_ms) > 0:
        shop.show(screens.CardProblem(reason=problem) if problem else screens.SwipeCard(deal.amount, deal.kind.value))
        won, value = await Race(Wait(shop.boxes.swipes), Wait(shop.boxes.keys), Sleep(left_ms))
        if won == 2 or (won == 1 and value is Key.CANCEL):
            return None
        if won == 0:
            read = read_stripe(shop, value)
            if isinstance(read, Stripe) and read.track2.has_chip and failed.pan in ("", read.track2.pan):
                return read
            shop.sound(Tone.FAILURE)
            problem = "another_card" if isinstance(read, Stripe) else read
            swipes += 1
    return None
