"""The child process of the start benchmark: the real terminal, until a certain screen is on the glass.

It starts as `python -m terminal` starts, by the same functions and with the real drivers and their vendor libraries.
Only the ends of two wires are the simulator's, because a bench has neither: the I²C bus with its panel, and the GPIO
chip. When the panel shows the screen, the process says how much memory it took, looks at the pixels, and ends.

    python -m bench.first_screen FOLDER splash|boot
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.__main__ import display_settings, import_without_collecting, show_splash

if TYPE_CHECKING:  # Imported where terminal.__main__ does, and no earlier.
    from drivers.display import OledDisplay
    from drivers.ports import Picture
    from sim.wire.i2c import FakeSMBus


class WatchedDisplay:
    """A Display that ends the process once the screen named `last` can be seen. Exit status 1: wrong pixels."""

    def __init__(self, display: OledDisplay, bus: FakeSMBus, last: str) -> None:
        self._display = display
        self._bus = bus
        self._last = last
        self.width, self.height = display.width, display.height

    def show(self, picture: Picture) -> None:
        self._display.show(picture)
        if picture.name == self._last:
            print(most_memory_kib(), flush=True)
            os._exit(0 if self._bus.pixels() == picture.pixels(self.width, self.height) else 1)

    def close(self) -> None:
        self._display.close()


def most_memory_kib() -> int:
    """The most memory that this program ever held. Not getrusage: that counts what its parent held when it forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def main(data: Path, last: str) -> None:
    """Start on the empty folder `data`; never returns normally."""
    import_without_collecting()
    from drivers.display import OledDisplay
    from sim.wire.i2c import FakeSMBus, Ssd1306
    from terminal.config import parse_config

    config = parse_config(f'[general]\ndata = "{data}"\n')
    bus = FakeSMBus(Ssd1306())
    display = WatchedDisplay(OledDisplay(display_settings(config), bus=bus), bus, last)
    show_splash(config, display)

    from terminal.journal import Journal

    journal = Journal.open(data / "journal.db", wall_ms=lambda: 0)

    from keys import KeyStore
    from sim.wire.gpio import PinBoard, install_chip
    from terminal.__main__ import gpio_pins, open_devices
    from terminal.assembly import assemble, device_id
    from terminal.flows.boot import power_on
    from terminal.loop.real import RealLoop

    install_chip(PinBoard(gpio_pins(config)).chip)
    loop = RealLoop(journal.transact)
    keys = KeyStore.open(data / "keys", terminal_id=device_id(data))
    devices, link = open_devices(config, display)
    loop.run(power_on(assemble(config, devices, loop, keys, dial=link.dial)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
