"""The magnetic stripe: what is read and what is refused, with its place; nothing of a track in a word or a repr.

Vectors: tests/vectors/track_swipes.json. The simulator's cards compute their LRC apart from `emv.track`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emv.track import SWIPE_LIMIT, Stripe, Track, TrackError, from_tag_57, lrc, read_swipe
from sim.card import PROFILES
from sim.card.stripe import swipe_of

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "vectors" / "track_swipes.json").read_text(encoding="utf-8")
)
NAMES = sorted(PROFILES)


def refused(data: bytes, *, with_lrc: bool = False) -> TrackError:
    with pytest.raises(TrackError) as fault:
        read_swipe(data, with_lrc=with_lrc)
    return fault.value


@pytest.mark.parametrize("vector", VECTORS["good"], ids=lambda vector: vector["name"])
def test_a_good_swipe(vector: dict[str, Any]) -> None:
    stripe = read_swipe(vector["swipe"].encode("ascii"))
    track = stripe.track2
    assert (track.pan, track.expiry, track.service) == (vector["pan"], vector["expiry"], vector["service"])
    assert (track.discretionary, track.has_chip, track.wants_pin) == (
        vector["discretionary"], vector["chip"], vector["pin"],
    )  # fmt: skip
    assert (stripe.track1.name if stripe.track1 else "") == vector.get("holder", "")
    assert stripe.track3 == vector.get("track3", "")


@pytest.mark.parametrize("vector", VECTORS["good"], ids=lambda vector: vector["name"])
def test_tag_57_is_track_2(vector: dict[str, Any]) -> None:
    track = read_swipe(vector["swipe"].encode("ascii")).track2
    assert track.tag_57.hex().upper() == vector["tag_57"]
    assert from_tag_57(track.tag_57) == track


@pytest.mark.parametrize("vector", VECTORS["bad"], ids=lambda vector: vector["name"])
def test_a_bad_swipe_is_refused_with_its_place(vector: dict[str, Any]) -> None:
    fault = refused(vector["swipe"].encode("ascii"))
    assert (fault.track, fault.position) == (vector["track"], vector["position"])
    assert vector["reason"] in fault.reason


@pytest.mark.parametrize("vector", VECTORS["good_with_lrc"], ids=lambda vector: vector["name"])
def test_an_lrc_that_was_computed_by_hand(vector: dict[str, Any]) -> None:
    assert read_swipe(vector["swipe"].encode("ascii"), with_lrc=True).track2.pan == vector["pan"]


def test_what_is_too_long_or_not_ascii_is_refused_at_once() -> None:
    assert refused(b";" * (SWIPE_LIMIT + 1)).position == SWIPE_LIMIT
    assert (refused(b";62\xff").track, refused(b";62\xff").position) == (0, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_lrc", [False, True])
def test_each_card_s_stripe_says_what_its_chip_says(name: str, with_lrc: bool) -> None:
    app = PROFILES[name].applications[0]
    stripe = read_swipe(swipe_of(name, with_lrc=with_lrc), with_lrc=with_lrc)
    assert (stripe.track2.pan, stripe.track2.expiry) == (app.pan, app.expiry[:4])
    assert stripe.track2.tag_57 == app.track2
    assert stripe.track1 is not None and stripe.track1.name == app.holder


@pytest.mark.parametrize("bit", range(4))
def test_any_wrong_bit_of_the_lrc_is_found(bit: int) -> None:
    whole = swipe_of("stripe-debit", with_lrc=True)
    fault = refused(whole[:-1] + bytes((whole[-1] ^ 1 << bit,)), with_lrc=True)
    assert (fault.track, fault.position, fault.reason) == (2, len(whole) - 1, "the LRC is wrong")


def test_a_swipe_without_the_lrc_that_is_expected_is_refused() -> None:
    assert "LRC" in refused(swipe_of("stripe-debit"), with_lrc=True).reason


def test_track_3_after_a_plus_sign_has_the_lrc_of_its_own_sentinel() -> None:
    """The reader writes + for the same character on the card, so that two numeric tracks can be told apart."""
    two, three = ";6225000000000014=3012101?", ";996225000000000014=156?"
    swipe = two + lrc(2, two) + "+" + three[1:] + lrc(3, three)
    assert read_swipe(swipe.encode("ascii"), with_lrc=True).track3 == three[1:-1]


def test_nothing_of_a_track_stands_in_a_repr() -> None:
    stripe = read_swipe(swipe_of("unionpay-credit-pin"))
    assert repr(stripe) == "Stripe(…)"
    assert (repr(stripe.track2), repr(stripe.track1)) == ("Track(2)", "Track(1)")


@pytest.mark.parametrize("value", ["", "62", "6225000000000014", "6225000000000014D30122A1", "6225000000000014F301220"])
def test_a_tag_57_that_is_no_track_is_refused(value: str) -> None:
    with pytest.raises(TrackError):
        from_tag_57(bytes.fromhex(value + "F" * (len(value) % 2)))


# Any bytes

ALPHABET = st.text("%;+?=^BE0123456789 A/:", max_size=120).map(str.encode)
DAMAGED = st.builds(
    lambda swipe, at, byte: swipe[:at] + bytes((byte,)) + swipe[at + 1 :],
    st.sampled_from([v["swipe"].encode("ascii") for v in VECTORS["good"]]),
    st.integers(0, 100),
    st.integers(0, 255),
)


def reads(data: bytes, with_lrc: bool) -> Stripe | None:
    """Raises what is no TrackError, and looks at each TrackError's words."""
    try:
        return read_swipe(data, with_lrc=with_lrc)
    except TrackError as fault:
        assert 0 <= fault.position <= len(data)
        digits = "".join(character if character.isdigit() else " " for character in fault.reason).split()
        assert all(len(run) <= 3 for run in digits)
        return None


@given(st.one_of(st.binary(max_size=300), ALPHABET, DAMAGED), st.booleans())
def test_garbage_is_a_track_error_or_a_stripe_that_comes_back(data: bytes, with_lrc: bool) -> None:
    stripe = reads(data, with_lrc)
    if stripe is not None:
        again = read_swipe(f";{stripe.track2.text}?".encode("ascii"))
        assert again.track2 == stripe.track2
        assert from_tag_57(stripe.track2.tag_57) == stripe.track2


@given(st.binary(max_size=40))
def test_any_tag_57_is_a_track_error_or_comes_back(value: bytes) -> None:
    try:
        track: Track = from_tag_57(value)
    except TrackError:
        return
    assert track.tag_57 == value
