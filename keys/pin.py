"""The PIN: how its digits are held, and ISO 9564 format 0. The other formats are in `pin_formats`.

Spec: ISO 9564-1 §9.3.2 (format 0), §8.1 (4 to 12 digits).
"""

from __future__ import annotations

import hmac

from keys import tdes
from keys.errors import KeyRefused

PIN_DIGITS_MIN = 4
PIN_DIGITS_MAX = 12
_FILL = b"\xff" * 7


class Pin:
    """The digits as they are typed, in one bytearray. Never a string; repr hides them; wiped after use."""

    __slots__ = ("_digits",)

    def __init__(self) -> None:
        self._digits = bytearray()

    @classmethod
    def of(cls, digits: str) -> Pin:
        """A PIN from text, for the simulated cardholder and tests: the string itself cannot be wiped."""
        pin = cls()
        for digit in digits:
            pin.push(int(digit))
        return pin

    def push(self, digit: int) -> bool:
        """Add a digit 0 to 9; False, and nothing added, when there are twelve already."""
        if not 0 <= digit <= 9:
            raise ValueError("a PIN has digits only")
        if len(self._digits) == PIN_DIGITS_MAX:
            return False
        # A growing bytearray may move and leave a copy behind, so the room is taken at once.
        grown = bytearray(len(self._digits) + 1)
        for index in range(len(self._digits)):
            grown[index] = self._digits[index]
        grown[-1] = digit
        tdes.wipe(self._digits)
        self._digits = grown
        return True

    def wipe(self) -> None:
        """Overwrite and forget the digits; the PIN can be typed anew."""
        tdes.wipe(self._digits)
        self._digits = bytearray()

    def __len__(self) -> int:
        return len(self._digits)

    def __repr__(self) -> str:
        return "Pin(…)"

    def same_as(self, other: Pin) -> bool:
        """Whether both hold the same digits, in constant time for equal lengths."""
        return hmac.compare_digest(self._digits, other._digits)

    def digits_into(self, block: bytearray) -> None:
        """Write control, length, digits and fill F into 8 bytes. Raises KeyRefused for a bad length."""
        count = len(self._digits)
        if not PIN_DIGITS_MIN <= count <= PIN_DIGITS_MAX:
            raise KeyRefused(f"a PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits")
        digits = self._digits
        block[0] = count
        block[1:] = _FILL
        for index in range(0, count - 1, 2):
            block[1 + index // 2] = digits[index] << 4 | digits[index + 1]
        if count % 2:
            block[1 + count // 2] = digits[-1] << 4 | 0xF


def format0(pin: Pin, pan: str) -> bytearray:
    """The clear block, 8 bytes, which the caller encrypts and wipes. Raises KeyRefused.

    The PAN's part is its 12 rightmost digits without the check digit.
    """
    block = bytearray(8)
    pin.digits_into(block)
    account = pan_part(pan)
    for index in range(2, 8):  # The account's first two bytes are zeros.
        block[index] ^= account[index]
    return block


def pan_part(pan: str) -> bytes:
    """The 8-byte account block of formats 0 and 3. Raises KeyRefused for what is no PAN.

    >>> pan_part("6212790200001797").hex()
    '0000279020000179'
    """
    if not (pan.isascii() and pan.isdigit() and 13 <= len(pan) <= 19):
        raise KeyRefused("a PIN block needs a PAN of 13 to 19 digits")
    return bytes.fromhex("0000" + pan[-13:-1])
