"""Draws that know where they stand: a number depends on its seed, its transaction and its site, and on nothing else.

So a transaction or a fault can be left out, and no other draw moves: what is left plays as it did, which is what makes
shrinking a failure work.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
WORLD = -1  # The "transaction" of what is drawn once for a whole world.


class Draws:
    """All numbers of one seed.

    >>> Draws(7).number(3, "tear", 10) == Draws(7).number(3, "tear", 10)
    True
    """

    def __init__(self, seed: int | str) -> None:
        self.seed = seed

    def number(self, transaction: int, site: str, below: int) -> int:
        """A number from 0 to `below` - 1."""
        digest = hashlib.blake2b(f"{self.seed}/{transaction}/{site}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % below

    def between(self, transaction: int, site: str, least: int, most: int) -> int:
        return least + self.number(transaction, site, most - least + 1)

    def choice(self, transaction: int, site: str, values: Sequence[T]) -> T:
        return values[self.number(transaction, site, len(values))]

    def source(self, transaction: int, site: str) -> random.Random:
        """A generator for a site that draws many numbers in a row."""
        return random.Random(f"{self.seed}/{transaction}/{site}")
