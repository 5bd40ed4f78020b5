"""Pay by card, by its chip: the one place that drives a kernel, and what its outcome means for the payment.

One `send` loop and one exhaustive match translate the kernel's requests into device calls, screens and host messages.
The payment's state in the journal always comes first: durable before the request leaves, decided before the next
screen. What the kernel says at the end can only confirm or undo what the host has said, never replace it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from drivers.ports import CardFault, CardGone, DeviceError, Key, Presence
from emv import commands as kernel
from emv.kernel import Session, TransactionData, contact_session, read_card
from emv.track import Stripe
from keys import KeyRefused, Pin
from keys.offline_pin import padding_bytes, verify_enciphered, verify_plain
from terminal.dialogue import acknowledge, choose
from terminal.hostlink import transactions
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.icc import elements
from terminal.loop import CallOverdue, Commit, Draw, Now, Offload
from terminal.methods import fallback, magstripe
from terminal.methods.answers import keeps_card
from terminal.methods.card_attempt import Attempt, Deal, amount_asked, new_payment
from terminal.methods.card_ending import PIN_TRIES, WRONG_PIN, conclude
from terminal.methods.card_entry import RESET_DEADLINE_MS, Came, card_comes, card_removed
from terminal.methods.card_host import ask_host, durable_request
from terminal.methods.card_offline import SALE_TAGS, chip_fields, own_word, terminal_for
from terminal.methods.fallback import MUTE, READER_LOST, Failed
from terminal.methods.order import way_is_clear
from terminal.methods.original import had_pin, is_the_same
from terminal.methods.pin_entry import PIN_PAN_DIGITS, enter_pin, type_pin
from terminal.model import Kind, Mode, Money, PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

APDU_DEADLINE_MS = 30_000  # A silent card held a real reader for 25 s; after that the reader is quarantined.
CARD_TIME_MS = 90_000  # Of one session, spent waiting for the card. A slow card takes ten seconds in all.
PAN_5A = 0x5A
NOT_THE_WHOLE = b"05"  # What the card is told of an approval for a part: nothing is sold.
# What the cardholder reads is shown in the card's language. Spec: EMV 4.4 Book 4 §11.1.
TO_THE_CARD = (kernel.Transceive, kernel.VerifyPin)
TO_THE_CARDHOLDER = (kernel.ChooseApplication, kernel.AskPin, kernel.AskOfflinePin)
SPOKEN = {"zh": "zh-CN", "en": "en"}  # ISO 639, as the kernel names languages, to ours.


async def pay(shop: Shop, due: Money) -> PaymentRecord | None:
    """A sale by chip or stripe from "insert card" to its end; the payment as it ended, None if no card ever came."""
    return await transact(shop, Deal(Kind.SALE, due))


async def transact(shop: Shop, deal: Deal) -> PaymentRecord | None:
    """Any kind of transaction with a whole EMV session (Card.FULL in its row), as `pay`.

    Where a stripe reader is fitted the card may be swiped, if it has no chip or its chip cannot be read.
    """
    if not await way_is_clear(shop, deal.kind):
        return None
    payment = await _by_chip_or_stripe(shop, deal, stripe=shop.devices.stripe.fitted)
    if payment is not None and magstripe.chip_wanted(shop, payment):
        await card_removed(shop)
        payment = await _by_chip_or_stripe(shop, deal, stripe=False) or payment
    return payment


async def begin(shop: Shop, deal: Deal) -> Attempt:
    """The payment of a deal, in state NEW."""

    def new(tx: Tx) -> PaymentRecord:
        return new_payment(shop, tx, deal)

    return Attempt(await Commit(new), deal)


async def _by_chip_or_stripe(shop: Shop, deal: Deal, *, stripe: bool) -> PaymentRecord | None:
    came = await card_comes(shop, deal.amount, deal.kind, stripe=stripe)
    if isinstance(came, Stripe) and not came.track2.has_chip:
        return await magstripe.pay(shop, deal, came)
    if isinstance(came, Stripe):  # Nobody can insert it: the chip reader is out of use.
        return await fallback.offer(shop, deal, Failed(READER_LOST), came)
    if came is Came.NOBODY:
        return None
    payment, failed = await _by_chip(shop, deal) if came is Came.CHIP else (None, Failed(MUTE))
    swiped = await fallback.offer(shop, deal, failed) if stripe else None
    return swiped or payment


async def _by_chip(shop: Shop, deal: Deal) -> tuple[PaymentRecord, Failed]:
    """The powered card through the kernel, until it is out of the slot; and how its chip failed, if it did."""
    for attempt_no in range(1, PIN_TRIES + 1):
        attempt = await begin(shop, deal)
        attempt, outcome = await own_word(shop, attempt, await _session(shop, attempt))
        asked = attempt.payment.state is not PaymentState.NEW
        payment = await conclude(shop, attempt, outcome)
        again = attempt.host_code == WRONG_PIN and attempt_no < PIN_TRIES
        if not again or shop.card_presence is not Presence.PRESENT or shop.mode is not Mode.SIGNED_IN:
            break
        if await acknowledge(shop, screens.TryPinAgain()) is not Key.ENTER:
            break
    await _power_off(shop)
    await card_removed(shop, kept=keeps_card(shop, payment))
    return payment, Failed("") if asked else Failed.from_kernel(outcome)


async def _power_off(shop: Shop) -> None:
    try:
        await Offload("reader", shop.devices.reader.power_off, RESET_DEADLINE_MS)
    except (DeviceError, CallOverdue):
        return  # The card is out, or the reader is; either way nothing is powered.


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
    if not await Commit(lambda tx: is_the_same(shop, tx, deal, pan)):
        raise kernel.CardError("other-card")
    if shop.profile.transactions[deal.kind].pin and had_pin(deal):
        if len(pan) not in PIN_PAN_DIGITS:
            raise kernel.CardError("the PAN is too short for a PIN block")
        attempt.pin = await enter_pin(shop, amount_asked(attempt.payment), pan, may_skip=deal.undoes is None)
        if attempt.pin.removed:
            raise kernel.CardError("removed", removed=True)
        if attempt.pin.result not in (kernel.PinResult.ENTERED, kernel.PinResult.BYPASSED):
            raise kernel.CardError("pin-cancelled")
    await _go_online(shop, attempt, data)


async def _run(
    shop: Shop, attempt: Attempt, start: Callable[[Session], Coroutine[Any, Any, kernel.Outcome]]
) -> kernel.Outcome | kernel.CardError:
    """Drive one kernel session. A CardError is the card's early end (removed, or a broken channel)."""
    now = shop.local_time(await wall_ms())
    counter = await Commit(lambda tx: tx.count("emv", limit=99_999_999))
    session = Session(
        terminal_for(shop, attempt.deal),
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
            timed = isinstance(request, TO_THE_CARD)
            began_ms = (await Now()).mono_ms if timed else 0
            try:
                answer = await _answer(shop, attempt, request)
            except kernel.CardError as fault:
                error = fault
            if timed:
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
            attempt.pin = await enter_pin(shop, amount_asked(attempt.payment), pan)
            if attempt.pin.removed:
                raise kernel.CardError("removed", removed=True)
            return attempt.pin.result
        case kernel.AskOfflinePin(tries_left, wrong):
            entry = await type_pin(
                shop, amount_asked(attempt.payment), attempt.digits, tries_left=tries_left, wrong=wrong
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
    """0200 and its answer, and what it makes of the payment; None tells the kernel that nobody answered."""
    reply = await ask_host(shop, attempt, await _request(shop, attempt, data))
    if reply is None:
        return None
    if attempt.payment.state is PaymentState.REVERSING:  # A part, given back: field 55 would tell of an approval.
        return kernel.OnlineAnswer(NOT_THE_WHOLE)
    approved = attempt.payment.state is PaymentState.APPROVED
    return _issuer_answer(reply.binary(55), b"00" if approved else attempt.host_code.encode("ascii"))


def _issuer_answer(icc: bytes, response_code: bytes) -> kernel.OnlineAnswer:
    """Field 55 of the reply as the kernel wants it. A field that cannot be read brings nothing to the card."""
    try:
        found = elements(icc)
    except FrameError:
        return kernel.OnlineAnswer(response_code)
    values = {element.tag: icc[element.value : element.end] for element in found}
    return kernel.OnlineAnswer(
        response_code=values.get("8A", response_code),
        issuer_authentication_data=values.get("91", b""),
        scripts=b"".join(icc[e.start : e.end] for e in found if e.tag in ("71", "72")),
    )


async def _request(shop: Shop, attempt: Attempt, data: dict[int, bytes]) -> Message:
    """As `durable_request`. Raises CardError for data that no message can carry, and nobody was asked."""
    full = shop.profile.transactions[attempt.deal.kind].card is transactions.Card.FULL
    fields = chip_fields(data, SALE_TAGS if full else ())
    try:
        return await durable_request(shop, attempt, fields)
    except (FrameError, KeyRefused) as fault:
        raise kernel.CardError(str(fault)) from None
