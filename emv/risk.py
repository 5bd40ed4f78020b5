"""Terminal risk management: exception file, floor limit, random selection, velocity, and the merchant's suspicion.

Nothing ends here; each finding is a bit of the TVR, and what it leads to is decided in terminal action analysis. All of
it is done whatever the AIP says: since EMV 4.4 the card's bit decides nothing.

Spec: EMV 4.4 Book 3 §10.6 (terminal risk management), Book 4 §6.3.5 (exception file), §6.5.3 (forced online).
"""

from __future__ import annotations

from emv.apdu import retrieve
from emv.bits import TSI, TVR
from emv.commands import Draw, EarlierAmount
from emv.profile import AidEntry
from emv.records import pan_digits
from emv.session import Session
from emv.tags import (
    AMOUNT_AUTHORISED_9F02,
    APPLICATION_TRANSACTION_COUNTER_9F36,
    LAST_ONLINE_ATC_9F13,
    LOWER_CONSECUTIVE_OFFLINE_LIMIT_9F14,
    PAN_5A,
    PAN_SEQUENCE_NUMBER_5F34,
    TERMINAL_FLOOR_LIMIT_9F1B,
    UPPER_CONSECUTIVE_OFFLINE_LIMIT_9F23,
)

RANDOM_BYTES = 4  # Of 2^32 numbers, 99 take one in 43 million more often some than others.
HUNDREDTHS = 99  # The random number is 1 to 99. Spec: Book 3 §10.6.2.
COUNTER_BYTES = 2
LIMIT_BYTES = 1


async def terminal_risk_management(session: Session) -> None:
    """Sets the TVR's fourth byte, "new card" and the exception file's bit. Raises CardError."""
    _exception_file(session)
    if session.transaction.forced_online:
        session.note("forced-online", sets=TVR.MERCHANT_FORCED_ONLINE)
    await _floor_limit(session)
    await _random_selection(session)
    await _velocity(session)
    session.note("risk-done", sets=TSI.TERMINAL_RISK_MANAGEMENT_PERFORMED)
    session.performed("Terminal risk management")


def _exception_file(session: Session) -> None:
    """Spec: Book 4 §6.3.5."""
    listed = session.terminal.exception_file
    pan = pan_digits(session.data[PAN_5A])
    if pan in listed or f"{pan}/{_sequence(session)}" in listed:
        session.note("exception-file", PAN_5A, sets=TVR.CARD_ON_EXCEPTION_FILE)


def _sequence(session: Session) -> str:
    return session.data.get(PAN_SEQUENCE_NUMBER_5F34, b"").hex()


async def _floor_limit(session: Session) -> None:
    """To be equal is to exceed; what the card just paid here counts with it. Spec: Book 3 §10.6.1."""
    amount = session.transaction.amount_minor
    if session.terminal.card_log:
        amount += await EarlierAmount(pan_digits(session.data[PAN_5A]), _sequence(session))
    if amount >= session.selected().floor_limit_minor:
        session.note(
            "floor-limit-exceeded", AMOUNT_AUTHORISED_9F02, TERMINAL_FLOOR_LIMIT_9F1B, sets=TVR.FLOOR_LIMIT_EXCEEDED
        )
    else:
        session.note("floor-limit-kept", AMOUNT_AUTHORISED_9F02, TERMINAL_FLOOR_LIMIT_9F1B)


async def _random_selection(session: Session) -> None:
    """Only where a payment could otherwise stay offline. Spec: Book 3 §10.6.2."""
    entry, amount = session.selected(), session.transaction.amount_minor
    terminal = session.terminal
    if terminal.online_only or terminal.offline_only or amount >= entry.floor_limit_minor:
        session.note("random-not-due", AMOUNT_AUTHORISED_9F02, TERMINAL_FLOOR_LIMIT_9F1B)
        return
    drawn = int.from_bytes(await Draw(RANDOM_BYTES), "big") % HUNDREDTHS + 1
    if selected_randomly(entry, amount, drawn):
        session.note("random-selected", AMOUNT_AUTHORISED_9F02, drawn=drawn, sets=TVR.SELECTED_RANDOMLY)
    else:
        session.note("random-passed", AMOUNT_AUTHORISED_9F02, drawn=drawn)


def selected_randomly(entry: AidEntry, amount_minor: int, drawn: int) -> bool:
    """Whether a payment under the floor limit goes online by chance; `drawn` is 1 to 99.

    Under the threshold the target percentage counts as it is; from there to the floor limit it rises evenly to
    the maximum target. Spec: Book 3 §10.6.2.
    """
    beyond = max(0, amount_minor - entry.random_threshold_minor)
    # Both sides times the span, so that nothing is rounded.
    span = entry.floor_limit_minor - entry.random_threshold_minor
    return (drawn - entry.random_target) * span <= (entry.random_target_max - entry.random_target) * beyond


async def _velocity(session: Session) -> None:
    """How many payments the card has made since it was last online. Spec: Book 3 §10.6.3."""
    limits = (LOWER_CONSECUTIVE_OFFLINE_LIMIT_9F14, UPPER_CONSECUTIVE_OFFLINE_LIMIT_9F23)
    lower, upper = (session.data.get(tag, b"") for tag in limits)
    if len(lower) != LIMIT_BYTES or len(upper) != LIMIT_BYTES:
        session.note("velocity-not-asked", *limits)
        return
    counters = (APPLICATION_TRANSACTION_COUNTER_9F36, LAST_ONLINE_ATC_9F13)
    now, last = [await _counter(session, tag) for tag in counters]
    if last == 0:
        session.note("new-card", LAST_ONLINE_ATC_9F13, sets=TVR.NEW_CARD)
    both = TVR.LOWER_OFFLINE_LIMIT_EXCEEDED | TVR.UPPER_OFFLINE_LIMIT_EXCEEDED
    if now is None or last is None:
        session.note("velocity-data-missing", *counters, sets=both | TVR.ICC_DATA_MISSING)
        return
    if now <= last:
        session.note("velocity-counters-wrong", *counters, sets=both)
        return
    exceeded = TVR(0)
    if now - last > lower[0]:
        exceeded |= TVR.LOWER_OFFLINE_LIMIT_EXCEEDED
        # Only then is the upper limit looked at. Spec: Book 3 §10.6.3.
        if now - last > upper[0]:
            exceeded |= TVR.UPPER_OFFLINE_LIMIT_EXCEEDED
    if exceeded:
        session.note("velocity-exceeded", *counters, *limits, sets=exceeded)
    else:
        session.note("velocity-kept", *counters, *limits)


async def _counter(session: Session, tag: int) -> int | None:
    """A counter that the card keeps; None if it does not tell. Spec: Book 3 §7.3."""
    value = await retrieve(tag)
    if value is None or len(value) != COUNTER_BYTES:
        return None
    session.accept(tag, value)
    return int.from_bytes(value, "big")
