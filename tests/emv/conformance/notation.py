"""TLV as a person writes it, and the bits by name.

    6F[84:A000000333010102 A5[50:'UNIONPAY' 87:01]] 9000

`tag[...]` is a template, `tag:hex` and `tag:'words'` an element, anything else raw hex; lengths are filled in.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1]
_TOKEN = re.compile(
    r"\s+|([0-9A-F]+)\[|(\])|([0-9A-F]+):(?:'([^']*)'|([0-9A-F]*)(?:\*(\d+))?)|'([^']*)'|([0-9A-F]+)(?:\*(\d+))?"
)


def encode(notation: str) -> bytes:
    """The bytes. Raises ValueError at what cannot be read.

    >>> encode("70[5A:62220212 50:'AB'] 9000").hex()
    '700a5a0462220212500241429000'
    """
    open_templates: list[tuple[str, bytes]] = []
    done = b""
    at = 0
    while at < len(notation):
        token = _TOKEN.match(notation, at)
        if token is None:
            raise ValueError(f"{notation[at : at + 12]!r} is no TLV notation")
        at = token.end()
        template, end, tag, words, value, times, bare, raw, again = token.groups()
        if template:
            open_templates.append((template, done))
            done = b""
        elif end:
            if not open_templates:
                raise ValueError(f"{notation!r} closes what is not open")
            name, before = open_templates.pop()
            done = before + element(name, done)
        elif tag:
            done += element(
                tag, words.encode("latin-1") if words is not None else bytes.fromhex(value) * int(times or 1)
            )
        elif bare is not None:
            done += bare.encode("latin-1")
        elif raw:
            done += bytes.fromhex(raw) * int(again or 1)
    if open_templates:
        raise ValueError(f"{notation!r} leaves a template open")
    return done


def element(tag: str, value: bytes) -> bytes:
    """One object; `tag` in hex."""
    size = len(value)
    if size > 0xFF:
        length = b"\x82" + size.to_bytes(2, "big")
    else:
        length = bytes((0x81, size) if size > 0x7F else (size,))
    return bytes.fromhex(tag) + length + value


def list_entries(data: bytes) -> list[tuple[str, int]]:
    """A data object list as (tag in hex, length).

    >>> list_entries(bytes.fromhex("9F02069505"))
    [('9F02', 6), ('95', 5)]
    """
    found = []
    at = 0
    while at < len(data):
        end = at + 1
        if data[at] & 0x1F == 0x1F:
            while data[end] & 0x80:
                end += 1
            end += 1
        found.append((data[at:end].hex().upper(), data[end]))
        at = end + 1
    return found


def list_values(entries: list[tuple[str, int]], data: bytes) -> dict[str, str]:
    """What was sent for each entry, tag to value, both in hex."""
    values = {}
    at = 0
    for tag, length in entries:
        values[tag] = data[at : at + length].hex().upper()
        at += length
    return values


@cache
def bits() -> Mapping[str, Mapping[str, str]]:
    """tests/emv/bits.toml: field → name → "byte.bit"."""
    return tomllib.loads((FOLDER / "bits.toml").read_text(encoding="utf-8"))


# Tag → (field of bits.toml, bytes).
FIELDS = {
    "95": ("TVR", 5),
    "9B": ("TSI", 2),
    "82": ("AIP", 2),
    "9F07": ("AUC", 2),
    "9F0D": ("TVR", 5),
    "9F0E": ("TVR", 5),
    "9F0F": ("TVR", 5),
}


def named(tag: str, names: list[str], base: str = "") -> str:
    """Bits by name as hex. Names with + and - change `base`; else they are all that is set. Raises ValueError.

    >>> named("9B", ["CARDHOLDER_VERIFICATION_PERFORMED"])
    '4000'
    """
    field, size = FIELDS[tag]
    relative = bool(names) and all(name[0] in "+-" for name in names)
    value = int(base, 16) if relative and base else 0
    for name in names:
        place = bits()[field].get(name.lstrip("+-"))
        if place is None:
            raise ValueError(f"{name} is no bit of {field}")
        byte, bit = (int(part) for part in place.split("."))
        flag = 1 << (8 * (size - byte) + bit - 1)
        if name.startswith("-") and not value & flag:
            raise ValueError(f"{name}: the base does not set it")
        value = value & ~flag if name.startswith("-") else value | flag
    return f"{value:0{2 * size}X}"


def names_of(tag: str, value: str) -> str:
    """Hex as names, for messages."""
    field, size = FIELDS[tag]
    number = int(value or "0", 16)
    found = []
    for name, place in bits()[field].items():
        byte, bit = (int(part) for part in place.split("."))
        if number >> (8 * (size - byte) + bit - 1) & 1:
            found.append(name)
    return " ".join(found) or "none"
