"""The test cards that come with the simulator, by name: `profiles/*.toml`, read when somebody first asks.

PIN and balance are what the test issuer knows. Card numbers are the BIN of a test issuer, zeros, a running number and
a Luhn digit: nobody's card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path

from sim.card.model import ATR_T0, ATR_T1, CardApplication, CardProfile, luhn_digit, make_test_pan
from sim.card.reading import read_cards

__all__ = [
    "ATR_T0",
    "ATR_T1",
    "PROFILES",
    "CardApplication",
    "CardProfile",
    "Rack",
    "luhn_digit",
    "make_test_pan",
    "read_card_file",
]

# In this order: a card begins only from one that stands before it.
FILES = ("unionpay.toml", "schemes.toml", "odd.toml", "authentication.toml", "hostile.toml")


class Rack(Mapping[str, CardProfile]):
    """Every shipped card. Nothing is read before the first look. Raises CardFileError then, if a file is wrong."""

    @cached_property
    def _cards(self) -> dict[str, CardProfile]:
        cards: dict[str, CardProfile] = {}
        folder = resources.files("sim.card").joinpath("profiles")
        for name in FILES:
            cards |= read_cards(folder.joinpath(name).read_text(encoding="utf-8"), cards)
        return cards

    def __getitem__(self, name: str) -> CardProfile:
        return self._cards[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)


PROFILES: Mapping[str, CardProfile] = Rack()


def read_card_file(path: Path) -> dict[str, CardProfile]:
    """The cards of somebody's own file; they may begin from shipped ones. Raises CardFileError, OSError."""
    return read_cards(path.read_text(encoding="utf-8"), PROFILES)
