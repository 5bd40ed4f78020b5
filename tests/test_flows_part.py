"""部分金额批准: an issuer that approves a part only, by what merchant and customer make of it.

Whatever they choose, terminal and host agree on what was charged, also after a cut, a lost reversal and a void.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from test_flows_hostile_host import HostileAcquirer
from test_flows_stories import OPERATOR, START, sale
from test_flows_trouble import SETTLE, slip_of, states

from sim.acquirer import Acquirer, Fault, FaultKind
from sim.books import all_payments, discrepancies
from sim.loop import START_WALL_MS
from sim.story import play, to_transaction
from sim.world import World
from terminal.config.settings import Transactions
from terminal.model import Method

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

PART = Fault(FaultKind.PARTIAL)
TAKEN = "part_approved: ENTER\napproved:\n"
LEFT = "remove_card: remove\nstill_due: CANCEL\nidle:\n"


def world_of(name: str, *faults: Fault, **more: Any) -> World:
    """A merchant who wants to be asked."""
    world = World(name, **more)
    world.shop.config = dataclasses.replace(world.config, transactions=Transactions(partial="ask"))
    for fault in faults:
        world.acquirer.faults.add(fault)
    return world


def balances(world: World) -> int:
    return sum(account.balance_minor for account in world.acquirer.registry.accounts.values())


@pytest.mark.parametrize("card", ["unionpay-credit-pin", "no-cvm"])
def test_the_part_is_sold_told_and_settled(card: str) -> None:
    pin = "enter_pin: 123456 ENTER\n" if card == "unionpay-credit-pin" else ""
    seen: dict[str, str] = {}
    with world_of(f"part {card}", PART) as world:
        before = balances(world)
        world.on_show = lambda picture: seen.update({picture.name: " ".join(picture.text())})
        world.run(play(world, START + sale(card) + pin + TAKEN + LEFT + SETTLE + "settled: ENTER\nidle:"))
        (payment,) = all_payments(world.journal)
        assert (payment.state.value, payment.amount.amount_minor) == ("settled", 6425)
        assert all("64.25" in seen[name] for name in ("part_approved", "approved", "still_due", "settled"))
        slip = slip_of(world, "card")
        assert (slip["amount"]["amount_minor"], slip["asked"]["amount_minor"]) == (6425, 12850)
        assert slip_of(world, "settlement")["domestic"] == "balanced"
        assert before - balances(world) == 6425
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_swiped_part_is_sold_and_the_rest_paid_in_cash() -> None:
    story = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: swipe stripe-debit\nenter_pin: 123456 ENTER\n" + TAKEN
    with world_of("part and cash", PART) as world:
        rest = "still_due: ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\nidle:"
        world.run(play(world, START + story + rest))
        cash, card = all_payments(world.journal)
        assert (card.method, card.amount.amount_minor, card.state.value) == (Method.CARD, 6425, "completed")
        assert (cash.method, cash.amount.amount_minor, cash.state.value) == (Method.CASH, 6425, "completed")
        assert discrepancies(world.journal, world.acquirer) == []


@pytest.mark.parametrize("answer", ["CANCEL", "wait 70"], ids=["no", "silence"])
def test_a_part_that_nobody_takes_is_undone(answer: str) -> None:
    with world_of(f"no part {answer}", PART) as world:
        before = balances(world)
        story = sale("no-cvm") + f"part_approved: {answer}\nreversal_done: ENTER\nremove_card: remove\nidle:"
        world.run(play(world, START + story))
        assert (states(world), balances(world)) == (("reversed",), before)
        notice = slip_of(world, "notice")
        assert (notice["code"], notice["ending"], notice["amount"]["amount_minor"]) == ("10", "reversed", 12850)
        assert discrepancies(world.journal, world.acquirer) == []


def test_the_merchant_who_does_not_want_to_be_asked_is_not() -> None:
    with World("refuse") as world:
        world.acquirer.faults.add(PART)
        world.run(play(world, START + sale("no-cvm") + "reversal_done: ENTER\nremove_card: remove\nidle:"))
        assert "part_approved" not in world.eyes.history
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_card_that_refuses_after_the_part_was_taken_is_reversed_with_what_was_asked_for() -> None:
    with world_of("part refused", PART) as world:
        before = balances(world)
        story = sale("declines-after-approval") + "enter_pin: 123456 ENTER\npart_approved: ENTER\n"
        world.run(play(world, START + story + "reversal_done: ENTER\nremove_card: remove\nidle:"))
        assert (states(world), balances(world)) == (("reversed",), before)
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_card_pulled_out_while_the_merchant_thinks_is_reversed() -> None:
    with world_of("part pulled", PART) as world:
        story = sale("no-cvm") + "part_approved: remove wait 2 ENTER\nreversal_done: ENTER\nidle:"
        world.run(play(world, START + story))
        assert states(world) == ("reversed",)
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_part_is_voided_as_the_part() -> None:
    void = to_transaction("void") + "enter_number: 2 ENTER\noriginal: ENTER\nenter_number: ENTER\n"
    void += "operator_password: 1234 ENTER\ninsert_card: insert no-cvm\napproved:\nremove_card: remove\nidle:"
    with world_of("part voided", PART) as world:
        before = balances(world)
        world.run(play(world, START + sale("no-cvm") + TAKEN + LEFT + void))
        assert (states(world), balances(world)) == (("voided", "completed"), before)
        assert discrepancies(world.journal, world.acquirer) == []


@pytest.mark.parametrize("told", ["000000012850", "000000012851", "000000000000"])
def test_an_amount_that_is_no_part_is_no_question(told: str) -> None:
    host = HostileAcquirer()
    host.meddle("0210", {39: "10", 4: told})
    with world_of("no part at all", acquirer=host) as world:
        world.run(play(world, START + sale("no-cvm") + "reversal_done: ENTER\nremove_card: remove\nidle:"))
        assert states(world) == ("reversed",)
        assert discrepancies(world.journal, host) == []


@pytest.mark.parametrize("at", ["part_approved:", "part_approved: ENTER\napproved:"], ids=["asked", "taken"])
def test_the_power_goes_while_a_part_is_decided_upon(at: str, tmp_path: Path) -> None:
    """Before the yes it is undone; after it, and after the card's last word, it stands."""
    host = Acquirer(seed=1)
    with world_of("part cut", PART, acquirer=host, data=tmp_path) as world:
        world.run(play(world, START + sale("no-cvm") + at))
    later = START_WALL_MS + 600_000
    with world_of("part cut", acquirer=host, data=tmp_path, start_wall_ms=later) as world:
        world.run(play(world, OPERATOR + "idle:\n" + sale("no-cvm") + "approved:\nremove_card: remove\nidle:"))
        assert states(world) == ("completed" if "ENTER" in at else "reversed", "completed")
        assert discrepancies(world.journal, host) == []
