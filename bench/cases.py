"""What is measured, and against what. Each case gives rows; each row has a median, its noise, and a ratio.

Wall-clock times on a busy machine are noise upwards only, so a row says its least and most as well as its median.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.display import PANELS, DisplaySettings, OledDisplay
from sim.day import run_day
from sim.people import Intent, People
from sim.wire.i2c import Controller, FakeSMBus, Sh1107, Ssd1306
from sim.world import World
from terminal.model import Method, Money
from terminal.screens.catalogue import EnterAmount, Waiting
from terminal.screens.font import load_font
from terminal.screens.render import picture

ROOT = Path(__file__).parents[1]
CHILD_TIMEOUT_S = 60  # A start takes a second; a minute means that it hangs.
NOW_MS = 1_798_000_000_000
CONTROLLERS: dict[str, type[Controller]] = {"ssd1306": Ssd1306, "sh1107": Sh1107}
# What any terminal like ours must import before it can show, encrypt and remember anything.
PEER = "import luma.oled.device, cryptography.hazmat.primitives.ciphers, apsw"
PEER_NAME = "python importing luma.oled, ciphers, apsw"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `bound` is the peer's figure or the aim; `ratio` is value by bound, `aim` the ratio wanted.

    `less`: less is better, so the aim is met at a ratio of at most `aim`; else at least. No aim: only told.
    """

    name: str
    value: float
    least: float
    most: float
    unit: str
    peer: str
    bound: float
    less: bool = True
    aim: float | None = 1.0

    @property
    def ratio(self) -> float:
        return self.value / self.bound

    @property
    def met(self) -> bool | None:
        if self.aim is None:
            return None
        return self.ratio <= self.aim if self.less else self.ratio >= self.aim


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: `FULL` for people, a tiny one for the tests."""

    starts: int = 11
    rounds: int = 5
    exchanges: int = 2_000
    terminals: int = 10_000
    sales: int = 500


FULL = Size()
TINY = Size(starts=1, rounds=1, exchanges=10, terminals=20, sales=5)


def row(name: str, values: Sequence[float], unit: str, peer: str, bound: float, **how: bool | float | None) -> Row:
    middle = statistics.median(values)
    return Row(name, middle, min(values), max(values), unit, peer, bound, **how)  # type: ignore[arg-type]


# 1. The start


def _start(command: Sequence[str]) -> tuple[float, float]:
    """(milliseconds from fork to the child's first line, the KiB that the line says, as MB). Raises on a bad exit."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    ) as child:
        if child.stdout is None:
            raise RuntimeError("a child without a pipe")
        line = child.stdout.readline()
        took_ms = (time.perf_counter() - began) * 1000
        _, complaint = child.communicate(timeout=CHILD_TIMEOUT_S)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}: {complaint[-500:]}")
    return took_ms, int(line) * 1024 / 1_000_000


def first_screen(size: Size) -> list[Row]:
    """The real process, taken in turns with its peer, so that both meet the same noise."""
    peer_script = f"{PEER}\nprint(0, flush=True)"
    peer: list[tuple[float, float]] = []
    splash: list[tuple[float, float]] = []
    boot: list[tuple[float, float]] = []
    for _ in range(size.starts):
        peer.append(_start(("-c", peer_script)))
        for screen, seen in (("splash", splash), ("boot", boot)):
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o700)
                seen.append(_start(("-m", "bench.first_screen", folder, screen)))
    peer_ms = statistics.median(ms for ms, _ in peer)
    return [
        row("time to the first screen", [ms for ms, _ in splash], "ms", PEER_NAME, peer_ms, aim=1.5),
        row("memory at the first screen", [mb for _, mb in splash], "MB", "aim", 50),
        row("time to the self-test's screen", [ms for ms, _ in boot], "ms", PEER_NAME, peer_ms, aim=None),
        row("memory at the self-test's screen", [mb for _, mb in boot], "MB", "aim", 50),
    ]


# 2. A chip sale, and 5. a day


def chip_sale(size: Size) -> list[Row]:
    """CPU of whole sales in one world: keys, card, PIN, host, slips, journal in memory; no pixels, no waiting."""
    intent = Intent(amount_minor=12_850, method=Method.CARD, means="rich")
    per_sale: list[float] = []
    for seed in range(size.rounds):
        with World(seed) as world:
            per_sale.append(sales_cpu_ms(world, max(1, size.sales // size.rounds // 4), intent))
    return [row("CPU of a chip sale", per_sale, "ms", "aim of 400 sales/s", 2.5)]


def sales_cpu_ms(world: World, count: int, intent: Intent) -> float:
    """From the first amount keyed to the settlement's end; every sale is the same intent."""
    marks: list[float] = []
    people = People(
        world, 0, count, count, lambda sale: marks.append(time.process_time()), lambda seed, sale: intent
    )
    world.run(people.live())
    return (time.process_time() - marks[0]) * 1000 / count


def virtual_day(size: Size) -> list[Row]:
    """Sales a second of `sim day`, its start and its checkers included; the books are compared at the end."""
    rates: list[float] = []
    for seed in range(1, size.rounds + 1):
        began = time.perf_counter()
        report = run_day(seed, size.sales)
        rates.append(size.sales / (time.perf_counter() - began))
        if report.discrepancies:
            raise RuntimeError(f"seed {seed}: {report.discrepancies[0]}")
    return [row("virtual sales a second", rates, "1/s", "aim", 400, less=False)]


# 3. The display's bus


def changed_digit(size: Size) -> list[Row]:
    """Bytes on the wire, addressing and control bytes included, when one digit of a screen changes."""
    font = load_font()
    rows: list[Row] = []
    for controller in PANELS:
        for what in ("a countdown's digit", "an amount's large digit"):
            bus = FakeSMBus(CONTROLLERS[controller]())
            display = OledDisplay(DisplaySettings(controller=controller), bus=bus)
            sent: list[float] = []
            for digit in range(9, -1, -1):
                countdown = what.startswith("a countdown")
                screen = Waiting("sale", 50 + digit) if countdown else EnterAmount(Money(12850 + digit))
                bus.bytes_sent = 0
                display.show(picture(screen, "zh-CN", font))
                sent.append(bus.bytes_sent)
            aim = 1.0 if controller == "ssd1306" else None
            rows.append(row(f"{controller}: {what}", sent[1:], "bytes", "aim", 64, aim=aim))
    return rows


CASES: dict[str, Callable[[Size], list[Row]]] = {
    "first-screen": first_screen,
    "chip-sale": chip_sale,
    "changed-digit": changed_digit,
    "virtual-day": virtual_day,
}
