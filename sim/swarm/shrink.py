"""From a failing case to the smallest one: until leaving out any one transaction or any one fault makes it pass.

"Fails" means that any checker finds something. Draws are keyed, so what is left plays as it did before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sim.swarm.case import Case

RUNS_LIMIT = 2_000  # A case has at most some hundred parts, and each takes a fraction of a second.
Fails = Callable[[Case], bool]
Parts = Callable[[Case], tuple[tuple[int, str], ...]]


class Shrinker:
    """`fails(case)` plays it; `faults_of(case)` names each fault that may still befall it, as (transaction, name)."""

    def __init__(self, fails: Fails, faults_of: Parts) -> None:
        self._fails = fails
        self._faults_of = faults_of
        self.runs = 0

    def shrink(self, case: Case) -> Case:
        """The smallest failing case that leaving out one thing at a time leads to."""
        before = None
        while before != case and self.runs < RUNS_LIMIT:
            before = case
            case = self._fewer(case, tuple(case.numbers()), lambda c, gone: replace(c, skip=c.skip | set(gone)))
            case = self._fewer(case, self._faults_of(case), lambda c, gone: replace(c, without=c.without | set(gone)))
        return replace(case, without=frozenset(part for part in case.without if part[0] not in case.skip))

    def _fewer(self, case: Case, parts: tuple[object, ...], leave_out: Callable[..., Case]) -> Case:
        """Leave out ever smaller runs of parts, down to one at a time, as long as it still fails."""
        size = max(1, len(parts) // 2)
        while parts and self.runs < RUNS_LIMIT:
            kept: list[object] = []
            for at in range(0, len(parts), size):
                gone = parts[at : at + size]
                smaller = leave_out(case, gone)
                self.runs += 1
                if self._fails(smaller):
                    case = smaller
                else:
                    kept += gone
            if size == 1:
                break
            parts, size = tuple(kept), size // 2
        return case
