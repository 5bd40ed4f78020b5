"""TDES DUKPT: initial key, the one-way step from key to key, and the variants for each use.

The host walks from the initial key along the counter's set bits; the terminal's registers (`keys.dukpt`) come
to the same keys another way, so that each checks the other.

Keys here are not adjusted to odd parity: DES does not look at those bits, and the standard's examples leave
them.

Spec: ANSI X9.24-1:2009 Annex A.2 (future keys), A.3 (variants), A.6 (initial key).
"""

from __future__ import annotations

from enum import Enum

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher

from keys import tdes
from keys.dukpt import Terminal, Transaction, working_keys
from keys.errors import KeyRefused
from keys.ksn import TDES_KSN, Ksn

KEY_BYTES = 16
_HALF = tdes.BLOCK_BYTES
# Where the mask C0C0C0C000000000 C0C0C0C000000000 is not zero, behind the three parts of a DES key.
_MASKED = tuple(3 * 8 + half + index for half in (0, 8) for index in range(4))
_MASK = 0xC0


class TdesUse(Enum):
    """What a transaction's key is turned into: the byte of each half that is inverted, and whether one-way.

    A request is what the terminal sends; the same MAC or data key may serve both ways when the two agree so.
    Spec: X9.24-1:2009 Annex A.3, table A-1.
    """

    PIN = (7, False)
    MAC_REQUEST = (6, False)
    DATA_REQUEST = (5, True)
    MAC_RESPONSE = (4, False)
    DATA_RESPONSE = (3, True)


class TdesScheme:
    """One initial key's derivations, without the key."""

    key_bytes = KEY_BYTES

    def __init__(self, ksn: Ksn) -> None:
        if ksn.layout != TDES_KSN:
            raise KeyRefused("this KSN is not of TDES DUKPT")
        self.ksn = ksn.at(0)
        self._register = int.from_bytes(self.ksn.identity[-_HALF:], "big")

    def __repr__(self) -> str:
        return f"TdesScheme({self.ksn})"

    def check(self, use: TdesUse) -> None:
        if not isinstance(use, TdesUse):
            raise KeyRefused("TDES DUKPT has no such use")

    def child(self, parent: bytearray, counter: int) -> bytearray:
        """The non-reversible key generation process: the right half first, then the left under the masked key.

        Spec: X9.24-1:2009 Annex A.2.
        """
        register = (self._register | counter).to_bytes(_HALF, "big")
        made, desk, start = bytearray(KEY_BYTES), bytearray(5 * _HALF), bytearray(_HALF)
        out, view = memoryview(made), memoryview(desk)  # Copies between views make no third copy on the way.
        key, half = view[: 3 * _HALF], view[_HALF : 2 * _HALF]
        left, right = view[3 * _HALF : 4 * _HALF], view[4 * _HALF :]
        view[3 * _HALF :] = memoryview(parent)
        try:
            for place in (_HALF, 0):
                if place == 0:
                    for index in _MASKED:
                        desk[index] ^= _MASK
                key[:_HALF] = left  # Single DES, as triple DES with three equal parts.
                half[:] = left
                key[2 * _HALF :] = left
                for index in range(_HALF):
                    start[index] = register[index] ^ right[index]
                # Encrypting `right` in CFB is DES of the start, and `right` added to it.
                # Typed for bytes, taken as any buffer; a bytes copy could not be wiped.
                cipher = Cipher(TripleDES(key), CFB(start))  # type: ignore[arg-type]  # see above
                cipher.encryptor().update_into(right, out[place : place + _HALF])
        finally:
            tdes.wipe(desk)
            tdes.wipe(start)
        return made

    def working_key(self, key: bytearray, counter: int, use: TdesUse) -> bytearray:
        """The variant for one use; a data key is the variant encrypted under itself, half by half."""
        inverted, one_way = use.value
        variant = bytearray(KEY_BYTES)
        memoryview(variant)[:] = key
        for start in (0, _HALF):
            variant[start + inverted] ^= 0xFF
        if not one_way:
            return variant
        try:
            return tdes.encrypt_ecb(variant, variant)
        finally:
            tdes.wipe(variant)


class TdesTerminal(Terminal[TdesUse]):
    """The terminal's side of TDES DUKPT."""

    layout = TDES_KSN

    def scheme(self, ksn: Ksn, key_bytes: int) -> TdesScheme:
        if key_bytes != KEY_BYTES:
            raise KeyRefused("an initial key of TDES DUKPT has 16 bytes")
        return TdesScheme(ksn)


# The host's side.


def initial_key(bdk: bytearray, ksn: Ksn) -> bytearray:
    """The terminal's initial key (IPEK), which the caller wipes. Raises KeyRefused: a weak or misfit BDK.

    The KSN's first 8 bytes, counter bits 0, under the BDK and under the masked BDK.
    Spec: X9.24-1:2009 Annex A.6.
    """
    _check_key(bdk)
    if tdes.is_weak(bdk):
        raise KeyRefused("a weak key is not taken")
    serial = TdesScheme(ksn).ksn.encode()[:_HALF]
    masked, made = bytearray(KEY_BYTES), bytearray(KEY_BYTES)
    try:
        for index in range(KEY_BYTES):
            masked[index] = bdk[index] ^ (_MASK if index % _HALF < _HALF // 2 else 0)
        for start, key in ((0, bdk), (_HALF, masked)):
            half = tdes.encrypt_ecb(key, serial)
            memoryview(made)[start : start + _HALF] = half
            tdes.wipe(half)
    finally:
        tdes.wipe(masked)
    return made


def transaction_key(initial: bytearray, ksn: Ksn) -> bytearray:
    """The key of one KSN from the initial key; the caller wipes it. Raises KeyRefused for an unusable counter."""
    _check_key(initial)
    scheme, counter = TdesScheme(ksn), ksn.for_use().counter
    key = bytearray(KEY_BYTES)
    memoryview(key)[:] = initial
    reached = 0
    for bit in reversed(range(TDES_KSN.counter_bits)):
        if counter >> bit & 1:
            reached |= 1 << bit
            parent = key
            key = scheme.child(parent, reached)
            tdes.wipe(parent)
    return key


def host_keys(bdk: bytearray, ksn: Ksn, *uses: TdesUse) -> Transaction[TdesUse]:
    """A transaction's working keys from the BDK and what the message says. Raises KeyRefused."""
    scheme = TdesScheme(ksn.for_use())
    for use in uses:
        scheme.check(use)
    initial, key = initial_key(bdk, ksn), bytearray()
    try:
        key = transaction_key(initial, ksn)
        return working_keys(scheme, key, ksn.counter, uses)
    finally:
        tdes.wipe(initial)
        tdes.wipe(key)


def _check_key(key: bytearray) -> None:
    if len(key) != KEY_BYTES:
        raise KeyRefused("a key of TDES DUKPT has 16 bytes")
