"""The UnionPay ECB MAC, for double- and single-length keys of DES, and for SM4.

The data, filled with zeros to whole blocks, is folded by XOR into one block; its hex characters (16, with SM4's
larger blocks 32) are encrypted as two blocks, chained once; the first eight hex characters of the result are the
MAC.

Its weakness is public: folding makes it blind to swapped blocks and to equal changes in two blocks, and it
has only 32 bits. So a reply's fields 3, 4, 11, 41 and 42 are compared as well, and the link runs inside TLS.

Spec: docs/host-link.md §7.
"""

from __future__ import annotations

from keys import ciphers, tdes
from keys.usage import Algorithm

MAC_CHARACTERS = 8


def fold(data: bytes, block_bytes: int = tdes.BLOCK_BYTES) -> bytes:
    """XOR of the blocks, the last one filled with zeros.

    >>> fold(bytes.fromhex("0102030405060708ff")).hex()
    'fe02030405060708'
    """
    blocks = -(-len(data) // block_bytes)
    folded = int.from_bytes(data, "big") << 8 * (blocks * block_bytes - len(data))
    # The upper half over the lower one, until one block is left: a loop over blocks takes five times as long.
    half = 1 << (blocks - 1).bit_length() >> 1
    while half:
        bits = 8 * block_bytes * half
        folded = folded >> bits ^ folded & ((1 << bits) - 1)
        half >>= 1
    return folded.to_bytes(block_bytes, "big")


def unionpay_mac(key: bytearray, data: bytes, algorithm: Algorithm = Algorithm.TDES) -> bytes:
    """Eight ASCII hex characters, upper case. `key` stays the caller's to wipe. Raises KeyRefused.

    With TDES it is 16 bytes, or 8: acquirers still send single-length MAKs. With SM4 it is 16.
    """
    return final_block(key, data, algorithm).hex().upper().encode("ascii")[:MAC_CHARACTERS]


def final_block(key: bytearray, data: bytes, algorithm: Algorithm = Algorithm.TDES) -> bytes:
    """The whole last cipher block, of which the MAC is the first half in hex (with SM4 the first quarter)."""
    if algorithm is Algorithm.TDES and len(key) == tdes.BLOCK_BYTES:
        algorithm = Algorithm.DES
    text = fold(data, ciphers.block_bytes(algorithm)).hex().upper().encode("ascii")
    return bytes(ciphers.cbc_mac(algorithm, key, text))
