"""What the host is told afterwards: tips, completion notices, what was authorised by telephone.

Each is done at once, queued with its payment, and taken by the host's own desks after the next good sale.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hearing_host import HearingHost
from shop_days import AGREES, SETTLE, START, offer, payments, states

from sim.story import play, to_transaction
from sim.world import World
from terminal.hostlink.lists import Parameters
from terminal.journal import PaymentRecord
from terminal.model import UploadState

NAMES = ("void", "refund", "auth", "completion", "completion-notice", "tip", "offline-settlement")
CARD = "insert_card: insert signature\n"
DONE = "approved:\n"
OUT = "remove_card: remove\n"
SALE = "idle: 10000 ENTER\nchoose_method: 1\n" + CARD + DONE + OUT
AUTH = to_transaction("auth", NAMES) + "enter_amount: 10000 ENTER\n" + CARD + DONE + OUT
REFUSED = "refused: ENTER\n"
ALONE = "idle: wait 40\n"  # Long enough for what is done behind the idle screen.


def uploads(world: World) -> list[UploadState]:
    return [u.state for u in world.journal.transact(lambda tx: tx.uploads(1))]


def run(world: World, first: str, then: Callable[[PaymentRecord], str]) -> None:
    """`then` is told the first payment."""
    offer(world, NAMES)

    async def people() -> None:
        await play(world, START + first + "idle: CANCEL\n")
        await play(world, then(payments(world)[0]))

    world.run(people())


def tip(amount: str, stan: str = "2") -> str:
    found = to_transaction("tip", NAMES) + f"enter_number: {stan} ENTER\noriginal: ENTER\n"
    return found + f"enter_tip: {amount} ENTER\n"


def test_a_tip_is_added_once_and_told_to_the_host_after_the_next_sale() -> None:
    host = HearingHost()
    with World("tip", acquirer=host) as world:
        slips: list[str] = []
        world.printer_said = lambda lines: slips.append(repr(lines))
        void = to_transaction("void", NAMES) + "enter_number: 2 ENTER\n" + REFUSED
        again = to_transaction("tip", NAMES) + "enter_number: 2 ENTER\n" + REFUSED
        run(world, SALE, lambda sold: tip("1500") + DONE + again + void + SALE + ALONE)
        assert states(world) == [("sale", "completed"), ("tip", "completed"), ("sale", "completed")]
        assert uploads(world) == [UploadState.DONE]
        told = host.asked[0]
        assert (told.mti, told.text(3), told.text(25), told.text(60)[:2]) == ("0220", "000000", "00", "34")
        assert (told.text(4), told.text(48)) == ("000000001500", "000000001500")
        assert told.text(61)[6:] == "000002"
        assert not {35, 52, 55} & set(told.fields)
    paper = next(slip for slip in slips if "ADJUST" in slip)
    assert all(text in paper for text in ("RMB 100.00", "RMB 15.00", "RMB 115.00"))


def test_a_refund_may_give_back_sale_and_tip_together_and_no_more() -> None:
    host = HearingHost()
    with World("tip-refund", acquirer=host) as world:

        def then(sold: PaymentRecord) -> str:
            named = f"enter_number: {sold.facts['rrn']} ENTER\nenter_number: ENTER\n"
            back = to_transaction("refund", NAMES) + AGREES + named
            over = back + "enter_amount: 11501 ENTER\n" + REFUSED
            return tip("1500") + DONE + over + back + "enter_amount: 11500 ENTER\n" + CARD + DONE + OUT + "idle:"

        run(world, SALE, then)
        assert states(world) == [("sale", "completed"), ("tip", "completed"), ("refund", "completed")]


NO_TIP = {
    "over the merchant's limit": (SALE, tip("2001") + REFUSED),
    "a void": (
        SALE + to_transaction("void", NAMES) + "enter_number: 2 ENTER\noriginal: ENTER\n" + AGREES + CARD + DONE + OUT,
        to_transaction("tip", NAMES) + "enter_number: 3 ENTER\n" + REFUSED,
    ),
    "voided": (
        SALE + to_transaction("void", NAMES) + "enter_number: 2 ENTER\noriginal: ENTER\n" + AGREES + CARD + DONE + OUT,
        to_transaction("tip", NAMES) + "enter_number: 2 ENTER\n" + REFUSED,
    ),
    "settled": (
        SALE + SETTLE.removesuffix("idle:") + "idle: ENTER\nsigning_in:\n",
        to_transaction("tip", NAMES) + "enter_number: 2 ENTER\n" + REFUSED,
    ),
    "not this one": (SALE, to_transaction("tip", NAMES) + "enter_number: 2 ENTER\noriginal: CANCEL\n"),
    "nothing added": (SALE, tip("0").replace("0 ENTER", "0 CANCEL")),
}


@pytest.mark.parametrize("case", NO_TIP)
def test_what_stands_against_a_tip_is_said(case: str) -> None:
    first, then = NO_TIP[case]
    host = HearingHost()
    with World(case, acquirer=host) as world:
        run(world, first, lambda sold: then + "idle:")
        assert "tip" not in [kind for kind, _ in states(world)]
        assert not [message for message in host.asked if message.mti == "0220"]


def test_the_host_s_limit_is_the_stronger_where_it_is_lower() -> None:
    with World("host-limit", acquirer=HearingHost()) as world:

        async def people() -> None:
            await play(world, START + SALE + "idle: CANCEL\n")
            told = dataclasses.replace(world.shop.downloaded, parameters=Parameters(tip_percent_max=10))
            world.shop.use(told)
            await play(world, tip("1001") + REFUSED + tip("1000") + DONE + "idle:")

        offer(world, NAMES)
        world.run(people())
        assert states(world)[1:] == [("tip", "completed")]


@pytest.mark.parametrize("told", [Parameters(tip=False), Parameters(transactions=0)])
def test_what_the_host_does_not_allow_is_not_on_the_menu(told: Parameters) -> None:
    with World("forbidden", acquirer=HearingHost()) as world:

        async def people() -> None:
            await play(world, START)
            world.shop.use(dataclasses.replace(world.shop.downloaded, parameters=told))
            await play(world, "idle: CANCEL\nidle: DOWN\nmenu: 1\nmenu: 2 CANCEL\nidle:")

        offer(world, ("tip",))
        world.run(people())
        assert "enter_number" not in list(world.eyes.history)[-6:]


def test_a_completion_notice_is_done_at_once_and_ends_its_authorisation() -> None:
    host = HearingHost()
    with World("notice", acquirer=host) as world:

        def then(held: PaymentRecord) -> str:
            typed = f"enter_number: {held.facts['auth_code']} ENTER\nenter_number: ENTER\nenter_amount: "
            notice = to_transaction("completion-notice", NAMES) + typed
            over = notice + "11501 ENTER\n" + REFUSED
            again = to_transaction("completion", NAMES) + typed + "100 ENTER\n" + REFUSED
            return over + notice + "11500 ENTER\n" + CARD + DONE + OUT + again + SALE + ALONE

        run(world, AUTH, then)
        assert states(world)[:2] == [("auth", "completed"), ("completion-notice", "completed")]
        assert uploads(world) == [UploadState.DONE]
        told = host.asked[-1]
        assert (told.mti, told.text(25), told.text(60)[:2]) == ("0220", "06", "24")
        assert told.text(38) == payments(world)[0].facts["auth_code"]
        assert not {52, 55} & set(told.fields)


def test_what_was_authorised_by_telephone_is_told_with_who_did() -> None:
    host = HearingHost()
    with World("telephone", acquirer=host) as world:
        typed = "enter_amount: 12850 ENTER\nmenu: 1\nenter_number: 123456 ENTER\nenter_number: 48010000000 ENTER\n"
        offline = to_transaction("offline-settlement", NAMES) + AGREES + typed + CARD + DONE + OUT
        run(world, offline, lambda done: SALE + ALONE)
        assert states(world)[0] == ("offline-settlement", "completed")
        assert uploads(world) == [UploadState.DONE]
        (told,) = host.asked
        assert (told.mti, told.text(60)[:2], told.text(38)) == ("0220", "30", "123456")
        assert told.text(61) == "0" * 16 + "01" + "48010000000"
