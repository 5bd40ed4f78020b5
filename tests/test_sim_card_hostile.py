"""Every hostile card against the real kernel and the real chain of GET RESPONSE: each ends as its profile expects."""

from __future__ import annotations

import pytest
from card_sessions import GONE, Bank, play

from emv.bits import TVR
from emv.commands import Result
from emv.session import REASONS
from sim.card import PROFILES

HOSTILE = sorted(name for name, profile in PROFILES.items() if profile.expect is not None)
READER = (GONE, "card-fault")  # What ends below the kernel: the card left, or broke the transport.


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_card_ends_as_its_profile_expects(name: str) -> None:
    expected = PROFILES[name].expect
    assert expected is not None
    played = play(PROFILES[name], pins=("123456",))
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
