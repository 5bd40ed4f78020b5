"""What a secret looks like when it has got out: the forms in which bytes and digits stand in files, logs and messages.

The search is for whoever looks after a run (a swarm's checker, the tests): clear, in hex, in base64 at each of its
three places; digits as text, one a byte, and packed from either side.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping

NEEDLE_BYTES_MIN = 6  # Fewer would be found by chance.


def forms(secret: bytes) -> Iterator[bytes]:
    """How these bytes may stand in a file: as they are, in hex, and in base64 at each of three places."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + secret)
        yield text[-(-8 * shift // 6) : -4 or None]


def digits(text: str) -> Iterator[bytes]:
    """Digits as text, one a byte, and packed from either side."""
    yield text.encode()
    yield bytes(int(digit) for digit in text)
    yield packed(text)
    yield bytes.fromhex("0" * (len(text) % 2) + text)


def packed(text: str) -> bytes:
    """Two digits a byte, filled with F.

    >>> packed("123").hex()
    '123f'
    """
    return bytes.fromhex(text + "F" * (len(text) % 2))


def needles(secrets: Mapping[str, Iterable[bytes]]) -> dict[str, set[bytes]]:
    """Every form of each secret that is long enough to be no accident, by the secret's name."""
    return {
        name: {form for value in values for form in forms(value) if len(form) >= NEEDLE_BYTES_MIN}
        for name, values in secrets.items()
    }


def found(wanted: Mapping[str, set[bytes]], place: str, data: bytes) -> list[str]:
    """Which secrets are in these bytes, by name and place."""
    return [f"{name} in {place}" for name, values in wanted.items() if any(value in data for value in values)]
