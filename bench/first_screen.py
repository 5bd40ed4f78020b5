"""The child process of the start benchmark: the real terminal, from power on to the boot screen on the glass.

It is composed as `python -m terminal` composes itself: the same drivers with their real vendor libraries. Only the
ends of two wires are the simulator's, because a bench has neither: the I²C bus with its panel, and the GPIO chip. When
the panel shows the boot screen the process says how much memory it took, and ends at once.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import sys
from pathlib import Path

from drivers.display import DisplaySettings, OledDisplay
from drivers.ports import Picture
from sim.wire.gpio import PinBoard, install_chip
from sim.wire.i2c import FakeSMBus, Ssd1306
from terminal.__main__ import gpio_pins, open_devices
from terminal.config import Config


class FirstScreen:
    """A Display that ends the process once the boot screen can be seen. Exit status 1: the glass shows other pixels."""

    def __init__(self) -> None:
        self._bus = FakeSMBus(Ssd1306())
        self._display = OledDisplay(DisplaySettings(), bus=self._bus)
        self.width, self.height = self._display.width, self._display.height

    def show(self, picture: Picture) -> None:
        self._display.show(picture)
        if picture.name != "boot":
            return
        # The most memory that the process ever held, in KiB; Linux counts it so.
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
        os._exit(0 if self._bus.pixels() == picture.pixels(self.width, self.height) else 1)

    def close(self) -> None:
        self._display.close()


def main(data: Path) -> None:
    """Start on the folder `data`; never returns normally."""
    from keys import KeyStore
    from terminal.assembly import assemble, device_id
    from terminal.flows.power_on import power_on
    from terminal.journal import Journal
    from terminal.loop import RealLoop

    default = Config.default()
    config = dataclasses.replace(default, general=dataclasses.replace(default.general, data=data))
    install_chip(PinBoard(gpio_pins(config)).chip)
    journal = Journal.open(data / "journal.db", wall_ms=lambda: 0)
    loop = RealLoop(journal.transact)
    keys = KeyStore.open(data / "keys", terminal_id=device_id(data))
    devices, link = open_devices(config)
    devices = dataclasses.replace(devices, display=FirstScreen())
    loop.run(power_on(assemble(config, devices, loop, keys, dial=link.dial)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
