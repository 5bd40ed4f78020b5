"""A terminal's own recording: nothing in it that may not be shown, and its decisions are taken again.

The terminal is the handheld's process: real drivers on wire twins, real time, the acquirer on TCP.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from certify_tester import Terminal

from drivers.ports import Key, Paper, Text
from keys.testkeys import TEST_TMK
from sim.__main__ import main
from sim.acquirer import Acquirer
from sim.acquirer.server import AcquirerServer
from sim.canary import digits, found, needles
from sim.card import PROFILES
from sim.deeds import Act, Until, step_from
from sim.recording.following import follow
from sim.recording.reading import RecordingError, read_lines
from sim.recording.standins import cues
from sim.recording.verdict import Verdict
from sim.story import FIRST_RUN, OPERATOR, play
from sim.world import World
from terminal.hostlink.profile import load_profile
from terminal.loop.real import RealLoop
from terminal.recorded import recorded
from terminal.recording import Recording

CARD = "pin-12"
STORY = f"""{FIRST_RUN}{OPERATOR}
idle: 12850 ENTER
choose_method: 1
insert_card: insert {CARD}
enter_pin: {PROFILES[CARD].pin} ENTER
approved:
remove_card: remove
idle: 77 ENTER
choose_method: 1
insert_card: insert signature
compare_signature: ENTER
remove_card: remove
idle: 600 ENTER
choose_method: 1
insert_card: insert do-not-honour
enter_pin: {PROFILES["do-not-honour"].pin} ENTER
declined:
remove_card: remove
idle: 500 ENTER
choose_method: 1
insert_card: CANCEL
idle:
"""


AFTER_A_POWER_CUT = """
enter_number: CLEAR 1 ENTER
operator_password: 1234 ENTER
idle: 600 ENTER
choose_method: 4
cash_tendered: ENTER
idle:
"""


def record_a_day(folder: Path) -> Path:
    """In two lives. The operator's number is typed in the second: no recording has it."""
    path = folder / "bug.jsonl"
    with AcquirerServer(Acquirer()) as server:
        for story in (STORY, AFTER_A_POWER_CUT):
            loop = RealLoop(lambda work: None)
            terminal = Terminal(loop, folder, server.port, record=path)
            try:
                loop.run(play(terminal, story))
            finally:
                loop.close()
                terminal.close()
    return path


@pytest.mark.slow
def test_a_day_s_recording_holds_no_secret_and_its_decisions_are_taken_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One test, for the day takes its real time."""
    path = record_a_day(tmp_path)
    holds_no_secret(path.read_bytes())
    found_out = follow(path)
    assert found_out.same, found_out
    assert (found_out.lives, found_out.decisions >= 10) == (2, True)
    assert main(["replay", str(path)]) == 0
    assert "decisions" in capsys.readouterr().out
    lines = path.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if '"to":"approved"' in line)
    lines[at] = lines[at].replace('"to":"approved"', '"to":"declined"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert follow(path).line == at + 1, "where it departs is named"


def holds_no_secret(text: bytes) -> None:
    card = PROFILES[CARD]
    app = card.applications[0]
    wanted = needles(
        {
            "PAN": list(digits(card.pan)),
            "track": [f"{card.pan}D{app.expiry[:4]}".encode()],
            "PIN": list(digits(card.pin)),
            "key": [bytes(TEST_TMK)],
        }
    )
    assert found(wanted, "the recording", text) == []
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["key"] for line in lines if line.get("is") == "key"} <= {"digit", "enter", "cancel", "clear"}
    assert "12850" in "".join(str(line.get("digits", "")) for line in lines)
    frames = [line for line in lines if line.get("is") == "frame" and line["mti"] == "0200"]
    assert frames
    assert set(frames[0]["fields"]["52"]) == {"*"}


HEADER = {"recording": 1, "full": False, "language": "en", "profile": "unionpay", "panel": "ssd1306"}
SOLD = {"is": "journal", "kind": "moved", "id": 1, "from": "new", "to": "completed"}
MORE = {"is": "journal", "kind": "moved", "id": 1, "from": "completed", "to": "voided"}


def glass(name: str) -> dict[str, Any]:
    return {"is": "screen", "name": name}


def keys(*names: str) -> list[dict[str, Any]]:
    return [{"is": "key", "key": name} for name in names]


CASH = [
    *(glass("idle"), *keys("digit"), {"is": "typed", "digits": "6"}, glass("enter_amount"), *keys("enter")),
    *(glass("choose_method"), *keys("digit"), {"is": "typed", "digits": "4"}, glass("cash_tendered"), *keys("enter")),
]
MENU_AND_BACK = [glass("idle"), *keys("up"), glass("menu"), *keys("cancel"), glass("idle")]
TONE = {"is": "tone", "tone": "key"}  # Says only that it was still recorded.


def followed(path: Path, *lives: list[dict[str, Any]], after_ms: int = 0) -> Verdict:
    """Each line half a second behind the one before, and the last of each life `after_ms` later."""
    written: list[dict[str, Any]] = []
    for life in lives:
        at = [500 * number for number in range(len(life))]
        at[-1] += after_ms
        written += [HEADER, *({"at": at_ms, **line} for at_ms, line in zip(at, life, strict=True))]
    path.write_text("".join(json.dumps(line) + "\n" for line in written), encoding="utf-8")
    return follow(path)


def test_what_a_recording_decided_beyond_what_comes_about_is_named(tmp_path: Path) -> None:
    life = [*CASH, SOLD, glass("idle"), MORE]
    found_out = followed(tmp_path / "bug.jsonl", life)
    assert (found_out.line, found_out.recorded, found_out.seen) == (1 + len(life), "moved completed to voided", "")


@pytest.mark.parametrize("life", [[*CASH, SOLD, glass("idle"), TONE], [*CASH, SOLD, *MENU_AND_BACK, TONE]])
def test_a_recording_with_all_its_decisions_is_followed(tmp_path: Path, life: list[dict[str, Any]]) -> None:
    found_out = followed(tmp_path / "day.jsonl", life, after_ms=60_000)
    assert (found_out.same, found_out.decisions) == (True, 1)


def test_a_decision_before_a_deed_that_the_recording_does_not_have_is_named_at_the_deed(tmp_path: Path) -> None:
    life = [*CASH, *MENU_AND_BACK]
    found_out = followed(tmp_path / "bug.jsonl", life)
    named = 1 + 1 + next(at for at, line in enumerate(life) if line.get("key") == "up")
    assert (found_out.line, found_out.recorded, found_out.seen) == (named, "", "moved new to completed")


def test_a_decision_before_a_rest_that_the_recording_does_not_have_is_named_at_its_end(tmp_path: Path) -> None:
    life = [*CASH, glass("idle"), TONE]
    found_out = followed(tmp_path / "bug.jsonl", life, after_ms=60_000)
    assert (found_out.line, found_out.recorded, found_out.seen) == (1 + len(life), "", "moved new to completed")


@pytest.mark.parametrize("life", [CASH, [*CASH, glass("idle"), TONE], CASH[:-1]])
@pytest.mark.parametrize("lives_after", [0, 1])
def test_a_recording_that_ended_in_the_middle_is_followed(
    tmp_path: Path, life: list[dict[str, Any]], lives_after: int
) -> None:
    """The last thing that the key did, or what came at the very end, was not written any more."""
    again = [glass("boot"), glass("enter_number"), *keys("enter"), glass("operator_password"), TONE]
    assert followed(tmp_path / "cut.jsonl", life, *[again] * lives_after).same


REFUSED = [glass("operator_password"), {"is": "tone", "tone": "failure"}, glass("operator_password")]
TWICE = [*keys("digit", "digit", "digit", "digit", "enter"), *REFUSED]


@pytest.mark.parametrize(
    ("after", "typed_here"),
    [
        ([*keys("digit", "digit", "digit", "enter"), *REFUSED], "4321"),
        ([*keys("digit", "digit", "digit", "enter"), glass("idle")], "1234"),
        ([*keys("digit", "enter"), glass("operator_password")], "12"),
        ([*keys("digit", "digit", "digit", "enter"), glass("operator_password"), *TWICE], "1234"),
        ([*keys("digit", "digit", "digit", "clear"), *REFUSED], "1234"),
    ],
    ids=["wrong", "right", "too short", "new, and again", "cleared"],
)
def test_a_password_is_as_good_as_the_one_that_was_typed(after: list[dict[str, Any]], typed_here: str) -> None:
    lines = [glass("operator_password"), *keys("digit"), *after]
    deeds = [cue.deed for cue in cues([(at, {"at": at, **line}) for at, line in enumerate(lines, 2)])]
    assert deeds[:2] == [Until("screen", "operator_password"), Act(step_from({"press": typed_here}))]


def test_three_wrong_passwords_lock_the_operator_here_too(tmp_path: Path) -> None:
    """What is typed behind them reaches no sale."""
    life = [glass("boot"), glass("enter_number"), *keys("enter"), glass("operator_password"), *TWICE * 4]
    life += [*keys("cancel"), glass("enter_number"), *keys("cancel"), TONE]
    found_out = followed(tmp_path / "locked.jsonl", [glass("idle"), TONE], life, after_ms=60_000)
    assert (found_out.same, found_out.decisions) == (True, 0), found_out


@pytest.mark.parametrize(
    "header",
    ["{}", '{"recording":1,"full":0}', '{"recording":1,"full":false,"panel":"ssd1306","profile":"/etc/passwd"}'],
)
def test_a_stranger_s_header_is_refused_with_its_line(header: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.jsonl"
    path.write_text(header + "\n", encoding="utf-8")
    with pytest.raises(RecordingError, match="line 1"):
        follow(path)


def recording(path: Path, **more: Any) -> Recording:
    about = {"language": "en", "profile": "unionpay", "panel": "ssd1306"}
    return Recording(path, profile=load_profile("unionpay"), about=about, clock_ms=lambda: 7, **more)


def said(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_after_a_function_key_no_digit_is_told_before_the_glass_has_changed(tmp_path: Path) -> None:
    """A password that is typed ahead of the screen that asks for it, behind a choice made with ENTER."""
    path = tmp_path / "ahead.jsonl"
    tape = recording(path)
    tape.screen("menu")
    for key in (Key.ENTER, Key.D1, Key.D2):
        tape.key(key)
    tape.screen("operator_password")
    tape.close()
    assert [line for line in said(path) if line.get("is") == "typed"] == []


def test_of_a_command_only_the_header_is_told_and_of_its_answer_the_length(tmp_path: Path) -> None:
    """A VERIFY has the PIN in it, a record the card's number."""
    path = tmp_path / "card.jsonl"
    tape = recording(path)
    tape.apdu(bytes.fromhex("0020008008241234FFFFFFFFFF"), bytes.fromhex("9000"))
    tape.apdu(bytes.fromhex("00B2010C00"), bytes.fromhex("700A5A086225000000000030") + bytes.fromhex("9000"))
    tape.close()
    assert [{**line, "at": 0} for line in said(path)[1:]] == [
        {"at": 0, "is": "apdu", "command": "00200080", "answer": 2, "status": "9000"},
        {"at": 0, "is": "apdu", "command": "00b2010c", "answer": 14, "status": "9000"},
    ]


def typed(path: Path, before: str, digits_typed: str, after: str) -> list[str]:
    tape = recording(path)
    tape.screen(before)
    for digit in digits_typed:
        tape.key(Key(digit))
    tape.screen(after)
    tape.close()
    return [str(line["digits"]) for line in said(path) if line.get("is") == "typed"]


@pytest.mark.parametrize(
    ("before", "keys", "after", "shown"),
    [
        ("idle", "5", "enter_amount", ["5"]),
        ("enter_amount", "00", "enter_amount", ["00"]),
        ("menu", "4123456", "enter_pin", ["4"]),
        ("enter_pin", "123456", "connecting", []),
        ("insert_card", "123456", "enter_pin", []),
        ("type_card_number", "6225", "type_card_number", []),
        ("operator_password", "1234", "idle", []),
        ("type_component", "5", "type_component", []),
        ("idle", "1", "operator_password", []),
        ("enter_pin", "6", "enter_amount", []),
        ("insert_card", "6", "enter_amount", []),
    ],
)
def test_a_digit_is_told_only_where_the_glass_shows_it(
    before: str, keys: str, after: str, shown: list[str], tmp_path: Path
) -> None:
    assert typed(tmp_path / "keys.jsonl", before, keys, after) == shown


def test_a_file_that_has_grown_to_its_limit_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    reports: list[str] = []
    tape = recording(tmp_path / "full.jsonl", limit_bytes=500, report=reports.append)
    for _ in range(100):
        tape.screen("idle")
    tape.close()
    assert len(reports) == 1
    assert (tmp_path / "full.jsonl").stat().st_size < 600


def test_lives_stand_behind_each_other(tmp_path: Path) -> None:
    path = tmp_path / "lives.jsonl"
    for _ in range(2):
        tape = recording(path)
        tape.screen("idle")
        tape.close()
    assert [line.get("name", "begin") for line in said(path)] == ["begin", "idle", "begin", "idle"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_life_whose_last_line_was_torn_hurts_no_other(tmp_path: Path) -> None:
    """The power goes while a line is written; the next life begins on a line of its own."""
    path = tmp_path / "torn.jsonl"
    for _ in range(2):
        tape = recording(path)
        tape.screen("idle")
        tape.close()
        with path.open("a", encoding="utf-8") as file:
            file.write('{"at":7,"is":"scr')
    numbers = [number for number, _ in read_lines(path.open(encoding="utf-8"), lives=True)]
    assert numbers == [1, 2, 4, 5]
    assert follow(path).same
    path.write_text(path.read_text(encoding="utf-8") + '\n{"is":"tone"}\n', encoding="utf-8")
    with pytest.raises(RecordingError, match="line 6: not JSON"):
        follow(path)


def test_a_roll_that_runs_low_is_told_once_and_so_is_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "paper.jsonl"
    tape = recording(path)
    with World("paper") as world:
        printer = recorded(world.devices, tape).printer
        for paper in (Paper.OK, Paper.LOW, Paper.LOW, Paper.OK, Paper.OK):
            world.set_paper(paper)
            assert printer.print((Text("slip"),)) is paper
    tape.close()
    assert [line["state"] for line in said(path) if line.get("is") == "paper"] == ["low", "ok"]
