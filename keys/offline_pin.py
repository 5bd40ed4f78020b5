"""The VERIFY command: the one that carries a PIN to the card, in clear or under the card's own RSA key.

The whole command is built here, so that no digit leaves this room but inside it; whoever sends it wipes it. In clear
the PIN travels on the contacts between reader and card and nowhere else, which is why an approved reader encloses
them. Under RSA the block is bound to the card's own eight random bytes, so that a recorded command is no use later.

Python's `pow` works on integers, which cannot be wiped: of the enciphered block one copy stays until its memory is
used again.

Spec: EMV 4.4 Book 3 §6.5.12 (VERIFY), Book 2 §7.2 (PIN encipherment); ISO 9564-1 §9.3 (format 2).
"""

from __future__ import annotations

from keys import tdes
from keys.errors import KeyRefused
from keys.pin import Pin
from keys.pin_formats import BLOCK_BYTES, format2

PLAIN, ENCIPHERED = 0x80, 0x88  # P2, the qualifier of the reference data.
CHALLENGE_BYTES = 8
DATA_HEADER = 0x7F
EXPONENTS = (3, 65537)
MODULUS_BYTES = range(64, 249)  # EMV's RSA keys have 512 to 1984 bits.
_HEADER_BYTES = 5
_CLEAR_BYTES = 1 + BLOCK_BYTES + CHALLENGE_BYTES


def verify_plain(pin: Pin) -> bytearray:
    """VERIFY with the PIN block of format 2 in clear, 13 bytes. Raises KeyRefused for a PIN of a wrong length.

    >>> verify_plain(Pin.of("1234")).hex()
    '0020008008241234ffffffffff'
    """
    block = format2(pin)
    try:
        return _command(PLAIN, block)
    finally:
        tdes.wipe(block)


def padding_bytes(modulus: bytes) -> int:
    """How many random bytes an enciphered block takes. Raises KeyRefused for a modulus of a length that EMV has not."""
    if len(modulus) not in MODULUS_BYTES:
        raise KeyRefused("the card's PIN key has a length that EMV does not have")
    return len(modulus) - _CLEAR_BYTES


def verify_enciphered(pin: Pin, modulus: bytes, exponent: int, challenge: bytes, padding: bytes) -> bytearray:
    """VERIFY with header 7F, block, the card's challenge and `padding`, all under the card's RSA key.

    `padding` is `padding_bytes` random bytes. Raises KeyRefused for what does not fit.
    """
    if len(padding) != padding_bytes(modulus):
        raise KeyRefused(f"the padding has {len(padding)} bytes, not {padding_bytes(modulus)}")
    if not (modulus[0] & 0x80 and modulus[-1] & 1):
        raise KeyRefused("the card's PIN key is no RSA modulus of its length")
    if exponent not in EXPONENTS:
        raise KeyRefused("the card's PIN key has an exponent that is neither 3 nor 65537")
    if len(challenge) != CHALLENGE_BYTES:
        raise KeyRefused(f"a challenge has {CHALLENGE_BYTES} bytes")
    clear, block = bytearray(len(modulus)), format2(pin)
    try:
        view = memoryview(clear)
        view[0] = DATA_HEADER  # The highest bit of the modulus is set, so the block is the smaller number.
        view[1 : 1 + BLOCK_BYTES] = block
        view[1 + BLOCK_BYTES : _CLEAR_BYTES] = challenge
        view[_CLEAR_BYTES:] = padding
        secret = pow(int.from_bytes(clear, "big"), exponent, int.from_bytes(modulus, "big"))
        return _command(ENCIPHERED, secret.to_bytes(len(modulus), "big"))
    finally:
        tdes.wipe(clear)
        tdes.wipe(block)


def _command(qualifier: int, data: bytes | bytearray) -> bytearray:
    """CLA 00, INS 20, P1 00. The room is taken at once: a growing bytearray leaves copies behind."""
    command = bytearray(_HEADER_BYTES + len(data))
    view = memoryview(command)
    view[:_HEADER_BYTES] = bytes((0x00, 0x20, 0x00, qualifier, len(data)))
    view[_HEADER_BYTES:] = data
    return command
