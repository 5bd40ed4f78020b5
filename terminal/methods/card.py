"""Pay by chip card, or undo it: the one place that drives a kernel, and what its outcome means for the payment.

One `send` loop and one exhaustive match translate the kernel's requests into device calls, screens and host messages.
The payment's state in the journal always comes first: durable before the request leaves, decided before the next
screen. What the kernel says at the end can only confirm or undo what the host has said, never replace it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from drivers.ports import CardFault, CardGone, CardMute, DeviceError, Key, Presence, Tone
from emv import commands as kernel
from emv.kernel import Session, TransactionData, contact_session, read_card
from keys import KeyRefused, Pin
from keys.offline_pin import padding_bytes, verify_enciphered, verify_plain
from terminal.dialogue import acknowledge, choose
from terminal.hostlink import transactions
from terminal.loop import CallOverdue, Commit, Draw, Now, Offload, Race, Sleep, Wait
from terminal.methods.card_ending import WRONG_PIN, Attempt, Deal, conclude
from terminal.methods.card_host import ask_issuer, card_of
from terminal.methods.pin_entry import enter_pin, type_pin
from terminal.methods.reversal import (
    clear_reversals_for_sale,
    pending_reversals,
    unseal_card,
)
from terminal.model import Kind, Method, Mode, Money, mask_pan
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

APDU_DEADLINE_MS = 30_000  # A silent card held a real reader for 25 s; after that the reader is quarantined.
CARD_TIME_MS = 90_000  # Of one session, spent waiting for the card. A slow card takes ten seconds in all.
RESET_DEADLINE_MS = 15_000
PIN_TRIES = 3  # Wrong PINs in one sale, before the person is asked to start anew.
RESETS = 3  # Times that a mute card may be turned round.
REMOVE_TONE_MS = 2_000
PAN_5A = 0x5A
# What the cardholder reads is shown in the card's language. Spec: EMV 4.4 Book 4 §11.1.
TO_THE_CARD = (kernel.Transceive, kernel.VerifyPin)
TO_THE_CARDHOLDER = (kernel.ChooseApplication, kernel.AskPin, kernel.AskOfflinePin)
SPOKEN = {"zh": "zh-CN", "en": "en"}  # ISO 639, as the kernel names languages, to ours.
PIN_PAN_DIGITS = range(13, 20)  # A PIN block needs 12 digits beside the check digit (ISO 9564-1 §9.3.2).


async def pay(shop: Shop, due: Money) -> PaymentRecord | None:
    """A chip sale from "insert card" to "remove card"; the payment as it ended, None if no card ever came."""
    return await transact(shop, Deal(Kind.SALE, due))


async def transact(shop: Shop, deal: Deal) -> PaymentRecord | None:
    """Any kind of transaction with a card in the slot, as `pay`. Its row says how far the card takes part."""
    if not await way_is_clear(shop):
        return None
    payment: PaymentRecord | None = None
    if await _card_inserted(shop, deal.amount):
        for attempt_no in range(1, PIN_TRIES + 1):
            attempt = await begin(shop, deal)
            outcome = await _session(shop, attempt)
            payment = await conclude(shop, attempt, outcome)
            again = attempt.host_code == WRONG_PIN and attempt_no < PIN_TRIES
            if not again or shop.card_presence is not Presence.PRESENT or shop.mode is not Mode.SIGNED_IN:
                break
            if await acknowledge(shop, screens.TryPinAgain()) is not Key.ENTER:
                break
    await _power_off(shop)
    await _card_removed(shop)
    return payment


async def way_is_clear(shop: Shop) -> bool:
    """Whether a new request may be sent: no reversal is open, and the terminal is signed in. Says why not."""
    if not await clear_reversals_for_sale(shop):
        count = len(await pending_reversals(shop))
        await acknowledge(shop, screens.ReversalPending(count=count))
        return False
    if shop.mode is not Mode.SIGNED_IN:  # The host took a reversal and wants a sign-in before anything else.
        await acknowledge(shop, screens.Refused(reason="sign_in"))
        return False
    return True


async def begin(shop: Shop, deal: Deal) -> Attempt:
    """The payment of a deal, in state NEW."""

    def new(tx: Tx) -> PaymentRecord:
        return tx.new_payment(Method.CARD, deal.amount, shop.operator, deal.kind, **deal.facts)

    return Attempt(await Commit(new), deal)


# The card's way in and out


async def _card_inserted(shop: Shop, due: Money) -> bool:
    """Wait for a card that answers to reset; False when cancelled or nobody came."""
    for _ in range(RESETS):
        if not await _wait_for_card(shop, due):
            return False
        shop.show(screens.ReadingCard())
        try:
            await Offload("reader", shop.devices.reader.power_on, RESET_DEADLINE_MS)
            return True
        except CardMute:
            shop.sound(Tone.FAILURE)
            shop.show(screens.CardProblem(reason="mute"))
        except (DeviceError, CallOverdue):
            shop.sound(Tone.FAILURE)
            shop.show(screens.CardProblem(reason="reader_lost"))
        if not await _wait_until_absent(shop):
            return False
    return False


async def _wait_for_card(shop: Shop, due: Money) -> bool:
    shop.boxes.keys.renew()
    shop.boxes.cards.renew()
    presence = shop.card_presence
    while presence is not Presence.PRESENT:
        lost = presence is Presence.READER_LOST
        shop.show(screens.CardProblem(reason="reader_lost") if lost else screens.InsertCard(amount=due))
        won, value = await Race(Wait(shop.boxes.cards), Wait(shop.boxes.keys), Sleep(shop.config.timeouts.card_ms))
        if won == 2:
            return False
        if won == 0:
            presence = value
        elif value is Key.CANCEL:
            shop.sound(Tone.KEY)
            return False
    return True


async def _wait_until_absent(shop: Shop) -> bool:
    """Until the card that would not answer is out; False on CANCEL or when nobody moves."""
    while shop.card_presence is Presence.PRESENT:
        won, value = await Race(Wait(shop.boxes.cards), Wait(shop.boxes.keys), Sleep(shop.config.timeouts.card_ms))
        if won == 2 or (won == 1 and value is Key.CANCEL):
            return False
    return True


async def _power_off(shop: Shop) -> None:
    try:
        await Offload("reader", shop.devices.reader.power_off, RESET_DEADLINE_MS)
    except (DeviceError, CallOverdue):
        return  # The card is out, or the reader is; either way nothing is powered.


async def _card_removed(shop: Shop) -> None:
    """请取卡: until the slot is empty."""
    while shop.card_presence is Presence.PRESENT:
        shop.show(screens.RemoveCard())
        shop.sound(Tone.ATTENTION)
        await Race(Wait(shop.boxes.cards), Sleep(REMOVE_TONE_MS))


# The kernel


async def _session(shop: Shop, attempt: Attempt) -> kernel.Outcome | kernel.CardError:
    """A whole EMV transaction; or the card is read, and the host asked without its cryptogram."""
    if shop.profile.transactions[attempt.deal.kind].card is transactions.Card.FULL:
        return await _run(shop, attempt, contact_session)
    outcome = await _run(shop, attempt, read_card)
    if isinstance(outcome, kernel.CardError) or outcome.result is not kernel.Result.READ:
        return outcome
    try:
        await _after_reading(shop, attempt, outcome.data)
    except kernel.CardError as early:
        return early
    return outcome


async def _after_reading(shop: Shop, attempt: Attempt, data: dict[int, bytes]) -> None:
    """Whose card it is, its PIN where one belongs to it, and the host. Raises CardError for the card's end."""
    deal, pan = attempt.deal, data[PAN_5A].hex().rstrip("f")
    if not await Commit(lambda tx: _is_the_same(shop, tx, deal, pan)):
        raise kernel.CardError("other-card")
    if shop.profile.transactions[deal.kind].pin and _had_pin(deal):
        if len(pan) not in PIN_PAN_DIGITS:
            raise kernel.CardError("the PAN is too short for a PIN block")
        attempt.pin = await enter_pin(shop, deal.amount, pan, may_skip=deal.undoes is None)
        if attempt.pin.removed:
            raise kernel.CardError("removed", removed=True)
        if attempt.pin.result not in (kernel.PinResult.ENTERED, kernel.PinResult.BYPASSED):
            raise kernel.CardError("pin-cancelled")
    await _go_online(shop, attempt, data)


def _is_the_same(shop: Shop, tx: Tx, deal: Deal, pan: str) -> bool:
    """Whether this is the original's card: by its sealed number, or once that is destroyed by what slips show."""
    if deal.undoes is None:
        return True
    sealed = unseal_card(shop, tx, deal.undoes)
    return sealed.pan == pan if sealed else deal.undoes.facts.get("masked_pan") == mask_pan(pan)


def _had_pin(deal: Deal) -> bool:
    """Whether the original went with a PIN; of one that is not ours nobody knows, so the cardholder decides."""
    return deal.undoes is None or str(deal.undoes.facts.get("entry_mode", ""))[2:] == "1"


async def _run(
    shop: Shop, attempt: Attempt, start: Callable[[Session], Coroutine[Any, Any, kernel.Outcome]]
) -> kernel.Outcome | kernel.CardError:
    """Drive one kernel session. A CardError is the card's early end (removed, or a broken channel)."""
    now = shop.local_time(await wall_ms())
    counter = await Commit(lambda tx: tx.count("emv", limit=99_999_999))
    session = Session(
        shop.kernel_profile(),
        TransactionData(
            amount_minor=attempt.payment.amount.amount_minor,
            date=f"{now:%y%m%d}",
            time=f"{now:%H%M%S}",
            counter=counter,
            kind=int(shop.profile.transactions[attempt.deal.kind].processing_code[:2], 16),  # 9C is F3's beginning.
        ),
    )
    coroutine = start(session)
    answer: Any = None
    error: kernel.CardError | None = None
    card_ms = 0
    try:
        while True:
            try:
                request = coroutine.throw(error) if error else coroutine.send(answer)
            except StopIteration as end:
                outcome: kernel.Outcome = end.value
                return outcome
            except kernel.CardError as early:
                return early
            answer = error = None
            shop.spoken = SPOKEN.get(session.language, "") if isinstance(request, TO_THE_CARDHOLDER) else ""
            began_ms = (await Now()).mono_ms
            try:
                answer = await _answer(shop, attempt, request)
            except kernel.CardError as fault:
                error = fault
            if isinstance(request, TO_THE_CARD):
                card_ms += (await Now()).mono_ms - began_ms
                if card_ms > CARD_TIME_MS:
                    error = error or kernel.CardError("the card takes too long")
    finally:
        shop.spoken = ""
        coroutine.close()
        attempt.digits.wipe()


async def _answer(shop: Shop, attempt: Attempt, request: kernel.KernelRequest[Any]) -> Any:
    """Carry out one request of the kernel. Raises CardError for the card's end."""
    match request:
        case kernel.Transceive(capdu):
            return await _transceive(shop, capdu)
        case kernel.Draw(count):
            return await Draw(count)
        case kernel.ChooseApplication(candidates, again):
            labels = tuple(candidate.label for candidate in candidates)
            return await choose(
                shop, len(labels), lambda at: screens.ChooseApplication(labels=labels, selected=at, again=again)
            )
        case kernel.AskPin(pan):
            if len(pan) not in PIN_PAN_DIGITS:
                raise kernel.CardError("the PAN is too short for a PIN block")
            attempt.pin = await enter_pin(shop, attempt.payment.amount, pan)
            if attempt.pin.removed:
                raise kernel.CardError("removed", removed=True)
            return attempt.pin.result
        case kernel.AskOfflinePin(tries_left, wrong):
            entry = await type_pin(
                shop, attempt.payment.amount, attempt.digits, tries_left=tries_left, wrong=wrong
            )
            if entry.removed:
                raise kernel.CardError("removed", removed=True)
            return entry.result
        case kernel.VerifyPin(key, challenge):
            return await _verify_pin(shop, attempt.digits, key, challenge)
        case kernel.GoOnline(data):
            return await _go_online(shop, attempt, data)
        case _:
            raise TypeError(f"the kernel asked for {type(request).__name__}")


async def _transceive(shop: Shop, capdu: bytes | bytearray) -> bytes:
    """Raises CardError. The reader's own copy of a command is made in its thread and dies there."""
    try:
        return await Offload("reader", lambda: shop.devices.reader.transceive(bytes(capdu)), APDU_DEADLINE_MS)
    except CardGone:
        raise kernel.CardError("removed", removed=True) from None
    except CardFault as fault:
        raise kernel.CardError(str(fault)) from None
    except (DeviceError, CallOverdue):
        raise kernel.CardError("reader-failed", removed=True) from None


async def _verify_pin(shop: Shop, digits: Pin, key: kernel.PinKey | None, challenge: bytes) -> bytes:
    """VERIFY with these digits, and digits and command wiped, whatever the card says."""
    command = bytearray()
    try:
        if key is None:
            command = verify_plain(digits)
        else:
            padding = await Draw(padding_bytes(key.modulus))
            command = verify_enciphered(digits, key.modulus, key.exponent, challenge, padding)
        return await _transceive(shop, command)
    except KeyRefused as fault:
        raise kernel.CardError(str(fault)) from None
    finally:
        command[:] = bytes(len(command))
        digits.wipe()


# The host


async def _go_online(shop: Shop, attempt: Attempt, data: dict[int, bytes]) -> kernel.OnlineAnswer | None:
    """`ask_issuer` with what the card has said."""
    full = shop.profile.transactions[attempt.deal.kind].card is transactions.Card.FULL
    return await ask_issuer(shop, attempt, *card_of(data, full=full))
