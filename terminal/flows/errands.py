"""Behind the idle screen: what a terminal does with its host while nobody is waiting.

A sign-in that found no host, reversals, wallets' orders without an end, receipts of the printed code, what waits to be
sent, routes that failed, the echo that proves a kept connection; and a settlement, where the profile lets it. One at a
time, looked for at each tick of the idle screen's clock; what fails is tried again after a wait that doubles and is
half drawn (`hostlink.backoff`). Nothing of it is shown, and nobody waits for it: the first key makes it give way
(`make_way`), in the middle of an exchange if need be, which is then as if the host had not answered. So only what may
be asked twice is done here, and never two things at once with what a person has begun.

A settlement's answer may not be had twice, so it gives way after the exchange, not in it, and the person is shown what
there is to be waited for.

Source: docs/host-link.md §6, §18.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from terminal.flows.line import echo_request
from terminal.flows.settlement import settle_unseen
from terminal.flows.sign_in import sign_in_unseen
from terminal.hostlink.backoff import DRAWN_BYTES, Backoff
from terminal.hostlink.session import Answered
from terminal.loop import Commit, Draw, Now, Spawn, Wait
from terminal.methods import qr_order, static_code
from terminal.methods.order import uploads_due
from terminal.methods.reversal import clear_reversals, is_card_reversal, pending_reversals
from terminal.methods.uploads import send_uploads, worn_out
from terminal.model import Mode
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

AGAIN = Backoff(first_ms=30_000, limit_ms=600_000)  # Ten minutes: a host that is back is noticed before it is missed.
ECHO_MS = 5_000  # An echo asks for nothing to be done.
Question = Callable[[Shop], Coroutine[Any, Any, bool]]


@dataclass(frozen=True, slots=True)
class Errand:
    """`due` says whether there is anything to do, `run` does it and says whether it is done.

    `spread`: what makes it due befalls many terminals at once, so the first try waits as well. `whole`: an exchange
    that has begun is not broken off.
    """

    name: str
    due: Question
    run: Question
    spread: bool = True
    whole: bool = False


async def look(shop: Shop) -> None:
    """Begin the first errand that is due, unless one is running."""
    if shop.behind.running:
        return
    now_ms = (await Now()).mono_ms
    for errand in ERRANDS:
        if not await errand.due(shop):
            shop.behind.tried.pop(errand.name, None)
            continue
        if errand.spread and errand.name not in shop.behind.tried:
            shop.behind.tried[errand.name] = 0, now_ms + AGAIN.wait_ms(0, await Draw(DRAWN_BYTES))
        _, not_before_ms = shop.behind.tried.get(errand.name, (0, 0))
        if now_ms >= not_before_ms:
            shop.behind.over.renew()
            shop.host.hurry.renew()
            shop.behind.running, shop.behind.whole = True, errand.whole
            shop.host.behind = not errand.whole
            shop.behind.task = await Spawn(_run(shop, errand), errand.name)
            return


async def _run(shop: Shop, errand: Errand) -> None:
    try:
        done = await errand.run(shop)
        if shop.host.yielding:
            return  # To be in somebody's way is no failure: it is due as it was.
        failures, _ = shop.behind.tried.pop(errand.name, (0, 0))
        if not done:
            wait_ms = AGAIN.wait_ms(failures + 1, await Draw(DRAWN_BYTES))
            shop.behind.tried[errand.name] = failures + 1, (await Now()).mono_ms + wait_ms
    finally:
        _end(shop)
        shop.loop.post(shop.behind.over, None)


async def make_way(shop: Shop) -> None:
    """Somebody wants something: what goes on behind the screen ends first, at once."""
    if shop.behind.running:
        shop.host.yielding = True
        if shop.behind.whole:
            shop.behind.shown = True
            shop.show(screens.Settling(step="finish"))
        shop.loop.post(shop.host.hurry, None)
        await Wait(shop.behind.over)


def drop(shop: Shop) -> None:
    """An alarm ends everything, there and then."""
    if shop.behind.task:
        shop.behind.task.close()
    _end(shop)


def _end(shop: Shop) -> None:
    shop.behind.running = shop.behind.shown = shop.host.behind = shop.host.yielding = False


# What there is to do


async def _sign_in_owed(shop: Shop) -> bool:
    return shop.sign_in_owed and shop.mode is Mode.KEYED


def owed(shop: Shop, tx: Tx) -> frozenset[str]:
    """Which of the errands the journal knows of; read once for each idle screen, because it is asked at each tick."""
    found = {"reversals"} if any(is_card_reversal(payment) for payment in tx.open_payments()) else set()
    upload = tx.next_upload(None)
    if upload is not None and not worn_out(shop, upload) and (upload.tries > 0 or uploads_due(shop, tx)):
        found.add("uploads")
    if qr_order.is_owed(tx):
        found.add("orders")
    if static_code.is_in_use(shop, tx):
        found.add("receipts")
    return frozenset(found)


async def _reversals_open(shop: Shop) -> bool:
    return shop.mode is Mode.SIGNED_IN and "reversals" in shop.behind.owed


async def _reverse(shop: Shop) -> bool:
    await clear_reversals(shop)
    return not await pending_reversals(shop)


async def _uploads_wait(shop: Shop) -> bool:
    return shop.mode is Mode.SIGNED_IN and "uploads" in shop.behind.owed


async def _orders_open(shop: Shop) -> bool:
    return shop.mode is Mode.SIGNED_IN and "orders" in shop.behind.owed


async def _receipts_due(shop: Shop) -> bool:
    owed = shop.mode is Mode.SIGNED_IN and "receipts" in shop.behind.owed
    return owed and (await Now()).mono_ms >= shop.behind.receipts_ms


async def _ask_for_receipts(shop: Shop) -> bool:
    """What was paid to the printed code; then not again for a while, since each question is durable."""
    told = await static_code.fetch(shop)
    shop.behind.receipts_ms = (await Now()).mono_ms + shop.profile.qr_static_ask_s * 1000
    return told


async def _routes_rest(shop: Shop) -> bool:
    return bool(shop.host.line.resting()) and len(shop.host.line.routes) > 1


async def _check_routes(shop: Shop) -> bool:
    """Call by each route that failed; True when all of them are good again."""
    for route in shop.host.line.resting():
        await _echo(shop, route)
    return not shop.host.line.resting()


async def _echo_due(shop: Shop) -> bool:
    return await shop.host.line.is_due(shop.profile)


async def _echo(shop: Shop, only: int | None = None) -> bool:
    """0820/301 by the connection that is kept, or by that route. Whatever is answered, somebody is there."""
    request = await Commit(lambda tx: echo_request(shop, tx))
    answer = await shop.host.exchange(request, within_ms=ECHO_MS, only=only)
    return isinstance(answer, Answered)


async def _settlement_open(shop: Shop) -> bool:
    return shop.profile.settled_behind and shop.mode is Mode.SETTLING


ERRANDS = (
    Errand("settlement", _settlement_open, settle_unseen, spread=False, whole=True),
    Errand("sign-in", _sign_in_owed, sign_in_unseen),
    Errand("reversals", _reversals_open, _reverse),
    Errand("orders", _orders_open, qr_order.ask_all),
    Errand("receipts", _receipts_due, _ask_for_receipts, spread=False),
    Errand("uploads", _uploads_wait, send_uploads, spread=False),
    Errand("routes", _routes_rest, _check_routes),
    Errand("echo", _echo_due, _echo, spread=False),
)
