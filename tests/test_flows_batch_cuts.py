"""The power is cut at every moment of an upload and of a batch upload: nothing is told twice as two, or not at all.

After the cut the terminal starts from the same data folder, before the same acquirer, and somebody settles. Then both
books agree, every record of the upload is in the acquirer's batch once, what was queued is done, and the slip is kept.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hearing_host import ToldHost
from shop_days import SETTLE
from test_flows_recovery import Counter

from sim.acquirer.requests import Answer
from sim.books import all_payments, discrepancies
from sim.cut_loop import CutLoop, PowerCut
from sim.killed.errands import Insistent
from sim.loop import START_WALL_MS
from sim.story import FIRST_RUN, OPERATOR, play
from sim.world import World
from terminal.flows.batch_upload import PROGRESS
from terminal.hostlink.card_messages import Original
from terminal.hostlink.codec import Message
from terminal.hostlink.profile import Profile, load_profile
from terminal.methods.card_attempt import Deal
from terminal.methods.card_sealed import transact_sealed
from terminal.methods.uploads import send_uploads
from terminal.model import Kind, Money, PaymentState, UploadState
from terminal.receipts import SettlementSlip, from_record

LIFE_MS = 600_000
DONE = "approved:\nremove_card: remove\n"
CHIP = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert no-cvm\n" + DONE
SWIPE = "idle: 100 ENTER\nchoose_method: 1\ninsert_card: swipe stripe-debit\nenter_pin: 123456 ENTER\napproved:\n"
BEHIND = replace(load_profile("unionpay"), settled_behind=True)
SETTLE_BEHIND = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nidle: wait 90\nidle: ENTER\nsettled: ENTER\nidle:"


class Host(ToldHost):
    """Finds every batch unbalanced."""

    def _judge(self, message: Message, *rest: Any) -> Answer | None:
        answer = super()._judge(message, *rest)
        if answer is not None and message.mti == "0500" and 48 in answer.fields:
            f48 = str(answer.fields[48])
            answer.fields[48] = f48[:30] + "2" + f48[31:]
        return answer


async def tip(world: World, amount_minor: int) -> None:
    """A tip on the first payment, and its upload at once."""
    sale = all_payments(world.journal)[-1]
    facts = sale.facts
    about = Original(
        str(facts["batch_no"]), str(sale.stan), str(facts["host_date"]), str(facts["rrn"]), str(facts["auth_code"])
    )
    deal = Deal(
        Kind.TIP, Money(amount_minor), about, extra={48: f"{amount_minor:012d}"}, facts={"undoes": sale.id}, undoes=sale
    )
    await transact_sealed(world.shop, deal)
    await send_uploads(world.shop)


@dataclass(frozen=True)
class Story:
    """`first` is done before; the cuts are in a tip and its upload, or in the settlement, in front or behind."""

    name: str
    first: str
    tip_minor: int = 0
    profile: Profile | None = None
    settle: str = SETTLE


STORIES = (
    Story("a tip and its upload", CHIP, tip_minor=1000),
    Story("settlement with every part of an upload", CHIP + SWIPE * 2 + CHIP),
    Story("settlement behind the idle screen", CHIP + SWIPE * 2 + CHIP, profile=BEHIND, settle=SETTLE_BEHIND),
)


def live(data: Path, host: Host, story: Story, life: int, cut_at: int = 0) -> CutLoop:
    """The life in which the cut comes."""
    loop = CutLoop(f"life {life}", cut_at=cut_at, start_wall_ms=START_WALL_MS + life * LIFE_MS)
    try:
        with World(loop=loop, data=data, acquirer=host, profile=story.profile) as world:

            async def people() -> None:
                await play(world, OPERATOR + "idle: CANCEL\nidle:\n")
                if story.tip_minor:
                    await tip(world, story.tip_minor)
                else:
                    await play(world, story.settle)

            world.run(people())
    except PowerCut:
        pass
    return loop


def mend(data: Path, host: Host, story: Story) -> None:
    """A life in which the same people see to it that the batch is settled, once it had time to be so by itself."""
    loop = CutLoop("mend", start_wall_ms=START_WALL_MS + 2 * LIFE_MS)
    with World(loop=loop, data=data, acquirer=host, profile=story.profile) as world:

        async def people() -> None:
            if story.profile:
                await play(world, OPERATOR + "idle: wait 150\n")
                world.eyes.look_again()
            await Insistent(Counter(world), (), settle=True, reprint=False).live()

        world.run(people())


def wrongs(data: Path, host: Host, payments: int) -> list[str]:
    found: list[str] = []
    with World(data=data, acquirer=host) as world:
        journal = world.journal
        journal.verify()
        found += discrepancies(journal, host)
        made = all_payments(journal)
        settled = [p for p in made if p.state is PaymentState.SETTLED]
        if len(settled) not in (payments, payments - 1):
            found.append(f"{len(settled)} payments are settled")
        if journal.transact(lambda tx: tx.get(PROGRESS)) is not None:
            found.append("the settlement is not at its end")
        if journal.transact(lambda tx: tx.unprinted()):
            found.append("a slip was not printed")
        uploads = journal.transact(lambda tx: tx.uploads(1))
        if any(upload.state is not UploadState.DONE for upload in uploads):
            found.append(f"uploads: {[upload.state.value for upload in uploads]}")
        record = journal.transact(lambda tx: tx.last_slip("settlement"))
        slip = from_record(record.body) if record else None
        if not isinstance(slip, SettlementSlip) or slip.not_taken or slip.uploaded != len(settled):
            found.append(f"the slip says {slip}")
    batch = next(iter(host.book.all_batches()))
    if batch.upload is None or not batch.upload.ended:
        found.append("the host has not seen the upload's end")
    elif batch.upload.differences or sorted(batch.upload.stans) != sorted(str(p.stan) for p in settled):
        found.append(f"uploaded: {batch.upload.stans}, {batch.upload.differences}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_cut_at_every_moment(story: Story, tmp_path: Path, record_property: Any) -> None:
    ready, before = tmp_path / "ready", Host()
    with World(loop=CutLoop("ready"), data=ready, acquirer=before, profile=story.profile) as world:
        world.run(play(world, FIRST_RUN + OPERATOR + "idle:\n" + story.first + "idle:"))
        payments = len(all_payments(world.journal)) + bool(story.tip_minor)
    whole = Host().brought_to(before.told)
    shutil.copytree(ready, tmp_path / "whole")
    total = live(tmp_path / "whole", whole, story, 1).passed
    mend(tmp_path / "whole", whole, story)
    assert wrongs(tmp_path / "whole", whole, payments) == []
    assert total > 8
    record_property("cuts", total)
    wrong: list[str] = []
    for cut_at in range(1, total + 1):
        data, host = tmp_path / f"{cut_at}", Host().brought_to(before.told)
        shutil.copytree(ready, data)
        where = live(data, host, story, 1, cut_at).where
        mend(data, host, story)
        wrong += [f"{where} ({cut_at}): {each}" for each in wrongs(data, host, payments)]
        shutil.rmtree(data)
    assert wrong == []
