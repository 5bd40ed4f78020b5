"""对账 of wallets asked directly: the published libraries fetch our gateways' bill, and a whole terminal matches it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from shop_days import AGREES
from test_flows_reconcile import bills
from test_flows_stories import START
from wallet_gateways import Handed, Keys, gateway_of, wallet_of

from sim.acquirer.wallets import Wallet, WalletKind
from sim.books import all_payments
from sim.gateways.till import Mood, Till
from sim.loop import START_WALL_MS
from sim.story import play, press, to_menu, to_transaction
from sim.world import World
from terminal.model import Finding, Money
from terminal.wallets.direct import Direct

pytestmark = pytest.mark.slow
F = Finding
RATE_BP = 60
TOMORROW = "idle: wait 76000 CANCEL\n"
# The acquirer's bill comes first; nothing was sold through it.
ASK = to_menu("reports") + "menu: 5\nenter_number: ENTER\nreconciled: CANCEL\nprinting:\n"
DONE = "reconciled: ENTER\nprinting:\nidle:"


@dataclass
class Shop:
    world: World
    till: Till
    user: Wallet
    name: str

    def sold(self, minor: int = 5_000) -> str:
        return f"idle: {minor} ENTER\nchoose_method: 3\nscan_code: scan {self.code()}\n"

    def code(self) -> str:
        """Good for the whole day of a test."""
        return self.till.new_code(self.user, START_WALL_MS + 12 * 3_600_000)

    def matched(self, text: str) -> dict[Finding, int]:
        self.world.run(play(self.world, START + text))
        *_, slip = bills(self.world)
        assert (slip.rail, slip.day) == (self.name, "2026-12-23")
        return dict(slip.counts)


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys.made()


@pytest.fixture(params=["wechat", "alipay"])
def shop(request: pytest.FixtureRequest, keys: Keys) -> Iterator[Shop]:
    draw, name = random.Random(1).randbytes, str(request.param)
    with World(f"direct {name}") as world:
        till, gateway = gateway_of(name, keys, draw)
        wallet = wallet_of(name, keys, Handed(gateway, world.world_ms), world.world_ms)
        world.shop.rails = {name: Direct(wallet, fee_bp=RATE_BP)}
        yield Shop(world, till, Wallet(WalletKind(name), 1_000_000, confirm_from_minor=50_000), name)


def a_day(shop: Shop) -> str:
    """Two orders, of which the first goes back in part."""
    refunded = (
        to_transaction("order-refund")
        + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: 1250 ENTER\n"
        + AGREES
        + "approved:\n"
    )
    return shop.sold() + "approved:\n" + shop.sold(1_250) + "approved:\n" + refunded


def test_a_balanced_day(shop: Shop) -> None:
    assert shop.matched(a_day(shop) + TOMORROW + ASK + DONE) == {F.MATCHED: 3}
    assert [p.state.value for p in all_payments(shop.world.journal)] == ["completed"] * 3


@pytest.mark.parametrize(
    ("wrong", "counts"),
    [
        ("missing", {F.MATCHED: 2, F.MISSING: 1}),
        ("twice", {F.MATCHED: 3, F.EXTRA: 1}),
        ("amount", {F.MATCHED: 2, F.AMOUNT: 1}),
        ("fee", {F.MATCHED: 2, F.FEE: 1}),
    ],
)
def test_each_difference_is_named(shop: Shop, wrong: str, counts: dict[Finding, int]) -> None:
    shop.till.mood.bill_first = wrong
    told = "reconciled: ENTER\nbill_difference: ENTER\nprinting:\nidle:"
    assert shop.matched(a_day(shop) + TOMORROW + ASK + told) == counts
    *_, slip = bills(shop.world)
    (row,) = slip.rows
    if wrong == "fee":
        assert (row.due, row.fee) == (Money(30), Money(34))
    assert row.order_no == all_payments(shop.world.journal)[-1].facts["order_no"]


def test_not_published_is_not_yet_and_asked_again_it_is_there(shop: Shop) -> None:
    shop.till.mood.bill_late = True

    async def people() -> None:
        await play(shop.world, START + a_day(shop) + TOMORROW + ASK + "bill_failed:")
        assert len(bills(shop.world)) == 1
        shop.till.mood.bill_late = False
        await press(shop.world, "ENTER")
        await play(shop.world, DONE)

    shop.world.run(people())
    *_, slip = bills(shop.world)
    assert slip.counts == ((F.MATCHED, 3),)


def test_a_forged_bill_is_none(shop: Shop) -> None:
    text = START + a_day(shop) + TOMORROW

    async def people() -> None:
        await play(shop.world, text)
        shop.till.mood = Mood(forged=True)
        await play(shop.world, ASK + "bill_failed: CANCEL\nidle:")

    shop.world.run(people())
    assert [slip.rail for slip in bills(shop.world)] == ["acquirer"]


def test_an_order_that_was_taken_back_stands_on_the_bill_both_ways(shop: Shop) -> None:
    """It was paid, and nobody heard of it; it was given up, and the reversal gave the money back."""
    world, till = shop.world, shop.till

    async def people() -> None:
        await play(world, START + shop.sold(60_000) + "wallet_paying:")
        (trade,) = till.trades.values()
        till.mood = Mood(deaf=True)
        till.confirm(trade, world.world_ms())
        await play(world, "qr_unknown:")
        till.reverse(trade.number, world.world_ms())
        till.mood = Mood()
        await play(world, "idle: wait 400 CANCEL\n" + TOMORROW + ASK + DONE)

    world.run(people())
    (payment,) = all_payments(world.journal)
    assert payment.state.value == "reversed"
    *_, slip = bills(world)
    assert dict(slip.counts) == {F.MATCHED: 2}
