"""静态收款码: the shop's printed code is shown or printed; what was paid to it today is listed and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge, choose
from terminal.loop import Commit
from terminal.methods import qr_static, static_code
from terminal.methods.pick import pick
from terminal.model import Mode
from terminal.printing import keep, print_copy, print_kept, print_record, slip_head
from terminal.receipts import Copy, QrSlip, StaticCodeSlip
from terminal.screens import catalogue as screens
from terminal.screens.qr import qr_fits
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

ITEMS = ("receipts", "print_code", "show_code")


async def static_codes(shop: Shop) -> None:
    """The menu of it. A panel that cannot carry the code does not offer to show it."""
    code, display = static_code.payload(shop), shop.devices.display
    if not code:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason="no_static_code"))
        return
    shown = ITEMS if qr_fits(code, display.width, display.height) else ITEMS[:-1]
    items = tuple(f"menu.{name}" for name in shown)
    chosen = await choose(shop, len(items), lambda at: screens.Menu(title="menu.static_code", items=items, selected=at))
    match None if chosen is None else shown[chosen]:
        case "receipts":
            await _receipts(shop)
        case "print_code":
            await Commit(_in_use)
            await print_copy(shop, StaticCodeSlip(await slip_head(shop, ""), code), Copy.MERCHANT, reprint=False)
        case "show_code":
            await Commit(_in_use)
            await acknowledge(shop, screens.ShowStatic(payload=code), shop.config.timeouts.key_ms)


def _in_use(tx: Tx) -> None:
    """Durable before anybody can see it: from now on money may come."""
    tx.set(static_code.IN_USE, True)


async def _receipts(shop: Shop) -> None:
    """Today's, with what the host has to tell; one is looked at, and printed if somebody wants that."""
    if shop.mode is Mode.SIGNED_IN:
        shop.show(screens.Connecting(what="receipts"))
        await static_code.fetch(shop)
    chosen = await pick(shop, static_code.is_receipt)
    if chosen is None:
        await acknowledge(shop, screens.Problem(title="menu.receipts", text="receipts.none"))
        return
    screen = qr_static.found(shop, chosen, "print")
    if await acknowledge(shop, screen, shop.config.timeouts.key_ms) is Key.ENTER:
        await _print(shop, chosen)


async def _print(shop: Shop, receipt: PaymentRecord) -> None:
    """Its slip is kept with the first paper: what comes out again is marked, so that nobody takes it for two."""

    def first(tx: Tx) -> tuple[int, QrSlip]:
        slip = static_code.slip_of(shop, receipt, tx.get("batch_no", ""), tx.now_ms)
        return keep(tx, slip, receipt.id), slip

    kept = await Commit(lambda tx: tx.last_slip(payment_id=receipt.id))
    if kept is not None:
        await print_record(shop, kept)
    else:
        await print_kept(shop, *await Commit(first))
