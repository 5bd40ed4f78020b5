"""The customer's phone: looks at the display's actual pixels, pays from its wallets, shows payment codes.

The camera sees the panel as it is lit, framed by its dark bezel, magnified, and blurred if asked: a code that no
real phone could read is not read here either.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sim.acquirer.book import Order
from sim.acquirer.wallets import PayResult, Wallet, WalletGateway, WalletKind

if TYPE_CHECKING:
    from PIL.Image import Image

MAGNIFICATION = 4  # Camera pixels to one of the display's.
BEZEL_PIXELS = 4  # The dark rim around a panel, in the display's pixels.
DEFAULT_BALANCES: Mapping[WalletKind, int] = MappingProxyType(
    {WalletKind.WECHAT: 500_000, WalletKind.ALIPAY: 500_000, WalletKind.UNIONPAY: 500_000}
)


class Phone:
    """One user with a wallet of each kind. Times are the gateway's: milliseconds since 1970."""

    def __init__(self, gateway: WalletGateway, balances: Mapping[WalletKind, int] = DEFAULT_BALANCES) -> None:
        self._gateway = gateway
        self.wallets = {kind: Wallet(kind, balance_minor) for kind, balance_minor in balances.items()}

    def look(self, pixels: bytes, width: int, height: int, *, blur_px: float = 0.0) -> str | None:
        """What a QR code on the display says, or None. `pixels` as in drivers.ports.Picture: 1 bit, rows padded.

        `blur_px` is the camera's blur (a Gaussian radius) in the display's pixels.
        Raises ValueError when the bytes do not fit the size.
        """
        return self.look_at(display_image(pixels, width, height), blur_px=blur_px * MAGNIFICATION)

    def look_at_png(self, data: bytes, *, blur_px: float = 0.0) -> str | None:
        """The same for a picture file: a slip from the printer."""
        from PIL import Image

        with Image.open(io.BytesIO(data)) as picture:
            return self.look_at(picture.convert("L"), blur_px=blur_px)

    def look_at(self, picture: Image, *, blur_px: float = 0.0) -> str | None:
        """The first QR code in a grey picture. `blur_px` in the picture's own pixels."""
        return photograph(picture, blur_px=blur_px).text

    def pay(
        self, payload: str, now_ms: int, *, wallet: WalletKind = WalletKind.WECHAT, confirmed: bool = True
    ) -> PayResult:
        """Pay what a scanned code asks for; without `confirmed` the user still thinks about it."""
        return self._gateway.pay(payload, self.wallets[wallet], now_ms, confirmed=confirmed)

    def pay_printed(
        self, payload: str, amount_minor: int, now_ms: int, *, wallet: WalletKind = WalletKind.WECHAT
    ) -> PayResult:
        """Pay an amount to a shop's printed code."""
        return self._gateway.pay_printed(payload, self.wallets[wallet], amount_minor, now_ms)

    def show_code(self, now_ms: int, *, wallet: WalletKind = WalletKind.WECHAT) -> str:
        """A one-time payment code for the merchant's scanner."""
        return self._gateway.new_code(self.wallets[wallet], now_ms)

    def asked(self, now_ms: int) -> tuple[Order, ...]:
        """The orders that wait for this user's confirmation."""
        return tuple(order for wallet in self.wallets.values() for order in self._gateway.waiting(wallet, now_ms))

    def confirm(self, now_ms: int) -> tuple[PayResult, ...]:
        """Say yes to all that is asked."""
        return tuple(
            self._gateway.confirm(order, wallet, now_ms)
            for wallet in self.wallets.values()
            for order in self._gateway.waiting(wallet, now_ms)
        )

    def refuse(self, now_ms: int) -> int:
        """Say no to all that is asked; how many there were."""
        orders = self.asked(now_ms)
        for order in orders:
            self._gateway.refuse(order, now_ms)
        return len(orders)


@dataclass(frozen=True, slots=True)
class Photo:
    """A grey picture as the camera took it, and the first QR code in it: its text, its corners clockwise."""

    picture: Image
    text: str | None
    corners: tuple[tuple[int, int], ...]


def photograph(picture: Image, *, blur_px: float = 0.0) -> Photo:
    """Look at a grey picture. `blur_px` (a Gaussian radius) in its own pixels."""
    import zxingcpp
    from PIL import ImageFilter

    if blur_px:
        picture = picture.filter(ImageFilter.GaussianBlur(blur_px))
    wanted = zxingcpp.BarcodeFormat.QRCode
    found = zxingcpp.read_barcodes(picture, formats=wanted)  # type: ignore[arg-type]  # The binding converts one.
    if not found:
        return Photo(picture, None, ())
    place = found[0].position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return Photo(picture, str(found[0].text), tuple((corner.x, corner.y) for corner in corners))


class PhoneInHand:
    """A phone with one wallet open, before one display: what people in a story do with it.

    `now_ms()` gives milliseconds since 1970; `display()` the pixels that are lit now, with width and height;
    `printed()` what the code says that hangs at the till.
    """

    def __init__(
        self,
        phone: Phone,
        wallet: WalletKind,
        *,
        now_ms: Callable[[], int],
        display: Callable[[], tuple[bytes, int, int]],
        printed: Callable[[], str] = lambda: "",
    ) -> None:
        self.phone = phone
        self.wallet = phone.wallets[wallet]
        self._now_ms = now_ms
        self._display = display
        self._printed = printed

    def scan_display(self, *, confirmed: bool = True) -> PayResult | None:
        """Look at the display and pay; None when no code is to be seen."""
        payload = self.phone.look(*self._display())
        if payload is None:
            return None
        return self.phone.pay(payload, self._now_ms(), wallet=self.wallet.kind, confirmed=confirmed)

    def pay_printed(self, amount_minor: int) -> PayResult:
        """Scan the printed code and type an amount."""
        return self.phone.pay_printed(self._printed(), amount_minor, self._now_ms(), wallet=self.wallet.kind)

    def show_code(self) -> str:
        return self.phone.show_code(self._now_ms(), wallet=self.wallet.kind)

    def confirm(self) -> tuple[PayResult, ...]:
        return self.phone.confirm(self._now_ms())

    def refuse(self) -> int:
        return self.phone.refuse(self._now_ms())


def display_image(pixels: bytes, width: int, height: int) -> Image:
    """The panel as a camera sees it: lit pixels white, the rest and the bezel black, magnified."""
    from PIL import Image

    if len(pixels) != (width + 7) // 8 * height:
        raise ValueError(f"{len(pixels)} bytes are no {width} x {height} picture")
    panel = Image.frombytes("1", (width, height), pixels).convert("L")
    framed = Image.new("L", (width + 2 * BEZEL_PIXELS, height + 2 * BEZEL_PIXELS))
    framed.paste(panel, (BEZEL_PIXELS, BEZEL_PIXELS))
    size = (framed.width * MAGNIFICATION, framed.height * MAGNIFICATION)
    return framed.resize(size, Image.Resampling.NEAREST)
