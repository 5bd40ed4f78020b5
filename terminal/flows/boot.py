"""From power on to the self-test's screen, and alarms for ever.

Whatever trades is imported while a person reads that screen: on a small board it takes seconds. An alarm that comes so
early waits for it, and is answered no later than if all had been imported first.
"""

from __future__ import annotations

from types import ModuleType

from drivers.ports import Lamp
from terminal.flows import checks
from terminal.flows.clock import hold_clock_floor
from terminal.loop import Offload, Sleep, Spawn, Wait
from terminal.screens import catalogue as screens
from terminal.shop import Shop, load_settings

BOOT_MS = 1_500  # Long enough to read a failed check, short enough not to be waited for.
IMPORT_DEADLINE_MS = 60_000  # A bad SD card stalls for seconds.


async def power_on(shop: Shop) -> None:
    """Run the terminal for ever."""
    shop.connect_devices()
    await shop.start_tasks()
    await Spawn(checks.daily(shop), "checks")
    trading = await Spawn(_start(shop), "trading")
    while True:
        alarm = await Wait(shop.boxes.alarms)
        trading.close()
        flows = await Offload("program", _import_flows, IMPORT_DEADLINE_MS)
        await flows.stop(shop, alarm)
        trading = await Spawn(flows.serve(shop), "trading")


async def _start(shop: Shop) -> None:
    await load_settings(shop)
    shop.lamp(Lamp.POWER, True)
    await hold_clock_floor(shop)
    shop.show(screens.Boot(version=shop.version, checks=await checks.check(shop)))
    flows = await Offload("program", _import_flows, IMPORT_DEADLINE_MS)
    await Sleep(BOOT_MS)
    await flows.begin(shop)


def _import_flows() -> ModuleType:
    from terminal.flows import power_on

    return power_on
