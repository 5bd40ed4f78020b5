"""A trading day: one seed decides everything, whatever PYTHONHASHSEED; its books agree; its report is as promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sim.__main__ import main
from sim.day import ordinary_weather, run_day

ROOT = Path(__file__).parents[1]
PROMISED = {
    "seed",
    "transactions",
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
    assert report.discrepancies == [], f"python -m sim day --seed {seed} --transactions 150"
    assert report.unknown == 0
    ends = report.approved + report.declined + report.reversed + report.abandoned + report.unanswered
    assert ends == report.transactions >= 150
    assert report.approved > 0 and report.declined > 0


def test_json_has_what_was_promised(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["day", "--seed", "3", "--transactions", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report.keys() >= PROMISED
    assert report["discrepancies"] == []
    assert report["transactions"] >= 3 and report["virtual_ms"] > 0
    assert len(bytes.fromhex(report["trace_sha256"])) == 32


@pytest.mark.parametrize("transactions", ["0", "-1", "100001"])
def test_a_day_of_no_size_is_refused(transactions: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["day", "--transactions", transactions]) == 2
    assert "--transactions" in capsys.readouterr().err


def test_the_weather_is_drawn_by_seed_and_number_alone() -> None:
    """Asked in another order it answers the same, so that one fault more moves no other."""
    once, again = ordinary_weather(5), ordinary_weather(5)
    numbers = range(1, 2_000)
    assert [once.trip(n) for n in numbers] == [again.trip(n) for n in reversed(numbers)][::-1]
    assert any(once.trip(n).drop_reply for n in numbers)
    assert any(once.refuse(n) for n in numbers)
    assert [once.latency_ms(n) for n in numbers] != [ordinary_weather(6).latency_ms(n) for n in numbers]
