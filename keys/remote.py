"""A key from the host over any wire: signed by the host, for this terminal, for this one request.

The scheme is ours, in the shape of TR-34's two passes; docs/key-loading.md specifies it byte by byte. The
terminal asks with its device number, a nonce and its RSA key, signed with that key. The host, which knows the
terminal's key by its fingerprint, answers with a token: the key as a key block of version D under a key of its
own, that one under the terminal's RSA key, and the host's signature over all of it.

The terminal believes one host key, that of the request. What is looked at, in this order: the host's signature;
this device, this nonce and this RSA key; whether the nonce is still good, which is then spent, durably, whatever
comes next; only then is anything decrypted. The key under RSA is bound (as OAEP's label) to all that was said
before it. One request is open at a time; a second one closes the first, a restart closes none.

Every refusal of a token reads the same. RSA keys live in the library's own memory, which is not wiped: about
those we report and do not promise. This module costs 50 ms to import, so nothing that a sale needs imports it.

Spec: ASC X9 TR-34-2019 (shape only); RFC 8017 §7.1, §8.1 (OAEP, PSS); ASC X9.143 (version D); NIST SP 800-57
part 1, table 2 (strengths); PCI PTS POI B13.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from keys import blocks, tdes, usage
from keys.block_header import Version, parse
from keys.blocks import UnwrappedKey
from keys.errors import KeyRefused
from keys.vault import Label, Place, Record

REQUEST_MAGIC = b"ZGR1"  # The last character is the scheme's version.
TOKEN_MAGIC = b"ZGT1"
NONCE_BYTES = 32
NONCE_LIFE_S = 3_600  # For a person to carry a file to the host and back.
FINGERPRINT_BYTES = 32
DEVICE_LIMIT_BYTES = 32
RSA_BITS_MIN = 3_072
RSA_BITS_MAX = 8_192  # Above it a small processor is busy for seconds.
OWN_RSA_BITS_MAX = 4_096  # What a record of the vault holds.
RSA_EXPONENT = 65_537
PUBLIC_KEY_LIMIT_BYTES = 1_200  # The largest RSA key's SubjectPublicKeyInfo has 1062.
BLOCK_LIMIT_BYTES = 1_024  # A symmetric key's block and its optional blocks.
TOKEN_LIMIT_BYTES = 4_096  # Two RSA numbers, a block and its header at their limits, and more.

PRIVATE_KEY = Label("K2", "R", "T", 0)  # X9.143 §6.3.1: TR-34 asymmetric key, to sign and to decrypt.
OPEN_REQUEST = Label("11", "0", "N", 0)  # No key: nonce, end of its life, host key. Numbers are free.
_EXPIRY_BYTES = 8
_REFUSED = "the key token does not open"


class Drawer(Protocol):
    """Where records rest: the vault."""

    def find(self, place: Place) -> Record | None: ...

    def open_record(self, record: Record) -> bytearray: ...

    def put(self, secrets: list[tuple[Label, int, bytearray]]) -> None: ...

    def drop(self, places: list[Place]) -> None: ...


@dataclass(frozen=True, slots=True)
class Token:
    """A token in its parts, none of them believed yet. `bound` is what comes before the encrypted key."""

    device: bytes
    nonce: bytes
    fingerprint: bytes
    header: bytes
    kcv: bytes
    bound: bytes
    encrypted: bytes
    block: bytes
    signed: bytes
    signature: bytes


class RemoteLoading:
    """The terminal's side. `device` is its number, printable ASCII."""

    def __init__(self, vault: Drawer, *, device: str, random: Callable[[int], bytes]) -> None:
        if not (device.isascii() and device.isprintable() and 0 < len(device) <= DEVICE_LIMIT_BYTES):
            raise KeyRefused(f"a device number has 1 to {DEVICE_LIMIT_BYTES} printable ASCII characters")
        self._vault = vault
        self._device = device.encode("ascii")
        self._random = random

    def make_key(self, bits: int = RSA_BITS_MIN) -> None:
        """Make and seal this terminal's RSA key, unless it has one. Takes seconds on a small processor."""
        if not RSA_BITS_MIN <= bits <= OWN_RSA_BITS_MAX:
            raise KeyRefused(f"the terminal's RSA key has {RSA_BITS_MIN} to {OWN_RSA_BITS_MAX} bits")
        if self._vault.find(PRIVATE_KEY.place) is not None:
            return
        made = rsa.generate_private_key(RSA_EXPONENT, bits)
        der = bytearray(
            made.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        try:
            self._vault.put([(PRIVATE_KEY, 0, der)])
        finally:
            tdes.wipe(der)

    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, for the host to know this terminal by. Raises KeyRefused before `make_key`."""
        return public_bytes(self._private_key().public_key())

    def begin(self, host: bytes, now_s: int) -> bytes:
        """The request, to be sent to the host whose public key this is (DER); an earlier one is closed.

        Whoever calls has compared the key's `fingerprint` with what the host says it is. Raises KeyRefused.
        """
        load_public_key(host)
        key = self._private_key()
        nonce = self._random(NONCE_BYTES)
        self._vault.put([(OPEN_REQUEST, 0, bytearray(nonce + _until(now_s) + host))])
        public = public_bytes(key.public_key())
        said = REQUEST_MAGIC + _counted(self._device, 1) + nonce + _counted(public, 2)
        return said + _counted(key.sign(said, _pss(), hashes.SHA256()), 2)

    def accept(self, token: bytes, now_s: int) -> UnwrappedKey:
        """The key that the host sent; the caller stores it under its header's codes and wipes it.

        A token that the host signed for the open request closes it, good or not. Raises KeyRefused, in the same
        words for every reason.
        """
        found: UnwrappedKey | None = None
        try:
            found = self._accept(token, now_s)
        except (KeyRefused, InvalidSignature, UnsupportedAlgorithm, ValueError):
            found = None
        # Raised out here, the refusal carries no trace of its cause.
        if found is None:
            raise KeyRefused(_REFUSED)
        return found

    def abandon(self) -> None:
        """Close the open request, if there is one."""
        self._vault.drop([OPEN_REQUEST.place])

    # Inside: raises KeyRefused, InvalidSignature and ValueError, whose words nobody sees.

    def _accept(self, data: bytes, now_s: int) -> UnwrappedKey:
        token = read_token(data)
        nonce, until_s, host = self._open_request()
        load_public_key(host).verify(token.signature, token.signed, _pss(), hashes.SHA256())
        key = self._private_key()
        ours = (
            hmac.compare_digest(token.device, self._device),
            hmac.compare_digest(token.nonce, nonce),
            hmac.compare_digest(token.fingerprint, fingerprint(public_bytes(key.public_key()))),
        )
        if not all(ours):
            raise KeyRefused(_REFUSED)
        self.abandon()  # Durable before anything is opened: no token is ever opened twice.
        if not until_s - NONCE_LIFE_S <= now_s < until_s:
            raise KeyRefused(_REFUSED)  # Too late, or the clock was set back to before the request.
        return _opened(key, token)

    def _open_request(self) -> tuple[bytes, int, bytes]:
        record = self._vault.find(OPEN_REQUEST.place)
        if record is None:
            raise KeyRefused(_REFUSED)
        kept = bytes(self._vault.open_record(record))
        until = kept[NONCE_BYTES : NONCE_BYTES + _EXPIRY_BYTES]
        return kept[:NONCE_BYTES], int.from_bytes(until, "big"), kept[NONCE_BYTES + _EXPIRY_BYTES :]

    def _private_key(self) -> rsa.RSAPrivateKey:
        record = self._vault.find(PRIVATE_KEY.place)
        if record is None:
            raise KeyRefused("the terminal has no RSA key yet: make one first")
        der = self._vault.open_record(record)
        try:
            key = serialization.load_der_private_key(der, password=None)
        finally:
            tdes.wipe(der)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyRefused("the terminal's RSA key is none")
        return key


def _opened(key: rsa.RSAPrivateKey, token: Token) -> UnwrappedKey:
    kbpk = bytearray(key.decrypt(token.encrypted, _oaep(token.bound)))
    try:
        if len(kbpk) != kbpk_bytes(key.key_size):
            raise KeyRefused(_REFUSED)
        text = token.block.decode("ascii")
        parsed = parse(text)
        if parsed.header.version is not Version.D or parsed.header_text.encode("ascii") != token.header:
            raise KeyRefused(_REFUSED)
        found = blocks.unwrap(kbpk, text)
    finally:
        tdes.wipe(kbpk)
    good = False
    try:
        good = hmac.compare_digest(blocks.check_value(found.header.algorithm, found.key), token.kcv)
    finally:
        if not good:
            found.wipe()
    if not good:
        raise KeyRefused(_REFUSED)
    return found


def read_token(data: bytes) -> Token:
    """Take a token apart. Raises KeyRefused: a wrong length anywhere, or anything left over."""
    cursor = _Cursor(data)
    if len(data) > TOKEN_LIMIT_BYTES or cursor.take(len(TOKEN_MAGIC)) != TOKEN_MAGIC:
        raise KeyRefused(_REFUSED)
    device = cursor.counted(1, DEVICE_LIMIT_BYTES)
    nonce, print_ = cursor.take(NONCE_BYTES), cursor.take(FINGERPRINT_BYTES)
    header = cursor.counted(2, BLOCK_LIMIT_BYTES)
    kcv = cursor.counted(1, blocks.CMAC_KCV_BYTES)
    bound = data[: cursor.offset]
    encrypted = cursor.counted(2, RSA_BITS_MAX // 8)
    block = cursor.counted(2, BLOCK_LIMIT_BYTES)
    signed = data[: cursor.offset]
    signature = cursor.counted(2, RSA_BITS_MAX // 8)
    if cursor.offset != len(data):
        raise KeyRefused(_REFUSED)
    return Token(device, nonce, print_, header, kcv, bound, encrypted, block, signed, signature)


def load_public_key(der: bytes) -> rsa.RSAPublicKey:
    """An RSA key that is long enough, from its SubjectPublicKeyInfo. Raises KeyRefused.

    The encoding must be the one there is, so that a key has one fingerprint.
    """
    key = None
    if len(der) <= PUBLIC_KEY_LIMIT_BYTES:
        try:
            key = serialization.load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm):
            key = None
    if not isinstance(key, rsa.RSAPublicKey) or public_bytes(key) != der:
        raise KeyRefused("this is no RSA public key (DER, SubjectPublicKeyInfo)")
    if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX or key.public_numbers().e != RSA_EXPONENT:
        raise KeyRefused(f"an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits and the exponent {RSA_EXPONENT}")
    return key


def public_bytes(key: rsa.RSAPublicKey) -> bytes:
    """Its SubjectPublicKeyInfo."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def fingerprint(public: bytes) -> bytes:
    """What people compare, and what the host knows a terminal by: SHA-256 of the SubjectPublicKeyInfo."""
    return hashlib.sha256(public).digest()


def kbpk_bytes(rsa_bits: int) -> int:
    """The size of the key between RSA and the block: as strong as the RSA key, so that nothing is under a weaker.

    >>> kbpk_bytes(3072), kbpk_bytes(7680)
    (16, 24)
    """
    return usage.rsa_strength(rsa_bits) // 8


def _pss() -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)


def _oaep(label: bytes) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)


def _until(now_s: int) -> bytes:
    return (now_s + NONCE_LIFE_S).to_bytes(_EXPIRY_BYTES, "big")


def _counted(data: bytes, length_bytes: int) -> bytes:
    return len(data).to_bytes(length_bytes, "big") + data


class _Cursor:
    """Reads fields one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    def take(self, size: int) -> bytes:
        if size > len(self._data) - self.offset:
            raise KeyRefused(_REFUSED)
        self.offset += size
        return self._data[self.offset - size : self.offset]

    def counted(self, length_bytes: int, limit: int) -> bytes:
        """A field after its length: 1 to `limit` bytes."""
        size = int.from_bytes(self.take(length_bytes), "big")
        if not 0 < size <= limit:
            raise KeyRefused(_REFUSED)
        return self.take(size)
