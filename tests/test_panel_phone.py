"""The phone on the bench: what its camera takes, what it pays, what it remembers, and what comes back to it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from test_sim_acquirer_orders import NOON, Desk

from sim.acquirer.cashier_page import CashierPage
from sim.acquirer.wallets import WalletKind
from sim.panel.camera_view import look
from sim.panel.phone_desk import PhoneOnDesk
from sim.panel.protocol import Do, JSONObject
from sim.panel.world import Sight
from sim.phone import Phone
from terminal.hostlink import messages
from terminal.hostlink.subfields import OrderState
from terminal.model import Money
from terminal.screens.catalogue import ShowQr
from terminal.screens.font import load_font
from terminal.screens.render import picture

AMOUNT = 1280


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.create("A1", AMOUNT)
    return desk


@pytest.fixture
def phone(desk: Desk) -> Iterator[PhoneOnDesk]:
    gateway = desk.gateway
    held = Phone(gateway)
    payer = held.wallets.__getitem__
    with CashierPage(gateway, payer, desk.acquirer.merchant_of, lambda: desk.now_ms) as cashier:
        yield PhoneOnDesk(desk.acquirer, lambda: desk.now_ms, held, cashier)


def shown_on(desk: Desk, order_no: str = "A1") -> Sight:
    """The terminal's glass with that order's code."""
    order = next(order for order in desk.acquirer.book.qr_orders if order.order_no == order_no)
    screen = picture(ShowQr(Money(order.amount_minor), order.payload, 118), "en", load_font())
    return Sight("display", 128, 64, screen.pixels(128, 64))


def act(phone: PhoneOnDesk, what: str, *sights: Sight) -> JSONObject:
    return phone.act(Do("phone", {"act": what}), sights)[0]


def test_the_picture_that_is_shown_is_the_one_that_was_read(desk: Desk) -> None:
    text, view = look([shown_on(desk)])
    assert text is not None and view is not None and view["text"] == text
    taken = Image.open(io.BytesIO(base64.b64decode(view["png"])))
    assert taken.size == (view["width"], view["height"])
    colours = {colour for _, colour in taken.getcolors(1 << 20) or ()}
    assert (0x39, 0xD9, 0x8A) in colours  # The frame about the code.


def test_no_code_in_sight_is_said_with_the_picture(phone: PhoneOnDesk) -> None:
    shown = act(phone, "look", Sight("display", 128, 64, bytes(128 * 8)))
    assert shown["note"]["en"] == "No QR code in sight"
    assert shown["view"]["text"] == ""
    assert "view" not in act(phone, "look")  # Nothing to look at at all.


def test_what_is_no_picture_is_not_looked_at(phone: PhoneOnDesk) -> None:
    assert "view" not in act(phone, "look", Sight("paper", 0, 0, b"no PNG"))


def test_scan_confirm_and_the_balance_and_the_history(desk: Desk, phone: PhoneOnDesk) -> None:
    shown = act(phone, "look", shown_on(desk))
    assert (shown["screen"], shown["amount"], shown["merchant"]["zh"]) == ("confirm", "12.80", "掌柜测试商户")
    assert shown["history"] == []
    done = act(phone, "confirm")
    assert done["screen"] == "done"
    balances = {wallet["name"]: wallet["balance"] for wallet in done["wallets"]}
    assert balances == {"wechat": "5,000.00", "alipay": "4,987.20", "unionpay": "5,000.00"}
    assert [(row["en"], row["amount"]) for row in done["history"]] == [("Paid", "-12.80")]


def test_a_refund_arrives_with_a_notice_and_stays_in_the_history(desk: Desk, phone: PhoneOnDesk) -> None:
    act(phone, "look", shown_on(desk))
    act(phone, "confirm")
    assert "notice" not in phone.shown()
    desk.query()
    caller = desk.caller
    refund = messages.qr_refund(
        caller.terminal, caller.profile, stan=caller.next_stan(), amount=Money(300), order_no="A1", refund_no="R1"
    )
    desk.ask(refund)
    shown = phone.shown()
    assert shown["notice"] == {"zh": "支付宝：退款到账 ¥3.00", "en": "Alipay: refund received ¥3.00"}
    assert {wallet["name"]: wallet["balance"] for wallet in shown["wallets"]}["alipay"] == "4,990.20"
    assert phone.shown()["notice"] == shown["notice"]  # Until the phone is touched.
    touched = act(phone, "cancel")
    assert "notice" not in touched
    assert {(row["en"], row["amount"]) for row in touched["history"]} == {("Paid", "-12.80"), ("Refund", "+3.00")}


def test_one_code_for_all_wallets_opens_its_page(desk: Desk, phone: PhoneOnDesk) -> None:
    assert phone.shown()["one_code"] is False
    assert act(phone, "one-code")["one_code"] is True
    desk.create("A2", 4500)
    phone.act(Do("phone", {"act": "wallet", "wallet": "wechat"}), ())
    page = act(phone, "look", shown_on(desk, "A2"))
    assert page["screen"] == "page" and page["payable"]
    assert page["lines"] == ["微信支付 WeChat Pay", "掌柜测试商户", "¥45.00"]
    paid = act(phone, "confirm")
    assert paid["lines"][-1] == "支付成功 Paid" and not paid["payable"]
    assert {wallet["name"]: wallet["balance"] for wallet in paid["wallets"]}["wechat"] == "4,955.00"
    order = next(order for order in desk.acquirer.book.qr_orders if order.order_no == "A2")
    assert (order.state, order.wallet) == (OrderState.PAID, WalletKind.WECHAT.value)
    act(phone, "confirm")  # Its button is gone.
    assert {wallet["name"]: wallet["balance"] for wallet in phone.shown()["wallets"]}["wechat"] == "4,955.00"
    assert act(phone, "one-code")["one_code"] is False


def test_a_phone_without_the_page_has_no_such_switch(desk: Desk) -> None:
    plain = PhoneOnDesk(desk.acquirer, lambda: NOON)
    assert "one_code" not in plain.shown()
    act(plain, "one-code")
    assert desk.gateway.prefix == "HTTPS://Q.TEST/"
