"""A handheld's keys, buzzer, lamps and case on the pins of a chip that is not there."""

from __future__ import annotations

import os
import sys
import time

from drivers.gpio import LAYOUT, Pins
from drivers.ports import Key, Lamp
from sim.wire.fake_lgpio import Chip, lgpio_module

HELD_SCANS = 10  # Twice what the driver's debouncing needs, and a few for the bounce.
READS_PRESSED, READS_IDLE = 20, 4  # Of a scan: columns once, then columns for each row.
REVISION = "a02082"  # A Pi 3B's: rpi-lgpio asks for a Raspberry Pi's revision code when it is imported.


def install_chip(chip: Chip) -> None:
    """Put `chip` under rpi-lgpio, in this process, in place of the real lgpio.

    Call it before anything imports RPi.GPIO: rpi-lgpio binds its lgpio at import. If it was imported over an
    earlier chip, it is forgotten, to be imported anew.
    """
    os.environ["RPI_LGPIO_REVISION"] = REVISION
    os.environ["RPI_LGPIO_CHIP"] = "0"
    sys.modules["lgpio"] = lgpio_module(chip)
    for name in ("RPi.GPIO", "RPi"):
        sys.modules.pop(name, None)


class PinBoard:
    """What a person does to keys and case, and what lamps and buzzer do, at the level of the pins."""

    def __init__(self, pins: Pins) -> None:
        self.pins = pins
        self.chip = Chip(lambda: time.monotonic() * 1000)
        self._places = {key: (r, c) for r, row in enumerate(LAYOUT) for c, key in enumerate(row)}
        self.shut()

    def press(self, key: Key, *, bounce: bool = True) -> None:
        self._move(key, True, bounce)

    def release(self, key: Key) -> None:
        self._move(key, False, True)

    def tap(self, key: Key) -> None:
        """Press and let go, as a finger does: held until the scan has had time to see it, however slow it is."""
        self.press(key)
        self.chip.wait_for_reads(HELD_SCANS * READS_PRESSED)
        self.release(key)
        self.chip.wait_for_reads(HELD_SCANS * READS_IDLE)

    def _move(self, key: Key, closed: bool, bounce: bool) -> None:
        row, column = self._places[key]
        self.chip.join(self.pins.rows[row], self.pins.columns[column], closed, bounce=bounce)

    def shut(self) -> None:
        if self.pins.tamper is not None:
            self.chip.join(self.pins.tamper, -1, True, bounce=False)

    def open_case(self) -> None:
        if self.pins.tamper is not None:
            self.chip.join(self.pins.tamper, -1, False)

    def lit(self, lamp: Lamp) -> bool:
        level = self.chip.drives(self.pins.lamps[lamp])
        return level is not None and level != self.pins.lamps_active_low
