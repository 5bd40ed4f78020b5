"""The order before an online card transaction, why a sign-in is due, what a header asks for, what is said by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from shop_days import START, payments, run

from drivers.ports import PaperLine, Text
from sim.acquirer import Acquirer, Fault, FaultKind
from sim.story import to_menu
from sim.world import World
from terminal.hostlink.codec import Message, decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.messages import TOTAL_COUNT_LIMIT
from terminal.journal import Tx
from terminal.methods.requirements import REQUIREMENTS, WISHES, Wish
from terminal.methods.reversal import blocking_reversals, pending_reversals
from terminal.methods.sign_in_due import KEY_AGE_MS, Due, reason
from terminal.model import Method, Mode, Money, PaymentState
from terminal.screens import catalogue
from terminal.screens.catalogue.samples import SIGN_IN_REASONS
from terminal.strings import Words

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

DONE = "approved:\nremove_card: remove\n"
SALE = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert no-cvm\n" + DONE
REFUSED_SALE = "idle: 12850 ENTER\nchoose_method: 1\n"
MENU_HOST, MENU_REPORTS = to_menu("host"), to_menu("reports")


class Host(Acquirer):
    """Remembers every request as MTI and 60.3."""

    def __init__(self) -> None:
        super().__init__(seed=7)
        self.heard: list[Message] = []

    def handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        self.heard.append(decode(unwrap(frame, self.profile).body, self.profile))
        return super().handle(frame, now_ms)

    @property
    def codes(self) -> list[str]:
        return [f"{message.mti}/{message.text(60)[8:11]}" for message in self.heard]


def due(world: World) -> Due:
    return world.journal.transact(reason)


# Why a sign-in is due


async def grow_old(world: World) -> None:
    world.journal.transact(lambda tx: tx.set("signed_in_ms", tx.now_ms - KEY_AGE_MS))


async def change(world: World) -> None:
    world.shop.own_profile = dataclasses.replace(world.shop.own_profile, terminal_capability="6")


async def lose_keys(world: World) -> None:
    world.shop.keys.discard_working_keys()


LOOKED_FOR = {Due.AGE: grow_old, Due.CHANGED: change, Due.NO_KEYS: lose_keys}


@pytest.mark.parametrize("why", LOOKED_FOR, ids=lambda why: why.value)
def test_what_nothing_announces_is_looked_for_before_each_sale(why: Due) -> None:
    host = Host()
    with World(f"due-{why.value}", acquirer=host) as world:
        run(world, START + SALE + "idle: CANCEL\n", LOOKED_FOR[why])
        asked = len(host.heard)
        run(world, REFUSED_SALE + "sign_in_due: ENTER\nidle:\n")
        assert due(world) is why
        assert len(host.heard) == asked
        run(world, "idle: ENTER\nsigning_in:\nidle:\n" + SALE + "idle:")
        assert [p.state for p in payments(world)] == [PaymentState.COMPLETED] * 2


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(FaultKind.CODE, mti="0200", code="77"), Due.LOST_BATCH),
        (Fault(FaultKind.CODE, mti="0200", code="99"), Due.PIN_FORMAT),
        (Fault(FaultKind.CODE, mti="0200", code="A0"), Due.MAC_FAILED),
        (Fault(FaultKind.REQUIREMENT, mti="0200", digit=3), Due.HEADER),
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_what_a_host_demands_with_its_answer(fault: Fault, why: Due) -> None:
    host = Host()
    host.faults.add(fault)
    with World(f"demand-{why.value}", acquirer=host) as world:
        end = DONE if why is Due.HEADER else "declined: ENTER\nremove_card: remove\n"
        run(world, START + SALE.replace(DONE, end) + "idle: 100\nsign_in_due: ENTER\nidle:")
        assert due(world) is why


def test_a_settlement_is_a_reason_and_so_is_a_sign_out() -> None:
    with World("said", acquirer=Host()) as world:
        run(world, START + MENU_HOST + "menu: 2\nline_answer: ENTER\nidle:\n")
        assert due(world) is Due.SIGNED_OUT
        run(world, "idle: ENTER\nsigning_in:\nidle:\n" + SALE)
        run(world, "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:")
        assert due(world) is Due.SETTLED


@pytest.mark.parametrize("why", Due, ids=lambda why: why.value)
def test_each_reason_has_its_words(why: Due) -> None:
    for language in ("zh-CN", "en"):
        assert catalogue.SignInDue(why.value).lay(Words(language)) is not None
    assert why.value in SIGN_IN_REASONS


# The header


@pytest.mark.parametrize("digit", [d for d, wish in REQUIREMENTS.items() if wish is Wish.NOT_SUPPORTED])
def test_what_is_not_supported_is_said_once(digit: int) -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.REQUIREMENT, mti="0200", digit=digit, times=2))
    with World(f"wish-{digit}", acquirer=host) as world:
        run(world, START + SALE + "problem: ENTER\n" + SALE + "idle:")
        assert world.journal.transact(lambda tx: tx.get(WISHES)) == [-digit]
        assert [p.state for p in payments(world)] == [PaymentState.COMPLETED] * 2
        run(world, "idle: DOWN\nmenu: 6\nsigning_in:\nidle:")
        assert world.journal.transact(lambda tx: tx.get(WISHES)) is None


def test_every_digit_has_a_row() -> None:
    assert set(REQUIREMENTS) == set(range(10))


# By hand


@pytest.mark.parametrize(("row", "code"), [(1, "0820/301"), (2, "0820/002")])
def test_echo_and_sign_out_are_said_by_hand(row: int, code: str) -> None:
    host = Host()
    with World(f"hand-{row}", acquirer=host) as world:
        run(world, START + MENU_HOST + f"menu: {row}\nline_answer: ENTER\nidle:")
        assert host.codes[-1] == code
        assert world.shop.mode is (Mode.KEYED if row == 2 else Mode.SIGNED_IN)


def test_a_cashiers_sign_in_names_who_works_here() -> None:
    host = Host()
    with World("cashier", acquirer=host) as world:
        story = MENU_HOST + "menu: 3\nenter_number: ENTER\noperator_password: 1234 ENTER\nline_answer: ENTER\nidle:"
        run(world, START + story)
        assert host.codes[-1] == "0820/401"
        assert host.heard[-1].text(63).strip() == world.shop.operator.zfill(3)


@pytest.mark.parametrize(
    ("row", "code", "said", "then"),
    [
        (1, "96", "System malfunction", "Try later"),
        (2, "77", "Batch mismatch: sign in", "Sign in"),
        (3, "97", "Terminal not registered", "Ask acquirer"),
        (3, "51", "Insufficient funds", "Ask acquirer"),  # Makes no sense, and another card would not mend it.
    ],
)
def test_a_refusal_of_what_is_no_payment_says_what_to_do_next(row: int, code: str, said: str, then: str) -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.CODE, mti="0820", code=code))
    with World(f"refused-{row}-{code}", acquirer=host) as world:
        shown: list[str] = []
        world.on_show = lambda picture: shown.extend(picture.text() if picture.name == "line_answer" else ())
        who = "enter_number: ENTER\noperator_password: 1234 ENTER\n" if row == 3 else ""
        run(world, START + MENU_HOST + f"menu: {row}\n{who}line_answer: ENTER\nidle:")
        bar, *headline, hint = shown
        assert (bar.split()[-1], " ".join(headline), hint) == (code, said, f"{then} ✔OK")


@pytest.mark.parametrize(("code", "asked"), [("97", 2), ("96", 3)])
def test_a_sign_in_is_tried_again_only_where_it_may_help(code: str, asked: int) -> None:
    host = Host()
    with World(f"sign-in-{code}", acquirer=host) as world:

        async def refuse(world: World) -> None:
            host.faults.add(Fault(FaultKind.CODE, mti="0800", code=code))

        run(world, START, refuse, to_menu("sign_in") + "sign_in_failed: ENTER wait 5\nidle:")
        assert len([seen for seen in host.codes if seen.startswith("0800")]) == asked


def test_there_is_no_sign_out_with_a_reversal_open() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200"))
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0400", times=9))
    with World("no-sign-out", acquirer=host) as world:
        lost = SALE.replace(DONE, "reversal_pending: ENTER\nremove_card: remove\n")
        run(world, START + lost + MENU_HOST + "menu: 2\nreversal_pending: ENTER\nidle:")
        assert "0820/002" not in host.codes
        assert world.shop.mode is Mode.SIGNED_IN


# Parking


def test_a_supervisor_parks_what_the_host_does_not_take() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200"))
    with World("park", acquirer=host) as world:
        tries = world.shop.profile.reversal_resend_count + 1
        host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0400", times=tries + 1))
        lost = SALE.replace(DONE, "reversal_pending: ENTER\nremove_card: remove\n")
        query = "idle: DOWN\nmenu: 5\nreversal_pending: ENTER\n"
        agree = "offer_parking: ENTER\nenter_number: ENTER\noperator_password: 1234 ENTER\nproblem: ENTER\n"
        run(world, START + lost + (query + "problem: ENTER\n") * (tries - 1) + query + agree + "idle:\n")

        async def look(world: World) -> None:
            assert len(await pending_reversals(world.shop)) == 1
            assert await blocking_reversals(world.shop) == ()

        run(world, look)
        asked = host.codes.count("0400/000")
        assert asked == tries
        # Sales go on and do not wait for it; a sign-in tries it again, and the settlement names it.
        run(world, SALE + "idle:")
        assert host.codes.count("0400/000") == asked
        run(world, "idle: DOWN\nmenu: 6\nsigning_in:\nreversing:\nidle:")
        assert host.codes.count("0400/000") == asked + 1
        run(world, "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:")
        assert payments(world)[0].state is PaymentState.REVERSED  # This time it was answered.


# Papers


def paper(world: World) -> str:
    lines: list[PaperLine] = [line for slip in world.printer.slips[-1:] for line in slip]
    return "\n".join(line.text for line in lines if isinstance(line, Text))


def test_an_x_report_settles_nothing_and_details_name_every_sale() -> None:
    host = Host()
    with World("reports", acquirer=host) as world:
        run(world, START + SALE + MENU_REPORTS + "menu: 1\nprinting:\nidle:\n")
        assert "128.50" in paper(world)
        assert world.shop.mode is Mode.SIGNED_IN
        run(world, MENU_REPORTS + "menu: 2\nprinting:\nidle:\n")
        assert f" {payments(world)[0].stan}" in paper(world)
        assert str(payments(world)[0].facts["masked_pan"]) in paper(world)
        assert "0500/201" not in host.codes
        run(world, MENU_REPORTS + "menu: 3\nrefused: ENTER\nidle:\n")
        settle = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:\n"
        run(world, settle + MENU_REPORTS + "menu: 3\nprinting:\nidle:\n")
        assert "DUPLICATED" in paper(world)
        run(world, MENU_REPORTS + "menu: 4\nprinting:\nidle:\n")
        assert f" {payments(world)[0].stan}" in paper(world)
        run(world, MENU_REPORTS + "menu: 2\nrefused: ENTER\nidle:")


# A full batch


def fill(count: int) -> Callable[[World], Any]:
    async def work(world: World) -> None:
        def sell(tx: Tx) -> None:
            for _ in range(count):
                tx.move(tx.new_payment(Method.CASH, Money(1), "01").id, PaymentState.COMPLETED)

        world.journal.transact(sell)

    return work


@pytest.mark.parametrize(("count", "warned"), [(898, False), (899, True)])
def test_a_batch_that_fills_says_so(count: int, warned: bool) -> None:
    with World(f"filling-{count}", acquirer=Host()) as world:
        run(world, START, fill(count), "idle: CANCEL\nidle:")
        picture = world.display.picture
        assert picture is not None
        assert any(Words("en")["idle.nearly_full"] in line for line in picture.text()) is warned


def test_a_full_batch_leads_to_its_settlement() -> None:
    with World("full", acquirer=Host()) as world:
        run(world, START, fill(TOTAL_COUNT_LIMIT))
        run(world, "idle: 1\nrefused: ENTER\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:")
        assert world.shop.mode is Mode.KEYED
