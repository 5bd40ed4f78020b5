"""One code for all wallets: each wallet's browser pays the terminal's own code, read off its glass; no other can.

Shown: the code fits the smallest panel; the terminal completes and both books agree; what a browser calls itself only
chooses the account; GET moves no money; a second payment, a closed order, a strange address and an empty account are
answered in words; a merchant's name cannot write into the page.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from test_flows_stories import START

from sim.acquirer import Acquirer
from sim.acquirer.cashier_page import PATH_LIMIT, CashierPage, wallet_of
from sim.acquirer.wallets import ORDER_LIFE_MS, Wallet, WalletKind
from sim.books import all_payments, discrepancies
from sim.story import play
from sim.world import World

pytestmark = pytest.mark.slow  # Whole stories, and a socket for each.

NOW = 1_798_000_000_000
TERMINAL = ("898310072990001", "10000001")
AGENTS = {
    WalletKind.WECHAT: "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 MicroMessenger/8.0.50 Language/zh_CN",
    WalletKind.ALIPAY: "Mozilla/5.0 (Linux; Android 14) AliApp(AP/10.5.88) AlipayClient/10.5.88",
    WalletKind.UNIONPAY: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) UnionPay/1.0 CloudPay",
}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def fetch(url: str, agent: str, *, pay: bool = False) -> tuple[int, str]:
    asked = urllib.request.Request(url + ("/pay" if pay else ""), headers={"User-Agent": agent})
    if pay:
        asked.data = b""
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@pytest.mark.parametrize("kind", list(WalletKind))
def test_each_wallet_pays_the_one_code_off_the_glass(kind: WalletKind) -> None:
    account = Wallet(kind, 500_000)
    with (
        World(f"page-{kind.value}") as world,
        CashierPage(world.acquirer.gateway, lambda asked: account, lambda order: "掌柜", world.world_ms) as page,
    ):
        world.acquirer.gateway.prefix = page.url

        async def people() -> None:
            await play(world, START + "idle: 4500 ENTER\nchoose_method: 2\nshow_qr: wait 2")
            url = world.phone(kind.value).phone.look(world.display.pixels(), world.display.width, world.display.height)
            assert url is not None and url.startswith(page.url)
            status, text = fetch(url, AGENTS[kind])
            assert (status, account.balance_minor) == (200, 500_000)
            assert "¥45.00" in text and "掌柜" in text and "<form" in text
            assert "Paid" in fetch(url, AGENTS[kind], pay=True)[1]
            await play(world, "approved:\nidle:")

        world.run(people())
        assert account.balance_minor == 495_500
        assert [payment.state.value for payment in all_payments(world.journal)] == ["completed"]
        assert discrepancies(world.journal, world.acquirer) == []


class Bench:
    """One order behind the page, a clock that is set, and one account for each wallet."""

    def __init__(self, merchant: str = "Shop", balance_minor: int = 10_000) -> None:
        acquirer = Acquirer()
        self.now_ms = NOW
        self.gateway = acquirer.gateway
        self.accounts = {kind: Wallet(kind, balance_minor) for kind in WalletKind}
        self.page = CashierPage(self.gateway, self.accounts.__getitem__, lambda order: merchant, lambda: self.now_ms)
        self.gateway.prefix = self.page.url
        batch = acquirer.book.open_batch(TERMINAL)
        self.url = self.gateway.create(batch, TERMINAL, "A1", "000001", 1280, NOW).payload

    @property
    def spent(self) -> int:
        return sum(10_000 - wallet.balance_minor for wallet in self.accounts.values())


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    with bench.page:
        yield bench


def test_what_the_browser_calls_itself_chooses_the_account_and_nothing_else(bench: Bench) -> None:
    assert fetch(bench.url, AGENTS[WalletKind.UNIONPAY], pay=True)[0] == 200
    assert bench.accounts[WalletKind.UNIONPAY].balance_minor == 10_000 - 1280
    assert bench.spent == 1280


@pytest.mark.parametrize("agent", [BROWSER, "", " ".join(AGENTS.values())])
def test_no_wallet_or_several_is_told_what_to_use_and_cannot_pay(bench: Bench, agent: str) -> None:
    assert wallet_of(agent) is None
    status, text = fetch(bench.url, agent)
    assert status == 200 and "WeChat, Alipay or UnionPay" in text and "<form" not in text and "12.80" not in text
    assert fetch(bench.url, agent, pay=True)[0] == 403
    assert bench.spent == 0


def test_get_moves_no_money(bench: Bench) -> None:
    agent = AGENTS[WalletKind.WECHAT]
    assert fetch(bench.url + "/pay", agent)[0] == 405
    assert bench.spent == 0


def test_it_is_paid_once(bench: Bench) -> None:
    assert fetch(bench.url, AGENTS[WalletKind.WECHAT], pay=True)[0] == 200
    status, text = fetch(bench.url, AGENTS[WalletKind.ALIPAY], pay=True)
    assert status == 409 and "Already paid" in text
    status, text = fetch(bench.url, AGENTS[WalletKind.ALIPAY])
    assert "Already paid" in text and "<form" not in text
    assert bench.spent == 1280


def test_a_closed_order_and_an_empty_account_are_said(bench: Bench) -> None:
    bench.accounts[WalletKind.WECHAT].balance_minor = 1
    assert "Balance too low" in fetch(bench.url, AGENTS[WalletKind.WECHAT], pay=True)[1]
    bench.now_ms += ORDER_LIFE_MS
    text = fetch(bench.url, AGENTS[WalletKind.ALIPAY])[1]
    assert "The order is closed" in text and "<form" not in text
    assert fetch(bench.url, AGENTS[WalletKind.ALIPAY], pay=True)[0] == 409


@pytest.mark.parametrize("path", ["", "ABCDEFGHJK", "../etc/passwd", "%00", "x" * (PATH_LIMIT + 1)])
def test_a_strange_address_is_no_order(bench: Bench, path: str) -> None:
    status, text = fetch(bench.page.url + path, AGENTS[WalletKind.WECHAT])
    assert status == 404 and "Not a payment code" in text


def test_a_merchants_name_writes_nothing_into_the_page() -> None:
    bench = Bench(merchant="<script>alert(1)</script>")
    with bench.page:
        text = fetch(bench.url, AGENTS[WalletKind.WECHAT])[1]
    assert "<script" not in text and "&lt;script&gt;" in text
