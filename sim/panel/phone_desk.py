"""The customer's phone on the bench: what its screen shows after each touch.

It sees what a camera would (sim.panel.camera_view): the display's pixels as they came over the wire, else the slip
that hangs out of the printer. What it pays, what the host asks it to confirm, and what comes back is the acquirer's
wallet gateway's affair; the phone keeps looking, and says when money has come back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType

from sim.acquirer.book import Order
from sim.acquirer.cashier_page import CashierPage
from sim.acquirer.core import Acquirer
from sim.acquirer.wallets import PAYLOAD_PREFIX, PayResult, WalletKind
from sim.panel.camera_view import look
from sim.panel.cashier import Shown, open_page, path_of
from sim.panel.protocol import Do, JSONObject
from sim.panel.words import clock_of, two
from sim.panel.world import Sight
from sim.phone import Phone
from terminal.hostlink.subfields import OrderState

WALLETS = MappingProxyType(
    {
        WalletKind.WECHAT: two("微信支付", "WeChat Pay"),
        WalletKind.ALIPAY: two("支付宝", "Alipay"),
        WalletKind.UNIONPAY: two("云闪付", "UnionPay"),
    }
)
RESULTS = MappingProxyType(
    {
        PayResult.UNKNOWN_CODE: two("不是收款码", "Not a payment code"),
        PayResult.EXPIRED: two("订单已关闭", "The order is closed"),
        PayResult.ALREADY_PAID: two("已经付过了", "Already paid"),
        PayResult.INSUFFICIENT_FUNDS: two("余额不足", "Balance too low"),
    }
)
HISTORY = 5  # Rows that fit on the phone.
NOTHING_SEEN = two("没有看到二维码", "No QR code in sight")
REFUSED = two("商户没有收到付款", "The merchant was not paid")


class PhoneOnDesk:
    """The PhoneDesk of sim.panel.world. Every call takes the acquirer's lock: phone and line share the book."""

    def __init__(
        self,
        acquirer: Acquirer,
        now_ms: Callable[[], int],
        phone: Phone | None = None,
        cashier: CashierPage | None = None,
    ) -> None:
        self._acquirer = acquirer
        self._phone = phone or Phone(acquirer.gateway)
        self._cashier = cashier
        self._page = Shown((), "")
        self._view: JSONObject | None = None
        self._came_back = self._given_back()
        self._notice: JSONObject | None = None
        self._now_ms = now_ms
        self._wallet = WalletKind.ALIPAY
        self._screen = "home"
        self._code = ""
        self._code_since_ms = 0
        self._order: Order | None = None
        self._note: JSONObject | None = None

    def act(self, deed: Do, sights: Sequence[Sight]) -> tuple[JSONObject, str | None]:
        """Do one thing; what is shown then, and the code that is now held before the scanner (None: none)."""
        held = self._notice = None
        with self._acquirer.lock:
            match deed.values["act"]:
                case "wallet":
                    self._choose(str(deed.values["wallet"]))
                case "look":
                    self._look(sights)
                case "code":
                    self._show_code()
                case "hold" if self._code:
                    held = self._code
                case "confirm":
                    self._confirm()
                case "cancel":
                    self._leave()
                case "one-code" if self._cashier is not None:
                    gateway = self._acquirer.gateway
                    gateway.prefix = PAYLOAD_PREFIX if self._has_one_code() else self._cashier.url
            return self.shown(), held

    def shown(self) -> JSONObject:
        """The phone's screen. Also asks whether the host wants something confirmed, or has answered a code."""
        with self._acquirer.lock:
            self._follow()
            wallets = [
                {"name": kind.value, **WALLETS[kind], "balance": amount(wallet.balance_minor)}
                for kind, wallet in self._phone.wallets.items()
            ]
            shown: JSONObject = {"screen": self._screen, "wallet": self._wallet.value, "wallets": wallets}
            shown["history"] = self._history()
            told = {"note": self._note, "notice": self._notice, "view": self._view}
            shown |= {name: value for name, value in told.items() if value is not None}
            if self._cashier is not None:
                shown["one_code"] = self._has_one_code()
            if self._screen == "page":
                shown |= {"lines": list(self._page.lines), "payable": bool(self._page.pay_path)}
            if self._screen == "code":
                shown |= {"code": self._code, "qr": qr_rows(self._code)}
            if self._order is not None:
                name = self._acquirer.merchant_of(self._order)
                shown |= {"amount": amount(self._order.amount_minor), "merchant": two(name, name)}
            return shown

    def _home(self, note: JSONObject | None = None) -> None:
        self._screen, self._note, self._order, self._code, self._view = "home", note, None, "", None

    def _choose(self, name: str) -> None:
        if self._screen == "home" and name in {kind.value for kind in WALLETS}:
            self._wallet = WalletKind(name)
            self._note = None

    def _look(self, sights: Sequence[Sight]) -> None:
        seen, view = look(sights)
        if seen is None:
            self._home(NOTHING_SEEN)
        elif self._cashier is not None and (path := path_of(self._cashier, seen)):
            self._screen, self._page = "page", open_page(self._cashier, path, self._wallet)
        else:
            result = self._phone.pay(seen, self._now_ms(), wallet=self._wallet, confirmed=False)
            if result is not PayResult.PAYING:
                self._home(RESULTS.get(result))
        self._view = view

    def _show_code(self) -> None:
        self._home()
        now_ms = self._now_ms()
        self._code = self._phone.show_code(now_ms, wallet=self._wallet)
        self._code_since_ms = now_ms
        self._screen = "code"

    def _has_one_code(self) -> bool:
        """Whether the host's codes lead to the page for all wallets."""
        return self._cashier is not None and self._acquirer.gateway.prefix == self._cashier.url

    def _confirm(self) -> None:
        if self._screen == "page":
            if self._cashier is not None and self._page.pay_path:
                self._page = open_page(self._cashier, self._page.pay_path, self._wallet, paying=True)
            return
        order, results = self._order, self._phone.confirm(self._now_ms())
        if order is None:
            return
        if order.state is OrderState.PAID:
            self._screen, self._note = "done", None
        else:
            note = RESULTS.get(results[0]) if results else RESULTS[PayResult.EXPIRED]
            self._screen, self._note = "failed", note
            self._phone.refuse(self._now_ms())

    def _leave(self) -> None:
        if self._screen == "confirm":
            self._phone.refuse(self._now_ms())
        self._home()

    def _history(self) -> list[JSONObject]:
        """What this wallet has paid and got back, newest first."""
        rows: list[tuple[int, JSONObject]] = []
        for order in self._acquirer.gateway.paid_by(self._phone.wallets[self._wallet]):
            rows.append((order.paid_ms, two("付款", "Paid") | {"amount": f"-{amount(order.amount_minor)}"}))
            for at_ms, back_minor in self._refunds(order):
                rows.append((at_ms, two("退款", "Refund") | {"amount": f"+{amount(back_minor)}"}))
        newest = sorted(rows, key=lambda row: row[0], reverse=True)[:HISTORY]
        return [{"time": clock_of(at_ms), **row} for at_ms, row in newest]

    def _refunds(self, order: Order) -> list[tuple[int, int]]:
        """When and how much came back of an order. A reversal has no moment of its own: it follows the payment."""
        if order.state is OrderState.REFUNDED:
            return [(order.paid_ms + 1, order.amount_minor)]
        return [(entry.at_ms, entry.amount_minor) for entry in self._acquirer.book.refunds_of(order)]

    def _given_back(self) -> dict[WalletKind, int]:
        return {
            kind: sum(back for order in self._acquirer.gateway.paid_by(wallet) for _, back in self._refunds(order))
            for kind, wallet in self._phone.wallets.items()
        }

    def _follow(self) -> None:
        """Take up what happened at the host meanwhile."""
        self._watch_refunds()
        asked = self._phone.asked(self._now_ms())
        if asked:
            self._screen, self._order, self._note, self._code = "confirm", asked[0], None, ""
            return
        if self._screen == "confirm" and self._order is not None:
            paid = self._order.state is OrderState.PAID
            self._screen = "done" if paid else "failed"
            self._note = None if paid else RESULTS[PayResult.EXPIRED]
        if self._screen == "code":
            scanned = self._scanned()
            if scanned is not None:
                paid = scanned.state is OrderState.PAID
                self._screen, self._order, self._code = "done" if paid else "failed", scanned, ""
                self._note = (
                    None if paid else RESULTS[PayResult.INSUFFICIENT_FUNDS] if scanned.code == "51" else REFUSED
                )

    def _watch_refunds(self) -> None:
        now = self._given_back()
        for kind, back_minor in now.items():
            more_minor = back_minor - self._came_back[kind]
            if more_minor > 0:
                words = WALLETS[kind]
                zh, en = f"{words['zh']}：退款到账", f"{words['en']}: refund received"
                self._notice = two(f"{zh} ¥{amount(more_minor)}", f"{en} ¥{amount(more_minor)}")
        self._came_back = now

    def _scanned(self) -> Order | None:
        """The order that the shown code was charged for: a scanned one, made since the code was drawn."""
        for order in reversed(self._acquirer.book.qr_orders):
            if order.created_ms < self._code_since_ms:
                return None
            if not order.payload and order.amount_minor and order.state in (OrderState.PAID, OrderState.CLOSED):
                return order
        return None


def amount(amount_minor: int) -> str:
    return f"{amount_minor // 100:,}.{amount_minor % 100:02d}"


def qr_rows(text: str) -> list[str]:
    """The modules of a QR symbol, "1" is dark."""
    import zxingcpp

    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    data = bytes(memoryview(symbol.to_image(scale=1, add_quiet_zones=False)))  # type: ignore[arg-type]  # its stubs leave the buffer protocol out
    side = math.isqrt(len(data))
    return ["".join("0" if dot else "1" for dot in data[row * side : (row + 1) * side]) for row in range(side)]
