"""The ISO 8583 codec: a message to bytes and back, strict both ways.

A body is MTI (2 BCD bytes, or four ASCII digits), bitmap (8 bytes or 16 hex digits, bit 1 always 0) and the fields in
ascending order by the profile's field table. A body that breaks a rule raises FrameError with the field, the offset
and the reason; a body that keeps the rules comes back byte for byte from `encode`. So the MAC of a received message may
be computed over its re-encoding, and nothing a peer sends can mean two things.

Spec: docs/host-link.md §1, §2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from terminal.hostlink.fields import Field
from terminal.hostlink.profile import Profile
from terminal.hostlink.wire import BITMAP, FRAMING, FrameError, Writer

__all__ = ["BITMAP", "BODY_LIMIT_BYTES", "FRAMING", "FrameError", "Message", "Placed", "decode", "encode"]

BODY_LIMIT_BYTES = 4096  # All fields at their largest together; a longer body is no message of this link.

@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """MTI (four digits) and fields: `bytes` for binary fields, `str` for the rest (track separator: D)."""

    mti: str
    fields: Mapping[int, str | bytes]

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(sorted(self.fields.items()))))

    @classmethod
    def in_order(cls, mti: str, fields: dict[int, str | bytes]) -> Message:
        """A message whose fields ascend already, in a dict that nobody else holds: none are sorted or copied."""
        made = object.__new__(cls)
        object.__setattr__(made, "mti", mti)
        object.__setattr__(made, "fields", MappingProxyType(fields))
        return made

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
    if len(message.mti) != 4 or not (message.mti.isascii() and message.mti.isdecimal()):
        raise FrameError(FRAMING, 0, "an MTI is four digits")
    bitmap, writers = profile.wire.sent(tuple(message.fields))
    values = message.fields.values()
    try:
        parts = [write(value) for write, value in zip(writers, values, strict=True)]
    except FrameError:
        raise _in_its_place(profile.wire.fields_at, writers, values) from None
    mti = message.mti.encode("ascii") if profile.wire.ascii_mti else bytes.fromhex(message.mti)
    body = mti + bitmap + b"".join(parts)
    if len(body) > BODY_LIMIT_BYTES:
        raise FrameError(FRAMING, BODY_LIMIT_BYTES, f"longer than {BODY_LIMIT_BYTES} bytes")
    return body


def _in_its_place(offset: int, writers: Iterable[Writer], values: Iterable[str | bytes]) -> FrameError:
    """The first fault of these values, where it would have stood in a body whose fields begin at `offset`."""
    for write, value in zip(writers, values, strict=True):
        try:
            offset += len(write(value))
        except FrameError as fault:
            return fault.moved(offset)
    raise RuntimeError("a value that was refused is fine")


def decode(data: bytes, profile: Profile) -> Message:
    """The message in `data`, all of it. Raises FrameError, and nothing else, for any bytes whatever."""
    mti, offset = read_mti(data, profile), profile.wire.fields_at
    fields: dict[int, str | bytes] = {}
    for number, read in profile.wire.received(read_bitmap(data, profile)):
        fields[number], offset = read(data, offset)
    _ends_at(offset, data)
    return Message.in_order(mti, fields)


def walk(data: bytes, profile: Profile) -> Iterator[Placed]:
    """The fields one by one: those before a fault can be shown. Raises FrameError at the fault."""
    offset = profile.wire.fields_at
    for number, read in profile.wire.received(read_bitmap(data, profile)):
        value, end = read(data, offset)
        yield Placed(profile.fields[number], value, offset, end)
        offset = end
    _ends_at(offset, data)


def _ends_at(offset: int, data: bytes) -> None:
    if offset != len(data):
        raise FrameError(FRAMING, offset, f"{len(data) - offset} bytes after the last field")


def read_mti(data: bytes, profile: Profile) -> str:
    """Raises FrameError."""
    wire = profile.wire
    raw = data[: wire.mti_bytes]
    if len(raw) != wire.mti_bytes:
        raise FrameError(FRAMING, 0, "cut short")
    text = raw.decode("latin-1") if wire.ascii_mti else raw.hex()
    if not (text.isascii() and text.isdecimal()):
        raise FrameError(FRAMING, 0, "not ASCII digits" if wire.ascii_mti else "not BCD digits")
    return text


def read_bitmap(data: bytes, profile: Profile) -> bytes:
    """The bitmap, as it lies there, of a body that is not too long to be one. Raises FrameError."""
    wire = profile.wire
    if len(data) > BODY_LIMIT_BYTES:
        raise FrameError(FRAMING, BODY_LIMIT_BYTES, f"longer than {BODY_LIMIT_BYTES} bytes")
    if len(data) < wire.fields_at:
        raise FrameError(BITMAP, len(data), "cut short in the bitmap")
    return data[wire.mti_bytes : wire.fields_at]
