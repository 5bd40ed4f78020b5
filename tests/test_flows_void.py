"""Voids from the voucher number to the slip: what the host is asked, what becomes of both payments, what is refused."""

from __future__ import annotations

import dataclasses

import pytest
from hearing_host import HearingHost
from shop_days import START, payments, states

from sim.acquirer import Fault, FaultKind
from sim.card import PROFILES
from sim.story import play, to_menu, to_transaction
from sim.world import World
from terminal.flows.batch import count_batch
from terminal.hostlink.messages import Totals
from terminal.model import Money

MENU_VOID = to_transaction("void")
AGREES = "original: ENTER\nenter_number: ENTER\noperator_password: 1234 ENTER\n"
DONE = "approved:\nremove_card: remove\n"


def sale(card: str, pin: str = "") -> str:
    typed = f"enter_pin: {pin} ENTER\n" if pin else ""
    return f"idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert {card}\n" + typed + DONE


def void(stan: str, card: str) -> str:
    return MENU_VOID + f"enter_number: {stan} ENTER\n" + AGREES + f"insert_card: insert {card}\n"


# The STAN of the first sale: sign-in is the first message.
STAN = "2"


def test_a_sale_is_taken_back_with_its_card() -> None:
    host = HearingHost()
    with World("void", acquirer=host) as world:
        world.run(play(world, START + sale("signature") + void(STAN, "signature") + DONE + "idle:"))
        assert states(world) == [("sale", "voided"), ("void", "completed")]
        original, undone = payments(world)
        (request,) = host.asked
        assert (request.mti, request.text(3), request.text(25)) == ("0200", "200000", "00")
        assert request.text(60)[:2] == "23"
        assert request.text(61) == str(original.facts["batch_no"]) + str(original.stan)
        assert (request.text(37), request.text(38)) == (original.facts["rrn"], original.facts["auth_code"])
        assert request.text(4) == "000000012850"
        assert not {52, 53, 55} & set(request.fields)
        assert request.text(22) == "052"
        assert undone.facts["original_no"] == original.stan
        assert world.printer.slip_count == 1 + 2 + 2
        world.journal.verify()


def test_a_voided_sale_counts_on_both_sides_of_the_settlement() -> None:
    """The sale stays a debit and its void is a credit; what moved no money is in no total. Spec: host-link.md §6."""
    with World("void-totals", acquirer=HearingHost()) as world:
        lists: list[tuple[str, ...]] = []
        world.on_show = lambda picture: lists.append(picture.text()) if picture.name == "today" else None
        sold = sale("signature") + void(STAN, "signature") + DONE + sale("no-cvm")
        world.run(play(world, START + sold + to_menu("today") + "today: CANCEL\nidle:"))
        batch = world.journal.transact(lambda tx: count_batch(world.shop, tx))
    assert lists[0][-1].split()[-1] == "¥128.50"  # Today's list agrees.
    assert batch.domestic == Totals(debit_minor=25_700, debit_count=2, credit_minor=12_850, credit_count=1)
    assert batch.total == Money(12_850)


def test_a_pin_is_asked_for_where_the_sale_had_one() -> None:
    host = HearingHost()
    with World("void-pin", acquirer=host) as world:
        card = "unionpay-credit-pin"
        story = sale(card, "123456") + void(STAN, card) + "enter_pin: 123456 ENTER\n" + DONE + "idle:"
        world.run(play(world, START + story))
        assert states(world) == [("sale", "voided"), ("void", "completed")]
        assert {26, 52, 53} <= set(host.asked[0].fields)
        assert host.asked[0].text(22) == "051"


REFUSED = {
    "no such voucher": (MENU_VOID + "enter_number: 77 ENTER\nenter_number: CANCEL\nidle:", "completed"),
    "another card": (void(STAN, "no-cvm") + "card_problem: ENTER\nremove_card: remove\nidle:", "completed"),
    "not this one": (MENU_VOID + f"enter_number: {STAN} ENTER\noriginal: CANCEL\nidle:", "completed"),
    "no supervisor": (
        MENU_VOID + f"enter_number: {STAN} ENTER\noriginal: ENTER\nenter_number: CANCEL\nidle:",
        "completed",
    ),
    "voided already": (
        void(STAN, "signature") + DONE + MENU_VOID + f"enter_number: {STAN} ENTER\nrefused: ENTER\nidle:",
        "voided",
    ),
    "a void": (void(STAN, "signature") + DONE + MENU_VOID + "enter_number: 3 ENTER\nrefused: ENTER\nidle:", "voided"),
    "settled": (
        "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle: ENTER\nsigning_in:\n"
        + MENU_VOID
        + f"enter_number: {STAN} ENTER\nrefused: ENTER\nidle:",
        "settled",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_stands_against_a_void_is_said(case: str) -> None:
    story, state = REFUSED[case]
    with World(case, acquirer=HearingHost()) as world:
        world.run(play(world, START + sale("signature") + story))
        assert payments(world)[0].state.value == state


def test_a_sale_that_a_tip_has_changed_is_refused() -> None:
    with World("adjusted", acquirer=HearingHost()) as world:

        async def people() -> None:
            await play(world, START + sale("signature") + "idle:")
            sold = payments(world)[0]
            world.journal.transact(lambda tx: tx.note(sold.id, adjusted=True))
            await play(world, "idle: CANCEL\n" + MENU_VOID + f"enter_number: {STAN} ENTER\nrefused:")

        world.run(people())
        assert payments(world)[0].state.value == "completed"


def test_an_unanswered_void_is_reversed_and_the_sale_stands() -> None:
    host = HearingHost()
    host.faults.add(Fault(FaultKind.DROP_REPLY, processing_code="200000"))
    with World("lost-void", acquirer=host) as world:
        story = sale("signature") + void(STAN, "signature") + "reversal_pending: ENTER\nremove_card: remove\n"
        world.run(play(world, START + story + sale("no-cvm") + "idle:"))
        assert states(world) == [("sale", "completed"), ("void", "reversed"), ("sale", "completed")]
        request, reversal = host.asked
        assert reversal.mti == "0400"
        for number in (3, 4, 11, 22, 25, 60, 61):
            assert reversal.text(number) == request.text(number)
        assert not {35, 52, 55} & set(reversal.fields)


def test_a_merchant_may_not_offer_it() -> None:
    with World("not-offered", acquirer=HearingHost()) as world:
        rights = dataclasses.replace(world.config.transactions, offered=())
        world.shop.config = dataclasses.replace(world.config, transactions=rights)
        world.run(play(world, START + "idle: DOWN\nmenu: 1\nmenu: 2 CANCEL\nidle:"))


MENU_SIGNATURE = to_transaction("signature")


def test_a_signature_that_differs_voids_the_sale_at_once_without_its_card() -> None:
    host = HearingHost()
    with World("signature", acquirer=host) as world:
        world.run(play(world, START + sale("signature") + MENU_SIGNATURE + "original: ENTER\napproved:\nidle:"))
        assert states(world) == [("sale", "voided"), ("void", "completed")]
        (request,) = host.asked
        assert request.text(22) == "012"
        assert request.text(2) == PROFILES["signature"].applications[0].pan
        assert not {35, 52, 55} & set(request.fields)


@pytest.mark.parametrize("before", ["", sale("no-cvm"), sale("unionpay-credit-pin", "123456")])
def test_only_a_signed_sale_has_a_signature_that_differs(before: str) -> None:
    with World("unsigned", acquirer=HearingHost()) as world:
        world.run(play(world, START + before + ("" if before else "idle: CANCEL\n") + MENU_SIGNATURE + "refused:"))
        assert all(state == "completed" for _, state in states(world))
