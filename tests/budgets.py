"""What each group of tests costs beside its budget: the small table at the end of `make test`.

A group is what a file's name begins with (`test_flows_void.py`: flows), the doctests of a room, or the system tests. A
budget is in seconds of one worker on the machine in tests/budgets.toml; a busy or a slow machine takes longer, so what
is over it is told and not failed. Raise one only with the group's worth; `--durations` shows what is dear.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

BUDGETS = Path(__file__).with_name("budgets.toml")
_GROUP = re.compile(r"tests/(?:.*/)?test_([a-z0-9]+)")


def group_of(nodeid: str, *, system: bool = False) -> str:
    """The group of a test by its node id.

    >>> group_of("tests/test_flows_void.py::test_it"), group_of("emv/tlv.py::emv.tlv"), group_of("x", system=True)
    ('flows', 'doctests', 'system')
    """
    if system:
        return "system"
    found = _GROUP.match(nodeid)
    return found[1] if found else "doctests"


class Budgets:
    """Adds up the reports of all workers; prints when the run has ended. Registered by conftest with `--budgets`."""

    def __init__(self) -> None:
        self._tests: dict[str, set[str]] = defaultdict(set)
        self._seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        group = group_of(report.nodeid, system="system" in report.keywords)
        self._tests[group].add(report.nodeid)
        self._seconds[group] += report.duration

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in table(
            {group: (len(self._tests[group]), self._seconds[group]) for group in self._tests},
            tomllib.loads(BUDGETS.read_text(encoding="utf-8"))["seconds"],
        ):
            terminalreporter.write_line(line)


def table(costs: dict[str, tuple[int, float]], budgets: dict[str, int]) -> list[str]:
    """One line a group, the dearest first; a group without a budget says so.

    >>> print(*table({"flows": (2, 31.4), "new": (1, 0.2)}, {"flows": 30, "journal": 9}), sep="\\n")
    group      tests seconds budget
    flows          2    31.4     30 over
    new            1     0.2      - none yet
    """
    lines = [f"{'group':<10} {'tests':>5} {'seconds':>7} {'budget':>6}"]
    for group, (tests, seconds) in sorted(costs.items(), key=lambda item: -item[1][1]):
        budget = budgets.get(group)
        told = " none yet" if budget is None else " over" if seconds > budget else ""
        lines.append(f"{group:<10} {tests:>5} {seconds:>7.1f} {'-' if budget is None else budget:>6}{told}")
    return lines
