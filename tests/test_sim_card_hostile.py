"""Every hostile card against the real kernel and the real chain of GET RESPONSE: each ends as its profile expects."""

from __future__ import annotations

import pytest
from card_sessions import GONE, Bank, play

from emv.bits import TVR
from emv.commands import Result
from emv.session import REASONS
from sim.books import all_payments, discrepancies
from sim.card import PROFILES
from sim.people import Intent, People
from sim.world import World
from terminal.model import Method

HOSTILE = sorted(name for name, profile in PROFILES.items() if profile.expect is not None)
READER = (GONE, "card-fault")  # What ends below the kernel: the card left, or broke the transport.


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_card_ends_as_its_profile_expects(name: str) -> None:
    expected = PROFILES[name].expect
    assert expected is not None
    played = play(PROFILES[name], pins=("123456",) * 50)
    assert played.reason == expected.reason, played.problem
    for bit in expected.tvr:
        assert TVR[bit] in played.tvr, f"{bit} is not set in {played.tvr!r}"


def test_the_rack_is_large_and_says_what_each_card_does() -> None:
    rack = [profile for profile in PROFILES.values() if profile.group == "hostile"]
    assert len(rack) >= 60
    for profile in rack:
        assert profile.zh and profile.en and profile.expect is not None, profile.name
        assert profile.expect.reason in (*REASONS, *READER), profile.name
    assert len({profile.en for profile in PROFILES.values()}) == len(PROFILES)
    assert len({profile.zh for profile in PROFILES.values()}) == len(PROFILES)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_card_is_approved_by_an_issuer_that_is_silent(name: str) -> None:
    played = play(PROFILES[name], bank=Bank(code=None))
    assert played.result is not Result.APPROVED


@pytest.mark.slow
def test_a_day_of_hostile_cards_at_the_whole_terminal() -> None:
    """Each card once, by a customer who reacts to the screens: no sale but the expected, and both books agree."""
    rack = HOSTILE
    ended: dict[str, str] = {}
    served: list[int] = []

    def customer(seed: int | str, number: int) -> Intent:
        return Intent(amount_minor=10_000 + number, method=Method.CARD, means=rack[number % len(rack)])

    with World("hostile") as world:
        people = People(world, "hostile", len(rack), len(rack), served.append, customer)
        world.run(people.live())
        for payment in all_payments(world.journal):
            ended[rack[payment.amount.amount_minor - 10_000]] = payment.state.value
        assert discrepancies(world.journal, world.acquirer) == []
    assert len(served) == len(rack)
    sold = {name for name, state in ended.items() if state == "settled"}
    expected = {name for name in rack if _approved(name)}
    assert sold == expected


def _approved(name: str) -> bool:
    expected = PROFILES[name].expect
    return expected is not None and expected.reason == "approved-online"


@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if profile.group == "good"])
def test_every_good_card_is_good(name: str) -> None:
    played = play(PROFILES[name], pins=(PROFILES[name].pin,))
    assert played.reason == "approved-online" and played.genuine, played.problem
