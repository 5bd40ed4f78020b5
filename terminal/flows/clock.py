"""The clock: a Pi has none that survives a power cut, so its word is checked against what cannot have been earlier.

The floor is the later of the build date and the time that the last start believed, or a person has set since. A system
clock below it is held at the floor until the host's sign-in, a network or a person says better. A TLS certificate's
date is judged by the system clock; a person may set that here, where the process is allowed to (CAP_SYS_TIME).
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from drivers.ports import Key
from terminal.dialogue import acknowledge, type_text
from terminal.loop import Commit, Now, Offload
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import Tx

CLOCK_DEADLINE_MS = 5_000
TYPED_DIGITS = 12  # YYYYMMDDhhmm


async def hold_clock_floor(shop: Shop) -> None:
    """Never show or send a time before the floor; ask a person when the clock was below it."""
    now_ms = await wall_ms()
    floor_ms = max(shop.built_ms, await Commit(lambda tx: tx.get("clock_seen_ms", 0)))
    if now_ms + shop.clock_offset_ms >= floor_ms:
        seen_ms = now_ms + shop.clock_offset_ms
        await Commit(lambda tx: tx.set("clock_seen_ms", seen_ms))
        return
    shop.clock_offset_ms = floor_ms - now_ms
    shown = f"{shop.local_time(now_ms):%Y-%m-%d %H:%M}"
    if await acknowledge(shop, screens.CheckClock(shown=shown), shop.config.timeouts.key_ms) is not Key.ENTER:
        await set_clock(shop)


async def set_clock(shop: Shop) -> bool:
    """A person types the local date and time; False when cancelled."""
    now = shop.local_time((await Now()).wall_ms)
    typed = await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field="clock", value=value, hint=problem or "clock"),
        initial=f"{now:%Y%m%d%H%M}",
        limit=TYPED_DIGITS,
        check=lambda value: "" if _moment(shop, value, now.tzinfo) else "clock_wrong",
    )
    told = _moment(shop, typed, now.tzinfo) if typed else None
    if told is None:
        return False
    told_ms = int(told.timestamp() * 1000)
    if await Offload("clock", lambda: shop.set_system_clock(told_ms), CLOCK_DEADLINE_MS):
        offset_ms = 0
    else:
        offset_ms = told_ms - await wall_ms()

    def keep(tx: Tx) -> None:
        tx.set("clock_offset_ms", offset_ms)
        tx.set("clock_seen_ms", told_ms)

    await Commit(keep)
    shop.clock_offset_ms = offset_ms
    return True


def _moment(shop: Shop, typed: str, zone: datetime.tzinfo | None) -> datetime.datetime | None:
    """What was typed, if it is a time not before the build."""
    try:
        told = datetime.datetime.strptime(typed, "%Y%m%d%H%M").replace(tzinfo=zone)
    except ValueError:
        return None
    return told if told.timestamp() * 1000 >= shop.built_ms else None
