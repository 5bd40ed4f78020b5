"""The ISO 8583 codec: a message to bytes and back, strict both ways.

A body is MTI (2 BCD bytes), bitmap (8 bytes, bit 1 always 0) and the fields in ascending order by the
profile's field table. A body that breaks a rule raises FrameError with the field, the offset and the reason;
a body that keeps the rules comes back byte for byte from `encode`. So the MAC of a received message may be
computed over its re-encoding, and nothing a peer sends can mean two things.

Spec: docs/host-link.md §1, §2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from terminal.hostlink.fields import Encoding, Field, Padding, Prefix
from terminal.hostlink.profile import Profile

BODY_LIMIT_BYTES = 4096  # All fields at their largest together; a longer body is no message of this link.
BITMAP_OFFSET = 2
FIELDS_OFFSET = 10

FRAMING = 0  # FrameError.field of what stands before the fields: prefix, TPDU, header, MTI.
BITMAP = 1  # Bit 1 would announce a second bitmap, so "field 1" is free to mean the bitmap itself.

_ALPHABETS = {
    Encoding.BCD: re.compile(r"[0-9]*"),
    Encoding.TRACK: re.compile(r"[0-9D]*"),
    Encoding.NIBBLES: re.compile(r"[0-9A-F]*"),
    Encoding.AN: re.compile(r"[0-9A-Za-z ]*"),
    Encoding.ANS: re.compile(r"[\x20-\x7e]*"),
    Encoding.TEXT: re.compile(r"[^\x00-\x1f\x7f]*"),
}
_NIBBLES = frozenset({Encoding.BCD, Encoding.TRACK, Encoding.NIBBLES})


class FrameError(Exception):
    """A frame breaks a rule. `offset` counts bytes from the start of what was given; no value quoted."""

    def __init__(self, field: int, offset: int, reason: str) -> None:
        super().__init__(f"{'frame' if field == FRAMING else f'field {field}'} at byte {offset}: {reason}")
        self.field = field
        self.offset = offset
        self.reason = reason

    def moved(self, by: int) -> FrameError:
        """The same fault, seen from `by` bytes earlier."""
        return FrameError(self.field, self.offset + by, self.reason)


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """MTI (four digits) and fields: `bytes` for binary fields, `str` for the rest (track separator: D)."""

    mti: str
    fields: Mapping[int, str | bytes]

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(sorted(self.fields.items()))))

    def __repr__(self) -> str:
        """Field numbers only: values may hold a PAN, a track or a PIN block."""
        return f"Message({self.mti}, fields {' '.join(map(str, self.fields))})"

    def text(self, number: int) -> str:
        """A field as text; "" when absent. Raises TypeError for a binary field: that is our own mistake."""
        value = self.fields.get(number, "")
        if not isinstance(value, str):
            raise TypeError(f"field {number} is binary")
        return value

    def binary(self, number: int) -> bytes:
        """A binary field; b"" when absent. Raises TypeError for a text field."""
        value = self.fields.get(number, b"")
        if not isinstance(value, bytes):
            raise TypeError(f"field {number} is text")
        return value

    def without(self, *numbers: int) -> Message:
        return Message(self.mti, {n: v for n, v in self.fields.items() if n not in numbers})

    def with_fields(self, changes: Mapping[int, str | bytes]) -> Message:
        return Message(self.mti, {**self.fields, **changes})


@dataclass(frozen=True, slots=True)
class Placed:
    """One field as it lay on the wire: its row, its value, and the body's bytes [start, end), prefix included."""

    row: Field
    value: str | bytes
    start: int
    end: int


def encode(message: Message, profile: Profile) -> bytes:
    """The body's bytes. Raises FrameError when a value does not fit its row or a field has no row."""
    if not re.fullmatch(r"[0-9]{4}", message.mti):
        raise FrameError(FRAMING, 0, "an MTI is four digits")
    bitmap = 0
    out = bytearray()
    for number, value in message.fields.items():
        row = profile.fields.get(number)
        if row is None:
            raise FrameError(number, FIELDS_OFFSET + len(out), "the profile has no such field")
        bitmap |= 1 << (64 - number)
        out += _encode_field(row, value, FIELDS_OFFSET + len(out))
    body = bytes.fromhex(message.mti) + bitmap.to_bytes(8, "big") + bytes(out)
    if len(body) > BODY_LIMIT_BYTES:
        raise FrameError(FRAMING, BODY_LIMIT_BYTES, f"longer than {BODY_LIMIT_BYTES} bytes")
    return body


def decode(data: bytes, profile: Profile) -> Message:
    """The message in `data`, all of it. Raises FrameError, and nothing else, for any bytes whatever."""
    mti, placed = locate(data, profile)
    return Message(mti, {item.row.number: item.value for item in placed})


def locate(data: bytes, profile: Profile) -> tuple[str, tuple[Placed, ...]]:
    """As `decode`, with each field's place on the wire."""
    mti = read_mti(data)
    return mti, tuple(walk(data, profile))


def walk(data: bytes, profile: Profile) -> Iterator[Placed]:
    """The fields one by one: those before a fault can be shown. Raises FrameError at the fault."""
    if len(data) > BODY_LIMIT_BYTES:
        raise FrameError(FRAMING, BODY_LIMIT_BYTES, f"longer than {BODY_LIMIT_BYTES} bytes")
    offset = FIELDS_OFFSET
    for number in read_bitmap(data):
        row = profile.fields.get(number)
        if row is None:
            raise FrameError(number, offset, "the profile has no such field")
        item = _decode_field(row, data, offset)
        yield item
        offset = item.end
    if offset != len(data):
        raise FrameError(FRAMING, offset, f"{len(data) - offset} bytes after the last field")


def read_mti(data: bytes) -> str:
    """Raises FrameError."""
    return _digits(data, 0, BITMAP_OFFSET, FRAMING)


def read_bitmap(data: bytes) -> tuple[int, ...]:
    """The numbers of the fields that a body announces. Raises FrameError."""
    if len(data) < FIELDS_OFFSET:
        raise FrameError(BITMAP, len(data), "cut short in the bitmap")
    bitmap = int.from_bytes(data[BITMAP_OFFSET:FIELDS_OFFSET], "big")
    if bitmap >> 63:
        raise FrameError(BITMAP, BITMAP_OFFSET, "bit 1 is set: this link has 64 fields only")
    return tuple(number for number in range(2, 65) if bitmap >> (64 - number) & 1)


def _units(row: Field, value: str | bytes, offset: int) -> bytes | str:
    """A value in the units that its row counts: digits, or bytes."""
    if row.encoding is Encoding.BINARY:
        if not isinstance(value, bytes):
            raise FrameError(row.number, offset, "this field is binary")
        return value
    if not isinstance(value, str):
        raise FrameError(row.number, offset, "this field is text")
    if not _ALPHABETS[row.encoding].fullmatch(value):
        raise FrameError(row.number, offset, f"a character that {row.encoding.value} does not have")
    if row.encoding in _NIBBLES:
        return value
    try:
        return value.encode("gb18030" if row.encoding is Encoding.TEXT else "ascii")
    except UnicodeEncodeError:
        raise FrameError(row.number, offset, "a character that GB18030 does not have") from None


def _encode_field(row: Field, value: str | bytes, offset: int) -> bytes:
    units = _units(row, value, offset)
    if row.prefix is Prefix.NONE and len(units) != row.length:
        raise FrameError(row.number, offset, f"{len(units)} long, not {row.length}")
    if len(units) > row.length:
        raise FrameError(row.number, offset, f"{len(units)} long, at most {row.length}")
    prefix = b""
    if row.prefix is not Prefix.NONE:
        prefix = bytes.fromhex(f"{len(units):0{_prefix_bytes(row) * 2}d}")
    if isinstance(units, bytes):
        return prefix + units
    if len(units) % 2:
        units = "0" + units if row.padding is Padding.BEFORE else units + "0"
    return prefix + bytes.fromhex(units)


def _prefix_bytes(row: Field) -> int:
    return (row.prefix.value + 1) // 2


def _decode_field(row: Field, data: bytes, start: int) -> Placed:
    offset = start
    units = row.length
    if row.prefix is not Prefix.NONE:
        offset += _prefix_bytes(row)
        units = int(_digits(data, start, offset, row.number))
        if units > row.length:
            raise FrameError(row.number, start, f"says {units} long, at most {row.length}")
    end = offset + ((units + 1) // 2 if row.encoding in _NIBBLES else units)
    if end > len(data):
        raise FrameError(row.number, offset, f"cut short: {end - offset} bytes needed, {len(data) - offset} left")
    raw = data[offset:end]
    if row.encoding is Encoding.BINARY:
        return Placed(row, raw, start, end)
    if row.encoding in _NIBBLES:
        return Placed(row, _unpack(row, raw, units, offset), start, end)
    return Placed(row, _decode_text(row, raw, offset), start, end)


def _unpack(row: Field, raw: bytes, units: int, offset: int) -> str:
    """The digits of a BCD or track field; the spare nibble must be 0."""
    nibbles = raw.hex().upper()
    if units % 2:
        if row.padding is Padding.BEFORE:
            spare, nibbles, place = nibbles[0], nibbles[1:], offset
        else:
            spare, nibbles, place = nibbles[-1], nibbles[:-1], offset + len(raw) - 1
        if spare != "0":
            raise FrameError(row.number, place, "the spare nibble is not 0")
    if not _ALPHABETS[row.encoding].fullmatch(nibbles):
        raise FrameError(row.number, offset, f"a nibble that {row.encoding.value} does not have")
    return nibbles


def _decode_text(row: Field, raw: bytes, offset: int) -> str:
    try:
        value = raw.decode("gb18030" if row.encoding is Encoding.TEXT else "ascii")
    except UnicodeDecodeError as fault:
        raise FrameError(row.number, offset + fault.start, f"not {row.encoding.value}") from None
    if not _ALPHABETS[row.encoding].fullmatch(value):
        raise FrameError(row.number, offset, f"a character that {row.encoding.value} does not have")
    # GB18030 has a few byte pairs that decode to one character with another preferred form; both cannot be
    # kept.
    if row.encoding is Encoding.TEXT and value.encode("gb18030") != raw:
        raise FrameError(row.number, offset, "text that does not come back as the same bytes")
    return value


def _digits(data: bytes, start: int, end: int, field: int) -> str:
    """BCD digits at [start, end). Raises FrameError when cut short or not decimal."""
    if end > len(data):
        raise FrameError(field, start, "cut short")
    text = data[start:end].hex()
    if not text.isdecimal():
        raise FrameError(field, start, "not BCD digits")
    return text
