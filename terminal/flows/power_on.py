"""From the self-test's screen (flows/boot.py) to the next customer: the terminal's outermost flow.

First run (once) → recovery → operator → 签到 → trading, for ever. Trading is one small loop: the idle screen, and what
a key or a card starts from it. An alarm (an opened case, a changed file, a failed self-test) ends whatever it was
doing, there and then.
"""

from __future__ import annotations

from drivers.ports import Key, Lamp, Tone
from terminal.dialogue import acknowledge, choose
from terminal.flows import errands, key_loading, news, order_refund, recovery
from terminal.flows.batch import NEARLY_FULL, held
from terminal.flows.clock import set_clock
from terminal.flows.downloads import downloads_menu, load_due, load_needed, restore
from terminal.flows.first_run import first_run
from terminal.flows.line import host_menu
from terminal.flows.locked import destroy_keys, lock_without_keys, locked
from terminal.flows.parking import try_reversals
from terminal.flows.reports import reports
from terminal.flows.sale import batch_is_full, sale, why_not_selling
from terminal.flows.self_test import print_self_test
from terminal.flows.settlement import settle
from terminal.flows.sign_in import sign_in
from terminal.flows.signature import take_back_left
from terminal.flows.static_code import static_codes
from terminal.flows.today import today
from terminal.flows.transactions import transactions
from terminal.hostlink import messages
from terminal.loop import Commit, Race, Sleep, Wait
from terminal.methods import qr_giveback, qr_order, qr_static, sign_in_due, static_code
from terminal.methods.order import refusal
from terminal.methods.requirements import untold
from terminal.methods.reversal import clear_reversals, is_card_reversal
from terminal.model import Mode
from terminal.operators import add_operator, allowed, operator_sign_in, role_of
from terminal.printing import reprint_last
from terminal.screens import catalogue as screens
from terminal.shop import Alarm, Shop, wall_ms
from terminal.strings import LANGUAGES

AGAIN_MS = 1_500  # Before a first run that somebody has left begins anew.
CLOCK_TICK_MS = 15_000


async def begin(shop: Shop) -> None:
    """After a start: as `serve`, with the lists that were loaded before it."""
    await restore(shop)
    shop.half_printed |= await Commit(recovery.begun_slips)
    await serve(shop)


async def stop(shop: Shop, alarm: Alarm) -> None:
    """An alarm has ended whatever was going on, there and then: what it demands."""
    errands.drop(shop)
    shop.busy = False
    if alarm is Alarm.SELF_TEST:
        shop.service_reason = alarm.value
    else:
        await destroy_keys(shop, alarm)


async def serve(shop: Shop) -> None:
    """Recover what an end without a word has left, then serve whoever comes."""
    if shop.service_reason == Alarm.SELF_TEST.value:
        await _stopped(shop)
    await lock_without_keys(shop)
    await recovery.recover_payments(shop)
    await recovery.destroy_settled(shop)
    await recovery.print_unprinted(shop)
    while True:
        shop.approved_by = ""
        if shop.mode is Mode.BLANK:
            if not await first_run(shop):
                await Sleep(AGAIN_MS)
        elif shop.mode is Mode.LOCKED:
            await locked(shop)
        elif not shop.operator:
            if await operator_sign_in(shop):
                await _start_of_day(shop)
        else:
            await _idle(shop)


async def _start_of_day(shop: Shop) -> None:
    """After the operator: finish what was interrupted, then sign in if it is due."""
    if shop.service_reason:
        await acknowledge(shop, screens.ServiceMode(reason=shop.service_reason))
        if messages.keys_ready(shop.keys, shop.profile):
            await clear_reversals(shop)
        return
    if shop.mode is Mode.SETTLING and not shop.profile.settled_behind:
        await settle(shop)
    await sign_in_due.look(shop)
    if shop.mode is Mode.KEYED and not await sign_in(shop):
        return
    if shop.mode is Mode.SIGNED_IN:
        await clear_reversals(shop)
        await take_back_left(shop)
        await load_needed(shop)
        await recovery.query_orders(shop)


async def _idle(shop: Shop) -> None:
    """The idle screen until somebody wants something; what the host has asked for comes first."""
    if shop.download_wanted and shop.mode is Mode.SIGNED_IN:
        await load_due(shop)
    if shop.wish_untold:
        shop.wish_untold = False
        for digit in await Commit(untold):
            await acknowledge(shop, screens.Problem(title="wish.title", text=f"wish.{digit}"))
    shop.keys.messages.wipe()  # Whatever was asked has been answered, or will not be.
    shop.boxes.keys.renew()
    shop.lamp(Lamp.ONLINE, shop.mode is Mode.SIGNED_IN)
    await news.tell(shop)
    pending, nearly_full, told, shop.behind.owed = await Commit(
        lambda tx: (
            sum(is_card_reversal(p) for p in tx.open_payments()),
            held(tx) >= NEARLY_FULL,
            news.word(tx),
            errands.owed(shop, tx),
        )
    )
    shop.lamp(Lamp.ALERT, pending > 0)
    if shop.mode is Mode.SETTLING:  # Somebody has just asked for it.
        await errands.look(shop)
    while True:
        clock = f"{shop.local_time(await wall_ms()):%H:%M}"
        due = "paper_low" if shop.paper_low else "nearly_full" if nearly_full else ""
        if shop.mode is not Mode.SIGNED_IN:  # Something else comes first, and needs the line.
            due = ""
        shop.show(screens.Idle(mode=shop.mode, clock=clock, pending=pending, due=due, news=told))
        won, value = await Race(Wait(shop.boxes.keys), Sleep(CLOCK_TICK_MS), Wait(shop.behind.over))
        if won == 0:
            break
        if won == 2:
            return  # The mode may be another, and reversals fewer.
        await errands.look(shop)
    shop.sound(Tone.KEY)
    shop.busy = True
    await errands.make_way(shop)
    if value.digits:
        await _sell(shop, value)
    elif value is Key.ENTER and told:
        await news.read(shop)
    elif value is Key.ENTER and why_not_selling(shop) in ("sign_in", "settling"):
        await (settle(shop) if shop.mode is Mode.SETTLING else sign_in(shop))
    elif value in (Key.ENTER, Key.UP, Key.DOWN):
        await menu(shop)
    shop.busy = False


async def _sell(shop: Shop, first_key: Key) -> None:
    """A sale; or the settlement that has to come first, because no more fits into the batch."""
    if shop.mode is Mode.SIGNED_IN and await Commit(batch_is_full):
        shop.sound(Tone.ATTENTION)
        await acknowledge(shop, screens.Refused(reason="batch_full"))
        await settle(shop)
    else:
        await sale(shop, first_key)


async def menu(shop: Shop) -> None:
    """The menu; what cannot be done now says so itself."""
    chosen = await choose(
        shop, len(MENU), lambda at: screens.Menu(title="menu.main", items=MENU, selected=at)
    )
    if chosen is None or not await allowed(shop, MENU[chosen].removeprefix("menu.")):
        return
    match MENU[chosen]:
        case "menu.transactions":
            await transactions(shop)
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
        case "menu.load_keys":
            await _load_keys(shop)
        case "menu.add_operator":
            await add_operator(shop, await role_of(shop, shop.operator))
        case "menu.downloads":
            await downloads_menu(shop)
        case "menu.host":
            await host_menu(shop)
        case "menu.reports":
            await reports(shop)
        case "menu.news":
            if not await news.read(shop):
                await acknowledge(shop, screens.Problem(title="menu.news", text="news.none"))
        case "menu.static_code":
            await static_codes(shop)


MENU = (
    "menu.transactions",
    "menu.today",
    "menu.reprint",
    "menu.settlement",
    "menu.query",
    "menu.sign_in",
    "menu.language",
    "menu.self_test",
    "menu.set_clock",
    "menu.operator",
    "menu.load_keys",
    "menu.add_operator",
    "menu.downloads",
    "menu.host",
    "menu.reports",
    "menu.news",
    "menu.static_code",
)


async def _open_orders(shop: Shop) -> None:
    """The query screen for QR orders and refunds whose fate is not known, and a try for reversals that wait."""
    if shop.mode is not Mode.SIGNED_IN:
        await acknowledge(shop, await refusal(shop, "sign_in"))
        return
    await try_reversals(shop)
    orders = await recovery.unknown_orders(shop)
    for order in orders:
        await qr_order.ask_unknown(shop, order)
    refunds = await Commit(qr_giveback.open_refunds)
    for refund in refunds:
        await order_refund.send(shop, refund)
    awaited = await Commit(static_code.waits)
    for payment in awaited:
        await qr_static.ask(shop, payment)
    if not orders and not refunds and not awaited:
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


async def _load_keys(shop: Shop) -> None:
    """A new master key for a terminal that has one. An open settlement needs the keys that it began with."""
    if shop.mode is Mode.SETTLING:
        await acknowledge(shop, screens.Refused(reason="settling"))
    else:
        await key_loading.choose_and_load(shop)


async def _stopped(shop: Shop) -> None:
    """The self-test failed: nothing is computed any more, not even a reversal. Only a restart tries again."""
    shop.lamp(Lamp.ALERT, True)
    shop.lamp(Lamp.ONLINE, False)
    while True:
        shop.show(screens.ServiceMode(reason=shop.service_reason))
        await Wait(shop.boxes.keys)
