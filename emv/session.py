"""One card, one transaction: what the kernel is told, what it learns, and what can be read afterwards.

`TerminalProfile`, `AidEntry` and `TransactionData` are what the terminal says: frozen, and refused at once if
they claim what the kernel cannot do. `Session` is what the steps write into; whoever drives the kernel owns
it and may read `data`, `tvr`, `steps` at any time, also after the card was pulled out.

Spec: EMV 4.4 Book 3 §10 (transaction flow), Book 4 §A1-A4 (terminal data).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from emv.bits import BIOMETRIC, TSI, TVR, CvmCapability, SecurityCapability, wants_signature
from emv.capk import CaKeys
from emv.certificates import OdaFailure, PublicKey
from emv.commands import CardError, Cryptogram, Outcome, Result
from emv.rules import REASONS, RULES
from emv.tags import (
    ADDITIONAL_TERMINAL_CAPABILITIES_9F40,
    AMOUNT_AUTHORISED_9F02,
    AMOUNT_AUTHORISED_BINARY_81,
    AMOUNT_OTHER_9F03,
    AMOUNT_OTHER_BINARY_9F04,
    APPLICATION_VERSION_TERMINAL_9F09,
    CVM_RESULTS_9F34,
    INTERFACE_DEVICE_SERIAL_NUMBER_9F1E,
    MERCHANT_CATEGORY_CODE_9F15,
    MERCHANT_IDENTIFIER_9F16,
    MERCHANT_NAME_AND_LOCATION_9F4E,
    POS_ENTRY_MODE_9F39,
    SCRIPT_RESULTS_DF31,
    TAGS,
    TERMINAL_CAPABILITIES_9F33,
    TERMINAL_COUNTRY_CODE_9F1A,
    TERMINAL_FLOOR_LIMIT_9F1B,
    TERMINAL_IDENTIFICATION_9F1C,
    TERMINAL_TYPE_9F35,
    TERMINAL_VERIFICATION_RESULTS_95,
    TRANSACTION_CURRENCY_CODE_5F2A,
    TRANSACTION_CURRENCY_EXPONENT_5F36,
    TRANSACTION_DATE_9A,
    TRANSACTION_SEQUENCE_COUNTER_9F41,
    TRANSACTION_STATUS_INFORMATION_9B,
    TRANSACTION_TIME_9F21,
    TRANSACTION_TYPE_9C,
    Source,
    belongs,
)
from emv.tlv import Tlv, TlvError
from emv.trace import NO_TVR, Decision, Ending, Exchange

AMOUNT_MAX_MINOR = 999_999_999_999  # 9F02 is n12.
BINARY_AMOUNT_MAX = 0xFFFFFFFF  # 81 is four bytes.
PERCENT = range(100)  # Targets of random selection.

# Whose (a bank's, a merchant's, the cardholder's own) and what it can do. Spec: EMV 4.4 Book 4 §A1.
TERMINAL_TYPES: Final = frozenset(
    {*range(0x11, 0x17), *range(0x21, 0x27), 0x34, 0x35, 0x36}  # Nobody attends a cardholder's own terminal.
)
ATM_TYPES: Final = frozenset({0x14, 0x15, 0x16})
DISPENSES_CASH = 0x80  # 9F40 byte 1.


class MissingData(CardError):
    """A mandatory element is absent. Spec: EMV 4.4 Book 3 §7.2, §7.5."""


class WrongCryptogram(CardError):
    """The card answered GENERATE AC with what it was not asked for. Spec: EMV 4.4 Book 3 §9.3."""


@dataclass(frozen=True, slots=True)
class AidEntry:
    """One application that the terminal accepts: a row of the AID list. Action codes have 5 bytes, as a TVR.

    Raises ValueError for what no AID list may hold.
    """

    aid: bytes
    name: str
    partial: bool = True  # The card's name may be longer (ASI). Spec: Book 1 §12.3.1.
    avn: bytes = b""  # 9F09; empty: the versions are not compared.
    floor_limit_minor: int = 0
    tac_denial: bytes = bytes(5)
    tac_online: bytes = b"\xff" * 5
    tac_default: bytes = b"\xff" * 5
    default_ddol: bytes = b""  # For DDA with cards that have none. Spec: Book 2 §6.5.1.
    default_tdol: bytes = b""  # For the TC hash; empty: the terminal has none. Spec: Book 3 §9.2.2.
    # Random selection: percent of the payments under the threshold, and of those just under the floor limit.
    random_target: int = 0
    random_target_max: int = 0
    random_threshold_minor: int = 0

    def __post_init__(self) -> None:
        if not 5 <= len(self.aid) <= 16:
            raise ValueError("an AID has 5 to 16 bytes")
        if len(self.avn) not in (0, 2):
            raise ValueError("an application version has 2 bytes")
        if not 0 <= self.floor_limit_minor <= AMOUNT_MAX_MINOR:
            raise ValueError("a floor limit is a whole number of minor units, at most 12 digits")
        if any(len(code) != 5 for code in (self.tac_denial, self.tac_online, self.tac_default)):
            raise ValueError("a terminal action code has 5 bytes")
        if not (self.random_target in PERCENT and self.random_target_max in PERCENT):
            raise ValueError("a target of random selection is 0 to 99 percent")
        if self.random_target > self.random_target_max:
            raise ValueError("the maximum target of random selection is not under the target")
        if not 0 <= self.random_threshold_minor <= max(0, self.floor_limit_minor - 1):
            raise ValueError("the threshold of random selection lies under the floor limit")

    def matches(self, name: bytes) -> bool:
        """Whether a card's application with this name is this one. Spec: Book 1 §12.3.1."""
        return name.startswith(self.aid) if self.partial else name == self.aid


class CdaMode(IntEnum):
    """When GENERATE AC asks for a CDA signature. Spec: EMV 4.4 Book 2 Annex D4.

    In every mode a TC that the issuer has not approved is signed.
    """

    MODE_1 = 1
    MODE_2 = 2
    MODE_3 = 3
    MODE_4 = 4

    @property
    def on_request(self) -> bool:
        """Whether an ARQC is signed."""
        return self in (CdaMode.MODE_1, CdaMode.MODE_2)

    @property
    def on_approved(self) -> bool:
        """Whether the TC after the issuer's approval is signed."""
        return self in (CdaMode.MODE_1, CdaMode.MODE_4)


@dataclass(frozen=True, slots=True)
class TerminalProfile:
    """What the terminal is. Defaults: an attended online-only terminal of a shop in China with a PIN pad.

    Raises ValueError if it claims what this kernel does not do, or what contradicts itself, so that 9F33 and
    9F35 are never faked.
    """

    aids: tuple[AidEntry, ...]
    terminal_type: int = 0x21  # 9F35
    capabilities: bytes = bytes.fromhex("E06800")  # 9F33: online PIN, signature, no CVM; no SDA/DDA/CDA
    ca_keys: CaKeys = CaKeys()
    cda_mode: CdaMode = CdaMode.MODE_1
    additional_capabilities: bytes = bytes.fromhex("7000F0A001")  # 9F40; last byte: can show ISO 8859-1
    country: str = "156"  # 9F1A, ISO 3166 numeric
    currency: str = "156"  # 5F2A, ISO 4217 numeric
    currency_exponent: int = 2  # 5F36
    serial: str = "00000001"  # 9F1E, 8 characters
    category: str = "5999"  # 9F15
    merchant_no: str = "000000000000000"  # 9F16, 15 characters
    terminal_no: str = "00000001"  # 9F1C, 8 characters
    merchant_name: str = ""  # 9F4E
    pin_bypass: bool = False  # Whether a customer may leave the PIN out. Spec: Book 4 §6.3.4.3.
    cardholder_choice: bool = True  # Whether an application can be chosen. Spec: Book 4 §11.3.
    languages: tuple[str, ...] = ("zh", "en")  # ISO 639: what the cardholder can be spoken to in.
    approval_codes: tuple[bytes, ...] = (b"00", b"11")  # 8A that mean yes to the whole amount.
    referral_codes: tuple[bytes, ...] = (b"01", b"02")  # 8A that mean: call the issuer. Spec: Book 4 §6.5.2.2.
    script_results_tag: int = SCRIPT_RESULTS_DF31  # The Books give the results of scripts no tag.
    card_log: bool = False  # Whether EarlierAmount can be answered. Spec: Book 3 §10.6.1.
    # PANs, or PAN/sequence as in "6222021234567894321/01", that are not to be trusted. Spec: Book 4 §6.3.5.
    exception_file: frozenset[str] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        if self.terminal_type not in TERMINAL_TYPES:
            raise ValueError("9F35: no terminal has this type; 21 is a shop's that always goes online")
        if len(self.capabilities) != 3 or len(self.additional_capabilities) != 5:
            raise ValueError("9F33 has 3 bytes and 9F40 has 5")
        if self.capabilities[2] & SecurityCapability.XDA:
            raise ValueError("9F33: XDA is not in and must not be claimed")
        if self.capabilities[1] & (BIOMETRIC | CvmCapability.ENCIPHERED_PIN_ECC):
            raise ValueError("9F33: biometrics and PINs under elliptic curves are not in and must not be claimed")
        if self.offline_only and self.capabilities[1] & CvmCapability.ONLINE_PIN:
            raise ValueError("9F33: a terminal that never goes online cannot have a PIN verified there")
        if self.pin_bypass and not self.attended:
            raise ValueError("a PIN is bypassed before somebody's eyes, and nobody attends this terminal")
        for name, digits, length in (
            ("country", self.country, 3),
            ("currency", self.currency, 3),
            ("category", self.category, 4),
        ):
            if len(digits) != length or not (digits.isascii() and digits.isdigit()):
                raise ValueError(f"{name} is {length} digits")
        for name, text, length in (
            ("serial", self.serial, 8),
            ("merchant_no", self.merchant_no, 15),
            ("terminal_no", self.terminal_no, 8),
        ):
            if len(text) != length or not text.isascii():
                raise ValueError(f"{name} is {length} characters")
        if not 0 <= self.currency_exponent <= 9:
            raise ValueError("a currency exponent is one digit")

    @property
    def attended(self) -> bool:
        """Whether somebody of the shop stands by. Spec: Book 4 §A1: second digit 1-3 attended, 4-6 not."""
        return self.terminal_type & 0x0F <= 3

    @property
    def online_only(self) -> bool:
        """Whether nothing is approved here without the issuer. Spec: Book 4 §A1: second digit 1 or 4."""
        return self.terminal_type & 0x0F in (1, 4)

    @property
    def offline_only(self) -> bool:
        """Whether the issuer is never asked. Spec: Book 4 §A1: second digit 3 or 6."""
        return self.terminal_type & 0x0F in (3, 6)

    @property
    def cash_machine(self) -> bool:
        """Whether it is an ATM: a bank's, unattended, and it dispenses cash. Spec: Book 4 §A1."""
        return self.terminal_type in ATM_TYPES and bool(self.additional_capabilities[0] & DISPENSES_CASH)


@dataclass(frozen=True, slots=True)
class TransactionData:
    """What is to be paid, and when. `date` is YYMMDD, `time` HHMMSS, `kind` is 9C. Raises ValueError."""

    amount_minor: int  # The total, cash back included.
    date: str
    time: str
    counter: int  # 9F41
    kind: int = 0x00
    other_minor: int = 0  # Of it, cash back.
    forced_online: bool = False  # The merchant is suspicious. Spec: Book 4 §6.5.3.

    def __post_init__(self) -> None:
        if not 0 <= self.other_minor <= self.amount_minor <= AMOUNT_MAX_MINOR:
            raise ValueError("an amount is a whole number of minor units, at most 12 digits")
        for digits in (self.date, self.time):
            if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
                raise ValueError("date is YYMMDD and time HHMMSS")
        if not 0 <= self.counter <= 99_999_999:
            raise ValueError("a transaction counter has at most 8 digits")
        if not 0 <= self.kind <= 0x99 or self.kind & 0x0F > 9:
            raise ValueError("a transaction type is two digits, written as one BCD byte")


@dataclass(slots=True)
class Authentication:
    """What offline data authentication keeps from step to step."""

    records: list[tuple[int, bytes]] = field(default_factory=list, repr=False)  # SFI and data of what the AFL marks.
    sent: bytes = field(default=b"", repr=False)  # What went to the card by PDOL, CDOL1 and CDOL2, in this order.
    icc_key: PublicKey | None = None  # The card's key, once CDA is chosen and the key was recovered.
    failure: OdaFailure | None = None
    signature_failed: bool = False  # The answer to a GENERATE AC with CDA was not genuine.


class Session:
    """The context of one contact session. Make one for each card; give it to `kernel.contact_session`.

    `data` holds every element known by now, tag to value. `steps` names what was performed, `not_performed`
    what the Books have and this kernel leaves out, `problem` says in words what was wrong with the card, and
    `trace` holds every decision and every exchange. `language` is the ISO 639 word of the language that the
    cardholder prefers and the terminal speaks, empty if there is none.
    """

    __slots__ = (
        "terminal",
        "transaction",
        "data",
        "tvr",
        "tsi",
        "aid",
        "cryptogram",
        "online",
        "advice",
        "steps",
        "not_performed",
        "problem",
        "blocked_seen",
        "cardholder_chose",
        "language",
        "trace",
        "oda",
    )

    def __init__(self, terminal: TerminalProfile, transaction: TransactionData) -> None:
        self.terminal = terminal
        self.transaction = transaction
        self.data: dict[int, bytes] = terminal_data(terminal, transaction)
        self.tvr = TVR(0)
        self.tsi = TSI(0)
        self.aid: AidEntry | None = None
        self.cryptogram: Cryptogram | None = None
        self.online = False
        self.advice = False  # The card wants its issuer to be told.
        self.steps: list[str] = []
        self.not_performed: list[str] = []
        self.problem = ""
        self.blocked_seen = False  # The card has an application of ours, and it is blocked.
        self.cardholder_chose = False  # From then on no application is taken without the cardholder's word.
        self.language = ""
        self.trace: list[Decision | Exchange | Ending] = []
        self.oda = Authentication()

    def begin_application(self, aid: AidEntry) -> None:
        """Forget whatever another application said: a card's answers never mix. Spec: Book 3 §10.1."""
        self.data = terminal_data(self.terminal, self.transaction)
        floor_limit = min(aid.floor_limit_minor, BINARY_AMOUNT_MAX)
        self.data[TERMINAL_FLOOR_LIMIT_9F1B] = floor_limit.to_bytes(4, "big")
        if aid.avn:
            self.data[APPLICATION_VERSION_TERMINAL_9F09] = aid.avn
        self.tvr = TVR(0)
        self.tsi = TSI(0)
        self.aid = aid
        self.oda = Authentication()
        self.note("application-begun")

    def prefer_language(self, preference: bytes) -> None:
        """The first of the card's languages (5F2D) that the terminal speaks; the first card file that tells wins.

        Capitals count too; what is no language is as if absent. Spec: Book 4 §11.1, Book 1 §12.2.2, §12.2.4.
        """
        if self.language:
            return
        words = preference.decode("ascii", "replace").lower()
        for at in range(0, len(words) - 1, 2):
            if words[at : at + 2] in self.terminal.languages:
                self.language = words[at : at + 2]
                self.note("language-preferred", language=self.language)
                return

    def selected(self) -> AidEntry:
        """The AID list's row of the application in use."""
        if self.aid is None:
            raise RuntimeError("no application is selected yet")
        return self.aid

    def note(
        self, word: str, *tags: int, sets: TVR | TSI | None = None, clears: TVR = NO_TVR, **facts: int | str
    ) -> None:
        """Write down the branch that is taken, set what it sets and clear what it clears: no bit moves but by a note.

        `word` is a row of `emv.rules`, `tags` the elements that were looked at, `facts` what is no element (a
        rule's number, a status word). Never put anything of a person or a PIN into a fact.
        """
        if isinstance(sets, TVR):
            self.tvr |= sets
        elif sets is not None:
            self.tsi |= sets
        self.tvr &= ~clears
        looked_at = tuple((tag, self._element(tag)) for tag in tags)
        self.trace.append(Decision(RULES[word], looked_at, tuple(facts.items()), sets, clears))

    def _element(self, tag: int) -> bytes | None:
        if tag == TERMINAL_VERIFICATION_RESULTS_95:
            return bytes(self.tvr)
        return self.data.get(tag)

    def performed(self, step: str) -> None:
        """Write down a step by the Book's title."""
        self.steps.append(step)

    def left_out(self, step: str) -> None:
        """Write down what the Books have and this kernel did not do, once."""
        if step not in self.not_performed:
            self.not_performed.append(step)

    def elements(self) -> dict[int, bytes]:
        """A copy of every element, with TVR and TSI as they stand."""
        return {
            **self.data,
            TERMINAL_VERIFICATION_RESULTS_95: bytes(self.tvr),
            TRANSACTION_STATUS_INFORMATION_9B: bytes(self.tsi),
        }

    def accept(self, tag: int, value: bytes, *, within: int | None = None) -> bool:
        """Keep what the card said, if the dictionary knows it, the card may say it, and says it `within` its
        template.

        A card that sends its own 9F02, 95 or 8A must not change ours, and length zero is as if absent.
        Spec: EMV 4.4 Book 3 §5.2 (length zero), §7.5 (sources and templates), §10.2 (unrecognised data).
        """
        row = TAGS.get(tag)
        if row is None or row.source is not Source.CARD or not value:
            return False
        if within is not None and not belongs(tag, within):
            return False
        self.data[tag] = value
        return True

    def take(self, items: Iterable[Tlv], seen: set[int], *, within: int) -> None:
        """Accept the primitive ones of a template's `items`; `seen` holds the tags that may not come again.

        What is not accepted may come as often as it likes. Raises TlvError.
        Spec: EMV 4.4 Book 3 §7.5, §10.2 (redundant primitive data objects).
        """
        for item in items:
            if item.constructed or not item.value:
                continue
            if item.tag in seen:
                raise TlvError(f"{item.tag:X} comes twice", position=item.position)
            if self.accept(item.tag, item.value, within=within):
                seen.add(item.tag)

    def end(self, result: Result, reason: str) -> Outcome:
        """The Outcome of the session as it stands. `reason` is a word of REASONS."""
        if reason not in REASONS:
            raise KeyError(f"no such reason: {reason}")
        self.trace.append(Ending(result, reason, self.problem))
        signature = result is Result.APPROVED and wants_signature(self.data.get(CVM_RESULTS_9F34, b""))
        return Outcome(result, reason, self.cryptogram, self.online, signature, self.elements(), self.advice)


def terminal_data(terminal: TerminalProfile, transaction: TransactionData) -> dict[int, bytes]:
    """Every element that the terminal knows before the card speaks, tag to value. Spec: Book 3 Annex A."""
    data = {
        TERMINAL_TYPE_9F35: bytes((terminal.terminal_type,)),
        TERMINAL_CAPABILITIES_9F33: terminal.capabilities,
        ADDITIONAL_TERMINAL_CAPABILITIES_9F40: terminal.additional_capabilities,
        TERMINAL_COUNTRY_CODE_9F1A: digits_n(terminal.country, 2),
        TRANSACTION_CURRENCY_CODE_5F2A: digits_n(terminal.currency, 2),
        TRANSACTION_CURRENCY_EXPONENT_5F36: bytes((terminal.currency_exponent,)),
        INTERFACE_DEVICE_SERIAL_NUMBER_9F1E: terminal.serial.encode("ascii"),
        MERCHANT_CATEGORY_CODE_9F15: digits_n(terminal.category, 2),
        MERCHANT_IDENTIFIER_9F16: terminal.merchant_no.encode("ascii"),
        TERMINAL_IDENTIFICATION_9F1C: terminal.terminal_no.encode("ascii"),
        MERCHANT_NAME_AND_LOCATION_9F4E: terminal.merchant_name.encode("utf-8"),
        POS_ENTRY_MODE_9F39: b"\x05",  # Chip. Spec: ISO 8583:1987 field 22.
        AMOUNT_AUTHORISED_9F02: digits_n(str(transaction.amount_minor), 6),
        AMOUNT_OTHER_9F03: digits_n(str(transaction.other_minor), 6),
        TRANSACTION_DATE_9A: digits_n(transaction.date, 3),
        TRANSACTION_TIME_9F21: digits_n(transaction.time, 3),
        TRANSACTION_TYPE_9C: bytes((transaction.kind,)),
        TRANSACTION_SEQUENCE_COUNTER_9F41: digits_n(str(transaction.counter), 4),
    }
    if transaction.amount_minor <= BINARY_AMOUNT_MAX:
        data[AMOUNT_AUTHORISED_BINARY_81] = transaction.amount_minor.to_bytes(4, "big")
        data[AMOUNT_OTHER_BINARY_9F04] = transaction.other_minor.to_bytes(4, "big")
    return data


def digits_n(digits: str, length: int) -> bytes:
    """Digits as format n: two a byte, zeros to the left.

    >>> digits_n("156", 2).hex()
    '0156'
    """
    return bytes.fromhex(digits.rjust(2 * length, "0"))
