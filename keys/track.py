"""Track data under the TDK: eight bytes of the track are encrypted where they stand.

The track is packed two nibbles a byte from the left (an odd one has half a byte over). The eight bytes before the
last byte, whole or half, are the TDB: it ends one nibble before the end of an odd track and two before the end of
an even one. Its cipher block takes its place, so that the length stays; the nibbles there are then any, which the
receiver's field 35 must bear. Field 53's third digit says that it was done.

The placement follows digests of the UnionPay texts; no public worked example confirms it. Only a TDK for DES
is taken: with SM4 the TDB would have sixteen bytes, and no public text says where they begin.

Spec: docs/host-link.md §7; Q/CUP 009 (track encryption).
"""

from __future__ import annotations

from keys import ciphers, tdes
from keys.errors import KeyRefused
from keys.usage import Algorithm

TDB_NIBBLES = 16
TRACK_NIBBLES_MAX = 104  # Track 3; track 2 has 37.
_NIBBLES = {character: value for value, character in enumerate("0123456789")} | {"=": 0xD, "D": 0xD}


def tdb_place(length: int) -> slice:
    """Which nibbles of a track of `length` are encrypted. Raises KeyRefused for a track that is too short.

    >>> tdb_place(34), tdb_place(37)
    (slice(16, 32, None), slice(20, 36, None))
    """
    end = length - (1 if length % 2 else 2)
    if end < TDB_NIBBLES or length > TRACK_NIBBLES_MAX:
        raise KeyRefused("the track has no length that can be encrypted")
    return slice(end - TDB_NIBBLES, end)


def encrypt_track(key: bytearray, track: str, algorithm: Algorithm = Algorithm.TDES) -> str:
    """The track with its TDB encrypted, in upper-case hex digits, as long as before; `=` becomes D.

    `key` is a TDK of 16 or 24 bytes (of single DES 8) and stays the caller's to wipe. The track is a string, so the
    caller's copy of it cannot be wiped. Raises KeyRefused, which holds no part of the track.
    """
    if algorithm not in (Algorithm.DES, Algorithm.TDES):
        raise KeyRefused(f"no public text says which bytes of a track {algorithm.name} hides")
    place = tdb_place(len(track))
    if any(character not in _NIBBLES for character in track):
        raise KeyRefused("a track has digits and separators")
    block = bytearray(TDB_NIBBLES // 2)
    try:
        for index in range(len(block)):
            left, right = track[place.start + 2 * index], track[place.start + 2 * index + 1]
            block[index] = _NIBBLES[left] << 4 | _NIBBLES[right]
        hidden = ciphers.encrypt_ecb(algorithm, key, block).hex().upper()
    finally:
        tdes.wipe(block)
    head, tail = track[: place.start], track[place.stop :]
    return head.replace("=", "D") + hidden + tail.replace("=", "D")
