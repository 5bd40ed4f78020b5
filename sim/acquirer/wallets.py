"""The wallets' side of QR payments: who has how much, one-time payment codes, and what a phone may do to an order.

The acquirer's core makes orders and asks what became of them; a phone pays, confirms or refuses. Time is given with
each call and nothing runs by itself: an order past its time is found closed when somebody looks.

Code forms: WeChat 1[0-5] and 16 digits, Alipay 25 to 30 and 16 more, UnionPay 62 and 17 more; all digits, single use.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum

from sim.acquirer.book import Batch, Book, Order, TerminalId
from terminal.hostlink.subfields import OrderState

PAYLOAD_PREFIX = "HTTPS://Q.TEST/"  # .test is nobody's; upper case, so that the whole fits QR version 1.
TOKEN_CHARACTERS = 10
TOKEN_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32 of them, none easily misread.

ORDER_LIFE_MS = 120_000  # When the merchant asks for no other.
CODE_LIFE_MS = 60_000  # Wallets renew the code they show about once a minute.
CONFIRM_LIFE_MS = 60_000  # How long a user may look at the question before the order closes.
CONFIRM_FROM_MINOR = 100_000  # 1,000.00: from here on the user must confirm a scanned code.
SOMEBODYS_MINOR = 100_000_000  # What a customer has whom a fault plan makes pay.
CODES_LIMIT = 10_000  # Unused codes kept; the oldest is forgotten.

INVALID_CODE = "14"
INSUFFICIENT_FUNDS = "51"
USER_PAYING = "09"
APPROVED = "00"
REFUSED = "05"


class WalletKind(Enum):
    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"


# First digits, and the number of digits that follow.
_CODE_FORMS = {
    WalletKind.WECHAT: ("13", 16),
    WalletKind.ALIPAY: ("28", 16),
    WalletKind.UNIONPAY: ("62", 17),
}


@dataclass(slots=True)
class Wallet:
    """One user's account. `confirm_from_minor`: scanned amounts from here on wait for the user."""

    kind: WalletKind
    balance_minor: int
    confirm_from_minor: int = CONFIRM_FROM_MINOR


class PayResult(Enum):
    """What the phone's screen says in the end."""

    PAID = "paid"
    PAYING = "paying"  # Waits for the user's confirmation.
    UNKNOWN_CODE = "unknown-code"
    EXPIRED = "expired"  # Past its time, or closed by the merchant.
    ALREADY_PAID = "already-paid"
    INSUFFICIENT_FUNDS = "insufficient-funds"


@dataclass(frozen=True, slots=True)
class Offer:
    """What an order is cheaper by, for the merchant or for the wallet, and a line that comes with its payment."""

    merchant_minor: int = 0
    platform_minor: int = 0
    extra: str = ""

    def put_on(self, order: Order) -> None:
        """No order is cheaper by more than itself."""
        order.merchant_minor = min(self.merchant_minor, order.amount_minor)
        order.platform_minor = min(self.platform_minor, order.amount_minor - order.merchant_minor)
        order.extra = self.extra


@dataclass(frozen=True, slots=True)
class _Code:
    wallet: Wallet
    expires_ms: int


class WalletGateway:
    """All wallets and their orders, over the acquirer's book. `draw(n)` gives n random bytes.

    `lock` is the acquirer's: what a phone does may come from any thread.
    """

    def __init__(
        self, book: Book, draw: Callable[[int], bytes], lock: AbstractContextManager[object]
    ) -> None:
        # Who takes what is paid to printed codes.
        self.printed: Callable[[str, Wallet, int, int], PayResult] | None = None
        self.prefix = PAYLOAD_PREFIX  # A real acquirer's is longer, sometimes too long for a small panel.
        self.offer = Offer()  # Of the next order that is made, and of no other.
        self._lock = lock
        self._book = book
        self._draw = draw
        self._shown = {order.payload: order for order in book.qr_orders if order.payload}
        self._codes: dict[str, _Code] = {}
        self._payers: dict[tuple[str, str], Wallet] = {}  # Who is asked to confirm which order, and who has paid it.
        self._somebody = Wallet(WalletKind.WECHAT, SOMEBODYS_MINOR)
        self._paid = sum(order.state is OrderState.PAID for order in book.qr_orders)

    # What a phone does

    def pay(self, payload: str, wallet: Wallet, now_ms: int, *, confirmed: bool = True) -> PayResult:
        """The user scanned what the terminal shows. Without `confirmed` the order waits for confirm or refuse."""
        with self._lock:
            order = self._shown.get(payload)
            if order is None:
                return PayResult.UNKNOWN_CODE
            self.refresh(order, now_ms)
            if order.state is OrderState.PAID:
                return PayResult.ALREADY_PAID
            if order.state is OrderState.CLOSED:
                return PayResult.EXPIRED
            if not confirmed:
                self._ask(order, wallet, now_ms)
                return PayResult.PAYING
            return self._debit(order, wallet, now_ms)

    def pay_printed(self, payload: str, wallet: Wallet, amount_minor: int, now_ms: int) -> PayResult:
        """The user scanned a shop's printed code and typed an amount."""
        with self._lock:
            if self.printed is None:
                return PayResult.UNKNOWN_CODE
            return self.printed(payload, wallet, amount_minor, now_ms)

    def shown(self, payload: str, now_ms: int) -> Order | None:
        """The order that a shown code asks for, as it stands now."""
        with self._lock:
            order = self._shown.get(payload)
            if order is not None:
                self.refresh(order, now_ms)
            return order

    def new_code(self, wallet: Wallet, now_ms: int) -> str:
        """A one-time payment code for the user to show."""
        with self._lock:
            prefix, count = _CODE_FORMS[wallet.kind]
            code = prefix + f"{int.from_bytes(self._draw(8), 'big') % 10**count:0{count}d}"
            while len(self._codes) >= CODES_LIMIT:
                del self._codes[next(iter(self._codes))]
            self._codes[code] = _Code(wallet, now_ms + CODE_LIFE_MS)
            return code

    def waiting(self, wallet: Wallet, now_ms: int) -> tuple[Order, ...]:
        """The orders that this user is asked to confirm."""
        with self._lock:
            asked = [self._book.orders[key] for key, payer in self._payers.items() if payer is wallet]
            for order in asked:
                self.refresh(order, now_ms)
            return tuple(order for order in asked if order.state is OrderState.PAYING)

    def paid_by(self, wallet: Wallet) -> tuple[Order, ...]:
        """What this user has paid since the gateway was started, also what was given back since; oldest first."""
        with self._lock:
            orders = (self._book.orders[key] for key, payer in self._payers.items() if payer is wallet)
            return tuple(order for order in orders if order.state in (OrderState.PAID, OrderState.REFUNDED))

    def confirm(self, order: Order, wallet: Wallet, now_ms: int) -> PayResult:
        """The user confirms on the phone."""
        with self._lock:
            self.refresh(order, now_ms)
            if order.state is OrderState.PAID:
                return PayResult.ALREADY_PAID
            if order.state is not OrderState.PAYING:
                return PayResult.EXPIRED
            return self._debit(order, wallet, now_ms)

    def refuse(self, order: Order, now_ms: int) -> None:
        """The user says no: a scanned code's order ends, a shown one waits for another payer."""
        with self._lock:
            self.refresh(order, now_ms)
            if order.state is not OrderState.PAYING:
                return
            self._payers.pop(_key(order), None)
            order.state = OrderState.WAITING if order.payload else OrderState.CLOSED
            order.code = APPROVED if order.payload else REFUSED
            self._book.keep(order)

    def passer_by(self, order: Order, now_ms: int, *, scans: bool = False, refuses: bool = False) -> None:
        """Whoever has the order before the eyes pays it (or only scans it, or says no), as a fault plan wants it."""
        with self._lock:
            payer = self._payers.get(_key(order), self._somebody)
            if refuses:
                self.refuse(order, now_ms)
            elif order.state is OrderState.PAYING:
                self.confirm(order, payer, now_ms)
            elif order.payload:
                self.pay(order.payload, payer, now_ms, confirmed=not scans)

    # What the acquirer does

    def create(
        self,
        batch: Batch,
        terminal: TerminalId,
        order_no: str,
        stan: str,
        amount_minor: int,
        now_ms: int,
        *,
        life_ms: int = ORDER_LIFE_MS,
    ) -> Order:
        """An order whose code the terminal shows, for so long."""
        raw = self._draw(TOKEN_CHARACTERS)
        payload = self.prefix + "".join(TOKEN_ALPHABET[byte % 32] for byte in raw)
        order = Order(
            terminal, order_no, batch.batch_no, stan, amount_minor, OrderState.WAITING, now_ms, now_ms + life_ms
        )
        order.payload = payload
        self._make_offer(order)
        self._shown[payload] = order
        self._book.add_order(batch, order)
        return order

    def pay_by_code(
        self,
        batch: Batch,
        terminal: TerminalId,
        order_no: str,
        stan: str,
        amount_minor: int,
        code: str,
        now_ms: int,
        *,
        life_ms: int = CONFIRM_LIFE_MS,
    ) -> Order:
        """Charge the wallet whose code was scanned. The order says what came of it; `code` why not.

        `life_ms`: how long its user may be asked.
        """
        order = Order(
            terminal, order_no, batch.batch_no, stan, amount_minor, OrderState.CLOSED, now_ms, now_ms + life_ms
        )
        self._make_offer(order)
        known = self._codes.pop(code, None)  # Single use, whatever comes of it.
        if known is None or known.expires_ms <= now_ms:
            order.code = INVALID_CODE
        elif known.wallet.balance_minor < order.customer_minor:
            order.code = INSUFFICIENT_FUNDS
        elif amount_minor >= known.wallet.confirm_from_minor:
            self._book.add_order(batch, order)
            self._ask(order, known.wallet, now_ms, life_ms)
            order.code = USER_PAYING
            return order
        else:
            self._debit(order, known.wallet, now_ms)
        self._book.add_order(batch, order)
        return order

    def close(self, order: Order, now_ms: int) -> None:
        """The merchant gives up. A paid order stays paid."""
        self.refresh(order, now_ms)
        if order.state in (OrderState.WAITING, OrderState.PAYING):
            order.state = OrderState.CLOSED
            self._payers.pop(_key(order), None)
            self._book.keep(order)

    def reverse(self, order: Order, now_ms: int) -> None:
        """The merchant takes a scanned code's order back. Paid, it is given back unless the merchant knows that."""
        self.close(order, now_ms)
        if order.state is OrderState.PAID and not order.told:
            self.give_back(order, order.amount_minor)
            order.state = OrderState.REFUNDED
            self._book.keep(order)

    def give_back(self, order: Order, amount_minor: int, before_minor: int = 0) -> None:
        """A refund, after refunds of so much: the payer has back the share that was paid, a discount's giver the rest.

        After a restart nobody knows the phone any more whose wallet has paid.
        """
        payer = self._payers.get(_key(order))
        if payer is not None:
            # By the whole so far, not by each refund: so that all refunds together are what was paid.
            whole, paid = order.amount_minor, order.customer_minor
            payer.balance_minor += (before_minor + amount_minor) * paid // whole - before_minor * paid // whole

    def tell(self, order: Order) -> None:
        """The merchant hears of it."""
        if order.state is OrderState.PAID and not order.told:
            order.told = True
            self._book.keep(order)

    def prevent(self, batch: Batch, terminal: TerminalId, order_no: str, stan: str, now_ms: int) -> None:
        """A query or close came before its order: remember it, so that the late order is refused."""
        self._book.add_order(
            batch, Order(terminal, order_no, batch.batch_no, stan, 0, OrderState.CLOSED, now_ms, now_ms)
        )

    def refresh(self, order: Order, now_ms: int) -> None:
        """Close an order whose time is over."""
        if order.expires_ms <= now_ms:
            order_open = order.state in (OrderState.WAITING, OrderState.PAYING)
            if order_open:
                order.state = OrderState.CLOSED
                self._payers.pop(_key(order), None)
                self._book.keep(order)

    def _make_offer(self, order: Order) -> None:
        self.offer.put_on(order)
        self.offer = Offer()

    def _ask(self, order: Order, wallet: Wallet, now_ms: int, life_ms: int = CONFIRM_LIFE_MS) -> None:
        order.state = OrderState.PAYING
        order.wallet = wallet.kind.value
        order.expires_ms = max(order.expires_ms, now_ms + life_ms)
        self._payers[_key(order)] = wallet
        self._book.keep(order)

    def _debit(self, order: Order, wallet: Wallet, now_ms: int) -> PayResult:
        if wallet.balance_minor < order.customer_minor:
            return PayResult.INSUFFICIENT_FUNDS
        wallet.balance_minor -= order.customer_minor
        self._paid += 1
        self._payers[_key(order)] = wallet
        order.state = OrderState.PAID
        order.wallet = wallet.kind.value
        order.wallet_no = f"T{self._paid:017d}"
        order.paid_ms = now_ms
        order.code = APPROVED
        self._book.keep(order)
        return PayResult.PAID


def _key(order: Order) -> tuple[str, str]:
    """Under which the book has it: order numbers are unique for a merchant."""
    return order.terminal[0], order.order_no
