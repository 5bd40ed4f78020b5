"""The second profile: ISO 8583:1987 in ASCII with DUKPT. The same flows, storyboards and books as under the first.

Nothing of a flow is told which profile it runs under, so every storyboard of tests/test_flows_stories.py is played
again, but for those about what this dialect has not: the header's requirement and the key block of a sign-in.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from shop_days import SETTLE
from test_flows_stories import PIN, START, STORIES, Story, sale

from keys import MacMethod
from keys.ksn import TDES_KSN, Ksn
from sim.acquirer import Acquirer, Fault, FaultKind, FaultPlan, TerminalRow
from sim.books import all_payments, discrepancies
from sim.story import play
from sim.world import MERCHANT_NO, World
from terminal.flows.key_loading import laboratory_serial
from terminal.hostlink.codec import Message, decode, encode
from terminal.hostlink.profile import Profile, load_profile

PROFILE = load_profile("iso8583-1987-ascii")
HEADER_OR_KEY_BLOCK = (FaultKind.REQUIREMENT, FaultKind.BAD_KCV)
TOLD = [story for story in STORIES if not any(fault.kind in HEADER_OR_KEY_BLOCK for fault in story.faults)]
PAID = sale("unionpay-credit-pin") + PIN + "approved:\nremove_card: remove\nidle:"


def world_of(profile: Profile = PROFILE, seed: str = "dukpt", data: Path | None = None) -> World:
    return World(seed, acquirer=Acquirer(profile=profile, faults=FaultPlan()), profile=profile, data=data)


def heard(world: World) -> list[bytes]:
    frames: list[bytes] = []
    world.on_frame = frames.append
    return frames


def test_few_stories_are_about_what_this_dialect_has_not() -> None:
    assert len(STORIES) - len(TOLD) == 5


@pytest.mark.slow
@pytest.mark.parametrize("story", TOLD, ids=lambda story: story.name)
def test_every_story_ends_as_it_does_with_session_keys(story: Story) -> None:
    with world_of(seed=story.name) as world:
        for fault in story.faults:
            world.acquirer.faults.add(fault)
        world.run(play(world, START + story.text))
        assert tuple(p.state.value for p in reversed(all_payments(world.journal))) == story.states
        assert (discrepancies(world.journal, world.acquirer) == []) is story.agree
        assert world.shop.mode is story.mode
        assert world.printer.slip_count == story.slips + 1
        world.journal.verify()


LOST = PAID.replace("approved:", "reversal_pending: ENTER")


def test_a_day_with_a_pin_a_refusal_a_reversal_and_a_settlement() -> None:
    """And on the wire: ASCII, a hex bitmap, a new KSN in each authenticated message, one for PIN and MAC together."""
    story = PAID + "\n" + sale("poor") + PIN + "declined: ENTER\nremove_card: remove\n" + LOST + "\n" + PAID + "\n"
    with world_of() as world:
        frames = heard(world)
        world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200", nth=3))
        world.run(play(world, START + story + SETTLE))
        assert [p.state.value for p in reversed(all_payments(world.journal))] == [
            "settled", "declined", "reversed", "settled",
        ]  # fmt: skip
        assert discrepancies(world.journal, world.acquirer) == []
    told = [decode(frame, PROFILE) for frame in frames]
    assert [encode(message, PROFILE) for message in told] == frames
    assert {frame[:20].isalnum() for frame in frames} == {True}
    asked = [message for message in told if message.mti[2] in "02" and message.mti[3] == "0" and 64 in message.fields]
    assert [message.mti for message in asked] == ["0800", "0200", "0200", "0200", "0400", "0200"]
    counters = [Ksn.parse(TDES_KSN, bytes.fromhex(message.text(53))).counter for message in asked]
    assert counters == sorted(set(counters))
    assert all(message.fields.keys() >= {26, 52, 53} for message in asked if message.mti == "0200")
    assert not any(53 in message.fields for message in told if message.mti.endswith("10"))


def test_a_swiped_card_with_its_pin() -> None:
    with world_of() as world:
        world.run(play(world, START + sale("").replace("insert ", "swipe stripe-debit") + PIN + "approved:\nidle:"))
        assert [p.state.value for p in all_payments(world.journal)] == ["completed"]
        assert discrepancies(world.journal, world.acquirer) == []


def test_cmac_does_as_well_and_half_a_mac_in_characters() -> None:
    for profile in (replace(PROFILE, mac=MacMethod.CMAC), replace(PROFILE, mac_bytes=4)):
        with world_of(profile) as world:
            world.run(play(world, START + PAID))
            assert [p.state.value for p in all_payments(world.journal)] == ["completed"]


def test_nothing_of_a_message_is_left_in_memory_when_the_terminal_is_idle() -> None:
    with world_of() as world:
        world.run(play(world, START + PAID))
        assert world.shop.keys.messages._sent is None
        assert world.shop.keys.messages._typed is None


def test_a_terminal_that_has_lost_its_initial_key_is_locked(tmp_path: Path) -> None:
    with world_of(data=tmp_path) as world:
        world.run(play(world, START))
        world.shop.keys.zeroise()
    with world_of(data=tmp_path) as again:
        again.run(play(again, "locked:"))


# What the host refuses


def session() -> tuple[World, list[bytes]]:
    """A world after one sale, and the frames of it."""
    world = world_of()
    frames = heard(world)
    world.run(play(world, START + PAID))
    return world, frames


def answer(world: World, message: Message) -> str:
    frames = world.acquirer.handle(encode(message, PROFILE), world.loop.now().wall_ms)
    return decode(frames[0], PROFILE).text(39)


@pytest.fixture(scope="module")
def day() -> tuple[World, Message, Message]:
    world, frames = session()
    told = [decode(frame, PROFILE) for frame in frames]
    log_on, sold = (next(message for message in told if message.mti == mti) for mti in ("0800", "0200"))
    return world, log_on, sold


def test_a_message_that_comes_again_is_a_duplicate_and_an_older_one_is_not_believed(
    day: tuple[World, Message, Message],
) -> None:
    world, log_on, sold = day
    assert answer(world, sold) == "94"
    assert answer(world, log_on) == "A0"


@pytest.mark.parametrize("change", [{4: "000000012851"}, {53: "FFFF9810000001000009"}, {53: "ZZ" * 10}])
def test_a_changed_message_is_refused(day: tuple[World, Message, Message], change: dict[int, str | bytes]) -> None:
    world, _, sold = day
    assert answer(world, sold.with_fields(change)) == "A0"


def test_another_terminals_serial_is_refused(day: tuple[World, Message, Message]) -> None:
    world, log_on, _ = day
    world.acquirer.registry.add_terminal(TerminalRow(MERCHANT_NO, "10000002"))
    assert answer(world, log_on.with_fields({41: "10000002"})) == "A0"


def test_a_host_does_not_take_a_forged_counter_for_the_newest(day: tuple[World, Message, Message]) -> None:
    """Whoever writes a high counter into a message has no key for it: the terminal's own messages still count."""
    world, _, sold = day
    assert answer(world, sold.with_fields({53: "FFFF9810000001000400"})) == "A0"
    assert answer(world, sold) == "94"


def test_each_laboratory_terminal_has_its_own_serial() -> None:
    assert laboratory_serial("10000001") != laboratory_serial("10000002")
    assert {len(laboratory_serial(number)) for number in ("10000001", "A0000001", "")} == {10}
