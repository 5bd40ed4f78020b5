"""The benches run and say what they promise. No figure is judged here: a busy machine would make it a coin."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import codec_cases, emv_cases, kernel_cases, key_cases, qr_cases, qr_waits
from bench.__main__ import line, main
from bench.beside import SERVER, Peers, PeersMissing
from bench.cases import CASES, TINY, Row

FIELDS = {"name", "value", "least", "most", "unit", "peer", "bound", "ratio", "met", "less", "aim"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, "card-chain", "kernel", "qr-on-glass", "qr-orders", "qr-waits"])
def test_a_bench_gives_rows_with_a_peer_and_noise(name: str) -> None:
    others = {
        "card-chain": kernel_cases.card_chain,
        "kernel": kernel_cases.kernel,
        "qr-on-glass": qr_cases.on_the_glass,
        "qr-orders": qr_cases.orders,
        "qr-waits": qr_waits.in_a_world,
    }
    rows = (CASES | others)[name](TINY)
    assert rows
    for row in rows:
        assert row.name and row.unit and row.peer
        assert 0 < row.least <= row.value <= row.most
        assert row.bound > 0


@pytest.mark.slow
def test_a_code_is_waited_for_at_a_process_too() -> None:
    """One order of each way round, by the clock on the wall: 2 + 5 seconds that a result stands, and a start."""
    rows = qr_waits.in_processes(replace(TINY, rounds=0))
    assert [row.unit for row in rows] == ["ms"] * 4 and all(row.least > 0 for row in rows)


def test_json_has_the_machine_and_every_field_on_its_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "build" / "bench.json"
    assert main(["--json", "--tiny", "--out", str(out), "changed-digit"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == json.loads(out.read_text(encoding="utf-8"))
    assert {"commit", "processor", "python"} <= said["machine"].keys()
    assert set(said["benches"]) == {"changed-digit"}
    assert all(row.keys() == FIELDS for row in said["benches"]["changed-digit"])


def test_a_changed_digit_keeps_to_its_aim() -> None:
    """Bytes are counted, not timed, so this one may be judged."""
    rows = [row for row in CASES["changed-digit"](TINY) if row.aim is not None]
    assert rows
    assert all(row.most <= row.bound for row in rows)


def test_an_unknown_bench_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2
    assert "nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "less", "verdict"), [(5, True, "met"), (15, True, "MISSED"), (15, False, "met")])
def test_a_missed_aim_is_told(value: float, less: bool, verdict: str) -> None:
    assert line(Row("a", value, value, value, "ms", "aim", 10, less=less)).endswith(verdict)


# Beside a peer


ANSWERS = "import sys\nfor line in sys.stdin: print('1000', {result!r}, flush=True)"


def peer(result: str) -> Peers:
    return Peers((sys.executable, "-c", ANSWERS.format(result=result)))


def test_a_peer_with_the_same_result_is_measured_in_turns() -> None:
    with peer("aa55") as peers:
        found = peers.beside("anything", lambda: b"\xaa\x55", 3, round_ns=1_000)
    assert len(found.ours) == len(found.theirs) == 3
    assert all(figure > 0 for figure in found.ours + found.theirs)


def test_a_peer_with_another_result_is_no_peer() -> None:
    with peer("aa56") as peers, pytest.raises(ValueError, match="another"):
        peers.beside("anything", lambda: b"\xaa\x55", 3)


def test_a_peer_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(PeersMissing, match="make bench-peers"):
        Peers((str(tmp_path / "python"), "serve.py"))


def test_the_peers_side_names_what_it_has_not() -> None:
    with Peers((sys.executable, str(SERVER))) as peers, pytest.raises(PeersMissing, match="nonsense"):
        peers.timed("nonsense", 1)


def test_every_case_has_its_peer() -> None:
    """The server is a file of the peers' interpreter; its names are read, not run."""
    there = runpy.run_path(str(SERVER))["CASES"]
    names = {name for _, name, *_ in key_cases.CASES + emv_cases.CASES + codec_cases.CASES}
    assert names | {f"{name}-cemacqr" for _, name, _ in qr_cases.CASES} == set(there)
    node = qr_cases.NODE_SERVER.read_text(encoding="utf-8")
    assert all(f'"{name}-promptparse":' in node for _, name, _ in qr_cases.CASES)


def test_our_side_of_the_merchant_code_reads_what_it_builds() -> None:
    results = {name: ours()() for _, name, ours in qr_cases.CASES}
    assert results["build"].startswith(b"000201010212") and results["read"] == b"128.50"


def test_the_price_of_a_handle_is_told() -> None:
    assert [row.unit for row in key_cases.stored(TINY)] == ["us", "us"]


@pytest.mark.parametrize("case", key_cases.CASES + emv_cases.CASES + codec_cases.CASES, ids=lambda case: case[1])
def test_our_side_of_each_key_case_runs(case: tuple[str, str, str, Callable[[], Any], float | None]) -> None:
    made = case[3]()
    assert made if isinstance(made, bytes) else made()
