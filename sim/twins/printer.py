"""The printer in-process: the same encoder and the same paper as on the wire, decoded when somebody looks.

A day in virtual time prints thousands of slips that nobody reads, so a slip is kept as its lines; `roll`
turns them into bytes and the bytes into paper. Only paper that ends inside a slip needs the bytes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.escpos_encoder import PrinterSettings, encode
from drivers.ports import Paper, PaperLine, PaperStopped
from sim.wire.paper import PaperPrinter, Printed

SLIPS_KEPT = 200  # The paper that a person would still find on the floor; a long run must not grow for ever.


class TwinPrinter:
    """The Printer port. `on_slip` is called with the lines of each slip that was printed whole, `on_piece` with all
    lines of one that was begun.
    """

    def __init__(
        self, cells: int = 32, on_slip: Callable[[tuple[PaperLine, ...]], None] | None = None
    ) -> None:
        self.cells = cells
        self.slips: list[tuple[PaperLine, ...]] = []
        self.slip_count = 0
        self._settings = PrinterSettings(cells=cells, cutter=True)
        self._on_slip = on_slip
        self.on_piece: Callable[[tuple[PaperLine, ...]], None] = lambda lines: None
        self._paper = Paper.OK
        self._lines_left: int | None = None

    def status(self) -> Paper:
        return self._paper

    def print(self, lines: Sequence[PaperLine]) -> Paper:
        if self._paper not in (Paper.OK, Paper.LOW):
            raise PaperStopped(self._paper, begun=False)
        slip = tuple(lines)
        if self._lines_left is not None:
            self._print_to_the_end(slip)
        self.slips.append(slip)
        self.slip_count += 1
        del self.slips[:-SLIPS_KEPT]
        if self._on_slip is not None:
            self._on_slip(slip)
        return self._paper

    def close(self) -> None: ...

    # What a person can do to it

    def set_paper(self, paper: Paper) -> None:
        self._paper = paper
        self._lines_left = None

    def run_out_after(self, lines: int) -> None:
        """The paper ends after so many more lines."""
        self._lines_left = lines

    def take_over(self, before: TwinPrinter) -> None:
        """The paper that lay in another one."""
        self._paper, self._lines_left = before._paper, before._lines_left

    def roll(self, slips: int = 1) -> tuple[Printed, ...]:
        """The last `slips` slips as paper. Raises sim.wire.paper.Refused if a line cannot be printed."""
        machine = PaperPrinter(self.cells)
        for slip in self.slips[-slips:]:
            for chunk in encode(slip, self._settings):
                machine.receive(chunk)
        return machine.tear()

    def _print_to_the_end(self, slip: tuple[PaperLine, ...]) -> None:
        machine = PaperPrinter(self.cells)
        machine.lines_left = self._lines_left
        for chunk in encode(slip, self._settings):
            machine.receive(chunk)
            if machine.paper is Paper.OUT:
                self._paper = Paper.OUT
                self._lines_left = None
                self.on_piece(slip)
                raise PaperStopped(Paper.OUT, begun=True)
        self._lines_left = machine.lines_left
        self._paper = machine.paper
