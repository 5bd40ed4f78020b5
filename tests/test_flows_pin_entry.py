"""PIN entry: how many digits, what the buzzer tells, how often, and what is left of it.

The digits that reach the host are checked by its own PIN (sim.pin_host), so "approved" means that the right ones did.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_flows_stories import START, sale

from drivers.gpio import LAYOUT, MELODIES
from drivers.ports import Key, Tone
from sim.acquirer import Acquirer
from sim.books import all_payments
from sim.loop import START_WALL_MS, SimLoop
from sim.story import KEY_MS, OPERATOR, play
from sim.world import World
from terminal.loop import Sleep
from terminal.methods.pin_rate import AHEAD, APART_MS, DUE, next_due

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

CARD = "unionpay-credit-pin"
HOUR_MS = 3_600_000
PAID = "approved:\nremove_card: remove\nidle:"
LEFT = "cancelled: ENTER\nremove_card: remove\nidle:"


def state(world: World) -> str:
    return str(all_payments(world.journal)[0].state.value)


@pytest.mark.parametrize("keys", ["123 ENTER 456 ENTER", "9 CLEAR 123456 ENTER", "00 UP DOWN 123456 ENTER"])
def test_only_single_digits_and_enough_of_them_are_a_pin(keys: str) -> None:
    """Three digits are not taken, CLEAR forgets all, the double zero and the arrows type nothing."""
    with World(keys) as world:
        world.run(play(world, START + sale(CARD) + f"enter_pin: {keys}\n" + PAID))
        assert state(world) == "completed"


def test_a_thirteenth_digit_is_not_taken() -> None:
    shown: list[int] = []
    with World("thirteen") as world:
        world.on_show = lambda picture: shown.append(sum(line.count("●") for line in picture.text()))
        world.run(play(world, START + sale(CARD) + "enter_pin: 1234567890123 wait 1 CANCEL\n" + LEFT))
    assert max(shown) == 12


@pytest.mark.parametrize(("way", "end"), [("1234 wait 90", LEFT), ("1234 CANCEL", LEFT)])
def test_time_out_and_cancel_leave_nothing_for_the_next_entry(way: str, end: str) -> None:
    """What was typed before would make the next, right PIN a wrong one."""
    with World(way) as world:
        again = sale(CARD) + "enter_pin: 123456 ENTER\n" + PAID
        world.run(play(world, START + sale(CARD) + f"enter_pin: {way}\n" + end + "\n" + again))
        assert state(world) == "completed"


@pytest.mark.parametrize("bypass", [True, False])
def test_a_pin_is_left_out_only_where_the_profile_permits(bypass: bool) -> None:
    with World(f"bypass {bypass}") as world:
        world.shop.kernel = dataclasses.replace(world.shop.kernel, pin_bypass=bypass)

        async def people() -> None:
            await play(world, START + sale(CARD) + "enter_pin: ENTER wait 2")
            assert (world.display.picture is not None and world.display.picture.name == "enter_pin") is not bypass

        world.run(people())


# The buzzer


def test_every_key_of_a_pin_sounds_the_same() -> None:
    """Digits, CLEAR, an ENTER too early, keys that type nothing: one tone, at once, and no other beside it."""
    keys = [key for row in LAYOUT for key in row if key is not Key.CANCEL]
    heard: list[tuple[Key, tuple[Tone, ...]]] = []
    with World("tones") as world:

        async def people() -> None:
            await play(world, START + sale(CARD) + "enter_pin: 1 CLEAR wait 1")
            for key in keys:
                world.buzzer.tones.clear()
                world.press(key)
                await Sleep(KEY_MS)
                heard.append((key, tuple(world.buzzer.tones)))
                world.press(Key.CLEAR)
                await Sleep(KEY_MS)

        world.run(people())
    assert len(heard) == 15
    assert {tones for _, tones in heard} == {(Tone.KEY,)}
    assert len(MELODIES[Tone.KEY]) == 1


# How often


@given(st.lists(st.integers(0, 120_000), min_size=200, max_size=400))
def test_no_hour_has_more_entries_than_a_rush_and_120(gaps: list[int]) -> None:
    due_ms, now_ms = 0, START_WALL_MS
    taken: list[int] = []
    for gap in gaps:
        now_ms += gap
        after = next_due(due_ms, now_ms)
        if after is not None:
            due_ms = after
            taken.append(now_ms)
    for first in taken:
        assert sum(first <= at < first + HOUR_MS for at in taken) <= 120 + AHEAD
    span_hours = (taken[-1] - taken[0]) / HOUR_MS
    assert len(taken) <= 120 * span_hours + AHEAD + 1


def test_a_clock_set_back_locks_nobody_out_for_longer_than_a_rush() -> None:
    due_ms = next_due(0, START_WALL_MS)
    assert due_ms is not None
    before = START_WALL_MS - 365 * 24 * HOUR_MS
    assert next_due(due_ms, before) is None
    assert next_due(before + AHEAD * APART_MS, before + APART_MS) is not None


def spend_the_rush(world: World) -> None:
    """As if twenty had come in this very moment."""
    world.journal.transact(lambda tx: tx.set(DUE, tx.now_ms + AHEAD * APART_MS))


def test_after_a_rush_the_next_entry_has_to_wait_also_across_a_restart(tmp_path: Path) -> None:
    acquirer = Acquirer(seed=5)
    with World("rush", data=tmp_path, acquirer=acquirer) as world:

        async def people() -> None:
            await play(world, START)
            spend_the_rush(world)
            await play(world, sale(CARD) + "refused: ENTER\n" + LEFT)

        world.run(people())
        assert state(world) == "abandoned"
        spend_the_rush(world)
        stopped_ms = world.loop.now().wall_ms
    with World(loop=SimLoop("after", start_wall_ms=stopped_ms), data=tmp_path, acquirer=acquirer) as world:
        story = sale(CARD) + "refused: ENTER\n" + LEFT + " wait 31\n" + sale(CARD) + "enter_pin: 123456 ENTER\n" + PAID
        world.run(play(world, OPERATOR + "idle:" + story))
        assert state(world) == "completed"


def test_twenty_in_a_row_are_let_through() -> None:
    due_ms = 0
    for _ in range(AHEAD):
        after = next_due(due_ms, START_WALL_MS)
        assert after is not None
        due_ms = after
    assert next_due(due_ms, START_WALL_MS) is None
    assert next_due(due_ms, START_WALL_MS + APART_MS) is not None
