"""Which keys are not taken: weak ones, ones that are less than they are declared to be, and one key in two roles.

| key | refused |
|---|---|
| DES, TDES | a weak or semi-weak part; neighbouring parts that are equal |
| TDES of 24 bytes | a last part that equals the first: a double-length key that goes as a triple-length one |
| AES, SM4, HMAC | one byte over and over |
| HMAC | under 16 bytes, over 64: a longer one would be hashed first |

A triple-length key whose first and last parts are equal works as a double-length key does, so that whoever counts on
three parts has two; SP 800-67 counts it as keying option 2. Parity is not looked at: hosts send working keys as they
were drawn, and DES ignores those bits.

Spec: NIST SP 800-67 rev. 2 §3.2, §3.3.2 (TDEA keys, weak keys); PCI PIN Security requirement 6 (keys are drawn at
random) and 19 (one key, one purpose).
"""

from __future__ import annotations

import hmac

from keys import ciphers, tdes
from keys.errors import KeyRefused
from keys.usage import Algorithm

HMAC_BYTES_MIN = 16
HMAC_BYTES_MAX = 64
_DES = (Algorithm.DES, Algorithm.TDES)


def check_sound(name: str, algorithm: Algorithm, key: bytearray) -> None:
    """Raise KeyRefused, with `name` and the reason, for a key that is not taken."""
    if algorithm is Algorithm.HMAC:
        if not HMAC_BYTES_MIN <= len(key) <= HMAC_BYTES_MAX:
            raise KeyRefused(f"an HMAC key has {HMAC_BYTES_MIN} to {HMAC_BYTES_MAX} bytes")
    else:
        ciphers.check_key(algorithm, key)
    if all(byte == key[0] for byte in key) or (algorithm in _DES and tdes.is_weak(key)):
        raise KeyRefused(f"the {name} is a weak key")
    if algorithm is Algorithm.TDES and len(key) == 24 and _same_ends(key):
        raise KeyRefused(f"the {name} is a weak key: it has two parts that go as three")


def same_key(one_algorithm: Algorithm, one: bytearray, other_algorithm: Algorithm, other: bytearray) -> bool:
    """Whether two keys are the same bytes; parity and length do not tell DES keys apart (K, K K and K K K)."""
    if one_algorithm not in _DES or other_algorithm not in _DES:
        return hmac.compare_digest(one, other)
    left, right = tdes.expand(one), tdes.expand(other)
    bare_left, bare_right = tdes.without_parity(left), tdes.without_parity(right)
    try:
        return hmac.compare_digest(bare_left, bare_right)
    finally:
        for secret in (left, right, bare_left, bare_right):
            tdes.wipe(secret)


def _same_ends(key: bytearray) -> bool:
    bare = tdes.without_parity(key)
    try:
        view = memoryview(bare)
        return hmac.compare_digest(view[:8], view[16:])
    finally:
        tdes.wipe(bare)
