"""A chip that approves by itself: sold, queued and told afterwards, once in both books or in neither."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from shop_days import SETTLE, START, payments

from sim.acquirer import Acquirer, Fault, FaultKind
from sim.books import discrepancies
from sim.card import PROFILES, VirtualCard
from sim.story import play
from sim.world import World
from terminal.assembly import kernel_profile
from terminal.config import Config
from terminal.config.settings import Card
from terminal.hostlink.codec import Message
from terminal.hostlink.icc import elements
from terminal.receipts import CardSlip, SettlementSlip, from_record

DONE = "approved:\nremove_card: remove\n"
SALE = "idle: 9000 ENTER\nchoose_method: 1\ninsert_card: insert offline-limits\nenter_pin: 123456 ENTER\n" + DONE
ONLINE = "idle: 9000 ENTER\nchoose_method: 1\ninsert_card: insert no-cvm\n" + DONE


class Host(Acquirer):
    """Remembers what it is asked and told about money."""

    def __init__(self) -> None:
        super().__init__(seed=7)
        self.heard: list[Message] = []

    def _judge(self, message: Message, *rest: object) -> object:  # type: ignore[override]
        if message.mti in ("0200", "0220", "0320", "0400"):
            self.heard.append(message)
        return super()._judge(message, *rest)  # type: ignore[arg-type]


@contextmanager
def offline_world(name: str, host: Acquirer, tac_online: bytes = bytes(5)) -> Iterator[World]:
    """A terminal of type 22 whose applications may be approved below 1,000.00."""
    with World(name, acquirer=host) as world:
        shop = world.shop
        aids = tuple(
            dataclasses.replace(row, floor_limit_minor=100_000, tac_online=tac_online, tac_default=bytes(5))
            for row in shop.kernel.aids
        )
        shop.kernel = dataclasses.replace(shop.kernel, terminal_type=0x22, aids=aids)
        yield world


def test_the_configuration_says_what_kind_of_terminal_it_is() -> None:
    assert kernel_profile(Config.default()).terminal_type == 0x21
    offline = dataclasses.replace(Config.default(), card=Card(offline=True))
    assert kernel_profile(offline).terminal_type == 0x22


def test_the_card_says_yes_and_the_host_hears_of_it_at_the_settlement() -> None:
    host = Host()
    with offline_world("offline", host) as world:
        world.run(play(world, START + SALE + "idle:"))
        withdrawn, sold = payments(world)
        assert (withdrawn.kind.value, withdrawn.state.value, withdrawn.stan) == ("sale", "abandoned", None)
        assert (sold.kind.value, sold.state.value) == ("offline-sale", "completed")
        assert host.heard == []
        record = world.journal.transact(lambda tx: tx.last_slip())
        assert record is not None
        slip = from_record(record.body)
        assert isinstance(slip, CardSlip)
        assert slip.chip is not None
        assert slip.chip.cryptogram_type == "TC"
        world.run(play(world, SETTLE))
        told = host.heard[0]
        assert (told.mti, told.text(60)[:2], told.text(11)) == ("0220", "36", sold.stan)
        icc = {element.tag: told.binary(55)[element.value : element.end] for element in elements(told.binary(55))}
        assert (icc["8A"], icc["9F27"]) == (b"Y1", b"\x40")
        assert not {26, 35, 36, 52} & set(told.fields)
        assert discrepancies(world.journal, host) == []
        settled = world.journal.transact(lambda tx: tx.last_slip("settlement"))
        assert settled is not None
        paper = from_record(settled.body)
        assert isinstance(paper, SettlementSlip)
        assert paper.domestic.value == "balanced"


def test_an_imbalance_uploads_it_as_it_was() -> None:
    class Unbalanced(Host):
        def _judge(self, message: Message, *rest: object) -> object:
            answer = super()._judge(message, *rest)
            if message.mti == "0500":
                f48 = str(answer.fields[48])  # type: ignore[attr-defined]
                answer.fields[48] = f48[:30] + "2" + f48[31:]  # type: ignore[attr-defined]
            return answer

    host = Unbalanced()
    with offline_world("offline-upload", host) as world:
        world.run(play(world, START + SALE + SETTLE))
        advice, detail = host.heard[0], host.heard[1]
        assert (detail.mti, detail.text(60)) == ("0320", advice.text(60))
        same = {number for number in advice.fields if number != 64}
        assert {n: detail.fields[n] for n in same} == {n: advice.fields[n] for n in same}
        (batch,) = host.book.all_batches()
        assert batch.upload is not None
        assert batch.upload.differences == []


UNREACHABLE = (
    "idle: 9000 ENTER\nchoose_method: 1\ninsert_card: insert offline-limits host refused\nenter_pin: 123456 ENTER\n"
)


def test_a_host_that_cannot_be_reached_is_not_replaced_by_the_card() -> None:
    """The second GENERATE AC brings a TC (Y3): nothing is sold by it, and nothing is owed."""
    host = Host()
    with offline_world("unreachable", host, tac_online=b"\xff" * 5) as world:
        lenient = dataclasses.replace(PROFILES["offline-limits"].applications[0], action_default=bytes(5))
        card = dataclasses.replace(PROFILES["offline-limits"], applications=(lenient,))
        world.cards["offline-limits"] = VirtualCard(card, wait=world.loop.spend)
        world.run(play(world, START + UNREACHABLE + "nothing_sent: ENTER\nremove_card: remove\nidle:"))
        assert [(p.kind.value, p.state.value) for p in payments(world)] == [("sale", "abandoned")]
        assert host.heard == []


def test_a_card_that_wants_its_issuer_is_not_sold_without_one() -> None:
    host = Host()
    with offline_world("limits", host) as world:
        world.run(play(world, START + SALE * 2 + UNREACHABLE + "nothing_sent: ENTER\nremove_card: remove\nidle:"))
        kinds = [(p.kind.value, p.state.value) for p in payments(world)]
        assert kinds[-1] == ("sale", "abandoned")
        assert [kind for kind, state in kinds if state == "completed"] == ["offline-sale"] * 2


def test_a_request_that_may_have_been_heard_is_never_sold_offline() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200"))
    with offline_world("heard", host) as world:
        lost = "idle: 9000 ENTER\nchoose_method: 1\ninsert_card: insert offline-limits\nenter_pin: 123456 ENTER\n"
        world.run(
            play(
                world,
                START + SALE * 2 + lost + "reversal_pending: ENTER\nremove_card: remove\n" + ONLINE + "idle: wait 40\n",
            )
        )
        states = [(p.kind.value, p.state.value) for p in payments(world)]
        assert ("sale", "reversed") in states
        assert discrepancies(world.journal, host) == []


def test_what_cannot_be_told_afterwards_goes_online() -> None:
    host = Host()
    with offline_world("auth", host) as world:
        auth = "idle: DOWN\nmenu: 1\nmenu: 2\nmenu: 1\nenter_amount: 9000 ENTER\n"
        auth += "insert_card: insert offline-limits\nenter_pin: 123456 ENTER\n"
        world.run(play(world, START + auth + DONE + "idle:"))
        assert [(p.kind.value, p.state.value) for p in payments(world)] == [("auth", "completed")]
        assert payments(world)[0].facts["response_code"] == "00"
