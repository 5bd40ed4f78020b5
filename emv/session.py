"""One card, one transaction: what the kernel is told, what it learns, and what can be read afterwards.

`TerminalProfile`, `AidEntry` and `TransactionData` are what the terminal says: frozen, and refused at once if
they claim what the kernel cannot do. `Session` is what the steps write into; whoever drives the kernel owns
it and may read `data`, `tvr`, `steps` at any time, also after the card was pulled out.

Spec: EMV 4.4 Book 3 §10 (transaction flow), Book 4 §A1-A4 (terminal data).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from emv.bits import BIOMETRIC, OFFLINE_DATA_AUTHENTICATION, OFFLINE_PIN, TSI, TVR, wants_signature
from emv.commands import CardError, Cryptogram, Outcome, Result
from emv.rules import RULES
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
from emv.trace import Decision, Ending, Exchange

CASH = 0x80  # 9F40 byte 1 b8.
AMOUNT_MAX_MINOR = 999_999_999_999  # 9F02 is n12.
BINARY_AMOUNT_MAX = 0xFFFFFFFF  # 81 is four bytes.

ONLINE_ONLY_TYPES: Final = frozenset({0x11, 0x14, 0x21, 0x24})  # Spec: EMV 4.4 Book 4 §A1.
CASH_MACHINE_TYPES: Final = frozenset({0x14, 0x15, 0x16})  # If they also give out cash (9F40).

# Every `Outcome.reason` of this kernel, in English and Chinese.
REASONS: Final = MappingProxyType(
    {
        "approved-online": ("Approved by the issuer", "发卡行批准"),
        "declined-offline": ("Declined by the terminal", "终端拒绝"),
        "declined-by-card": ("Declined by the card", "卡片拒绝"),
        "declined-by-issuer": ("Declined by the issuer", "发卡行拒绝"),
        "unable-to-go-online": ("The issuer could not be reached", "无法联机"),
        "service-not-allowed": ("The card does not allow this service", "卡片不允许此服务"),
        "cancelled": ("Cancelled", "已取消"),
        "pin-cancelled": ("PIN entry cancelled", "密码输入已取消"),
        "pin-timed-out": ("PIN entry timed out", "密码输入超时"),
        "no-application": ("No application in common", "无共同应用"),
        "application-blocked": ("The application is blocked", "应用已锁定"),
        "card-blocked": ("The card is blocked or answers no selection", "卡片已锁定"),
        "too-much": ("The card answers without end", "卡片应答没有尽头"),
        "card-refused": ("The card refused a command", "卡片拒绝命令"),
        "data-missing": ("The card lacks mandatory data", "卡片缺少必备数据"),
        "bad-data": ("The card sent data that cannot be read", "卡片数据错误"),
        "cryptogram-not-allowed": ("The card answered with a cryptogram it may not give", "卡片密文类型错误"),
    }
)


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
    default_ddol: bytes = b""  # Kept for offline data authentication, which is not in yet.
    default_tdol: bytes = b""

    def __post_init__(self) -> None:
        if not 5 <= len(self.aid) <= 16:
            raise ValueError("an AID has 5 to 16 bytes")
        if len(self.avn) not in (0, 2):
            raise ValueError("an application version has 2 bytes")
        if not 0 <= self.floor_limit_minor <= AMOUNT_MAX_MINOR:
            raise ValueError("a floor limit is a whole number of minor units, at most 12 digits")
        if any(len(code) != 5 for code in (self.tac_denial, self.tac_online, self.tac_default)):
            raise ValueError("a terminal action code has 5 bytes")

    def matches(self, name: bytes) -> bool:
        """Whether a card's application with this name is this one. Spec: Book 1 §12.3.1."""
        return name.startswith(self.aid) if self.partial else name == self.aid


@dataclass(frozen=True, slots=True)
class TerminalProfile:
    """What the terminal is. Defaults: an attended online-only terminal of a shop in China with a PIN pad.

    Raises ValueError if it claims what this kernel does not do (offline PIN, offline data authentication,
    offline approval), so that 9F33 and 9F35 are never faked.
    """

    aids: tuple[AidEntry, ...]
    terminal_type: int = 0x21  # 9F35
    capabilities: bytes = bytes.fromhex("E06800")  # 9F33: online PIN, signature, no CVM; no SDA/DDA/CDA
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

    def __post_init__(self) -> None:
        if self.terminal_type not in ONLINE_ONLY_TYPES:
            raise ValueError("9F35: without offline data authentication the type must be online only (21)")
        if len(self.capabilities) != 3 or len(self.additional_capabilities) != 5:
            raise ValueError("9F33 has 3 bytes and 9F40 has 5")
        if self.capabilities[2] & OFFLINE_DATA_AUTHENTICATION:
            raise ValueError("9F33: SDA, DDA and CDA are not in yet and must not be claimed")
        if self.capabilities[1] & (OFFLINE_PIN | BIOMETRIC):
            raise ValueError("9F33: offline PIN and biometrics are not in yet and must not be claimed")
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
    def cash_machine(self) -> bool:
        """Whether the terminal is an ATM. Spec: Book 4 §A1 (type), §A3 (9F40 byte 1 b8: cash)."""
        return self.terminal_type in CASH_MACHINE_TYPES and bool(self.additional_capabilities[0] & CASH)


@dataclass(frozen=True, slots=True)
class TransactionData:
    """What is to be paid, and when. `date` is YYMMDD, `time` HHMMSS, `kind` is 9C. Raises ValueError."""

    amount_minor: int  # The total, cash back included.
    date: str
    time: str
    counter: int  # 9F41
    kind: int = 0x00
    other_minor: int = 0  # Of it, cash back.
    forced_online: bool = False  # The merchant is suspicious. Spec: Book 4 §6.5.2.

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


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record that the AFL counts to the signed data: the answer to READ RECORD as it came, without SW1 SW2.

    Spec: Book 3 §10.3 (what of it is hashed depends on the file).
    """

    sfi: int
    number: int
    data: bytes = field(repr=False)  # It may hold a PAN.


class Session:
    """The context of one contact session. Make one for each card; give it to `kernel.contact_session`.

    `data` holds every element known by now, tag to value. `steps` names what was performed, `not_performed`
    what the Books have and this kernel leaves out, `problem` says in words what was wrong with the card, and
    `trace` holds every decision and every exchange. `language` is the ISO 639 word of the language that the
    cardholder prefers and the terminal speaks, empty if there is none; `signed_records` is what offline data
    authentication hashes.
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
        "steps",
        "not_performed",
        "problem",
        "blocked_seen",
        "cardholder_chose",
        "language",
        "signed_records",
        "trace",
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
        self.steps: list[str] = []
        self.not_performed: list[str] = []
        self.problem = ""
        self.blocked_seen = False  # The card has an application of ours, and it is blocked.
        self.cardholder_chose = False  # From then on no application is taken without the cardholder's word.
        self.language = ""
        self.signed_records: list[SignedRecord] = []
        self.trace: list[Decision | Exchange | Ending] = []

    def begin_application(self, aid: AidEntry) -> None:
        """Forget whatever another application said: a card's answers never mix. Spec: Book 3 §10.1."""
        self.data = terminal_data(self.terminal, self.transaction)
        floor_limit = min(aid.floor_limit_minor, BINARY_AMOUNT_MAX)
        self.data[TERMINAL_FLOOR_LIMIT_9F1B] = floor_limit.to_bytes(4, "big")
        if aid.avn:
            self.data[APPLICATION_VERSION_TERMINAL_9F09] = aid.avn
        self.tvr = TVR(0)
        self.tsi = TSI(0)
        self.signed_records = []
        self.aid = aid
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

    def note(self, word: str, *tags: int, sets: TVR | TSI | None = None, **facts: int | str) -> None:
        """Write down the branch that is taken, and set what it sets. No bit is set but by a note.

        `word` is a row of `emv.rules`, `tags` the elements that were looked at, `facts` what is no element (a
        rule's number, a status word). Never put anything of a person or a PIN into a fact.
        """
        if isinstance(sets, TVR):
            self.tvr |= sets
        elif sets is not None:
            self.tsi |= sets
        get = self.data.get
        self.trace.append(
            Decision(RULES[word], tuple((tag, get(tag)) for tag in tags), tuple(facts.items()), sets)
        )

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
        return Outcome(result, reason, self.cryptogram, self.online, signature, self.elements())


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
