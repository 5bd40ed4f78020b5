"""The UnionPay ECB MAC, for double- and single-length keys.

The data, filled with zeros to whole blocks, is folded by XOR into one block; its 16 hex characters are
encrypted as two blocks, chained once; the first eight hex characters of the result are the MAC.

Its weakness is public: folding makes it blind to swapped blocks and to equal changes in two blocks, and it
has only 32 bits. So a reply's fields 3, 4, 11, 41 and 42 are compared as well, and the link runs inside TLS.

Spec: docs/host-link.md §7.
"""

from __future__ import annotations

from keys import tdes

MAC_CHARACTERS = 8


def fold(data: bytes) -> bytes:
    """XOR of the 8-byte blocks, the last one filled with zeros.

    >>> fold(bytes.fromhex("0102030405060708ff")).hex()
    'fe02030405060708'
    """
    folded = 0
    for start in range(0, len(data), tdes.BLOCK_BYTES):
        block = data[start : start + tdes.BLOCK_BYTES].ljust(tdes.BLOCK_BYTES, b"\x00")
        folded ^= int.from_bytes(block, "big")
    return folded.to_bytes(tdes.BLOCK_BYTES, "big")


def unionpay_mac(key: bytearray, data: bytes) -> bytes:
    """Eight ASCII hex characters, upper case. `key` is 8 or 16 bytes and stays the caller's to wipe."""
    return final_block(key, data).hex().upper().encode("ascii")[:MAC_CHARACTERS]


def final_block(key: bytearray, data: bytes) -> bytes:
    """The whole last cipher block, of which the MAC is the first half in hex."""
    text = fold(data).hex().upper().encode("ascii")
    first = tdes.encrypt_ecb(key, text[:8])
    chained = bytes(left ^ right for left, right in zip(first, text[8:], strict=True))
    return bytes(tdes.encrypt_ecb(key, chained))
