"""Play one case to its end: a fresh world, its people, faults and checkers; what was found and what it came to."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sim.swarm.case import Case
from sim.swarm.checkers import all_checkers
from sim.swarm.crowd import Company, Crowd
from sim.swarm.draws import WORLD, Draws
from sim.swarm.ledger import Paid
from sim.swarm.lives import Lives
from sim.swarm.permitted import Permitted, load
from sim.swarm.watch import Finding, Watch
from sim.swarm.world import Drawn, SwarmWorld, as_shipped, drawn
from sim.world import hash_seed
from terminal.flows.batch import UNANSWERED
from terminal.model import Method, PaymentState

SCRATCH = Path("/dev/shm")  # Where there is one, a world's key file costs no real disk's sync.
POWERED = ("power", "disk")  # Sites whose faults need a disk beneath the journal.
REPEATS = "repeats"
REFUND_UNANSWERED = "unanswered"
TWICE_EVERY = 50  # Seeds: costs a fiftieth more.
FRAMES_TOLD = 6  # Of a traceback: the innermost.


@dataclass(frozen=True, slots=True)
class Result:
    """What a case came to. `faults` counts what befell; `trace` is the hash of everything that could be seen.

    `payments` counts by state, and by REFUND_UNANSWERED.
    """

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
    case: Case,
    rows: Mapping[str, Permitted] | None = None,
    *,
    say: Callable[[str], None] | None = None,
    on_begin: Callable[[int], None] = lambda transaction: None,
    lying: bool = False,
) -> Result:
    """Never raises for what the product does: a crash is a finding.

    `say` hears the story, line by line; `on_begin` the number of each customer. `lying`: the disk only claims to sync,
    which no terminal can survive.
    """
    draws = Draws(case.seed)
    rows = playable(case, load(case.faults) if rows is None else rows)
    fittings = as_shipped() if case.day else drawn(draws)
    watch = Watch(all_checkers(), say, on_begin)
    company = Company(case, rows, watch)
    scratch = SCRATCH if SCRATCH.is_dir() else None
    lives = Lives(draws, fittings, watch, company, scratch, lying)
    virtual_ms = 0
    try:
        virtual_ms = lives.run() if case.power else _one_life(draws, fittings, watch, company, scratch)
    except Exception as error:  # Whatever it is, it is what this is for.
        watch.found("stands", told(error))
    ends = Counter(map(end_of, watch.ledger.payments.values()))
    return Result(
        case,
        tuple(watch.findings),
        dict(ends),
        dict(company.befell),
        watch.trace.hexdigest(),
        virtual_ms,
        lives.cuts,
    )


def end_of(paid: Paid) -> str:
    """The state that a payment has come to; a card's refund that nobody answered stays one, settled or not."""
    unheard = UNANSWERED in paid.facts or paid.state is PaymentState.UNKNOWN
    return REFUND_UNANSWERED if paid.method is Method.CARD and unheard else paid.state.value


def playable(case: Case, rows: Mapping[str, Permitted]) -> dict[str, Permitted]:
    """The rows that can befall this case: those of disk and power need a disk beneath the journal."""
    return {name: row for name, row in rows.items() if case.power or row.site not in POWERED}


def _one_life(draws: Draws, fittings: Drawn, watch: Watch, company: Company, scratch: Path | None) -> int:
    """A world whose power stays on and whose journal is in memory; its virtual time. Raises what crashed."""
    with SwarmWorld(draws, scratch=scratch, fittings=fittings) as world:
        world.begin(WORLD)
        watch.look_at(world)
        world.run(Crowd(world, company).live())
        return world.loop.clock_ms()


def judge(
    case: Case, rows: Mapping[str, Permitted] | None = None, on_begin: Callable[[int], None] = lambda transaction: None
) -> Result:
    """Play it; every so many seeds twice, because the same case must be the same run (11. Same seed, same trace)."""
    result = play(case, rows, on_begin=on_begin)
    if hash_seed(case.seed) % TWICE_EVERY == 0 and play(case, rows).trace != result.trace:
        again = Finding(REPEATS, case.transactions, "the same case has another trace the second time")
        return replace(result, findings=(*result.findings, again))
    return result


def told(error: BaseException) -> str:
    """An exception with the places it came through, innermost last, on one line."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_TOLD:]
    where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__}: {error} ({where})"
