"""The working keys of a sign-in: the key block's layouts, and what makes a block refused.

Each item is a key under the TMK (ECB) and its check value, the first four bytes of E(key, 00…00). A
single-length MAK fills only half of its slot: it is recognised by the zero half of the *cipher text* (a zero
half of the clear key would be a weak key, not a short one).

Spec: docs/host-link.md §4; vectors key-1, syn-key-004.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum

from keys import tdes
from keys.errors import KcvMismatch, KeyRefused
from keys.refs import Usage

SLOT_BYTES = 16
ITEM_BYTES = SLOT_BYTES + tdes.KCV_BYTES


class KeyLayout(Enum):
    """F60.3 of the sign-in: which keys its F62 holds."""

    PIK_MAK = "003"
    PIK_MAK_TDK = "004"

    @property
    def usages(self) -> tuple[Usage, ...]:
        return (Usage.PIK, Usage.MAK) + ((Usage.TDK,) if self is KeyLayout.PIK_MAK_TDK else ())


@dataclass(slots=True, repr=False)
class ClearKey:
    """A key on its way from one wrapping to the next. `wipe` it."""

    usage: Usage
    key: bytearray

    def wipe(self) -> None:
        tdes.wipe(self.key)


def unwrap_working_keys(tmk: bytearray, block: bytes, layout: KeyLayout) -> tuple[ClearKey, ...]:
    """All keys of a block, which the caller wipes; or none.

    Raises KcvMismatch naming the first bad key, KeyRefused for a wrong length, a weak key, or two that are
    equal.
    """
    usages = layout.usages
    if len(block) != ITEM_BYTES * len(usages):
        raise KeyRefused(f"a {layout.value} key block has {ITEM_BYTES * len(usages)} bytes")
    found: list[ClearKey] = []
    try:
        for index, usage in enumerate(usages):
            item = block[index * ITEM_BYTES : (index + 1) * ITEM_BYTES]
            found.append(_unwrap(tmk, usage, item[:SLOT_BYTES], item[SLOT_BYTES:]))
        _check_together(tmk, found)
    except KeyRefused:
        for key in found:
            key.wipe()
        raise
    return tuple(found)


def _unwrap(tmk: bytearray, usage: Usage, cipher: bytes, kcv: bytes) -> ClearKey:
    if usage is Usage.MAK and cipher[8:] == bytes(8):
        cipher = cipher[:8]
    key = ClearKey(usage, tdes.decrypt_ecb(tmk, cipher))
    if not hmac.compare_digest(tdes.check_value(key.key), kcv):
        key.wipe()
        raise KcvMismatch(usage)
    return key


def _check_together(tmk: bytearray, found: list[ClearKey]) -> None:
    """Refuse weak keys and equal ones: one key in two roles lets one role's answers break the other."""
    for key in found:
        if tdes.is_weak(key.key):
            raise KeyRefused(f"the {key.usage.name} is a weak key")
    keys = [(Usage.TMK, tmk)] + [(key.usage, key.key) for key in found]
    for index, (usage, one) in enumerate(keys):
        for other_usage, other in keys[index + 1 :]:
            if _same(one, other):
                raise KeyRefused(f"{usage.name} and {other_usage.name} are the same key")


def _same(one: bytearray, other: bytearray) -> bool:
    """Equal but for parity bits, whatever their lengths."""
    left, right = tdes.expand(one), tdes.expand(other)
    bare_left, bare_right = tdes.without_parity(left), tdes.without_parity(right)
    try:
        return hmac.compare_digest(bare_left, bare_right)
    finally:
        for secret in (left, right, bare_left, bare_right):
            tdes.wipe(secret)
