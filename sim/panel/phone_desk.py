"""The customer's phone on the bench: what its screen shows after each touch.

It sees what a camera would: the display's pixels as they came over the wire, else the slip that hangs out of the
printer. What it pays, and what the host asks it to confirm, is the acquirer's wallet gateway's affair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType

from sim.acquirer.book import Order
from sim.acquirer.core import Acquirer
from sim.acquirer.wallets import PayResult, WalletKind
from sim.panel.protocol import Do, JSONObject
from sim.panel.words import two
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
NOTHING_SEEN = two("没有看到二维码", "No QR code in sight")
REFUSED = two("商户没有收到付款", "The merchant was not paid")


class PhoneOnDesk:
    """The PhoneDesk of sim.panel.world. Every call takes the acquirer's lock: phone and line share the book."""

    def __init__(self, acquirer: Acquirer, now_ms: Callable[[], int]) -> None:
        self._acquirer = acquirer
        self._phone = Phone(acquirer.gateway)
        self._now_ms = now_ms
        self._wallet = WalletKind.ALIPAY
        self._screen = "home"
        self._code = ""
        self._code_since_ms = 0
        self._order: Order | None = None
        self._note: JSONObject | None = None

    def act(self, deed: Do, sights: Sequence[Sight]) -> tuple[JSONObject, str | None]:
        """Do one thing; what is shown then, and the code that is now held before the scanner (None: none)."""
        held = None
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
            if self._note is not None:
                shown["note"] = self._note
            if self._screen == "code":
                shown |= {"code": self._code, "qr": qr_rows(self._code)}
            if self._order is not None:
                row = self._acquirer.registry.terminals.get(self._order.terminal)
                name = row.merchant_name if row is not None else ""
                shown |= {"amount": amount(self._order.amount_minor), "merchant": two(name, name)}
            return shown

    def _home(self, note: JSONObject | None = None) -> None:
        self._screen, self._note, self._order, self._code = "home", note, None, ""

    def _choose(self, name: str) -> None:
        if self._screen == "home" and name in {kind.value for kind in WALLETS}:
            self._wallet = WalletKind(name)
            self._note = None

    def _look(self, sights: Sequence[Sight]) -> None:
        seen = next((found for sight in sights if (found := self._seen(sight)) is not None), None)
        if seen is None:
            self._home(NOTHING_SEEN)
            return
        result = self._phone.pay(seen, self._now_ms(), wallet=self._wallet, confirmed=False)
        if result is not PayResult.PAYING:
            self._home(RESULTS.get(result))

    def _seen(self, sight: Sight) -> str | None:
        if sight.kind == "display":
            return self._phone.look(sight.data, sight.width, sight.height)
        return self._phone.look_at_png(sight.data)

    def _show_code(self) -> None:
        self._home()
        now_ms = self._now_ms()
        self._code = self._phone.show_code(now_ms, wallet=self._wallet)
        self._code_since_ms = now_ms
        self._screen = "code"

    def _confirm(self) -> None:
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

    def _follow(self) -> None:
        """Take up what happened at the host meanwhile."""
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
