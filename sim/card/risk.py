"""Card risk management: what the card thinks of the transaction, what it decides, and how it says so in 9F10.

The rules are few and of our own choosing, in the shape that the schemes' public descriptions have: a card never gives
more than it was asked for, wants to go online above its lower limits, and does not approve alone above the upper ones.
The layouts of 9F10 and of the CVR are from memory and from the published examples among the test vectors.

Spec: EMV 4.4 Book 3 §10.8 (card action analysis), §6.5.5.4 (CID); Annex C7 leaves 9F10 to the schemes.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.card.model import AAC, AIP_EXTERNAL_AUTHENTICATE, ARQC, TC, IssuerAuthentication
from sim.card.state import Chip, Memory
from terminal.model import AMOUNT_MAX_MINOR

UNABLE_ONLINE = (b"Y3", b"Z3")  # 8A: approved or declined offline, the issuer was out of reach. Spec: Book 4 §A6.
ADVICE = 0x08
REASON_PIN_TRIES, REASON_ISSUER_AUTHENTICATION = 0x02, 0x03
NOT_ASKED = 0b10  # In the CVR, where the second cryptogram's type will stand.
KEY_INDEX = 0x01
PBOC_ALGORITHM = b"\x01"  # 3DES


@dataclass(frozen=True, slots=True)
class Decision:
    """A cryptogram's type, and the advice and reason bits of CID."""

    kind: int
    notes: int = 0


def over(count: int, limit: int | None) -> bool:
    return limit is not None and count > limit


def amount_minor(chip: Chip) -> int:
    """9F02 if it is in the card's own currency, else 0: foreign amounts are not added up."""
    app, values = chip.app, chip.power.values
    if app.currency and values.get(0x5F2A) != app.currency:
        return 0
    digits = values.get(0x9F02, b"").hex() or "0"
    return int(digits) if digits.isdecimal() else AMOUNT_MAX_MINOR  # What is no number is over every limit.


def above_lower(memory: Memory, minor: int) -> bool:
    """Would one more offline transaction over this amount pass a lower limit?"""
    limits = memory.limits
    return over(memory.consecutive + 1, limits.consecutive_lower) or over(
        memory.cumulative_minor + minor, limits.cumulative_lower
    )


def above_upper(memory: Memory, minor: int) -> bool:
    limits = memory.limits
    return over(memory.consecutive + 1, limits.consecutive_upper) or over(
        memory.cumulative_minor + minor, limits.cumulative_upper
    )


def is_new(memory: Memory) -> bool:
    """No online transaction ever. Spec: EMV 4.4 Book 3 §10.6.3."""
    return memory.last_online_atc == 0


def first_decision(chip: Chip, asked: int) -> Decision:
    memory, profile = chip.memory, chip.profile
    if memory.blocked or asked == AAC:
        return Decision(AAC)
    if profile.first_answers is not None:
        return Decision(profile.first_answers)
    if memory.pin_tries == 0 and profile.pin_exceeded_declines:
        return Decision(AAC, _notes(chip, REASON_PIN_TRIES))
    wants_online = (
        memory.online_pending
        or memory.authentication_failed
        or memory.authentication_missing
        or is_new(memory)
        or memory.pin_tries == 0
        or above_lower(memory, amount_minor(chip))
        or above_upper(memory, amount_minor(chip))
    )
    return Decision(ARQC if asked == TC and wants_online else asked)


def second_decision(chip: Chip, asked: int, values: dict[int, bytes]) -> Decision:
    """TC only where it was asked and neither the issuer's authentication nor a limit stands against it."""
    memory, power, profile = chip.memory, chip.power, chip.profile
    if asked != TC or memory.blocked or chip.draft.card_blocked:
        return Decision(AAC)
    unable = values.get(0x8A) in UNABLE_ONLINE
    if power.authenticated is False:
        return Decision(AAC, _notes(chip, REASON_ISSUER_AUTHENTICATION))
    mandatory = profile.issuer_authentication is IssuerAuthentication.MANDATORY
    if power.authenticated is None and mandatory:
        return Decision(AAC, 0 if unable else _notes(chip, REASON_ISSUER_AUTHENTICATION))
    if unable and memory.pin_tries == 0:
        return Decision(AAC, _notes(chip, REASON_PIN_TRIES))
    if unable and (is_new(memory) or above_upper(memory, amount_minor(chip))):
        return Decision(AAC)
    return Decision(asked if profile.second_answers is None else profile.second_answers)


def _notes(chip: Chip, reason: int) -> int:
    return ADVICE | reason if chip.profile.gives_reasons else 0


def count_transaction(chip: Chip, decision: Decision, values: dict[int, bytes], *, first: bool) -> None:
    """Write down how it went, for the next time."""
    memory, power = chip.memory, chip.power
    if first and decision.kind == ARQC:
        chip.write(online_pending=True)
        return
    unable = values.get(0x8A) in UNABLE_ONLINE
    if first or unable:
        if decision.kind == TC:
            minor = memory.cumulative_minor + amount_minor(chip)
            chip.write(consecutive=memory.consecutive + 1, cumulative_minor=minor)
        return
    missing = power.authenticated is None and bool(chip.app.aip[0] & AIP_EXTERNAL_AUTHENTICATE)
    chip.write(
        online_pending=False,
        authentication_failed=power.authenticated is False,
        authentication_missing=missing,
        scripts=power.scripts,
    )
    # A card that does not learn the response code knows of the issuer's yes only by its cryptogram.
    heard = 0x8A in values or power.authenticated is not None
    if decision.kind == TC and heard and power.authenticated is not False:
        chip.write(last_online_atc=memory.atc, consecutive=0, cumulative_minor=0)


# 9F10


def issuer_application_data(chip: Chip, decision: Decision, *, first: bool, cda: bool) -> bytes:
    """9F10 as the application's family lays it out."""
    app = chip.app
    if app.family == "mchip":
        head, results = bytes((KEY_INDEX, app.cvn)), _mchip_results(chip, decision, first=first, cda=cda)
        return head + results + bytes(2) + app.issuer_data  # The two: a dynamic number or data authentication code.
    results = b"\x03" + _flags(chip, decision, first=first)
    tail = PBOC_ALGORITHM if app.family == "pboc" else b""
    body = bytes((KEY_INDEX, app.cvn)) + results + tail
    return bytes((len(body),)) + body + app.issuer_data


def _types(chip: Chip, decision: Decision, first: bool) -> int:
    """b8-b7 of the CVR's first byte: second cryptogram; b6-b5: first. Both layouts begin with it."""
    second = NOT_ASKED if first else decision.kind >> 6
    return second << 6 | chip.power.first_type >> 2


def _bits(*flags: bool) -> int:
    """Flags as a byte, b8 first.

    >>> hex(_bits(True, False, True))
    '0xa0'
    """
    return sum(0x80 >> at for at, flag in enumerate(flags) if flag)


def _flags(chip: Chip, decision: Decision, *, first: bool) -> bytes:
    """Three bytes as PBOC and Visa-like cards have them."""
    memory, power = chip.memory, chip.power
    unable = not first and power.values.get(0x8A) in UNABLE_ONLINE
    tried = power.pin_attempts > 0
    failed = tried and not power.pin_verified
    minor = amount_minor(chip)
    no = (False,) * 4  # b8-b5 of the first byte are the types, of the third a count.
    return bytes(
        (
            _types(chip, decision, first) | _bits(*no, power.authenticated is False, tried, failed, unable),
            _bits(
                memory.online_pending and first,
                memory.pin_tries == 0,
                above_lower(memory, minor) or above_upper(memory, minor),
                is_new(memory),
                memory.authentication_failed,
                memory.authentication_missing,
                memory.blocked,
            ),
            min(memory.scripts, 15) << 4 | _bits(*no, memory.script_failed, False, power.dynamic_signature),
        )
    )


def _mchip_results(chip: Chip, decision: Decision, *, first: bool, cda: bool) -> bytes:
    """Six bytes as M/Chip-like cards have them."""
    memory, power, app = chip.memory, chip.power, chip.app
    tried = power.pin_attempts > 0
    domestic = power.values.get(0x9F1A) == app.country
    minor = amount_minor(chip)
    unable = not first and power.values.get(0x8A) in UNABLE_ONLINE
    no = (False,) * 5
    return bytes(
        (
            _types(chip, decision, first) | _bits(*no, tried, power.pin_enciphered, power.pin_verified),
            _bits(power.dynamic_signature, cda and first, cda and not first, power.authenticated is not None),
            min(memory.scripts, 15) << 4 | min(memory.pin_tries, 15),
            _bits(
                False,
                unable,
                not tried,
                tried and not power.pin_verified,
                memory.pin_tries == 0,
                not domestic,
                domestic,
            ),
            _bits(
                over(memory.consecutive + 1, memory.limits.consecutive_lower),
                over(memory.consecutive + 1, memory.limits.consecutive_upper),
                over(memory.cumulative_minor + minor, memory.limits.cumulative_lower),
                over(memory.cumulative_minor + minor, memory.limits.cumulative_upper),
                False,
                power.authenticated is False or memory.authentication_failed,
                memory.scripts > 0,
                memory.script_failed,
            ),
            0,
        )
    )


