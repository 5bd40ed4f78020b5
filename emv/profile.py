"""What the terminal says to the kernel: what it is, which applications it takes, and what is to be paid.

`TerminalProfile`, `AidEntry` and `TransactionData` are frozen, and refused at once if they claim what the kernel cannot
do. `terminal_data` makes of them the elements that a card can ask for.

Spec: EMV 4.4 Book 4 §A1-A4 (terminal data), Book 3 Annex A (elements).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from emv.bits import BIOMETRIC, CvmCapability, SecurityCapability
from emv.capk import CaKeys
from emv.tags import (
    ADDITIONAL_TERMINAL_CAPABILITIES_9F40,
    AMOUNT_AUTHORISED_9F02,
    AMOUNT_AUTHORISED_BINARY_81,
    AMOUNT_OTHER_9F03,
    AMOUNT_OTHER_BINARY_9F04,
    INTERFACE_DEVICE_SERIAL_NUMBER_9F1E,
    MERCHANT_CATEGORY_CODE_9F15,
    MERCHANT_IDENTIFIER_9F16,
    MERCHANT_NAME_AND_LOCATION_9F4E,
    POS_ENTRY_MODE_9F39,
    SCRIPT_RESULTS_DF31,
    TERMINAL_CAPABILITIES_9F33,
    TERMINAL_COUNTRY_CODE_9F1A,
    TERMINAL_IDENTIFICATION_9F1C,
    TERMINAL_TYPE_9F35,
    TRANSACTION_CURRENCY_CODE_5F2A,
    TRANSACTION_CURRENCY_EXPONENT_5F36,
    TRANSACTION_DATE_9A,
    TRANSACTION_SEQUENCE_COUNTER_9F41,
    TRANSACTION_TIME_9F21,
    TRANSACTION_TYPE_9C,
)

AMOUNT_MAX_MINOR = 999_999_999_999  # 9F02 is n12.
BINARY_AMOUNT_MAX = 0xFFFFFFFF  # 81 is four bytes.
PERCENT = range(100)  # Targets of random selection.

# Whose (a bank's, a merchant's, the cardholder's own) and what it can do. Spec: EMV 4.4 Book 4 §A1.
TERMINAL_TYPES: Final = frozenset(
    {*range(0x11, 0x17), *range(0x21, 0x27), 0x34, 0x35, 0x36}  # Nobody attends a cardholder's own terminal.
)
ATM_TYPES: Final = frozenset({0x14, 0x15, 0x16})
DISPENSES_CASH = 0x80  # 9F40 byte 1.


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
