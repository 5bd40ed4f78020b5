"""The card verifies the PIN itself: try counter, ICC PIN key, challenge, VERIFY, and again while tries are left.

The kernel asks for a PIN and has it sent, and never sees it: `AskOfflinePin` and `VerifyPin` are answered by
whoever drives it.

Spec: EMV 4.4 Book 3 §10.5.1 (offline PIN), §6.5.12 (VERIFY); Book 2 §7 (PIN encipherment); Book 4 §6.3.4.1, §6.3.4.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from emv import apdu
from emv.apdu import SW, StatusError, exchange, retrieve, split, status_words
from emv.bits import TVR, Cvm
from emv.certificates import OdaFailure
from emv.commands import AskOfflinePin, Outcome, PinKey, PinResult, Result, VerifyPin
from emv.oda import recover_pin_key
from emv.session import Session
from emv.tags import PIN_TRY_COUNTER_9F17

CHALLENGE_BYTES = 8
# 63Cx counts in one digit, so no honest card offers more tries than this in one go.
TRIES_MAX = 15
NO_TRIES_LEFT, COUNTER_MASK = 0x63C0, 0xFFF0  # 63Cx: x more are left.
ENCIPHERED = frozenset({Cvm.ENCIPHERED_PIN, Cvm.ENCIPHERED_PIN_AND_SIGNATURE})


@dataclass(slots=True)
class Pins:
    """What one PIN method leaves to the next of the same transaction.

    Bypassed once is bypassed for all (Book 4 §6.3.4.3), and the card has one reference PIN to be blocked.
    """

    bypassed: bool = False
    blocked: bool = False


async def offline_pin(session: Session, method: Cvm, pins: Pins) -> bool | Outcome:
    """Whether the card found the PIN right; an Outcome if the cardholder gave up.

    Raises StatusError for an answer to VERIFY that the Books do not have.
    """
    if pins.bypassed:
        return not_entered(session)
    tries = None if pins.blocked else await _try_counter(session)
    if pins.blocked or tries == 0:
        # No PIN is asked for, and nothing is said about PINs. Spec: Book 4 §6.3.4.1.
        return _blocked(session, pins)
    key = None
    if method in ENCIPHERED:
        key = _pin_key(session)
        if key is None:
            return False
    wrong = False
    for _ in range(TRIES_MAX):
        answer = await AskOfflinePin(tries, wrong)
        if answer is not PinResult.ENTERED:
            return not_typed(session, answer, pins)
        challenge = b""
        if key is not None:
            challenge = await _challenge()
            if not challenge:
                session.note("pin-challenge-failed")
                return False
        sw = split(await VerifyPin(key, challenge)).sw
        if sw == SW.OK:
            session.note("pin-right")
            return True
        if sw in (SW.AUTHENTICATION_METHOD_BLOCKED, SW.REFERENCE_DATA_INVALIDATED, NO_TRIES_LEFT):
            break
        if sw & COUNTER_MASK != NO_TRIES_LEFT:
            # A status that VERIFY does not have ends the session. Spec: Book 3 §6.3.5, §10.5.5 figure 11.
            raise StatusError(f"VERIFY: {status_words(sw)}")
        tries, wrong = sw & 0x0F, True
        session.note("pin-wrong", tries_left=tries)
    return _blocked(session, pins)


def not_typed(session: Session, answer: PinResult, pins: Pins) -> bool | Outcome:
    """What it means that no PIN came: of an offline and of an online PIN alike."""
    if answer is PinResult.PAD_FAILED:
        session.note("pin-pad-failed", sets=TVR.PIN_PAD_NOT_WORKING)
        return False
    if answer is PinResult.BYPASSED and session.terminal.pin_bypass:
        pins.bypassed = True
        return not_entered(session)
    session.note("pin-given-up")
    reason = "pin-timed-out" if answer is PinResult.TIMED_OUT else "pin-cancelled"
    return session.end(Result.CANCELLED, reason)


def not_entered(session: Session) -> bool:
    """False, always: PIN entry was bypassed, now or for a rule before this one. Spec: Book 4 §6.3.4.3."""
    session.note("pin-bypassed", sets=TVR.PIN_NOT_ENTERED)
    return False


def _blocked(session: Session, pins: Pins) -> bool:
    pins.blocked = True
    session.note("pin-tries-used-up", PIN_TRY_COUNTER_9F17, sets=TVR.PIN_TRY_LIMIT_EXCEEDED)
    return False


async def _try_counter(session: Session) -> int | None:
    """None: the card does not tell, and the PIN is asked for all the same. Spec: Book 4 §6.3.4.1."""
    value = await retrieve(PIN_TRY_COUNTER_9F17)
    if value is None or len(value) != 1:
        session.note("pin-try-counter-absent")
        return None
    session.accept(PIN_TRY_COUNTER_9F17, value)
    session.note("pin-try-counter", PIN_TRY_COUNTER_9F17)
    return value[0]


def _pin_key(session: Session) -> PinKey | None:
    """None before anybody types: nothing can be enciphered, so the method has failed. Spec: Book 2 §7.1."""
    try:
        key = recover_pin_key(session)
    except OdaFailure as failure:
        session.note("pin-key-missing", failure=failure.word)
        return None
    return PinKey(key.modulus, key.exponent)


async def _challenge() -> bytes:
    """Empty for anything but 8 bytes with 9000: the method has failed. Spec: Book 2 §7.2."""
    response = await exchange(apdu.get_challenge())
    return response.data if response.ok and len(response.data) == CHALLENGE_BYTES else b""
