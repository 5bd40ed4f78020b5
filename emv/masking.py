"""What may be written down of a conversation with a card: the same bytes, with the personal ones replaced.

Lengths, tags and everything else stay, so that a masked answer is still the TLV that it was and decides what it
decided. Of a PAN the first six and last four digits stay (PCI DSS 3.4.1) and a number stands between them, zero for
the first account of the conversation, so that different accounts stay different. An expiry date becomes one on the
same side of the transaction's day. Names, track data and what a PAN can be computed from become zeros.
"""

from __future__ import annotations

import re
from typing import Final

from emv.tags import (
    APPLICATION_EXPIRATION_DATE_5F24,
    ICC_PIN_KEY_CERTIFICATE_9F2D,
    ICC_PUBLIC_KEY_CERTIFICATE_9F46,
    PAN_5A,
    SIGNED_STATIC_APPLICATION_DATA_93,
    TRACK_2_EQUIVALENT_DATA_57,
    lookup,
)
from emv.tlv import DEPTH_MAX, TlvError, is_constructed, read_length, read_tag
from emv.track import luhn_holds

STATUS_BYTES = 2
SHOWN_FIRST, SHOWN_LAST, SHORTEST_PAN = 6, 4, 12
TRACK_TAGS: Final = (0x56, 0x9F6B)  # Tracks 1 and 2 of contactless magstripe mode, which the dictionary does not have.
# With public keys the PAN, or a hash over it, comes out of these. Spec: EMV 4.4 Book 2 §5, §6.
TELL_THE_PAN: Final = (
    ICC_PUBLIC_KEY_CERTIFICATE_9F46,
    ICC_PIN_KEY_CERTIFICATE_9F2D,
    SIGNED_STATIC_APPLICATION_DATA_93,
)
RECOGNISED_BYTES = 6
STILL_GOOD, LONG_OVER = bytes.fromhex("491231"), bytes.fromhex("000101")


def mask_digits(digits: str, number: int = 0) -> str:
    """A PAN with `number` in the middle.

    >>> mask_digits("4123456789012349"), mask_digits("4123456789012349", 1)
    ('4123450000002349', '4123450000012349')
    """
    if len(digits) < SHORTEST_PAN:
        return str(number).rjust(len(digits), "0")[-len(digits) :] if digits else ""
    middle = len(digits) - SHOWN_FIRST - SHOWN_LAST
    return digits[:SHOWN_FIRST] + str(number).rjust(middle, "0")[-middle:] + digits[-SHOWN_LAST:]


def shown_text(text: str) -> str:
    """Text in which a number that can be a PAN (its check digit holds) shows only its first six and last four digits.

    >>> shown_text("UPI 6225000000000014"), shown_text("3123456789012345")
    ('UPI 622500******0014', '3123456789012345')
    """

    def hidden(found: re.Match[str]) -> str:
        digits = found.group()
        return digits[:6] + "*" * (len(digits) - 10) + digits[-4:] if luhn_holds(digits) else digits

    return re.sub(r"(?<![0-9])[0-9]{13,19}(?![0-9])", hidden, text)


class Masker:
    """Masks one conversation. `today` is the transaction's date (9A); first `learn` every answer, then mask."""

    __slots__ = ("_today", "_tokens", "_values", "torn")

    def __init__(self, today: bytes) -> None:
        self._today = today
        self.torn = False  # Bytes that are no TLV were replaced: what they were cannot be decided again.
        self._tokens: dict[str, str] = {}
        self._values: dict[str, str] = {}  # Whole elements in hex, for where they stand without their tag.

    def learn(self, rapdu: bytes) -> None:
        """Know the accounts of this answer, so that they are masked wherever they stand, also earlier."""
        self.response(rapdu)

    def response(self, rapdu: bytes) -> bytes:
        """An answer; from the first byte that is no TLV on, everything is zeros.

        >>> Masker(bytes(3)).response(bytes.fromhex("700A5A0841234567890123499000")).hex()
        '700a5a0841234500000023499000'
        """
        if len(rapdu) <= STATUS_BYTES:
            return rapdu
        data = bytearray(rapdu[:-STATUS_BYTES])
        self._objects(data, 0, len(data), 1)
        return self.anywhere(bytes(data)) + rapdu[-STATUS_BYTES:]

    def value(self, tag: int, value: bytes) -> bytes:
        """One element. Its length stays."""
        masked = self._masked(tag, value)
        if masked != value and len(value) >= RECOGNISED_BYTES:
            self._values[value.hex()] = masked.hex()
        return masked

    def _masked(self, tag: int, value: bytes) -> bytes:
        if tag in (PAN_5A, TRACK_2_EQUIVALENT_DATA_57):
            account = _account(value)
            return bytes.fromhex(self._token(account) + _zeros(value.hex()[len(account) :]))
        if tag == APPLICATION_EXPIRATION_DATE_5F24 and len(value) == 3:
            return self._date(value)
        if tag in TRACK_TAGS or tag in TELL_THE_PAN or lookup(tag).sensitive:
            return bytes(len(value))
        return value

    def anywhere(self, data: bytes) -> bytes:
        """Bytes in which no known account or element stands, as the data of a list (CDOL1) might hold one.

        An account is found as digits and as characters. What is shorter than six bytes is not looked for: it
        would be found where it is not.
        """
        text = data.hex()
        for value, masked in self._values.items():
            text = text.replace(value, masked)
        for account, token in self._tokens.items():
            if len(account) >= SHORTEST_PAN:
                text = text.replace(account, token).replace(account.encode().hex(), token.encode().hex())
        return bytes.fromhex(text)

    def _objects(self, data: bytearray, at: int, end: int, depth: int) -> None:
        while at < end:
            if data[at] == 0:  # Padding between objects.
                at += 1
                continue
            try:
                tag, length_at = read_tag(bytes(data[:end]), at)
                length, value_at = read_length(bytes(data[:end]), length_at)
            except TlvError:
                self._tear(data, at, end)
                return
            value_end = value_at + length
            if value_end > end or (is_constructed(tag) and depth >= DEPTH_MAX):
                self._tear(data, value_at, end)
                return
            if is_constructed(tag):
                self._objects(data, value_at, value_end, depth + 1)
            else:
                data[value_at:value_end] = self.value(tag, bytes(data[value_at:value_end]))
            at = value_end

    def _tear(self, data: bytearray, at: int, end: int) -> None:
        self.torn = self.torn or any(data[at:end])
        data[at:end] = bytes(end - at)

    def _token(self, account: str) -> str:
        if account and not account.isdigit():
            return _zeros(account)  # No account; what is wrong with it stays to be seen.
        if account not in self._tokens:
            self._tokens[account] = mask_digits(account, len(self._tokens))
        return self._tokens[account]

    def _date(self, value: bytes) -> bytes:
        """What is no date stays none (zeros). Years 50 to 99 are of the last century. Spec: Book 4 §6.7.3."""
        month, day = value.hex()[2:4], value.hex()[4:6]
        if not (value.hex().isdigit() and "01" <= month <= "12" and "01" <= day <= "31"):
            return bytes(len(value))
        over = value[0] >= 0x50 or value < self._today
        return LONG_OVER if over else STILL_GOOD


def _account(value: bytes) -> str:
    """The digits of a PAN alone (5A), or before the separator of track 2 (57)."""
    return value.hex().partition("d")[0].rstrip("f")


def _zeros(digits: str) -> str:
    return "".join("0" if digit.isdigit() else digit for digit in digits)
