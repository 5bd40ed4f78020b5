"""Pay by magnetic stripe: track 2 to the host, the PIN enciphered for the issuer, and a signature on paper.

A stripe proves nothing and can be copied, so nothing is approved without the host, and the slip is signed. The card's
service code or the profile says whether the PIN is asked for. The track lives in the request and nowhere else: what a
reversal repeats (number and expiry) is sealed with the payment, as for a chip.

Spec: docs/host-link.md §2 (F22, F35, F36, 60.5), §3, §5; ISO/IEC 7813 (service code).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from emv.commands import PinResult
from emv.track import Stripe
from keys import KeyRefused
from terminal.dialogue import acknowledge
from terminal.hostlink.card_messages import CHIP_FAILED, NOT_A_CHIP, SWIPED, CardFields
from terminal.hostlink.codec import FrameError
from terminal.hostlink.codes import Action
from terminal.hostlink.profile import PinRule
from terminal.hostlink.transactions import Card
from terminal.loop import Commit
from terminal.methods.answers import what_next
from terminal.methods.card_attempt import Attempt, Deal, amount_asked, move, new_payment
from terminal.methods.card_ending import PIN_TRIES, WRONG_PIN, complete, not_sold, payment_is_told, tell_balance
from terminal.methods.card_host import ask_host, durable_request
from terminal.methods.card_slips import VERIFICATIONS, card_slip
from terminal.methods.original import had_pin, is_the_same
from terminal.methods.pin_entry import PIN_PAN_DIGITS, enter_pin
from terminal.model import Mode, PaymentState
from terminal.printing import slip_head
from terminal.receipts import Entry
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

def chip_wanted(shop: Shop, payment: PaymentRecord) -> bool:
    """Whether the host has refused the stripe and wants the chip."""
    swiped = str(payment.facts.get("entry_mode", "")).startswith(SWIPED)
    return swiped and what_next(shop, payment) is Action.CHIP


async def pay(shop: Shop, deal: Deal, stripe: Stripe, chip: str = NOT_A_CHIP) -> PaymentRecord:
    """A transaction by a stripe that was read; the payment as it ended. `chip` is 60.5: CHIP_FAILED is a fallback."""
    for attempt_no in range(1, PIN_TRIES + 1):
        attempt = Attempt(await Commit(lambda tx: new_payment(shop, tx, deal)), deal)
        await _attempt(shop, attempt, stripe, chip)
        again = attempt.host_code == WRONG_PIN and attempt_no < PIN_TRIES and shop.mode is Mode.SIGNED_IN
        if not again or await acknowledge(shop, screens.TryPinAgain()) is not Key.ENTER:
            break
    return attempt.payment


async def _attempt(shop: Shop, attempt: Attempt, stripe: Stripe, chip: str) -> None:
    """The original's card, one PIN, one request, one end."""
    track, deal = stripe.track2, attempt.deal
    if not await Commit(lambda tx: is_the_same(shop, tx, deal, track.pan)):
        await _unusable(shop, attempt, "other-card", "other_card")
        return
    if _wants_pin(shop, attempt.deal, stripe):
        if len(track.pan) not in PIN_PAN_DIGITS:
            await _unusable(shop, attempt)
            return
        amount, may_skip = amount_asked(attempt.payment), _nobody_knows(shop, deal)
        attempt.pin = await enter_pin(shop, amount, track.pan, in_slot=False, may_skip=may_skip)
        if attempt.pin.result not in (PinResult.ENTERED, PinResult.BYPASSED):
            timed_out = attempt.pin.result is PinResult.TIMED_OUT
            await move(attempt, PaymentState.ABANDONED, why="pin-timed-out" if timed_out else "pin-cancelled")
            await acknowledge(shop, screens.Cancelled())
            return
    fields = CardFields(
        track.pan, track.expiry, track2=track.text, track3=stripe.track3, entry=SWIPED, chip=chip
    )
    try:
        request = await durable_request(shop, attempt, fields)
    except (FrameError, KeyRefused):
        await _unusable(shop, attempt)
        return
    await ask_host(shop, attempt, request)
    if attempt.payment.state not in (PaymentState.APPROVED, PaymentState.OFFLINE_APPROVED):
        await not_sold(shop, attempt)
        return
    if payment_is_told(shop, attempt):
        await tell_balance(shop, attempt)
        return
    slip = card_slip(
        attempt.payment,
        await slip_head(shop, str(attempt.payment.facts["batch_no"])),
        verification=VERIFICATIONS[bool(attempt.pin and attempt.pin.block), True],
        entry=Entry.FALLBACK if chip == CHIP_FAILED else Entry.SWIPE,
    )
    await complete(shop, attempt, slip)


def _wants_pin(shop: Shop, deal: Deal, stripe: Stripe) -> bool:
    row = shop.profile.transactions[deal.kind]
    if row.card is Card.READ:
        return row.pin and had_pin(deal)
    return row.pin and (shop.profile.stripe_pin is PinRule.ALWAYS or stripe.track2.wants_pin)


def _nobody_knows(shop: Shop, deal: Deal) -> bool:
    """Whether the cardholder has to say if a PIN went with the original: it is not ours."""
    return shop.profile.transactions[deal.kind].card is Card.READ and deal.undoes is None


async def _unusable(shop: Shop, attempt: Attempt, why: str = "bad-stripe", problem: str = "bad_data") -> None:
    """The stripe was read and no request can carry it, or may: nobody was asked."""
    await move(attempt, PaymentState.ABANDONED, why=why)
    shop.sound(Tone.FAILURE)
    await acknowledge(shop, screens.CardProblem(reason=problem))
