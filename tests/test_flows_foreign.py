"""Domestic cards and foreign ones, from the host's naming of the card to the settlement's two halves.

Both sides count for themselves: the terminal by what the answers named, the simulated acquirer by its book.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from shop_days import AGREES, SETTLE, START
from test_flows_settlement import last_slip

from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.book import Batch
from sim.acquirer.requests import Answer
from sim.books import all_payments
from sim.story import play, to_transaction
from sim.world import World
from terminal.hostlink.codec import Message
from terminal.hostlink.details import BatchDetail, read_batch_details
from terminal.hostlink.messages import Totals
from terminal.hostlink.profile import Profile, load_profile
from terminal.receipts import Balance

NAMES = ("void", "tip", "auth", "completion-notice")
PIN = "enter_pin: 123456 ENTER\n"
DONE = "approved:\nremove_card: remove\n"


def profile(*domestic: str) -> Profile:
    return dataclasses.replace(load_profile("unionpay"), domestic_organisations=domestic)


class Host(Acquirer):
    """Hears everything; loses one fen of the foreign debits when it is to be `unbalanced`."""

    def __init__(self, *domestic: str, unbalanced: bool = False) -> None:
        super().__init__(seed=7, profile=profile(*domestic))
        self.heard: list[Message] = []
        self.unbalanced = unbalanced

    def _judge(self, message: Message, *rest: Any) -> Answer | None:
        self.heard.append(message)
        if message.mti == "0500" and self.unbalanced:
            entry = next(entry for entry in self.book.entries if entry.organisation != "CUP")
            entry.amount_minor -= 1
        return super()._judge(message, *rest)

    def batch(self) -> Batch:
        return next(self.book.all_batches())


def world_of(name: str, host: Host) -> World:
    world = World(name, acquirer=host, profile=host.profile, language="zh-CN")
    offered = dataclasses.replace(world.config.transactions, offered=NAMES)
    world.shop.config = dataclasses.replace(world.config, transactions=offered)
    return world


def sale(card: str, amount: int = 10000, pin: str = PIN) -> str:
    return f"idle: {amount} ENTER\nchoose_method: 1\ninsert_card: insert {card}\n{pin}{DONE}"


def void(stan: str, card: str) -> str:
    found = to_transaction("void", NAMES) + f"enter_number: {stan} ENTER\noriginal: ENTER\n"
    return found + AGREES + f"insert_card: insert {card}\n{PIN}{DONE}"


def tip(stan: str, amount: int) -> str:
    found = to_transaction("tip", NAMES) + f"enter_number: {stan} ENTER\noriginal: ENTER\n"
    return found + f"enter_tip: {amount} ENTER\napproved:\n"


VISA, MASTERCARD, UNIONPAY = "visa-like", "mastercard-like", "unionpay-credit-pin"
DAY = sale(UNIONPAY) + sale(VISA) + sale(MASTERCARD) + void("3", VISA) + tip("4", 1500)


def test_a_day_of_both_balances_in_both_halves() -> None:
    host = Host("CUP")
    with world_of("both", host) as world:
        paper: list[str] = []
        world.printer_said = lambda lines: paper.append(repr(lines))
        world.run(play(world, START + DAY + SETTLE))
        named = [(p.kind.value, p.facts["organisation"]) for p in reversed(all_payments(world.journal))]
        assert named == [("sale", "CUP"), ("sale", "VIS"), ("sale", "MCC"), ("void", "VIS"), ("tip", "MCC")]
        settled = host.batch().settlement
        assert settled is not None
        assert settled.booked == settled.claimed == Totals(10000, 1)
        assert settled.booked_foreign == settled.claimed_foreign == Totals(21500, 3, 10000, 1)
        slip = last_slip(world)
        assert (slip.domestic, slip.foreign) == (Balance.BALANCED, Balance.BALANCED)
        assert all(half in paper[-1] for half in ("内卡", "外卡"))


def test_an_imbalance_of_the_foreign_half_is_said_of_that_half_alone() -> None:
    host = Host("CUP", unbalanced=True)
    with world_of("foreign-half", host) as world:
        world.run(play(world, START + DAY + SETTLE))
        slip = last_slip(world)
        assert (slip.domestic, slip.foreign) == (Balance.BALANCED, Balance.UNBALANCED)
        settled = host.batch().settlement
        assert settled is not None
        assert not settled.balanced


def test_a_detail_says_the_class_of_its_card() -> None:
    """A void is uploaded among the details, because it leaves no certificate."""
    host = Host("VIS", unbalanced=True)  # Whoever is domestic, the profile says.
    with world_of("classes", host) as world:
        cup = void("2", UNIONPAY)
        world.run(play(world, START + sale(UNIONPAY) + sale(VISA) + void("3", VISA) + cup + SETTLE))
        sent: list[BatchDetail] = []
        for message in host.heard:
            if message.mti == "0320" and message.text(60)[8:11] == "201":
                sent += read_batch_details(message.text(48))
        assert [detail.card_class for detail in sent] == ["00", "01"]
        upload = host.batch().upload
        assert upload is not None
        assert [difference.split(": ")[0] for difference in upload.differences] == ["STAN 000003"]


def test_where_no_organisation_is_called_domestic_all_are() -> None:
    host = Host()
    with world_of("all", host) as world:
        world.run(play(world, START + DAY + SETTLE))
        settled = host.batch().settlement
        assert settled is not None
        assert (settled.booked, settled.booked_foreign) == (Totals(31500, 4, 10000, 1), Totals())
        assert last_slip(world).foreign is Balance.NOT_REPORTED


def offline(world: World) -> None:
    """A chip of domestic scheme may approve below 1,000.00 by itself."""
    shop = world.shop
    aids = tuple(
        dataclasses.replace(row, floor_limit_minor=100_000, tac_online=bytes(5), tac_default=bytes(5))
        for row in shop.kernel.aids
    )
    shop.kernel = dataclasses.replace(shop.kernel, terminal_type=0x22, aids=aids)


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answered-94"])
def test_an_offline_sale_is_of_the_half_that_its_upload_s_answer_names(lost: bool) -> None:
    """Nobody has named its card before: the first answer does, or the 94 that comes where that one was lost."""
    host = Host("VIS")  # So that the card, a UnionPay one, is foreign.
    if lost:
        host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0220"))
    with world_of(f"offline-{lost}", host) as world:
        offline(world)

        async def people() -> None:
            await play(world, START + sale("offline-limits", 9000) + "idle:")
            assert "organisation" not in sold(world)
            if lost:
                await play(world, "idle: DOWN\nmenu: 4\nrefused: ENTER\nidle:")
            await play(world, SETTLE)

        world.run(people())
        assert sold(world)["organisation"] == "CUP"
        (upload,) = world.journal.transact(lambda tx: tx.uploads(1))
        assert upload.code == ("94" if lost else "00")
        settled = host.batch().settlement
        assert settled is not None
        assert settled.booked_foreign == settled.claimed_foreign == Totals(9000, 1)
        assert last_slip(world).foreign is Balance.BALANCED


def sold(world: World) -> Mapping[str, str | int | bool]:
    return all_payments(world.journal)[0].facts


def test_a_completion_notice_is_of_its_authorisation_s_half_before_anybody_is_told() -> None:
    host = Host("CUP")
    with world_of("notice", host) as world:
        card = f"insert_card: insert {VISA}\n"
        held = to_transaction("auth", NAMES) + f"enter_amount: 10000 ENTER\n{card}{PIN}{DONE}"

        async def people() -> None:
            await play(world, START + held + "idle:")
            typed = f"enter_number: {sold(world)['auth_code']} ENTER\nenter_number: ENTER\nenter_amount: 9000 ENTER\n"
            notice = to_transaction("completion-notice", NAMES)
            await play(world, "idle: CANCEL\n" + notice + typed + card + DONE + "idle:")
            assert sold(world)["organisation"] == "VIS"
            assert not [message for message in host.heard if message.mti == "0220"]
            await play(world, SETTLE)

        world.run(people())
        settled = host.batch().settlement
        assert settled is not None
        assert settled.booked_foreign == settled.claimed_foreign == Totals(9000, 1)
