"""The benches run and say what they promise. No figure is judged here: a busy machine would make it a coin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.__main__ import line, main
from bench.cases import CASES, TINY, Row

FIELDS = {"name", "value", "least", "most", "unit", "peer", "bound", "ratio", "met", "less", "aim"}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_bench_gives_rows_with_a_peer_and_noise(name: str) -> None:
    rows = CASES[name](TINY)
    assert rows
    for row in rows:
        assert row.name and row.unit and row.peer
        assert 0 < row.least <= row.value <= row.most
        assert row.bound > 0


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
