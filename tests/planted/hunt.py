"""The hunt: a swarm over a product with one mistake in it, until a named checker finds it.

Each hunt is a process of its own, begun from nothing, so that the changed module is the only one of its name.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

from planted.defect import Defect

LIMIT = 10_000  # Transactions after which a defect has got away.
EACH = 25  # Transactions of one world; the seeds count up from 0.
FALLEN = "stands"  # No checker's word: the world has fallen over, which says little about what is wrong.
CLEAN = "(as it is)"  # The product without a defect, over the same seeds.


@dataclass(frozen=True, slots=True)
class Catch:
    """`checker` is "" when none found anything in so many transactions; `text` then says how it fell over."""

    defect: str
    checker: str
    seed: int
    transactions: int
    cpu_s: float
    text: str = ""


def hunts(found: Sequence[Defect], *, limit: int, faults: str, jobs: int) -> Iterator[Catch]:
    """The product as it is, and then every defect, as they end."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        tasks = [pool.submit(hunt, defect, limit, faults) for defect in (None, *found)]
        for task in as_completed(tasks):
            yield task.result()


def hunt(defect: Defect | None, limit: int, faults: str) -> Catch:
    """Play until something is found. Plants the defect for this whole process, whose other hunts would have it, too."""
    if defect is not None:
        defect.plant()
    from sim.swarm.case import Case
    from sim.swarm.play import play

    name, power = (defect.name, defect.power) if defect else (CLEAN, False)
    began, fallen = time.process_time(), ""
    for seed in range(-(-limit // EACH)):
        for finding in play(Case(seed, EACH, faults, power=power)).findings:
            if finding.checker != FALLEN or defect is None:
                spent = time.process_time() - began
                return Catch(name, finding.checker, seed, (seed + 1) * EACH, spent, finding.text)
            fallen = fallen or finding.text
    return Catch(name, "", 0, limit, time.process_time() - began, fallen)
