"""The phone reads pixels, not intentions: what is too small or too blurred is not read."""

from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

from sim.acquirer import Acquirer, PayResult, WalletKind
from sim.phone import Phone, PhoneInHand, display_image

NOW = 1_795_233_600_000
TERMINAL = ("898440153110001", "10000001")


def qr_on_display(payload: str, width: int, height: int, module_px: int, *, inverse: bool = False) -> bytes:
    """A QR code in the middle of a panel: light modules lit, a border of one lit module."""
    code = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode)
    raw = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False))
    modules = raw.convert("1")
    bordered = Image.new("1", (modules.width + 2, modules.height + 2), 1)
    bordered.paste(modules, (1, 1))
    large = bordered.resize((bordered.width * module_px, bordered.height * module_px), Image.Resampling.NEAREST)
    assert large.width <= width and large.height <= height, "it does not fit that panel"
    panel = Image.new("1", (width, height))
    panel.paste(large, ((width - large.width) // 2, (height - large.height) // 2))
    if inverse:
        panel = Image.eval(panel.convert("L"), lambda value: 255 - value).convert("1")
    return panel.tobytes()


@pytest.fixture
def acquirer() -> Acquirer:
    return Acquirer()


@pytest.fixture
def phone(acquirer: Acquirer) -> Phone:
    return Phone(acquirer.gateway)


def order_payload(acquirer: Acquirer, amount_minor: int = 1280) -> str:
    batch = acquirer.book.open_batch(TERMINAL)
    return acquirer.gateway.create(batch, TERMINAL, "A1", "000001", amount_minor, NOW).payload


@pytest.mark.parametrize(("width", "height", "module_px"), [(128, 64, 2), (128, 128, 4), (122, 64, 2)])
def test_an_order_is_read_off_the_panel_and_paid(
    acquirer: Acquirer, phone: Phone, width: int, height: int, module_px: int
) -> None:
    payload = order_payload(acquirer)
    seen = phone.look(qr_on_display(payload, width, height, module_px), width, height)
    assert seen == payload
    assert phone.pay(seen, NOW) is PayResult.PAID
    assert phone.wallets[WalletKind.WECHAT].balance_minor == 500_000 - 1280


def test_two_pixels_a_module_survive_blur_and_one_does_not(acquirer: Acquirer, phone: Phone) -> None:
    payload = order_payload(acquirer)
    assert phone.look(qr_on_display(payload, 128, 64, 2), 128, 64, blur_px=0.5) == payload
    assert phone.look(qr_on_display(payload, 128, 64, 1), 128, 64, blur_px=1.0) is None


def test_no_code_is_no_payload(phone: Phone) -> None:
    assert phone.look(bytes(1024), 128, 64) is None
    assert phone.look(b"\xff" * 1024, 128, 64) is None
    assert phone.pay("HTTPS://Q.TEST/ABCDEFGHJK", NOW) is PayResult.UNKNOWN_CODE
    with pytest.raises(ValueError, match="128 x 64"):
        phone.look(bytes(10), 128, 64)


def test_a_slip_is_read_as_well(acquirer: Acquirer, phone: Phone) -> None:
    payload = order_payload(acquirer)
    out = io.BytesIO()
    picture = display_image(qr_on_display(payload, 128, 64, 2), 128, 64)
    picture.save(out, "PNG")
    assert phone.look_at_png(out.getvalue()) == payload


@pytest.mark.parametrize("wallet", list(WalletKind))
def test_each_wallet_shows_codes_of_its_own(phone: Phone, wallet: WalletKind) -> None:
    codes = {phone.show_code(NOW, wallet=wallet) for _ in range(20)}
    assert len(codes) == 20
    assert {len(code) for code in codes} == {19 if wallet is WalletKind.UNIONPAY else 18}


@pytest.mark.parametrize("says", ["yes", "no"])
def test_the_user_is_asked(acquirer: Acquirer, phone: Phone, says: str) -> None:
    payload = order_payload(acquirer)
    assert phone.pay(payload, NOW, wallet=WalletKind.ALIPAY, confirmed=False) is PayResult.PAYING
    assert [order.order_no for order in phone.asked(NOW)] == ["A1"]
    if says == "yes":
        assert phone.confirm(NOW) == (PayResult.PAID,)
        assert phone.wallets[WalletKind.ALIPAY].balance_minor == 500_000 - 1280
    else:
        assert phone.refuse(NOW) == 1
        assert phone.wallets[WalletKind.ALIPAY].balance_minor == 500_000
    assert phone.asked(NOW) == ()


def test_a_phone_in_hand_pays_what_it_sees(acquirer: Acquirer, phone: Phone) -> None:
    lit = [bytes(1024)]
    hand = PhoneInHand(phone, WalletKind.UNIONPAY, now_ms=lambda: NOW, display=lambda: (lit[0], 128, 64))
    assert hand.scan_display() is None
    lit[0] = qr_on_display(order_payload(acquirer), 128, 64, 2)
    assert hand.scan_display(confirmed=False) is PayResult.PAYING
    assert hand.refuse() == 1
    assert hand.scan_display(confirmed=False) is PayResult.PAYING
    assert hand.confirm() == (PayResult.PAID,)
    assert hand.wallet.balance_minor == 500_000 - 1280
    assert hand.show_code().startswith("62")


def test_a_phone_without_orders_is_asked_nothing(phone: Phone) -> None:
    assert phone.confirm(NOW) == () and phone.refuse(NOW) == 0
