"""A settlement behind the idle screen: who may do what meanwhile, what gives way to whom, and what is told afterwards.

The profile is the shipped one with `batch.background`; the host counts a fen more where a batch is to be unbalanced.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from test_flows_settlement import CHIP, START, Host, last_slip, payments

from drivers.ports import Key
from sim.acquirer import Fault, FaultKind
from sim.books import discrepancies
from sim.story import play, to_menu, to_transaction
from sim.swarm.watch import DUPLICATE_MARKS, text_of
from sim.twins.link import Network, Trip
from sim.world import World
from terminal.flows.batch_upload import PROGRESS
from terminal.hostlink.profile import load_profile
from terminal.loop import Now, Sleep
from terminal.methods.news import kept
from terminal.model import Method, Mode, PaymentState
from terminal.receipts import Balance

BEHIND = dataclasses.replace(load_profile("unionpay"), settled_behind=True)
BEGIN = to_menu("settlement") + "confirm_settlement: ENTER\nidle:\n"
BEGIN_WITHOUT_HOST = BEGIN.replace("ENTER\nidle", "host silent ENTER\nidle")
CASH = "idle: 600 ENTER\nchoose_method: 1\ncash_tendered: ENTER\ncash_change: ENTER\n"


def world(seed: str, host: Host) -> World:
    return World(seed, acquirer=host, profile=BEHIND)


def shown_since(world: World, mark: int) -> set[str]:
    return set(tuple(world.display.names)[mark:])


def glass(world: World) -> str:
    return " ".join(world.display.text())


async def until(question: Any) -> None:
    while not question():
        await Sleep(100)


def test_nobody_waits_for_it_and_it_says_how_it_ended() -> None:
    host = Host()
    with world("behind", host) as here:

        async def people() -> None:
            await play(here, START + CHIP + BEGIN)
            mark = len(tuple(here.display.names))
            await play(here, "idle: wait 5\n")
            assert shown_since(here, mark) <= {"idle"}
            assert "Settled" in glass(here)
            assert "Read" in glass(here)
            await play(here, "idle: wait 60\n")
            assert here.shop.mode is Mode.SIGNED_IN  # A new sign-in, too, was nobody's work.
            await play(here, "idle: ENTER\nsettled: ENTER\nidle:\n")
            assert "Settled" not in glass(here)

        here.run(people())
        assert host.told()[:4] == ["0500/201", "0320/203", "0320/207", "0820/002"]
        assert (last_slip(here).domestic, last_slip(here).uploaded) == (Balance.BALANCED, 1)
        assert here.journal.transact(lambda tx: tx.unprinted()) == ()
        assert discrepancies(here.journal, host) == []


def test_a_key_waits_for_the_exchange_and_not_for_the_settlement() -> None:
    """The line takes 20 s over each answer: the menu comes after the first certificate, and no second has been sent."""
    host = Host()
    slow = Network(trip=lambda number: Trip(delay_reply_ms=20_000 if here.shop.mode is Mode.SETTLING else 0))
    with World("key", acquirer=host, profile=BEHIND, network=slow) as here:

        async def people() -> None:
            await play(here, START + CHIP + CHIP + BEGIN)
            await until(lambda: "0320/203" in [f"{m.mti}/{m.text(60)[8:11]}" for m in host.heard])
            pressed_ms = (await Now()).mono_ms
            here.press(Key.DOWN)
            await here.eyes.see("settling")
            assert (await Now()).mono_ms - pressed_ms < 1_000
            assert await here.eyes.see("waiting", "menu") == "waiting"
            await here.eyes.see("menu")
            assert 15_000 < (await Now()).mono_ms - pressed_ms < 25_000
            assert host.told() == ["0500/201", "0320/203"]
            here.press(Key.CANCEL)
            await play(here, "idle: wait 90\n")

        here.run(people())
        assert host.told()[:5] == ["0500/201", "0320/203", "0320/203", "0320/207", "0820/002"]
        assert last_slip(here).uploaded == 2


def test_while_it_goes_on_cash_is_sold_and_nothing_else() -> None:
    """What the host has counted may not grow; a cash sale stands on the slip, because that counts when it closes."""
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REQUEST, mti="0320", times=3))
    with world("cash", host) as here:

        async def people() -> None:
            await play(here, START + CHIP + BEGIN)
            await until(lambda: any(m.mti == "0500" for m in host.heard))
            await play(here, "idle:\n" + to_transaction("void") + "refused: ENTER\n" + CASH + "idle: wait 600\n")

        here.run(people())
        assert [(row.method, row.count) for row in last_slip(here).rows] == [(Method.CARD, 1), (Method.CASH, 1)]
        assert [p.state for p in payments(here)] == [PaymentState.SETTLED, PaymentState.SETTLED]
        assert here.journal.transact(lambda tx: tx.totals(2)) == ()
        assert discrepancies(here.journal, host) == []


@pytest.mark.parametrize(("paper", "marked"), [("paper out", False), ("paper-left 9", True)])
def test_paper_that_runs_out_behind_the_screen_is_asked_for_when_somebody_looks(paper: str, marked: bool) -> None:
    """If a piece came out, what comes then is marked: two settlements are another thing."""
    host, slips = Host(), list[str]()
    with world("paper", host) as here:
        here.printer_said = lambda lines: slips.append(text_of(lines))

        async def people() -> None:
            await play(here, START + CHIP + f"idle: {paper}\n" + BEGIN)
            mark = len(tuple(here.display.names))
            await play(here, "idle: wait 60\n")
            assert shown_since(here, mark) <= {"idle"}
            assert "Slip waits" in glass(here)
            await play(here, to_menu("news") + "settled: ENTER\npaper_stopped: paper ok\nidle:\n")
            assert "Slip" not in glass(here)
            await play(here, to_menu("news") + "problem: ENTER\nidle:")

        here.run(people())
        assert here.journal.transact(lambda tx: tx.unprinted()) == ()
        assert any(mark in slips[-1] for mark in DUPLICATE_MARKS) is marked


def test_an_imbalance_is_told_and_asked_of_nobody() -> None:
    host = Host(unbalanced=True)
    with world("imbalance", host) as here:

        async def people() -> None:
            await play(here, START + CHIP + BEGIN + "idle: wait 60\n")
            assert "Mismatch" in glass(here)
            await play(here, "idle: ENTER\nsettled: ENTER\nidle:")

        here.run(people())
        assert last_slip(here).domestic is Balance.UNBALANCED
        assert "0320/205" in host.told()


def test_a_refusal_is_told_and_the_settlement_is_tried_again() -> None:
    host = Host()
    with world("refusal", host) as here:

        async def people() -> None:
            host.codes = {"0500/201": "96"}
            await play(here, START + CHIP + BEGIN + "idle: wait 10\n")
            assert "Declined" in glass(here)
            await play(here, "idle: ENTER\ndeclined: ENTER\nidle:\n")
            host.codes = {}
            await play(here, "idle: wait 120\n")

        here.run(people())
        assert [m.mti for m in host.heard].count("0500") == 2
        (told,) = here.journal.transact(kept)
        assert (told.code, told.balanced, told.count) == ("", True, 1)


def test_a_sign_in_that_the_host_wants_in_the_middle_is_nobodys_work() -> None:
    host = Host()
    with world("lost", host) as here:

        async def people() -> None:
            host.codes = {"0320/203": "77"}
            await play(here, START + CHIP + BEGIN)
            await until(lambda: any(m.mti == "0320" for m in host.heard))
            host.codes = {}
            await play(here, "idle: wait 180\n")

        here.run(people())
        assert [m.mti for m in host.heard].count("0500") == 1
        assert (last_slip(here).uploaded, last_slip(here).not_taken) == (1, 0)
        assert here.journal.transact(lambda tx: tx.get(PROGRESS)) is None


def test_whoever_wants_to_see_it_has_it_in_front() -> None:
    host = Host()
    with world("front", host) as here:

        async def people() -> None:
            await play(here, START + CHIP + BEGIN_WITHOUT_HOST)
            await play(here, "idle: wait 90\nidle: host ok ENTER\nsettled: ENTER\nidle:")

        here.run(people())
        assert here.journal.transact(kept) == ()
        assert last_slip(here).uploaded == 1


def test_a_host_that_is_away_is_asked_less_and_less() -> None:
    host = Host()
    with world("away", host) as here:

        async def people() -> None:
            await play(here, START + CHIP + BEGIN_WITHOUT_HOST + "idle: wait 7200\n")
            assert 8 <= len(tried) <= 7200 // 300 + 6
            await play(here, "idle: host ok wait 900\n")

        tried: list[bytes] = []
        here.on_frame = lambda frame: tried.append(frame) if here.behaviour == "silent" else None
        here.run(people())
        assert last_slip(here).domestic is Balance.BALANCED
