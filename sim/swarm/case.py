"""A case: everything that decides one run of the swarm, and what is left out of it.

The same case on the same commit is the same run, to the byte.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from sim.swarm.draws import WORLD


def whose(transaction: int) -> str:
    """The transaction as it is written: its number, or the whole world.

    >>> whose(3), whose(WORLD)
    ('3', 'world')
    """
    return "world" if transaction == WORLD else str(transaction)


@dataclass(frozen=True, slots=True)
class Case:
    """`faults` is a level or a file. `skip`: transactions left out; `without`: (transaction, fault) left out.

    `day`: the shop is the one that is shipped, and settles seldom (`python -m sim day`), instead of one that is drawn.
    """

    seed: int | str
    transactions: int
    faults: str = "harsh"
    skip: frozenset[int] = field(default_factory=frozenset)
    without: frozenset[tuple[int, str]] = field(default_factory=frozenset)
    power: bool = False  # On a disk that fails, with a power that is cut.
    day: bool = False

    def numbers(self) -> Iterator[int]:
        """The transactions that are played, in order."""
        return (number for number in range(self.transactions) if number not in self.skip)

    def permits(self, transaction: int, fault: str) -> bool:
        return (transaction, fault) not in self.without

    def command(self) -> str:
        """The one command that plays exactly this again.

        >>> Case(7, 20, skip=frozenset({3})).command()
        'python -m sim replay --seed 7 --transactions 20 --faults harsh --skip 3'
        """
        words = ["python", "-m", "sim", "replay", "--seed", str(self.seed), "--transactions", str(self.transactions)]
        words += ["--faults", self.faults, *(["--power"] if self.power else []), *(["--day"] if self.day else [])]
        if self.skip:
            words += ["--skip", ",".join(str(number) for number in sorted(self.skip))]
        if self.without:
            words += ["--without", ",".join(f"{whose(number)}:{name}" for number, name in sorted(self.without))]
        return shlex.join(words)
