"""The working keys of a sign-in: the key block's layouts, and what makes a block refused.

| F60.3 | scheme | keys | bytes |
|---|---|---|---|
| 001 | des | PIK, MAK, each 8 + 4 | 24 |
| 001 | des | PIK, MAK, TDK | 36 |
| 003 | 3des | PIK, MAK, each 16 + 4 | 40 |
| 004 | 3des | PIK, MAK, TDK | 60 |
| 003 | 3des-triple | PIK, MAK, each 24 + 4 | 56 |
| 004 | 3des-triple | PIK, MAK, TDK | 84 |
| 006 | sm4 | PIK, MAK, TDK, each 16 + 4, under a TMK of SM4 | 60 |

Each item is a key under the TMK (ECB) and its check value, the first four bytes of E(key, 00…00). A single-length MAK
fills only half of a slot of 16: it is recognised by the zero half of the *cipher text* (a zero half of the clear key
would be a weak key, not a short one). Nobody publishes how it would stand in a slot of 24, so there it is refused.

Spec: docs/host-link.md §4; vectors key-1, syn-key-004, syn-key-006-sm4. Which F60.3 goes with triple length is not
published; that it is the one of the same keys in double length is an assumption.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum

from keys import ciphers, kcv, tdes, usage
from keys.errors import KcvMismatch, KeyRefused
from keys.refs import Usage
from keys.sound import check_sound, same_key
from keys.usage import Algorithm

KCV_BYTES = 4
_TWO = (Usage.PIK, Usage.MAK)
_THREE = (Usage.PIK, Usage.MAK, Usage.TDK)


class KeyScheme(Enum):
    """What an acquirer's working keys are keys of."""

    DES = "des"
    TDES = "3des"
    TRIPLE = "3des-triple"
    SM4 = "sm4"

    @property
    def algorithm(self) -> Algorithm:
        return _SCHEMES[self][0]

    @property
    def key_bytes(self) -> int:
        return _SCHEMES[self][1]

    @property
    def tmk_algorithm(self) -> Algorithm:
        return _SCHEMES[self][2]


# Algorithm and bytes of a working key, and the algorithm of the TMK.
_SCHEMES = {
    KeyScheme.DES: (Algorithm.DES, 8, Algorithm.TDES),
    KeyScheme.TDES: (Algorithm.TDES, 16, Algorithm.TDES),
    KeyScheme.TRIPLE: (Algorithm.TDES, 24, Algorithm.TDES),
    KeyScheme.SM4: (Algorithm.SM4, 16, Algorithm.SM4),
}


class KeyLayout(Enum):
    """F60.3 of the sign-in, the scheme, and which keys its F62 holds, in order."""

    DES_PIK_MAK = ("001", KeyScheme.DES, _TWO)
    DES_PIK_MAK_TDK = ("001", KeyScheme.DES, _THREE)
    PIK_MAK = ("003", KeyScheme.TDES, _TWO)
    PIK_MAK_TDK = ("004", KeyScheme.TDES, _THREE)
    TRIPLE_PIK_MAK = ("003", KeyScheme.TRIPLE, _TWO)
    TRIPLE_PIK_MAK_TDK = ("004", KeyScheme.TRIPLE, _THREE)
    SM4_PIK_MAK_TDK = ("006", KeyScheme.SM4, _THREE)

    def __init__(self, code: str, scheme: KeyScheme, usages: tuple[Usage, ...]) -> None:
        self.code = code
        self.scheme = scheme
        self.usages = usages

    @property
    def size_bytes(self) -> int:
        return len(self.usages) * (self.scheme.key_bytes + KCV_BYTES)

    @classmethod
    def of(cls, code: str, scheme: KeyScheme, size_bytes: int) -> KeyLayout:
        """The layout of a block of this size where a profile names F60.3 and scheme. Raises KeyRefused.

        >>> KeyLayout.of("004", KeyScheme.TDES, 60).name
        'PIK_MAK_TDK'
        """
        fitting = [layout for layout in cls if layout.code == code and layout.scheme is scheme]
        for layout in fitting:
            if layout.size_bytes == size_bytes:
                return layout
        sizes = " or ".join(str(layout.size_bytes) for layout in fitting)
        raise KeyRefused(f"a {code} key block of {scheme.value} has {sizes or 'no'} bytes")


@dataclass(slots=True, repr=False)
class ClearKey:
    """A key on its way from one wrapping to the next. `wipe` it."""

    usage: Usage
    algorithm: Algorithm
    key: bytearray

    def wipe(self) -> None:
        tdes.wipe(self.key)


def unwrap_working_keys(tmk: bytearray, block: bytes, layout: KeyLayout) -> tuple[ClearKey, ...]:
    """All keys of a block, which the caller wipes; or none.

    Raises KcvMismatch naming the first bad key, KeyRefused for a wrong length, a weak key, one that is stronger than
    the TMK, or two that are equal.
    """
    if len(block) != layout.size_bytes:
        raise KeyRefused(f"a {layout.code} key block has {layout.size_bytes} bytes")
    step = layout.scheme.key_bytes + KCV_BYTES
    found: list[ClearKey] = []
    try:
        for index, role in enumerate(layout.usages):
            item = block[index * step : (index + 1) * step]
            found.append(_unwrap(tmk, role, layout.scheme, item))
        _check_together(ClearKey(Usage.TMK, layout.scheme.tmk_algorithm, tmk), found)
    except KeyRefused:
        for key in found:
            key.wipe()
        raise
    return tuple(found)


def unwrap_tmk(old: bytearray, block: bytes, algorithm: Algorithm) -> bytearray:
    """A new TMK under the old one, with its check value, as an acquirer sends it down; the caller wipes it.

    It is of the old one's algorithm and strength: a stronger key does not travel under a weaker one, and a weaker
    one would be a step back. Raises KcvMismatch; KeyRefused for those, a wrong length, a weak key, the old one again.
    """
    cipher, told = block[:-KCV_BYTES], block[-KCV_BYTES:]
    if len(cipher) not in ciphers.KEY_BYTES.get(algorithm, ()):
        raise KeyRefused("the block is no TMK with its check value")
    fresh = _opened(old, Usage.TMK, algorithm, algorithm, cipher, told)
    try:
        check_sound(Usage.TMK.name, algorithm, fresh.key)
        if usage.strength(algorithm, old) != usage.strength(algorithm, fresh.key):
            raise KeyRefused("the new TMK has another strength than the old one")
        if same_key(algorithm, old, algorithm, fresh.key):
            raise KeyRefused("the new TMK is the old one")
    except KeyRefused:
        fresh.wipe()
        raise
    return fresh.key


def check_value(algorithm: Algorithm, key: bytearray) -> bytes:
    """Four bytes of the legacy kind, as a sign-in gives them."""
    return kcv.check_value(algorithm, key, kcv.Method.LEGACY, size=KCV_BYTES)


def _unwrap(tmk: bytearray, role: Usage, scheme: KeyScheme, item: bytes) -> ClearKey:
    algorithm, cipher, told = scheme.algorithm, item[:-KCV_BYTES], item[-KCV_BYTES:]
    if scheme is KeyScheme.TDES and role is Usage.MAK and cipher[8:] == bytes(8):
        algorithm, cipher = Algorithm.DES, cipher[:8]
    return _opened(tmk, role, scheme.tmk_algorithm, algorithm, cipher, told)


def _opened(
    tmk: bytearray, role: Usage, tmk_algorithm: Algorithm, algorithm: Algorithm, cipher: bytes, told: bytes
) -> ClearKey:
    key = ClearKey(role, algorithm, ciphers.decrypt_ecb(tmk_algorithm, tmk, cipher))
    if not hmac.compare_digest(check_value(algorithm, key.key), told):
        key.wipe()
        raise KcvMismatch(role)
    return key


def _check_together(tmk: ClearKey, found: list[ClearKey]) -> None:
    """Refuse weak keys and equal ones: one key in two roles lets one role's answers break the other."""
    for key in found:
        check_sound(key.usage.name, key.algorithm, key.key)
        usage.check_wrapping(usage.strength(tmk.algorithm, tmk.key), usage.strength(key.algorithm, key.key))
    keys = [tmk, *found]
    for index, one in enumerate(keys):
        for other in keys[index + 1 :]:
            if same_key(one.algorithm, one.key, other.algorithm, other.key):
                raise KeyRefused(f"{one.usage.name} and {other.usage.name} are the same key")
