"""One code for all wallets: the page behind it, which tells the wallets apart by what their browsers call themselves.

A shown code is then the address of this page (`http://.../TOKEN`), and any phone may open it. Inside a wallet the page
shows merchant and amount and a button; the wallet's own cashier would open now, and here the order is paid from the
payer's account with that wallet. Any other browser is told what to open it with, and cannot pay.

    MicroMessenger   WeChat        AlipayClient   Alipay        UnionPay   UnionPay's app

Whoever calls chooses the name, so it decides nothing but which account is asked. `payer` stands for the wallets'
sign-in, which no simulator has: which account of a kind belongs to the phone that calls.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Any, Self

from sim.acquirer.book import Entry, Order
from sim.acquirer.eslips import PATH as ESLIP_PATH
from sim.acquirer.eslips import Slip
from sim.acquirer.wallets import PayResult, Wallet, WalletGateway, WalletKind
from terminal.hostlink.subfields import OrderState

AGENTS: Mapping[str, WalletKind] = MappingProxyType(
    {
        "MicroMessenger": WalletKind.WECHAT,
        "AlipayClient": WalletKind.ALIPAY,
        "UnionPay": WalletKind.UNIONPAY,
    }
)
NAMES: Mapping[WalletKind, str] = MappingProxyType(
    {
        WalletKind.WECHAT: "微信支付 WeChat Pay",
        WalletKind.ALIPAY: "支付宝 Alipay",
        WalletKind.UNIONPAY: "云闪付 UnionPay",
    }
)
RESULTS: Mapping[PayResult, str] = MappingProxyType(
    {
        PayResult.PAID: "支付成功 Paid",
        PayResult.EXPIRED: "订单已关闭 The order is closed",
        PayResult.ALREADY_PAID: "已经付过了 Already paid",
        PayResult.INSUFFICIENT_FUNDS: "余额不足 Balance too low",
        PayResult.UNKNOWN_CODE: "不是收款码 Not a payment code",
    }
)
PAID, TAKEN_BACK = "已支付 Paid", "已撤销 Taken back"
ORDER_STATES: Mapping[OrderState, str] = MappingProxyType(
    {OrderState.PAID: PAID, OrderState.REFUNDED: TAKEN_BACK}
)
NO_SLIP = "没有这张小票 No such slip"
OPEN_WITH = "请用微信、支付宝或云闪付扫码 Scan it with WeChat, Alipay or UnionPay"
PATH_LIMIT = 64  # "/S/", an order's number and ten characters are the longest; the rest is somebody's play.
READ_S = 5.0  # A client that sends nothing is let go.


def wallet_of(agent: str) -> WalletKind | None:
    """Which wallet's browser it says it is; None for any other, or for one that claims to be several.

    >>> wallet_of("Mozilla/5.0 (Linux; Android 14) AliApp(AP/10.5.88) AlipayClient/10.5.88")
    <WalletKind.ALIPAY: 'alipay'>
    """
    kinds = {kind for name, kind in AGENTS.items() if name in agent}
    return kinds.pop() if len(kinds) == 1 else None


class CashierPage:
    """Serves until it is closed. `merchant` is the name for a payment; `wall_ms` the gateway's clock.

    With `find_slip` (of the acquirer's `ESlips`) it also shows slips: below `S/`, by number and key, to any browser.
    """

    def __init__(
        self,
        gateway: WalletGateway,
        payer: Callable[[WalletKind], Wallet],
        merchant: Callable[[Order | Entry], str],
        wall_ms: Callable[[], int],
        find_slip: Callable[[str, str], Slip | None] = lambda number, key: None,
    ) -> None:
        self._find_slip = find_slip
        self._gateway = gateway
        self._payer = payer
        self._merchant = merchant
        self._wall_ms = wall_ms
        page = self

        class Handler(BaseHTTPRequestHandler):
            timeout = READ_S

            def do_GET(self) -> None:
                self._answer(paying=False)

            def do_POST(self) -> None:
                self._answer(paying=True)

            def _answer(self, *, paying: bool) -> None:
                if self.path.startswith(f"/{ESLIP_PATH}") and not paying:
                    status, text = page.eslip(self.path)
                else:
                    status, text = page.answer(self.path, self.headers.get("User-Agent", ""), paying=paying)
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", "default-src 'none'; form-action 'self'")
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """The address is an order's: it goes into no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What a code begins with: the gateway's `prefix` for orders that are to have one code for all wallets."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/"

    def answer(self, path: str, agent: str, *, paying: bool) -> tuple[HTTPStatus, str]:
        """The page for one request. Only a POST to an order's `/pay` moves money."""
        token, _, act = path.removeprefix("/").partition("/")
        now_ms = self._wall_ms()
        order = self._gateway.shown(self._gateway.prefix + token, now_ms) if len(path) <= PATH_LIMIT else None
        if order is None or act not in ("", "pay"):
            return HTTPStatus.NOT_FOUND, _page(RESULTS[PayResult.UNKNOWN_CODE])
        if (act == "pay") is not paying:
            return HTTPStatus.METHOD_NOT_ALLOWED, _page(OPEN_WITH)
        kind = wallet_of(agent)
        if kind is None:
            return HTTPStatus.FORBIDDEN if paying else HTTPStatus.OK, _page(OPEN_WITH)
        if paying:
            result = self._gateway.pay(order.payload, self._payer(kind), now_ms)
            status = HTTPStatus.OK if result is PayResult.PAID else HTTPStatus.CONFLICT
            return status, _page(NAMES[kind], self._merchant(order), _yuan(order), RESULTS[result])
        lines = (NAMES[kind], self._merchant(order), _yuan(order))
        if order.state is OrderState.PAID:
            return HTTPStatus.OK, _page(*lines, RESULTS[PayResult.ALREADY_PAID])
        if order.state is OrderState.CLOSED:
            return HTTPStatus.OK, _page(*lines, RESULTS[PayResult.EXPIRED])
        return HTTPStatus.OK, _page(*lines, pay=f"/{token}/pay")

    def eslip(self, path: str) -> tuple[HTTPStatus, str]:
        """The slip of a payment for whoever has its key: nothing of the card, nothing of the customer."""
        number, _, key = path.removeprefix(f"/{ESLIP_PATH}").partition("/")
        found = self._find_slip(number, key) if len(path) <= PATH_LIMIT else None
        if found is None:
            return HTTPStatus.NOT_FOUND, _page(NO_SLIP)
        payment, given_minor = found
        return HTTPStatus.OK, _page(self._merchant(payment), *_slip_lines(number, payment, given_minor))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _slip_lines(number: str, payment: Order | Entry, given_minor: int) -> list[str]:
    lines = [f"单号 No. {number}", f"金额 Amount {_money(payment.amount_minor)}"]
    if isinstance(payment, Order):
        off = {"商户优惠 Merchant discount": payment.merchant_minor, "平台优惠 By platform": payment.platform_minor}
        lines += [f"{word} -{_money(minor)}" for word, minor in off.items() if minor]
        if payment.customer_minor != payment.amount_minor:
            lines.append(f"实付 Paid {_money(payment.customer_minor)}")
        lines += [payment.extra] if payment.extra else []
        state = ORDER_STATES.get(payment.state, "")
    else:
        lines.append(f"授权码 Auth code {payment.auth_code}")
        state = PAID if payment.standing else TAKEN_BACK
    lines += [f"已退 Given back {_money(given_minor)}"] if given_minor else []
    return [*lines, state]


def _yuan(order: Order) -> str:
    return _money(order.amount_minor)


def _money(minor: int) -> str:
    return f"¥{minor // 100:,}.{minor % 100:02d}"


def _page(*lines: str, pay: str = "") -> str:
    """Everything that is not ours is escaped: a merchant's name is whatever the acquirer was told."""
    shown = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    form = f'<form method="post" action="{html.escape(pay)}"><button>确认支付 Pay</button></form>' if pay else ""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>付款 Pay</title>'
    return f"<!doctype html><html><head>{head}</head><body>{shown}{form}</body></html>"
