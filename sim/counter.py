"""The shop's counter: what people do to the terminal that stands there now, whichever of its lives it is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drivers.ports import Key, Paper
from sim.phone import PhoneInHand
from sim.story import Eyes
from sim.world import World


class Counter:
    """Meets sim.story.Counter. `world` is the terminal's present life; `told` hears of each key and code."""

    world: World
    told: Callable[[str, Any], None]

    @property
    def eyes(self) -> Eyes:
        return self.world.eyes

    def press(self, key: Key) -> None:
        self.told("key", key)
        self.world.press(key)

    def insert(self, profile: str) -> None:
        self.world.insert(profile)

    def swipe(self, card: str) -> None:
        self.world.swipe(card)

    def remove(self) -> None:
        self.world.remove()

    def scan(self, code: str) -> None:
        self.told("code", code)
        self.world.scan(code)

    def phone(self, wallet: str) -> PhoneInHand:
        return self.world.phone(wallet)

    def set_paper(self, paper: Paper) -> None:
        self.world.set_paper(paper)

    def host_behaviour(self, behaviour: str) -> None:
        self.world.host_behaviour(behaviour)

    def happen(self, what: str, how: str) -> None:
        self.world.happen(what, how)
