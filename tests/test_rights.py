"""Who may do what: the table is whole, a role loses nothing by rising, and the menus keep to it."""

from __future__ import annotations

import dataclasses

import pytest
from hearing_host import HearingHost
from shop_days import START

from sim.books import all_payments
from sim.story import play, to_menu, to_transaction
from sim.world import World
from terminal.config.settings import OFFERABLE
from terminal.flows.power_on import MENU
from terminal.flows.transactions import GROUPS, SALE
from terminal.rights import RIGHTS, TRANSACTIONS, Right, Role, least, right

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

PASSWORD = "operator_password: 4321 ENTER\noperator_password: wait 1 4321 ENTER\n"
ROLE_KEY = {role: at for at, role in enumerate(Role, 1)}


def key_of(entry: str) -> str:
    """A row of the main menu: from the tenth on no digit reaches it."""
    at = MENU.index(f"menu.{entry}")
    return str(at + 1) if at < 9 else "UP " * (len(MENU) - at) + "ENTER"


def opened(entry: str) -> str:
    return f"idle: UP\nmenu: {key_of(entry)}\n"


def changed_to(role: Role) -> str:
    """Operator 02 of this role is added and signs in."""
    add = opened("add_operator") + f"enter_number: 02 ENTER\nmenu: {ROLE_KEY[role]}\n{PASSWORD}problem: ENTER\n"
    return add + opened("operator") + "enter_number: CLEAR CLEAR 02 ENTER\noperator_password: 4321 ENTER\nidle:\n"


def test_every_entry_of_every_menu_has_its_row_and_no_row_is_without_one() -> None:
    listed = [name for _, rows in GROUPS for name, _ in rows]
    assert set(listed) | {entry.removeprefix("menu.") for entry in MENU} | {"reconcile"} == set(RIGHTS)
    assert set(listed) == {SALE, *OFFERABLE} == set(TRANSACTIONS)
    assert max(len(rows) for _, rows in GROUPS) <= 9


@pytest.mark.parametrize("entry", RIGHTS)
def test_who_rises_loses_nothing(entry: str) -> None:
    order = (Right.NO, Right.ASK, Right.MAY)
    ranks = [order.index(right(role, entry)) for role in Role]
    assert ranks == sorted(ranks)


def test_a_merchant_may_want_a_supervisor_elsewhere_but_lifts_no_refusal() -> None:
    assert right(Role.CASHIER, "void") is Right.ASK
    assert right(Role.CASHIER, "void", ()) is Right.MAY
    assert right(Role.CASHIER, "sale", ("sale",)) is Right.ASK
    assert right(Role.CASHIER, "load_keys", ()) is Right.NO
    assert right(Role.CASHIER, "set_clock", ()) is Right.ASK, "the setting is about transactions"
    assert least("load_keys") is Role.ADMINISTRATOR


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("entry", ["load_keys", "add_operator", "downloads"])
def test_the_main_menu_refuses_whom_the_table_refuses(entry: str, role: Role) -> None:
    ways_out = {"load_keys": "menu: CANCEL", "add_operator": "enter_number: CANCEL", "downloads": "downloads: CANCEL"}
    refused = right(role, entry) is Right.NO
    ending = "refused: ENTER" if refused else ways_out[entry]
    with World(f"{role} {entry}") as world:
        world.run(play(world, START + changed_to(role) + opened(entry) + f"{ending}\nidle:"))


def test_nobody_gives_away_more_than_they_may() -> None:
    """A supervisor's menu of roles has two rows: the third digit takes nothing."""
    add = opened("add_operator") + "enter_number: 03 ENTER\nmenu: 3 CANCEL\nidle:"
    with World("climbing") as world:
        world.run(play(world, START + changed_to(Role.SUPERVISOR) + add))
        operators = world.journal.transact(lambda tx: tx.get("operators", {}))
    assert {number: each["role"] for number, each in operators.items()} == {"01": "administrator", "02": "supervisor"}


def test_a_cashier_s_refund_waits_for_a_supervisor_and_a_cashier_is_none() -> None:
    """Their own password opens nothing; a supervisor's does."""
    asked = to_transaction("refund")
    own = asked + "enter_number: CLEAR CLEAR 02 ENTER\noperator_password: 4321 ENTER\nrefused: ENTER\n"
    theirs = asked + "enter_number: ENTER\noperator_password: 1234 ENTER\nenter_number: CANCEL\nidle:"
    with World("consent", acquirer=HearingHost()) as world:
        world.run(play(world, START + changed_to(Role.CASHIER) + own + theirs))
        assert all_payments(world.journal) == ()


def test_every_row_of_the_journal_says_who_did_it_and_who_agreed() -> None:
    """The cashier's void is agreed to by 01, and nothing after it is: not the sale, not the settlement."""
    sold = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert signature\napproved:\nremove_card: remove\n"
    asked = to_transaction("void") + "enter_number: 2 ENTER\noriginal: ENTER\n"
    own = asked + "enter_number: CLEAR CLEAR 02 ENTER\noperator_password: 4321 ENTER\nrefused: ENTER\nidle:\n"
    agreed = asked + "enter_number: ENTER\noperator_password: 1234 ENTER\n"
    taken_back = "insert_card: insert signature\napproved:\nremove_card: remove\nidle:\n"
    with World("who agreed", acquirer=HearingHost()) as world:

        async def people() -> None:
            await play(world, START + changed_to(Role.CASHIER))
            first = world.journal.last_n
            await play(world, sold + own)
            assert told(first) == {("02", "")}
            begun = world.journal.last_n
            await play(world, agreed + taken_back)
            assert ("02", "01") in told(begun)
            (event,) = (e for e in world.journal.events_after(begun) if e.kind == "payment")
            assert (event.body["kind"], event.body["operator"], event.body["approved_by"]) == ("void", "02", "01")
            assert "1234" not in repr(world.journal.events_after(begun))
            after = world.journal.last_n
            await play(world, sold + to_menu("settlement") + "confirm_settlement: ENTER\nsettled: ENTER\nidle:")
            assert {"mode", "batch-settled"} <= {event.kind for event in world.journal.events_after(after)}
            assert told(after) == {("02", "")}

        def told(after: int) -> set[tuple[str, str]]:
            bodies = [event.body for event in world.journal.events_after(after)]
            return {(str(body.get("operator", "")), str(body.get("approved_by", ""))) for body in bodies}

        world.run(people())
        world.journal.verify()
        before = all_payments(world.journal)
        world.journal.rebuild()
        assert all_payments(world.journal) == before


def test_a_clock_that_a_cashier_sets_is_the_setting_of_whoever_agreed() -> None:
    asked = opened("set_clock") + "enter_number: ENTER\noperator_password: 1234 ENTER\n"
    with World("clock agreed") as world:
        world.run(play(world, START + changed_to(Role.CASHIER) + asked + "enter_number: ENTER\nidle:"))
        found = [e.body for e in world.journal.events_after(0) if e.body.get("name") == "clock_seen_ms"][-1]
    assert (found["operator"], found["approved_by"]) == ("02", "01")


def test_a_terminal_from_before_there_were_administrators_keeps_its_first_operator_as_one() -> None:
    with World("before") as world:

        async def people() -> None:
            await play(world, START)
            known = world.journal.transact(lambda tx: tx.get("operators", {}))
            old = {"01": {**known["01"], "role": "supervisor"}}
            world.journal.transact(lambda tx: tx.set("operators", old))
            await play(world, opened("load_keys") + "menu: CANCEL\nidle:")

        world.run(people())


def test_the_groups_show_what_is_offered_and_one_group_is_no_menu() -> None:
    with World("one", acquirer=HearingHost()) as world:
        rights = dataclasses.replace(world.config.transactions, offered=("void",))
        world.shop.config = dataclasses.replace(world.config, transactions=rights)
        direct = to_transaction("void", ("void",))
        assert direct.count("menu:") == 2
        world.run(play(world, START + direct + "enter_number: CANCEL\nidle:"))
    assert to_transaction("balance").count("menu:") == 3
