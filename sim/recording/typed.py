"""Whether what was typed is test data: a full recording has each key, and may have no card's number but a test card's.

A world has test cards, and its key store takes published keys alone. But before a host outside somebody may type the
number of a card that this host knows, or a component of a key that is then refused: nothing tells here whether that is
a secret, so it is one.
"""

from __future__ import annotations

from drivers.ports import Key
from sim.card import PROFILES
from sim.recording.lines import Line

CARD_NUMBER, COMPONENT, CEREMONY_PROBLEM, KEYED = "type_card_number", "type_component", "ceremony_problem", "keyed"
NOT_AHEAD = (CARD_NUMBER, COMPONENT, "enter_number")  # The last: a merchant's number has fifteen digits.
SHORTEST_PAN = 13  # Spec: ISO/IEC 7812-1.
A_CARD = "somebody typed the number of a card that is no test card; with a test card's the recording is full"
A_COMPONENT = "somebody typed a component of which no published key came; with the test keys the recording is full"
TEST_NUMBERS = tuple({card.pan for card in PROFILES.values()})


class Typed:
    """Hears a full recording's lines. `secret`, at its end: why they are not for everybody; "" when they are."""

    def __init__(self) -> None:
        self._screen = self._number = self._run = ""
        self._component = False  # Digits of one, of which no published key has come yet.
        self._secret = ""

    @property
    def secret(self) -> str:
        return self._secret or (A_COMPONENT if self._component else "")

    def hear(self, line: Line) -> None:
        match line.get("is"):
            case "screen" if line["name"] != self._screen:
                self._screen, self._number, self._run = line["name"], "", ""
                if self._component and self._screen == CEREMONY_PROBLEM:
                    self._secret = A_COMPONENT
            case "key":
                self._key(Key(line["key"]))
            case "journal" if line["body"].get("to") == KEYED:
                self._component = False

    def _key(self, key: Key) -> None:
        """A number is one wherever it is typed: ahead of the screen that asks for it, too."""
        self._run = self._run + key.digits if key.digits else ""
        self._component = self._component or (self._screen == COMPONENT and bool(key.digits))
        if self._screen == CARD_NUMBER:
            self._number = self._number[:-1] if key is Key.CLEAR else self._number + key.digits
        ahead = self._run if len(self._run) >= SHORTEST_PAN and self._screen not in NOT_AHEAD else ""
        if not all(any(number.startswith(typed) for number in TEST_NUMBERS) for typed in (self._number, ahead)):
            self._secret = A_CARD
