"""A chip of GPIO pins that is not there, with lgpio's functions: the real rpi-lgpio runs on it unchanged.

Theory: each pin is a node. A pressed key joins the nodes of its row and its column; joined nodes have one level:
low or high if a pin drives it (both at once is a short circuit, which a real Pi pays for: `ShortCircuit`), else
high if a pull-up hangs on it, else low. Ghost keys come out of that by themselves. A contact bounces: after it is
pressed or released it is open at some reads and closed at others, for a few milliseconds of `clock`.

Only the functions that rpi-lgpio calls are here. As in lgpio, a negative result raises `error`.
Spec: lgpio's Python module, version 0.2; mode flags as in devices.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

PINS = 54
BOUNCE_MS = 4  # A worn membrane key; good ones take 1.
WAIT_MS = 2_000  # For a scan that has stopped, or was never begun.

SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
OKAY, GPIO_BUSY, GPIO_NOT_ALLOCATED, BAD_HANDLE = 0, -79, -80, -5
MODE_INPUT, MODE_OUTPUT = 0x100, 0x200


class ShortCircuit(Exception):
    """One pin drives high what another drives low."""


@dataclass(slots=True)
class _Pin:
    mode: int = 0
    level: bool = False  # What an output drives.
    pull: int = SET_PULL_NONE
    pwm: tuple[float, float] = (0.0, 0.0)  # (hertz, duty cycle in per cent)


@dataclass(slots=True)
class _Contact:
    a: int
    b: int  # -1 is ground.
    closed: bool
    moved_ms: float


class Chip:
    """The pins and what hangs on them. `now_ms` is the clock that contacts bounce by."""

    def __init__(self, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._pins = [_Pin() for _ in range(PINS)]
        self._contacts: dict[tuple[int, int], _Contact] = {}
        self._lock = threading.RLock()
        self.reads = 0  # How often pins were looked at: a scan's progress.
        self.opened = False
        self.short_circuits = 0
        self.broken = False  # The kernel has taken the chip away: all calls fail.
        self.tones: list[tuple[int, float]] = []  # (pin, hertz) of each tone begun.

    # What hangs on the pins

    def join(self, a: int, b: int, closed: bool, *, bounce: bool = True) -> None:
        """Close or open a contact between two pins (b = -1: to ground)."""
        with self._lock:
            moved_ms = self._now_ms() if bounce else self._now_ms() - BOUNCE_MS
            self._contacts[(a, b)] = _Contact(a, b, closed, moved_ms)

    def wait_for_reads(self, count: int) -> None:
        """Wait until somebody has looked at the pins so many times more, at most WAIT_MS."""
        target, slices = self.reads + count, WAIT_MS
        while self.reads < target and slices > 0:
            threading.Event().wait(0.001)
            slices -= 1

    def drives(self, pin: int) -> bool | None:
        """The level an output drives; None for an input."""
        with self._lock:
            return self._pins[pin].level if self._pins[pin].mode & MODE_OUTPUT else None

    def hertz(self, pin: int) -> float:
        """What is heard of a pin now; 0: silence."""
        with self._lock:
            return self._pins[pin].pwm[0]

    def level(self, pin: int) -> bool:
        """Raises ShortCircuit."""
        with self._lock:
            self.reads += 1
            joined, grounded = self._joined(pin)
            outputs = {self._pins[each].level for each in joined if self._pins[each].mode & MODE_OUTPUT}
            if grounded:
                outputs.add(False)
            if len(outputs) > 1:
                self.short_circuits += 1
                raise ShortCircuit(f"pin {pin}: driven high and low")
            if outputs:
                return outputs.pop()
            return any(self._pins[each].pull == SET_PULL_UP for each in joined)

    def _joined(self, pin: int) -> tuple[set[int], bool]:
        joined, grounded, grew = {pin}, False, True
        while grew:
            grew = False
            for contact in self._contacts.values():
                if not self._conducts(contact) or (contact.a in joined) == (contact.b in joined):
                    continue
                if contact.b == -1:
                    grounded = True
                    continue
                joined |= {contact.a, contact.b}
                grew = True
        return joined, grounded

    def _conducts(self, contact: _Contact) -> bool:
        if self._now_ms() - contact.moved_ms < BOUNCE_MS:
            return self.reads % 3 != 0  # Open at some reads, closed at others, the same in each run.
        return contact.closed

    # What lgpio does

    def claim(self, pin: int, mode: int, level: int, pull: int) -> int:
        with self._lock:
            if self.broken:
                return GPIO_NOT_ALLOCATED
            self._pins[pin] = _Pin(mode, bool(level), pull)
            return OKAY

    def free(self, pin: int) -> int:
        with self._lock:
            if not self._pins[pin].mode:
                return GPIO_NOT_ALLOCATED
            self._pins[pin] = _Pin()
            return OKAY

    def mode(self, pin: int) -> int:
        found = self._pins[pin]
        pull = found.pull if found.mode else 0
        return (
            GPIO_NOT_ALLOCATED if self.broken else found.mode | pull | (2 if found.mode & MODE_OUTPUT else 0)
        )

    def read(self, pin: int) -> int:
        return GPIO_NOT_ALLOCATED if self.broken else int(self.level(pin))

    def write(self, pin: int, level: int) -> int:
        with self._lock:
            if self.broken or not self._pins[pin].mode & MODE_OUTPUT:
                return GPIO_NOT_ALLOCATED
            self._pins[pin].level = bool(level)
            return OKAY

    def pwm(self, pin: int, hertz: float, duty: float) -> int:
        with self._lock:
            self._pins[pin].pwm = (hertz, duty)
            if hertz:
                self.tones.append((pin, hertz))
            return OKAY


class error(Exception):  # noqa: N801  # lgpio's own name for it.
    """What lgpio raises."""


_ERRORS = {GPIO_BUSY: "GPIO busy", GPIO_NOT_ALLOCATED: "GPIO not allocated"}


def _error_text(number: int) -> str:
    return _ERRORS.get(number, f"error {number}")


def _checked(call: Callable[..., int]) -> Callable[..., int]:
    """lgpio's functions raise what the library below them returns as a negative number."""

    def checked(handle: int, *arguments: Any) -> int:
        result = call(*arguments)
        if result < 0:
            raise error(_error_text(result))
        return result

    return checked


def lgpio_module(chip: Chip) -> ModuleType:
    """A module named lgpio whose functions work on `chip`."""
    module = ModuleType("lgpio")

    def open_chip(number: int) -> int:
        chip.opened = True
        return 0

    def close_chip(handle: int) -> int:
        chip.opened = False
        return OKAY

    def no_alerts(*_: object) -> int:
        raise error("this chip has no edge detection: scan the pins")

    vars(module).update(
        SET_PULL_UP=SET_PULL_UP,
        SET_PULL_DOWN=SET_PULL_DOWN,
        SET_PULL_NONE=SET_PULL_NONE,
        RISING_EDGE=RISING_EDGE,
        FALLING_EDGE=FALLING_EDGE,
        BOTH_EDGES=BOTH_EDGES,
        GPIO_BUSY=GPIO_BUSY,
        error=error,
        error_text=_error_text,
        gpiochip_open=open_chip,
        gpiochip_close=close_chip,
        gpio_get_chip_info=lambda handle: (OKAY, PINS, "fake", "pinctrl-fake"),
        gpio_get_mode=_checked(chip.mode),
        gpio_claim_input=_checked(lambda pin, flags=0: chip.claim(pin, MODE_INPUT, False, flags)),
        gpio_claim_output=_checked(lambda pin, level=0, flags=0: chip.claim(pin, MODE_OUTPUT, level, flags)),
        gpio_free=_checked(chip.free),
        gpio_read=_checked(chip.read),
        gpio_write=_checked(chip.write),
        tx_pwm=_checked(lambda pin, hertz, duty, *rest: chip.pwm(pin, hertz, duty)),
        gpio_claim_alert=no_alerts,
        gpio_set_debounce_micros=no_alerts,
        callback=no_alerts,
    )
    return module
