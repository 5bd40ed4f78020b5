"""A recording of a world, played again to the byte; and what a stranger's file may try."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.__main__ import main
from sim.deeds import Act, Arm, Done, Entry, Passed, Until, step_from
from sim.live import Broken, Live
from sim.recording.lines import Line
from sim.recording.playing import record, recording_of, replay
from sim.recording.reading import RecordingError, read_deeds, read_host, read_lines, read_terms
from sim.scenario.steps import Step
from sim.stage import Stage, Terms
from sim.witness import Witness, drawn
from terminal.screens import catalogue as screens
from terminal.screens.font import load_font
from terminal.screens.render import picture

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.
DAY: list[Entry] = [
    Done(Act(step_from({"press": "500 ENTER"}))),
    Done(Until("screen", "choose_method")),
    Done(Act(step_from({"press": "1"}))),
    Done(Until("screen", "insert_card")),
    Done(Arm("before-printer")),
    Done(step_from({"insert": "signature"})),
    Passed(400_000),
    Done(step_from({"see": "approved"}), 500_000),
]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "day.jsonl"
    with path.open("w", encoding="utf-8") as out:
        record(Terms(seed=7), DAY, out)
    return path


def test_a_day_with_a_power_cut_is_the_same_again(recorded: Path) -> None:
    found = replay(recorded)
    assert found.same
    assert found.deeds == len(DAY)
    lines = [line for _, line in read_lines(recorded.open(encoding="utf-8"))]
    assert len({line["pixels"] for line in lines if line.get("is") == "screen"}) > 5
    kinds = {line.get("is") for line in lines}
    assert {"key", "draw", "apdu", "frame", "screen", "journal", "power", "failed"} <= kinds


def test_a_world_that_did_not_see_the_same_is_not_recorded_as_if_it_had() -> None:
    with Live(Terms(seed=7)) as live:
        kept = live.snapshot().result(20)
    assert recording_of(kept).endswith(f'"digest":"{kept.digest}","end":0}}\n')
    with pytest.raises(ValueError, match="did not make the same world"):
        recording_of(replace(kept, digest="0" * 64))


def test_what_breaks_a_world_is_the_end_of_its_recording() -> None:
    with Live(Terms(seed=7)) as live:
        with pytest.raises(Broken):
            live.do(Step("press", "X")).result(20)  # Nobody's mistake to catch: a step is read with care.
        *_, broken, end = recording_of(live.snapshot().result(20)).splitlines()
    assert "is not a valid Key" in broken
    assert json.loads(end)["end"] == 1


@pytest.mark.parametrize("kind", ["screen", "frame", "apdu", "journal", "draw", "key"])
def test_what_differs_is_named_by_its_line(kind: str, recorded: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in recorded.read_text(encoding="utf-8").splitlines()]
    at = next(number for number, line in enumerate(lines) if line.get("is") == kind)
    lines[at]["at"] += 1
    changed = tmp_path / "changed.jsonl"
    changed.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    found = replay(changed)
    assert (found.same, found.line) == (False, at + 1)


def test_a_code_on_the_glass_is_the_same_to_the_dot() -> None:
    """Its words are the same whatever it leads to."""

    def shown(payload: str) -> tuple[str, str, tuple[str, ...]]:
        with Stage(Terms(seed=7)) as stage:
            witness = Witness(stage, lambda at_ms, what, value: None)
            code = picture(screens.ShowStatic(payload=payload), "en", load_font("unifont"))
            stage.world.display.show(code)
            return witness.digest, drawn(code, stage.terms), code.text()

    one, again, other = (shown(f"HTTPS://A.TEST/{number}") for number in (1, 1, 2))
    assert one == again
    assert one[0] != other[0] and one[1] != other[1] and one[2] == other[2]


def test_a_file_that_ends_early_or_late_is_not_the_same(recorded: Path, tmp_path: Path) -> None:
    text = recorded.read_text(encoding="utf-8")
    early, late = tmp_path / "early.jsonl", tmp_path / "late.jsonl"
    early.write_text("".join(text.splitlines(keepends=True)[:-1]), encoding="utf-8")
    late.write_text(text + "{}\n", encoding="utf-8")
    assert not replay(early).same
    early.write_text(text[:-9], encoding="utf-8")
    with pytest.raises(RecordingError, match="not JSON; the file ends in the middle of it"):
        replay(early)
    assert not replay(late).same
    late.write_text(text + "\n \n", encoding="utf-8")  # What an editor leaves.
    assert replay(late).same


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "told.jsonl"
    assert main(["scenario", "wrong-pin-thrice-reversal-lost-power-cut", "--record", str(path)]) == 0
    assert main(["replay", str(path), "--json"]) == 0
    capsys.readouterr()
    assert main(["scenario", "declined", "--record", str(tmp_path / "a b"), "--json"]) == 0
    lines = len((tmp_path / "a b").read_text(encoding="utf-8").splitlines())
    assert json.loads(capsys.readouterr().out) == {"file": str(tmp_path / "a b"), "lines": lines}
    assert main(["scenario", "declined", "--record", str(tmp_path / "a b")]) == 0
    assert f"python -m sim replay '{tmp_path / 'a b'}'" in capsys.readouterr().out
    assert main(["replay", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["same"]
    path.write_text(path.read_text(encoding="utf-8").replace('"name":"idle"', '"name":"busy"', 1), encoding="utf-8")
    assert main(["replay", str(path)]) == 1
    assert "not what comes about here" in capsys.readouterr().out
    path.write_text("{}\n", encoding="utf-8")
    assert main(["replay", str(path)]) == 2
    assert "line 1" in capsys.readouterr().err


GOOD = {
    "seed": 1,
    "language": "en",
    "panel": [128, 64],
    "begin": "new",
    "offered": "all",
    "lines": 1,
    "profile": "unionpay",
    "amount_codes": False,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_hostile_terms_are_terms_or_refused(name: str, value: object) -> None:
    try:
        terms = read_terms(3, {**GOOD, name: value})
    except RecordingError as refused:
        assert refused.line == 3
    else:
        assert isinstance(terms, Terms)


@given(st.lists(st.dictionaries(st.sampled_from(["do", "is", "at"]), JSON, max_size=3), max_size=4))
def test_hostile_deeds_are_deeds_or_refused_with_their_line(lines: list[dict[str, object]]) -> None:
    try:
        read_deeds(enumerate(lines, 1))
    except RecordingError as refused:
        assert "do" in lines[refused.line - 1]


@given(JSON, st.lists(st.fixed_dictionaries({"is": st.sampled_from(["host", "frame"]), "answers": JSON, "hex": JSON})))
def test_what_a_hostile_file_says_of_a_host_is_read_or_refused(outside: object, lines: list[dict[str, object]]) -> None:
    try:
        said = read_host(1, {"outside": outside}, enumerate(lines, 2))
    except RecordingError as refused:
        assert 1 <= refused.line <= len(lines) + 1
    else:
        assert outside is None or said is not None


@pytest.mark.parametrize(
    ("outside", "line", "refused"),
    [
        ({"first_stan": -1}, {}, "line 1: outside"),
        ({"first_stan": True}, {}, "line 1: outside"),
        ({"first_stan": 0}, {"is": "host", "answers": 65}, "line 2: answers"),
        ({"first_stan": 0}, {"is": "host"}, "line 2: answers"),
    ],
)
def test_what_no_host_can_have_said_is_refused_with_its_line(outside: object, line: Line, refused: str) -> None:
    with pytest.raises(RecordingError, match=refused):
        read_host(1, {"outside": outside}, [(2, line)])


@given(st.text(max_size=60))
def test_hostile_lines_are_objects_or_refused(text: str) -> None:
    try:
        list(read_lines([text]))
    except RecordingError as refused:
        assert refused.line == 1
