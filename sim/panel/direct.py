"""`--direct` on the bench: the terminal has contracts of its own, and the phone's two big wallets pay them directly.

The gateways are the real ones on a port of TLS, in the panel's process; the terminal gets their piece of configuration
and the published keys, as a shop would. What a customer pays there is in no book of the acquirer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keys import ContractRef, KeyStore
from sim.acquirer.book import Order
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL
from sim.acquirer.wallets import PayResult, WalletGateway, WalletKind
from sim.gateways import published
from sim.gateways.command import CONFIGURATION, Gateways
from sim.gateways.till import No, Refused, State, Till, Trade
from sim.phone import Phone
from terminal.assembly import device_id
from terminal.hostlink.subfields import OrderState

STATES = {
    State.UNPAID: OrderState.WAITING,
    State.ASKED: OrderState.PAYING,
    State.PAID: OrderState.PAID,
    State.CLOSED: OrderState.CLOSED,
    State.REVOKED: OrderState.CLOSED,
}
RESULTS = {
    No.PAID: PayResult.ALREADY_PAID,
    No.CLOSED: PayResult.EXPIRED,
    No.POOR: PayResult.INSUFFICIENT_FUNDS,
}


class DirectBench:
    """The gateways, and their terminal's side in `terminal`, its data folder.

    `on_exchange`: after each answer the phone may have something new to show. Raises OSError, KeyRefused.
    """

    def __init__(self, folder: Path, terminal: Path, on_exchange: Callable[[], None]) -> None:
        self.gateways = Gateways(folder.absolute(), published.WALLETS, port=0, on_exchange=on_exchange)
        self.arguments = ("--wallets", str(self.gateways.folder / CONFIGURATION))
        keys = KeyStore.open(terminal / "keys", terminal_id=device_id(terminal))
        for wallet in published.WALLETS:
            if not keys.contracts.has(ContractRef(wallet)):
                published.load_into(keys, wallet)

    def close(self) -> None:
        self.gateways.server.close()


class DirectPhone(Phone):
    """A phone whose wallets pay at their own gateways, too. Its owner is asked about everything that is paid there."""

    def __init__(self, gateway: WalletGateway, gateways: Gateways) -> None:
        super().__init__(gateway)
        self._tills = {WalletKind(wallet): till for wallet, till in gateways.tills.items()}
        self._lock = gateways.server.lock
        self._orders: dict[str, Order] = {}  # What the owner has seen of each trade.
        for kind in self._tills:
            self.wallets[kind].confirm_from_minor = 0

    def pay(
        self, payload: str, now_ms: int, *, wallet: WalletKind = WalletKind.WECHAT, confirmed: bool = True
    ) -> PayResult:
        with self._lock:
            till = self._tills.get(wallet)
            try:
                if till is not None:
                    trade = till.scan(payload, self.wallets[wallet], now_ms, confirmed=confirmed)
                    return PayResult.PAID if trade.state is State.PAID else PayResult.PAYING
            except Refused as no:
                if no.why is not No.UNKNOWN:
                    return RESULTS[no.why]
        return super().pay(payload, now_ms, wallet=wallet, confirmed=confirmed)

    def show_code(self, now_ms: int, *, wallet: WalletKind = WalletKind.WECHAT) -> str:
        with self._lock:
            till = self._tills.get(wallet)
            return till.new_code(self.wallets[wallet], now_ms) if till else super().show_code(now_ms, wallet=wallet)

    def asked(self, now_ms: int) -> tuple[Order, ...]:
        with self._lock:
            mine = tuple(self._seen(trade) for _, trade in self._asked(now_ms))
            for till in self._tills.values():  # Those that were asked about before may have ended meanwhile.
                for number in self._orders.keys() & till.trades.keys():
                    self._seen(till.trades[number])
        return (*mine, *super().asked(now_ms))

    def confirm(self, now_ms: int) -> tuple[PayResult, ...]:
        results = []
        with self._lock:
            for till, trade in self._asked(now_ms):
                try:
                    till.confirm(trade, now_ms)
                    results.append(PayResult.PAID)
                except Refused as no:
                    results.append(RESULTS[no.why])
                self._seen(trade)
        return (*results, *super().confirm(now_ms))

    def refuse(self, now_ms: int) -> int:
        with self._lock:
            asked = self._asked(now_ms)
            for till, trade in asked:
                till.decline(trade, now_ms)
                self._seen(trade)
        return len(asked) + super().refuse(now_ms)

    def _asked(self, now_ms: int) -> list[tuple[Till, Trade]]:
        found = []
        for till in self._tills.values():
            for trade in till.trades.values():
                if trade.state is State.ASKED and till.find(trade.number, now_ms).state is State.ASKED:
                    found.append((till, trade))
        return found

    def _seen(self, trade: Trade) -> Order:
        """The trade as the phone knows orders, always the same one, up to date."""
        order = self._orders.setdefault(
            trade.number,
            Order(
                (TEST_MERCHANT, TEST_TERMINAL),
                trade.number,
                "",
                "",
                trade.amount_minor,
                OrderState.WAITING,
                trade.made_ms,
                trade.expires_ms,
                trade.payload,
            ),
        )
        order.state = STATES[trade.state]
        return order
