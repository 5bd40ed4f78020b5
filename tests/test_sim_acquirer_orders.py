"""QR orders: created, shown, paid, refused, closed, expired, asked about, in any order and more than once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.acquirer import Acquirer, PayResult, Wallet, WalletKind
from sim.acquirer.caller import Caller
from sim.acquirer.wallets import CODE_LIFE_MS, CONFIRM_LIFE_MS, ORDER_LIFE_MS
from terminal.hostlink import messages
from terminal.hostlink.card_messages import Kept, card_reversal
from terminal.hostlink.codec import Message
from terminal.hostlink.messages import Totals
from terminal.hostlink.reply import VerdictKind, read_order
from terminal.hostlink.subfields import OrderState
from terminal.model import Kind, Money

NOON = 1_795_233_600_000


class Desk:
    def __init__(self, folder: Path) -> None:
        self.now_ms = NOON
        self.acquirer = Acquirer()
        self.gateway = self.acquirer.gateway
        self.caller = Caller(lambda f: self.acquirer.handle(f, self.now_ms), self.acquirer.profile, folder)
        self.caller.sign_in()
        self.wallet = Wallet(WalletKind.WECHAT, 500_000)

    def ask(self, message: Message) -> Message:
        reply = self.caller.call(message, mac=True)
        assert reply is not None
        verdict = self.caller.verdict(message, reply)
        assert verdict.kind in (VerdictKind.APPROVED, VerdictKind.DECLINED)
        return reply

    def create(self, order_no: str = "A1", amount_minor: int = 1280) -> Message:
        caller = self.caller
        stan = caller.next_stan()
        return self.ask(
            messages.qr_order(
                caller.terminal, caller.profile, stan=stan, amount=Money(amount_minor), order_no=order_no, seconds=120
            )
        )

    def query(self, order_no: str = "A1") -> Message:
        caller = self.caller
        stan = caller.next_stan()
        return self.ask(messages.qr_query(caller.terminal, caller.profile, stan=stan, order_no=order_no))

    def close(self, order_no: str = "A1") -> Message:
        caller = self.caller
        stan = caller.next_stan()
        return self.ask(messages.qr_close(caller.terminal, caller.profile, stan=stan, order_no=order_no))

    def charge(self, code: str, amount_minor: int = 1280, order_no: str = "A1") -> Message:
        caller = self.caller
        stan, amount = caller.next_stan(), Money(amount_minor)
        return self.ask(
            messages.qr_pay(
                caller.terminal, caller.profile, stan=stan, amount=amount, order_no=order_no, code=code, seconds=60
            )
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "keys")


def test_a_shown_order_is_paid_by_the_phone(desk: Desk) -> None:
    order = read_order(desk.create())
    assert order.state is OrderState.WAITING
    assert len(order.payload) == 25, "QR version 1: large modules on a small display"
    assert desk.gateway.pay(order.payload, desk.wallet, desk.now_ms) is PayResult.PAID
    reply = desk.query()
    paid = read_order(reply)
    assert (reply.text(39), reply.text(4)) == ("00", "000000001280")
    assert (paid.state, paid.wallet) == (OrderState.PAID, "wechat")
    assert paid.wallet_no
    assert desk.wallet.balance_minor == 500_000 - 1280
    assert desk.gateway.pay(order.payload, desk.wallet, desk.now_ms) is PayResult.ALREADY_PAID
    assert desk.wallet.balance_minor == 500_000 - 1280


def test_an_order_expires(desk: Desk) -> None:
    order = read_order(desk.create())
    desk.now_ms += ORDER_LIFE_MS
    assert desk.gateway.pay(order.payload, desk.wallet, desk.now_ms) is PayResult.EXPIRED
    assert read_order(desk.query()).state is OrderState.CLOSED


def test_a_closed_order_is_not_paid(desk: Desk) -> None:
    order = read_order(desk.create())
    assert read_order(desk.close()).state is OrderState.CLOSED
    assert desk.gateway.pay(order.payload, desk.wallet, desk.now_ms) is PayResult.EXPIRED


def test_a_payment_between_the_last_query_and_the_close_stands(desk: Desk) -> None:
    order = read_order(desk.create())
    assert read_order(desk.query()).state is OrderState.WAITING
    desk.gateway.pay(order.payload, desk.wallet, desk.now_ms)
    reply = desk.close()
    assert reply.text(39) == "00"
    assert read_order(reply).state is OrderState.PAID


def test_a_repeated_create_is_the_same_order(desk: Desk) -> None:
    first, second = read_order(desk.create()), read_order(desk.create())
    assert first.payload == second.payload
    assert len(desk.acquirer.book.qr_orders) == 1
    assert desk.create(amount_minor=1).text(39) == "94", "another amount is another order"


def test_an_order_that_was_not_found_never_comes_to_life(desk: Desk) -> None:
    assert [desk.query("Q").text(39) for _ in range(2)] == ["25", "25"]
    assert [desk.close("C").text(39) for _ in range(2)] == ["25", "25"]
    assert desk.create("Q").text(39) == "12", "it was late; the terminal already knows that nobody paid"
    assert desk.create("C").text(39) == "12"
    code = desk.gateway.new_code(desk.wallet, desk.now_ms)
    assert desk.charge(code, order_no="Q").text(39) == "12"
    assert desk.wallet.balance_minor == 500_000


@pytest.mark.parametrize(
    ("kind", "length", "start"),
    [(WalletKind.WECHAT, 18, "1"), (WalletKind.ALIPAY, 18, "2"), (WalletKind.UNIONPAY, 19, "62")],
)
def test_a_scanned_code_pays_once(desk: Desk, kind: WalletKind, length: int, start: str) -> None:
    wallet = Wallet(kind, 10_000)
    code = desk.gateway.new_code(wallet, desk.now_ms)
    assert len(code) == length and code.startswith(start) and code.isdecimal()
    reply = desk.charge(code)
    assert reply.text(39) == "00"
    assert (read_order(reply).state, read_order(reply).wallet) == (OrderState.PAID, kind.value)
    assert wallet.balance_minor == 8_720
    assert desk.charge(code, order_no="A2").text(39) == "14", "single use"
    assert wallet.balance_minor == 8_720


def test_a_repeated_charge_of_one_order_charges_once(desk: Desk) -> None:
    code = desk.gateway.new_code(desk.wallet, desk.now_ms)
    assert [desk.charge(code).text(39) for _ in range(3)] == ["00"] * 3
    assert desk.wallet.balance_minor == 500_000 - 1280
    assert desk.charge(code, amount_minor=1).text(39) == "94"


@pytest.mark.parametrize("case", ["unknown", "expired", "poor"])
def test_a_code_that_cannot_pay_is_refused(desk: Desk, case: str) -> None:
    if case == "poor":
        desk.wallet.balance_minor = 1
    code = "130000000000000000" if case == "unknown" else desk.gateway.new_code(desk.wallet, desk.now_ms)
    if case == "expired":
        desk.now_ms += CODE_LIFE_MS
    expected = "51" if case == "poor" else "14"
    reply = desk.charge(code)
    assert reply.text(39) == expected
    assert read_order(reply).state is OrderState.CLOSED
    assert desk.charge(code).text(39) == expected, "the order keeps its answer"
    assert desk.query().text(39) == "00" and read_order(desk.query()).state is OrderState.CLOSED


def test_a_large_amount_waits_for_the_user(desk: Desk) -> None:
    code = desk.gateway.new_code(desk.wallet, desk.now_ms)
    reply = desk.charge(code, 150_000)
    assert reply.text(39) == "09"
    assert read_order(reply).state is OrderState.PAYING
    assert desk.wallet.balance_minor == 500_000
    assert read_order(desk.query()).state is OrderState.PAYING
    (order,) = desk.gateway.waiting(desk.wallet, desk.now_ms)
    assert desk.gateway.confirm(order, desk.wallet, desk.now_ms) is PayResult.PAID
    assert read_order(desk.query()).state is OrderState.PAID
    assert desk.gateway.waiting(desk.wallet, desk.now_ms) == ()
    assert desk.wallet.balance_minor == 350_000


@pytest.mark.parametrize("ending", ["refused", "timed out", "closed"])
def test_a_user_who_does_not_confirm_pays_nothing(desk: Desk, ending: str) -> None:
    desk.charge(desk.gateway.new_code(desk.wallet, desk.now_ms), 150_000)
    (order,) = desk.gateway.waiting(desk.wallet, desk.now_ms)
    if ending == "refused":
        desk.gateway.refuse(order, desk.now_ms)
    elif ending == "timed out":
        desk.now_ms += CONFIRM_LIFE_MS
    else:
        assert read_order(desk.close()).state is OrderState.CLOSED
    assert read_order(desk.query()).state is OrderState.CLOSED
    assert desk.gateway.confirm(order, desk.wallet, desk.now_ms) is PayResult.EXPIRED
    assert desk.wallet.balance_minor == 500_000


def test_a_user_may_scan_and_think(desk: Desk) -> None:
    payload = read_order(desk.create()).payload
    assert desk.gateway.pay(payload, desk.wallet, desk.now_ms, confirmed=False) is PayResult.PAYING
    assert read_order(desk.query()).state is OrderState.PAYING
    (order,) = desk.gateway.waiting(desk.wallet, desk.now_ms)
    desk.gateway.refuse(order, desk.now_ms)
    assert read_order(desk.query()).state is OrderState.WAITING, "somebody else may pay"
    assert desk.gateway.pay(payload, desk.wallet, desk.now_ms) is PayResult.PAID


def test_too_little_money_leaves_the_order_waiting(desk: Desk) -> None:
    payload = read_order(desk.create()).payload
    poor = Wallet(WalletKind.ALIPAY, 1)
    assert desk.gateway.pay(payload, poor, desk.now_ms) is PayResult.INSUFFICIENT_FUNDS
    assert read_order(desk.query()).state is OrderState.WAITING
    assert desk.gateway.pay("HTTPS://Q.TEST/NOSUCHCODE", poor, desk.now_ms) is PayResult.UNKNOWN_CODE


def test_a_settlement_counts_paid_orders_and_closes_the_others(desk: Desk) -> None:
    paid, waiting = read_order(desk.create("A1", 500)), read_order(desk.create("A2", 700))
    desk.gateway.pay(paid.payload, desk.wallet, desk.now_ms)
    reply = desk.caller.settle(Totals(500, 1))
    assert reply is not None and reply.text(48)[30] == "1"
    assert desk.gateway.pay(waiting.payload, desk.wallet, desk.now_ms) is PayResult.EXPIRED
    settled = desk.caller.terminal
    desk.caller.sign_in()
    assert read_order(desk.query("A1")).state is OrderState.PAID, "an old order can still be asked about"
    desk.caller.terminal = settled
    assert read_order(desk.query("A1")).state is OrderState.PAID, "under its own batch's number as well"


@pytest.mark.parametrize(
    ("number", "value"), [(59, ""), (59, "A4"), (59, "A4000"), (59, "A4002A"), (4, ""), (49, ""), (49, "840")]
)
def test_a_bad_order_is_a_format_error(desk: Desk, number: int, value: str) -> None:
    caller = desk.caller
    good = messages.qr_order(
        caller.terminal, caller.profile, stan=caller.next_stan(), amount=Money(1280), order_no="A1", seconds=120
    )
    bad = good.with_fields({number: value}) if value else good.without(number)
    assert desk.ask(bad).text(39) == "30"
    assert not desk.acquirer.book.qr_orders


def test_zero_is_no_amount(desk: Desk) -> None:
    assert desk.create(amount_minor=0).text(39) == "13"


@pytest.mark.parametrize(("type_", "expected"), [("60", "40"), ("22", "12")])
def test_an_order_is_not_reversed(desk: Desk, type_: str, expected: str) -> None:
    desk.create()
    caller = desk.caller
    kept = Kept(f"{caller.stan:06d}", Money(1280), "032", f"{type_}{caller.terminal.batch_no}00060")
    row = caller.profile.transactions[Kind.SALE]
    request = card_reversal(row, caller.terminal, caller.profile, kept, reason="98")
    assert desk.ask(request).text(39) == expected


def test_a_repeated_message_is_a_duplicate(desk: Desk) -> None:
    caller = desk.caller
    message = messages.qr_query(caller.terminal, caller.profile, stan=caller.next_stan(), order_no="A1")
    assert desk.ask(message).text(39) == "25"
    assert desk.ask(message).text(39) == "94"
