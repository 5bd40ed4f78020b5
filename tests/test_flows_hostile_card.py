"""Odd cards and worn-out batches: no card's data stop a sale after its approval, no batch grows past its settlement."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from test_flows_stories import START, sale

from sim.acquirer import Acquirer, Fault, FaultKind
from sim.books import all_payments, discrepancies
from sim.card import PROFILES, VirtualCard
from sim.story import play
from sim.world import World
from terminal.flows.recovery import KEPT_BATCHES
from terminal.hostlink.codec import decode
from terminal.hostlink.frame import unwrap
from terminal.journal import Tx
from terminal.methods.reversal import PURPOSE
from terminal.model import Method, Mode, Money, PaymentState

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

SOLD = "approved:\nremove_card: remove\n"
SETTLE = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\n"


def states(world: World) -> tuple[str, ...]:
    return tuple(payment.state.value for payment in reversed(all_payments(world.journal)))


def odd_card(base: str, **changes: Any) -> VirtualCard:
    profile = PROFILES[base]
    application = dataclasses.replace(profile.applications[0], **changes)
    return VirtualCard(dataclasses.replace(profile, applications=(application,)))


@pytest.mark.parametrize(("command_ms", "ending"), [(4_000, "approved:"), (15_000, "card_problem: ENTER")])
def test_a_card_has_ninety_seconds_in_all(command_ms: int, ending: str) -> None:
    """Each answer is in time by itself, and there are eleven of them."""
    with World("slow", card_command_ms=command_ms) as world:

        async def people() -> None:
            await play(world, START + sale("signature") + f"{ending}\nremove_card: remove\n")

        world.run(people())
        assert (states(world) == ("completed",)) is (ending == "approved:")
        assert discrepancies(world.journal, world.acquirer) == []


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("signature", {"left_out": frozenset({0x57})}),
        ("signature", {"sequence": "AA"}),
        ("signature", {"service_code": "2D1"}),
        ("unionpay-credit-pin", {"pan": "622500000012"}),
    ],
    ids=["no track 2", "a sequence number in letters", "a track that the wire takes", "a PAN too short for a PIN"],
)
def test_a_card_whose_data_no_message_carries_is_not_accepted(base: str, changes: dict[str, Any]) -> None:
    with World("odd") as world:
        world.cards["odd"] = odd_card(base, **changes)
        if "service_code" in changes:
            world.run(play(world, START + sale("odd") + SOLD + "idle:"))
            return
        text = START + sale("odd") + "card_problem: ENTER\nremove_card: remove\n" + sale("signature") + SOLD + "idle:"
        world.run(play(world, text))
        assert states(world) == ("abandoned", "completed")
        assert discrepancies(world.journal, world.acquirer) == []


@pytest.mark.parametrize("label", ["4111111111111111", "6225000000000014D3012201", "\x1b@\x00 CREDIT"])
def test_a_label_that_is_no_label_does_not_undo_a_sale(label: str) -> None:
    with World("label") as world:
        world.cards["odd"] = odd_card("signature", label=label)
        world.run(play(world, START + sale("odd") + SOLD + "idle:"))
        assert states(world) == ("completed",)
        kept = str([event.body for event in world.journal.events_after(0)])
        assert label not in kept


def test_a_batch_that_field_48_cannot_count_any_more_is_settled_before_the_next_sale() -> None:
    def fill(tx: Tx) -> None:
        for _ in range(999):
            payment = tx.new_payment(Method.CASH, Money(99_999_999), "01")
            tx.move(payment.id, PaymentState.COMPLETED)

    with World("full") as world:

        async def people() -> None:
            await play(world, START)
            world.journal.transact(fill)
            await play(world, "idle: 1\nrefused: ENTER\n" + SETTLE + "idle: ENTER\nsigning_in:\n")
            await play(world, sale("signature") + SOLD + "idle:")

        world.run(people())
        assert states(world) == ("settled",) * 999 + ("completed",)


def test_a_card_sale_beneath_hundreds_of_cash_sales_still_holds_its_batch() -> None:
    """Another number from the host must not slip in because the newest payments have no part in its totals."""

    def fill(tx: Tx) -> None:
        for _ in range(501):
            tx.move(tx.new_payment(Method.CASH, Money(1), "01").id, PaymentState.COMPLETED)

    with World("beneath") as world:

        async def people() -> None:
            await play(world, START + sale("signature") + SOLD + SETTLE + "idle: ENTER\nsigning_in:")
            await play(world, sale("signature") + SOLD + "idle:")
            world.journal.transact(fill)
            world.acquirer = Acquirer(seed=99)
            await play(world, "idle: DOWN\nmenu: 6\nsign_in_failed: ENTER\nidle:")

        world.run(people())
        assert world.shop.mode is Mode.SETTLING


def test_a_sign_in_with_our_own_batch_forgets_the_other_number() -> None:
    """Or a later 77 would close the batch as lost, unasked."""
    with World("forgets") as world:

        async def people() -> None:
            await play(world, START + sale("signature") + SOLD + SETTLE + "idle: ENTER\nsigning_in:")
            await play(world, sale("signature") + SOLD + "idle:")
            ours, world.acquirer = world.acquirer, Acquirer(seed=99)
            world.acquirer.faults.add(Fault(FaultKind.CODE, mti="0500", code="99"))
            await play(world, "idle: DOWN\nmenu: 6\nsign_in_failed: ENTER\nidle: ENTER\ndeclined: ENTER\nidle:")
            world.acquirer = ours
            await play(world, "idle: ENTER\nsigning_in:\nidle:")

        world.run(people())
        assert world.shop.mode is Mode.SIGNED_IN
        assert world.journal.transact(lambda tx: tx.get("host_batch_no")) is None
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_reversal_that_outlives_its_settlement_still_names_its_card() -> None:
    """The host was replaced while a reversal was open, and does not answer it before the forced settlement."""
    reversals: list[bool] = []

    def heard(frame: bytes) -> None:
        message = decode(unwrap(frame, world.shop.profile).body, world.shop.profile)
        if message.mti == "0400":
            reversals.append(2 in message.fields)

    with World("outlives") as world:

        async def people() -> None:
            await play(world, START + sale("signature") + SOLD + SETTLE + "idle: ENTER\nsigning_in:")
            world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200"))
            await play(world, sale("signature") + "reversal_pending: ENTER\nremove_card: remove\nidle:")
            world.acquirer = Acquirer(seed=99)
            world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0400", times=1))
            world.on_frame = heard
            await play(world, "idle: DOWN\nmenu: 6\nsign_in_failed: ENTER\nidle: ENTER\nsettled: ENTER\nidle:")
            assert world.journal.transact(lambda tx: tx.get(KEPT_BATCHES)) == [2]
            await play(world, "idle: ENTER\nsigning_in:\nreversing:\n" + sale("signature") + SOLD + SETTLE + "idle:")

        world.run(people())
        assert states(world) == ("settled", "reversed", "settled")
        assert reversals == [True, True]
        assert world.journal.transact(lambda tx: (tx.get(KEPT_BATCHES), tx.sealed(2, PURPOSE))) == (None, None)


def test_a_reversal_whose_card_data_cannot_be_opened_is_sent_all_the_same() -> None:
    with World("unsealed") as world:
        world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200"))

        async def people() -> None:
            await play(world, START + sale("signature") + "reversal_pending: ENTER\nremove_card: remove\nidle:")
            world.shop.keys.destroy_batch(1)
            await play(world, sale("no-cvm") + SOLD + "idle:")

        world.run(people())
        assert world.shop.mode is Mode.SIGNED_IN
        assert states(world) == ("reversed", "completed")
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_slip_of_another_version_does_not_stop_every_start(tmp_path: Path) -> None:
    def keep(tx: Tx) -> int:
        return tx.keep_slip("card", {"slip": "card", "slip_version": 99}, None)

    with World("first", data=tmp_path) as world:
        world.run(play(world, START))
        world.journal.transact(keep)
        acquirer, at_ms = world.acquirer, world.loop.now().wall_ms
    with World("second", data=tmp_path, acquirer=acquirer, start_wall_ms=at_ms) as world:
        world.run(play(world, "enter_number: ENTER\noperator_password: 1234 ENTER\nidle: DOWN\nmenu: 3\nrefused:"))
        assert world.shop.mode is Mode.SIGNED_IN
