"""A TMK from the host, under the present one: taken, refused, lost on the way, and cut at every moment.

Whatever happens, host and terminal have the same TMK at the next sign-in, and a sale goes through.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from key_papers import LOAD_KEYS, READY, menu_item
from test_flows_recovery import CutLoop, PowerCut
from test_flows_stories import sale

from keys import KeyRef, Usage
from sim.acquirer import Acquirer
from sim.acquirer.faults import Fault, FaultKind, FaultPlan
from sim.acquirer.master_keys import PUBLISHED
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL
from sim.books import discrepancies
from sim.loop import START_WALL_MS
from sim.story import OPERATOR, play
from sim.world import World
from terminal.flows.master_key import UNTOLD
from terminal.hostlink.profile import Profile, load_profile
from terminal.journal import Tx
from terminal.model import Mode

TMK = KeyRef(Usage.TMK)
FROM_HOST = 4  # In the menu of ways to load keys.
ASK = f"idle: DOWN\nmenu: {menu_item(LOAD_KEYS)}\nmenu: {FROM_HOST}\n"
SOLD = sale("signature") + "approved:\nremove_card: remove\nidle:"
LIFE_MS = 600_000


def profile() -> Profile:
    return replace(load_profile("unionpay"), tmk_download="401")


def host() -> Acquirer:
    return Acquirer(profile=profile(), faults=FaultPlan())


def hosts_tmk(acquirer: Acquirer) -> bytes:
    return acquirer.registry.terminals[TEST_MERCHANT, TEST_TERMINAL].tmk


def test_a_new_key_is_taken_by_both_sides_and_the_terminal_trades() -> None:
    acquirer = host()
    with World("tmk", acquirer=acquirer, profile=profile()) as world:
        before = world.shop.keys
        world.run(play(world, READY + ASK + "keys_loaded: ENTER\nidle: ENTER\nsigning_in:\n" + SOLD))
        assert hosts_tmk(acquirer) == PUBLISHED
        assert world.shop.mode is Mode.SIGNED_IN and before.kcv(TMK) != "08D7B4FB"
        assert discrepancies(world.journal, acquirer) == []


def test_an_acquirer_without_a_code_offers_none() -> None:
    with World("none") as world, pytest.raises(Exception, match="never shown"):
        world.run(play(world, READY + ASK + "keys_loaded:"))


@pytest.mark.parametrize(("behaviour", "hint"), [("refused", "no connection"), ("mute", "the answer is lost")])
def test_no_answer_changes_nothing_and_the_next_try_succeeds(behaviour: str, hint: str) -> None:
    acquirer = host()
    lost = ASK.replace(f"menu: {FROM_HOST}", f"menu: host {behaviour} {FROM_HOST}")
    with World(f"tmk-{behaviour}", acquirer=acquirer, profile=profile()) as world:
        story = READY + lost + "ceremony_problem: host ok ENTER\n" + ASK + "keys_loaded: ENTER\n"
        world.run(play(world, story + "idle: ENTER\nsigning_in:\n" + SOLD))
        assert hosts_tmk(acquirer) == PUBLISHED, hint


def test_a_block_that_was_altered_is_not_taken() -> None:
    acquirer = host()
    honest = acquirer.master_keys.block
    acquirer.master_keys.block = lambda terminal, row: honest(terminal, row)[:-1] + b"\x00"  # type: ignore[method-assign]
    with World("tmk-altered", acquirer=acquirer, profile=profile()) as world:
        world.run(play(world, READY + ASK + "ceremony_problem: ENTER\nidle: ENTER\nsigning_in:\n" + SOLD))
        assert world.shop.keys.kcv(TMK) == "08D7B4FB"
        assert hosts_tmk(acquirer) != PUBLISHED


def test_a_host_that_will_not_hear_it_does_not_stop_the_sign_in() -> None:
    """Its own TMK is the old one still, so nothing is lost: the terminal says so again, and signs in."""
    acquirer = host()
    acquirer.faults.add(Fault(FaultKind.CODE, mti="0820", code="40", times=9))
    with World("tmk-unheard", acquirer=acquirer, profile=profile()) as world:

        def due(tx: Tx) -> None:
            tx.set(UNTOLD, True)

        async def people() -> None:
            await play(world, READY + "idle: CANCEL")
            world.journal.transact(due)
            await play(world, "idle: DOWN\nmenu: 6\nsigning_in:\nidle:\n")

        world.run(people())
        assert world.shop.mode is Mode.SIGNED_IN
        assert world.journal.transact(lambda tx: tx.get(UNTOLD, False))


@pytest.mark.slow
def test_power_cut_at_every_moment_of_a_download(tmp_path: Path) -> None:
    """After each cut the terminal signs in and sells: both sides have one TMK, old or new."""
    moments = 0
    for cut in range(1, 200):
        acquirer = host()
        data = tmp_path / str(cut)
        data.mkdir(mode=0o700)
        with World("cut", acquirer=acquirer, profile=profile(), data=data) as world:
            world.run(play(world, READY + "idle:"))
        loop = CutLoop("cut-2", cut_at=cut, start_wall_ms=START_WALL_MS + LIFE_MS)
        try:
            with World("cut-2", acquirer=acquirer, profile=profile(), data=data, loop=loop) as world:
                world.run(play(world, OPERATOR + ASK + "keys_loaded:"))
            break
        except PowerCut:
            moments += 1
        later = START_WALL_MS + 2 * LIFE_MS
        with World("cut-3", acquirer=acquirer, profile=profile(), data=data, start_wall_ms=later) as world:
            world.run(play(world, OPERATOR + "idle:\n" + SOLD))
            assert (hosts_tmk(acquirer) == PUBLISHED) == (world.shop.keys.kcv(TMK) != "08D7B4FB")
            assert discrepancies(world.journal, acquirer) == []
    assert moments >= 20
