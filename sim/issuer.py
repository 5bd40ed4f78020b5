"""The issuers behind the test cards: they check cryptograms, answer them, and send scripts. Test keys only.

The card's family follows from its BIN, the cryptogram's version from its own 9F10. What the cryptography is checked
against stands in sim.cryptograms.

Spec: EMV 4.4 Book 2 §8 (cryptograms), §9 (secure messaging); Book 3 §10.10 (issuer scripts).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.card.build import tlv
from sim.cryptograms import (
    BIN_DIGITS,
    CVN_AT,
    CVR_AT,
    SCHEMES,
    TEST_ISSUERS,
    IssuerError,
    IssuerRow,
    KeySet,
    Scheme,
    Transaction,
    card_keys,
)
from terminal.hostlink.profile import NO_ORGANISATION

# Which organisation's card a number is, by its first digits (from memory of ISO/IEC 7812's public ranges); F63.1 of an
# answer. The first row that fits counts.
ORGANISATIONS: tuple[tuple[str, range], ...] = (
    ("CUP", range(62, 63)),
    ("VIS", range(4, 5)),
    ("MCC", range(51, 56)),
    ("MCC", range(2221, 2721)),
    ("AMX", range(34, 35)),
    ("AMX", range(37, 38)),
    ("JCB", range(3528, 3590)),
)
CARD_KEYS_LIMIT = 10_000  # A few megabytes; a soak test draws fewer cards.
APPROVALS = (b"00", b"10", b"11")
# What the answer says beside the cryptogram where it is not the response code. From memory of the common core
# definitions and of M/Chip: one bit each means that the issuer approves.
STATUS_APPROVED, STATUS_REFUSED = bytes.fromhex("00800000"), bytes(4)
MCHIP_APPROVED, MCHIP_REFUSED = bytes.fromhex("0010"), bytes(2)
# Where the CVR says that the PIN try limit is exceeded: byte and bit.
PIN_EXCEEDED_AT: Mapping[str, tuple[int, int]] = {"pboc": (2, 0x40), "visa": (2, 0x40), "mchip": (3, 0x08)}
BEFORE_FINAL, AFTER_FINAL = 0x71, 0x72


@dataclass(frozen=True, slots=True)
class Order:
    """One script command before its MAC: CLA INS P1 P2 and what it carries. `pin` is enciphered on its way.

    Spec: EMV 4.4 Book 3 §6.5.1, §6.5.2, §6.5.3, §6.5.10; PUT DATA and UPDATE RECORD by ISO/IEC 7816-4.
    """

    header: bytes
    data: bytes = b""
    pin: bytes = field(default=b"", repr=False)


BLOCK_APPLICATION = Order(bytes.fromhex("841E0000"))
UNBLOCK_APPLICATION = Order(bytes.fromhex("84180000"))
BLOCK_CARD = Order(bytes.fromhex("84160000"))
UNBLOCK_PIN = Order(bytes.fromhex("84240000"))


def change_pin(pin: bytes) -> Order:
    """A new PIN (ASCII digits), and the tries all back."""
    return Order(bytes.fromhex("84240002"), pin=pin)


def put_data(tag: int, value: bytes) -> Order:
    return Order(b"\x04\xda" + tag.to_bytes(2, "big"), value)


def update_record(sfi: int, number: int, record: bytes) -> Order:
    return Order(bytes((0x04, 0xDC, number, sfi << 3 | 0x04)), record)


@dataclass(frozen=True, slots=True)
class CheckedCryptogram:
    """Whether the card's cryptogram was genuine, and what it takes to answer it."""

    genuine: bool
    arqc: bytes = field(repr=False)
    transaction: Transaction = field(repr=False)
    pin_blocked: bool = False  # The card says that its PIN tries are used up.

    def answer(self, response_code: bytes) -> bytes:
        """The value of tag 91 that goes with this response code (two characters)."""
        approved = response_code in APPROVALS
        said = response_code
        if self.transaction.scheme.method_2:
            said = STATUS_APPROVED if approved else STATUS_REFUSED
        elif self.transaction.scheme.family == "mchip":
            said = MCHIP_APPROVED if approved else MCHIP_REFUSED
        return self.transaction.answer(self.arqc, said)

    def command(self, order: Order, number: int = 0) -> bytes:
        """One script command as the card wants it; `number` counts those of this transaction from 0."""
        data = order.data
        if order.pin:
            data = self.transaction.encipher(self.transaction.pin_block(order.pin), self.arqc, number)
        header = order.header + bytes((len(data) + self.transaction.scheme.mac_length,))
        return header + data + self.transaction.script_mac(header, data, self.arqc, number)

    def script(self, *orders: Order, template: int = AFTER_FINAL, identifier: bytes = b"", first: int = 0) -> bytes:
        """Template 71 or 72 with its commands. `first` continues the count of an earlier script."""
        name = tlv(0x9F18, identifier) if identifier else b""
        commands = (tlv(0x86, self.command(order, first + at)) for at, order in enumerate(orders))
        return tlv(template, name, *commands)


def organisation_of(pan: str) -> str:
    """Whose card this number is, also of a masked number. Three characters.

    >>> organisation_of("411111******0013"), organisation_of("2720990000000007"), organisation_of("9")
    ('VIS', 'MCC', '000')
    """
    for name, first in ORGANISATIONS:
        digits = pan[: len(str(first.start))]
        if digits.isdigit() and int(digits) in first:
            return name
    return NO_ORGANISATION


class Issuer:
    """All test issuers in one: finds the master keys by BIN and checks ARQCs.

    Derived card keys are kept (a derivation costs more than the check itself), CARD_KEYS_LIMIT of them.
    """

    def __init__(self, issuers: Mapping[str, IssuerRow] = TEST_ISSUERS) -> None:
        self._issuers = dict(issuers)
        self._card_keys: dict[tuple[str, str, bool], KeySet] = {}

    def knows(self, pan: str) -> bool:
        """Whether a test issuer has this BIN."""
        return pan[:BIN_DIGITS] in self._issuers

    def card_keys(self, pan: str, sequence: str, scheme: Scheme) -> KeySet:
        """Raises IssuerError for a BIN that no test issuer has."""
        known = self._card_keys.get((pan, sequence, scheme.option_b))
        if known is not None:
            return known
        if len(self._card_keys) >= CARD_KEYS_LIMIT:
            self._card_keys.clear()
        keys = card_keys(self._row(pan).keys, scheme, pan, sequence)
        self._card_keys[pan, sequence, scheme.option_b] = keys
        return keys

    def check(self, pan: str, sequence: str, elements: Mapping[int, bytes]) -> CheckedCryptogram:
        """Check 9F26 among the elements of field 55. `sequence` is two digits (tag 5F34).

        Raises IssuerError where nothing can be checked: unknown BIN, unknown cryptogram version, an element missing
        or of a wrong length.
        """
        family = self._row(pan).family
        iad, arqc = elements.get(0x9F10, b""), elements.get(0x9F26, b"")
        if len(iad) < CVR_AT[family].stop or len(arqc) != 8:
            raise IssuerError("tag 9F10 or 9F26 is missing or too short")
        if len(elements.get(0x9F36, b"")) != 2:
            raise IssuerError("tag 9F36 is missing or is not 2 bytes long")
        scheme = SCHEMES.get((family, iad[CVN_AT[family]]))
        if scheme is None:
            raise IssuerError(f"cryptogram version {iad[CVN_AT[family]]:02X} is unknown for this issuer")
        keys = self.card_keys(pan, sequence, scheme)
        un = elements.get(0x9F37, b"")
        if len(un) != 4:
            raise IssuerError("tag 9F37 is missing or is not 4 bytes long")
        transaction = Transaction.begin(scheme, keys, elements[0x9F36], un)
        genuine = hmac.compare_digest(transaction.cryptogram(elements, iad), arqc)
        at, bit = PIN_EXCEEDED_AT[family]
        return CheckedCryptogram(genuine, arqc, transaction, bool(iad[CVR_AT[family]][at] & bit))

    def _row(self, pan: str) -> IssuerRow:
        row = self._issuers.get(pan[:BIN_DIGITS])
        if row is None:
            raise IssuerError("no test issuer has this BIN")
        return row
