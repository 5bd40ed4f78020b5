"""Scenario files: each shipped one comes about in both languages, every unhappy case is shown, the reader is strict."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sim.__main__ import main
from sim.scenario.command import shipped
from sim.scenario.playing import play_scenario
from sim.scenario.reading import ScenarioError, load_scenario, read_scenario
from sim.scenario.schema import schema, schema_text
from sim.unhappy import ELSEWHERE, UNHAPPY

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "sim" / "scenarios" / "scenario.schema.json"

class CoreSchema(yaml.SafeLoader):
    """YAML 1.2 as editors read it: 43200 is a number, `on` and `off` are words."""


INT = "tag:yaml.org,2002:int"
CoreSchema.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] == INT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
HEAD = "title: {zh: 一, en: one}\nsteps:\n"


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_it_comes_about(path: Path, language: str) -> None:
    played = play_scenario(load_scenario(path), language, "")
    assert not played.problem, f"{path.name}:{played.line}:{played.column}: {played.problem}"


def test_every_unhappy_case_is_shown_somewhere() -> None:
    scenarios = [load_scenario(path) for path in shipped()]
    assert len(scenarios) >= 40
    assert set(UNHAPPY) == {case for scenario in scenarios for case in scenario.shows}
    assert all((ROOT / place).is_file() for place in ELSEWHERE.values())


def test_the_shipped_schema_is_the_reader_s_and_takes_every_shipped_file() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft202012Validator.check_schema(schema())
    check = jsonschema.Draft202012Validator(schema())
    for path in shipped():
        check.validate(yaml.load(path.read_text(encoding="utf-8"), Loader=CoreSchema))


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("", "1:1", "empty"),
        ("title: [", "1:9", "not YAML"),
        (HEAD + "  - insert: no-such-card\n", "3:13", "no-such-card"),
        (HEAD + "  - jump: high\n", "3:5", "no such step"),
        (HEAD + "  - insrt: signature\n", "3:5", "no such step: insrt; did you mean insert"),
        (HEAD + "  - insert: signatur\n", "3:13", "did you mean signature"),
        (HEAD + "  - expect: {book: agree}\n", "3:20", "expect has no book; did you mean books"),
        (HEAD + "  - press: 5 ENTR\n", "3:12", "digits and key names; 'ENTR': did you mean ENTER"),
        (HEAD + "  - press: '5  ENTER'\n", "3:12", "one blank between them"),
        (HEAD + "  - wait: 1.5\n", "3:11", "a whole number from 0"),
        (HEAD + "  - insert\n", "3:5", "wants something behind it"),
        (HEAD + "  - remove: it\n", "3:13", "stands alone"),
        (HEAD + "  - press: 1\n    see: idle\n", "3:5", "one verb"),
        (HEAD + "  - see: &a idle\n", "3:10", "no anchors"),
        (HEAD + "  - see: *a\n", "3:10", "no aliases"),
        (HEAD + "  - see: !!str idle\n", "3:10", "no tags"),
        (HEAD + "  - expect: {books: perhaps}\n", "3:21", "perhaps"),
        (HEAD + "  - press: ENTER\ntitle: twice\n", "4:1", "twice"),
        (HEAD + "  - press: ENTER\n---\ntitle: another\n", "4:1", "one scenario a file"),
        ("title: one\n", "1:1", "steps is missing"),
        ("x" * 70_000, "1:1", "characters"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, where: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=reason) as told:
        read_scenario(text, "mine.yaml")
    assert str(told.value).startswith(f"mine.yaml:{where}: ")


@given(st.text(max_size=400) | st.builds(lambda tail: HEAD + "  - " + tail, st.text(max_size=200)))
def test_whatever_the_text_is_it_is_read_or_refused(text: str) -> None:
    try:
        read_scenario(text, "any.yaml")
    except ScenarioError as told:
        assert told.mark.line >= 1


def test_every_step_that_cannot_be_read_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(HEAD + "  - pres: 1\n  - see: idle\n  - insert: signatur\n" + "  - x\n" * 40, encoding="utf-8")
    assert main(["scenario", str(path)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in told[:3]] == [f"{path}:{place}" for place in ("3:5", "5:13", "6:5")]
    assert len(told) == 20


def test_what_does_not_come_about_says_what_was_seen_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(HEAD + "  - press: 500 ENTER\n  - see: insert_card\n", encoding="utf-8")
    assert main(["scenario", str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["line"], told["passed"]) == (4, False)
    assert "choose_method" in told["problem"]


def test_the_list_is_for_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "--list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "reversal-lost" in [row["name"] for row in rows]
    assert {case for row in rows for case in row["shows"]} == set(UNHAPPY)


def test_what_is_not_there_says_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "no-such-thing"]) == 2
    assert "--list" in capsys.readouterr().err
