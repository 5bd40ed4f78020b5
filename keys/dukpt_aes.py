"""AES DUKPT: derivation data, initial key, working keys of each kind, and the key that brings a new initial key.

Each key is its parent's encryption of a public text that says what the key is for, of which algorithm and
length, and where in the tree it stands. The host walks from the initial key along the counter's set bits; the
terminal's registers (`keys.dukpt`) come to the same keys another way, so that each checks the other.

Not each algorithm for each use: HMAC keys only authenticate, and no key derives a stronger one.

Spec: ANSI X9.24-3:2017 §6.1 to §6.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from keys import tdes
from keys.dukpt import Terminal, Transaction, working_keys
from keys.errors import KeyRefused
from keys.ksn import AES_KSN, Ksn

IDENTITY_BYTES = 8  # Of a BDK (4) and of an initial key derived from it (4).
UPDATE_COUNTER = 0xFFFF_FFFF  # All bits set: no transaction's, so its key is the update's alone.
_BLOCK = 16
_VERSION = 1


class AesUsage(Enum):
    """What a key is for. Spec: X9.24-3:2017 §6.3.2, table 2."""

    KEY_ENCRYPTION = 0x0002
    PIN = 0x1000
    MAC_GENERATE = 0x2000
    MAC_VERIFY = 0x2001
    MAC_BOTH_WAYS = 0x2002
    DATA_ENCRYPT = 0x3000
    DATA_DECRYPT = 0x3001
    DATA_BOTH_WAYS = 0x3002


_DERIVATION, _INITIAL = 0x8000, 0x8001
_MAC_USAGES = (AesUsage.MAC_GENERATE, AesUsage.MAC_VERIFY, AesUsage.MAC_BOTH_WAYS)


class AesKeyType(Enum):
    """Algorithm indicator, length in bits, strength in bits. Spec: X9.24-3:2017 §6.3.2; SP 800-57-1 §5.6.1."""

    TDEA2 = (0, 128, 80)
    TDEA3 = (1, 192, 112)
    AES128 = (2, 128, 128)
    AES192 = (3, 192, 192)
    AES256 = (4, 256, 256)
    HMAC128 = (5, 128, 128)
    HMAC192 = (5, 192, 192)
    HMAC256 = (5, 256, 256)

    @property
    def key_bytes(self) -> int:
        return self.value[1] // 8

    @property
    def strength_bits(self) -> int:
        return self.value[2]


_HMAC = (AesKeyType.HMAC128, AesKeyType.HMAC192, AesKeyType.HMAC256)
_BY_BYTES = {16: AesKeyType.AES128, 24: AesKeyType.AES192, 32: AesKeyType.AES256}


@dataclass(frozen=True, slots=True)
class AesUse:
    """A working key's purpose and kind."""

    usage: AesUsage
    key_type: AesKeyType


def aes_ksn(identity: bytes, counter: int = 0) -> Ksn:
    """The KSN of an initial key ID of 8 bytes. Raises KeyRefused."""
    if len(identity) != IDENTITY_BYTES:
        raise KeyRefused("an initial key ID has 8 bytes")
    return Ksn(AES_KSN, identity + bytes(4), counter)


def derive(key: bytearray, usage: int, kind: AesKeyType, context: bytes) -> bytearray:
    """A key of `kind` below `key`, which the caller wipes. `context`: 8 bytes that say where in the tree.

    Spec: X9.24-3:2017 §6.3.1, §6.3.2.
    """
    algorithm, bits, _ = kind.value
    size = bits // 8
    blocks = -(-size // _BLOCK)
    tail = usage.to_bytes(2, "big") + algorithm.to_bytes(2, "big") + bits.to_bytes(2, "big") + context
    data = b"".join(bytes((_VERSION, number)) + tail for number in range(1, blocks + 1))
    out = bytearray(len(data) + _BLOCK - 1)  # update_into asks for the room of one more block, less a byte.
    Cipher(algorithms.AES(key), modes.ECB()).encryptor().update_into(data, out)
    return tdes.trimmed(out, size)


class AesScheme:
    """One initial key's derivations, without the key."""

    def __init__(self, ksn: Ksn, kind: AesKeyType) -> None:
        if ksn.layout != AES_KSN:
            raise KeyRefused("this KSN is not of AES DUKPT")
        self.ksn = ksn.at(0)
        self.kind = kind
        self.key_bytes = kind.key_bytes

    def __repr__(self) -> str:
        return f"AesScheme({self.ksn}, {self.kind.name})"

    def check(self, use: AesUse) -> None:
        """Raise KeyRefused for a key stronger than the one it is derived from, or an HMAC key that would encrypt."""
        if not isinstance(use, AesUse):
            raise KeyRefused("AES DUKPT has no such use")
        if use.key_type.strength_bits > self.kind.strength_bits:
            raise KeyRefused("a key does not derive a stronger one")
        if use.key_type in _HMAC and use.usage not in _MAC_USAGES:
            raise KeyRefused("an HMAC key only authenticates")

    def child(self, parent: bytearray, counter: int) -> bytearray:
        return derive(parent, _DERIVATION, self.kind, self._context(counter))

    def working_key(self, key: bytearray, counter: int, use: AesUse) -> bytearray:
        return derive(key, use.usage.value, use.key_type, self._context(counter))

    def _context(self, counter: int) -> bytes:
        """The initial key ID's right half and the counter. Spec: X9.24-3:2017 §6.3.3."""
        return self.ksn.identity[4:IDENTITY_BYTES] + counter.to_bytes(4, "big")


class AesTerminal(Terminal[AesUse]):
    """The terminal's side of AES DUKPT."""

    layout = AES_KSN

    def scheme(self, ksn: Ksn, key_bytes: int) -> AesScheme:
        return AesScheme(ksn, aes_type(key_bytes))

    def update_key(self, kind: AesKeyType | None = None) -> bytearray:
        """The key under which a new initial key arrives; the caller wipes it. None: of the initial key's kind.

        From the topmost register, which stands above the update's counter until the last transaction is
        taken. It spends no KSN. Raises CounterExhausted after that; KeyRefused without an initial key.
        Spec: X9.24-3:2017 §6.5.
        """
        with self._serving:
            future = self._load()
            if future is None:
                raise KeyRefused("no initial key is loaded")
            try:
                top, key = future.topmost()
                scheme = self.scheme(future.scheme.ksn, future.scheme.key_bytes)
                return _update_key(scheme, key, top, kind)
            finally:
                future.wipe()


# The host's side.


def initial_key(bdk: bytearray, ksn: Ksn) -> bytearray:
    """The terminal's initial key, of the BDK's length; the caller wipes it. Raises KeyRefused.

    Spec: X9.24-3:2017 §6.4.
    """
    scheme = AesScheme(ksn, aes_type(len(bdk)))
    return derive(bdk, _INITIAL, scheme.kind, scheme.ksn.identity[:IDENTITY_BYTES])


def transaction_key(initial: bytearray, ksn: Ksn) -> bytearray:
    """The derivation key of one KSN; the caller wipes it. Raises KeyRefused for an unusable counter."""
    scheme = AesScheme(ksn, aes_type(len(initial)))
    return _descend(scheme, initial, 0, ksn.for_use().counter)


def host_keys(bdk: bytearray, ksn: Ksn, *uses: AesUse) -> Transaction[AesUse]:
    """A transaction's working keys from the BDK and what the message says. Raises KeyRefused."""
    scheme = AesScheme(ksn.for_use(), aes_type(len(bdk)))
    for use in uses:
        scheme.check(use)
    initial, key = initial_key(bdk, ksn), bytearray()
    try:
        key = transaction_key(initial, ksn)
        return working_keys(scheme, key, ksn.counter, uses)
    finally:
        tdes.wipe(initial)
        tdes.wipe(key)


def host_update_key(initial: bytearray, ksn: Ksn, kind: AesKeyType | None = None) -> bytearray:
    """The key that wraps the terminal's next initial key; the caller wipes it. Raises KeyRefused."""
    return _update_key(AesScheme(ksn, aes_type(len(initial))), initial, 0, kind)


def _update_key(scheme: AesScheme, key: bytearray, counter: int, kind: AesKeyType | None) -> bytearray:
    use = AesUse(AesUsage.KEY_ENCRYPTION, scheme.kind if kind is None else kind)
    scheme.check(use)
    last = _descend(scheme, key, counter, UPDATE_COUNTER)
    try:
        return scheme.working_key(last, UPDATE_COUNTER, use)
    finally:
        tdes.wipe(last)


def _descend(scheme: AesScheme, key: bytearray, reached: int, counter: int) -> bytearray:
    """From the key of `reached` down to that of `counter`, which has its bits and lower ones; the caller wipes it."""
    here = bytearray(len(key))
    memoryview(here)[:] = key
    for bit in reversed(range(AES_KSN.counter_bits)):
        if (counter ^ reached) >> bit & 1:
            reached |= 1 << bit
            parent = here
            here = scheme.child(parent, reached)
            tdes.wipe(parent)
    return here


def aes_type(size: int) -> AesKeyType:
    """Only AES derives. Raises KeyRefused. Spec: X9.24-3:2017 §6.3.1."""
    if size not in _BY_BYTES:
        raise KeyRefused("an AES key has 16, 24 or 32 bytes")
    return _BY_BYTES[size]
