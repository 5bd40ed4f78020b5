"""One suite for the Display port: the real driver (real luma, fake bus) for both panels, and the in-process twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from drivers.display import DisplaySettings, OledDisplay
from drivers.ports import DeviceError, Display
from sim.twins.display import TwinDisplay
from sim.wire.i2c import FakeSMBus, Sh1107, Ssd1306
from terminal.model import Money
from terminal.screens.catalogue import EnterAmount, RemoveCard, ShowQr
from terminal.screens.catalogue.samples import EXAMPLES
from terminal.screens.font import load_font
from terminal.screens.render import picture

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

FONT = load_font()


@dataclass
class Bench:
    """A display, what a person sees on its glass, and ways to break and mend it."""

    display: Display
    glass: Callable[[], bytes]
    break_off: Callable[[], None]
    mend: Callable[[], None]


def _wired(controller: str, panel: Ssd1306 | Sh1107) -> Bench:
    bus = FakeSMBus(panel)
    display = OledDisplay(DisplaySettings(controller=controller), bus=bus)

    def break_off() -> None:
        bus.break_off(121)  # EREMOTEIO: no acknowledge.
        bus.swap_panel(type(panel)())  # What it held is gone, too.

    return Bench(display, bus.pixels, break_off, lambda: bus.break_off(None))


def _twin(height: int) -> Bench:
    twin = TwinDisplay(128, height)
    return Bench(twin, twin.pixels, lambda: twin.break_off("gone"), lambda: twin.break_off(""))


BENCHES: dict[str, Callable[[], Bench]] = {
    "ssd1306 on the bus": lambda: _wired("ssd1306", Ssd1306()),
    "sh1107 on the bus": lambda: _wired("sh1107", Sh1107()),
    "twin 128x64": lambda: _twin(64),
    "twin 128x128": lambda: _twin(128),
}


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest) -> Bench:
    return BENCHES[request.param]()


def _seen(bench: Bench) -> bool:
    return any(bench.glass())


def test_the_glass_shows_the_picture_whatever_stood_there_before(bench: Bench) -> None:
    display = bench.display
    for screen in (*EXAMPLES[:40:3], ShowQr(Money(1), "https://pay.example/1", 9), *EXAMPLES[40::5]):
        for language in ("zh-CN", "en"):
            drawn = picture(screen, language, FONT)
            display.show(drawn)
            assert bench.glass() == drawn.pixels(display.width, display.height), screen


def test_the_same_picture_twice_changes_nothing(bench: Bench) -> None:
    drawn = picture(RemoveCard(), "zh-CN", FONT)
    bench.display.show(drawn)
    bench.display.show(drawn)
    assert bench.glass() == drawn.pixels(bench.display.width, bench.display.height)


def test_the_size_is_the_panels(bench: Bench) -> None:
    assert (bench.display.width, bench.display.height) in ((128, 64), (128, 128))


def test_a_fault_is_a_device_error_and_the_next_call_draws_all_of_it(bench: Bench) -> None:
    display = bench.display
    display.show(picture(EnterAmount(Money(5)), "en", FONT))
    bench.break_off()
    wanted = picture(EnterAmount(Money(50)), "en", FONT)
    with pytest.raises(DeviceError) as caught:
        display.show(wanted)
    assert caught.value.device == "display"
    bench.mend()
    display.show(wanted)
    assert bench.glass() == wanted.pixels(display.width, display.height)


def test_closed_is_dark_and_closing_twice_is_no_fault(bench: Bench) -> None:
    bench.display.show(picture(RemoveCard(), "en", FONT))
    assert _seen(bench)
    bench.display.close()
    bench.display.close()
    assert not _seen(bench)
