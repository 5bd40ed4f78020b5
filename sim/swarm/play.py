"""Play one case to its end: a fresh world, its people, faults and checkers; what was found and what it came to."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sim.swarm.case import Case
from sim.swarm.checkers import all_checkers
from sim.swarm.crowd import Crowd
from sim.swarm.draws import WORLD, Draws
from sim.swarm.permitted import Permitted, load
from sim.swarm.watch import Finding, Watch
from sim.swarm.world import SwarmWorld

SCRATCH = Path("/dev/shm")  # Where there is one, a world's key file costs no real disk's sync.
FRAMES_TOLD = 6  # Of a traceback: the innermost.


@dataclass(frozen=True, slots=True)
class Result:
    """What a case came to. `faults` counts what befell; `trace` is the hash of everything that could be seen."""

    case: Case
    findings: tuple[Finding, ...]
    payments: Mapping[str, int]
    faults: Mapping[str, int]
    trace: str
    virtual_ms: int
    cuts: int = 0  # Of the power.

    @property
    def clean(self) -> bool:
        return not self.findings


def play(
    case: Case, rows: Mapping[str, Permitted] | None = None, *, say: Callable[[str], None] | None = None
) -> Result:
    """Never raises for what the product does: a crash is a finding. `say` hears the story, line by line."""
    draws = Draws(case.seed)
    rows = load(case.faults) if rows is None else rows
    watch = Watch(all_checkers(), say)
    with SwarmWorld(draws, scratch=SCRATCH if SCRATCH.is_dir() else None) as world:
        world.begin(WORLD)
        watch.look_at(world)
        crowd = Crowd(world, case, rows, watch)
        try:
            world.run(crowd.live())
        except Exception as error:  # Whatever it is, it is what this is for.
            watch.found("stands", told(error))
        states = Counter(paid.state.value for paid in watch.ledger.payments.values())
        return Result(
            case,
            tuple(watch.findings),
            dict(states),
            dict(crowd.befell),
            watch.trace.hexdigest(),
            world.loop.clock_ms(),
        )


def told(error: BaseException) -> str:
    """An exception with the places it came through, innermost last, on one line."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_TOLD:]
    where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__}: {error} ({where})"
