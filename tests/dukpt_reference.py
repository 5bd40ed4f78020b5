"""DUKPT once more, from the standards' words, in whole numbers and without the key room: slow, and clear to see.

What the key room gets from registers and bytearrays must come out here as well. And a storage that loses power.
"""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MASK = 0xC0C0C0C000000000C0C0C0C000000000
LOW = (1 << 64) - 1


def des(key: int, block: int) -> int:
    cipher = Cipher(TripleDES(key.to_bytes(8, "big") * 3), modes.ECB())
    return int.from_bytes(cipher.encryptor().update(block.to_bytes(8, "big")), "big")


def tdes_key(initial: bytes, ksn: bytes) -> bytes:
    """X9.24-1:2009 Annex A.3, "receiving" side: R8, R3, SR and the current key as the standard names them."""
    key, counter = int.from_bytes(initial, "big"), int.from_bytes(ksn, "big") & 0x1FFFFF
    register = int.from_bytes(ksn, "big") & LOW & ~0x1FFFFF
    shift = 0x100000
    while shift:
        if counter & shift:
            register |= shift
            halves = []
            for current in (key, key ^ MASK):
                left, right = current >> 64, current & LOW
                halves.append(des(left, register ^ right) ^ right)
            key = halves[1] << 64 | halves[0]
        shift >>= 1
    return key.to_bytes(16, "big")


AES_TYPES = {"2TDEA": (0, 128), "3TDEA": (1, 192), "AES128": (2, 128), "AES192": (3, 192), "AES256": (4, 256)}
AES_TYPES |= {f"HMAC{bits}": (5, bits) for bits in (128, 192, 256)}


def aes_step(key: bytes, usage: int, kind: str, tail: bytes) -> bytes:
    """X9.24-3:2017 §6.3.1: as many blocks as the length asks for, each of its own derivation data."""
    algorithm, bits = AES_TYPES[kind]
    made = b""
    for number in range(1, 3):
        data = bytes([1, number]) + b"".join(part.to_bytes(2, "big") for part in (usage, algorithm, bits)) + tail
        made += Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(data)
    return made[: bits // 8]


def aes_key(initial: bytes, ksn: bytes) -> bytes:
    """X9.24-3:2017 §6.3.1, Host_Derive_Working_Key without its last step; any counter."""
    kind, counter, reached = f"AES{len(initial) * 8}", int.from_bytes(ksn[8:], "big"), 0
    for bit in range(31, -1, -1):
        if counter >> bit & 1:
            reached |= 1 << bit
            initial = aes_step(initial, 0x8000, kind, ksn[4:8] + reached.to_bytes(4, "big"))
    return initial


def aes_working(initial: bytes, ksn: bytes, usage: int, kind: str) -> bytes:
    return aes_step(aes_key(initial, ksn), usage, kind, ksn[4:])


class PowerCut(Exception):
    """The power went; what was durable stays."""


class Storage:
    """Counters and registers of one terminal. `cut_in` counts half-writes: before one is durable, and after."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.image: bytes | None = None
        self.cut_in: int | None = None
        self.saves = 0

    def last(self, name: str) -> int:
        return self.counters.get(name, 0)

    def advance(self, name: str, value: int) -> None:
        if value <= self.last(name):
            raise ValueError("a counter only grows")
        self._effect()
        self.counters[name] = value
        self._effect()

    def load(self) -> bytearray | None:
        return None if self.image is None else bytearray(self.image)

    def save(self, image: bytearray) -> None:
        self._effect()
        self.image = bytes(image)
        self.saves += 1
        self._effect()

    def _effect(self) -> None:
        if self.cut_in is not None:
            if self.cut_in == 0:
                raise PowerCut
            self.cut_in -= 1
