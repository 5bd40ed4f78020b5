"""The display on its wire: what travels, what wrong bytes look like, and what a person is told when it fails."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.display import DisplaySettings, OledDisplay, changed_windows, to_pages
from drivers.ports import DeviceError
from sim.twins.display import TwinDisplay
from sim.wire.i2c import Controller, FakeSMBus, Refused, Sh1107, Ssd1306
from terminal.model import Money
from terminal.screens.catalogue import EnterAmount, EnterPin, RemoveCard, Waiting
from terminal.screens.font import load_font
from terminal.screens.render import ScreenPicture, picture

FONT = load_font()
PANELS: dict[str, type[Controller]] = {"ssd1306": Ssd1306, "sh1107": Sh1107}
DIGIT_AIM_BYTES = 64


def _pair(controller: str, rotate: int = 0) -> tuple[OledDisplay, FakeSMBus]:
    bus = FakeSMBus(PANELS[controller]())
    return OledDisplay(DisplaySettings(controller=controller, rotate=rotate), bus=bus), bus


def _waiting(seconds: int) -> ScreenPicture:
    return picture(Waiting("sale", seconds), "zh-CN", FONT)


@pytest.mark.parametrize("controller", PANELS)
def test_a_changed_digit_of_a_countdown_takes_few_bytes(controller: str) -> None:
    display, bus = _pair(controller)
    for seconds in range(59, 49, -1):
        display.show(_waiting(seconds))
        before, bus.bytes_sent = bus.bytes_sent, 0
        assert seconds == 59 or before <= DIGIT_AIM_BYTES
    bus.bytes_sent = 0
    display.show(_waiting(50))
    assert bus.bytes_sent == 0


def test_a_changed_large_digit_takes_few_bytes() -> None:
    display, bus = _pair("ssd1306")
    for last in (0, 1, 4, 8, 3, 7):
        bus.bytes_sent = 0
        display.show(picture(EnterAmount(Money(12850 + last)), "zh-CN", FONT))
        assert last == 0 or 0 < bus.bytes_sent <= DIGIT_AIM_BYTES


def test_a_whole_screen_costs_no_more_than_lumas_own_frame() -> None:
    display, bus = _pair("ssd1306")
    display.show(_waiting(9))
    bus.bytes_sent = 0
    display.show(picture(EnterPin(Money(12850), 4, 30, None, wrong=False), "zh-CN", FONT))
    assert bus.bytes_sent < 1034


@st.composite
def _two_memories(draw: st.DrawFn) -> tuple[bytes, bytes]:
    old = draw(st.binary(min_size=64, max_size=64))
    new = bytearray(old)
    for at in draw(st.lists(st.integers(0, 63), max_size=20)):
        new[at] ^= draw(st.integers(1, 255))
    return old, bytes(new)


@given(memories=_two_memories(), cost=st.integers(0, 20), tall=st.booleans())
def test_windows_turn_the_old_picture_into_the_new_one(memories: tuple[bytes, bytes], cost: int, tall: bool) -> None:
    old, new = memories
    width = 16
    held = bytearray(old)
    windows = changed_windows(old, new, width, cost, tall=tall)
    for window in windows:
        assert tall or window.top == window.bottom
        for page in range(window.top, window.bottom + 1):
            for column in range(window.first, window.last + 1):
                held[page * width + column] = new[page * width + column]
    assert bytes(held) == new
    assert old != new or windows == []


@given(pixels=st.binary(min_size=128, max_size=128), rotate=st.sampled_from([0, 90, 180, 270]))
def test_pages_hold_every_pixel_where_it_belongs(pixels: bytes, rotate: int) -> None:
    side = 32
    pages = to_pages(pixels, side, side, rotate)

    def pixel(x: int, y: int) -> int:
        return pixels[y * 4 + x // 8] >> 7 - x % 8 & 1

    turned = {
        0: pixel,
        90: lambda x, y: pixel(y, side - 1 - x),  # Clockwise: the first column is the last row.
        180: lambda x, y: pixel(side - 1 - x, side - 1 - y),
        270: lambda x, y: pixel(side - 1 - y, x),
    }[rotate]
    for y in range(side):
        for x in range(side):
            assert pages[y // 8 * side + x] >> y % 8 & 1 == turned(x, y)


@pytest.mark.parametrize("controller", PANELS)
def test_a_panel_built_in_upside_down_is_turned(controller: str) -> None:
    display, bus = _pair(controller, rotate=180)
    drawn = picture(RemoveCard(), "zh-CN", FONT)
    display.show(drawn)
    upright = int.from_bytes(drawn.pixels(display.width, display.height), "big")
    bits = display.width * display.height
    seen = f"{int.from_bytes(bus.pixels(), 'big'):0{bits}b}"
    assert seen == f"{upright:0{bits}b}"[::-1]


def test_settings_that_no_panel_has_are_refused() -> None:
    with pytest.raises(DeviceError, match="does not turn"):
        OledDisplay(DisplaySettings(rotate=90))
    with pytest.raises(DeviceError, match="no such controller"):
        OledDisplay(DisplaySettings(controller="ssd9999"))


# What wrong bytes look like on the glass


def _drawn() -> tuple[Ssd1306, bytes]:
    display, bus = _pair("ssd1306")
    shown = picture(RemoveCard(), "zh-CN", FONT)
    display.show(shown)
    panel = bus.panel
    assert isinstance(panel, Ssd1306)
    return panel, shown.pixels(128, 64)


@pytest.mark.parametrize(
    "wrong",
    [(0xC0,), (0xA7,), (0xD3, 8), (0x48,), (0xDA, 0x02), (0xA8, 31), (0xA5,), (0xAE,), (0x8D, 0x10)],
    ids=["scan", "inverted", "offset", "start-line", "com-pins", "multiplex", "all-lit", "off", "no-pump"],
)
def test_wrong_initialisation_shows_as_a_wrong_picture(wrong: tuple[int, ...]) -> None:
    panel, right = _drawn()
    assert panel.pixels() == right
    panel.command(wrong)
    assert panel.pixels() != right


def test_remap_acts_on_what_is_written_after_it() -> None:
    panel, right = _drawn()
    panel.command((0xA0,))
    assert panel.pixels() == right
    panel.command((0x20, 0, 0x21, 0, 127, 0x22, 0, 7))
    panel.data([0xFF] + [0] * 1023)
    assert [row[-1] & 1 for row in (panel.pixels()[at : at + 16] for at in range(0, 128, 16))] == [1] * 8


def test_what_was_never_written_shows_as_garbage() -> None:
    panel = Ssd1306()
    panel.command((0xA1, 0xC8, 0x8D, 0x14, 0xAF))
    assert len(set(panel.pixels())) > 20


@pytest.mark.parametrize("controller", PANELS)
def test_unknown_commands_are_refused(controller: str) -> None:
    panel = PANELS[controller]()
    for stream in ((0xFF,), (0x81,), (0xAF, 0xF0)):
        with pytest.raises(Refused):
            panel.command(stream)
    bus = FakeSMBus(panel)
    with pytest.raises(Refused, match="control byte"):
        bus.write_i2c_block_data(0x3C, 0x80, [0xAE])
    with pytest.raises(OSError, match="too long"):
        bus.write_i2c_block_data(0x3C, 0x40, [0] * 33)


def test_windows_and_modes_move_the_pointer_as_the_sheet_says() -> None:
    panel = Ssd1306()
    for mode, expected in (
        (0, [(5, 2), (6, 2), (5, 3), (6, 3), (5, 2)]),
        (1, [(5, 2), (5, 3), (6, 2), (6, 3), (5, 2)]),
    ):
        panel.command((0x20, mode, 0x21, 5, 6, 0x22, 2, 3))
        seen = []
        for value in range(5):
            seen.append((panel.column, panel.page))
            panel.data([value])
        assert seen == expected
    panel.command((0x20, 2, 0x0F, 0x17, 0xB4))
    panel.data([1, 2])
    assert (panel.column, panel.page) == (1, 4)
    for wrong in ((0x21, 9, 5), (0x22, 0, 8), (0x20, 3)):
        with pytest.raises(Refused):
            panel.command(wrong)


@settings(max_examples=200)
@given(controller=st.sampled_from(sorted(PANELS)), stream=st.binary(max_size=40))
def test_garbage_raises_refused_and_nothing_else(controller: str, stream: bytes) -> None:
    panel = PANELS[controller]()
    try:
        panel.command(stream)
        panel.data(stream)
    except Refused:
        return
    assert len(panel.pixels()) == panel.columns * panel.pages


# What a person is told


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EREMOTEIO, "nothing answers at 0x3C on /dev/i2c-1: check power"),
        (errno.EIO, "i2cdetect -y 1"),
        (errno.ETIMEDOUT, "is stuck"),
        (errno.EACCES, "group i2c"),
        (errno.EINVAL, "injected"),
    ],
)
def test_a_fault_says_what_to_do(number: int, advice: str) -> None:
    display, bus = _pair("ssd1306")
    display.show(_waiting(9))
    bus.break_off(number)
    with pytest.raises(DeviceError, match=advice):
        display.show(_waiting(8))


def test_a_wrong_address_says_which_one_was_tried() -> None:
    display = OledDisplay(DisplaySettings(address=0x3D), bus=FakeSMBus(Ssd1306()))
    with pytest.raises(DeviceError, match="nothing answers at 0x3D"):
        display.show(_waiting(9))


def test_a_machine_without_that_bus_is_told_to_switch_it_on() -> None:
    display = OledDisplay(DisplaySettings(port=199))
    with pytest.raises(DeviceError, match="there is no /dev/i2c-199: switch I²C on"):
        display.show(_waiting(9))


def test_contrast_is_set_when_given() -> None:
    bus = FakeSMBus(Ssd1306())
    OledDisplay(DisplaySettings(contrast=0x20), bus=bus).show(_waiting(9))
    assert bus.panel.contrast == 0x20


def test_the_twin_draws_only_when_somebody_looks() -> None:
    class Counting:
        name = "counting"
        asked = 0

        def text(self) -> tuple[str, ...]:
            return ("counted",)

        def pixels(self, width: int, height: int) -> bytes:
            self.asked += 1
            return bytes(width * height // 8)

    shown: list[str] = []
    twin = TwinDisplay(on_show=lambda drawn: shown.append(drawn.name))
    counting = Counting()
    for _ in range(3):
        twin.show(counting)
    assert (counting.asked, twin.shown_count, list(twin.names), shown) == (0, 3, ["counting"] * 3, ["counting"] * 3)
    assert twin.pixels() == bytes(1024)
    assert (counting.asked, twin.text()) == (1, ("counted",))
