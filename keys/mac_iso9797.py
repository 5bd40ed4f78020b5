"""MACs of ISO 9797-1 (algorithms 1, 3 and 5) with padding methods 1, 2 and 3, and HMAC.

| algorithm | keys | known as |
|---|---|---|
| 1 | DES 8, TDES 16 or 24, AES, SM4 16 bytes | CBC-MAC; FIPS 113; with TDES ISO 16609 |
| 3 | TDES 16 bytes (K, K'); 32 for two double-length keys | X9.19, retail MAC |
| 5 | TDES, AES, SM4 | CMAC; it pads by itself |

Algorithm 1 with padding method 1 or 2 is only safe for data of one fixed length: X and its MAC give the MAC of a
longer message. A protocol that has a choice takes CMAC. Algorithms 2, 4 and 6 are not here: nothing asks for them.

Spec: ISO/IEC 9797-1:2011 §6.3 (padding), §7.2, §7.4, §7.6; ANSI X9.19; NIST SP 800-38B; FIPS 198-1, RFC 2104.
"""

from __future__ import annotations

import hmac as constant_time
from enum import Enum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from keys import ciphers, tdes
from keys.errors import KeyRefused
from keys.usage import Algorithm

MAC_BYTES_MIN = 4  # What payment messages carry at least; shorter ones are guessed.
_DOUBLE = 16
_TWO_DOUBLES = 32


class Padding(Enum):
    """How data becomes whole blocks. Spec: ISO/IEC 9797-1:2011 §6.3."""

    ZEROS = 1
    ONE_AND_ZEROS = 2
    LENGTH_FIRST = 3


class Digest(Enum):
    """The hash under an HMAC."""

    SHA256 = "SHA-256"
    SM3 = "SM3"


def padded(data: bytes, method: Padding, block_bytes: int) -> bytes:
    """At least one whole block. Method 3's first block is the length of `data` in bits.

    >>> padded(b"hello", Padding.LENGTH_FIRST, 8).hex()
    '000000000000002868656c6c6f000000'
    """
    if method is Padding.ONE_AND_ZEROS:
        data += b"\x80"
    filled = data + bytes(-len(data) % block_bytes) if data else bytes(block_bytes)
    if method is Padding.LENGTH_FIRST:
        return (8 * len(data)).to_bytes(block_bytes, "big") + filled
    return filled


def algorithm_1(algorithm: Algorithm, key: bytearray, data: bytes, padding: Padding, *, size: int = 8) -> bytes:
    """The first `size` bytes (4 to a block) of the CBC-MAC. Raises KeyRefused. Spec: §7.2."""
    block = ciphers.block_bytes(algorithm)
    chain = ciphers.cbc_mac(algorithm, key, padded(data, padding, block))
    return _cut(chain, size)


def algorithm_3(key: bytearray, data: bytes, padding: Padding, *, size: int = 8) -> bytes:
    """The first `size` bytes (4 to 8) of the retail MAC. Raises KeyRefused. Spec: §7.4; X9.19.

    The chain runs under K, its end is decrypted under K' and encrypted under K. `key` is K and K' in a row: 8
    bytes each, or 16 each where the block cipher is triple DES itself.
    """
    if len(key) == _DOUBLE:
        return _cut(_retail(key, padded(data, padding, tdes.BLOCK_BYTES)), size)
    if len(key) != _TWO_DOUBLES:
        raise KeyRefused(f"a key for algorithm 3 has {_DOUBLE} or {_TWO_DOUBLES} bytes")
    cipher, half = Algorithm.TDES, _DOUBLE
    first, second = bytearray(half), bytearray(half)
    memoryview(first)[:] = memoryview(key)[:half]
    memoryview(second)[:] = memoryview(key)[half:]
    chain = turned = bytearray()
    try:
        chain = ciphers.cbc_mac(cipher, first, padded(data, padding, tdes.BLOCK_BYTES))
        turned = ciphers.decrypt_ecb(cipher, second, chain)
        return _cut(ciphers.encrypt_ecb(cipher, first, turned), size)
    finally:
        # The chain before the last step is what a search for K alone would need.
        for secret in (first, second, chain, turned):
            tdes.wipe(secret)


def _retail(key: bytearray, data: bytes) -> bytearray:
    """Algorithm 3 with single DES over whole blocks: its last three steps are triple DES of the last block."""
    first = bytearray(tdes.BLOCK_BYTES)
    memoryview(first)[:] = memoryview(key)[: tdes.BLOCK_BYTES]
    # The chain before the last step is what a search for K alone would need.
    chain = bytearray(tdes.BLOCK_BYTES)
    try:
        if len(data) > tdes.BLOCK_BYTES:
            chain = ciphers.cbc_mac(Algorithm.DES, first, data[: -tdes.BLOCK_BYTES])
        return ciphers.cbc_mac(Algorithm.TDES, key, data[-tdes.BLOCK_BYTES :], chain)
    finally:
        tdes.wipe(first)
        tdes.wipe(chain)


def algorithm_5(algorithm: Algorithm, key: bytearray, data: bytes, *, size: int | None = None) -> bytes:
    """CMAC, whole or its first `size` bytes (4 to a block). Raises KeyRefused. Spec: §7.6; SP 800-38B."""
    if algorithm is Algorithm.DES:
        raise KeyRefused("CMAC is not made with single DES")
    made = ciphers.cmac(algorithm, key, data)
    return _cut(bytearray(made), len(made) if size is None else size)


def hmac(key: bytearray, data: bytes, digest: Digest = Digest.SHA256) -> bytes:
    """32 bytes. Raises KeyRefused for an empty key. Spec: FIPS 198-1; GB/T 15852.2 for SM3.

    What is too short for a secret (under 14 bytes, SP 800-131A) is the loader's to refuse.
    """
    if not key:
        raise KeyRefused("an HMAC key is not empty")
    try:
        made = HMAC(key, hashes.SHA256() if digest is Digest.SHA256 else hashes.SM3())
        made.update(data)
        return made.finalize()
    except UnsupportedAlgorithm:
        raise KeyRefused(f"this OpenSSL has no {digest.value}") from None


def same(made: bytes, received: bytes) -> bool:
    """Whether the MACs are equal, in constant time; lengths must agree."""
    return constant_time.compare_digest(made, received)


def _cut(mac: bytearray, size: int) -> bytes:
    if not MAC_BYTES_MIN <= size <= len(mac):
        raise KeyRefused(f"this MAC has {MAC_BYTES_MIN} to {len(mac)} bytes")
    return bytes(mac[:size])
