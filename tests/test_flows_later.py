"""Refund, pre-authorisation and its ends, balance: requests, journal, paper, and every refusal at the terminal."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hearing_host import HearingHost
from shop_days import AGREES, START, offer, payments, states

from sim.acquirer import Fault, FaultKind, TerminalRow
from sim.acquirer.caller import Caller, new_card
from sim.acquirer.registry import TEST_MERCHANT
from sim.books import discrepancies
from sim.loop import START_WALL_MS
from sim.story import play, to_transaction
from sim.world import World
from terminal.flows.recovery import end_running
from terminal.hostlink.codec import FrameError
from terminal.hostlink.details import read_balance
from terminal.hostlink.profile import load_profile

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

DONE = "approved:\nremove_card: remove\n"
SALE = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert signature\n" + DONE
AUTH = to_transaction("auth") + "enter_amount: 10000 ENTER\ninsert_card: insert signature\n" + DONE


def fact(world: World, at: int, name: str) -> str:
    return str(payments(world)[at].facts[name])


def about(number: str, amount: str) -> str:
    """The date stands there already: today's."""
    return f"enter_number: {number} ENTER\nenter_number: ENTER\nenter_amount: {amount} ENTER\n"


def run(world: World, first: str, then: Callable[[], str]) -> None:
    """`then` is told once `first` is over: it needs numbers off the first slips."""

    async def people() -> None:
        await play(world, START + first + "idle: CANCEL\n")
        await play(world, then())

    world.run(people())


CARD = "insert_card: insert signature\n"
OTHER_DONE = "remove_card: remove\nidle:"


def refund(rrn: str, amount: str) -> str:
    return to_transaction("refund") + AGREES + about(rrn, amount)


@pytest.mark.parametrize("lost", [False, True])
def test_what_a_refund_has_given_back_or_may_have_is_not_voided(lost: bool) -> None:
    """A void gives back the whole: the host would be asked for more than was paid."""
    host = HearingHost()
    if lost:
        host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0220"))
    ended = "outcome_unknown: ENTER\nremove_card: remove\n" if lost else DONE
    void = to_transaction("void") + "enter_number: 2 ENTER\nrefused: ENTER\nidle:"
    with World("refunded", acquirer=host) as world:
        run(world, SALE, lambda: refund(fact(world, 0, "rrn"), "2850") + CARD + ended + void)
        assert states(world) == [("sale", "completed"), ("refund", "unknown" if lost else "completed")]
        assert [request.mti for request in host.asked] == ["0220"]


def test_a_refund_approved_for_a_part_is_nothing_that_anybody_knows() -> None:
    """It cannot be reversed, and its slip may not say that the whole is back. Spec: docs/host-link.md §8."""

    host = HearingHost()
    host.faults.add(Fault(FaultKind.PARTIAL, mti="0220"))
    with World("half", acquirer=host) as world:
        part = CARD + "outcome_unknown: ENTER\n" + OTHER_DONE
        run(world, SALE, lambda: refund(fact(world, 0, "rrn"), "2850") + part)
        assert states(world) == [("sale", "completed"), ("refund", "unknown")]
        assert [request.mti for request in host.asked] == ["0220"]
        assert [entry.amount_minor for entry in host.book.entries] == [12850, 1425]
        assert discrepancies(world.journal, host) == []


def test_a_refund_that_nobody_knows_the_end_of_has_one_paper_wherever_the_power_goes() -> None:
    """It goes while somebody reads that nobody knows; the start after the next one finds the paper there."""
    host = HearingHost()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0220"))
    with World("cut", acquirer=host) as world:
        run(world, SALE, lambda: refund(fact(world, 0, "rrn"), "2850") + CARD + "outcome_unknown:\n")
        kept = (world.journal.transact(lambda tx: tx.unprinted()),)
        for _ in range(2):
            world.journal.transact(lambda tx: end_running(world.shop, tx, "power-cut"))
            kept += (world.journal.transact(lambda tx: tx.unprinted()),)
        assert [[(slip.payment_id, slip.kind) for slip in slips] for slips in kept] == [[], *2 * [[(2, "notice")]]]


def test_a_refund_names_its_sale_by_reference_and_date() -> None:
    host = HearingHost()
    with World("refund", acquirer=host) as world:
        run(world, SALE, lambda: refund(fact(world, 0, "rrn"), "2850") + CARD + DONE + "idle:")
        assert states(world) == [("sale", "completed"), ("refund", "completed")]
        (request,) = host.asked
        assert (request.mti, request.text(3), request.text(25), request.text(60)[:2]) == ("0220", "200000", "00", "25")
        assert request.text(61) == "0" * 12 + fact(world, 0, "host_date")
        assert (request.text(37), request.text(4)) == (fact(world, 0, "rrn"), "000000002850")
        assert not {52, 55} & set(request.fields)


def test_all_refunds_of_a_sale_together_stay_within_it() -> None:
    host = HearingHost()
    with World("refunds", acquirer=host) as world:

        def then() -> str:
            rrn = fact(world, 0, "rrn")
            over = refund(rrn, "10001") + "refused: ENTER\n"
            return refund(rrn, "2850") + CARD + DONE + over + refund(rrn, "10000") + CARD + DONE + "idle:"

        run(world, SALE, then)
        assert [p.amount.amount_minor for p in payments(world)[1:]] == [2850, 10000]
        assert len(host.asked) == 2


def test_a_refund_without_an_answer_is_neither_repeated_nor_reversed() -> None:
    host = HearingHost()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0220"))
    with World("refund-lost", acquirer=host) as world:

        def then() -> str:
            rrn = fact(world, 0, "rrn")
            lost = refund(rrn, "2850") + CARD + "outcome_unknown: ENTER\nremove_card: remove\n"
            # What may have been given back counts, and the next sale sends nothing about it.
            return lost + refund(rrn, "10001") + "refused: ENTER\n" + SALE + "idle:"

        run(world, SALE, then)
        assert states(world) == [("sale", "completed"), ("refund", "unknown"), ("sale", "completed")]
        assert [message.mti for message in host.asked] == ["0220"]


def sold_elsewhere(host: HearingHost, folder: Path) -> str:
    """A sale of 128.50 at the merchant's other terminal: its reference number."""
    host.registry.add_terminal(TerminalRow(TEST_MERCHANT, "10000002"))
    caller = Caller(lambda frame: host.handle(frame, START_WALL_MS), host.profile, folder, terminal_no="10000002")
    caller.sign_in()
    reply = caller.sale(12850, new_card("signature"))
    assert reply is not None and reply.text(39) == "00"
    return reply.text(37)


def test_a_refund_of_another_terminals_sale_is_the_hosts_to_judge(tmp_path: Path) -> None:
    host = HearingHost()
    rrn = sold_elsewhere(host, tmp_path)
    with World("foreign", acquirer=host) as world:
        declined = CARD + "declined: ENTER\nremove_card: remove\n"
        story = refund(rrn, "12851") + declined + refund(rrn, "99") + CARD + DONE + refund(rrn[:-1] + "9", "1")
        world.run(play(world, START + story + declined + "idle:"))
        assert states(world) == [("refund", "declined"), ("refund", "completed"), ("refund", "declined")]
        assert [fact(world, at, "response_code") for at in range(3)] == ["64", "00", "25"]


def test_a_refund_goes_to_the_card_that_paid() -> None:
    host = HearingHost()
    with World("refund-card", acquirer=host) as world:
        other = "insert_card: insert no-cvm\ncard_problem: ENTER\n" + OTHER_DONE
        run(world, SALE, lambda: refund(fact(world, 0, "rrn"), "100") + other)
        assert (states(world)[1], host.asked) == (("refund", "abandoned"), [])


def end(name: str, code: str, amount: str) -> str:
    return to_transaction(name) + (AGREES if name == "auth-void" else "") + about(code, amount)


def skip_pin() -> str:
    """No PIN went with this card's authorisation, and the terminal knows that."""
    return CARD + DONE


def test_an_authorisation_is_completed_up_to_its_limit_and_the_completion_voided() -> None:
    host = HearingHost()
    with World("auth", acquirer=host) as world:

        def then() -> str:
            code = fact(world, 0, "auth_code")
            over = end("completion", code, "11501") + "refused: ENTER\n"
            completed = end("completion", code, "11500") + skip_pin()
            again = end("completion", code, "100") + "refused: ENTER\n"
            void = to_transaction("void") + "enter_number: 3 ENTER\noriginal: ENTER\n" + AGREES + CARD + DONE
            return over + completed + again + void + end("completion", code, "9000") + skip_pin() + "idle:"

        run(world, AUTH, then)
        assert states(world) == [
            ("auth", "completed"),
            ("completion", "voided"),
            ("completion-void", "completed"),
            ("completion", "completed"),
        ]
        first, completion, void, _ = host.asked
        assert (first.mti, first.text(3), first.text(25), first.text(60)[:2]) == ("0100", "030000", "06", "10")
        assert 55 in first.fields
        assert (completion.mti, completion.text(60)[:2], completion.text(25)) == ("0200", "20", "06")
        assert completion.text(61) == "0" * 12 + fact(world, 0, "host_date")
        assert completion.text(38) == fact(world, 0, "auth_code")
        assert (void.text(3), void.text(60)[:2], void.text(25)) == ("200000", "21", "06")


def test_an_authorisation_is_voided_whole_and_once() -> None:
    host = HearingHost()
    with World("auth-void", acquirer=host) as world:

        def then() -> str:
            code = fact(world, 0, "auth_code")
            part = end("auth-void", code, "9999") + "refused: ENTER\n"
            done = end("auth-void", code, "10000") + skip_pin()
            refused = "refused: ENTER\n"
            again = end("auth-void", code, "10000") + refused + end("completion", code, "10000") + refused
            return part + done + again + "idle:"

        run(world, AUTH, then)
        assert states(world) == [("auth", "voided"), ("auth-void", "completed")]
        void = host.asked[1]
        assert (void.mti, void.text(3), void.text(60)[:2], void.text(25)) == ("0100", "200000", "11", "06")


def test_a_balance_is_shown_and_written_nowhere() -> None:
    host = HearingHost()
    host.set_balance("signature", 777701)
    with World("balance", acquirer=host) as world:
        shown: list[str] = []
        world.on_show = lambda picture: shown.extend(picture.text() if picture.name == "balance" else ())
        world.run(play(world, START + to_transaction("balance") + CARD + "balance: ENTER\nremove_card: remove\nidle:"))
        assert any("7777.01" in line for line in shown)
        assert states(world) == [("balance", "completed")]
        assert 4 not in host.asked[0].fields
        assert world.printer.slip_count == 1  # The self-test's.
        assert not re.search("7777", str(world.journal.transact(lambda tx: [dict(p.facts) for p in tx.payments()])))


@pytest.mark.parametrize("f54", ["", "1002156C00000001285", "1002840C000000012850", "1002156X000000012850"])
def test_what_is_no_balance_is_refused(f54: str) -> None:
    with pytest.raises(FrameError):
        read_balance(f54)


def test_an_overdrawn_account_is_negative() -> None:
    assert str(read_balance("1002156D000000012850")) == "-128.50"


@pytest.mark.parametrize("number", ["12", "12345678901"])
def test_a_reference_is_twelve_digits(number: str) -> None:
    with World("short", acquirer=HearingHost()) as world:
        typed = AGREES + f"enter_number: {number} ENTER CANCEL\nidle:"
        world.run(play(world, START + to_transaction("refund") + typed))


OWN_CONTRACT = {
    "repayment": ("190000", "00", "35", "38"),
    "points": ("000000", "65", "22", "23"),
    "instalment": ("000000", "64", "22", "23"),
}
TERMS = {"instalment": "choose_terms: 3\n"}


@pytest.mark.parametrize("name", OWN_CONTRACT)
def test_what_has_a_contract_of_its_own_is_done_and_voided_under_its_own_codes(name: str) -> None:
    code, condition, type_, void_type = OWN_CONTRACT[name]
    host = HearingHost()
    with World(name, acquirer=host) as world:
        names = ("void", name)
        offer(world, names)
        done = to_transaction(name, names) + "enter_amount: 12850 ENTER\n" + TERMS.get(name, "") + CARD + DONE
        void = to_transaction("void", names) + "enter_number: 2 ENTER\noriginal: ENTER\n" + AGREES + CARD + DONE
        world.run(play(world, START + done + void + "idle:"))
        assert states(world) == [(name, "voided"), (f"{name}-void", "completed")]
        asked, undone = host.asked
        assert (asked.text(3), asked.text(25), asked.text(60)[:2]) == (code, condition, type_)
        assert (undone.text(3), undone.text(25), undone.text(60)[:2]) == ("200000", condition, void_type)
        assert asked.text(60)[13:] == undone.text(60)[13:] == ("0048" if name == "points" else "")
        assert (55 in asked.fields, 55 in undone.fields) == (True, False)


def test_an_instalment_tells_host_and_paper_over_how_many_months() -> None:
    host = HearingHost()
    profile = dataclasses.replace(load_profile("unionpay"), instalment_product="SPRING", instalment_fee="1")
    with World("terms", acquirer=host, profile=profile) as world:
        offer(world, ("instalment",))
        slips: list[str] = []
        world.printer_said = lambda lines: slips.append(repr(lines))
        asked = to_transaction("instalment", ("instalment",)) + "enter_amount: 120000 ENTER\nchoose_terms: 2\n"
        world.run(play(world, START + asked + CARD + DONE + "idle:"))
    assert host.asked[0].binary(62) == b"06SPRING                        1"
    assert all("INSTALLMENT" in slip and re.search(r"TERMS: +6'", slip) for slip in slips[1:])


def test_points_are_given_back_within_what_was_paid_with_them() -> None:
    host = HearingHost()
    names = ("points", "points-refund")
    with World("points-refund", acquirer=host) as world:
        offer(world, names)

        def then() -> str:
            back = to_transaction("points-refund", names) + AGREES
            over = back + about(fact(world, 0, "rrn"), "12851") + "refused: ENTER\n"
            return over + back + about(fact(world, 0, "rrn"), "2850") + CARD + DONE + "idle:"

        run(world, to_transaction("points", names) + "enter_amount: 12850 ENTER\n" + CARD + DONE, then)
        assert states(world) == [("points", "completed"), ("points-refund", "completed")]
        refund = host.asked[1]
        assert (refund.mti, refund.text(25), refund.text(60)[:2], refund.text(60)[13:]) == ("0220", "65", "25", "0048")
