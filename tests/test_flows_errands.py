"""What goes on behind the idle screen: sign-in, reversals, routes and echoes, seen by nobody and in nobody's way."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from test_flows_stories import START, sale

from drivers.ports import Key
from sim.books import all_payments, discrepancies
from sim.story import FIRST_RUN, OPERATOR, play, to_menu
from sim.twins.link import Network
from sim.world import World
from terminal.hostlink.backoff import Backoff
from terminal.hostlink.codec import decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import load_profile
from terminal.journal import UploadRecord
from terminal.loop import Now, Sleep
from terminal.model import Mode, PaymentState, UploadState

KEPT = dataclasses.replace(load_profile("unionpay"), connection_kept=True)
LOST = sale("unionpay-credit-pin") + "enter_pin: host mute 123456 ENTER\nreversal_pending: ENTER\nremove_card: remove\n"


def requests(world: World) -> list[str]:
    """The MTI of each request that reaches the host from now on."""
    heard: list[str] = []

    def note(frame: bytes) -> None:
        mti = decode(unwrap(frame, world.shop.profile).body, world.shop.profile).mti
        if int(mti) % 100 // 10 % 2 == 0:
            heard.append(mti)

    world.on_frame = note
    return heard


@given(st.integers(0, 200), st.binary(min_size=4, max_size=4), st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_wait_is_at_least_half_of_its_longest_and_never_over_the_limit(
    failures: int, drawn: bytes, first_ms: int, more_ms: int
) -> None:
    backoff = Backoff(first_ms, first_ms + more_ms)
    longest = min(backoff.limit_ms, first_ms * 2**failures)
    assert longest // 2 <= backoff.wait_ms(failures, drawn) <= longest


def test_waits_are_spread() -> None:
    waits = {Backoff(30_000, 600_000).wait_ms(0, draw.to_bytes(4, "big")) for draw in range(0, 2**32, 2**22)}
    assert max(waits) - min(waits) > 14_000


def test_a_sign_in_that_found_no_host_is_made_when_there_is_one() -> None:
    with World(1) as world:
        log_in = "enter_number: ENTER\noperator_password: host refused 1234 ENTER\n"
        world.run(play(world, f"{FIRST_RUN}{log_in}sign_in_failed: CANCEL\nidle: wait 120 host ok wait 120\n"))
        assert world.shop.mode is Mode.SIGNED_IN
        assert world.display.names[-1] == "idle"


def test_a_reversal_is_made_while_nobody_is_there() -> None:
    with World(2) as world:
        world.run(play(world, START + LOST + "idle: host ok wait 60\n"))
        assert [payment.state for payment in all_payments(world.journal)] == [PaymentState.REVERSED]
        assert discrepancies(world.journal, world.acquirer) == []
        assert "reversing" not in world.display.names


def test_a_dead_host_is_asked_less_and_less() -> None:
    with World(3) as world:
        heard = requests(world)
        world.run(play(world, START + LOST + "idle: wait 7200\n"))
        assert 8 <= heard.count("0400") <= 7200 // 300 + 6
        assert all_payments(world.journal)[0].state is PaymentState.REVERSING


def test_a_key_makes_an_errand_give_way_at_once() -> None:
    """The reversal's answer would be waited for a minute; the menu is there within two seconds."""
    with World(4) as world:
        heard = requests(world)

        async def people() -> None:
            await play(world, START + LOST + "idle:")
            while "0400" not in heard:
                await Sleep(100)
            pressed_ms = (await Now()).mono_ms
            world.press(Key.DOWN)
            await world.eyes.see("menu")
            assert (await Now()).mono_ms - pressed_ms < 2_000
            world.press(Key.CANCEL)
            await play(world, "idle: host ok wait 120\n")

        world.run(people())
        assert heard.count("0400") == 2
        assert [payment.state for payment in all_payments(world.journal)] == [PaymentState.REVERSED]
        assert discrepancies(world.journal, world.acquirer) == []


def test_to_be_broken_off_is_neither_a_failure_nor_a_try() -> None:
    """Whoever comes by four times leaves the errand as due as it was, and the next customer may still pay."""
    with World(11) as world:
        heard = requests(world)

        async def people() -> None:
            await play(world, START + LOST + "idle:")
            for visit in range(1, 5):
                while heard.count("0400") < visit:
                    await Sleep(100)
                went_ms = (await Now()).mono_ms
                await play(world, "idle: DOWN\nmenu: CANCEL\n")
            assert world.shop.behind.tried["reversals"][0] == 0
            (payment,) = all_payments(world.journal)
            assert payment.facts["reversal_tries"] == 0
            while heard.count("0400") < 5:
                await Sleep(100)
            assert (await Now()).mono_ms - went_ms < 20_000
            await play(world, "idle: host ok wait 180\n")

        world.run(people())
        assert [payment.state for payment in all_payments(world.journal)] == [PaymentState.REVERSED]


def test_no_other_way_is_called_once_somebody_is_there() -> None:
    with World(12, other_lines=[Network(), Network()]) as world:
        heard = requests(world)

        async def people() -> None:
            await play(world, START)
            for way in (0, 1):
                world.link.unplug(way)
            await play(world, sale("no-cvm") + "approved:\nremove_card: remove\nidle: host mute\n")
            for way in (0, 1):
                world.link.plug_in(way)
            while "0820" not in heard:
                await Sleep(100)
            await play(world, "idle: DOWN\nmenu: CANCEL\nidle:")
            assert heard.count("0820") == 1

        world.run(people())


def test_a_route_that_is_well_again_is_preferred_again() -> None:
    with World(5, other_lines=[Network()]) as world:
        buy = sale("no-cvm") + "approved:\nremove_card: remove\n"

        async def people() -> None:
            await play(world, START)
            world.link.unplug(0)
            await play(world, buy)
            assert world.link.taken[-1] == 1
            world.link.plug_in(0)
            await play(world, "idle: wait 120\n" + buy + "idle:")
            assert world.link.taken[-1] == 0

        world.run(people())
        assert world.shop.host.line.resting() == ()
        assert discrepancies(world.journal, world.acquirer) == []


def test_the_menu_says_which_way_is_in_use_and_which_rests() -> None:
    seen: list[list[str]] = []
    look = to_menu("host") + "menu: 4\nhost_way: DOWN wait 1 ENTER\n"
    with World(5, other_lines=[Network()]) as world:
        world.on_show = lambda picture: seen.append(picture.text()) if picture.name == "host_way" else None

        async def people() -> None:
            await play(world, START + look)
            world.link.unplug(0)
            await play(world, sale("no-cvm") + "approved:\nremove_card: remove\n" + look + "idle:")

        world.run(people())
    states = [(words, address) for words, address, *_ in seen]
    assert states == [
        ("Line 1/2 In use", "line 1"),
        ("Line 2/2 Ready", "line 2"),
        ("Line 1/2 Failed", "line 1"),
        ("Line 2/2 In use", "line 2"),
    ]


def test_a_kept_connection_is_proved_by_echoes_and_serves_the_next_customer() -> None:
    with World(6, profile=KEPT) as world:
        heard = requests(world)
        buy = sale("no-cvm") + "approved:\nremove_card: remove\n"
        world.run(play(world, f"{FIRST_RUN}{OPERATOR}{buy}idle: wait 600\n{buy}idle:"))
        assert 8 <= heard.count("0820") <= 14
        assert world.link.taken == [0]


TOLD = "idle: 10000 ENTER\nchoose_method: 1\ninsert_card: insert sends-limits\nenter_pin: 123456 ENTER\n"
TOLD += "approved:\nremove_card: remove\n"


def upload(world: World) -> UploadRecord:
    (found,) = world.journal.transact(lambda tx: tx.uploads(1))
    return found


def test_what_waits_is_told_behind_the_idle_screen_after_a_good_sale() -> None:
    with World(9) as world:
        heard = requests(world)

        async def people() -> None:
            await play(world, START + TOLD + "idle:")
            assert "0620" not in heard
            assert upload(world).state is UploadState.QUEUED
            shown = len(tuple(world.display.names))
            await play(world, "idle: wait 40\n")
            assert set(tuple(world.display.names)[shown:]) == {"idle"}

        world.run(people())
        assert upload(world).state is UploadState.DONE


def test_a_host_that_falls_silent_after_a_sale_holds_nobody_up() -> None:
    """The menu is there within two seconds, and to be in somebody's way is no try of the notice."""
    with World(10) as world:
        heard = requests(world)

        async def people() -> None:
            await play(world, START + TOLD + "idle: host mute\n")
            while "0620" not in heard:
                await Sleep(100)
            pressed_ms = (await Now()).mono_ms
            world.press(Key.DOWN)
            await world.eyes.see("menu")
            assert (await Now()).mono_ms - pressed_ms < 2_000
            assert (upload(world).state, upload(world).tries) == (UploadState.QUEUED, 0)
            world.press(Key.CANCEL)
            await play(world, "idle: host ok wait 120\n")

        world.run(people())
        assert heard.count("0620") == 2
        assert upload(world).state is UploadState.DONE
