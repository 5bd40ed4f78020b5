"""What tests of flows have in common: a shop that has begun its day, what its menu offers, and how it all ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from sim.books import all_payments
from sim.story import FIRST_RUN, OPERATOR, play
from sim.world import World
from terminal.journal import PaymentRecord

START = FIRST_RUN + OPERATOR + "idle:\n"
AGREES = "enter_number: ENTER\noperator_password: 1234 ENTER\n"  # A supervisor's word.
SETTLE = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:"


def offer(world: World, names: tuple[str, ...]) -> None:
    """Put these transactions into the menu."""
    offered = dataclasses.replace(world.config.transactions, offered=names)
    world.shop.config = dataclasses.replace(world.config, transactions=offered)


def run(world: World, *parts: str | Callable[[World], Any]) -> None:
    """Stories, and deeds between them."""

    async def people() -> None:
        for part in parts:
            await (play(world, part) if isinstance(part, str) else part(world))

    world.run(people())


def payments(world: World) -> tuple[PaymentRecord, ...]:
    """Oldest first."""
    return tuple(reversed(all_payments(world.journal)))


def states(world: World) -> list[tuple[str, str]]:
    return [(p.kind.value, p.state.value) for p in payments(world)]
