"""Field 55 as the host link needs it: its elements one after the other, a choice of them, and places to mask.

Only the top level is walked (the host never nests in F55 but for scripts, which are passed on whole).

Spec: EMV 4.4 Book 3 Annex B (BER-TLV); docs/host-link.md §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from terminal.hostlink.codec import FrameError

ELEMENT_LIMIT = 128  # F55 holds at most 255 bytes and an element takes at least 2.
TAG_BYTES_LIMIT = 3


@dataclass(frozen=True, slots=True, repr=False)
class Element:
    """One element: its tag in hex, and the field's bytes [start, value, end)."""

    tag: str
    start: int
    value: int
    end: int

    def __repr__(self) -> str:
        return f"Element({self.tag}, {self.end - self.value} bytes)"


def elements(data: bytes) -> tuple[Element, ...]:
    """The top-level elements. Raises FrameError(55, …)."""
    found: list[Element] = []
    offset = 0
    while offset < len(data):
        if len(found) == ELEMENT_LIMIT:
            raise FrameError(55, offset, f"more than {ELEMENT_LIMIT} elements")
        after_tag = _after_tag(data, offset)
        value, length = _length(data, after_tag)
        if value + length > len(data):
            raise FrameError(55, offset, "an element is cut short")
        found.append(Element(data[offset:after_tag].hex().upper(), offset, value, value + length))
        offset = value + length
    return tuple(found)


def _after_tag(data: bytes, start: int) -> int:
    offset = start + 1
    if data[start] & 0x1F == 0x1F:
        while offset < len(data) and data[offset] & 0x80 and offset - start < TAG_BYTES_LIMIT:
            offset += 1
        offset += 1
    if offset > len(data) or offset - start > TAG_BYTES_LIMIT:
        raise FrameError(55, start, "a tag is cut short or too long")
    return offset


def _length(data: bytes, offset: int) -> tuple[int, int]:
    """(offset of the value, its length)."""
    if offset >= len(data):
        raise FrameError(55, offset, "a length is missing")
    first = data[offset]
    if first < 0x80:
        return offset + 1, first
    count = first & 0x7F
    if count not in (1, 2) or offset + 1 + count > len(data):
        raise FrameError(55, offset, "a length in a form that EMV does not have, or cut short")
    return offset + 1 + count, int.from_bytes(data[offset + 1 : offset + 1 + count], "big")


def select(data: bytes, tags: Sequence[str]) -> bytes:
    """Only the elements with these tags, in the order of `tags`. Raises FrameError(55, …).

    >>> select(bytes.fromhex("9A03261130" "9F36020001"), ("9F36",)).hex()
    '9f36020001'
    """
    found = {item.tag: data[item.start : item.end] for item in elements(data)}
    return b"".join(found[tag] for tag in tags if tag in found)
