"""One merchant's orders at a wallet: what a phone may do to them, and what the merchant may ask.

Amounts are minor units of CNY. Time is given with each call: an order past its time is found closed when somebody
looks. Every change keeps the sum: what the payers have and what the merchant has is always what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from sim.acquirer.wallets import CODE_LIFE_MS, CONFIRM_LIFE_MS, ORDER_LIFE_MS, Wallet

ORDERS_LIMIT = 100_000
CODE_DIGITS = 18  # Of a payment code of either wallet.


class State(Enum):
    UNPAID = "unpaid"
    ASKED = "asked"  # The user is asked to confirm.
    PAID = "paid"
    CLOSED = "closed"
    REVOKED = "revoked"  # Taken back by the merchant; money, if there was any, has gone back.


class No(Enum):
    """Why something is not done."""

    UNKNOWN = "unknown"
    NUMBER_USED = "number-used"  # The same number with another amount, or a number that is closed.
    PAID = "paid"
    CLOSED = "closed"
    BAD_CODE = "bad-code"
    POOR = "poor"
    TOO_MUCH = "too-much"
    NOT_PAID = "not-paid"


class Refused(Exception):
    def __init__(self, why: No) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(slots=True)
class Refund:
    number: str
    amount_minor: int
    at_ms: int
    settled_ms: int  # From then on it is done; before, it is under way.


@dataclass(slots=True)
class Trade:
    """One order. `discount_minor` of it is paid by the wallet (`platform`) or not at all (the merchant's own)."""

    number: str
    amount_minor: int
    made_ms: int
    expires_ms: int
    payload: str = ""
    state: State = State.UNPAID
    payer: Wallet | None = None
    wallet_no: str = ""
    paid_ms: int = 0
    revoked_ms: int = 0  # When a paid one was taken back.
    discount_minor: int = 0
    platform: bool = True
    refunds: dict[str, Refund] = field(default_factory=dict)

    @property
    def given_back_minor(self) -> int:
        return sum(refund.amount_minor for refund in self.refunds.values())


@dataclass(slots=True)
class Mood:
    """What a gateway does besides what it should, each until it is put back.

    `deaf` acts on what it is asked, and its answer is lost; `forged` signs with another key; `stale` answers as of ten
    minutes ago; `busy` says so; `pending_ms` is how long a refund takes; `no_early_close_ms` refuses to close an order
    that is younger; `unscanned_unknown` does not know an order whose code nobody has scanned; `bill_late` has not
    published its bill, whose first row is `bill_first`: missing, twice, of another amount, at a fee of 0.68 %;
    `other_order` answers about another one; `odd_discount` tells of a discount that is no amount.
    """

    deaf: bool = False
    forged: bool = False
    stale: bool = False
    busy: bool = False
    pending_ms: int = 0
    no_early_close_ms: int = 0
    unscanned_unknown: bool = False
    bill_late: bool = False
    bill_first: str = ""  # missing, twice, amount, fee
    other_order: bool = False
    odd_discount: bool = False


RATE_BP = 60  # What the wallets keep.
DEAR_BP = 68


@dataclass(frozen=True, slots=True)
class Billed:
    """A row of a day's bill: an order that was paid, or money that went back; `refund_no` "" of an order taken back."""

    trade: Trade
    at_ms: int
    amount_minor: int
    fee_bp: int
    back: bool = False
    refund_no: str = ""

    def fee_yuan(self, digits: int) -> Decimal:
        """What the wallet keeps; negative where it gives a fee back."""
        exact = Decimal(self.amount_minor * self.fee_bp) / 1_000_000
        rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        return -rounded if self.back else rounded


class Till:
    """All orders of one merchant. `draw(n)` gives n random bytes."""

    def __init__(self, prefix: str, code_prefix: str, draw: Callable[[int], bytes]) -> None:
        self._prefix = prefix
        self._code_prefix = code_prefix
        self._draw = draw
        self.mood = Mood()
        self.trades: dict[str, Trade] = {}
        self.discount_minor = 0  # What the next order that is paid is cheaper by,
        self.by_platform = True  # and whether the wallet bears it, of the orders made from now on.
        self._codes: dict[str, tuple[Wallet, int]] = {}
        self._counted = 0

    # What a phone does

    def new_code(self, wallet: Wallet, now_ms: int) -> str:
        """A one-time payment code of CODE_DIGITS digits."""
        count = CODE_DIGITS - len(self._code_prefix)
        code = self._code_prefix + f"{int.from_bytes(self._draw(8), 'big') % 10**count:0{count}d}"
        self._codes[code] = wallet, now_ms + CODE_LIFE_MS
        return code

    def scan(self, payload: str, wallet: Wallet, now_ms: int, *, confirmed: bool = True) -> Trade:
        """The user scans a shown code and pays, or is asked. Raises Refused."""
        trade = next((each for each in self.trades.values() if payload and each.payload == payload), None)
        if trade is None:
            raise Refused(No.UNKNOWN)
        self._look(trade, now_ms)
        if trade.state is State.PAID:
            raise Refused(No.PAID)
        if trade.state not in (State.UNPAID, State.ASKED):
            raise Refused(No.CLOSED)
        trade.payer = wallet
        if confirmed:
            self._pay(trade, wallet, now_ms)
        else:
            trade.state = State.ASKED
        return trade

    def confirm(self, trade: Trade, now_ms: int) -> None:
        """Raises Refused."""
        self._look(trade, now_ms)
        if trade.state is not State.ASKED or trade.payer is None:
            raise Refused(No.CLOSED)
        self._pay(trade, trade.payer, now_ms)

    def decline(self, trade: Trade, now_ms: int) -> None:
        self._look(trade, now_ms)
        if trade.state is State.ASKED:
            trade.state = State.UNPAID if trade.payload else State.CLOSED

    # What the merchant asks

    def create(self, number: str, amount_minor: int, now_ms: int, expires_ms: int = 0) -> Trade:
        """A code to show. The same order again is the same. Raises Refused(NUMBER_USED)."""
        known = self.trades.get(number)
        if known is not None:
            if known.amount_minor != amount_minor or known.state is not State.UNPAID:
                raise Refused(No.PAID if known.state is State.PAID else No.NUMBER_USED)
            return known
        trade = self._new(number, amount_minor, now_ms, expires_ms or now_ms + ORDER_LIFE_MS)
        trade.payload = self._prefix + self._draw(8).hex()
        return trade

    def charge(self, number: str, amount_minor: int, code: str, now_ms: int) -> Trade:
        """Charge the wallet whose code was scanned; ASKED when its user has to confirm. Raises Refused."""
        known = self.trades.get(number)
        if known is not None:
            if known.amount_minor != amount_minor:
                raise Refused(No.NUMBER_USED)
            self._look(known, now_ms)
            return known
        wallet, until_ms = self._codes.pop(code, (None, 0))  # Single use, whatever comes of it.
        if wallet is None or until_ms <= now_ms:
            raise Refused(No.BAD_CODE)
        if wallet.balance_minor < amount_minor:
            raise Refused(No.POOR)
        trade = self._new(number, amount_minor, now_ms, now_ms + CONFIRM_LIFE_MS)
        trade.payer = wallet
        if amount_minor >= wallet.confirm_from_minor:
            trade.state = State.ASKED
        else:
            self._pay(trade, wallet, now_ms)
        return trade

    def find(self, number: str, now_ms: int) -> Trade:
        """Raises Refused(UNKNOWN)."""
        trade = self.trades.get(number)
        hidden = self.mood.unscanned_unknown and trade is not None and trade.payload and trade.payer is None
        if trade is None or hidden:
            raise Refused(No.UNKNOWN)
        self._look(trade, now_ms)
        return trade

    def close(self, number: str, now_ms: int) -> Trade:
        """The merchant gives up a shown code. Raises Refused: PAID, UNKNOWN, or NOT_PAID for too early."""
        trade = self.find(number, now_ms)
        if trade.state is State.PAID:
            raise Refused(No.PAID)
        if now_ms - trade.made_ms < self.mood.no_early_close_ms:
            raise Refused(No.NOT_PAID)
        if trade.state in (State.UNPAID, State.ASKED):
            trade.state = State.CLOSED
        return trade

    def reverse(self, number: str, now_ms: int) -> Trade:
        """Take it back, whatever has become of it: a paid one is given back whole. Raises Refused(UNKNOWN)."""
        trade = self.find(number, now_ms)
        if trade.state is State.PAID:
            self._give_back(trade, trade.amount_minor - trade.given_back_minor)
            trade.revoked_ms = now_ms
        if trade.state is not State.CLOSED:
            trade.state = State.REVOKED
        return trade

    def refund(self, number: str, refund_no: str, amount_minor: int, now_ms: int) -> Refund:
        """Money back. The same number again is the same refund. Raises Refused."""
        trade = self.find(number, now_ms)
        known = trade.refunds.get(refund_no)
        if known is not None:
            if known.amount_minor != amount_minor:
                raise Refused(No.NUMBER_USED)
            return known
        if trade.state is not State.PAID:
            raise Refused(No.NOT_PAID)
        if not 0 < amount_minor <= trade.amount_minor - trade.given_back_minor:
            raise Refused(No.TOO_MUCH)
        self._give_back(trade, amount_minor)
        trade.refunds[refund_no] = Refund(refund_no, amount_minor, now_ms, now_ms + self.mood.pending_ms)
        return trade.refunds[refund_no]

    def find_refund(self, refund_no: str) -> tuple[Trade, Refund]:
        """Raises Refused(UNKNOWN)."""
        for trade in self.trades.values():
            if refund_no in trade.refunds:
                return trade, trade.refunds[refund_no]
        raise Refused(No.UNKNOWN)

    @property
    def taken_minor(self) -> int:
        """What the merchant has of all orders."""
        return sum(t.amount_minor - t.given_back_minor for t in self.trades.values() if t.state is State.PAID)

    def billed(self, is_of_the_day: Callable[[int], bool]) -> list[Billed]:
        """What moved on a day, as this mood tells it."""
        rows: list[Billed] = []
        for trade in self.trades.values():
            if trade.paid_ms:
                rows.append(Billed(trade, trade.paid_ms, trade.amount_minor, RATE_BP))
            rows += [
                Billed(trade, refund.at_ms, refund.amount_minor, RATE_BP, back=True, refund_no=refund.number)
                for refund in trade.refunds.values()
            ]
            if trade.revoked_ms:
                left = trade.amount_minor - sum(refund.amount_minor for refund in trade.refunds.values())
                rows.append(Billed(trade, trade.revoked_ms, left, RATE_BP, back=True))
        rows = [row for row in rows if is_of_the_day(row.at_ms)]
        match self.mood.bill_first if rows else "":
            case "missing":
                return rows[1:]
            case "twice":
                return [rows[0], *rows]
            case "amount":
                return [replace(rows[0], amount_minor=rows[0].amount_minor + 100), *rows[1:]]
            case "fee":
                return [replace(rows[0], fee_bp=DEAR_BP), *rows[1:]]
        return rows

    def _new(self, number: str, amount_minor: int, now_ms: int, expires_ms: int) -> Trade:
        if len(self.trades) >= ORDERS_LIMIT:
            raise Refused(No.NUMBER_USED)
        trade = self.trades[number] = Trade(number, amount_minor, now_ms, expires_ms, platform=self.by_platform)
        return trade

    def _look(self, trade: Trade, now_ms: int) -> None:
        if trade.state in (State.UNPAID, State.ASKED) and trade.expires_ms <= now_ms:
            trade.state = State.CLOSED

    def _pay(self, trade: Trade, wallet: Wallet, now_ms: int) -> None:
        discount = min(self.discount_minor, trade.amount_minor - 1)
        if wallet.balance_minor < trade.amount_minor - discount:
            raise Refused(No.POOR)
        self._counted += 1
        wallet.balance_minor -= trade.amount_minor - discount
        trade.discount_minor, self.discount_minor = discount, 0
        trade.state, trade.paid_ms, trade.wallet_no = State.PAID, now_ms, f"42{self._counted:026d}"

    def _give_back(self, trade: Trade, amount_minor: int) -> None:
        """The payer has back what he has paid of it: the discount's share stays with whoever gave it."""
        if trade.payer is not None:
            paid = trade.amount_minor - trade.discount_minor
            before = trade.given_back_minor
            # By the whole so far, not by each refund: so that all refunds together are what was paid.
            share = (before + amount_minor) * paid // trade.amount_minor - before * paid // trade.amount_minor
            trade.payer.balance_minor += share
