"""A virtual EMV contact card: `reset()` gives the ATR, `transmit(capdu)` the response APDU. No I/O.

Support: SELECT (PSE, full and partial AID, next) yes · READ RECORD yes · GET PROCESSING OPTIONS yes ·
GENERATE AC yes (no CDA) · EXTERNAL AUTHENTICATE yes (once a transaction) · GET DATA 9F36 9F17 9F13 ·
GET CHALLENGE yes · VERIFY, INTERNAL AUTHENTICATE, scripts: not yet (6D00).

Cryptograms are real: card keys come from the test issuer's master key, see sim.issuer. What outlives a reset
(the counters) stands in the object, as it stands in a card's EEPROM.

Spec: EMV 4.4 Book 1 §11-12, Book 3 §6, Book 2 §8.
"""

from __future__ import annotations

import hmac
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from sim.card.build import dol_length, dol_values, tlv
from sim.card.files import application_fci, card_records, directory_record, file_locator
from sim.card.profiles import (
    AAC,
    ATR_T0,
    ATR_T1,
    TC,
    CardApplication,
    CardProfile,
    Garbage,
    IssuerAuthentication,
)
from sim.issuer import (
    BIN_DIGITS,
    CRYPTOGRAM_TAGS,
    TEST_ISSUER_KEYS,
    application_cryptogram,
    cryptogram_input,
    derive_icc_master_key,
    derive_session_key,
    response_cryptogram,
)

PSE_NAME = b"1PAY.SYS.DDF01"
DIRECTORY_SFI = 1
ARQC = 0x80
PIN_TRIES = 3
FIRST_ATC = 0x0010  # Not a new card: 9F13 and 9F36 are not zero.
T0_CHUNK = 0x40  # A T=0 answer comes in pieces of this size, so that more than one GET RESPONSE is needed.

OK = b"\x90\x00"
WRONG_LENGTH = b"\x67\x00"
CONDITIONS_NOT_SATISFIED = b"\x69\x85"
FUNCTION_NOT_SUPPORTED = b"\x6a\x81"  # As an answer to SELECT: the card is blocked.
FILE_NOT_FOUND = b"\x6a\x82"
RECORD_NOT_FOUND = b"\x6a\x83"
WRONG_P1_P2 = b"\x6a\x86"
WRONG_DATA = b"\x6a\x80"
DATA_NOT_FOUND = b"\x6a\x88"
INS_NOT_SUPPORTED = b"\x6d\x00"
CLA_NOT_SUPPORTED = b"\x6e\x00"
AUTHENTICATION_FAILED = b"\x63\x00"
SELECTED_BLOCKED = b"\x62\x83"


class Step(Enum):
    """Where the transaction stands. Each command is allowed in some of them only."""

    IDLE = auto()
    DIRECTORY = auto()  # The PSE is selected.
    SELECTED = auto()
    INITIATED = auto()  # GET PROCESSING OPTIONS was answered.
    ONLINE = auto()  # The first AC was an ARQC.
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU taken apart. `le` is None when there is none. Spec: EMV 4.4 Book 1 §9.4.1."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(repr=False)
    le: int | None

    @property
    def p1_p2(self) -> tuple[int, int]:
        return self.p1, self.p2


def parse_command(capdu: bytes) -> Command | None:
    """The four cases of a short APDU; None when the lengths do not fit."""
    if len(capdu) < 4:
        return None
    cla, ins, p1, p2 = capdu[:4]
    if len(capdu) == 4:
        return Command(cla, ins, p1, p2, b"", None)
    if len(capdu) == 5:
        return Command(cla, ins, p1, p2, b"", capdu[4])
    count = capdu[4]
    data = capdu[5 : 5 + count]
    rest = len(capdu) - 5 - count
    if count == 0 or rest not in (0, 1):
        return None
    return Command(cla, ins, p1, p2, data, capdu[-1] if rest else None)


class VirtualCard:
    """One card. `draw(n)` gives n random bytes for GET CHALLENGE; by default seeded by the profile's name."""

    def __init__(self, profile: CardProfile, *, draw: Callable[[int], bytes] | None = None) -> None:
        self.profile = profile
        self.atc = FIRST_ATC
        self.last_online_atc = FIRST_ATC
        self._draw = draw or random.Random(profile.name).randbytes
        self._records = {app.aid: card_records(app) for app in profile.applications}
        self._step = Step.IDLE
        self._application: CardApplication | None = None
        self._waiting = b""
        self._forget_transaction()

    def reset(self, warm: bool = False) -> bytes:
        """Power up (or reset warm): the ATR, or nothing from a mute card. Counters stay, the session goes."""
        self._step = Step.IDLE
        self._application = None
        self._waiting = b""
        self._forget_transaction()
        if self.profile.mute:
            return b""
        return ATR_T0 if self.profile.transport_t0 else ATR_T1

    def transmit(self, capdu: bytes) -> bytes:
        """Data and SW1 SW2. A mute card answers nothing."""
        if self.profile.mute:
            return b""
        if not self.profile.transport_t0:
            return self._execute(capdu)
        return self._transmit_t0(capdu)

    def _transmit_t0(self, capdu: bytes) -> bytes:
        """T=0 as a TPDU reader shows it: 61xx with GET RESPONSE, 6Cxx. Spec: EMV 4.4 Book 1 §9.2.2."""
        command = parse_command(capdu)
        if command is not None and command.ins == 0xC0:
            return self._get_response(command)
        self._waiting = b""
        answer = self._execute(capdu)
        data, status = answer[:-2], answer[-2:]
        if not data or command is None:
            return answer
        if command.data:
            self._waiting = data
            return self._more()
        if command.le != len(data) % 256:
            return bytes((0x6C, len(data) % 256))
        return data + status

    def _get_response(self, command: Command) -> bytes:
        if not self._waiting:
            return CONDITIONS_NOT_SATISFIED
        wanted = min(command.le or 256, T0_CHUNK, len(self._waiting))
        piece = self._waiting[:wanted]
        if not self.profile.endless_61:
            self._waiting = self._waiting[wanted:]
        return piece + (self._more() if self._waiting else OK)

    def _more(self) -> bytes:
        return bytes((0x61, min(len(self._waiting), T0_CHUNK)))

    def _execute(self, capdu: bytes) -> bytes:
        if self.profile.blocked:
            return FUNCTION_NOT_SUPPORTED
        command = parse_command(capdu)
        if command is None:
            return WRONG_LENGTH
        match command.cla, command.ins:
            case 0x00, 0xA4:
                return self._select(command)
            case 0x00, 0xB2:
                return self._read_record(command)
            case 0x80, 0xA8:
                return self._get_processing_options(command)
            case 0x80, 0xAE:
                return self._generate_ac(command)
            case 0x00, 0x82:
                return self._external_authenticate(command)
            case 0x80, 0xCA:
                return self._get_data(command)
            case 0x00, 0x84:
                return self._get_challenge(command)
        return INS_NOT_SUPPORTED if command.cla & 0xF0 in (0x00, 0x80) else CLA_NOT_SUPPORTED

    # Selection. Spec: EMV 4.4 Book 1 §11.3, §12.3.

    def _select(self, command: Command) -> bytes:
        if command.p1 != 0x04 or command.p2 not in (0x00, 0x02):
            return WRONG_P1_P2
        if not 5 <= len(command.data) <= 16:
            return WRONG_LENGTH
        if command.data == PSE_NAME:
            if not self.profile.pse:
                return FILE_NOT_FOUND
            self._enter(None)
            self._step = Step.DIRECTORY
            return tlv(0x6F, tlv(0x84, PSE_NAME), tlv(0xA5, tlv(0x88, bytes((DIRECTORY_SFI,))))) + OK
        found = self._find(command.data, following=command.p2 == 0x02)
        if found is None:
            return FILE_NOT_FOUND
        self._enter(found)
        self._step = Step.SELECTED
        fci = application_fci(found)
        if self.profile.garbage is Garbage.FCI:
            fci = fci[:1] + b"\x7f" + fci[2:]  # It claims more bytes than there are.
        return fci + (SELECTED_BLOCKED if found.blocked else OK)

    def _find(self, name: bytes, *, following: bool) -> CardApplication | None:
        """First (or next) application whose AID begins with `name`."""
        matching = [app for app in self.profile.applications if app.aid.startswith(name)]
        if following and self._application in matching:
            matching = matching[matching.index(self._application) + 1 :]
        return matching[0] if matching else None

    def _enter(self, application: CardApplication | None) -> None:
        self._application = application
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        self._session_key = b""
        self._arqc = b""
        self._first_type = AAC
        self._authenticated: bool | None = None  # None: no EXTERNAL AUTHENTICATE yet.

    # Initiation and records. Spec: EMV 4.4 Book 3 §6.5.8, §6.5.11, §10.1, §10.2.

    def _get_processing_options(self, command: Command) -> bytes:
        app = self._application
        if app is None or self._step is not Step.SELECTED or app.refuses_options or self.atc == 0xFFFF:
            return CONDITIONS_NOT_SATISFIED
        if command.p1_p2 != (0, 0):
            return WRONG_P1_P2
        if command.data != tlv(0x83, command.data[2:]) or len(command.data) - 2 != dol_length(app.pdol):
            return WRONG_LENGTH
        self._step = Step.INITIATED
        self.atc += 1
        locator = file_locator(self._records[app.aid])
        if self.profile.garbage is Garbage.OPTIONS:
            return tlv(0x80, app.aip + locator[:-1]) + OK  # An AFL is a multiple of 4 bytes.
        if app.template_77:
            return tlv(0x77, tlv(0x82, app.aip), tlv(0x94, locator)) + OK
        return tlv(0x80, app.aip, locator) + OK

    def _read_record(self, command: Command) -> bytes:
        if command.p2 & 0x07 != 0x04 or command.data:
            return WRONG_P1_P2
        sfi, number = command.p2 >> 3, command.p1
        if self._application is not None:
            records = self._records[self._application.aid]
        elif self._step is Step.DIRECTORY:
            records = {DIRECTORY_SFI: (directory_record(self.profile.applications),)}
        else:
            return CONDITIONS_NOT_SATISFIED
        if sfi not in records:
            return FILE_NOT_FOUND
        if not 1 <= number <= len(records[sfi]):
            return RECORD_NOT_FOUND
        record = records[sfi][number - 1]
        if self.profile.garbage is Garbage.RECORD and self._application is not None and number == 2:
            record = record[:-6] + b"\x85" + record[-5:]  # 9F0F's length is none: five more bytes of it.
        return record + OK

    # Cryptograms. Spec: EMV 4.4 Book 3 §6.5.5, §10.8-10.11.

    def _generate_ac(self, command: Command) -> bytes:
        app = self._application
        if app is None or self._step not in (Step.INITIATED, Step.ONLINE):
            return CONDITIONS_NOT_SATISFIED
        if command.p2 != 0 or command.p1 & 0x3F or command.p1 == 0xC0:
            return WRONG_P1_P2  # b5 would ask for CDA, which these cards do not have.
        first = self._step is Step.INITIATED
        dol = app.cdol1 if first else app.cdol2
        if len(command.data) != dol_length(dol):
            return WRONG_LENGTH
        if not first and command.p1 == ARQC:
            return CONDITIONS_NOT_SATISFIED
        values = dol_values(dol, command.data)
        if first:
            answer = self._first_answer(app, command.p1)
        else:
            answer = self._second_answer(command.p1, values)
        return self._cryptogram(app, answer, values, first) + OK

    def _first_answer(self, app: CardApplication, asked: int) -> int:
        if app.blocked:
            return AAC
        return asked if self.profile.first_answers is None else self.profile.first_answers

    def _second_answer(self, asked: int, values: dict[int, bytes]) -> int:
        """TC only where it was asked and issuer authentication does not stand against it."""
        if 0x91 in values and any(values[0x91]):
            self._authenticated = self._arpc_is_good(values[0x91])
        demand = self.profile.issuer_authentication
        if asked != TC or self._authenticated is False:
            return AAC
        if self._authenticated is None and demand is IssuerAuthentication.MANDATORY:
            return AAC
        if self._authenticated:
            self.last_online_atc = self.atc
        return asked if self.profile.second_answers is None else self.profile.second_answers

    def _cryptogram(self, app: CardApplication, kind: int, values: dict[int, bytes], first: bool) -> bytes:
        atc = self.atc.to_bytes(2, "big")
        if first:
            master = derive_icc_master_key(TEST_ISSUER_KEYS[app.pan[:BIN_DIGITS]], app.pan, app.sequence)
            self._session_key = derive_session_key(master, atc)
            self._first_type = kind
        self._step = Step.ONLINE if first and kind == ARQC else Step.ENDED
        cvr = self._verification_results(kind, first)
        elements = {tag: values.get(tag, bytes(length)) for tag, length in CRYPTOGRAM_TAGS}
        elements |= {0x82: app.aip, 0x9F36: atc}
        cryptogram = application_cryptogram(self._session_key, cryptogram_input(elements, cvr))
        if kind == ARQC:
            self._arqc = cryptogram
        iad = b"\x07\x01\x01" + cvr + b"\x01"
        if self.profile.garbage is Garbage.CRYPTOGRAM:
            return tlv(0x80, bytes((kind,)), atc, cryptogram[:3])
        if app.template_77:
            parts = ((0x9F27, bytes((kind,))), (0x9F36, atc), (0x9F26, cryptogram), (0x9F10, iad))
            return tlv(0x77, *(tlv(tag, value) for tag, value in parts))
        return tlv(0x80, bytes((kind,)), atc, cryptogram, iad)

    def _verification_results(self, kind: int, first: bool) -> bytes:
        """CVR as PBOC has it: length 03; then b8-b7 second AC (10: not asked), b6-b5 first, b4 bad ARPC."""
        second = 0b10 if first else kind >> 6
        flags = second << 6 | self._first_type >> 2
        if self._authenticated is False:
            flags |= 0x08
        return bytes((0x03, flags, 0x00, 0x00))

    # Issuer authentication. Spec: EMV 4.4 Book 3 §6.5.4, §10.9; Book 2 §8.2.

    def _external_authenticate(self, command: Command) -> bytes:
        app = self._application
        if app is None or self._step is not Step.ONLINE or self._authenticated is not None:
            return CONDITIONS_NOT_SATISFIED  # Once a transaction.
        if not app.aip[0] & 0x04 or self.profile.issuer_authentication is IssuerAuthentication.NONE:
            return CONDITIONS_NOT_SATISFIED
        if command.p1_p2 != (0, 0):
            return WRONG_P1_P2
        if not 8 <= len(command.data) <= 16:
            return WRONG_LENGTH
        self._authenticated = self._arpc_is_good(command.data)
        return OK if self._authenticated else AUTHENTICATION_FAILED

    def _arpc_is_good(self, data: bytes) -> bool:
        if len(data) < 10:
            return False
        return hmac.compare_digest(response_cryptogram(self._session_key, self._arqc, data[8:10]), data[:8])

    # The rest. Spec: EMV 4.4 Book 3 §6.5.6, §6.5.7.

    def _get_data(self, command: Command) -> bytes:
        if self._application is None:
            return CONDITIONS_NOT_SATISFIED
        if command.data:
            return WRONG_LENGTH
        match command.p1 << 8 | command.p2:
            case 0x9F36:
                return tlv(0x9F36, self.atc.to_bytes(2, "big")) + OK
            case 0x9F13:
                return tlv(0x9F13, self.last_online_atc.to_bytes(2, "big")) + OK
            case 0x9F17:
                return tlv(0x9F17, bytes((PIN_TRIES,))) + OK
        return DATA_NOT_FOUND

    def _get_challenge(self, command: Command) -> bytes:
        if command.p1_p2 != (0, 0):
            return WRONG_P1_P2
        if command.data:
            return WRONG_LENGTH
        return self._draw(8) + OK
