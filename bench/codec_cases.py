"""Strict encode and decode of a chip sale beside pyiso8583 and iso8583sim, in one run.

pyiso8583 reads and writes the very same bytes. iso8583sim has its own idea of a message and is asked for that: the same
fields, as the text that it is fastest with. Ours checks every value both ways, as it always does.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

from bench.beside import SERVER, Peers
from bench.cases import Row, Size, row
from terminal.hostlink.codec import decode, encode
from terminal.hostlink.profile import load_profile

HALF, THIRD = 1 / 2, 1 / 3
Call = Callable[[], bytes]


def _sale() -> bytes:
    """A chip sale with PIN, track 2, field 55, terminal data and MAC: 423 bytes."""
    return bytes.fromhex((SERVER.parent / "sale.hex").read_text(encoding="ascii"))


def _encode() -> Call:
    profile = load_profile("unionpay")
    message = decode(_sale(), profile)
    return lambda: encode(message, profile)


def _decode() -> Call:
    profile, body = load_profile("unionpay"), _sale()
    return lambda: len(decode(body, profile).fields).to_bytes(2, "big")


CASES: tuple[tuple[str, str, str, Callable[[], Call], float], ...] = (
    ("decode a chip sale", "decode-pyiso8583", "pyiso8583", _decode, HALF),
    ("decode a chip sale", "decode-iso8583sim", "iso8583sim", _decode, HALF),
    ("encode a chip sale", "encode-pyiso8583", "pyiso8583", _encode, THIRD),
    ("encode a chip sale", "encode-iso8583sim", "iso8583sim", _encode, THIRD),
)


def beside_peers(size: Size) -> list[Row]:
    """Microseconds of each, ours and the peer's in turns. Raises PeersMissing."""
    rows: list[Row] = []
    with Peers() as peers:
        for title, name, who, ours, aim in CASES:
            found = peers.beside(name, ours(), size.rounds)
            rows.append(row(title, found.ours, "us", who, statistics.median(found.theirs), aim=aim))
    return rows
