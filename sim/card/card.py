"""A virtual EMV contact card: `reset()` gives the ATR, `transmit(capdu)` the response APDU. No I/O.

Support: SELECT (PSE, full and partial AID, next) · READ RECORD, the transaction log too · GET PROCESSING OPTIONS ·
INTERNAL AUTHENTICATE · GENERATE AC with CDA · EXTERNAL AUTHENTICATE · GET DATA 9F36 9F13 9F17 9F4F and the limits ·
GET CHALLENGE · VERIFY in clear and enciphered · issuer scripts (see `scripts`). Nothing else: 6D00.

Cryptograms, certificates and script MACs are real: see sim.cryptograms and `chain`. What outlives a reset stands in
`stored`, as it stands in a card's EEPROM, and changes as a whole with each command or not at all.

Spec: EMV 4.4 Book 1 §11-12, Book 3 §6, Book 2 §5-9.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sim.card.build import dol_length, dol_values, tlv
from sim.card.files import LOG_SFI, application_fci, directory_record, personalise
from sim.card.hostile import CHANGES, ENDLESS, PULLED, SLOW, CardPulled, apply, moments
from sim.card.model import ATR_T0, ATR_T1, CardProfile
from sim.card.pin import CHALLENGE_BYTES, verify
from sim.card.scripts import LIMIT_TAGS, SCRIPT_CLASSES, script
from sim.card.state import (
    ATC_LAST,
    CLA_NOT_SUPPORTED,
    CONDITIONS_NOT_SATISFIED,
    DATA_NOT_FOUND,
    FILE_NOT_FOUND,
    FUNCTION_NOT_SUPPORTED,
    INS_NOT_SUPPORTED,
    OK,
    RECORD_NOT_FOUND,
    SECURITY_NOT_SATISFIED,
    SELECTED_BLOCKED,
    WRONG_LENGTH,
    WRONG_P1_P2,
    Chip,
    Command,
    Memory,
    Step,
    Stored,
    parse_command,
)
from sim.card.transaction import LOG_FORMAT, external_authenticate, generate_ac, internal_authenticate

PSE_NAME = b"1PAY.SYS.DDF01"
DIRECTORY_SFI = 1
T0_CHUNK = 0x40  # A T=0 answer comes in pieces of this size, so that more than one GET RESPONSE is needed.
FIRST_ATC = 0x0010  # What most profiles begin with.


class VirtualCard:
    """One card. `draw(n)` gives n random bytes (challenges, dynamic numbers); by default seeded by the profile's name.

    `wait(ms)` is told how long a slow card takes. `transmit` raises CardPulled for a card that leaves by itself.
    """

    def __init__(
        self,
        profile: CardProfile,
        *,
        draw: Callable[[int], bytes] | None = None,
        wait: Callable[[int], None] = lambda ms: None,
    ) -> None:
        self.profile = profile
        self._wait = wait
        applications = tuple(personalise(app) for app in profile.applications)
        stored = Stored(tuple(_blank(profile, at) for at in range(len(applications))), profile.blocked)
        draw = draw or random.Random(profile.name).randbytes
        self._chip = Chip(profile, applications, draw, stored, stored)
        self._waiting = b""
        self._commands = 0  # Since the reset.

    @property
    def memory(self) -> Memory:
        """What is stored for the application in use, or for the first."""
        return self._chip.stored.memories[self._chip.power.at or 0]

    @property
    def atc(self) -> int:
        return self.memory.atc

    @property
    def last_online_atc(self) -> int:
        return self.memory.last_online_atc

    def waits_with(self, wait: Callable[[int], None]) -> None:
        """From now on `wait` is told how long it takes: a terminal's next life has another clock."""
        self._wait = wait

    def reset(self, warm: bool = False) -> bytes:
        """Power up (or reset warm): the ATR, or nothing from a mute card. The memory stays, the session goes."""
        self._chip.draft = self._chip.stored
        self._chip.enter(None, Step.IDLE)
        self._waiting = b""
        self._commands = 0
        if self.profile.mute:
            return b""
        return ATR_T0 if self.profile.transport_t0 else ATR_T1

    def transmit(self, capdu: bytes) -> bytes:
        """Data and SW1 SW2. A mute or silent card answers nothing."""
        if self.profile.mute:
            return b""
        if not self.profile.transport_t0:
            return self._quirky(capdu)
        return self._transmit_t0(capdu)

    def _transmit_t0(self, capdu: bytes) -> bytes:
        """T=0 as a TPDU reader shows it: 61xx with GET RESPONSE, 6Cxx. Spec: EMV 4.4 Book 1 §9.2.2."""
        command = parse_command(capdu)
        if command is not None and command.ins == 0xC0:
            return self._get_response(command)
        self._waiting = b""
        answer = self._quirky(capdu)
        data, status = answer[:-2], answer[-2:]
        if not data or command is None:
            return answer
        if command.data:
            self._waiting = data
            return self._more()
        endless = any(quirk.does == ENDLESS and quirk.at == "record" for quirk in self.profile.quirks)
        if command.le != len(data) % 256 or endless:
            return bytes((0x6C, len(data) % 256))
        return data + status

    def _get_response(self, command: Command) -> bytes:
        if not self._waiting:
            return CONDITIONS_NOT_SATISFIED
        wanted = min(command.le or 256, T0_CHUNK, len(self._waiting))
        piece = self._waiting[:wanted]
        if not any(quirk.does == ENDLESS and quirk.at == "response" for quirk in self.profile.quirks):
            self._waiting = self._waiting[wanted:]
        return piece + (self._more() if self._waiting else OK)

    def _more(self) -> bytes:
        return bytes((0x61, min(len(self._waiting), T0_CHUNK)))

    def _quirky(self, capdu: bytes) -> bytes:
        """The honest answer, and what the profile's quirks make of it."""
        self._commands += 1
        if not self.profile.quirks:
            return self._execute(capdu)
        names = moments(parse_command(capdu), self._chip.power.step, self._commands)
        quirks = [quirk for quirk in self.profile.quirks if quirk.at in names]
        pulled = next((quirk.value for quirk in quirks if quirk.does == PULLED), "")
        if pulled == "before":
            raise CardPulled("before the command")
        answer = self._execute(capdu, torn=pulled == "during")
        if pulled:
            raise CardPulled("before the answer")
        for quirk in quirks:
            if quirk.does == SLOW:
                self._wait(int(quirk.value))
            elif quirk.does in CHANGES:
                answer = apply(quirk, answer)
        return answer

    def _execute(self, capdu: bytes, *, torn: bool = False) -> bytes:
        """One command, and its changes made to stay; `torn`: power goes before that."""
        chip = self._chip
        if chip.stored.card_blocked and chip.power.at is None:
            return FUNCTION_NOT_SUPPORTED
        command = parse_command(capdu)
        if command is None:
            return WRONG_LENGTH
        answer = _dispatch(chip, command)
        if not torn:
            chip.commit()
        return answer


def _blank(profile: CardProfile, at: int) -> Memory:
    """An application's memory as the card leaves the bureau."""
    app = profile.applications[at]
    return Memory(
        profile.atc, profile.last_online_atc, profile.card_pin, profile.tries_left_now, app.blocked, app.limits
    )


def _dispatch(chip: Chip, command: Command) -> bytes:
    row = COMMANDS.get((command.cla, command.ins))
    if row is None:
        if command.ins in SCRIPT_CLASSES and command.cla & 0xF0 in (0x00, 0x80):
            return SECURITY_NOT_SATISFIED  # A script command without its MAC.
        return INS_NOT_SUPPORTED if command.cla & 0xF0 in (0x00, 0x80) else CLA_NOT_SUPPORTED
    handler, steps = row
    if chip.power.step not in steps:
        return CONDITIONS_NOT_SATISFIED
    if handler is not verify:
        chip.power.challenge = b""  # It is for the very next command.
    return handler(chip, command)


# Selection. Spec: EMV 4.4 Book 1 §11.3, §12.3.


def _select(chip: Chip, command: Command) -> bytes:
    if chip.stored.card_blocked:
        return FUNCTION_NOT_SUPPORTED
    if command.p1 != 0x04 or command.p2 not in (0x00, 0x02):
        return WRONG_P1_P2
    if not 5 <= len(command.data) <= 16:
        return WRONG_LENGTH
    if command.data == PSE_NAME:
        if not chip.profile.pse:
            return FILE_NOT_FOUND
        chip.enter(None, Step.DIRECTORY)
        return tlv(0x6F, tlv(0x84, PSE_NAME), tlv(0xA5, tlv(0x88, bytes((DIRECTORY_SFI,))))) + OK
    found = _find(chip, command.data, following=command.p2 == 0x02)
    if found is None:
        return FILE_NOT_FOUND
    chip.enter(found, Step.SELECTED)
    return application_fci(chip.app) + (SELECTED_BLOCKED if chip.memory.blocked else OK)


def _find(chip: Chip, name: bytes, *, following: bool) -> int | None:
    """First (or next) application whose AID begins with `name`."""
    matching = [at for at, each in enumerate(chip.applications) if each.app.aid.startswith(name)]
    if following and chip.power.at in matching:
        matching = matching[matching.index(chip.power.at) + 1 :]
    return matching[0] if matching else None


# Initiation and records. Spec: EMV 4.4 Book 3 §6.5.8, §6.5.11, §10.1, §10.2.


def _get_processing_options(chip: Chip, command: Command) -> bytes:
    app = chip.app
    if app.refuses_options or chip.memory.atc == ATC_LAST:
        return CONDITIONS_NOT_SATISFIED
    if command.p1_p2 != (0, 0):
        return WRONG_P1_P2
    data = command.data[2:]
    if command.data != tlv(0x83, data) or len(data) != dol_length(app.pdol):
        return WRONG_LENGTH
    chip.write(atc=chip.memory.atc + 1)
    chip.commit()  # An ATC is never used twice, whatever happens now.
    chip.power.step = Step.INITIATED
    chip.power.pdol_data = data
    chip.power.values |= dol_values(app.pdol, data)
    locator = chip.personalised.locator
    if app.template_77:
        return tlv(0x77, tlv(0x82, app.aip), tlv(0x94, locator)) + OK
    return tlv(0x80, app.aip, locator) + OK


def _read_record(chip: Chip, command: Command) -> bytes:
    if command.p2 & 0x07 != 0x04 or command.data:
        return WRONG_P1_P2
    sfi, number = command.p2 >> 3, command.p1
    files: Mapping[int, tuple[bytes, ...]]
    if chip.power.at is None:
        files = {DIRECTORY_SFI: (directory_record(chip.profile.applications),)}
    else:
        files = chip.personalised.records
        if sfi == LOG_SFI and chip.app.log_records:
            files = {LOG_SFI: chip.memory.log}
    if sfi not in files:
        return FILE_NOT_FOUND
    if not 1 <= number <= len(files[sfi]):
        return RECORD_NOT_FOUND
    fresh = dict(chip.memory.updated).get((sfi, number)) if chip.power.at is not None else None
    return (fresh or files[sfi][number - 1]) + OK


# The rest. Spec: EMV 4.4 Book 3 §6.5.6, §6.5.7.


def _get_data(chip: Chip, command: Command) -> bytes:
    if command.data:
        return WRONG_LENGTH
    tag, memory = command.p1 << 8 | command.p2, chip.memory
    match tag:
        case 0x9F36:
            return tlv(tag, memory.atc.to_bytes(2, "big")) + OK
        case 0x9F13:
            return tlv(tag, memory.last_online_atc.to_bytes(2, "big")) + OK
        case 0x9F17:
            return tlv(tag, bytes((memory.pin_tries,))) + OK
        case 0x9F4F if chip.app.log_records:
            return tlv(tag, LOG_FORMAT) + OK
    name, length = LIMIT_TAGS.get(tag, ("", 0))
    limit: int | None = getattr(memory.limits, name) if name else None
    if limit is None:
        return DATA_NOT_FOUND
    return tlv(tag, bytes((limit,)) if length == 1 else bytes.fromhex(f"{limit:0{2 * length}d}")) + OK


def _get_challenge(chip: Chip, command: Command) -> bytes:
    if command.p1_p2 != (0, 0):
        return WRONG_P1_P2
    if command.data:
        return WRONG_LENGTH
    chip.power.challenge = chip.draw(CHALLENGE_BYTES)
    return chip.power.challenge + OK


Handler = Callable[[Chip, Command], bytes]
_EVER = frozenset(Step)
_SELECTED = _EVER - {Step.IDLE, Step.DIRECTORY}
_AFTER_FIRST_AC = frozenset({Step.ONLINE, Step.ENDED})
# The card's state machine: (CLA, INS) → who answers, and in which steps. Spec: EMV 4.4 Book 3 §8.
COMMANDS: Mapping[tuple[int, int], tuple[Handler, frozenset[Step]]] = MappingProxyType(
    {
        (0x00, 0xA4): (_select, _EVER),
        (0x00, 0xB2): (_read_record, _EVER - {Step.IDLE}),
        (0x80, 0xA8): (_get_processing_options, frozenset({Step.SELECTED})),
        (0x00, 0x88): (internal_authenticate, frozenset({Step.INITIATED})),
        (0x00, 0x20): (verify, frozenset({Step.SELECTED, Step.INITIATED})),
        (0x80, 0xAE): (generate_ac, frozenset({Step.INITIATED, Step.ONLINE})),
        (0x00, 0x82): (external_authenticate, frozenset({Step.ONLINE})),
        (0x80, 0xCA): (_get_data, _SELECTED),
        (0x00, 0x84): (_get_challenge, _EVER),
    }
    | {(cla, ins): (script, _AFTER_FIRST_AC) for ins, cla in SCRIPT_CLASSES.items()}
)
