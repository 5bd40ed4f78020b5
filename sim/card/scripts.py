"""Issuer scripts: commands that change the card, each under a MAC of the issuer.

Obeyed are APPLICATION BLOCK and UNBLOCK, CARD BLOCK, PIN CHANGE/UNBLOCK, PUT DATA (the card's own limits) and UPDATE
RECORD. Secure messaging is format 2 (CLA x4): data, then the MAC over header, ATC, the first cryptogram and the data.

Spec: EMV 4.4 Book 3 §6.5.1-6.5.3, §6.5.10, §10.10; Book 2 §9; ISO/IEC 7816-4 for PUT DATA and UPDATE RECORD.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sim.card.model import ARQC
from sim.card.state import (
    CONDITIONS_NOT_SATISFIED,
    DATA_NOT_FOUND,
    OK,
    RECORD_NOT_FOUND,
    WRONG_DATA,
    WRONG_LENGTH,
    WRONG_P1_P2,
    WRONG_SCRIPT_MAC,
    Chip,
    Command,
)

PIN_UNBLOCK, PIN_CHANGE_KNOWN, PIN_CHANGE = 0x00, 0x01, 0x02
# What PUT DATA may set: the limits of card risk management. The tags are Visa's and PBOC's, from memory.
LIMIT_TAGS: Mapping[int, tuple[str, int]] = MappingProxyType(
    {
        0x9F58: ("consecutive_lower", 1),
        0x9F59: ("consecutive_upper", 1),
        0x9F54: ("cumulative_lower", 6),
        0x9F5C: ("cumulative_upper", 6),
    }
)


def script(chip: Chip, command: Command) -> bytes:
    """One script command: MAC first, then the deed. Whatever is refused is remembered for the next 9F10."""
    power = chip.power
    transaction = power.transaction
    if transaction is None or (power.first_type != ARQC and not chip.memory.blocked):
        return CONDITIONS_NOT_SATISFIED
    size = transaction.scheme.mac_length
    if len(command.data) < size:
        return _refused(chip, WRONG_LENGTH)
    data, given = command.data[:-size], command.data[-size:]
    number = power.scripts
    if not hmac.compare_digest(transaction.script_mac(command.header, data, power.cryptogram, number), given):
        return _refused(chip, WRONG_SCRIPT_MAC)
    power.scripts += 1
    answer = DEEDS[command.ins](chip, command, data)
    if answer != OK:
        return _refused(chip, answer)
    chip.write(scripts=power.scripts, script_failed=False)
    return OK


def _refused(chip: Chip, status: bytes) -> bytes:
    chip.write(script_failed=True)
    return status


def _block_application(chip: Chip, command: Command, data: bytes) -> bytes:
    return _set_blocked(chip, command, data, blocked=True)


def _unblock_application(chip: Chip, command: Command, data: bytes) -> bytes:
    return _set_blocked(chip, command, data, blocked=False)


def _set_blocked(chip: Chip, command: Command, data: bytes, *, blocked: bool) -> bytes:
    if command.p1_p2 != (0, 0):
        return WRONG_P1_P2
    if data:
        return WRONG_LENGTH
    chip.write(blocked=blocked)
    return OK


def _block_card(chip: Chip, command: Command, data: bytes) -> bytes:
    if command.p1_p2 != (0, 0):
        return WRONG_P1_P2
    if data:
        return WRONG_LENGTH
    chip.draft = replace(chip.draft, card_blocked=True)
    return OK


def _change_pin(chip: Chip, command: Command, data: bytes) -> bytes:
    """P2 00: all tries back; 02: a new PIN too. 01 (a block mixed with the old PIN) is not supported."""
    if command.p1 != 0 or command.p2 not in (PIN_UNBLOCK, PIN_CHANGE):
        return WRONG_P1_P2
    if command.p2 == PIN_UNBLOCK:
        if data:
            return WRONG_LENGTH
        chip.write(pin_tries=chip.profile.pin_tries)
        return OK
    transaction = chip.power.transaction
    block = transaction.decipher(data, chip.power.cryptogram, chip.power.scripts - 1) if transaction else None
    pin = transaction.read_pin_block(block) if transaction and block else None
    if pin is None:
        return WRONG_DATA
    chip.write(pin=pin, pin_tries=chip.profile.pin_tries)
    return OK


def _put_data(chip: Chip, command: Command, data: bytes) -> bytes:
    row = LIMIT_TAGS.get(command.p1 << 8 | command.p2)
    if row is None:
        return DATA_NOT_FOUND
    name, length = row
    if len(data) != length:
        return WRONG_LENGTH
    if length > 1 and not data.hex().isdigit():
        return WRONG_DATA
    value = data[0] if length == 1 else int(data.hex())
    chip.write(limits=replace(chip.memory.limits, **{name: value}))
    return OK


def _update_record(chip: Chip, command: Command, data: bytes) -> bytes:
    """A record that is there is written anew; its length stays, as in a linear fixed file."""
    if command.p2 & 0x07 != 0x04:
        return WRONG_P1_P2
    place = (command.p2 >> 3, command.p1)
    rows = chip.personalised.records.get(place[0], ())
    if not 1 <= place[1] <= len(rows):
        return RECORD_NOT_FOUND
    if len(data) != len(rows[place[1] - 1]):
        return WRONG_LENGTH
    if data[:1] != b"\x70":
        return WRONG_DATA
    kept = tuple(row for row in chip.memory.updated if row[0] != place)
    chip.write(updated=(*kept, (place, data)))
    return OK


DEEDS: Mapping[int, Callable[[Chip, Command, bytes], bytes]] = MappingProxyType(
    {
        0x1E: _block_application,
        0x18: _unblock_application,
        0x16: _block_card,
        0x24: _change_pin,
        0xDA: _put_data,
        0xDC: _update_record,
    }
)
# The class of each command under secure messaging.
SCRIPT_CLASSES: Mapping[int, int] = MappingProxyType(
    {0x1E: 0x84, 0x18: 0x84, 0x16: 0x84, 0x24: 0x84, 0xDA: 0x04, 0xDC: 0x04}
)
