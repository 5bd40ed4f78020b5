"""The scanner is lit until it has read what is wanted, with a time and a way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from drivers.ports import DeviceError, Key, Tone
from terminal.dialogue import acknowledge
from terminal.loop import CallOverdue, Now, Offload, Race, Sleep, Wait
from terminal.screens import catalogue as screens
from terminal.shop import Shop

SCAN_SECONDS = 60
SCANNER_DEADLINE_MS = 2_000
TICK_MS = 1_000
T = TypeVar("T")


async def scan(
    shop: Shop,
    screen: Callable[[int], screens.Screen],
    read: Callable[[bytes], T | None],
    wrong: Callable[[bytes], screens.Screen],
) -> T | None:
    """What `read` makes of the first reading that is wanted; None when cancelled or nobody showed one.

    `screen(seconds_left)` stands meanwhile; `wrong` says what another reading is.
    """
    shop.boxes.scans.renew()
    shop.boxes.keys.renew()
    if not await _trigger(shop, True):
        await acknowledge(shop, screens.Refused(reason="no_scanner"))
        return None
    started_ms = (await Now()).mono_ms
    found: T | None = None
    while found is None:
        left = SCAN_SECONDS - ((await Now()).mono_ms - started_ms) // 1000
        if left <= 0:
            break
        shop.show(screen(left))
        won, value = await Race(Wait(shop.boxes.scans), Wait(shop.boxes.keys), Sleep(TICK_MS))
        if won == 1:
            shop.sound(Tone.KEY)
            if value is Key.CANCEL:
                break
        elif won == 0:
            found = read(value)
            if found is None:
                shop.sound(Tone.FAILURE)
                if await acknowledge(shop, wrong(value)) is Key.CANCEL:
                    break
                await _trigger(shop, True)
    await _trigger(shop, False)
    return found


async def _trigger(shop: Shop, on: bool) -> bool:
    try:
        await Offload("scanner", lambda: shop.devices.scanner.trigger(on), SCANNER_DEADLINE_MS)
        return True
    except (DeviceError, CallOverdue):
        return False
