"""Self-test and installed files: at each start, and once a day while nobody is being served.

A cryptography that gives wrong answers stops trading and leaves the keys alone; a file that is not what was signed is
somebody at work, and the keys die as they do when the case is opened. Both are alarms (`Shop.boxes.alarms`) and
`power_on` acts on them.

The day's check waits for a sale that spans its time. The files are read in slices on a thread of their own, and
between two slices everybody else has their turn.

Spec: PCI PTS POI v7 requirement B1 (self-tests at start and at least once a day).
"""

from __future__ import annotations

from drivers.ports import Tone
from terminal.loop import Now, Offload, Sleep
from terminal.shop import Alarm, Shop, wall_ms

DAY_MS = 24 * 3_600_000
LOOK_MS = 60_000  # How often the clock is looked at: it may be set, so nobody sleeps until tomorrow.
CALM_MS = 1_000  # How often it is asked whether the sale is over.
SELF_TEST_DEADLINE_MS = 30_000
SLICE_DEADLINE_MS = 30_000  # A quarter of a megabyte; a bad SD card stalls for seconds.
CRITICAL = "keys"  # The check whose failure stops trading; a device that fails says so itself when it is used.

Rows = tuple[tuple[str, bool], ...]


async def check(shop: Shop) -> Rows:
    """Everything once: the rows for the boot screen. What fails is an alarm by then."""
    rows = await Offload("keys", shop.self_tests, SELF_TEST_DEADLINE_MS)
    if not dict(rows)[CRITICAL]:
        shop.loop.post(shop.boxes.alarms, Alarm.SELF_TEST)
    if shop.file_check is None:
        return (*rows, ("unsealed", False))
    files = shop.file_check()
    while not await Offload("files", files.step, SLICE_DEADLINE_MS):
        await _calm(shop)
    if files.problem:
        shop.sound(Tone.ATTENTION)
        shop.loop.post(shop.boxes.alarms, Alarm.FILES)
    return (*rows, ("files", not files.problem))


async def daily(shop: Shop) -> None:
    """For ever: the check of each day at its time, or as soon after it as nobody is being served."""
    done = await _day(shop)
    done_ms = (await Now()).mono_ms
    while True:
        await Sleep(LOOK_MS)
        day = await _day(shop)
        # A clock that was set back must not skip a day: the monotonic one knows better.
        if day != done or (await Now()).mono_ms - done_ms >= DAY_MS:
            await _calm(shop)
            await check(shop)
            done, done_ms = day, (await Now()).mono_ms


async def _calm(shop: Shop) -> None:
    while shop.busy:
        await Sleep(CALM_MS)


async def _day(shop: Shop) -> int:
    """Which day it is, when days begin at the configured time."""
    now = shop.local_time(await wall_ms())
    hour, minute = shop.config.checks.daily.split(":")
    before = (now.hour, now.minute) < (int(hour), int(minute))
    return now.toordinal() - before
