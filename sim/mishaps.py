"""What befalls a world beside what people do at the counter: cards torn out, cables, clocks, cases, power.

Each mishap is a row of `sim.story.MISHAPS`, which also says what may stand behind it. Those of the power end the
terminal's life with PowerCut; whoever gives it several lives (sim.stage) goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.acquirer.faults import FaultKind, parse_fault
from sim.cut_loop import CutLoop, PowerCut
from sim.line_faults import LINE_FAULTS, parse_line_fault
from sim.story import MISHAPS, StoryError
from sim.takes import instead

if TYPE_CHECKING:
    from sim.world import World

BYTES_ONLY = frozenset({FaultKind.DELAY, FaultKind.SPLIT})  # What only the acquirer's server does to its answers.


def happen(world: World, what: str, how: str) -> None:
    """Raises StoryError for what cannot happen, and PowerCut when the terminal's life ends here."""
    try:
        MISHAPS[what].check(how)
    except KeyError:
        raise StoryError(f"no such mishap: {what}; {instead(what, MISHAPS)}") from None
    except ValueError as wrong:
        raise StoryError(f"{what} {how}: {wrong}") from None
    _MISHAPS[what](world, how)


def _tear(world: World, how: str) -> None:
    world.tear_at = int(how)


def _reader(world: World, how: str) -> None:
    (world.reader.unplug if how == "unplug" else world.reader.plug)()


def _scanner(world: World, how: str) -> None:
    world.scanner.broken = how == "broken"


def _paper_left(world: World, how: str) -> None:
    world.printer.run_out_after(int(how))


def _fault(world: World, how: str) -> None:
    fault = parse_fault(how)
    if fault.kind in BYTES_ONLY:
        raise StoryError(f"{fault.kind.value} of the host needs a line of bytes; here the line has it")
    if world.answers is not None:
        raise StoryError("the host is outside this world; its line can have faults")
    with world.acquirer.lock:
        world.acquirer.faults.add(fault)


def _line(world: World, how: str) -> None:
    fault = parse_line_fault(how)
    if LINE_FAULTS[fault.name].trip is None:
        raise StoryError(f"{fault.name} needs a line of bytes: python -m sim proxy")
    world.line_faults.add(fault)


def _cable(world: World, how: str) -> None:
    (world.link.unplug if how == "out" else world.link.plug_in)(0)


def _case(world: World, how: str) -> None:
    (world.tamper.open_case if how == "open" else world.tamper.shut)()


def _clock(world: World, how: str) -> None:
    world.loop.clock_error_ms += int(how) * 1000


def _power(world: World, how: str) -> None:
    if how == "on":
        raise StoryError("the terminal is on")
    raise PowerCut(how)


def _power_fails(world: World, how: str) -> None:
    if not isinstance(world.loop, CutLoop):
        raise StoryError("this world's power cannot fail at a moment")
    world.loop.cut_next = how.replace("-", " ")


def _disk(world: World, how: str) -> None:
    if world.disk is None:
        raise StoryError("this world's journal is on no disk that can fail")
    world.disk.befall(how)


_MISHAPS: dict[str, Callable[[World, str], None]] = {
    "tear": _tear,
    "reader": _reader,
    "scanner": _scanner,
    "paper-left": _paper_left,
    "fault": _fault,
    "line": _line,
    "cable": _cable,
    "case": _case,
    "clock": _clock,
    "power": _power,
    "power-fails": _power_fails,
    "disk": _disk,
}
