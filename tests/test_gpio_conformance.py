"""The Keypad port (and its three neighbours): the driver over rpi-lgpio and pins, and the in-process twins.

The pins are under the real rpi-lgpio. A key is held until the scan has looked a few times; contacts bounce.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from drivers.gpio import Gpio, GpioBuzzer, GpioKeypad, GpioLamps, GpioTamperSwitch, Pins
from drivers.ports import Buzzer, DeviceError, Key, Keypad, Lamp, Lamps, TamperSwitch, Tone
from sim.twins.keypad import TwinBuzzer, TwinKeypad, TwinLamps, TwinTamperSwitch
from sim.wire.gpio import PinBoard, install_chip

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

WAIT_S = 5.0


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


@dataclass
class Rig:
    keypad: Keypad
    buzzer: Buzzer
    lamps: Lamps
    tamper: TamperSwitch
    tap: Callable[[Key], None]
    open_case: Callable[[], None]
    lit: Callable[[Lamp], bool]
    heard: Callable[[], int]


@dataclass
class Wired:
    board: PinBoard
    gpio: Gpio
    faults: list[DeviceError]


@pytest.fixture
def wired() -> Iterator[Wired]:
    board = PinBoard(Pins())
    install_chip(board.chip)
    gpio = Gpio(board.pins)
    yield Wired(board, gpio, [])
    gpio.close()
    assert board.chip.short_circuits == 0
    assert not board.chip.opened


@pytest.fixture(params=["pins", "twin"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "twin":
        keypad, buzzer, lamps, tamper = TwinKeypad(), TwinBuzzer(), TwinLamps(), TwinTamperSwitch()
        return Rig(
            keypad, buzzer, lamps, tamper, keypad.press, tamper.open_case,
            lambda lamp: lamp in lamps.lit, lambda: len(buzzer.tones),
        )  # fmt: skip
    wired: Wired = request.getfixturevalue("wired")
    gpio, board = wired.gpio, wired.board
    return Rig(
        GpioKeypad(gpio, wired.faults.append), GpioBuzzer(gpio), GpioLamps(gpio),
        GpioTamperSwitch(gpio, wired.faults.append), board.tap, board.open_case,
        board.lit, lambda: len(board.chip.tones),
    )  # fmt: skip


def test_each_press_arrives_once_and_in_order(rig: Rig) -> None:
    seen: queue.Queue[Key] = queue.Queue()
    rig.keypad.watch(seen.put)
    typed = list(Key)
    for key in typed:
        rig.tap(key)
    assert [seen.get(timeout=WAIT_S) for _ in typed] == typed
    pause(0.05)
    assert seen.empty()
    rig.keypad.close()


def test_the_same_digit_twice_is_two_presses(rig: Rig) -> None:
    seen: queue.Queue[Key] = queue.Queue()
    rig.keypad.watch(seen.put)
    for _ in range(3):
        rig.tap(Key.D0)
    assert [seen.get(timeout=WAIT_S) for _ in range(3)] == [Key.D0] * 3
    rig.keypad.close()


def test_lamps_light_and_go_out(rig: Rig) -> None:
    for lamp in Lamp:
        assert not rig.lit(lamp)
        rig.lamps.set(lamp, True)
        assert rig.lit(lamp)
        rig.lamps.set(lamp, False)
        assert not rig.lit(lamp)


def test_the_buzzer_is_heard(rig: Rig) -> None:
    rig.buzzer.sound(Tone.KEY)
    for _ in range(100):
        if rig.heard():
            return
        pause(0.02)
    pytest.fail("no tone")


def test_an_opened_case_is_reported_once(rig: Rig) -> None:
    seen: queue.Queue[str] = queue.Queue()
    rig.tamper.watch(lambda: seen.put("open"))
    rig.open_case()
    assert seen.get(timeout=WAIT_S) == "open"
    pause(0.1)
    assert seen.empty()


def test_a_case_that_was_open_at_the_start_is_reported(rig: Rig) -> None:
    seen: queue.Queue[str] = queue.Queue()
    rig.open_case()
    rig.tamper.watch(lambda: seen.put("open"))
    assert seen.get(timeout=WAIT_S) == "open"


# What only pins can do


def test_a_key_that_is_held_does_not_repeat(wired: Wired) -> None:
    seen: queue.Queue[Key] = queue.Queue()
    keypad = GpioKeypad(wired.gpio, wired.faults.append)
    keypad.watch(seen.put)
    wired.board.press(Key.D5)
    assert seen.get(timeout=WAIT_S) is Key.D5
    pause(0.3)
    assert seen.empty()


def test_every_key_has_the_same_tone(wired: Wired) -> None:
    buzzer = GpioBuzzer(wired.gpio)
    for _ in range(3):
        buzzer.sound(Tone.KEY)
        pause(0.1)
    buzzer.close()
    assert len({hertz for _, hertz in wired.board.chip.tones}) == 1


def test_three_keys_and_their_ghost_count_for_nothing(wired: Wired) -> None:
    seen: queue.Queue[Key] = queue.Queue()
    keypad = GpioKeypad(wired.gpio, wired.faults.append)
    for key in (Key.D1, Key.D2, Key.D4):
        wired.board.press(key, bounce=False)
    assert keypad.pressed() == {(0, 0), (0, 1), (1, 0), (1, 1)}  # The fourth is the ghost, D5.
    keypad.watch(seen.put)
    pause(0.1)
    for key in (Key.D1, Key.D2):  # D4 stays alone, and was not pressed alone.
        wired.board.release(key)
    pause(0.1)
    wired.board.release(Key.D4)
    pause(0.1)
    assert seen.empty()
    wired.board.tap(Key.D9)
    assert seen.get(timeout=WAIT_S) is Key.D9


def test_a_second_key_while_one_is_down_is_refused_and_the_first_stays(wired: Wired) -> None:
    seen: queue.Queue[Key] = queue.Queue()
    GpioKeypad(wired.gpio, wired.faults.append).watch(seen.put)
    wired.board.press(Key.D1)
    assert seen.get(timeout=WAIT_S) is Key.D1
    wired.board.tap(Key.D2)
    pause(0.1)
    wired.board.release(Key.D1)
    pause(0.1)
    assert seen.empty()


def test_pins_that_fail_are_a_fault_that_says_what_to_do(wired: Wired) -> None:
    told: queue.Queue[DeviceError] = queue.Queue()
    GpioKeypad(wired.gpio, told.put).watch(lambda key: None)
    wired.board.chip.broken = True
    fault = told.get(timeout=WAIT_S)
    assert fault.device == "keypad" and "restart" in str(fault)
    wired.board.chip.broken = False
