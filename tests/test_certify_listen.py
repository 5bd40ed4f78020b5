"""`certify --listen` from first prompt to report: the terminal is a process, and the tester knows the prompts only.

Two processes over TCP, in real time: a sale, a void by a number off the slip, a reversal, an order on another menu, and
a settlement that must begin with an empty batch.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from certify_tester import PromptReader

pytestmark = pytest.mark.slow


def test_a_tester_who_reads_the_prompts_brings_the_terminal_through(tmp_path: Path) -> None:
    cases = ("VOID-01", "REV-01", "MOTO-01", "SET-02")
    status, report = PromptReader(tmp_path, cases).work()
    wrong = [(case["id"], check) for case in report["cases"] for check in case["checks"] if not check["passed"]]
    assert wrong == []
    assert status == 0
    assert report["totals"] == {"passed": 4, "failed": 0, "skipped": 0, "cases": 4}
