"""Pay by QR, both ways round: the phone scans our display, or the scanner reads the phone.

What people see and do until the order is paid, refused or given up. Its life is `qr_order`'s, and whoever carries it
out has rules of its own: how often it wants to be asked, how long a code lives, when it may be taken back.
Source: retail digest, "QR payments".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge, choose
from terminal.loop import Now, Race, Sleep, Wait
from terminal.methods import qr_order
from terminal.methods.rails import rail_for, wallets_for
from terminal.methods.scanning import scan
from terminal.model import Method, Money
from terminal.printing import print_copy, slip_head
from terminal.rail import FINAL, Fate, OrderNews, Rail, order_of
from terminal.receipts import Copy, QrOrderSlip
from terminal.scans import PAYMENT, Scan, Why, classify
from terminal.screens import catalogue as screens
from terminal.screens.qr import qr_fits
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

TICK_MS = 1_000
SHOWN_SECONDS_MAX = 900  # Nobody stands before a code for longer; a rail could say a day.
EXPIRED, CANCELLED, NO_CODE = "expired", "cancelled", "no-code"  # Why an order is given up.


async def pay_shown(shop: Shop, due: Money) -> PaymentRecord | None:
    """The terminal shows a code. Ends COMPLETED, REVERSED, DECLINED or ABANDONED, or open: UNKNOWN or REVERSING.

    None when nobody said for which wallet.
    """
    rail = await _rail_to_show(shop, due)
    if rail is None:
        return None
    payment = await qr_order.begin(shop, Method.QR_SHOWN, due, rail, rail.rules.shown_seconds)
    shop.show(screens.Connecting(what="qr_order"))
    news = await rail.create(order_of(payment))
    if news.fate in FINAL:
        return await qr_order.end(shop, payment, news)
    if news.fate not in (Fate.WAITING, Fate.PAYING):
        return await qr_order.not_begun(shop, payment, news)
    if not news.payload:  # An order without a code to show: nobody can pay it.
        return await qr_order.give_up(shop, payment, NO_CODE)
    payment = await qr_order.about_to_show(payment, news)
    ended = await _show_until_paid(shop, rail, payment, news)
    if isinstance(ended, str):
        return await qr_order.give_up(shop, payment, ended)
    return await qr_order.end(shop, payment, ended)


async def pay_scanned(shop: Shop, due: Money) -> PaymentRecord | None:
    """The scanner reads a one-time payment code; the same endings, and None when no code was ever scanned."""
    scanned = await _scan_payment_code(shop, due)
    if scanned is None or scanned.kind is None:
        return None
    rail = rail_for(shop, Method.QR_SCANNED, scanned.kind.value)
    if rail is None:  # Nobody has a contract for this wallet's codes.
        await acknowledge(shop, screens.BadCode(reason="consumer"))
        return None
    payment = await qr_order.begin(
        shop, Method.QR_SCANNED, due, rail, rail.rules.paying_seconds, wallet=scanned.kind.value
    )
    shop.show(screens.Connecting(what="qr_pay"))
    order = order_of(payment)
    charged_ms = (await Now()).mono_ms
    news = await rail.pay_by_code(order, scanned.text)
    if news.fate is Fate.SILENT:  # It may have been charged, and the customer may be asked just now.
        asked = await rail.query(order)
        news = asked if asked.fate in (*FINAL, Fate.PAYING) else news
    if news.fate in FINAL:
        return await qr_order.end(shop, payment, news)
    if news.fate is not Fate.PAYING:
        return await qr_order.not_begun(shop, payment, news)
    return await watch_paying(shop, payment, rail, charged_ms)


async def watch_paying(shop: Shop, payment: PaymentRecord, rail: Rail, charged_ms: int) -> PaymentRecord:
    """The customer types a password. When the time is over, or with CANCEL, the order is taken back."""

    def screen(left: int) -> screens.Screen:
        return screens.WalletPaying(amount=payment.amount, seconds_left=left)

    ended = await _poll(shop, rail, payment, rail.rules.paying_seconds, screen)
    if not isinstance(ended, str):
        return await qr_order.end(shop, payment, ended)
    wait_ms = charged_ms + rail.rules.reverse_after_ms - (await Now()).mono_ms
    if wait_ms > 0:
        shop.show(screens.Connecting(what="qr_close"))
        await Sleep(wait_ms)
    return await qr_order.give_up(shop, payment, ended)


async def _rail_to_show(shop: Shop, due: Money) -> Rail | None:
    """A wallet's own code is for its own customers: somebody asks which wallet, where there is more than one answer."""
    wallets = wallets_for(shop, Method.QR_SHOWN)
    if len(wallets) == 1:
        return rail_for(shop, Method.QR_SHOWN, wallets[0])
    chosen = await choose(
        shop, len(wallets), lambda at: screens.ChooseWallet(amount=due, wallets=wallets, selected=at)
    )
    return None if chosen is None else rail_for(shop, Method.QR_SHOWN, wallets[chosen])


async def _show_until_paid(
    shop: Shop, rail: Rail, payment: PaymentRecord, order: OrderNews
) -> OrderNews | str:
    """Show (or print) the code until there is final news of it, or a reason to give it up."""
    display = shop.devices.display
    due, payload = payment.amount, order.payload
    seconds = min(order.seconds or rail.rules.shown_seconds, SHOWN_SECONDS_MAX)
    on_paper = qr_fits(payload, display.width, display.height) == 0
    if on_paper:
        slip = QrOrderSlip(
            head=await slip_head(shop, ""),
            amount=due,
            payload=payload,
            order_no=str(payment.facts["order_no"]),
            valid_seconds=seconds,
        )
        if not await print_copy(shop, slip, Copy.CARDHOLDER, reprint=False):
            return NO_CODE  # Nobody can pay what nobody sees.

    def screen(left: int) -> screens.Screen:
        if on_paper:
            return screens.QrOnPaper(amount=due, seconds_left=left)
        return screens.ShowQr(amount=due, payload=payload, seconds_left=left)

    return await _poll(shop, rail, payment, seconds, screen)


async def _poll(
    shop: Shop, rail: Rail, payment: PaymentRecord, seconds: int, screen: Callable[[int], screens.Screen]
) -> OrderNews | str:
    """Ask as often as the rail likes to be asked: final news, or why there is none and nobody waits any longer."""
    rules, order = rail.rules, order_of(payment)
    shop.boxes.keys.renew()
    started_ms = (await Now()).mono_ms
    wait_ms = rules.poll_ms
    next_poll_ms = started_ms + wait_ms
    while True:
        left = seconds - ((await Now()).mono_ms - started_ms) // 1000
        if left <= 0:
            return EXPIRED
        shop.show(screen(left))
        won, key = await Race(Wait(shop.boxes.keys), Sleep(TICK_MS))
        if won == 0:
            shop.sound(Tone.KEY)
            if key is Key.CANCEL:
                return CANCELLED
        if (await Now()).mono_ms >= next_poll_ms:
            news = await rail.query(order)
            if news.fate in FINAL:
                return news
            quiet = news.fate in (Fate.SILENT, Fate.UNSENT)
            wait_ms = min(wait_ms * 2, rules.poll_limit_ms) if quiet else rules.poll_ms
            next_poll_ms = (await Now()).mono_ms + wait_ms


# The scanner


async def _scan_payment_code(shop: Shop, due: Money) -> Scan | None:
    """Light the scanner until it reads a payment code; None when cancelled or nobody showed one."""

    def read(raw: bytes) -> Scan | None:
        found = classify(raw, shop.config.scans.patterns)
        return found if found.kind in PAYMENT else None

    return await scan(
        shop,
        lambda left: screens.ScanCode(amount=due, seconds_left=left),
        read,
        lambda raw: screens.BadCode(reason=_what_it_is(classify(raw, shop.config.scans.patterns))),
    )


def _what_it_is(seen: Scan) -> str:
    """A word of room "bad_code" for what is no payment code."""
    if seen.kind:
        return seen.kind.value
    return "not_payment" if seen.why in (None, Why.UNKNOWN) else seen.why.value
