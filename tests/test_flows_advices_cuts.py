"""The power is cut at every moment of a tip, a completion notice, an order by telephone, and a signature that differs.

After the cut the terminal starts from the same data folder, before the same host, somebody signs in and sells once
more, so that what waits goes up. Then terminal and host are of one mind: an advice is done, queued, told, printed and
known to its original, or was never begun; an order stands in both books or in neither; and a "no" to a signature that
became durable is a void.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hearing_host import HearingHost
from shop_days import AGREES, offer
from test_flows_later_cuts import LIFE_MS, payments

from sim.cut_loop import CutLoop, PowerCut
from sim.loop import START_WALL_MS
from sim.story import FIRST_RUN, OPERATOR, play, to_transaction
from sim.world import World
from terminal.hostlink.codec import Message
from terminal.journal import PaymentRecord
from terminal.model import Kind, PaymentState, UploadState

NAMES = ("void", "auth", "completion-notice", "tip", "moto-sale", "signature")
DONE, OUT = "approved:\n", "remove_card: remove\n"
CARD = "insert_card: insert signature\n"
PAY = "idle: 10000 ENTER\nchoose_method: 1\n" + CARD + DONE
SALE = PAY + OUT
AUTH = to_transaction("auth", NAMES) + "enter_amount: 10000 ENTER\n" + CARD + DONE + OUT
# Somebody who has nothing to do with it buys something.
NEXT = "idle: 700 ENTER\nchoose_method: 1\ninsert_card: insert no-cvm\napproved:\nremove_card: remove\nidle: wait 40\n"


@dataclass(frozen=True)
class Story:
    name: str
    first: str
    then: str  # {auth_code} is the first payment's.
    wrongs: Callable[[tuple[PaymentRecord, ...], HearingHost, World], list[str]]


def advice_wrongs(kind: Kind) -> Callable[[tuple[PaymentRecord, ...], HearingHost, World], list[str]]:
    def wrongs(held: tuple[PaymentRecord, ...], host: HearingHost, world: World) -> list[str]:
        original = held[0]
        made = [p for p in held[1:] if p.kind is kind and p.state is not PaymentState.ABANDONED]
        told = {m.text(11) for m in host.asked if m.mti == "0220"}
        queued = [u for u in world.journal.transact(lambda tx: tx.uploads(1)) if u.payment_id != original.id]
        found = [f"{p.kind.value} is {p.state.value}" for p in made if p.state is not PaymentState.COMPLETED]
        if [u.state for u in queued] != [UploadState.DONE] * len(made) or told != {str(p.stan) for p in made}:
            found.append(f"{len(made)} made, {[u.state.value for u in queued]}, told {told}")
        known = original.facts.get("adjusted") or original.facts.get("ended")
        if bool(known) != bool(made):
            found.append("the original does not know what has become of it")
        return found

    return wrongs


def order_wrongs(held: tuple[PaymentRecord, ...], host: HearingHost, world: World) -> list[str]:
    orders = [p for p in held if p.kind is Kind.MOTO_SALE]
    asked = {m.text(11) for m in host.asked if m.text(25) == "08" and m.mti == "0200"}
    undone = {m.text(11) for m in host.asked if m.text(25) == "08" and m.mti == "0400"}
    done = {str(p.stan) for p in orders if p.state is PaymentState.COMPLETED}
    open_ones = [p.state.value for p in orders if p.state in (PaymentState.REVERSING, PaymentState.APPROVED)]
    found = [f"open: {open_ones}"] if open_ones else []
    return found if done == asked - undone else [*found, f"the host has {asked - undone}, the terminal {done}"]


def signature_wrongs(held: tuple[PaymentRecord, ...], host: HearingHost, world: World) -> list[str]:
    signed = [p for p in held if p.amount.amount_minor == 10000 and p.kind is Kind.SALE]
    found = []
    for sale in signed:
        said_no = sale.facts.get("signature") == "differs"
        wanted = PaymentState.VOIDED if said_no else PaymentState.COMPLETED
        if sale.state not in (wanted, PaymentState.REVERSED, PaymentState.ABANDONED):
            found.append(f"the sale is {sale.state.value}, and {'no' if said_no else 'nothing'} was said")
    voids = [m for m in host.asked if m.text(3) == "200000"]
    standing = _standing(voids)
    done = {str(p.stan) for p in held if p.kind is Kind.VOID and p.state is PaymentState.COMPLETED}
    return found if standing == done else [*found, f"the host has the voids {standing}, the terminal {done}"]


def _standing(messages: list[Message]) -> set[str]:
    undone = {m.text(11) for m in messages if m.mti == "0400"}
    return {m.text(11) for m in messages if m.mti != "0400"} - undone


STORIES = (
    Story(
        "tip",
        SALE,
        to_transaction("tip", NAMES)
        + "enter_number: 2 ENTER\noriginal: ENTER\nenter_tip: 1500 ENTER\n"
        + DONE + "idle:",
        advice_wrongs(Kind.TIP),
    ),
    Story(
        "notice",
        AUTH,
        to_transaction("completion-notice", NAMES)
        + "enter_number: {auth_code} ENTER\nenter_number: ENTER\nenter_amount: 9000 ENTER\n"
        + CARD + DONE + OUT + "idle:",
        advice_wrongs(Kind.COMPLETION_NOTICE),
    ),
    Story(
        "order",
        SALE,
        to_transaction("moto-sale", NAMES) + AGREES + "enter_amount: 12850 ENTER\n"
        + "type_card_number: 6225000000000014 ENTER\nenter_number: 1230 ENTER\ntype_cvv2: 739 ENTER\n" + DONE + "idle:",
        order_wrongs,
    ),
    Story("signature", "", PAY + "compare_signature: CANCEL\n" + OUT + DONE + "idle:", signature_wrongs),
)  # fmt: skip


def live(data: Path, host: HearingHost, text: str, life: int, cut_at: int = 0) -> CutLoop:
    loop = CutLoop(f"life {life}", cut_at=cut_at, start_wall_ms=START_WALL_MS + life * LIFE_MS)
    try:
        with World(loop=loop, data=data, acquirer=host) as world:
            offer(world, NAMES)
            world.run(play(world, text))
    except PowerCut:
        pass
    return loop


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_cut_at_every_moment(story: Story, tmp_path: Path) -> None:
    ready, before = tmp_path / "ready", HearingHost()
    live(ready, before, FIRST_RUN + OPERATOR + "idle:\n" + story.first + "idle:", 0)
    held = payments(ready)
    code = held[0].facts["auth_code"] if held else ""
    text = OPERATOR + "idle: CANCEL\n" + story.then.format(auth_code=code)
    shutil.copytree(ready, tmp_path / "whole")
    total = live(tmp_path / "whole", HearingHost().brought_to(before.told), text, 1).passed
    assert payments(tmp_path / "whole")[-1].state is PaymentState.COMPLETED
    assert total > 4
    wrong: list[str] = []
    for cut_at in range(1, total + 1):
        data, host = tmp_path / f"{cut_at}", HearingHost().brought_to(before.told)
        shutil.copytree(ready, data)
        where = live(data, host, text, 1, cut_at).where
        live(data, host, OPERATOR + "idle: CANCEL\n" + NEXT, 2)
        with World(data=data) as world:
            world.journal.verify()
            said = story.wrongs(payments_of(world), host, world)
            said += ["a slip was not printed"] if world.journal.transact(lambda tx: tx.unprinted()) else []
        wrong += [f"{where} ({cut_at}): {each}" for each in said]
        shutil.rmtree(data)
    assert wrong == []


def payments_of(world: World) -> tuple[PaymentRecord, ...]:
    return tuple(reversed(world.journal.transact(lambda tx: tx.payments())))
