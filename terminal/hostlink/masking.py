"""What of a field a person may see: 6+4 of a PAN, nothing of a track's rest or a PIN block.

A masked value is as long as the true one, so that a person still sees the lengths; the raw bytes are masked
at the very same places. What cannot be understood (a field 55 that is no TLV) is hidden whole.

Spec: PCI DSS 3.3, 3.4.1; one format everywhere: terminal.model.mask_pan.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from terminal.hostlink.codec import FrameError, Placed
from terminal.hostlink.extra_fields import CVV2_DIGITS, CVV2_TAG
from terminal.hostlink.fields import Encoding, Padding
from terminal.hostlink.icc import elements
from terminal.hostlink.subfields import OrderTag
from terminal.model import mask_pan

HIDDEN_FIELDS = frozenset({36, 52})
PAN_TAG = "5A"
TRACK_TAGS = frozenset({"57", "9F6B"})  # Track 2 and its equivalent of magnetic stripe mode.
# Track 1, discretionary data of both tracks, PIN data, the cardholder's name in both forms.
HIDDEN_TAGS = frozenset({"56", "9F1F", "9F20", "99", "5F20", "9F0B"})
SCRIPT_TAGS = frozenset({"71", "72"})  # Templates of issuer commands: no card data, and a person must see them.

_PAN_LIKE = re.compile(r"(?<![0-9])[0-9]{13,19}(?![0-9])")
_CVV2_HEAD = f"{CVV2_TAG}{CVV2_DIGITS:03d}".encode("ascii").hex().upper()
_CVV2 = re.compile(f"(?<={_CVV2_HEAD})[0-9A-F]{{{2 * CVV2_DIGITS}}}")
_BATCH_DETAIL = re.compile(r"([0-9]{2})((?:[0-9]{40})+)")


def masked_value(item: Placed) -> str:
    """The field as text (binary as hex), hidden places as `*`, as long as the true text."""
    number, value = item.row.number, item.value
    if isinstance(value, bytes):
        if number == 62:
            return _CVV2.sub(lambda code: "*" * len(code[0]), _mask_ascii(value))
        if number == 55:
            return mask_icc(value)
        return "*" * (2 * len(value)) if number in HIDDEN_FIELDS else _mask_ascii(value)
    if number in HIDDEN_FIELDS:
        return "*" * len(value)
    if number == 2:
        return mask_pan(value)
    if item.row.encoding in (Encoding.TRACK, Encoding.NIBBLES, Encoding.TRACK_TEXT):
        return mask_track(value)
    if number == 48:
        return _mask_batch_details(value)
    if number == 59:
        return _mask_f59(value)
    if item.row.encoding in (Encoding.ANS, Encoding.TEXT) and number not in (41, 42):
        return mask_digit_runs(value)
    return value


def masked_raw(item: Placed, wire: bytes) -> str:
    """The field's wire bytes, length prefix included, in upper-case hex with the same places hidden."""
    shown, row = masked_value(item), item.row
    prefix = wire[: row.prefix.size_bytes].hex().upper()
    if isinstance(item.value, bytes):
        return prefix + (_spelled(shown) if row.encoding is Encoding.HEX else shown)
    if row.encoding is Encoding.TRACK_TEXT:
        return prefix + _spelled(shown.replace("D", "="))
    if row.encoding in (Encoding.BCD, Encoding.TRACK, Encoding.NIBBLES):
        if len(shown) % 2:
            shown = "0" + shown if row.padding is Padding.BEFORE else shown + "0"
        return prefix + shown
    pairs = zip(item.value, shown, strict=True)
    return prefix + "".join("**" if seen != true else true.encode("gb18030").hex().upper() for true, seen in pairs)


def _spelled(shown: str) -> str:
    """ASCII characters as hex, each hidden one as two stars."""
    return "".join("**" if character == "*" else f"{ord(character):02X}" for character in shown)


def mask_track(track: str) -> str:
    """The PAN at 6+4, the separator, and nothing after it.

    >>> mask_track("6225000000000014D30122011234567890")
    '622500******0014D*****************'
    """
    pan, separator, rest = track.partition("D")
    return mask_pan(pan) + separator + "*" * len(rest)


def mask_digit_runs(text: str) -> str:
    """Any run of 13 to 19 digits that passes the check digit is taken for a PAN."""
    return _PAN_LIKE.sub(lambda run: mask_pan(run[0]) if _luhn(run[0]) else run[0], text)


def mask_icc(data: bytes) -> str:
    """Field 55 as hex, element by element."""
    try:
        found = elements(data)
    except FrameError:
        return "*" * (2 * len(data))
    parts: list[str] = []
    for item in found:
        value = data[item.value : item.end].hex().upper()
        parts.append(data[item.start : item.value].hex().upper() + mask_element(item.tag, value))
    return "".join(parts)


def mask_element(tag: str, value: str) -> str:
    """An element's value as hex. Templates other than scripts are hidden whole: they may hold anything."""
    constructed = int(tag[:2], 16) & 0x20
    if tag in HIDDEN_TAGS or (constructed and tag not in SCRIPT_TAGS):
        return "*" * len(value)
    if tag == PAN_TAG:
        return _mask_padded(value, mask_pan)
    if tag in TRACK_TAGS:
        return _mask_padded(value, mask_track)
    return value


def _mask_padded(value: str, mask: Callable[[str], str]) -> str:
    digits = value.rstrip("F")
    return mask(digits) + value[len(digits) :]


def _mask_f59(value: str) -> str:
    """A scanned payment code is as good as a PAN until it expires; an order number is for people to read."""
    parts: list[str] = []
    offset = 0
    while offset < len(value):
        head = re.match(r"([0-9A-Z]{2})([0-9]{3})", value[offset:])
        if not head:
            return "".join(parts) + mask_digit_runs(value[offset:])
        # Lengths count bytes; a text of several bytes a character only makes the rest be read as plain text.
        body = value[offset + 5 : offset + 5 + int(head[2])]
        hidden = mask_pan(body) if head[1] == OrderTag.SCANNED_CODE else body
        parts.append(head[0] + (hidden if head[1] == OrderTag.ORDER_NO else mask_digit_runs(hidden)))
        offset += 5 + len(body)
    return "".join(parts)


def _mask_batch_details(value: str) -> str:
    """Batch details: count n2, then class n2, STAN n6, PAN n20 (zero filled on the left), amount n12 each."""
    details = _BATCH_DETAIL.fullmatch(value)
    if not details or int(details[1]) * 40 != len(details[2]):
        return value
    parts = [details[1]]
    for start in range(0, len(details[2]), 40):
        one = details[2][start : start + 40]
        pan = one[8:28].lstrip("0")
        parts.append(one[:8] + "0" * (20 - len(pan)) + mask_pan(pan) + one[28:])
    return "".join(parts)


def _mask_ascii(value: bytes) -> str:
    """Hex of bytes, with PANs that stand in them as ASCII hidden."""
    text = value.decode("latin-1")
    pairs = zip(text, mask_digit_runs(text), strict=True)
    return "".join("**" if seen != true else f"{ord(true):02X}" for true, seen in pairs)


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit. Spec: ISO/IEC 7812-1 Annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0
