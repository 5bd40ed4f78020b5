"""What people wait for at a code: from the last key to the code on the glass, and from a scanned code to its result.

Each is the whole way, the host's answer included: the order is durable, asked for, answered, drawn, and sent over the
panel's bus, and a second program (zxing-cpp) reads the code out of the panel's memory. The last key is the one that
names the way to pay, for the amount's ENTER is answered by that question. Twice over:

**In a world** (sim.world) the time is virtual: what the customer waits, of which the machine's own work is no part. The
line takes `LATENCY_MS` each way and the host answers at once; a call is two legs for the connection, one for the
request, one for the answer. Beside it stands the CPU that terminal, host and panel need for it on this machine.

**In processes** it is the clock on the wall: the terminal is a process of its own with its real drivers, its journal
and keys on the disk, and the acquirer answers on a real socket in this one. A key counts from when the finger goes
down (the keypad wants 20 ms of it), a code from when the scanner has read it. The panel's bus takes no time in either;
on a Raspberry Pi a whole frame is 23 ms at 400 kHz.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.cases import Row, Size, row
from drivers.display import DisplaySettings, OledDisplay
from drivers.ports import Key, Picture
from sim.acquirer import Acquirer
from sim.certify.host import Host
from sim.certify.line import Line
from sim.certify.process import Counter as Process
from sim.panel.child import LAUNCHER
from sim.story import FIRST_RUN, KEY_MS, OPERATOR, Counter, act, play
from sim.twins.link import LATENCY_MS
from sim.wire.i2c import FakeSMBus, Ssd1306
from sim.world import World
from terminal.hostlink.profile import load_profile
from terminal.loop import Sleep
from terminal.loop.real import RealLoop
from terminal.model import Method

WAIT_MS = 2_000  # What was scanned is shown within this.
OWN_MS = 100  # The machine's part of it: what is further apart is two things to a person.
P99_OF = 100  # Of fewer the slowest is told.
WALLET, AMOUNT = "wechat", ["12850", "ENTER"]
SHOWN, SCANNED = (str(tuple(Method).index(method) + 1) for method in (Method.QR_SHOWN, Method.QR_SCANNED))
CODE, RESULT = "show_qr", "approved"
TITLES = ("the last key to the code on the glass", "a scanned code to its result on the glass")
BEGIN = f"{FIRST_RUN}{OPERATOR}idle:\n"
Times = tuple[float, ...]


class Watch:
    """When each screen was first lit since a person last did something, by several clocks at once (milliseconds)."""

    def __init__(self, clocks: Callable[[], Times]) -> None:
        self._clocks = clocks
        self._began: Times = ()
        self._lit: dict[str, Times] = {}

    def begin(self) -> None:
        self._lit.clear()
        self._began = self._clocks()

    def lit(self, name: str) -> None:
        self._lit.setdefault(name, self._clocks())

    def waited(self, name: str) -> Times:
        return tuple(then - began for began, then in zip(self._began, self._lit[name], strict=True))


async def _both(
    counter: Counter, watch: Watch, glass: Callable[[], tuple[bytes, int, int]], host: Acquirer
) -> tuple[Times, Times]:
    """An order that is shown and given up, then one that is scanned and paid: what each was waited for."""
    await act(counter, [*AMOUNT])
    await counter.eyes.see("choose_method")
    await Sleep(KEY_MS)
    watch.begin()
    counter.press(Key(SHOWN))
    await counter.eyes.see(CODE)
    shown = watch.waited(CODE)
    if counter.phone(WALLET).phone.look(*glass()) != host.book.qr_orders[-1].payload:
        raise RuntimeError("the code on the glass is not read as the order's")
    await act(counter, ["CANCEL"])
    await play(counter, "order_closed: ENTER\nidle:\n")
    await act(counter, [*AMOUNT])
    await play(counter, f"choose_method: {SCANNED}\nscan_code:\n")
    code = counter.phone(WALLET).show_code()
    await Sleep(KEY_MS)
    watch.begin()
    counter.scan(code)
    await counter.eyes.see(RESULT)
    scanned = watch.waited(RESULT)
    await counter.eyes.see("idle")
    return shown, scanned


def in_a_world(size: Size) -> list[Row]:
    """Virtual milliseconds, and the CPU's."""
    bus = FakeSMBus(Ssd1306())
    display = OledDisplay(DisplaySettings(controller="ssd1306"), bus=bus)
    rows: list[Row] = []
    with World() as world:
        watch = Watch(lambda: (float(world.loop.clock_ms()), time.process_time() * 1000))

        def show(picture: Picture) -> None:
            display.show(picture)
            watch.lit(picture.name)

        def glass() -> tuple[bytes, int, int]:
            return bus.pixels(), display.width, display.height

        world.on_show = show
        world.switch_on()
        world.until(play(world, BEGIN))
        times = [world.until(_both(world, watch, glass, world.acquirer)) for _ in range(max(1, size.sales * 2 // 5))]
    for title, waits in zip(TITLES, zip(*times, strict=True), strict=True):
        virtual, own = zip(*waits, strict=True)
        rows.append(row(f"{title}, virtual, line {LATENCY_MS} ms each way", virtual, "ms", "aim", WAIT_MS))
        rows += _with_the_slowest(f"{title}, CPU", own)
    return rows


class WatchedProcess(Process):
    """The terminal's process, whose screens are noted as they are told: after its panel has them."""

    def __init__(self, watch: Watch, *rest: Any) -> None:
        self._watch = watch
        super().__init__(*rest)

    def _said(self, message: dict[str, Any]) -> None:
        if message["is"] == "screen":
            self._watch.lit(str(message["name"]))
        super()._said(message)

    def glass(self) -> tuple[bytes, int, int]:
        return self._pixels


def in_processes(size: Size) -> list[Row]:
    """Milliseconds of the clock on the wall."""
    host = Host(profile=load_profile("unionpay"), draw=os.urandom)
    loop = RealLoop(lambda work: None)  # People have no journal.
    watch = Watch(lambda: (time.monotonic() * 1000,))
    times: list[tuple[Times, Times]] = []
    with tempfile.TemporaryDirectory() as folder, Line(host) as line:
        where = ("--data", f"{folder}/terminal", "--host", f"127.0.0.1:{line.port}", "--lang", "en")
        process = WatchedProcess(watch, loop, (*LAUNCHER, *where), Path(folder) / "log", host, line)

        async def people() -> None:
            await play(process, BEGIN)
            for _ in range(max(1, size.rounds * 4)):
                times.append(await _both(process, watch, process.glass, host))

        try:
            loop.run(people())
        finally:
            loop.close()
            process.close()
    rows: list[Row] = []
    for title, waits in zip(TITLES, zip(*times, strict=True), strict=True):
        rows += _with_the_slowest(f"{title}, in processes", [wait for (wait,) in waits])
    return rows


def _with_the_slowest(title: str, waits: Sequence[float]) -> list[Row]:
    count = len(waits)
    which = "p99" if count >= P99_OF else f"the slowest of {count}"
    slow = sorted(waits)[math.ceil(count * 0.99) - 1]
    return [row(title, waits, "ms", "aim", OWN_MS), row(f"{title}, {which}", [slow], "ms", "aim", OWN_MS)]
