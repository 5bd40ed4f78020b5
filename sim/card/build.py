"""What a card writes: BER-TLV objects, and DOL data taken apart.

The card has its own, so that a fault in the terminal's codec is not mirrored here.

Spec: EMV 4.4 Book 3 Annex B; §5.4 for DOLs.
"""

from __future__ import annotations

from functools import cache


def tlv(tag: int, *parts: bytes) -> bytes:
    """One object; several parts are joined (a template's contents).

    >>> tlv(0x9F36, b"\\x00\\x01").hex()
    '9f36020001'
    """
    value = b"".join(parts)
    size = len(value)
    if size < 0x80:
        length = bytes((size,))
    elif size < 0x100:
        length = bytes((0x81, size))
    else:
        length = b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + length + value


@cache
def dol_entries(dol: bytes) -> tuple[tuple[int, int], ...]:
    """The (tag, length) pairs of one of our own DOLs; tags of one or two bytes.

    >>> dol_entries(bytes.fromhex("9F02069A03")) == ((0x9F02, 6), (0x9A, 3))
    True
    """
    entries: list[tuple[int, int]] = []
    at = 0
    while at < len(dol):
        width = 2 if dol[at] & 0x1F == 0x1F else 1
        entries.append((int.from_bytes(dol[at : at + width], "big"), dol[at + width]))
        at += width + 1
    return tuple(entries)


def dol_length(dol: bytes) -> int:
    """How many bytes of data a DOL asks for."""
    return sum(length for _, length in dol_entries(dol))


def dol_values(dol: bytes, data: bytes) -> dict[int, bytes]:
    """Take apart data made by `dol`; the lengths must fit (see dol_length)."""
    values: dict[int, bytes] = {}
    at = 0
    for tag, length in dol_entries(dol):
        values[tag] = data[at : at + length]
        at += length
    return values
