"""What a response code asks of the people: each action's words, and what the terminal does by itself beside them.

One story an action; that every code has one, and that every action has its words on screen and paper, is the table's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from test_flows_hostile_host import HostileAcquirer
from test_flows_stories import START, sale
from test_flows_trouble import slip_of, states

from sim.acquirer import Fault, FaultKind
from sim.books import discrepancies
from sim.story import play, to_transaction
from sim.world import World
from terminal.hostlink.codes import APPROVING_CODES, RESPONSE_CODES, Action, action_of, is_last_word, lookup
from terminal.hostlink.profile import load_profile
from terminal.receipts.words import NEXT
from terminal.screens.catalogue.samples import NEXT_STEPS
from terminal.strings import PHRASES

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

KEEP = load_profile("unionpay").keep_card_codes
ENDS = "declined: ENTER\nremove_card: remove\nidle:"


def code(value: str) -> Fault:
    return Fault(FaultKind.CODE, mti="0200", code=value)


def glass(world: World) -> dict[str, str]:
    """What the last picture of each screen says."""
    seen: dict[str, str] = {}
    world.on_show = lambda picture: seen.update({picture.name: " ".join(picture.text())})
    return seen


# The table


def test_every_action_has_its_words_on_the_glass_and_on_paper() -> None:
    asking = {action.value for action in Action} - {Action.DONE.value}
    assert set(NEXT) == asking
    assert {key.partition(".")[2] for key in PHRASES if key.startswith("next.")} == asking
    assert set(NEXT_STEPS) == asking - {Action.CONFIRM.value}


@pytest.mark.parametrize("row", RESPONSE_CODES.values(), ids=lambda row: row.code)
def test_a_code_asks_for_something_unless_it_approves(row: Any) -> None:
    approving = row.action in (Action.DONE, Action.CONFIRM)
    assert approving == (row.code in APPROVING_CODES)
    assert (row.action is Action.KEEP_CARD) == (row.code in KEEP)
    assert action_of(row.code, ()) is (Action.OTHER_CARD if row.code in KEEP else row.action)


def test_a_code_outside_the_table_is_shown_and_is_no_last_word() -> None:
    row = lookup("XQ")
    assert ("XQ" in row.zh, "XQ" in row.en, row.action, is_last_word("XQ")) == (True, True, Action.ACQUIRER, False)


# A story an action


@pytest.mark.parametrize(
    ("value", "shown", "printed"),
    [
        ("19", "Try again", "again"),
        ("91", "Try later", "wait"),
        ("51", "Other card", "other-card"),
        ("61", "Check amount", "amount"),
        ("25", "Check slip", "original"),
        ("05", "Ask issuer", "issuer"),
        ("01", "Ask issuer", "issuer"),
        ("02", "Ask issuer", "issuer"),
        ("97", "Ask acquirer", "acquirer"),
        ("79", "Settle", "settle"),
    ],
)
def test_a_refusal_says_what_to_do_next(value: str, shown: str, printed: str) -> None:
    with World(f"next {value}") as world:
        world.acquirer.faults.add(code(value))
        seen = glass(world)
        world.run(play(world, START + sale("no-cvm") + ENDS))
        assert value in seen["declined"] and shown in seen["declined"]
        assert (slip_of(world, "notice")["code"], slip_of(world, "notice")["then"]) == (value, printed)
        assert states(world) == ("declined",)


@pytest.mark.parametrize(("value", "shown"), [("61", "Check amount"), ("51", "Insufficient funds ✔OK")])
def test_a_wallets_refusal_says_nothing_about_cards(value: str, shown: str) -> None:
    with World(f"wallet {value}") as world:
        world.acquirer.faults.add(code(value))
        seen = glass(world)
        scan = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\n"
        world.run(play(world, START + scan + "declined: ENTER\nidle:"))
        assert shown in seen["declined"]


def test_77_says_sign_in_and_the_next_sale_does() -> None:
    story = sale("no-cvm") + "declined: ENTER\nremove_card: remove\nidle: ENTER\nsigning_in:\n" + sale("no-cvm")
    with World("next 77") as world:
        world.acquirer.faults.add(code("77"))
        seen = glass(world)
        world.run(play(world, START + story + "approved:\nremove_card: remove\nidle:"))
        assert "Sign in" in seen["declined"]
        assert states(world) == ("declined", "completed")


def test_45_to_a_stripe_says_use_the_chip_and_asks_for_it() -> None:
    story = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: swipe stripe-debit\nenter_pin: 123456 ENTER\n"
    with World("next 45") as world:
        world.acquirer.faults.add(code("45"))
        seen = glass(world)
        world.run(play(world, START + story + "declined: ENTER\ninsert_card: insert no-cvm\napproved:"))
        assert "Use the chip" in seen["declined"]


def test_a_card_to_be_kept_is_not_asked_to_be_taken() -> None:
    with World("keep") as world:
        seen = glass(world)
        story = sale("lost") + "enter_pin: 123456 ENTER\ndeclined: ENTER\nkeep_card: wait 3 remove\nidle:"
        world.run(play(world, START + story))
        assert "remove_card" not in world.eyes.history
        assert "Keep card" in seen["declined"]
        notice = slip_of(world, "notice")
        assert (notice["code"], notice["then"]) == ("41", "keep-card")
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_swiped_card_to_be_kept_is_told_until_somebody_has_read_it() -> None:
    story = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: swipe stripe-debit\nenter_pin: 123456 ENTER\n"
    with World("keep swiped") as world:
        world.acquirer.faults.add(code("04"))
        world.run(play(world, START + story + "declined: ENTER\nkeep_card: wait 20 ENTER\nidle:"))
        assert states(world) == ("declined",)


def test_an_acquirer_that_wants_no_cards_kept_has_them_given_back() -> None:
    profile = dataclasses.replace(load_profile("unionpay"), keep_card_codes=())
    with World("keep none", profile=profile) as world:
        world.acquirer.faults.add(code("41"))
        world.run(play(world, START + sale("no-cvm") + ENDS))
        assert "keep_card" not in world.eyes.history
        assert slip_of(world, "notice")["then"] == "other-card"


def test_an_approval_to_be_confirmed_says_so_on_screen_and_slip() -> None:
    acquirer = HostileAcquirer()
    acquirer.meddle("0210", {39: "A2"})
    with World("confirm", acquirer=acquirer) as world:
        seen = glass(world)
        world.run(play(world, START + sale("no-cvm") + "approved:\nremove_card: remove\nidle:"))
        assert "Ask issuer" in seen["approved"]
        assert slip_of(world, "card")["then"] == "confirm"
        assert discrepancies(world.journal, acquirer) == []


@pytest.mark.parametrize("value", ["XQ", "09"])
def test_an_answer_that_says_nothing_for_certain_is_told_with_its_code_and_reversed(value: str) -> None:
    with World(f"unsure {value}") as world:
        world.acquirer.faults.add(code(value))
        seen = glass(world)
        story = sale("no-cvm") + "reversal_pending: ENTER\nremove_card: remove\n" + sale("no-cvm") + "approved:"
        world.run(play(world, START + story))
        assert value in seen["reversal_pending"]
        notice: Mapping[str, Any] = slip_of(world, "notice")
        assert (notice["code"], notice["zh"], notice["ending"]) == (value, lookup(value).zh, "reversing")
        assert states(world)[0] == "reversed"


def test_a_balance_whose_answer_says_nothing_for_certain_is_told_with_its_code() -> None:
    with World("unsure balance") as world:
        world.acquirer.faults.add(code("09"))
        seen = glass(world)
        ask = to_transaction("balance") + "insert_card: insert unionpay-credit-pin\nenter_pin: 123456 ENTER\n"
        world.run(play(world, START + ask + ENDS))
        assert "09" in seen["declined"]
        assert states(world) == ("abandoned",)


@pytest.mark.parametrize("way", ["insert_card: insert unionpay-credit-pin\n", "insert_card: swipe stripe-debit\n"])
@pytest.mark.parametrize("kind", [FaultKind.DROP_REPLY, FaultKind.WRONG_MAC])
def test_a_balance_that_was_sent_and_not_answered_says_so(kind: FaultKind, way: str) -> None:
    """It was sent, so nothing may say that it was not: no answer, no money moved, and when to ask again."""
    with World(f"unanswered balance {kind.value}") as world:
        world.acquirer.faults.add(Fault(kind, mti="0200"))
        seen = glass(world)
        ends = "not_answered: ENTER\n" + ("remove_card: remove\n" if "insert unionpay" in way else "") + "idle:"
        world.run(play(world, START + to_transaction("balance") + way + "enter_pin: 123456 ENTER\n" + ends))
        assert {"nothing_sent", "declined"}.isdisjoint(seen)
        why = {FaultKind.DROP_REPLY: "Host silent", FaultKind.WRONG_MAC: "False host reply"}[kind]
        assert seen["not_answered"] == f"No result Unpaid {why} Try later ✔OK"
        notice: Mapping[str, Any] = slip_of(world, "notice")
        assert (notice["ending"], notice["then"]) == ("unanswered", "wait")
        assert states(world) == ("abandoned",)


def test_a_balance_of_which_no_byte_left_was_not_sent() -> None:
    with World("unsent balance") as world:
        seen = glass(world)
        ask = to_transaction("balance") + "insert_card: host refused insert unionpay-credit-pin\n"
        story = START + ask + "enter_pin: 123456 ENTER\nnothing_sent: ENTER\nremove_card: remove\nidle:"
        world.run(play(world, story))
        assert "not_answered" not in seen
        assert slip_of(world, "notice")["ending"] == "not-sent"
