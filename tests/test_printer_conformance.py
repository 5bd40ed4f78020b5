"""The Printer port: one suite for the driver (python-escpos on a pty) and for the in-process twin."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.ports import Align, Cut, Feed, Paper, PaperStopped, Printer, Qr, Text
from drivers.printer import EscPosPrinter, PrinterSettings
from sim.twins.printer import TwinPrinter
from sim.wire.paper import CutMark, Printed, PrintedQr, Row
from sim.wire.printer import SerialPrinter

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

SLIP = (Text("签购单", Align.CENTRE, bold=True, large=True), Text("金额(AMOUNT): 128.50"), Feed(2), Cut())
LONG = tuple(Text(f"第{n}行 line {n}") for n in range(60))


@dataclass
class Rig:
    printer: Printer
    set_paper: Callable[[Paper], None]
    run_out_after: Callable[[int], None]
    roll: Callable[[], tuple[Printed, ...]]


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(params=["serial-32", "serial-48", "twin-32", "twin-48"])
def rig(request: pytest.FixtureRequest, cache: Path) -> Iterator[Rig]:
    kind, cells = request.param.split("-")
    if kind == "twin":
        twin = TwinPrinter(int(cells))
        yield Rig(twin, twin.set_paper, twin.run_out_after, twin.roll)
        return
    wire = SerialPrinter(int(cells))
    settings = PrinterSettings(
        device=wire.path, cells=int(cells), cutter=True, baud=115200, answer_ms=200, cache=cache
    )
    printer = EscPosPrinter(settings)
    yield Rig(printer, wire.set_paper, wire.run_out_after, wire.printed)
    printer.close()
    wire.close()


def texts(roll: tuple[Printed, ...]) -> list[str]:
    return [printed.text for printed in roll if isinstance(printed, Row)]


def test_a_slip_comes_out_as_it_was_laid_out(rig: Rig) -> None:
    rig.printer.print(SLIP)
    roll = rig.roll()
    assert texts(roll) == ["签购单", "金额(AMOUNT): 128.50"]
    title = roll[0]
    assert isinstance(title, Row) and title.align is Align.CENTRE
    assert [(span.bold, span.wide, span.high) for span in title.spans] == [(True, 2, 2)]
    assert isinstance(roll[-1], CutMark)


def test_a_code_is_printed_by_the_printer_itself(rig: Rig) -> None:
    rig.printer.print((Qr("https://qr.example.cn/pay?o=1"), Feed()))
    assert [p.payload for p in rig.roll() if isinstance(p, PrintedQr)] == [b"https://qr.example.cn/pay?o=1"]


@pytest.mark.parametrize("paper", list(Paper))
def test_the_state_is_told_and_stops_a_slip_before_its_first_line(rig: Rig, paper: Paper) -> None:
    rig.set_paper(paper)
    assert rig.printer.status() is paper
    if paper in (Paper.OK, Paper.LOW):
        assert rig.printer.print(SLIP) is paper
        return
    with pytest.raises(PaperStopped) as stopped:
        rig.printer.print(SLIP)
    assert (stopped.value.paper, stopped.value.begun) == (paper, False)
    assert texts(rig.roll()) == []


@pytest.mark.parametrize("lines", [1, 2, 30, 59, 60])
def test_paper_that_ends_inside_a_slip_stops_it_even_under_its_last_line(rig: Rig, lines: int) -> None:
    rig.run_out_after(lines)
    with pytest.raises(PaperStopped) as stopped:
        rig.printer.print(LONG)
    assert (stopped.value.paper, stopped.value.begun) == (Paper.OUT, True)
    assert rig.printer.status() is Paper.OUT


def test_paper_that_runs_low_inside_a_slip_is_told_when_it_is_printed(rig: Rig) -> None:
    assert rig.printer.print(LONG) is Paper.OK
    rig.run_out_after(70)
    assert rig.printer.print(LONG) is Paper.LOW


def test_with_new_paper_the_slip_comes_again_from_its_top_and_whole(rig: Rig) -> None:
    rig.run_out_after(5)
    with pytest.raises(PaperStopped):
        rig.printer.print(LONG)
    rig.set_paper(Paper.OK)
    rig.printer.print(LONG)
    assert texts(rig.roll())[-60:] == [line.text for line in LONG]


def test_what_the_printer_cannot_draw_takes_as_many_cells_and_is_no_command(rig: Rig) -> None:
    rig.printer.print((Text("¥1 \x1b@\x10\x04\x01 😀 é"),))
    assert texts(rig.roll()) == ["￥1 ?@??? ？ é"]
