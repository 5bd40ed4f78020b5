"""对账 of wallets asked directly: the published libraries fetch our gateways' bill, and a whole terminal matches it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from test_flows_reconcile import bills
from test_flows_stories import START
from wallet_gateways import Keys, alipay_contract, wechat_contract

from drivers.ports import HttpAnswer, LinkDown, LinkFault
from sim.acquirer.wallets import Wallet, WalletKind
from sim.books import all_payments
from sim.gateways.alipay import AlipayGateway
from sim.gateways.till import Mood, Till
from sim.gateways.wechat import Merchant, WeChatGateway
from sim.loop import START_WALL_MS
from sim.story import play, press, to_menu, to_transaction
from sim.world import World
from terminal.model import Finding, Money
from terminal.wallets.alipay import Alipay
from terminal.wallets.direct import Direct
from terminal.wallets.wechat import WeChat

pytestmark = pytest.mark.slow
F = Finding
RATE_BP = 60
SUPERVISOR = "enter_number: ENTER\noperator_password: 1234 ENTER\n"
TOMORROW = "idle: wait 76000 CANCEL\n"
# The acquirer's bill comes first; nothing was sold through it.
ASK = to_menu("reports") + "menu: 5\nenter_number: ENTER\nreconciled: CANCEL\nprinting:\n"
DONE = "reconciled: ENTER\nprinting:\nidle:"


class Handed:
    """Meets `drivers.ports.Https`: each request is the gateway's at once."""

    host = "wallet.test"

    def __init__(self, gateway: WeChatGateway | AlipayGateway, world: World) -> None:
        self._gateway = gateway
        self._world = world

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", **_: object
    ) -> HttpAnswer:
        now_ms, url = self._world.world_ms(), urlsplit(target)
        if isinstance(self._gateway, WeChatGateway):
            lower = {name.lower(): value for name, value in headers.items()}
            answer = self._gateway.handle(method, target, lower, body, now_ms)
        else:
            bill = url.path == "/bill"
            answer = self._gateway.bill(url.query) if bill else self._gateway.handle(url.query, now_ms)
        if answer is None:
            raise LinkDown(LinkFault.TIMEOUT, sent=True)
        return HttpAnswer(answer.status, {n.lower(): v for n, v in (answer.headers or {}).items()}, answer.body)

    def at(self, host: str) -> Handed:
        return self


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
        till = Till("https://pay.test/", "13" if name == "wechat" else "28", draw)
        wallet: WeChat | Alipay
        if name == "wechat":
            merchant = Merchant("1900000001", "wx0000000000000001", "SERIAL01", keys.merchant.public_key())
            wechat = WeChatGateway(till, merchant, keys.wallet, "PUB_KEY_ID_01", keys.forger, draw)
            numbers = itertools.count()
            line = Handed(wechat, world)
            wallet = WeChat(wechat_contract(keys), line, world.world_ms, lambda: f"N{next(numbers):08d}")
        else:
            alipay = AlipayGateway(till, "2021000000000001", keys.merchant.public_key(), keys.wallet, keys.forger)
            wallet = Alipay(alipay_contract(keys), Handed(alipay, world), world.world_ms)
        world.shop.rails = {name: Direct(wallet, fee_bp=RATE_BP)}
        yield Shop(world, till, Wallet(WalletKind(name), 1_000_000, confirm_from_minor=50_000), name)


def a_day(shop: Shop) -> str:
    """Two orders, of which the first goes back in part."""
    refunded = (
        to_transaction("order-refund")
        + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: 1250 ENTER\n"
        + SUPERVISOR
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
