"""The host's side of track encryption: the eight hidden bytes back in their place.

Written apart from the terminal's key room on purpose, and from the other end: the hidden bytes are the eight
whole bytes before the last byte of the packed track.

Spec: docs/host-link.md §7.
"""

from __future__ import annotations

import re

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from keys import KeyRefused

_REFUSED = "the track does not open"
_CLEAR = re.compile(r"[0-9D]*")


def open_track(key: bytes, hidden: str) -> str:
    """The track with digits and D, as long as before. Raises KeyRefused with one text for whatever is wrong."""
    odd = len(hidden) % 2
    try:
        packed = bytes.fromhex(hidden + "0" * odd)
        if not 9 <= len(packed) <= 52 or len(hidden) != len(packed) * 2 - odd:
            raise KeyRefused(_REFUSED)
        block = Cipher(TripleDES((key + key[:8])[:24]), modes.ECB()).decryptor().update(packed[-9:-1])
    except ValueError:
        raise KeyRefused(_REFUSED) from None
    text = (packed[:-9] + block + packed[-1:]).hex().upper()[: len(hidden)]
    if not _CLEAR.fullmatch(text):
        raise KeyRefused(_REFUSED)
    return text
