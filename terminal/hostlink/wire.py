"""One field to bytes and back: a read and a write closure for each row, made once for a profile.

A message is read and written field by field all day, and what a row says never changes; so what it says is decided
once, and a closure does only what is left. It asks one question of a value, "is all well?", and when the answer is no
a slow function finds out what is not. Which fields stand behind a bitmap is decided once, too: a link has a few dozen
kinds of message.

Spec: docs/host-link.md §2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from terminal.hostlink.fields import Encoding, Field, Padding, Prefix

FRAMING = 0  # FrameError.field of what stands before the fields: prefix, TPDU, header, MTI.
BITMAP = 1  # Bit 1 would announce a second bitmap, so "field 1" is free to mean the bitmap itself.

_ALPHABETS = {
    Encoding.BCD: re.compile(r"[0-9]*"),
    Encoding.TRACK: re.compile(r"[0-9D]*"),
    Encoding.NIBBLES: re.compile(r"[0-9A-F]*"),
    Encoding.AN: re.compile(r"[0-9A-Za-z ]*"),
    Encoding.ANS: re.compile(r"[\x20-\x7e]*"),
    Encoding.TEXT: re.compile(r"[^\x00-\x1f\x7f]*"),
    Encoding.DIGITS: re.compile(r"[0-9]*"),
    Encoding.TRACK_TEXT: re.compile(r"[0-9D]*"),
}
# What may stand on the wire, for encodings of one byte a character: taken away, nothing may be left.
_DIGITS = b"0123456789"
_PRINTABLE = bytes(range(0x20, 0x7F))
_BYTES = {
    Encoding.AN: _DIGITS + b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ",
    Encoding.ANS: _PRINTABLE,
    Encoding.DIGITS: _DIGITS,
    Encoding.TRACK_TEXT: _DIGITS + b"=",
    Encoding.HEX: _DIGITS + b"ABCDEF",
}
_NIBBLES = frozenset({Encoding.BCD, Encoding.TRACK, Encoding.NIBBLES})
_TWO_DIGITS = tuple(bytes.fromhex(f"{number:02d}") for number in range(100))
_NO_LENGTH = -10_000  # Below whatever the other byte of a prefix may add: 9,900.
_LENGTHS = tuple(
    byte // 16 * 10 + byte % 16 if byte // 16 < 10 and byte % 16 < 10 else _NO_LENGTH for byte in range(256)
)
BITMAP_BYTES = 8
PLANS_LIMIT = 128  # Kinds of message that are remembered: a link has a few dozen, and a stranger may send any.

Value = str | bytes
Reader = Callable[[bytes, int], tuple[Value, int]]  # (body, where the field begins) → (value, where it ends)
Writer = Callable[[Value], bytes]
_Take = Callable[[bytes, int, int], tuple[Value, int]]  # As a reader, after the prefix: the third is the units.


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


Received = tuple[tuple[int, Reader], ...]
Sent = tuple[bytes, tuple[Writer, ...]]


@dataclass(frozen=True, slots=True)
class Wire:
    """What a field table says, compiled. A reader raises FrameError at the body's offset, a writer at 0.

    `received` knows the fields behind a bitmap as it lies on the wire, `sent` the bitmap before these fields. The MTI
    is `mti_bytes` long and the fields begin at `fields_at`.
    """

    received: Callable[[bytes], Received]
    sent: Callable[[tuple[int, ...]], Sent]
    ascii_mti: bool
    mti_bytes: int
    fields_at: int


def compile_rows(fields: Mapping[int, Field], *, ascii_mti: bool = False, hex_bitmap: bool = False) -> Wire:
    readers = {number: _reader(row) for number, row in fields.items()}
    writers = {number: _writer(row) for number, row in fields.items()}

    @lru_cache(PLANS_LIMIT)
    def received(bitmap: bytes) -> Received:
        bits = int.from_bytes(_bits(bitmap, mti_bytes), "big")
        if bits >> 63:
            raise FrameError(BITMAP, mti_bytes, "bit 1 is set: this link has 64 fields only")
        numbers = (number for number in range(1, 65) if bits >> (64 - number) & 1)
        return tuple((number, readers.get(number) or _no_reader(number)) for number in numbers)

    @lru_cache(PLANS_LIMIT)
    def sent(numbers: tuple[int, ...]) -> Sent:
        bits = sum(1 << (64 - number) for number in numbers if number in writers)
        bitmap = bits.to_bytes(BITMAP_BYTES, "big")
        shown = bitmap.hex().upper().encode("ascii") if hex_bitmap else bitmap
        return shown, tuple(writers.get(number) or _no_writer(number) for number in numbers)

    mti_bytes = 4 if ascii_mti else 2
    return Wire(received, sent, ascii_mti, mti_bytes, mti_bytes + BITMAP_BYTES * (2 if hex_bitmap else 1))


def _bits(bitmap: bytes, offset: int) -> bytes:
    """The eight bytes of a bitmap that may be written in sixteen hex characters."""
    if len(bitmap) == BITMAP_BYTES:
        return bitmap
    if bitmap.translate(None, _BYTES[Encoding.HEX]):
        raise FrameError(BITMAP, offset, "a hex bitmap has 0-9 and A-F only")
    return bytes.fromhex(bitmap.decode("ascii"))


def _no_reader(number: int) -> Reader:
    def read(data: bytes, offset: int) -> tuple[Value, int]:
        raise FrameError(number, offset, "the profile has no such field")

    return read


def _no_writer(number: int) -> Writer:
    def write(value: Value) -> bytes:
        raise FrameError(number, 0, "the profile has no such field")

    return write


# Reading


def _reader(row: Field) -> Reader:
    take, length = _taker(row), row.length
    if row.prefix is Prefix.NONE:
        return lambda data, offset: take(data, offset, length)
    size, count = row.prefix.size_bytes, _counter(row.prefix)

    def counted(data: bytes, offset: int) -> tuple[Value, int]:
        try:
            units = count(data, offset)
        except IndexError:
            raise FrameError(row.number, offset, "cut short") from None
        if not 0 <= units <= length:
            if units < 0:
                raise FrameError(row.number, offset, "not BCD digits" if row.prefix.style == "bcd" else "no digits")
            raise FrameError(row.number, offset, f"says {units} long, at most {length}")
        return take(data, offset + size, units)

    return counted


def _counter(prefix: Prefix) -> Callable[[bytes, int], int]:
    """(body, offset) → units, below 0 for what is no number. Raises IndexError when the body ends before."""
    size = prefix.size_bytes
    if prefix.style == "bcd":
        if size == 1:
            return lambda data, offset: _LENGTHS[data[offset]]
        return lambda data, offset: _LENGTHS[data[offset]] * 100 + _LENGTHS[data[offset + 1]]

    def count(data: bytes, offset: int) -> int:
        raw = data[offset : offset + size]
        if len(raw) != size:
            raise IndexError
        if prefix.style == "binary":
            return int.from_bytes(raw, "big")
        return int(raw) if raw.isdigit() else _NO_LENGTH  # bytes.isdigit() knows ASCII only.

    return count


def _taker(row: Field) -> _Take:
    encoding = row.encoding
    if encoding in _NIBBLES:
        return _take_digits(row) if encoding is Encoding.BCD else _take_nibbles(row)
    if encoding is Encoding.TEXT:
        return _take_text(row)
    return _take_hex(row) if encoding is Encoding.HEX else _take_bytes(row)


def _take_digits(row: Field) -> _Take:
    """BCD, which nearly every field of a message is: an even number of digits is ready as it is."""
    careful, before = _take_nibbles(row), row.padding is Padding.BEFORE

    def take(data: bytes, start: int, units: int) -> tuple[Value, int]:
        end = start + (units + 1 >> 1)
        text = data[start:end].hex()
        if text.isdecimal():
            if len(text) == units:
                return text, end
            if len(text) == units + 1 and text[0 if before else -1] == "0":
                return text[1:] if before else text[:-1], end
        return careful(data, start, units)

    return take


def _take_nibbles(row: Field) -> _Take:
    """The digits of a BCD or track field; the spare nibble must be 0."""
    separator = {Encoding.BCD: "0", Encoding.TRACK: "D"}.get(row.encoding, "")
    before = row.padding is Padding.BEFORE

    def take(data: bytes, start: int, units: int) -> tuple[Value, int]:
        size = units + 1 >> 1
        end = start + size
        if end > len(data):
            raise _cut_short(row, data, start, size)
        nibbles = data[start:end].hex().upper()
        if units & 1:
            spare, nibbles = (nibbles[0], nibbles[1:]) if before else (nibbles[-1], nibbles[:-1])
            if spare != "0":
                raise FrameError(row.number, start if before else end - 1, "the spare nibble is not 0")
        if separator and units and not nibbles.replace(separator, "0").isdecimal():
            raise FrameError(row.number, start, f"a nibble that {row.encoding.value} does not have")
        return nibbles, end

    return take


def _take_bytes(row: Field) -> _Take:
    """Binary, or one byte a character."""
    allowed, separator = _BYTES.get(row.encoding), row.encoding is Encoding.TRACK_TEXT

    def take(data: bytes, start: int, units: int) -> tuple[Value, int]:
        end = start + units
        raw = data[start:end]
        if len(raw) != units:
            raise _cut_short(row, data, start, units)
        if allowed is None:
            return raw, end
        if raw.translate(None, allowed):
            raise _foreign(row, raw, start)
        text = raw.decode("ascii")
        return text.replace("=", "D") if separator else text, end

    return take


def _take_hex(row: Field) -> _Take:
    allowed = _BYTES[Encoding.HEX]

    def take(data: bytes, start: int, units: int) -> tuple[Value, int]:
        size = 2 * units
        raw = data[start : start + size]
        if len(raw) != size:
            raise _cut_short(row, data, start, size)
        if raw.translate(None, allowed):
            raise _foreign(row, raw, start)
        return bytes.fromhex(raw.decode("ascii")), start + size

    return take


def _take_text(row: Field) -> _Take:
    matches = _ALPHABETS[Encoding.TEXT].fullmatch

    def take(data: bytes, start: int, units: int) -> tuple[Value, int]:
        end = start + units
        raw = data[start:end]
        if len(raw) != units:
            raise _cut_short(row, data, start, units)
        if not raw.translate(None, _PRINTABLE):
            return raw.decode("ascii"), end
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError as fault:
            raise FrameError(row.number, start + fault.start, f"not {row.encoding.value}") from None
        if not matches(text):
            raise FrameError(row.number, start, f"a character that {row.encoding.value} does not have")
        # GB18030 has a few byte pairs that decode to one character with another preferred form; both cannot be
        # kept.
        if text.encode("gb18030") != raw:
            raise FrameError(row.number, start, "text that does not come back as the same bytes")
        return text, end

    return take


def _cut_short(row: Field, data: bytes, start: int, needed: int) -> FrameError:
    return FrameError(row.number, start, f"cut short: {needed} bytes needed, {max(0, len(data) - start)} left")


def _foreign(row: Field, raw: bytes, start: int) -> FrameError:
    """What is wrong with bytes of which some are not the encoding's."""
    try:
        raw.decode("ascii")
    except UnicodeDecodeError as fault:
        return FrameError(row.number, start + fault.start, f"not {row.encoding.value}")
    return FrameError(row.number, start, f"a character that {row.encoding.value} does not have")


# Writing


def _writer(row: Field) -> Writer:
    if row.prefix is Prefix.NONE:
        return _write_fixed(row)
    pack, length, prefix = _packer(row), row.length, _prefixer(row.prefix)

    def counted(value: Value) -> bytes:
        units, raw = pack(value)
        if units > length:
            raise _unfit(row, value, units)
        return prefix(units) + raw

    return counted


def _write_fixed(row: Field) -> Writer:
    """Without a prefix; an even number of BCD digits, which most such fields are, in one step."""
    pack, length = _packer(row), row.length
    if row.encoding is Encoding.BCD and length % 2 == 0:

        def digits(value: Value) -> bytes:
            if isinstance(value, str) and len(value) == length and value.isdecimal() and value.isascii():
                return bytes.fromhex(value)
            raise _unfit(row, value, len(value))

        return digits

    def fixed(value: Value) -> bytes:
        units, raw = pack(value)
        if units != length:
            raise _unfit(row, value, units)
        return raw

    return fixed


def _prefixer(prefix: Prefix) -> Callable[[int], bytes]:
    digits, size = prefix.digits, prefix.size_bytes
    if prefix.style == "ascii":
        return lambda units: b"%0*d" % (digits, units)
    if prefix.style == "binary":
        return lambda units: units.to_bytes(size, "big")
    if size == 1:
        return lambda units: _TWO_DIGITS[units]
    return lambda units: _TWO_DIGITS[units // 100] + _TWO_DIGITS[units % 100]


def _packer(row: Field) -> Callable[[Value], tuple[int, bytes]]:
    """value → (units, bytes without prefix). Raises FrameError for what the encoding has not; not for a length."""
    encoding = row.encoding
    if encoding is Encoding.BINARY:
        return lambda value: (len(value), value) if isinstance(value, bytes) else _refuse(row, value)
    if encoding is Encoding.HEX:
        return lambda value: (
            (len(value), value.hex().upper().encode("ascii")) if isinstance(value, bytes) else _refuse(row, value)
        )
    if encoding in _NIBBLES:
        return _pack_nibbles(row)
    if encoding in (Encoding.ANS, Encoding.TEXT):
        return _pack_text(row)
    return _pack_characters(row)


def _pack_nibbles(row: Field) -> Callable[[Value], tuple[int, bytes]]:
    matches, before = _ALPHABETS[row.encoding].fullmatch, row.padding is Padding.BEFORE

    def pack(value: Value) -> tuple[int, bytes]:
        if not isinstance(value, str) or not matches(value):
            return _refuse(row, value)
        units = len(value)
        if units & 1:
            return units, bytes.fromhex("0" + value if before else value + "0")
        return units, bytes.fromhex(value)

    return pack


def _pack_characters(row: Field) -> Callable[[Value], tuple[int, bytes]]:
    matches, separator = _ALPHABETS[row.encoding].fullmatch, row.encoding is Encoding.TRACK_TEXT

    def pack(value: Value) -> tuple[int, bytes]:
        if not isinstance(value, str) or not matches(value):
            return _refuse(row, value)
        return len(value), (value.replace("D", "=") if separator else value).encode("ascii")

    return pack


def _pack_text(row: Field) -> Callable[[Value], tuple[int, bytes]]:
    """ANS and TEXT: nearly always printable ASCII, and Python knows that of a string without looking at it twice."""
    matches, wide = _ALPHABETS[row.encoding].fullmatch, row.encoding is Encoding.TEXT

    def pack(value: Value) -> tuple[int, bytes]:
        if isinstance(value, str):
            if value.isascii() and value.isprintable():
                return len(value), value.encode("ascii")
            if wide and matches(value):
                try:
                    raw = value.encode("gb18030")
                except UnicodeEncodeError:
                    raise FrameError(row.number, 0, "a character that GB18030 does not have") from None
                return len(raw), raw
        return _refuse(row, value)

    return pack


def _refuse(row: Field, value: Value) -> tuple[int, bytes]:
    """What is wrong with a value, whatever its length. Always raises."""
    if row.is_binary:
        raise FrameError(row.number, 0, "this field is binary")
    if not isinstance(value, str):
        raise FrameError(row.number, 0, "this field is text")
    raise FrameError(row.number, 0, f"a character that {row.encoding.value} does not have")


def _unfit(row: Field, value: Value, units: int) -> FrameError:
    """What is wrong with a value of this many units: what it holds comes before its length."""
    if not row.is_binary and (not isinstance(value, str) or not _ALPHABETS[row.encoding].fullmatch(value)):
        _refuse(row, value)
    limit = f"not {row.length}" if row.prefix is Prefix.NONE else f"at most {row.length}"
    return FrameError(row.number, 0, f"{units} long, {limit}")
