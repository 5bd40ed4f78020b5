"""Key check values: which key this is, without saying anything else about it.

Two methods are in use. The legacy one encrypts a block of zeros; for a key that also encrypts data it gives away
one pair of clear and cipher block, so X9.24-1 limits it to TDES and three bytes, and UnionPay's sign-in takes
four. The other is the CMAC of a block of zeros, up to five bytes, for AES and whatever is newer. Some programs
take a block of FF; `fill` says so.

Spec: ANSI X9.24-1:2017 Annex A; ASC X9.143 §6.3.6.7 (optional blocks KC and KP); docs/host-link.md §4.
"""

from __future__ import annotations

from enum import Enum

from keys import ciphers
from keys.errors import KeyRefused
from keys.usage import Algorithm

KCV_BYTES_MIN = 2
KCV_BYTES_MAX = 5  # More would be a help to somebody who searches.


class Method(Enum):
    """By the code that an optional block KC or KP begins with."""

    LEGACY = "00"
    CMAC = "01"


def check_value(algorithm: Algorithm, key: bytearray, method: Method, *, size: int = 3, fill: int = 0) -> bytes:
    """The first `size` (2 to 5) bytes; the key stays the caller's to wipe. Raises KeyRefused.

    >>> check_value(Algorithm.TDES, bytearray(range(16)), Method.LEGACY).hex()
    'ddada1'
    """
    if not KCV_BYTES_MIN <= size <= KCV_BYTES_MAX:
        raise KeyRefused(f"a check value has {KCV_BYTES_MIN} to {KCV_BYTES_MAX} bytes")
    block = bytes([fill]) * ciphers.block_bytes(algorithm)
    if method is Method.CMAC:
        return ciphers.cmac(algorithm, key, block)[:size]
    return ciphers.encrypt_to_send(algorithm, key, block)[:size]
