"""PIN blocks: ISO 9564 formats 0 to 4, each encrypted as the standard demands.

| format | nibbles of the clear block | bound to the PAN | cipher | here |
|---|---|---|---|---|
| 0 | 0 N, digits, F | by XOR | TDES | online |
| 1 | 1 N, digits, random | no | TDES | only where a profile allows it |
| 2 | 2 N, digits, F | no | none: a plain or RSA block for the card | never under a PIN key |
| 3 | 3 N, digits, random A to F | by XOR | TDES | online |
| 4 | 4 N, digits, A, then 8 random bytes | between two passes | AES | online |

Not here: a PIN under SM4. Its sixteen bytes do not fit field 52, no public text says what it looks like, and a
guess would be worse than a refusal. Nor SM2, which the library below has not.

Every clear block is a bytearray that is wiped before the call returns, or is the caller's to wipe.

Spec: ISO 9564-1:2017 §9.3 (formats 0, 1, 3), §9.4 (format 4), ISO 9564-1 and EMV 4.4 Book 3 §6.5.12 (format 2).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from keys import ciphers, tdes
from keys.errors import KeyRefused
from keys.pin import Pin, format0, pan_part
from keys.usage import Algorithm

Random = Callable[[int], bytes]

BLOCK_BYTES = 8
_FIRST_FILL = 2  # Nibble 0 is the format, nibble 1 the length.
# A byte in 64 is drawn again, so even ten in a row do not happen to a source that is one.
_DRAWS_LIMIT = 16
_EVEN_SIXTHS = 252  # The largest multiple of six in a byte: what lies above would favour some letters.
_PAN4_DIGITS_MIN = 12
_PAN4_DIGITS_MAX = 19


class PinFormat(IntEnum):
    """ISO 9564's numbers."""

    ISO_0 = 0
    ISO_1 = 1
    ISO_2 = 2
    ISO_3 = 3
    ISO_4 = 4


ONLINE = frozenset({PinFormat.ISO_0, PinFormat.ISO_3, PinFormat.ISO_4})
# Single DES is not in ISO 9564: it is what an acquirer's oldest key scheme has (docs/host-link.md §4), with format 0.
_CIPHERS = {
    PinFormat.ISO_0: (Algorithm.TDES, Algorithm.DES),
    PinFormat.ISO_1: (Algorithm.TDES,),
    PinFormat.ISO_3: (Algorithm.TDES,),
    PinFormat.ISO_4: (Algorithm.AES,),
}


def encrypt(
    form: PinFormat,
    algorithm: Algorithm,
    key: bytearray,
    pin: Pin,
    pan: str,
    random: Random,
    *,
    allowed: frozenset[PinFormat] = ONLINE,
) -> bytes:
    """The encrypted block, 8 or 16 bytes; the PIN and the key stay the caller's to wipe.

    `pan` is not read for format 1. Raises KeyRefused for a format that is not allowed, or that is never sent
    under this algorithm; for a PIN, PAN or key of a wrong length.
    """
    if form not in allowed or form not in _CIPHERS:
        raise KeyRefused(f"PIN blocks of {form.name} are not sent from here")
    if algorithm not in _CIPHERS[form]:
        raise KeyRefused(f"PIN blocks of {form.name} are not encrypted with {algorithm.name}")
    if form is PinFormat.ISO_4:
        return _encrypt_format4(key, pin, pan, random)
    if form is PinFormat.ISO_1:
        clear = format1(pin, random)
    else:
        clear = format0(pin, pan) if form is PinFormat.ISO_0 else format3(pin, pan, random)
    try:
        return ciphers.encrypt_to_send(algorithm, key, clear)
    finally:
        tdes.wipe(clear)


def format1(pin: Pin, random: Random) -> bytearray:
    """The clear block, 8 bytes, not bound to a PAN, which the caller wipes. Raises KeyRefused."""
    block = _begun(pin, PinFormat.ISO_1)
    drawn = _drawn(random, BLOCK_BYTES)
    for place in range(_FIRST_FILL + len(pin), 2 * BLOCK_BYTES):
        _put(block, place, drawn[place // 2] >> 4 if place % 2 == 0 else drawn[place // 2] & 0xF)
    return block


def format2(pin: Pin) -> bytearray:
    """The clear block for the card's VERIFY, 8 bytes, which the caller wipes. Raises KeyRefused.

    >>> format2(Pin.of("1234")).hex()
    '241234ffffffffff'
    """
    return _begun(pin, PinFormat.ISO_2)


def format3(pin: Pin, pan: str, random: Random) -> bytearray:
    """The clear block, 8 bytes, which the caller wipes: format 0 with random letters. Raises KeyRefused."""
    account = pan_part(pan)
    block = _begun(pin, PinFormat.ISO_3)
    letters = _letters(random, 2 * BLOCK_BYTES - _FIRST_FILL - len(pin))
    for place, letter in enumerate(letters, start=_FIRST_FILL + len(pin)):
        _put(block, place, letter)
    for index in range(BLOCK_BYTES):
        block[index] ^= account[index]
    return block


def format4_pin_field(pin: Pin, random: Random) -> bytearray:
    """The 16 clear bytes of the first pass, which the caller wipes. Raises KeyRefused."""
    block = _begun(pin, PinFormat.ISO_4)
    for place in range(_FIRST_FILL + len(pin), 2 * BLOCK_BYTES):
        _put(block, place, 0xA)
    field = bytearray(2 * BLOCK_BYTES)
    view = memoryview(field)
    view[:BLOCK_BYTES] = block
    tdes.wipe(block)
    view[BLOCK_BYTES:] = _drawn(random, BLOCK_BYTES)
    return field


def format4_pan_field(pan: str) -> bytes:
    """The 16 bytes that are added between the passes: digits over 12, the PAN, zeros. Raises KeyRefused.

    >>> format4_pan_field("1234567890123456789").hex()
    '71234567890123456789000000000000'
    """
    if not (pan.isascii() and pan.isdigit() and len(pan) <= _PAN4_DIGITS_MAX):
        raise KeyRefused(f"a PIN block of format 4 needs a PAN of up to {_PAN4_DIGITS_MAX} digits")
    # A PAN of fewer than twelve digits stands at the right of twelve.
    digits = pan.rjust(_PAN4_DIGITS_MIN, "0")
    return bytes.fromhex(f"{len(digits) - _PAN4_DIGITS_MIN}{digits}".ljust(32, "0"))


def _encrypt_format4(key: bytearray, pin: Pin, pan: str, random: Random) -> bytes:
    account = format4_pan_field(pan)
    clear = format4_pin_field(pin, random)
    middle = bytearray()
    try:
        middle = ciphers.encrypt_ecb(Algorithm.AES, key, clear)
        for index in range(len(middle)):
            middle[index] ^= account[index]
        return bytes(ciphers.encrypt_ecb(Algorithm.AES, key, middle))
    finally:
        tdes.wipe(clear)
        tdes.wipe(middle)


def _begun(pin: Pin, form: PinFormat) -> bytearray:
    """Format, length, digits, and F to the end."""
    block = bytearray(BLOCK_BYTES)
    pin.digits_into(block)
    block[0] |= form.value << 4
    return block


def _put(block: bytearray, place: int, nibble: int) -> None:
    if place % 2:
        block[place // 2] = block[place // 2] & 0xF0 | nibble
    else:
        block[place // 2] = block[place // 2] & 0x0F | nibble << 4


def _drawn(random: Random, count: int) -> bytes:
    drawn = random(count)
    if len(drawn) != count:
        raise KeyRefused("the random source gave too little")
    return drawn


def _letters(random: Random, count: int) -> list[int]:
    """`count` nibbles from A to F, each as likely as the other. Raises KeyRefused for a source stuck high."""
    letters: list[int] = []
    for _ in range(_DRAWS_LIMIT):
        drawn = _drawn(random, count - len(letters))
        letters += [0xA + byte % 6 for byte in drawn if byte < _EVEN_SIXTHS]
        if len(letters) == count:
            return letters
    raise KeyRefused("the random source stands still")
