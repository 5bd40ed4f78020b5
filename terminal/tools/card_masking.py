"""What may be shown of a conversation with a card: the same bytes, with the personal ones as zeros.

Lengths, tags and everything else stay, so that a masked response is still the TLV that it was. Of a PAN the first
six and last four digits stay (PCI DSS 3.4.1); of track data, names and expiry nothing does.
"""

from __future__ import annotations

from collections.abc import Iterable

from emv.tags import PAN_5A, TRACK_2_EQUIVALENT_DATA_57, lookup
from emv.tlv import TlvError, is_constructed, read_length, read_tag

DEPTH_LIMIT = 6  # As deep as emv.tlv reads; what lies deeper is not read, so it is not shown either.
TRACK_TAGS = (0x56, 0x9F6B)  # Track 1 and 2 of contactless magstripe mode, which the dictionary does not have.
STATUS_BYTES = 2
SHOWN_FIRST, SHOWN_LAST, SHORTEST_PAN = 6, 4, 12


def mask_digits(digits: str) -> str:
    """A PAN with zeros in the middle.

    >>> mask_digits("6225000000000014")
    '6225000000000014'
    >>> mask_digits("4123456789012349")
    '4123450000002349'
    """
    if len(digits) < SHORTEST_PAN:
        return "0" * len(digits)
    return digits[:SHOWN_FIRST] + "0" * (len(digits) - SHOWN_FIRST - SHOWN_LAST) + digits[-SHOWN_LAST:]


def mask_response(rapdu: bytes) -> bytes:
    """A response APDU with its personal data masked; from the first byte that is no TLV on, everything is.

    >>> mask_response(bytes.fromhex("700A5A0841234567890123499000")).hex()
    '700a5a0841234500000023499000'
    """
    if len(rapdu) <= STATUS_BYTES:
        return rapdu
    data = bytearray(rapdu[:-STATUS_BYTES])
    _mask(data, 0, len(data), 1)
    return bytes(data) + rapdu[-STATUS_BYTES:]


def mask_pan_everywhere(text: str, pan: str) -> str:
    """Hex in which this PAN stands nowhere, neither as BCD nor as ASCII (a CDOL or a track 1 may carry it)."""
    if len(pan) < SHORTEST_PAN:
        return text
    masked = mask_digits(pan)
    text = text.upper().replace(pan, masked)
    return text.replace(pan.encode("ascii").hex().upper(), masked.encode("ascii").hex().upper())


def pairs_of_hex(
    exchanges: Iterable[tuple[bytes, bytes]], *, pan: str, masked: bool
) -> list[tuple[str, str]]:
    """Command and response as upper-case hex."""
    pairs = []
    for capdu, rapdu in exchanges:
        if masked:
            command = mask_pan_everywhere(capdu.hex().upper(), pan)
            response = mask_pan_everywhere(mask_response(rapdu).hex().upper(), pan)
        else:
            command, response = capdu.hex().upper(), rapdu.hex().upper()
        pairs.append((command, response))
    return pairs


def _mask(data: bytearray, start: int, end: int, depth: int) -> None:
    at = start
    while at < end:
        if data[at] == 0:  # Padding between objects.
            at += 1
            continue
        try:
            tag, length_at = read_tag(bytes(data[:end]), at)
            length, value_at = read_length(bytes(data[:end]), length_at)
        except TlvError:
            data[at:end] = bytes(end - at)
            return
        value_end = value_at + length
        if value_end > end or (is_constructed(tag) and depth >= DEPTH_LIMIT):
            data[value_at:end] = bytes(end - value_at)
            return
        if is_constructed(tag):
            _mask(data, value_at, value_end, depth + 1)
        elif tag in (PAN_5A, TRACK_2_EQUIVALENT_DATA_57):
            data[value_at:value_end] = _mask_number(bytes(data[value_at:value_end]))
        elif tag in TRACK_TAGS or lookup(tag).sensitive:
            data[value_at:value_end] = bytes(length)
        at = value_end


def _mask_number(value: bytes) -> bytes:
    """A PAN, and behind it in track 2 the separator D; the rest is zeros."""
    digits = value.hex()
    pan = digits.partition("d")[0].rstrip("f")
    rest = digits[len(pan) :]
    return bytes.fromhex(mask_digits(pan) + "".join("0" if digit.isdigit() else digit for digit in rest))
