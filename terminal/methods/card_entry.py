"""How the card comes, into the slot or through the stripe reader, and how it goes.

One screen asks for both, and says so, where a stripe reader is fitted. A stripe that cannot be read may be swiped
again. A card with a chip is sent to the slot as long as the chip reader works.
"""

from __future__ import annotations

from enum import Enum

from drivers.ports import CardMute, DeviceError, Key, Presence, Tone
from emv.track import Stripe, TrackError, read_swipe
from terminal.loop import CallOverdue, Offload, Race, Sleep, Wait
from terminal.model import Kind, Money
from terminal.screens import catalogue as screens
from terminal.shop import Shop

RESET_DEADLINE_MS = 15_000
RESETS = 3  # Times that a mute card may be turned round.
SWIPES = 5  # Swipes of no use before the sale is given up: a dirty head, or somebody who tries card after card.
REMOVE_TONE_MS = 2_000


class Came(Enum):
    """What came of waiting; a swipe is its Stripe instead."""

    CHIP = "chip"  # It is powered.
    UNREAD = "unread"  # A card came RESETS times, and its chip never answered.
    NOBODY = "nobody"  # Cancelled, or time was up.


async def card_comes(shop: Shop, due: Money, kind: Kind, *, stripe: bool) -> Came | Stripe:
    """Wait for a card that answers to reset or, with `stripe`, for a swipe that can be used."""
    for _ in range(RESETS):
        came = await _wait_for_card(shop, screens.InsertCard(due, stripe, kind.value))
        if came is not Came.CHIP:
            return came
        shop.show(screens.ReadingCard())
        try:
            await Offload("reader", shop.devices.reader.power_on, RESET_DEADLINE_MS)
            return Came.CHIP
        except CardMute:
            shop.sound(Tone.FAILURE)
            shop.show(screens.CardProblem(reason="mute"))
        except (DeviceError, CallOverdue):
            shop.sound(Tone.FAILURE)
            shop.show(screens.CardProblem(reason="reader_lost"))
        if not await _wait_until_absent(shop):
            return Came.NOBODY
    return Came.UNREAD


async def _wait_for_card(shop: Shop, question: screens.InsertCard) -> Came | Stripe:
    """CHIP when a card is in the slot, still without power."""
    shop.boxes.keys.renew()
    shop.boxes.cards.renew()
    shop.boxes.swipes.renew()
    presence, problem, swipes = shop.card_presence, "", 0
    while presence is not Presence.PRESENT and swipes < SWIPES:
        reason = problem or ("reader_lost" if presence is Presence.READER_LOST else "")
        shop.show(screens.CardProblem(reason=reason) if reason else question)
        waits = (Wait(shop.boxes.cards), Wait(shop.boxes.keys), Sleep(shop.config.timeouts.card_ms))
        won, value = await Race(*waits, Wait(shop.boxes.swipes)) if question.swipe else await Race(*waits)
        if won == 2:
            return Came.NOBODY
        if won == 0:
            presence, problem = value, ""
        elif won == 3:
            read = read_stripe(shop, value)
            if isinstance(read, Stripe) and (presence is Presence.READER_LOST or not read.track2.has_chip):
                return read
            shop.sound(Tone.FAILURE)
            problem = "chip_card_swiped" if isinstance(read, Stripe) else read
            swipes += 1
        elif value is Key.CANCEL:
            shop.sound(Tone.KEY)
            return Came.NOBODY
    return Came.CHIP if presence is Presence.PRESENT else Came.NOBODY


def read_stripe(shop: Shop, line: bytes) -> Stripe | str:
    """One swipe, or why it is of no use in a word of the room "card_problem"."""
    try:
        return read_swipe(line, with_lrc=shop.config.stripe.lrc)
    except TrackError:
        return "bad_stripe"  # Where and why is a technician's affair: the person can only swipe again.


async def _wait_until_absent(shop: Shop) -> bool:
    """Until the card that would not answer is out; False on CANCEL or when nobody moves."""
    while shop.card_presence is Presence.PRESENT:
        won, value = await Race(Wait(shop.boxes.cards), Wait(shop.boxes.keys), Sleep(shop.config.timeouts.card_ms))
        if won == 2 or (won == 1 and value is Key.CANCEL):
            return False
    return True


async def card_removed(shop: Shop, *, kept: bool = False) -> None:
    """请取卡: until the slot is empty. `kept`: it is the merchant who takes it, and keeps it."""
    while shop.card_presence is Presence.PRESENT:
        shop.show(screens.KeepCard() if kept else screens.RemoveCard())
        shop.sound(Tone.ATTENTION)
        await Race(Wait(shop.boxes.cards), Sleep(REMOVE_TONE_MS))
