"""VERIFY: the card compares the PIN itself, sent in clear or enciphered under its key.

A try is spent before the digits are compared, so that pulling the card out in between saves none. An enciphered PIN
that does not come out right (header, challenge, block) counts as a wrong PIN, or the decipherment could be probed.

Spec: EMV 4.4 Book 3 §6.5.12 (VERIFY), Book 2 §7.2 (PIN encipherment and verification).
"""

from __future__ import annotations

import hmac

from sim.card.model import CardApplication
from sim.card.state import (
    DATA_NOT_FOUND,
    METHOD_BLOCKED,
    OK,
    REFERENCE_INVALIDATED,
    WRONG_DATA,
    WRONG_LENGTH,
    WRONG_P1_P2,
    Chip,
    Command,
)
from sim.cryptograms import read_format_2

PLAIN, ENCIPHERED = 0x80, 0x88
HEADER = 0x7F
CHALLENGE_BYTES = 8


def offline_pins(app: CardApplication) -> bool:
    """Whether the CVM list has any PIN that the card checks."""
    return any(code & 0x3F in (0x01, 0x03, 0x04, 0x05) for code in app.cvm_list[8::2])


def verify(chip: Chip, command: Command) -> bytes:
    """63Cx tells the tries left; 6984 that there were none to begin with, 6983 that they ran out just now."""
    challenge, chip.power.challenge = chip.power.challenge, b""
    if command.p1 != 0 or command.p2 not in (PLAIN, ENCIPHERED):
        return WRONG_P1_P2
    if not chip.memory.pin or not offline_pins(chip.app):
        return DATA_NOT_FOUND
    if chip.memory.pin_tries == 0:
        return METHOD_BLOCKED if chip.power.pin_attempts else REFERENCE_INVALIDATED
    enciphered = command.p2 == ENCIPHERED
    if enciphered:
        key = chip.personalised.pin or chip.personalised.icc
        if key is None:
            return WRONG_P1_P2
        if len(command.data) != key.size:
            return WRONG_LENGTH
        if int.from_bytes(command.data, "big") >= key.n:
            return WRONG_DATA
        pin = _deciphered(key.private(command.data), challenge)
    else:
        if len(command.data) != 8:
            return WRONG_LENGTH
        pin = read_format_2(command.data)
        if pin is None:
            return WRONG_DATA
    chip.power.pin_attempts += 1
    chip.power.pin_enciphered = enciphered
    left = chip.memory.pin_tries - 1
    chip.write(pin_tries=left)
    chip.commit()
    chip.power.pin_verified = pin is not None and hmac.compare_digest(pin, chip.memory.pin)
    if not chip.power.pin_verified:
        return bytes((0x63, 0xC0 | left))
    chip.write(pin_tries=chip.profile.pin_tries)
    return OK


def _deciphered(block: bytes, challenge: bytes) -> bytes | None:
    """7F, PIN block, challenge, padding: the digits, or None."""
    if block[0] != HEADER or not challenge or not hmac.compare_digest(block[9 : 9 + CHALLENGE_BYTES], challenge):
        return None
    return read_format_2(block[1:9])
