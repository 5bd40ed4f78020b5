"""The host's side of the working keys: made at sign-in, wrapped under the TMK, used for MAC and PIN block.

Written apart from the terminal's key room on purpose: two sides that share code can be wrong together. The ciphers
are kept between messages (one costs more to make than to use), which a terminal must not do and a simulator may.

Spec: docs/host-link.md §4, §7; ISO 9564-1 format 0.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from functools import reduce
from operator import xor

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes

KEY_BYTES = 16
KCV_BYTES = 4
KEY_DRAWS_LIMIT = 8  # Equal halves come by chance once in 2**56.
LAYOUTS = {"003": 2, "004": 3}  # F60.3 of the sign-in: how many of PIK, MAK, TDK the block holds.


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(TripleDES(key + key[:8]), modes.ECB())


def check_value(key: bytes) -> bytes:
    """KCV: the first four bytes of E(key, 00…00)."""
    return _cipher(key).encryptor().update(bytes(8))[:KCV_BYTES]


class WorkingKeys:
    """One terminal's keys from one sign-in to the next. `draw(n)` gives n random bytes."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._keys = tuple(_draw_key(draw) for _ in range(3))
        pik, mak, _ = self._keys
        self._pin: CipherContext = _cipher(pik).decryptor()
        self._mac: CipherContext = _cipher(mak).encryptor()

    def __repr__(self) -> str:
        return "WorkingKeys(…)"

    def block(self, tmk: bytes, layout: str, *, wrong_kcv: bool = False) -> bytes:
        """F62 of the 0810: each key under the TMK, then its check value. `wrong_kcv` spoils the MAK's."""
        wrap = _cipher(tmk).encryptor()
        parts: list[bytes] = []
        for place, key in enumerate(self._keys[: LAYOUTS[layout]]):
            value = check_value(key)
            if wrong_kcv and place == 1:
                value = bytes(byte ^ 0xFF for byte in value)
            parts.append(wrap.update(key) + value)
        return b"".join(parts)

    def mac(self, data: bytes) -> bytes:
        """The UnionPay ECB MAC, 8 ASCII hex characters, of the bytes from the MTI to the last before F64."""
        padded = data + bytes(-len(data) % 8)
        folded = reduce(xor, struct.unpack(f">{len(padded) // 8}Q", padded))
        text = b"%016X" % folded
        first = int.from_bytes(self._mac.update(text[:8]), "big")
        last = self._mac.update((first ^ int.from_bytes(text[8:], "big")).to_bytes(8, "big"))
        return b"%08X" % int.from_bytes(last[:4], "big")

    def mac_ok(self, data: bytes, mac: bytes) -> bool:
        return hmac.compare_digest(self.mac(data), mac)

    def pin(self, block: bytes, pan: str) -> str | None:
        """The PIN in a format 0 block; None when it has not that format (or another PAN, or another key)."""
        clear = self._pin.update(block)
        account = bytes.fromhex("0000" + pan[-13:-1])
        digits = (int.from_bytes(clear, "big") ^ int.from_bytes(account, "big")).to_bytes(8, "big").hex()
        count = int(digits[1], 16)
        pin, fill = digits[2 : 2 + count], digits[2 + count :]
        good = digits[0] == "0" and 4 <= count <= 12 and pin.isdecimal() and fill == "f" * len(fill)
        return pin if good else None


def _draw_key(draw: Callable[[int], bytes]) -> bytes:
    """A double-length key with odd parity whose halves differ; terminals refuse what is weak."""
    for _ in range(KEY_DRAWS_LIMIT):
        key = bytes((byte & 0xFE) | ((byte >> 1).bit_count() & 1 ^ 1) for byte in draw(KEY_BYTES))
        if key[:8] != key[8:]:
            return key
    raise ValueError("the random source repeats itself")
