"""Nobody trusts one codec with itself: somebody else's codec is the judge of whole days, and the host of a smaller one.

pyiso8583 with the specification of tests/independent_host_spec.py takes apart every frame of the demo's day, requests
and answers, and puts them together to the same bytes. Then it answers as the host, with keys, MAC and PIN written on
plain `cryptography` (tests/independent_host.py).
"""

from __future__ import annotations

from collections import Counter

import iso8583
import pytest
from shop_days import SETTLE
from test_flows_stories import START, sale

from sim.books import all_payments
from sim.demo import STORY
from sim.story import play
from sim.world import World
from terminal.hostlink.codec import decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import load_profile
from tests.independent_host import BATCH, IndependentHost
from tests.independent_host_spec import SPEC

PROFILE = load_profile("unionpay")
PIN = "enter_pin: 123456 ENTER\n"
PAID = sale("unionpay-credit-pin") + PIN + "approved:\nremove_card: remove\nidle:\n"
LOST = PAID.replace("approved:", "reversal_pending: ENTER")


def judged(frame: bytes) -> str:
    """The MTI of a frame that both codecs read alike, and that the other one writes to the same bytes."""
    theirs, _ = iso8583.decode(frame, SPEC)
    ours = decode(unwrap(frame, PROFILE).body, PROFILE)
    told = {str(n): value.hex().upper() if isinstance(value, bytes) else value for n, value in ours.fields.items()}
    assert {name: value for name, value in theirs.items() if name.isdecimal()} == told
    assert theirs["t"] == ours.mti
    assert bytes(iso8583.encode(theirs, SPEC)[0]) == frame
    return ours.mti


@pytest.mark.slow
def test_every_frame_of_the_demos_day() -> None:
    frames: list[bytes] = []
    with World("judge") as world:
        world.on_frame = frames.append
        world.run(play(world, STORY))
    seen = Counter(judged(frame) for frame in frames)
    assert set(seen) == {
        "0800", "0810", "0200", "0210", "0500", "0510", "0320", "0330", "0820", "0830",
    }  # fmt: skip
    assert seen["0200"] == seen["0210"] >= 5


@pytest.fixture(scope="module")
def host() -> IndependentHost:
    """After a day: a sale, one whose answer was lost, one more, and settlement."""
    host = IndependentHost(mute=("000003",))
    with World("independent", acquirer=host) as world:
        world.run(play(world, START + PAID + LOST + PAID + SETTLE))
        states = [payment.state.value for payment in reversed(all_payments(world.journal))]
    assert states == ["settled", "reversed", "settled"]
    return host


def test_a_day_with_somebody_elses_host(host: IndependentHost) -> None:
    told = ["0800", "0200", "0200", "0400", "0200", "0500", "0320", "0320", "0320", "0820"]
    assert [asked["t"] for asked in host.heard] == told
    assert [asked["60"][8:11] for asked in host.heard[5:]] == ["201", "203", "203", "207", "002"]
    assert sorted(host.sold.values()) == [12850, 12850]
    assert host.taken_back == {"000003": "98"}


def test_it_settles_what_that_host_has(host: IndependentHost) -> None:
    assert host.settled == ["000000025700" + "002" + "0" * 15 + "0" + "0" * 31]
    assert {asked["60"][2:8] for asked in host.heard if asked["t"] != "0800"} == {BATCH}


def test_a_wrong_pin_is_wrong_there_too() -> None:
    host = IndependentHost()
    wrong = sale("unionpay-credit-pin") + "enter_pin: 9999 ENTER\ndeclined: ENTER\ntry_pin_again: CANCEL\n"
    with World("wrong", acquirer=host) as world:
        world.run(play(world, START + wrong + "remove_card: remove\nidle:"))
        assert [payment.facts["response_code"] for payment in all_payments(world.journal)] == ["55"]
    assert host.sold == {}
