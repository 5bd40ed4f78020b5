"""The order before any online card transaction, in one place.

Keys valid → lists loaded → room in the queue → script notices → pending reversals → the transaction. What else waits
leaves behind the idle screen, after a good one or when there is enough of it (`uploads_due`). An advice asks
nobody, so it needs only what it will be sent with: keys, room.

Source: host-link digest §9, §11; docs/host-link.md §17.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from drivers.ports import Tone
from terminal.dialogue import acknowledge
from terminal.hostlink.downloads import ListName
from terminal.loop import Commit
from terminal.methods import sign_in_due
from terminal.methods.reversal import blocking_reversals, clear_reversals_for_sale
from terminal.methods.uploads import has_room, send_uploads
from terminal.model import Kind, Method, Mode, Notice, PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

# What the kernel works with: loaded after a sign-in where the profile says so and it never was.
NEEDED = (ListName.PARAMETERS, ListName.AIDS, ListName.CA_KEYS)
Step = Callable[[Shop], Coroutine[Any, Any, "screens.Screen | None"]]


async def way_is_clear(shop: Shop, kind: Kind = Kind.SALE) -> bool:
    """Whether a transaction of this kind may be sent (or queued) now; says why not."""
    advice = shop.profile.transactions[kind].advice
    for step in BEFORE_ADVICE if advice else BEFORE_REQUEST:
        refused = await step(shop)
        if refused is not None:
            shop.sound(Tone.FAILURE)
            await acknowledge(shop, refused)
            return False
    return True


def uploads_due(shop: Shop, tx: Tx) -> bool:
    """Whether what waits may leave now: the host has just taken a payment, or enough of it waits.

    They leave behind the idle screen (flows/errands.py), so that a host that is silent by now holds nobody up.
    """
    if tx.queued_uploads() >= shop.profile.upload_count_limit:
        return True
    return any(
        payment.method is Method.CARD
        and payment.state is PaymentState.COMPLETED
        and not shop.profile.transactions[payment.kind].advice
        for payment in tx.payments(limit=1)
    )


async def refusal(shop: Shop, word: str) -> screens.Screen:
    """A word of the room "refused" as a screen; a sign-in that is due says why, unless a settlement is in its way."""
    if word != "sign_in" or shop.mode is Mode.SETTLING:
        return screens.Refused(reason="settling" if word == "sign_in" else word)
    return screens.SignInDue(reason=(await Commit(sign_in_due.reason)).value)


async def _keys(shop: Shop) -> screens.Screen | None:
    """Also the last step: the host may have wanted a sign-in with its answer to a notice or a reversal."""
    await sign_in_due.look(shop)
    return None if shop.mode is Mode.SIGNED_IN else await refusal(shop, "sign_in")


async def _lists(shop: Shop) -> screens.Screen | None:
    if shop.profile.downloads_at_sign_in and not all(shop.downloaded.count(name) for name in NEEDED):
        return screens.Refused(reason="lists")
    return None


async def _room(shop: Shop) -> screens.Screen | None:
    if await Commit(has_room):
        return None
    await send_uploads(shop)
    return None if await Commit(has_room) else screens.Refused(reason="uploads_full")


async def _script_notices(shop: Shop) -> screens.Screen | None:
    """No money hangs on them, so one that is not answered keeps no customer waiting twice."""
    await send_uploads(shop, Notice.SCRIPT_RESULT)
    return None


async def _reversals(shop: Shop) -> screens.Screen | None:
    if await clear_reversals_for_sale(shop):
        return None
    return screens.ReversalPending(count=len(await blocking_reversals(shop)), code="")


BEFORE_REQUEST: tuple[Step, ...] = (_keys, _lists, _room, _script_notices, _reversals, _keys)
BEFORE_ADVICE: tuple[Step, ...] = (_keys, _lists, _room)
