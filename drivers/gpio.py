"""Keypad, buzzer, lamps and tamper switch on the Raspberry Pi's pins. The only file that imports RPi.GPIO.

Which RPi.GPIO: rpi-lgpio, which owns the same import name and works on the Pi 5 and on kernels from 6.6, where the
old RPi.GPIO's edge detection fails. Never install both.

The matrix, in theory: 16 keys on 4 rows and 4 columns. Columns are inputs, pulled up; a key ties its row to its
column. At rest all rows are low, and no column low means that no key is pressed (4 reads). Else the rows float
and one after the other is pulled low: its low columns are its keys. They float, because one row driven high
against another driven low, through two keys of one column, is a short circuit. No settling time is needed: the
pull-up's 5 us are less than one call to the kernel.

Without diodes three pressed keys show a fourth that nobody pressed (ghosting). So a scan with more than one key
counts for nothing: the first key stays the one that is down, and the next press counts after all are let go.

Contacts bounce for 1 to 5 ms, rpi-lgpio's own debouncing differs from the old one's, and edge callbacks swallow
exceptions: so no edges are used. A thread scans each 5 ms, and a key is down (or up) when 4 scans in a row say so.

Support:
    Function           | supported | remark
    4x4 matrix         | yes       | 20 ms from press to report; no auto-repeat
    buzzer             | yes       | passive (PWM) or active (on and off)
    lamps              | yes       | 4 LEDs, active high or low
    tamper switch      | yes       | opens when the case does (normally closed to ground); seen while powered
    backlight, cash drawer | no    |
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drivers.ports import DeviceError, Key, Lamp, Tone

SCAN_MS = 5
STEADY_SCANS = 4  # 20 ms: longer than any decent contact bounces, shorter than any press.
TAMPER_STEADY_SCANS = 10  # 50 ms: a knock on the case is no opening.
JOIN_S = 2  # The scan thread ends within one scan; two seconds means that the pins hang.

LAYOUT = (
    (Key.D1, Key.D2, Key.D3, Key.CANCEL),
    (Key.D4, Key.D5, Key.D6, Key.CLEAR),
    (Key.D7, Key.D8, Key.D9, Key.UP),
    (Key.DOUBLE_ZERO, Key.D0, Key.DOWN, Key.ENTER),
)

# What the buzzer plays: (hertz, milliseconds) and pauses as 0 Hz. One sound for every key.
MELODIES: Mapping[Tone, tuple[tuple[int, int], ...]] = {
    Tone.KEY: ((2700, 40),),
    Tone.SUCCESS: ((2000, 120), (2700, 200)),
    Tone.FAILURE: ((800, 250), (0, 80), (800, 250)),
    Tone.ATTENTION: ((2700, 100), (0, 100), (2700, 100), (0, 100), (2700, 100)),
}
TONES_WAITING = 4  # A person typing faster than the buzzer hears the newest tones.


@dataclass(frozen=True, slots=True)
class Pins:
    """BCM numbers. `tamper` and `buzzer` None: not fitted."""

    rows: tuple[int, ...] = (5, 6, 13, 19)
    columns: tuple[int, ...] = (12, 16, 20, 21)
    buzzer: int | None = 18
    buzzer_is_active: bool = False  # An active buzzer sounds by itself when it is given current.
    lamps: Mapping[Lamp, int] = field(
        default_factory=lambda: {Lamp.POWER: 22, Lamp.ONLINE: 23, Lamp.CARD: 24, Lamp.ALERT: 25}
    )
    lamps_active_low: bool = False
    tamper: int | None = 26


class Debounce:
    """The key that is down, out of scans. Pure.

    `scan` takes the pressed positions of one pass and gives the position newly pressed, or None.
    """

    def __init__(self) -> None:
        self._candidate: tuple[int, int] | None = None
        self._seen = 0
        self._down: tuple[int, int] | None = None
        self._wait_for_none = False

    def scan(self, pressed: frozenset[tuple[int, int]]) -> tuple[int, int] | None:
        if len(pressed) > 1:
            # Two keys, or more and their ghosts: none of them can be told apart.
            self._candidate, self._seen = None, 0
            self._wait_for_none = True
            return None
        now = next(iter(pressed), None)
        if now != self._candidate:
            self._candidate, self._seen = now, 0
        self._seen += 1
        if self._seen < STEADY_SCANS or now == self._down:
            if now is None and self._seen >= STEADY_SCANS:
                self._wait_for_none = False
            return None
        if now is None:
            self._down, self._wait_for_none = None, False
            return None
        if self._down is not None or self._wait_for_none:
            return None  # Rolled from one key to the next without letting go: the first one stays.
        self._down = now
        return now


class Gpio:
    """The pins, opened once and shared by the four devices below. Raises DeviceError."""

    def __init__(self, pins: Pins) -> None:
        self.pins = pins
        # lgpio keeps a pipe (.lgd-nfy0) in the working directory unless it is told another one.
        os.environ.setdefault("LG_WD", tempfile.gettempdir())
        try:
            from RPi import GPIO
        except (ImportError, RuntimeError) as error:
            raise DeviceError("gpio", "no GPIO here; on a Raspberry Pi install the extra [pi]") from error
        self.gpio: Any = GPIO
        # lgpio's own error comes through rpi-lgpio unchanged, and is no RuntimeError.
        self.faults: tuple[type[Exception], ...] = (RuntimeError, OSError, GPIO.lgpio.error)
        self.lock = threading.Lock()  # rpi-lgpio keeps its handle in module state.
        self._closing: list[Callable[[], None]] = []
        try:
            GPIO.setwarnings(False)
            GPIO.setmode(GPIO.BCM)
        except (ValueError, *self.faults) as error:
            what = f"the pins cannot be opened ({error}); is another program using them?"
            raise DeviceError("gpio", what) from error

    def setup_output(self, pin: int, high: bool) -> None:
        with self.lock:
            self.gpio.setup(pin, self.gpio.OUT, initial=high)

    def setup_input(self, pin: int, pull_up: bool) -> None:
        with self.lock:
            pull = self.gpio.PUD_UP if pull_up else self.gpio.PUD_OFF
            self.gpio.setup(pin, self.gpio.IN, pull_up_down=pull)

    def write(self, pin: int, high: bool) -> None:
        """Raises DeviceError."""
        try:
            with self.lock:
                self.gpio.output(pin, high)
        except self.faults as error:
            raise DeviceError("gpio", f"pin {pin} does not answer ({error}); restart") from error

    def is_low(self, pin: int) -> bool:
        with self.lock:
            return not self.gpio.input(pin)

    def at_close(self, stop: Callable[[], None]) -> None:
        self._closing.append(stop)

    def close(self) -> None:
        """Stop the threads and give the pins back as inputs."""
        while self._closing:
            self._closing.pop()()
        with self.lock:
            self.gpio.cleanup()


class _Poll:
    """A thread that calls `scan` every SCAN_MS until it is stopped. A fault ends it and goes to `on_fault`."""

    def __init__(
        self, gpio: Gpio, scan: Callable[[], None], name: str, on_fault: Callable[[DeviceError], None]
    ) -> None:
        self._faults = gpio.faults
        self._scan = scan
        self._name = name
        self._on_fault = on_fault
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"device-{name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._stop.wait(SCAN_MS / 1000):
            try:
                self._scan()
            except self._faults as error:
                self._on_fault(DeviceError(self._name, f"its pins do not answer ({error}); restart"))
                return


class GpioKeypad:
    """The Keypad port. `on_key` is called from the scan thread."""

    def __init__(self, gpio: Gpio, on_fault: Callable[[DeviceError], None]) -> None:
        self._gpio = gpio
        self._on_fault = on_fault
        self._poll: _Poll | None = None
        self._debounce = Debounce()
        for column in gpio.pins.columns:
            gpio.setup_input(column, pull_up=True)
        for row in gpio.pins.rows:
            gpio.setup_output(row, high=False)

    def watch(self, on_key: Callable[[Key], None]) -> None:
        """Report each key press once, debounced. Called once."""
        if self._poll is not None:
            raise ValueError("the keypad is watched already")

        def scan() -> None:
            found = self._debounce.scan(self.pressed())
            if found is not None:
                on_key(LAYOUT[found[0]][found[1]])

        self._poll = _Poll(self._gpio, scan, "keypad", self._on_fault)
        self._gpio.at_close(self.close)

    def pressed(self) -> frozenset[tuple[int, int]]:
        """The (row, column) positions that show as pressed right now, ghosts included."""
        pins = self._gpio.pins
        if not any(self._gpio.is_low(column) for column in pins.columns):
            return frozenset()
        found: set[tuple[int, int]] = set()
        for row in pins.rows:
            self._gpio.setup_input(row, pull_up=False)
        for number, row in enumerate(pins.rows):
            self._gpio.setup_output(row, high=False)
            found.update((number, c) for c, column in enumerate(pins.columns) if self._gpio.is_low(column))
            self._gpio.setup_input(row, pull_up=False)
        for row in pins.rows:
            self._gpio.setup_output(row, high=False)
        return frozenset(found)

    def close(self) -> None:
        if self._poll is not None:
            self._poll.stop()


class GpioBuzzer:
    """The Buzzer port: tones are played by a thread of its own, so that a key never waits for its sound."""

    def __init__(self, gpio: Gpio) -> None:
        self._gpio = gpio
        self._pin = gpio.pins.buzzer
        self._waiting: deque[Tone] = deque(maxlen=TONES_WAITING)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._pwm: Any = None
        if self._pin is None:
            return
        gpio.setup_output(self._pin, high=False)
        if not gpio.pins.buzzer_is_active:
            with gpio.lock:
                self._pwm = gpio.gpio.PWM(self._pin, MELODIES[Tone.KEY][0][0])
        self._thread = threading.Thread(target=self._run, name="device-buzzer", daemon=True)
        self._thread.start()
        gpio.at_close(self.close)

    def sound(self, tone: Tone) -> None:
        if self._pin is not None:
            self._waiting.append(tone)
            self._wake.set()

    def close(self) -> None:
        if self._pin is None or self._stop.is_set():
            return
        self._stop.set()
        self._wake.set()
        self._thread.join(JOIN_S)
        with self._gpio.lock:
            self._pwm = None  # It stops the tone when it goes, and must go before the pins are given back.

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._waiting and not self._stop.is_set():
                for hertz, length_ms in MELODIES[self._waiting.popleft()]:
                    self._play(hertz)
                    self._stop.wait(length_ms / 1000)
                    self._play(0)
            if self._stop.is_set():
                return

    def _play(self, hertz: int) -> None:
        with self._gpio.lock:
            if self._pwm is None:
                self._gpio.gpio.output(self._pin, bool(hertz))
            elif hertz:
                self._pwm.ChangeFrequency(hertz)
                self._pwm.start(50)  # Per cent of the time on: the loudest.
            else:
                self._pwm.stop()


class GpioLamps:
    """The Lamps port."""

    def __init__(self, gpio: Gpio) -> None:
        self._gpio = gpio
        for pin in gpio.pins.lamps.values():
            gpio.setup_output(pin, high=gpio.pins.lamps_active_low)

    def set(self, lamp: Lamp, lit: bool) -> None:
        pin = self._gpio.pins.lamps.get(lamp)
        if pin is not None:
            self._gpio.write(pin, lit != self._gpio.pins.lamps_active_low)


class GpioTamperSwitch:
    """The TamperSwitch port: closed to ground while the case is shut, so that a cut wire counts as open."""

    def __init__(self, gpio: Gpio, on_fault: Callable[[DeviceError], None]) -> None:
        self._gpio = gpio
        self._on_fault = on_fault
        self._open_scans = 0
        if gpio.pins.tamper is not None:
            gpio.setup_input(gpio.pins.tamper, pull_up=True)

    def watch(self, on_open: Callable[[], None]) -> None:
        """Report each opening once, one that was there at the start too."""
        pin = self._gpio.pins.tamper
        if pin is None:
            return

        def scan() -> None:
            if self._gpio.is_low(pin):
                self._open_scans = 0
                return
            self._open_scans += 1
            if self._open_scans == TAMPER_STEADY_SCANS:
                on_open()

        poll = _Poll(self._gpio, scan, "tamper", self._on_fault)
        self._gpio.at_close(poll.stop)
