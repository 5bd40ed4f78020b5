"""The host's side of the working keys: made at sign-in, wrapped under the TMK, used for MAC and PIN block.

Written apart from the terminal's key room on purpose: two sides that share code can be wrong together. The ciphers
are kept between messages (one costs more to make than to use), which a terminal must not do and a simulator may.

Spec: docs/host-link.md §4, §7; ISO 9564-1 format 0; ANSI X9.19.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

from keys import KeyRefused, KeyScheme, MacMethod
from sim.track_host import open_track

UNREADABLE = "?"  # In place of a track.
KCV_BYTES = 4
KEY_DRAWS_LIMIT = 8  # Equal parts come by chance once in 2**56.
# By the profile's cipher: bytes of a key, and for each F60.3 of the sign-in how many of PIK, MAK, TDK the block holds.
SCHEMES = {
    KeyScheme.DES: (8, {"001": 2}),
    KeyScheme.TDES: (16, {"003": 2, "004": 3}),
    KeyScheme.TRIPLE: (24, {"003": 2, "004": 3}),
    KeyScheme.SM4: (16, {"006": 3}),
}


def _cipher(key: bytes, scheme: KeyScheme = KeyScheme.TDES) -> Cipher[modes.ECB]:
    if scheme is KeyScheme.SM4:
        return Cipher(SM4(key), modes.ECB())
    return Cipher(TripleDES((key * 3)[:24]), modes.ECB())


def check_value(key: bytes, scheme: KeyScheme = KeyScheme.TDES) -> bytes:
    """KCV: the first four bytes of E(key, 00…00)."""
    return _cipher(key, scheme).encryptor().update(bytes(_block_bytes(scheme)))[:KCV_BYTES]


def _wrapping(tmk: bytes, scheme: KeyScheme) -> Cipher[modes.ECB]:
    """What working keys of this scheme are wrapped with."""
    return _cipher(tmk, KeyScheme.SM4 if scheme is KeyScheme.SM4 else KeyScheme.TDES)


def _block_bytes(scheme: KeyScheme) -> int:
    return 16 if scheme is KeyScheme.SM4 else 8


class HostKeys(Protocol):
    """What the desks ask of a terminal's keys, however those are managed. MACs are F64 as it lies on the wire."""

    def mac(self, data: bytes) -> bytes: ...

    def mac_ok(self, data: bytes, mac: bytes) -> bool: ...

    def track(self, hidden: str) -> str: ...

    def pin(self, block: bytes, pan: str) -> str | None: ...


class WorkingKeys:
    """One terminal's keys from one sign-in to the next, and MACs by `mac`. `draw(n)` gives n random bytes."""

    def __init__(
        self,
        draw: Callable[[int], bytes],
        scheme: KeyScheme = KeyScheme.TDES,
        mac: MacMethod = MacMethod.UNIONPAY,
    ) -> None:
        self._take(tuple(_draw_key(draw, scheme) for _ in range(3)), scheme, mac)

    def _take(self, keys: tuple[bytes, ...], scheme: KeyScheme, mac: MacMethod) -> None:
        self._scheme = scheme
        self._method = mac
        self._keys = keys
        pik, mak = keys[:2]
        self._pin: CipherContext = _cipher(pik, scheme).decryptor()
        self._mac: CipherContext = _cipher(mak, scheme).encryptor()

    @classmethod
    def of_block(cls, tmk: bytes, block: bytes, scheme: KeyScheme, mac: MacMethod) -> WorkingKeys | None:
        """The keys of a block that `block` made; None when they do not open under this TMK.

        A block without a TDK gives keys that open no track.
        """
        unwrap = _wrapping(tmk, scheme).decryptor()
        size = SCHEMES[scheme][0]
        step = size + KCV_BYTES
        keys: list[bytes] = []
        for at in range(0, len(block), step):
            key = unwrap.update(block[at : at + size])
            if check_value(key, scheme) != block[at + size : at + step]:
                return None
            keys.append(key)
        made = cls.__new__(cls)
        made._take(tuple(keys), scheme, mac)
        return made

    def __repr__(self) -> str:
        return "WorkingKeys(…)"

    def block(self, tmk: bytes, layout: str, *, wrong_kcv: bool = False) -> bytes:
        """F62 of the 0810: each key under the TMK, then its check value. `wrong_kcv` spoils the MAK's."""
        wrap = _wrapping(tmk, self._scheme).encryptor()
        parts: list[bytes] = []
        for place, key in enumerate(self._keys[: SCHEMES[self._scheme][1][layout]]):
            value = check_value(key, self._scheme)
            if wrong_kcv and place == 1:
                value = bytes(byte ^ 0xFF for byte in value)
            parts.append(wrap.update(key) + value)
        return b"".join(parts)

    def mac(self, data: bytes) -> bytes:
        """F64: 8 ASCII hex characters, of the bytes from the MTI to the last before F64."""
        if self._method is MacMethod.X9_19:
            return self._retail_mac(data)
        size = _block_bytes(self._scheme)
        padded = data + bytes(-len(data) % size)
        if size == 8:
            folded = reduce(xor, struct.unpack(f">{len(padded) // 8}Q", padded))
        else:
            folded = reduce(xor, (int.from_bytes(padded[at : at + 16], "big") for at in range(0, len(padded), 16)))
        text = b"%0*X" % (2 * size, folded)
        first = int.from_bytes(self._mac.update(text[:size]), "big")
        last = self._mac.update((first ^ int.from_bytes(text[size:], "big")).to_bytes(size, "big"))
        return b"%08X" % int.from_bytes(last[:4], "big")

    def _retail_mac(self, data: bytes) -> bytes:
        """X9.19: DES along the data with the left half, and the last block with the whole key."""
        mak = self._keys[1]
        padded = data + bytes(-len(data) % 8)
        chain = Cipher(TripleDES(mak[:8] * 3), modes.CBC(bytes(8))).encryptor().update(padded)
        before, last = chain[-16:-8].rjust(8, b"\x00"), padded[-8:]
        whole = bytes(left ^ right for left, right in zip(before, last, strict=True))
        return self._mac.update(whole)[:4].hex().upper().encode("ascii")

    def mac_ok(self, data: bytes, mac: bytes) -> bool:
        return hmac.compare_digest(self.mac(data), mac)

    def track(self, hidden: str) -> str:
        """Field 35 with its eight hidden bytes opened under the TDK; no card's track when they do not open."""
        if len(self._keys) < len(("PIK", "MAK", "TDK")):
            return UNREADABLE
        try:
            return open_track(self._keys[2], hidden)
        except KeyRefused:
            return UNREADABLE

    def pin(self, block: bytes, pan: str) -> str | None:
        """The PIN in a format 0 block; None when it has not that format (or another PAN, or another key)."""
        if self._scheme is KeyScheme.SM4:  # Nobody says what such a block looks like.
            return None
        return pin_of(self._pin.update(block), pan)


def pin_of(clear: bytes, pan: str) -> str | None:
    """The PIN in a clear block of format 0, or None."""
    account = bytes.fromhex("0000" + pan[-13:-1])
    digits = (int.from_bytes(clear, "big") ^ int.from_bytes(account, "big")).to_bytes(8, "big").hex()
    count = int(digits[1], 16)
    pin, fill = digits[2 : 2 + count], digits[2 + count :]
    good = digits[0] == "0" and 4 <= count <= 12 and pin.isdecimal() and fill == "f" * len(fill)
    return pin if good else None


def decipher(key: bytes, block: bytes) -> bytes:
    """A block under a TDES key of double length, opened."""
    return _cipher(key).decryptor().update(block)


def _draw_key(draw: Callable[[int], bytes], scheme: KeyScheme) -> bytes:
    """A key (of DES with odd parity) whose parts all differ; terminals refuse what is weak."""
    for _ in range(KEY_DRAWS_LIMIT):
        key = draw(SCHEMES[scheme][0])
        if scheme is not KeyScheme.SM4:
            key = bytes((byte & 0xFE) | ((byte >> 1).bit_count() & 1 ^ 1) for byte in key)
        parts = {key[at : at + 8] for at in range(0, len(key), 8)}
        if len(parts) == len(key) // 8:
            return key
    raise ValueError("the random source repeats itself")
