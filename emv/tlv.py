"""BER-TLV as cards, issuers and acquirers send it: strict, bounded, and every fault names its byte.

A tag is an int (`0x9F02`), its bytes read as one number; a value is bytes. Data from a card is hostile:
depth, count and length are bounded, and whatever is wrong ends in `TlvError`, never in IndexError.

>>> [(hex(item.tag), item.value.hex()) for item in parse(bytes.fromhex("9F0206000000012850"))]
[('0x9f02', '000000012850')]

Spec: EMV 4.4 Book 3 Annex B (rules for BER-TLV data objects); ISO/IEC 7816-4 §5.2.2, ISO/IEC 8825-1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import NamedTuple

from emv.commands import CardError

TAG_BYTES_MAX = 3  # EMV uses one and two bytes, contactless kernels three (DF8129).
DEPTH_MAX = 6  # Templates in templates; the deepest of the Books, 6F-A5-BF0C-61-73, is five.
COUNT_MAX = 256  # Objects in one string; a record of 254 bytes holds 127 empty ones at most.
BYTES_MAX = 4096  # More than any response, record or field 55 can hold; a bound for what tools are given.


class TlvError(CardError):
    """The bytes are no BER-TLV that the Books allow. `position` is the offset of the faulty byte."""


class Tlv(NamedTuple):
    """One data object; a constructed one also has its `children`. `position` is where its tag began.

    A tuple, because a card's record makes twenty of them, and nothing is made faster. Two are equal wherever they
    stand.
    """

    tag: int
    value: bytes
    children: tuple[Tlv, ...] = ()
    position: int = 0

    def __repr__(self) -> str:
        """Without the value, which may be a PAN."""
        return f"Tlv({self.tag:X}, {len(self.value)} bytes at {self.position})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tlv) and self[:3] == other[:3]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:3])

    @property
    def constructed(self) -> bool:
        return is_constructed(self.tag)

    def child(self, tag: int) -> Tlv | None:
        """The first direct child with this tag."""
        return find(self.children, tag)

    def __bytes__(self) -> bytes:
        return encode(self.tag, self.value)


def is_constructed(tag: int) -> bool:
    """Whether bit 6 of the tag's first byte says that the value is itself TLV.

    >>> is_constructed(0x70), is_constructed(0xBF0C), is_constructed(0x9F02)
    (True, True, False)
    """
    return bool(tag_bytes(tag)[0] & 0x20)


def tag_bytes(tag: int) -> bytes:
    """A tag as it stands on the wire.

    >>> tag_bytes(0x9F02).hex(), tag_bytes(0x5A).hex()
    ('9f02', '5a')
    """
    if tag <= 0:
        raise ValueError("a tag is a positive number")
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big")


def read_tag(data: bytes, at: int) -> tuple[int, int]:
    """The tag at `at` and the offset behind it. Raises TlvError."""
    if at >= len(data):
        raise TlvError("a tag is missing", position=at)
    end = at + 1
    if data[at] & 0x1F == 0x1F:
        # Subsequent bytes: bit 8 says that another follows. Spec: Book 3 §B1.
        while True:
            if end >= len(data):
                raise TlvError("the tag is cut short", position=at)
            if end - at >= TAG_BYTES_MAX:
                raise TlvError(f"the tag is longer than {TAG_BYTES_MAX} bytes", position=at)
            more = data[end] & 0x80
            end += 1
            if not more:
                break
    if data[at] == 0:
        raise TlvError("00 is no tag", position=at)
    return int.from_bytes(data[at:end], "big"), end


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """The length at `at` and the offset behind it. Raises TlvError.

    Longer forms than needed (81 05) are accepted: BER allows them, and issued cards contain them.
    """
    if at >= len(data):
        raise TlvError("the length is missing", position=at)
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    # One to three bytes in all; the indefinite form 80 is not allowed. Spec: Book 3 §B2.
    if count not in (1, 2):
        raise TlvError(f"length form {first:02X} is not allowed", position=at)
    if at + 1 + count > len(data):
        raise TlvError("the length is cut short", position=at)
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def parse(data: bytes) -> tuple[Tlv, ...]:
    """Every object of `data`, in order, constructed ones with their children. Raises TlvError.

    00 bytes before, between and after objects are skipped: the Books allow them (erased objects). FF is no
    padding there: it begins a tag of the private class.
    Spec: EMV 4.4 Book 3 Annex B.
    """
    if len(data) > BYTES_MAX:
        raise TlvError(f"more than {BYTES_MAX} bytes", position=BYTES_MAX)
    return _Reader(data).objects(0, len(data), depth=1)


class _Reader:
    """Counts the objects over all depths, so that no nesting gets round the bound."""

    __slots__ = ("data", "count")

    def __init__(self, data: bytes) -> None:
        self.data = data + bytes(2)  # So that a tag and a length can be looked for at the last byte.
        self.count = 0

    def objects(self, at: int, end: int, *, depth: int) -> tuple[Tlv, ...]:
        # All rows become Tlv in one go: a call of Tlv for each would take as long as all the reading.
        found: tuple[Tlv, ...] = tuple(map(tuple.__new__, repeat(Tlv), self._rows(at, end, depth)))
        room = COUNT_MAX - self.count
        if len(found) > room:
            raise TlvError(f"more than {COUNT_MAX} objects", position=found[room].position)
        self.count += len(found)
        return found

    def _rows(self, at: int, end: int, depth: int) -> Iterator[tuple[int, bytes, tuple[Tlv, ...], int]]:
        """The fields of a Tlv, object by object. Raises TlvError."""
        data = self.data
        while at < end:
            first = data[at]
            # The common forms at once: a tag of one byte or two, a length of one. Any other, and any fault, takes the
            # long way, which says what is wrong.
            if first & 0x1F != 0x1F:
                if first == 0x00:
                    at += 1
                    continue
                tag, value_at = first, at + 2
            else:
                tag, value_at = first << 8 | data[at + 1], at + 3
                if tag & 0x80:
                    value_at = end + 1
            length = data[value_at - 1]
            stop = value_at + length
            if stop > end or length >= 0x80:
                tag, value_at, stop = self._long_way(at, end)
            if not first & 0x20:
                yield tag, data[value_at:stop], (), at
            elif depth > DEPTH_MAX:
                raise TlvError(f"nested deeper than {DEPTH_MAX}", position=at)
            else:
                yield tag, data[value_at:stop], self.objects(value_at, stop, depth=depth + 1), at
            at = stop

    def _long_way(self, at: int, end: int) -> tuple[int, int, int]:
        """The tag, where its value begins and where it ends. Raises TlvError."""
        data = self.data[:end]
        tag, length_at = read_tag(data, at)
        length, value_at = read_length(data, length_at)
        if value_at + length > end:
            raise TlvError(f"tag {tag:X} says {length} bytes, {end - value_at} are there", position=at)
        return tag, value_at, value_at + length


def parse_one(data: bytes, tag: int) -> Tlv:
    """The only object of `data`, which must have this tag. Raises TlvError."""
    items = parse(data)
    if len(items) != 1:
        position = items[1].position if items else 0
        raise TlvError(f"{len(items)} objects where one, {tag:X}, should be", position=position)
    if items[0].tag != tag:
        raise TlvError(f"tag {items[0].tag:X} where {tag:X} should be", position=items[0].position)
    return items[0]


def find(items: Iterable[Tlv], tag: int) -> Tlv | None:
    """The first of `items` with this tag, not looking into templates."""
    return next((item for item in items if item.tag == tag), None)


def walk(items: Iterable[Tlv]) -> Iterator[Tlv]:
    """Every object, templates before their children."""
    for item in items:
        yield item
        yield from walk(item.children)


def encode_length(length: int) -> bytes:
    """The shortest form.

    >>> encode_length(127).hex(), encode_length(128).hex(), encode_length(256).hex()
    ('7f', '8180', '820100')
    """
    if not 0 <= length <= 0xFFFF:
        raise ValueError("a length is 0 to 65535")
    if length < 0x80:
        return bytes((length,))
    if length <= 0xFF:
        return bytes((0x81, length))
    return b"\x82" + length.to_bytes(2, "big")


def encode(tag: int, *values: bytes) -> bytes:
    """One object of the joined `values`: `encode(0x70, encode(0x5A, pan), ...)` builds a template.

    >>> encode(0x70, encode(0x8A, b"00")).hex()
    '70048a023030'
    """
    value = b"".join(values)
    return tag_bytes(tag) + encode_length(len(value)) + value


def build(items: Iterable[tuple[int, bytes]]) -> bytes:
    """A string of objects in the order given (field 55, for one).

    >>> build([(0x9F37, b"abcd"), (0x95, bytes(5))]).hex()
    '9f37046162636495050000000000'
    """
    return b"".join(encode(tag, value) for tag, value in items)
