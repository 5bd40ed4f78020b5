"""The lock: keys destroyed because somebody may be inside, and the one way back.

The device key dies first, so whatever happens next finds noise. Then one commit locks the terminal, ends what was
running, and keeps a slip of all that is open; a power cut before it is made good at the next start, when the keys are
gone and the mode says otherwise.

What the lock costs: the card data sealed for open reversals died with the device key. The reversals are not lost; the
host knows them by terminal, batch and voucher number, and they are sent after the next sign-in. Until then the slip
lets a person settle them by telephone.

The way back is a supervisor's: a ceremony (flows/key_loading.py), or the published test keys where they are allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key, Lamp, Tone
from terminal.dialogue import choose
from terminal.flows import key_loading
from terminal.flows.recovery import begun_slips, end_running
from terminal.hostlink.messages import master_key
from terminal.loop import Commit, Offload, Wait
from terminal.model import Mode
from terminal.operators import add_operator, supervisor_agrees
from terminal.printing import keep, reprint_last, slip_head
from terminal.receipts import LockSlip, OpenRow, in_strips
from terminal.screens import catalogue as screens
from terminal.shop import Alarm, Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

KEY_DEADLINE_MS = 30_000  # The key store syncs its files; a bad SD card stalls for seconds.
KEYS_GONE = "keys-gone"  # Found at a start: the power went before the lock was written.


async def destroy_keys(shop: Shop, alarm: Alarm) -> None:
    """The keys die first; then everything is locked. A cut in between is made good by `lock_without_keys`."""
    await Offload("keys", shop.keys.zeroise, KEY_DEADLINE_MS)
    shop.operator = ""
    await _lock(shop, alarm.value)


async def lock_without_keys(shop: Shop) -> None:
    """A case that was opened and lost its power at once: the lock is made good now."""
    if shop.mode in (Mode.BLANK, Mode.LOCKED) or shop.keys.has(master_key(shop.profile)):
        return
    await _lock(shop, KEYS_GONE)


async def _lock(shop: Shop, reason: str) -> None:
    head = await slip_head(shop, await Commit(lambda tx: str(tx.get("batch_no", "000001"))))

    def lock(tx: Tx) -> set[int]:
        begun = begun_slips(tx)
        if tx.mode is Mode.LOCKED:
            return begun
        tx.set_mode(Mode.LOCKED, reason=reason)
        end_running(shop, tx, reason)
        for strip in in_strips(LockSlip(head=head, reason=reason, open_rows=open_rows(tx))):
            keep(tx, strip)
        return begun

    shop.half_printed |= await Commit(lock)
    shop.mode = Mode.LOCKED


def open_rows(tx: Tx) -> tuple[OpenRow, ...]:
    """What somebody has to bring to its end: card numbers masked, as everywhere."""
    return tuple(
        OpenRow(
            method=payment.method,
            state=payment.state,
            amount=payment.amount,
            voucher_no=str(payment.stan or ""),
            order_no=str(payment.facts.get("order_no", "")),
            masked_pan=str(payment.facts.get("masked_pan", "")),
            batch_no=str(payment.facts.get("batch_no", "")),
        )
        for payment in tx.open_payments()
    )


async def locked(shop: Shop) -> None:
    """The lock's screen until somebody presses a key; after ENTER, what a supervisor may do about it."""
    shop.lamp(Lamp.ALERT, True)
    shop.lamp(Lamp.ONLINE, False)
    shop.boxes.keys.renew()
    shop.show(screens.Locked(reason=await Commit(_reason)))
    key = await Wait(shop.boxes.keys)
    shop.sound(Tone.KEY)
    if key is not Key.ENTER:
        return
    if shop.activation is None:
        # Nothing was set up, so there is nothing to come back to, and perhaps nobody who could: the first run again.
        await Commit(lambda tx: tx.set_mode(Mode.BLANK, reason="never-set-up"))
        shop.mode = Mode.BLANK
    elif await supervisor_agrees(shop):
        await _way_back(shop)


def _reason(tx: Tx) -> str:
    return str(tx.mode_facts["reason"])


async def _way_back(shop: Shop) -> None:
    items = (*key_loading.offered(shop), "menu.add_operator", "menu.reprint")
    chosen = await choose(shop, len(items), lambda at: screens.Menu(title="menu.locked", items=items, selected=at))
    if chosen is None:
        return
    match items[chosen]:
        case "menu.add_operator":
            await add_operator(shop)
        case "menu.reprint":
            await reprint_last(shop)
        case way:
            await key_loading.load(shop, way)
