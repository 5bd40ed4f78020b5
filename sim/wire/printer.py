"""The printer on a serial cable: PaperPrinter behind a pty."""

from __future__ import annotations

import threading
from collections.abc import Callable

from drivers.ports import Paper
from sim.wire.paper import PaperPrinter, Printed
from sim.wire.serial_pty import SerialPty


class SerialPrinter:
    """`path` is what the driver opens; the rest is what a person can do to the printer, from any thread."""

    def __init__(self, cells: int = 32, on_row: Callable[[Printed], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._printer = PaperPrinter(cells, on_row)
        self._pty = SerialPty(self._receive, "printer")
        self.path = self._pty.path

    def _receive(self, data: bytes) -> bytes:
        with self._lock:
            return self._printer.receive(data)

    @property
    def paper(self) -> Paper:
        with self._lock:
            return self._printer.paper

    def set_paper(self, paper: Paper) -> None:
        with self._lock:
            answers = self._printer.set_paper(paper)
        self._pty.send(answers)

    def run_out_after(self, lines: int) -> None:
        with self._lock:
            self._printer.run_out_after(lines)

    def printed(self) -> tuple[Printed, ...]:
        """What hangs out of the printer. Raises what the driver did wrong (Refused)."""
        self._pty.check()
        with self._lock:
            return tuple(self._printer.roll)

    def tear(self) -> tuple[Printed, ...]:
        self._pty.check()
        with self._lock:
            return self._printer.tear()

    def unplug(self) -> None:
        self._pty.unplug()

    def close(self) -> None:
        self._pty.close()
