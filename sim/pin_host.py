"""The host's side of PIN blocks: ISO 9564 formats 0 to 4 opened again, strictly.

Written apart from the terminal's key room on purpose: two sides that share code can be wrong together. Every
nibble of a block is judged before anything is said, and whatever is wrong (key, PAN, format, length, digit, fill)
reads the same, so that nobody learns about a PIN by sending altered blocks.

Spec: ISO 9564-1:2017 §9.3, §9.4.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from keys import KeyRefused, Pin

_REFUSED = "the PIN block does not open"
_DIGITS = frozenset(range(10))
_FILLS = {
    0: frozenset({0xF}),
    1: frozenset(range(16)),
    2: frozenset({0xF}),
    3: frozenset(range(0xA, 0x10)),
    4: frozenset({0xA}),
}


def open_block(form: int, key: bytes, block: bytes, pan: str) -> Pin:
    """The PIN of an encrypted block of formats 0, 1, 3 (TDES, 8 bytes) or 4 (AES, 16 bytes).

    Raises KeyRefused with one text for everything that is wrong.
    """
    try:
        if form == 4:
            return read_clear(4, _open_format_4(key, block, pan))
        if form not in (0, 1, 3) or len(block) != 8:
            raise KeyRefused(_REFUSED)
        clear = Cipher(TripleDES((key + key[:8])[:24]), modes.ECB()).decryptor().update(block)
        return read_clear(form, clear, pan)
    except ValueError:
        raise KeyRefused(_REFUSED) from None


def read_clear(form: int, clear: bytes, pan: str = "") -> Pin:
    """The PIN of a clear block, 8 bytes (format 4: the 16 of its PIN field). Raises KeyRefused, as above."""
    if form not in _FILLS or len(clear) != (16 if form == 4 else 8):
        raise KeyRefused(_REFUSED)
    if form in (0, 3):
        if not (pan.isascii() and pan.isdigit() and len(pan) >= 13):
            raise KeyRefused(_REFUSED)
        clear = _added(clear, bytes.fromhex("0000" + pan[-13:-1]))
    nibbles = [half for byte in clear[:8] for half in (byte >> 4, byte & 0xF)]
    count = nibbles[1]
    good = _all_good(
        (
            nibbles[0] == form,
            4 <= count <= 12,
            *(nibble in (_DIGITS if place < count else _FILLS[form]) for place, nibble in enumerate(nibbles[2:])),
        )
    )
    if not good:
        raise KeyRefused(_REFUSED)
    found = Pin()
    for nibble in nibbles[2 : 2 + count]:
        found.push(nibble)
    return found


def _open_format_4(key: bytes, block: bytes, pan: str) -> bytes:
    if len(block) != 16 or not (pan.isascii() and pan.isdigit() and len(pan) <= 19):
        raise KeyRefused(_REFUSED)
    account = pan.zfill(12)
    field = bytes.fromhex((str(len(account) - 12) + account + "0" * 32)[:32])
    opened = Cipher(AES(key), modes.ECB()).decryptor()
    return opened.update(_added(opened.update(block), field))


def _added(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))


def _all_good(checks: Iterable[bool]) -> bool:
    """All of them, each looked at: `all` would stop at the first that fails."""
    return sum(not check for check in checks) == 0
