"""What a test card is, as values: applications, the layout of their files, limits, oddities. All frozen.

They are read from `profiles/*.toml` by `sim.card.reading`; docs/simulator.md has the schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

AAC, TC, ARQC = 0x00, 0x40, 0x80  # CID, b8-b7. Spec: EMV 4.4 Book 3 §6.5.5.4.

_DATA = "9F02069F03069F1A0295055F2A029A039C019F3704"  # The list under the cryptogram, as a DOL.
CDOL1 = bytes.fromhex(_DATA)
CDOL2 = bytes.fromhex("8A02" + _DATA)

AIP_SDA, AIP_DDA, AIP_CVM, AIP_RISK, AIP_EXTERNAL_AUTHENTICATE, AIP_CDA = 0x40, 0x20, 0x10, 0x08, 0x04, 0x01

# Direct convention. T=1 with IFSC 254 and the block and character waiting times that EMV wants; T=0 plain.
ATR_T1 = bytes.fromhex("3BE500008131FE455A47313233C3")
ATR_T0 = bytes.fromhex("3B6500005A47313233")


class IssuerAuthentication(Enum):
    """How much the card cares for the ARPC. A wrong one always ends in an AAC."""

    NONE = "none"  # It has no way to check one.
    OPTIONAL = "optional"  # A missing one is forgiven.
    MANDATORY = "mandatory"  # A missing one ends in an AAC.


class Oda(Enum):
    """How the card proves that its data are the issuer's. Spec: EMV 4.4 Book 2 §5, §6."""

    NONE = "none"
    SDA = "sda"
    DDA = "dda"
    CDA = "cda"


@dataclass(frozen=True, slots=True)
class CardFile:
    """One elementary file: the tags of each record, in order; the first `signed` records are authenticated data."""

    sfi: int
    records: tuple[tuple[int, ...], ...]
    signed: int = 0


# A tag that the application has no value for is left out of its record.
DEFAULT_FILES = (
    CardFile(1, ((0x57, 0x5F20),)),
    CardFile(
        2,
        (
            (0x5A, 0x5F34, 0x5F24, 0x5F25, 0x5F28, 0x9F42, 0x9F07, 0x9F08, 0x9F14, 0x9F23),
            (0x8C, 0x8D, 0x8E, 0x97, 0x9F49, 0x9F4A, 0x9F0D, 0x9F0E, 0x9F0F),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Authentication:
    """What stands behind a card's certificates: the published keys with this exponent (sim.card.rsa_keys)."""

    kind: Oda = Oda.NONE
    exponent: int = 3
    pin_key: bool = False  # A key of its own for enciphered PINs; else they are under the card's key.
    fault: str = ""  # What is wrong with a certificate or signature: a word of `certificates.FAULTS`.


@dataclass(frozen=True, slots=True)
class Limits:
    """The card's own risk management; None: not watched. Amounts in minor units of the application's currency.

    Above a lower limit the card wants to go online, above an upper one it does not approve without the issuer.
    """

    consecutive_lower: int | None = None
    consecutive_upper: int | None = None
    cumulative_lower: int | None = None
    cumulative_upper: int | None = None


@dataclass(frozen=True, slots=True)
class CardApplication:
    """One application (ADF) with its data. Dates are YYMMDD."""

    aid: bytes
    label: str
    pan: str = field(repr=False)
    family: str = "pboc"  # pboc, visa or mchip: see sim.cryptograms.SCHEMES.
    cvn: int = 0x01
    sequence: str = "01"
    priority: int = 1  # 1..15; 0: none given.
    confirm: bool = False  # Tag 87 b8: not without the cardholder's confirmation.
    preferred: bytes = b""  # 9F12, with `code_table` (9F11).
    code_table: int = 0
    expiry: str = "301231"
    effective: str = "200101"
    service_code: str = "201"
    discretionary: str = field(default="00000000", repr=False)  # Track 2's.
    holder: str = "TEST/CARDHOLDER"
    language: str = "zhen"
    country: bytes = bytes.fromhex("0156")
    currency: bytes = b""  # 9F42
    usage: bytes = bytes.fromhex("FF00")
    version: bytes = bytes.fromhex("0030")
    aip: bytes = bytes.fromhex("1C00")
    pdol: bytes = b""
    cdol1: bytes = CDOL1
    cdol2: bytes = CDOL2
    ddol: bytes = b""
    tdol: bytes = b""
    cvm_list: bytes = bytes(8) + bytes.fromhex("42031E00")
    action_default: bytes = bytes.fromhex("D8689CF800")
    action_denial: bytes = bytes.fromhex("0010000000")
    action_online: bytes = bytes.fromhex("D8689CF800")
    files: tuple[CardFile, ...] = DEFAULT_FILES
    authentication: Authentication = Authentication()
    limits: Limits = Limits()
    terminal_limits: tuple[int, int] | None = None  # 9F14 and 9F23, for the terminal's velocity checking.
    log_records: int = 10  # The transaction log lies in file 11; 0: none.
    issuer_data: bytes = b""  # What follows in 9F10 after the scheme's own part.
    objects: tuple[tuple[int, bytes], ...] = ()  # Data that a record may hold beside, or instead of, the above.
    template_77: bool = False  # GPO and GENERATE AC answer in format 2.
    blocked: bool = False  # The application (not the card) is blocked: 6283 and AACs only.
    refuses_options: bool = False  # GPO answers 6985: conditions of use not satisfied.
    left_out: frozenset[int] = frozenset()  # Tags that its records do not have.

    @property
    def track2(self) -> bytes:
        """Tag 57: PAN, D, YYMM, service code, discretionary data, padded with F."""
        digits = f"{self.pan}D{self.expiry[:4]}{self.service_code}{self.discretionary}"
        return bytes.fromhex(digits + "F" * (len(digits) % 2))


@dataclass(frozen=True, slots=True)
class Quirk:
    """One oddity on the wire: at which command, what happens, and with what. See `sim.card.hostile`."""

    at: str
    does: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How a payment by this card ends at our terminal: data for the tests and for whoever holds the card."""

    reason: str  # A word of emv.rules.REASONS, or of those that the reader has.
    tvr: tuple[str, ...] = ()  # Names of TVR bits that are set, others apart.


@dataclass(frozen=True, slots=True)
class CardProfile:
    """One card. `zh` and `en` say in one line what it is."""

    name: str
    zh: str
    en: str
    applications: tuple[CardApplication, ...]
    pin: str = field(default="", repr=False)  # "": the issuer has no PIN for it.
    offline_pin: str = field(default="", repr=False)  # The card's own reference; "": the same.
    pin_tries: int = 3  # The limit.
    tries_left: int | None = None  # None: all.
    group: str = "good"  # Where the panel puts it.
    balance_minor: int = 500_000
    issuer_refuses: str = ""  # The response code that the issuer always gives ("41": lost).
    issuer_sends: str = ""  # The script that comes with the issuer's next answer: see sim.acquirer.scripts.
    pse: bool = True
    atc: int = 0x0010  # Not a new card: 9F13 and 9F36 are not zero.
    last_online_atc: int = 0x0010
    mute: bool = False  # No answer to reset: upside down, or no chip.
    blocked: bool = False  # Every command answers 6A81.
    transport_t0: bool = False  # 61xx and 6Cxx reach the reader.
    first_answers: int | None = None  # CID (b8-b7) of the first AC, whatever was asked.
    second_answers: int | None = None  # CID of the second AC, whatever was asked.
    gives_reasons: bool = False  # CID carries the advice bit and a reason code beside an AAC.
    pin_exceeded_declines: bool = False  # With no PIN try left the card gives AACs.
    issuer_authentication: IssuerAuthentication = IssuerAuthentication.OPTIONAL
    quirks: tuple[Quirk, ...] = ()
    expect: Expectation | None = None

    @property
    def pin_required(self) -> bool:
        """Whether the issuer approves nothing without a PIN: a card whose only verification is the online PIN."""
        rules = self.applications[0].cvm_list[8:]
        return bool(self.pin) and len(rules) == 2 and rules[0] & 0x3F == 0x02

    @property
    def tries_left_now(self) -> int:
        """The try counter as the card leaves the bureau."""
        return self.pin_tries if self.tries_left is None else self.tries_left

    @property
    def card_pin(self) -> bytes:
        """The digits that VERIFY compares with."""
        return (self.offline_pin or self.pin).encode("ascii")

    @property
    def pan(self) -> str:
        """The number of its first application."""
        return self.applications[0].pan


def luhn_digit(number: str) -> str:
    """The check digit that makes `number` + digit a valid card number.

    >>> luhn_digit("622500000000001")
    '4'
    """
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def make_test_pan(bin_digits: str, running: int) -> str:
    """A test card number of 16 digits: BIN, zeros, running number, Luhn digit. Nobody's card.

    >>> make_test_pan("622500", 1)
    '6225000000000014'
    """
    body = bin_digits + f"{running:0{15 - len(bin_digits)}d}"
    return body + luhn_digit(body)
