"""Certificates made as a personalisation bureau makes them: CA to issuer, issuer to card, and what cards sign.

Pure functions over RSA keys; the inverse of what a terminal does, written on its own, so that a fault in the
terminal's reading is not mirrored here. A card's records get what `CardKeys` and the functions below return: 90, 92,
9F32, 9F46, 9F47, 9F48, 93; what is signed at run time goes into 9F4B.

Spec: EMV 4.4 Book 2 §5.1, §6.1, §6.5.1, §6.6.1, §7.1; Annex A2.1 (the signature scheme).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

DEFAULT_EXPIRY = "1249"  # MMYY
DEFAULT_SERIAL = bytes.fromhex("000001")
SIGNED_MAX = 1024  # Signatures that are remembered, a quarter of a megabyte; the rack's cards need two hundred.


@dataclass(frozen=True)
class RsaKey:
    """A whole RSA key, its primes too. These are test keys; the repr hides them all the same."""

    p: int = field(repr=False)
    q: int = field(repr=False)
    e: int

    @cached_property
    def n(self) -> int:
        return self.p * self.q

    @property
    def size(self) -> int:
        """The modulus in bytes."""
        return (self.n.bit_length() + 7) // 8

    @property
    def modulus(self) -> bytes:
        return self.n.to_bytes(self.size, "big")

    @property
    def exponent(self) -> bytes:
        return self.e.to_bytes((self.e.bit_length() + 7) // 8, "big")

    @cached_property
    def _crt(self) -> tuple[int, int, int]:
        d = pow(self.e, -1, (self.p - 1) * (self.q - 1))
        return d % (self.p - 1), d % (self.q - 1), pow(self.q, -1, self.p)

    def private(self, block: bytes) -> bytes:
        """The private operation on a block of the modulus' length: signs, and deciphers."""
        value = int.from_bytes(block, "big")
        if len(block) != self.size or value >= self.n:
            raise ValueError("a block is as long as the modulus and below it")
        return _power(self, value).to_bytes(self.size, "big")


@lru_cache(SIGNED_MAX)
def _power(key: RsaKey, value: int) -> int:
    """By the primes, one after the other. Three milliseconds: a card that is made again signs the same again."""
    d_p, d_q, q_inverse = key._crt
    m_q = pow(value, d_q, key.q)
    h = (pow(value, d_p, key.p) - m_q) * q_inverse % key.p
    return m_q + h * key.q


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and what did not fit into it: 90 and 92, 9F46 and 9F48, or 9F2D and 9F2F."""

    certificate: bytes
    remainder: bytes


def sign(key: RsaKey, body: bytes, appended: bytes = b"") -> bytes:
    """Header, body, hash over body and `appended`, trailer, under the private key. Spec: Book 2 Annex A2.1.2."""
    if len(body) != key.size - 22:
        raise ValueError(f"a key of {key.size} bytes signs {key.size - 22} bytes, not {len(body)}")
    return key.private(b"\x6a" + body + hashlib.sha1(body + appended).digest() + b"\xbc")


def _certificate(signer: RsaKey, head: bytes, key: RsaKey, appended: bytes) -> Signed:
    room = signer.size - 22 - len(head)
    digits, remainder = key.modulus[:room].ljust(room, b"\xbb"), key.modulus[room:]
    return Signed(sign(signer, head + digits, remainder + key.exponent + appended), remainder)


def _head(form: int, identity: bytes, expiry: str, serial: bytes, key: RsaKey, algorithms: bytes) -> bytes:
    lengths = bytes((key.size, len(key.exponent)))
    return bytes((form,)) + identity + bytes.fromhex(expiry) + serial + algorithms + lengths


def issuer_certificate(
    ca: RsaKey,
    issuer: RsaKey,
    identifier: str,
    *,
    expiry: str = DEFAULT_EXPIRY,
    serial: bytes = DEFAULT_SERIAL,
    form: int = 0x02,
    algorithms: bytes = b"\x01\x01",
) -> Signed:
    """90 and 92. `identifier` is the first 3 to 8 digits of the PANs; `expiry` is MMYY.

    `form` and `algorithms` (hash, key) are for certificates that are wrong on purpose. Spec: Book 2 §5.1 table 2.
    """
    head = _head(form, bytes.fromhex(identifier.ljust(8, "F")), expiry, serial, issuer, algorithms)
    return _certificate(ca, head, issuer, b"")


def icc_certificate(
    issuer: RsaKey,
    icc: RsaKey,
    pan: str,
    static_data: bytes = b"",
    *,
    expiry: str = DEFAULT_EXPIRY,
    serial: bytes = DEFAULT_SERIAL,
    form: int = 0x04,
    algorithms: bytes = b"\x01\x01",
) -> Signed:
    """9F46 and 9F48 over the card's key and its static data; without static data 9F2D and 9F2F of a PIN key.

    Spec: Book 2 §6.1 table 9 (card), §7.1 (PIN encipherment).
    """
    head = _head(form, bytes.fromhex(pan.ljust(20, "F")), expiry, serial, icc, algorithms)
    return _certificate(issuer, head, icc, static_data)


def signed_static_data(issuer: RsaKey, static_data: bytes, *, form: int = 0x03) -> bytes:
    """93; 9F45 becomes DAC0. Spec: Book 2 §5.1 table 3."""
    body = bytes((form, 0x01, 0xDA, 0xC0))
    return sign(issuer, body.ljust(issuer.size - 22, b"\xbb"), static_data)


def signed_dynamic_data(icc: RsaKey, dynamic_data: bytes, terminal_data: bytes, *, form: int = 0x05) -> bytes:
    """9F4B. `dynamic_data` begins with the dynamic number and its length; `terminal_data` is what the DDOL brought.

    Spec: Book 2 §6.5.1 table 15.
    """
    body = bytes((form, 0x01, len(dynamic_data))) + dynamic_data
    return sign(icc, body.ljust(icc.size - 22, b"\xbb"), terminal_data)


def combined_data(number: bytes, cryptogram_information: int, cryptogram: bytes, exchanged: bytes) -> bytes:
    """The dynamic data of a CDA signature, for `signed_dynamic_data` with the unpredictable number.

    `exchanged`: the values sent by PDOL and CDOL1 (and CDOL2), then the objects answered, but for 9F4B.
    Spec: Book 2 §6.6.1 table 18.
    """
    head = bytes((len(number),)) + number + bytes((cryptogram_information,)) + cryptogram
    return head + hashlib.sha1(exchanged).digest()


def ca_checksum(rid: bytes, index: int, key: RsaKey) -> bytes:
    """SHA-1 over RID, index, modulus and exponent. Spec: Book 2 §11 (CA public key check sum)."""
    return hashlib.sha1(rid + bytes((index,)) + key.modulus + key.exponent).digest()
