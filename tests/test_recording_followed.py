"""What went wrong at the line, at the host, with a card or a device is followed in a recording that holds no secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.display import PANELS
from keys.testkeys import TEST_TMK
from sim.canary import digits, found, needles, packed
from sim.card import PROFILES
from sim.deeds import step_from
from sim.recording.following import follow
from sim.recording.reading import RecordingError
from sim.recording.standins import cues
from sim.scenario.command import shipped
from sim.scenario.playing import terms_of
from sim.scenario.reading import load_scenario
from sim.stage import Stage, Terms
from terminal.hostlink.profile import load_profile
from terminal.loop import Loop
from terminal.recording import Recording

pytestmark = pytest.mark.slow
# What a failed disk kept of the row that it failed at is nobody's to say: from there on they are not judged.
TO_THE_DISK = (
    "disk-full-before-the-request",
    "disk-full-for-an-hour",
    "disk-sync-fails-at-the-approval",
    "disk-sync-fails-then-power-cut",
)
CARDS = (
    "afl-empty",
    "app-blocked",
    "cdol1-cut",
    "not-for-goods",
    "pulled-at-ac",
    "pulled-at-directory",
    "silent-at-gpo",
)
APPLICATIONS = [app for card in PROFILES.values() for app in card.applications]
SECRETS = needles(
    {
        "PAN": [form for app in APPLICATIONS for form in digits(app.pan)],
        "track": [packed(f"{app.pan}D{app.expiry[:4]}") for app in APPLICATIONS],
        "key": [bytes(TEST_TMK)],
    }
)




def record(out: Path, terms: Terms, play: Callable[[Stage], None]) -> str:
    """What a terminal's own recording has of it, which holds no secret."""
    panel = next(name for name, size in PANELS.items() if size == terms.panel)
    about = {"language": terms.language, "profile": terms.profile, "panel": panel, "offered": terms.offered}

    def tape(loop: Loop) -> Recording:
        profile = load_profile(terms.profile)
        return Recording(out, profile=profile, about=about, clock_ms=loop.clock_ms, patient=True)

    with Stage(terms, tape=tape) as stage:
        play(stage)
    assert found(SECRETS, "the recording", out.read_bytes()) == []
    return out.read_text(encoding="utf-8")


def record_scenario(out: Path, path: Path) -> str:
    scenario = load_scenario(path)

    def play(stage: Stage) -> None:
        for step in scenario.steps:
            stage.perform(step)

    return record(out, terms_of(scenario, "en"), play)


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_it_decides_again_what_it_decided(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "bug.jsonl"
    text = record_scenario(out, path)
    verdict = follow(out)
    assert verdict.same, verdict
    assert verdict.decisions
    failed = text[: text.find('"is":"journal-failed"')].count("\n") + 1 if path.stem in TO_THE_DISK else 0
    assert verdict.until == failed, verdict


@pytest.mark.parametrize("card", CARDS)
def test_a_card_of_which_nothing_came_is_one_of_which_nothing_comes(card: str, tmp_path: Path) -> None:
    def play(stage: Stage) -> None:
        for step in ({"press": "12850 ENTER"}, {"press": "1"}, {"see": "insert_card"}, {"insert": card}, {"wait": 1}):
            stage.perform(step_from(step))
        if stage.showing() == "enter_pin":
            stage.perform(step_from({"press": f"{PROFILES[card].pin} ENTER"}))
        for told in ({"see": "card_problem"}, {"press": "ENTER"}, "remove", {"wait": 60}):
            stage.perform(step_from(told))

    out = tmp_path / "bug.jsonl"
    record(out, Terms(seed="card", language="en", panel=(128, 64), begin="signed-in"), play)
    verdict = follow(out)
    assert verdict.same, verdict
    assert not verdict.until


def test_a_day_without_power_is_as_long(tmp_path: Path) -> None:
    """Behind it the terminal has to sign in again."""

    def play(stage: Stage) -> None:
        stage.perform(step_from({"press": "500 ENTER"}))
        stage.perform(step_from({"press": "4 ENTER"}))
        stage.perform(step_from({"wait": 30}))
        stage.perform(step_from({"power": "off"}))
        stage.perform(step_from({"wait": 86_400}))
        stage.perform(step_from({"power": "on"}))
        for told in ({"see": "enter_number"}, {"press": "ENTER"}, {"press": "1234 ENTER"}, {"wait": 30}):
            stage.perform(step_from(told))

    out = tmp_path / "bug.jsonl"
    text = record(out, Terms(seed="dark", language="en", panel=(128, 64), begin="signed-in"), play)
    assert '"from":"signed-in","to":"keyed"' in text
    verdict = follow(out)
    assert verdict.same, verdict
    assert not verdict.until


def test_one_made_before_rows_said_when_they_were_written_is_still_followed(tmp_path: Path) -> None:
    out = tmp_path / "bug.jsonl"
    path = next(path for path in shipped() if path.stem == "settled")
    text = record_scenario(out, path)
    assert '"wall_ms":' in text
    out.write_text(re.sub('"wall_ms":[0-9]+,', "", text), encoding="utf-8")
    assert follow(out).same


def test_a_moment_that_no_terminal_lives_to_see_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    """All of its time would be lived through."""
    out = tmp_path / "bug.jsonl"
    lines = record_scenario(out, next(path for path in shipped() if path.stem == "settled")).splitlines()
    lines[-1] = re.sub('"at":[0-9]+', f'"at":{10**18}', lines[-1])
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=f"^line {len(lines)}: at is more than a week"):
        follow(out)


def test_an_answer_that_no_host_gives_is_a_mistake_with_its_line() -> None:
    request = {"at": 2, "is": "frame", "from": "terminal", "mti": "0200", "fields": {}}
    answer = {"at": 3, "is": "frame", "from": "host", "mti": "0210", "fields": {"39": "?!"}}
    lines = [(7, {"at": 1, "is": "key", "key": "enter"}), (8, request), (9, answer)]
    with pytest.raises(RecordingError, match="^line 7: .*code=[?]!"):
        list(cues(lines))
