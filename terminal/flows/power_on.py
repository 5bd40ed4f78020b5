"""From power on to the next customer: the terminal's outermost flow.

Boot screen → first run (once) → recovery → operator → 签到 → trading, for ever. Trading is one small loop: the idle
screen, and what a key, a card or the case switch starts from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key, Lamp, Tone
from terminal.dialogue import acknowledge, choose
from terminal.flows import recovery
from terminal.flows.clock import hold_clock_floor, set_clock
from terminal.flows.first_run import first_run
from terminal.flows.operator import operator_sign_in
from terminal.flows.sale import sale, why_not_selling
from terminal.flows.self_test import print_self_test
from terminal.flows.settlement import settle
from terminal.flows.sign_in import sign_in
from terminal.flows.today import today
from terminal.loop import Commit, Offload, Race, Sleep, Spawn, Wait
from terminal.methods import qr
from terminal.methods.reversal import clear_reversals, is_card_reversal, pending_reversals
from terminal.model import Mode
from terminal.printing import reprint_last
from terminal.screens import catalogue as screens
from terminal.shop import Shop, load_settings, wall_ms
from terminal.strings import LANGUAGES

if TYPE_CHECKING:
    from terminal.journal import Tx

BOOT_MS = 1_500  # Long enough to read a failed check, short enough not to be waited for.
CLOCK_TICK_MS = 15_000
KEY_AGE_MS = 24 * 3_600_000  # Working keys older than a day are renewed (host-link digest §9).
KEY_DEADLINE_MS = 30_000


async def power_on(shop: Shop) -> None:
    """Run the terminal until its case is opened: whatever it was doing stops there, and the keys die at once."""
    shop.connect_devices()
    await shop.start_tasks()
    trading = await Spawn(_trade(shop), "trading")
    await Wait(shop.boxes.tamper)
    trading.close()
    await _destroy_keys(shop)
    while True:
        await _locked(shop)


async def _trade(shop: Shop) -> None:
    await load_settings(shop)
    shop.lamp(Lamp.POWER, True)
    await hold_clock_floor(shop)
    checks = shop.self_tests()
    shop.show(screens.Boot(version=shop.version, checks=checks))
    await Sleep(BOOT_MS)
    while shop.mode is Mode.BLANK:
        if not await first_run(shop):
            await Sleep(BOOT_MS)
    await recovery.lock_without_keys(shop)
    await recovery.recover_payments(shop)
    await recovery.destroy_settled(shop)
    await recovery.print_unprinted(shop)
    while True:
        if shop.mode is Mode.LOCKED:
            await _locked(shop)
        elif not shop.operator:
            if await operator_sign_in(shop):
                await _start_of_day(shop)
        else:
            await _idle(shop)


async def _start_of_day(shop: Shop) -> None:
    """After the operator: finish what was interrupted, then sign in if it is due."""
    if shop.service_reason:
        await acknowledge(shop, screens.ServiceMode(reason=shop.service_reason))
        if shop.keys.working_keys_ready():
            await clear_reversals(shop)
        return
    if shop.mode is Mode.SETTLING:
        await settle(shop)
    if shop.mode is Mode.SIGNED_IN and await _keys_stale(shop):
        await Commit(_keys_are_due)
        shop.mode = Mode.KEYED
    if shop.mode is Mode.KEYED and not await sign_in(shop):
        return
    if shop.mode is Mode.SIGNED_IN:
        await clear_reversals(shop)
        await recovery.query_orders(shop)


async def _keys_stale(shop: Shop) -> bool:
    if not shop.keys.working_keys_ready():
        return True
    now_ms = await wall_ms()
    signed_in_ms = await Commit(lambda tx: tx.get("signed_in_ms", 0))
    return not 0 <= now_ms - signed_in_ms < KEY_AGE_MS


def _keys_are_due(tx: Tx) -> None:
    tx.set_mode(Mode.KEYED, reason="age")


async def _idle(shop: Shop) -> None:
    """The idle screen until somebody wants something."""
    shop.boxes.keys.renew()
    shop.lamp(Lamp.ONLINE, shop.mode is Mode.SIGNED_IN)
    pending = await Commit(lambda tx: sum(is_card_reversal(p) for p in tx.open_payments()))
    shop.lamp(Lamp.ALERT, pending > 0)
    while True:
        clock = f"{shop.local_time(await wall_ms()):%H:%M}"
        shop.show(screens.Idle(mode=shop.mode, clock=clock, pending=pending))
        won, value = await Race(Wait(shop.boxes.keys), Sleep(CLOCK_TICK_MS))
        if won == 0:
            break
    shop.sound(Tone.KEY)
    if value.digits:
        await sale(shop, value)
    elif value is Key.ENTER and why_not_selling(shop) in ("sign_in", "settling"):
        await (settle(shop) if shop.mode is Mode.SETTLING else sign_in(shop))
    elif value in (Key.ENTER, Key.UP, Key.DOWN):
        await menu(shop)


async def menu(shop: Shop) -> None:
    """The menu; what cannot be done now says so itself."""
    chosen = await choose(
        shop, len(MENU), lambda at: screens.Menu(title="menu.main", items=MENU, selected=at)
    )
    if chosen is None:
        return
    match MENU[chosen]:
        case "menu.sale":
            await sale(shop)
        case "menu.today":
            await today(shop)
        case "menu.reprint":
            if not await reprint_last(shop):
                await acknowledge(shop, screens.Refused(reason="no_slip"))
        case "menu.settlement":
            await settle(shop)
        case "menu.query":
            await _open_orders(shop)
        case "menu.sign_in":
            await _sign_in_again(shop)
        case "menu.language":
            await _choose_language(shop)
        case "menu.set_clock":
            await set_clock(shop)
        case "menu.self_test":
            await print_self_test(shop)
        case "menu.operator":
            shop.operator = ""


MENU = (
    "menu.sale",
    "menu.today",
    "menu.reprint",
    "menu.settlement",
    "menu.query",
    "menu.sign_in",
    "menu.language",
    "menu.self_test",
    "menu.set_clock",
    "menu.operator",
)


async def _open_orders(shop: Shop) -> None:
    """The query screen for QR orders whose fate is not known, and a try for reversals that wait."""
    if shop.mode is not Mode.SIGNED_IN:
        await acknowledge(shop, screens.Refused(reason="sign_in"))
        return
    if await pending_reversals(shop) and not await clear_reversals(shop):
        await acknowledge(shop, screens.ReversalPending(count=len(await pending_reversals(shop))))
    orders = await recovery.unknown_orders(shop)
    for order in orders:
        await qr.ask_unknown(shop, order)
    if not orders:
        await acknowledge(shop, screens.Problem(title="menu.query", text="query.none"))


async def _sign_in_again(shop: Shop) -> None:
    if shop.mode is Mode.SETTLING:
        await acknowledge(shop, screens.Refused(reason="settling"))
        return
    await sign_in(shop)


async def _choose_language(shop: Shop) -> None:
    chosen = await choose(
        shop,
        len(LANGUAGES),
        lambda at: screens.ChooseLanguage(selected=at),
        LANGUAGES.index(shop.language),
    )
    if chosen is not None:
        language = LANGUAGES[chosen]
        await Commit(lambda tx: tx.set("language", language))
        shop.language = language


async def _destroy_keys(shop: Shop) -> None:
    """The keys die first; then everything is locked. A cut in between is made good by recovery."""
    await Offload("keys", shop.keys.zeroise, KEY_DEADLINE_MS)
    await Commit(_lock)
    shop.mode = Mode.LOCKED


def _lock(tx: Tx) -> None:
    if tx.mode is not Mode.LOCKED:
        tx.set_mode(Mode.LOCKED, reason="tamper")


async def _locked(shop: Shop) -> None:
    shop.lamp(Lamp.ALERT, True)
    shop.lamp(Lamp.ONLINE, False)
    shop.show(screens.Locked(reason="tamper"))
    await Wait(shop.boxes.keys)
