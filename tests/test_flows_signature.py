"""签名不符: asked after the first copy of a signed payment; a "no" voids it at once, or is not forgotten."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hearing_host import HearingHost
from shop_days import START, states
from test_rights import opened

from sim.acquirer import Fault, FaultKind
from sim.books import all_payments
from sim.card import PROFILES
from sim.loop import START_WALL_MS
from sim.story import OPERATOR, play, to_transaction
from sim.world import World
from terminal.config import Config
from terminal.hostlink.messages import TOTAL_COUNT_LIMIT
from terminal.journal import Tx
from terminal.model import Method, Money, PaymentState

SOLD = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert signature\napproved:\n"
OUT = "remove_card: remove\n"
DIFFERS = "compare_signature: CANCEL\n"
STANDS = "refused: ENTER\n"


def test_a_no_voids_the_sale_at_once_and_its_second_copy_is_not_printed() -> None:
    host = HearingHost()
    with World("no", acquirer=host) as world:
        slips: list[str] = []
        world.printer_said = lambda lines: slips.append(repr(lines))
        world.run(play(world, START + SOLD + DIFFERS + OUT + "approved:\nidle:"))
        assert states(world) == [("sale", "voided"), ("void", "completed")]
        (request,) = host.asked
        assert (request.text(22), request.text(2)) == ("012", PROFILES["signature"].applications[0].pan)
        _, sale, *void = slips
        assert len(void) == 2 and "MERCHANT COPY" in sale
        assert all("NO SIGNATURE" in slip and "____" not in slip for slip in void)


@pytest.mark.parametrize("answer", ["ENTER", "wait 61"])
def test_a_yes_or_nobody_s_answer_leaves_the_sale_alone(answer: str) -> None:
    host = HearingHost()
    with World("yes", acquirer=host) as world:
        world.run(play(world, START + SOLD + f"compare_signature: {answer}\nprinting:\n" + OUT + "idle:"))
        assert (states(world), host.asked) == ([("sale", "completed")], [])
        assert world.printer.slip_count == 1 + 2


@pytest.mark.parametrize(("card", "pin"), [("no-cvm", ""), ("unionpay-credit-pin", "enter_pin: 123456 ENTER\n")])
def test_who_does_not_sign_is_not_compared(card: str, pin: str) -> None:
    with World(card, acquirer=HearingHost()) as world:
        world.run(play(world, START + SOLD.replace("signature", card).replace("approved", pin + "approved") + OUT))
        assert "compare_signature" not in world.eyes.history


def test_a_merchant_who_does_not_offer_it_is_not_asked() -> None:
    with World("not offered", acquirer=HearingHost()) as world:
        none = dataclasses.replace(Config.default().transactions, offered=())
        world.shop.config = dataclasses.replace(world.config, transactions=none)
        world.run(play(world, START + SOLD + OUT + "idle:"))
        assert "compare_signature" not in world.eyes.history


def test_a_declined_void_leaves_the_sale_and_the_menu_tries_again() -> None:
    host = HearingHost()
    host.faults.add(Fault(FaultKind.CODE, processing_code="200000", code="22"))
    with World("declined", acquirer=host) as world:
        again = to_transaction("signature") + "original: ENTER\napproved:\nidle:"

        async def people() -> None:
            await play(world, START + SOLD + DIFFERS + OUT + "declined: ENTER\n" + STANDS + "idle: CANCEL")
            assert states(world) == [("sale", "completed"), ("void", "declined")]
            await play(world, "idle: wait 1\n" + again)

        world.run(people())
        assert states(world) == [("sale", "voided"), ("void", "declined"), ("void", "completed")]


def test_what_was_left_is_tried_again_before_the_batch_is_settled() -> None:
    host = HearingHost()
    host.faults.add(Fault(FaultKind.CODE, processing_code="200000", code="22"))
    with World("settled", acquirer=host) as world:
        settle = "idle: DOWN\nmenu: 4\napproved:\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:"
        world.run(play(world, START + SOLD + DIFFERS + OUT + "declined: ENTER\n" + STANDS + settle))
        assert states(world) == [("sale", "settled"), ("void", "declined"), ("void", "settled")]


def test_what_was_refunded_meanwhile_is_not_taken_back_too() -> None:
    """The void was refused, so somebody has given the money back by a refund: the settlement asks for no void."""
    host = HearingHost()
    host.faults.add(Fault(FaultKind.CODE, processing_code="200000", code="22"))
    with World("refunded", acquirer=host) as world:
        settle = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:"

        async def people() -> None:
            await play(world, START + SOLD + DIFFERS + OUT + "declined: ENTER\n" + STANDS + "idle: CANCEL")
            rrn = all_payments(world.journal)[-1].facts["rrn"]
            named = f"enter_number: {rrn} ENTER\nenter_number: ENTER\nenter_amount: 12850 ENTER\n"
            refund = to_transaction("refund") + "enter_number: ENTER\noperator_password: 1234 ENTER\n" + named
            given_back = "insert_card: insert signature\napproved:\n" + OUT
            await play(world, "idle: wait 1\n" + refund + given_back + settle)

        world.run(people())
        assert states(world) == [("sale", "settled"), ("void", "declined"), ("refund", "settled")]
        assert [request.mti for request in host.asked] == ["0200", "0220"]


def test_what_was_left_is_tried_again_before_a_full_batch_is_settled() -> None:
    """Its void is one more than the batch holds, and fits: F48 counts what is taken back by itself."""
    host = HearingHost()
    host.faults.add(Fault(FaultKind.CODE, processing_code="200000", code="22"))

    def fill(tx: Tx) -> None:
        for _ in range(TOTAL_COUNT_LIMIT - 1):
            tx.move(tx.new_payment(Method.CASH, Money(1), "01").id, PaymentState.COMPLETED)

    with World("full", acquirer=host) as world:
        world.run(play(world, START + SOLD + DIFFERS + OUT + "declined: ENTER\n" + STANDS + "idle:"))
        world.journal.transact(fill)
        full = "idle: 1\nrefused: ENTER\napproved:\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:"
        world.run(play(world, full))
        by_card = [(p.kind.value, p.state.value) for p in all_payments(world.journal) if p.method is Method.CARD]
        assert sorted(by_card) == [("sale", "settled"), ("void", "declined"), ("void", "settled")]
        (settled,) = host.book.all_batches()
        assert settled.settlement is not None and settled.settlement.balanced


def test_an_unanswered_void_is_reversed_and_tried_again_after_the_next_sign_in() -> None:
    """The sale is made, so that the host takes the void's reversal; the next start of a day makes the void good."""
    host = HearingHost()
    host.faults.add(Fault(FaultKind.DROP_REPLY, processing_code="200000"))
    with World("silent", acquirer=host) as world:
        lost = SOLD + DIFFERS + OUT + "reversal_pending: ENTER\n" + STANDS
        operator = opened("operator") + "enter_number: ENTER\noperator_password: 1234 ENTER\n"
        world.run(play(world, START + lost + operator + "reversing:\napproved:\nidle:"))
        assert states(world) == [("sale", "voided"), ("void", "reversed"), ("void", "completed")]


def test_a_no_that_a_power_cut_has_interrupted_is_carried_out_after_the_start(tmp_path: Path) -> None:
    host = HearingHost()
    with World("first", acquirer=host, data=tmp_path) as world:

        world.run(play(world, START + SOLD + DIFFERS + "remove_card:"))
        assert world.journal.transact(lambda tx: tx.with_fact("signature", "differs"))
    with World("second", acquirer=host, data=tmp_path, start_wall_ms=START_WALL_MS + 600_000) as world:
        world.run(play(world, OPERATOR + "approved:\nidle:"))
        assert states(world)[0] == ("sale", "voided")


def test_what_is_seen_later_is_durable_before_the_host_is_asked(tmp_path: Path) -> None:
    """The power goes while the void is on the line: the void is reversed, and the next start takes the sale back."""
    host = HearingHost()
    with World("seen later", acquirer=host, data=tmp_path) as world:
        later = to_transaction("signature") + "original: ENTER\nwaiting:"
        world.run(play(world, START + SOLD + "compare_signature: ENTER\nprinting:\n" + OUT + later))
        assert states(world) == [("sale", "completed"), ("void", "requested")]
    with World("the next start", acquirer=host, data=tmp_path, start_wall_ms=START_WALL_MS + 600_000) as world:
        world.run(play(world, OPERATOR + "approved:\nidle:"))
        assert states(world) == [("sale", "voided"), ("void", "reversed"), ("void", "completed")]


def test_what_is_left_to_take_back_is_said_no_second_time() -> None:
    """The journal's second word of it is that nothing came of taking it back; another "no" at the menu adds none."""
    host = HearingHost()
    host.faults.add(Fault(FaultKind.CODE, processing_code="200000", code="22"))
    with World("said once", acquirer=host) as world:
        left = START + SOLD + DIFFERS + OUT + "declined: ENTER\n" + STANDS
        world.run(play(world, left + to_transaction("signature") + "original: ENTER\napproved:\nidle:"))
        said = [e for e in world.journal.events_after(0, 1_000) if "signature" in e.body.get("facts", {})]
        assert ([e.kind for e in said], states(world)[0]) == (["noted", "noted"], ("sale", "voided"))


def test_a_completion_is_taken_back_by_its_own_void() -> None:
    host = HearingHost()
    with World("completion", acquirer=host) as world:
        auth = to_transaction("auth") + "enter_amount: 10000 ENTER\ninsert_card: insert signature\napproved:\n" + OUT

        async def people() -> None:
            await play(world, START + auth + "idle: CANCEL")
            code = all_payments(world.journal)[0].facts["auth_code"]
            typed = f"enter_number: {code} ENTER\nenter_number: ENTER\nenter_amount: 9000 ENTER\n"
            done = "insert_card: insert signature\napproved:\n" + DIFFERS + OUT + "approved:\nidle:"
            await play(world, "idle: wait 1\n" + to_transaction("completion") + typed + done)

        world.run(people())
        assert states(world) == [("auth", "completed"), ("completion", "voided"), ("completion-void", "completed")]
        assert all(p.state is not PaymentState.UNKNOWN for p in all_payments(world.journal))
