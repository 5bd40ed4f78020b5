"""The hunt: a swarm over a product with one mistake in it, until a named checker finds it.

Each hunt is a process of its own, begun from nothing, so that the changed module is the only one of its name.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context

from planted.defect import Defect
from sim.swarm.case import Case

LIMIT = 10_000  # Transactions after which a defect has got away.
EACH = 25  # Transactions of one world; the seeds count up from 0, after the one where it was seen last.
FALLEN = "stands"  # No checker's word: the world has fallen over, which says little about what is wrong.


@dataclass(frozen=True, slots=True)
class Catch:
    """`checker` is "" when none found anything in so many transactions; `text` then says how it fell over.

    `clean`: the product as it is passes the very world in which the defect was caught.
    """

    defect: str
    checker: str
    seed: int
    transactions: int
    cpu_s: float
    text: str = ""
    power: bool = False
    clean: bool = True


def hunts(found: Sequence[Defect], *, limit: int, faults: str, jobs: int, anew: bool) -> Iterator[Catch]:
    """Every defect as it ends, beside the product as it is in the same world. `anew`: no hunt knows where to begin."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        tasks = [pool.submit(hunt, defect, limit, faults, anew) for defect in found]
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as untouched:
            for task in as_completed(tasks):
                catch = task.result()
                clean = not catch.checker or untouched.submit(is_clean, _case(catch.seed, faults, catch.power)).result()
                yield replace(catch, clean=clean)


def hunt(defect: Defect, limit: int, faults: str, anew: bool) -> Catch:
    """Play until something is found. Plants the defect for this whole process, whose other hunts would have it, too."""
    defect.plant()
    from sim.swarm.play import play

    began, fallen = time.process_time(), ""
    seeds = dict.fromkeys((0 if anew else defect.seed, *range(-(-limit // EACH))))
    for played, seed in enumerate(islice(seeds, -(-limit // EACH)), 1):
        for finding in play(_case(seed, faults, defect.power)).findings:
            if finding.checker != FALLEN:
                spent = time.process_time() - began
                return Catch(defect.name, finding.checker, seed, played * EACH, spent, finding.text, defect.power)
            fallen = fallen or finding.text
    return Catch(defect.name, "", 0, limit, time.process_time() - began, fallen, defect.power)


def is_clean(case: Case) -> bool:
    """Whether the product as it is passes."""
    from sim.swarm.play import play

    return play(case).clean


def _case(seed: int, faults: str, power: bool) -> Case:
    return Case(seed, EACH, faults, power=power)
