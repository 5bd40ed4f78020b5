"""The power is cut at every moment of a void, a completion and a refund: both payments and the host stay of one mind.

After the cut the terminal starts from the same data folder, before the same host, and somebody signs in. Then a void
stands in both books or in neither, its sale is VOIDED exactly if it stands, and a refund was asked for at most once.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hearing_host import HearingHost
from shop_days import AGREES

from sim.books import all_payments
from sim.cut_loop import CutLoop, PowerCut
from sim.loop import START_WALL_MS
from sim.story import FIRST_RUN, OPERATOR, play, to_transaction
from sim.world import World
from terminal.journal import PaymentRecord
from terminal.model import Kind, PaymentState

LIFE_MS = 600_000
DONE = "approved:\nremove_card: remove\n"
CARD = "insert_card: insert signature\n"
SALE = "idle: 12850 ENTER\nchoose_method: 1\n" + CARD + DONE
AUTH = to_transaction("auth") + "enter_amount: 10000 ENTER\n" + CARD + DONE


@dataclass(frozen=True)
class Story:
    kind: Kind
    first: str
    then: str  # {rrn} and {auth_code} are the first payment's.


STORIES = (
    Story(
        Kind.VOID,
        SALE,
        to_transaction("void") + "enter_number: 2 ENTER\noriginal: ENTER\n" + AGREES + CARD + DONE + "idle:",
    ),
    Story(
        Kind.COMPLETION,
        AUTH,
        to_transaction("completion") + "enter_number: {auth_code} ENTER\nenter_number: ENTER\n"
        + "enter_amount: 9000 ENTER\n"
        + CARD + DONE + "idle:",
    ),
    Story(
        Kind.REFUND,
        SALE,
        to_transaction("refund") + AGREES + "enter_number: {rrn} ENTER\nenter_number: ENTER\n"
        + "enter_amount: 2850 ENTER\n"
        + CARD + DONE + "idle:",
    ),
)  # fmt: skip


def payments(data: Path) -> tuple[PaymentRecord, ...]:
    with World(data=data) as world:
        return tuple(reversed(all_payments(world.journal)))


def live(data: Path, host: HearingHost, text: str, life: int, cut_at: int = 0) -> CutLoop:
    loop = CutLoop(f"life {life}", cut_at=cut_at, start_wall_ms=START_WALL_MS + life * LIFE_MS)
    try:
        with World(loop=loop, data=data, acquirer=host) as world:
            world.run(play(world, text))
    except PowerCut:
        pass
    return loop


def wrongs(story: Story, data: Path, host: HearingHost) -> list[str]:
    original, *later = payments(data)
    asked = {m.text(11) for m in host.asked if m.mti != "0400" and m.text(11) != original.stan}
    effective = asked - {m.text(11) for m in host.asked if m.mti == "0400"}
    found: list[str] = []
    done = {str(p.stan) for p in later if p.state is PaymentState.COMPLETED}
    unknown = {str(p.stan) for p in later if p.state is PaymentState.UNKNOWN}
    open_ones = [p.state.value for p in later if p.state in (PaymentState.REVERSING, PaymentState.APPROVED)]
    if open_ones:
        found.append(f"open: {open_ones}")
    if not done <= effective or not effective <= done | unknown:
        found.append(f"the host has done {effective}, the terminal {done}, unknown {unknown}")
    if story.kind is Kind.REFUND:
        if any(m.mti == "0400" for m in host.asked) or len(asked) > 1:
            found.append("a refund was reversed or repeated")
    elif unknown:
        found.append("only a refund may stay unknown")
    if story.kind is Kind.VOID and (original.state is PaymentState.VOIDED) != bool(done):
        found.append(f"the sale is {original.state.value}")
    if story.kind is Kind.COMPLETION and bool(original.facts.get("ended")) != bool(done):
        found.append("the authorisation does not know of its completion")
    with World(data=data) as world:
        world.journal.verify()
        if world.journal.transact(lambda tx: tx.unprinted()):
            found.append("a slip was not printed")
        slips = [world.journal.transact(lambda tx: tx.last_slip())]
        if done and (slips[0] is None or slips[0].payment_id != later[-1].id):
            found.append("what is done has no slip")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.kind.value)
def test_cut_at_every_moment(story: Story, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    before = HearingHost()
    live(ready, before, FIRST_RUN + OPERATOR + "idle:\n" + story.first + "idle:", 0)
    facts = payments(ready)[0].facts
    text = OPERATOR + "idle: CANCEL\n" + story.then.format(rrn=facts["rrn"], auth_code=facts["auth_code"])
    shutil.copytree(ready, tmp_path / "whole")
    total = live(tmp_path / "whole", HearingHost().brought_to(before.told), text, 1).passed
    assert payments(tmp_path / "whole")[1].state is PaymentState.COMPLETED
    assert total > 8
    wrong: list[str] = []
    for cut_at in range(1, total + 1):
        data, host = tmp_path / f"{cut_at}", HearingHost().brought_to(before.told)
        shutil.copytree(ready, data)
        where = live(data, host, text, 1, cut_at).where
        live(data, host, OPERATOR + "idle:", 2)
        wrong += [f"{where} ({cut_at}): {each}" for each in wrongs(story, data, host)]
        shutil.rmtree(data)
    assert wrong == []
