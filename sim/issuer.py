"""The issuer's half of EMV cryptography: card keys, ARQC, ARPC. Real 3DES, test keys only.

The virtual card and the simulated acquirer share this file, so the tests check it against pyemv, against
values made by an HSM (tests/vectors/emv_symmetric_crypto.json) and against openssl: two sides that share code
could otherwise be wrong together.

What is built: ICC master key option A, EMV common session key, cryptogram by ISO/IEC 9797-1 algorithm 3 with
padding method 2, ARPC method 1. The data under the cryptogram is the recommended minimum list and the CVR, in
the order of CRYPTOGRAM_TAGS. (PBOC's own session key, 3DES of the ATC and of its complement, is not used here.)

Spec: EMV 4.4 Book 2 §8.1, §8.2, Annexes A1.2, A1.3, A1.4.1; Book 3 Annex C for the tags.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

# The list of EMV 4.4 Book 2 §8.1.1 table 27, each with its length in bytes; the CVR follows it.
CRYPTOGRAM_TAGS: tuple[tuple[int, int], ...] = (
    (0x9F02, 6),  # Amount, Authorised
    (0x9F03, 6),  # Amount, Other
    (0x9F1A, 2),  # Terminal Country Code
    (0x95, 5),  # TVR
    (0x5F2A, 2),  # Transaction Currency Code
    (0x9A, 3),  # Transaction Date
    (0x9C, 1),  # Transaction Type
    (0x9F37, 4),  # Unpredictable Number
    (0x82, 2),  # AIP
    (0x9F36, 2),  # ATC
)

# One master key for cryptograms a test BIN. They are published on purpose: nothing real is behind them.
TEST_ISSUER_KEYS: Mapping[str, bytes] = MappingProxyType(
    {
        "622500": bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"),
        "622600": bytes.fromhex("A1B2C3D4E5F607181F2E3D4C5B6A7988"),
        "621700": bytes.fromhex("89ABCDEF0123456776543210FEDCBA98"),
    }
)
BIN_DIGITS = 6

# 9F10 of our cards, as PBOC lays it out: length 07, key index, cryptogram version, CVR (length 03 and
# 3 bytes), algorithm 01 (3DES).
IAD_LENGTH = 8
CVR_AT = slice(3, 7)
CARD_KEYS_LIMIT = 10_000  # A few megabytes; a soak test draws fewer cards.


class IssuerError(Exception):
    """What came in cannot be checked: no such BIN, or an element is missing or has the wrong length."""


def set_odd_parity(key: bytes) -> bytes:
    """Set the low bit of each byte so that the byte has an odd number of ones. DES itself ignores it."""
    return bytes((byte & 0xFE) | ((byte >> 1).bit_count() & 1 ^ 1) for byte in key)


def _check_key(key: bytes) -> None:
    if len(key) != 16:
        raise IssuerError("a double-length key has 16 bytes")


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(a, b, strict=True))


def _encrypt(key: bytes, data: bytes) -> bytes:
    """3DES ECB of whole blocks; `key` is double length (16 bytes)."""
    return Cipher(TripleDES(key + key[:8]), modes.ECB()).encryptor().update(data)


def _cbc_mac_left(key: bytes, data: bytes) -> bytes:
    """The last block of DES CBC under the left half. E(K, D(K, E(K))) with one K is single DES."""
    left = key[:8]
    return Cipher(TripleDES(left * 3), modes.CBC(bytes(8))).encryptor().update(data)[-8:]


def derive_icc_master_key(issuer_key: bytes, pan: str, sequence: str = "00") -> bytes:
    """The card's own master key, option A. `pan` is digits, `sequence` two digits (5F34); 16 bytes come back.

    Spec: EMV 4.4 Book 2 Annex A1.4.1.
    """
    _check_key(issuer_key)
    y = bytes.fromhex((pan + sequence)[-16:].rjust(16, "0"))
    return set_odd_parity(_encrypt(issuer_key, y + bytes(byte ^ 0xFF for byte in y)))


def derive_session_key(icc_master_key: bytes, atc: bytes) -> bytes:
    """The EMV common session key for one ATC (2 bytes). Spec: EMV 4.4 Book 2 Annex A1.3.1."""
    _check_key(icc_master_key)
    if len(atc) != 2:
        raise IssuerError("an ATC has 2 bytes")
    return set_odd_parity(_encrypt(icc_master_key, atc + b"\xf0" + bytes(5) + atc + b"\x0f" + bytes(5)))


def application_cryptogram(session_key: bytes, data: bytes) -> bytes:
    """ARQC, TC or AAC over `data` (unpadded): ISO/IEC 9797-1 algorithm 3, padding method 2, 8 bytes.

    Single DES over all blocks but the last, 3DES over the last: that is algorithm 3 said in another way.
    Spec: EMV 4.4 Book 2 §8.1.2, Annex A1.2.1.
    """
    _check_key(session_key)
    padded = data + b"\x80"
    padded += bytes(-len(padded) % 8)
    head, last = padded[:-8], padded[-8:]
    chained = _cbc_mac_left(session_key, head) if head else bytes(8)
    return _encrypt(session_key, _xor(chained, last))


def response_cryptogram(session_key: bytes, arqc: bytes, response_code: bytes) -> bytes:
    """ARPC method 1: 8 bytes over the ARQC and the two characters of the response code.

    Tag 91 is this, then the code. Spec: EMV 4.4 Book 2 §8.2.1.
    """
    if len(arqc) != 8 or len(response_code) != 2:
        raise IssuerError("an ARQC has 8 bytes and a response code 2")
    return _encrypt(session_key, _xor(arqc, response_code + bytes(6)))


def cryptogram_input(elements: Mapping[int, bytes], cvr: bytes) -> bytes:
    """The data under the cryptogram. 9F03 may be absent and is zero then. Raises IssuerError."""
    parts: list[bytes] = []
    for tag, length in CRYPTOGRAM_TAGS:
        value = elements.get(tag, bytes(6) if tag == 0x9F03 else b"")
        if len(value) != length:
            raise IssuerError(f"tag {tag:X} is missing or is not {length} bytes long")
        parts.append(value)
    parts.append(cvr)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class CheckedCryptogram:
    """Whether the card's cryptogram was genuine, and what it takes to answer it."""

    genuine: bool
    session_key: bytes = field(repr=False)
    arqc: bytes = field(repr=False)

    def answer(self, response_code: bytes) -> bytes:
        """The value of tag 91: ARPC and response code, 10 bytes."""
        return response_cryptogram(self.session_key, self.arqc, response_code) + response_code


class Issuer:
    """All test issuers in one: finds the master key by BIN and checks ARQCs.

    Derived card keys are kept (a derivation costs more than the check itself), CARD_KEYS_LIMIT of them.
    """

    def __init__(self, master_keys: Mapping[str, bytes] = TEST_ISSUER_KEYS) -> None:
        self._master_keys = dict(master_keys)
        self._card_keys: dict[tuple[str, str], bytes] = {}

    def knows(self, pan: str) -> bool:
        """Whether a test issuer has this BIN."""
        return pan[:BIN_DIGITS] in self._master_keys

    def icc_master_key(self, pan: str, sequence: str) -> bytes:
        """Raises IssuerError for a BIN that no test issuer has."""
        known = self._card_keys.get((pan, sequence))
        if known is not None:
            return known
        issuer_key = self._master_keys.get(pan[:BIN_DIGITS])
        if issuer_key is None:
            raise IssuerError("no test issuer has this BIN")
        if len(self._card_keys) >= CARD_KEYS_LIMIT:
            self._card_keys.clear()
        key = derive_icc_master_key(issuer_key, pan, sequence)
        self._card_keys[pan, sequence] = key
        return key

    def check(self, pan: str, sequence: str, elements: Mapping[int, bytes]) -> CheckedCryptogram:
        """Check 9F26 among the elements of field 55. `sequence` is two digits (tag 5F34).

        Raises IssuerError where nothing can be checked: unknown BIN, an element missing or of a wrong length.
        """
        iad = elements.get(0x9F10, b"")
        arqc = elements.get(0x9F26, b"")
        if len(iad) < IAD_LENGTH - 1 or len(arqc) != 8:
            raise IssuerError("tag 9F10 or 9F26 is missing or too short")
        data = cryptogram_input(elements, iad[CVR_AT])
        session_key = derive_session_key(self.icc_master_key(pan, sequence), elements[0x9F36])
        return CheckedCryptogram(
            hmac.compare_digest(application_cryptogram(session_key, data), arqc), session_key, arqc
        )
