"""Cards, their issuers and the whole terminal: scripts that arrive by field 55, PINs for the card, other schemes."""

from __future__ import annotations

import pytest
from test_flows_stories import PIN, START, sale

from sim.books import all_payments, discrepancies
from sim.story import play
from sim.world import World

SOLD = "approved:\nremove_card: remove\n"


def states(world: World) -> tuple[str, ...]:
    return tuple(payment.state.value for payment in reversed(all_payments(world.journal)))


def test_a_script_blocks_the_application_and_the_next_sale_says_so() -> None:
    """71 comes before the final cryptogram: the approved sale is not sold, and is reversed."""
    with World("block") as world:
        text = START + sale("sends-block") + PIN + "reversal_done: ENTER\nremove_card: remove\n"
        text += sale("sends-block") + "card_problem: ENTER\nremove_card: remove\nidle:"
        world.run(play(world, text))
        assert world.cards["sends-block"].memory.blocked
        assert states(world) == ("reversed", "abandoned")
        assert discrepancies(world.journal, world.acquirer) == []


def test_the_issuer_gives_the_pin_tries_back_to_whoever_knows_the_online_pin() -> None:
    with World("unblock") as world:
        world.run(play(world, START + sale("sends-unblock-pin") + PIN + SOLD + "idle:"))
        card = world.cards["sends-unblock-pin"]
        assert (card.memory.pin_tries, card.memory.scripts, card.memory.script_failed) == (3, 1, False)
        assert states(world) == ("completed",)


def test_new_limits_reach_the_card_once() -> None:
    with World("limits") as world:
        world.run(play(world, START + sale("sends-limits") + PIN + SOLD + sale("sends-limits") + PIN + SOLD + "idle:"))
        card = world.cards["sends-limits"]
        assert (card.memory.limits.consecutive_lower, card.memory.limits.consecutive_upper) == (5, 6)
        assert states(world) == ("completed", "completed")


@pytest.mark.parametrize(
    "name", ["visa-like", "visa-like-18", "visa-like-22", "mastercard-like", "mastercard-like-20", "cda", "new-card"]
)
def test_each_scheme_is_sold_to(name: str) -> None:
    with World(name) as world:
        world.run(play(world, START + sale(name) + PIN + SOLD + "idle:"))
        assert states(world) == ("completed",)
        assert world.cards[name].last_online_atc == world.cards[name].atc
        assert discrepancies(world.journal, world.acquirer) == []


@pytest.mark.parametrize("name", ["offline-pin-plain", "offline-pin-enciphered", "mastercard-like-cda"])
def test_the_card_checks_the_pin_itself(name: str) -> None:
    with World(name) as world:
        twice = "enter_pin: 111111 ENTER\nenter_pin: 123456 ENTER\n"
        world.run(play(world, START + sale(name) + twice + SOLD + "idle:"))
        assert states(world) == ("completed",)
        assert world.cards[name].memory.pin_tries == 3
