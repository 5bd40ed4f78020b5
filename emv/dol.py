"""Data object lists: what a card asks for (PDOL, CDOL1, CDOL2, TDOL), cut and padded to the length asked.

Spec: EMV 4.4 Book 3 §5.4 (rules for using a data object list).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emv.tags import TAGS, Format
from emv.tlv import TlvError, is_constructed, read_tag

FILLED_MAX = 255  # The data of one command.


@dataclass(frozen=True, slots=True)
class DolEntry:
    """One thing asked for; `length` in bytes."""

    tag: int
    length: int


def parse_dol(data: bytes) -> tuple[DolEntry, ...]:
    """The entries in order. Raises TlvError, also if what is asked for would not fit one command.

    >>> parse_dol(bytes.fromhex("9F02069F3704"))
    (DolEntry(tag=40706, length=6), DolEntry(tag=40759, length=4))
    """
    entries: list[DolEntry] = []
    total = at = 0
    while at < len(data):
        start = at
        tag, at = read_tag(data, at)
        if at >= len(data):
            raise TlvError("the list is cut short", position=start)
        total += data[at]
        if total > FILLED_MAX:
            raise TlvError(f"the list asks for more than {FILLED_MAX} bytes", position=start)
        entries.append(DolEntry(tag, data[at]))
        at += 1
    return tuple(entries)


def fill(entries: tuple[DolEntry, ...], elements: Mapping[int, bytes]) -> bytes:
    """What the card asked for, concatenated. Never raises: what is unknown or absent is zeros.

    >>> fill(parse_dol(bytes.fromhex("9F0204DF1901")), {0x9F02: bytes.fromhex("000000012850")}).hex()
    '0001285000'
    """
    return b"".join(_fitted(entry, elements) for entry in entries)


def _fitted(entry: DolEntry, elements: Mapping[int, bytes]) -> bytes:
    row = TAGS.get(entry.tag)
    value = elements.get(entry.tag)
    if row is None or value is None or is_constructed(entry.tag):
        return bytes(entry.length)
    if row.format is Format.N:
        # Numbers stand to the right: cut and padded on their left. Spec: Book 3 §5.4 c, d.
        return value[max(0, len(value) - entry.length) :].rjust(entry.length, b"\x00")
    pad = b"\xff" if row.format is Format.CN else b"\x00"
    return value.ljust(entry.length, pad)[: entry.length]
