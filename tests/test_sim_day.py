"""A trading day: one seed decides everything, whatever PYTHONHASHSEED; its books agree; its report is as promised."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sim.__main__ import main
from sim.day import run_day
from sim.measured import commit
from sim.swarm.case import Case
from sim.swarm.many import tell
from sim.swarm.play import play
from sim.swarm.watch import Finding

ROOT = Path(__file__).parents[1]
PROMISED = {
    "seed",
    "transactions",
    "payments",
    "approved",
    "declined",
    "reversed",
    "unknown",
    "discrepancies",
    "virtual_ms",
    "trace_sha256",
}


def _day(seed: int, transactions: int, hash_seed: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "sim", "day", "--seed", str(seed), "--transactions", str(transactions), "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


@pytest.mark.slow
def test_the_same_seed_gives_the_same_trace_whatever_the_hash_seed() -> None:
    first, second = _day(7, 40, "0"), _day(7, 40, "1")
    assert first == second
    assert first["trace_sha256"] == run_day(7, 40).trace_sha256


@pytest.mark.slow
def test_another_seed_gives_another_trace() -> None:
    assert run_day(1, 5).trace_sha256 != run_day(2, 5).trace_sha256


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 7))
def test_the_books_agree_at_the_end_of_the_day(seed: int) -> None:
    report = run_day(seed, 150)
    assert report.discrepancies == (), f"python -m sim day --seed {seed} --transactions 150"
    assert report.unknown == 0
    ends = report.approved + report.declined + report.reversed + report.abandoned + report.unanswered
    assert ends == sum(report.payments.values()) >= report.transactions == 150
    assert report.approved > 0 and report.declined > 0


@pytest.mark.slow
def test_a_day_with_every_fault_ends_as_well_and_one_without_has_none() -> None:
    harsh, none = run_day(8, 60, "harsh"), run_day(8, 60, "none")
    assert harsh.discrepancies == none.discrepancies == ()
    assert sum(harsh.faults.values()) > 30 and not none.faults
    assert harsh.trace_sha256 != none.trace_sha256


@pytest.mark.slow
def test_a_file_of_faults_means_what_it_means_to_the_swarm(tmp_path: Path) -> None:
    rows = tmp_path / "faults.toml"
    rows.write_text('[[fault]]\nname = "wrong-pin"\nsite = "people"\nrate = 10000\nloses = "time"\n', encoding="utf-8")
    assert run_day(8, 6, str(rows)).faults == play(Case(8, 6, str(rows))).faults == {"wrong-pin": 6}


@pytest.mark.slow
def test_many_days_by_several_processes_are_those_days_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["day", "--seeds", "3:5", "--transactions", "4", "--workers", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["worlds"], told["transactions"], told["failures"], told["workers"]) == (2, 8, [], 2)
    assert [day["trace_sha256"] for day in told["days"]] == [run_day(seed, 4).trace_sha256 for seed in (3, 4)]


@pytest.mark.slow
def test_the_command_of_a_day_plays_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    """What a failure prints; here of a day that has none, with a word for a seed."""
    day = Case("monday", 4, "usual", day=True)
    result = play(day)
    tell(replace(result, findings=(Finding("books-agree", 3, "charged twice"),)), sys.stdout)
    said = capsys.readouterr().out
    assert said.startswith(f"seed monday at commit {commit()}:\n  books-agree: transaction 3: charged twice")
    again = said.splitlines()[-1].removeprefix("  again: python -m sim ")
    assert main(shlex.split(again)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"trace {result.trace}"


def test_a_seed_is_a_number_where_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    for words, seed in (("3", 3), ("monday", "monday")):
        assert main(["day", "--seed", words, "--transactions", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["seed"] == seed


def test_json_has_what_was_promised(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["day", "--seed", "3", "--transactions", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report.keys() >= PROMISED
    assert report["discrepancies"] == []
    assert report["transactions"] == 3 <= sum(report["payments"].values()) and report["virtual_ms"] > 0
    assert len(bytes.fromhex(report["trace_sha256"])) == 32


@pytest.mark.parametrize(
    ("option", "value"),
    [*(("--transactions", number) for number in ("0", "-1", "100001")), ("--workers", "0"), ("--faults", "x")],
)
def test_a_day_that_cannot_be_is_refused(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["day", option, value]) == 2
    assert option in capsys.readouterr().err
