"""The pytest plugin, as its users have it: a pytest of its own, with the example of the documents."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_bench import TOKEN, Client

from sim.acquirer import Acquirer
from sim.acquirer.server import AcquirerServer
from sim.api.desk import Desk
from sim.api.server import ApiServer
from sim.scenario.steps import SCREENS
from sim.stage import Terms
from sim.story import FUNCTION_KEYS

ROOT = Path(__file__).parents[1]
SECTION = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8").split("## A world of your own, in tests")[1]
EXAMPLE_LINES = 20
pytestmark = pytest.mark.slow


def example(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)


def run(folder: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A pytest in a folder that knows nothing of this suite. The plugin is named: an old .venv has no entry point."""
    (folder / "test_example.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "sim.pytest_plugin", "-p", "no:cacheprovider", *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_the_example_is_short_and_passes_beside_itself(tmp_path: Path) -> None:
    [text] = example("python")
    assert len([line for line in text.splitlines() if line]) <= EXAMPLE_LINES
    ended = run(tmp_path, text, "-n", "2")
    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout


def test_the_example_passes_before_a_host_of_ones_own(tmp_path: Path) -> None:
    acquirer = Acquirer()
    with AcquirerServer(acquirer) as host:
        ended = run(tmp_path, example("python")[0], "--zhanggui-host", f"127.0.0.1:{host.port}")
        assert ended.returncode == 0, ended.stdout
        refused = run(tmp_path, example("python")[0], "--zhanggui-host", f"127.0.0.1:{host.port}", "-n", "1")
    assert sorted(entry.state.value for entry in acquirer.book.entries) == ["approved", "reversed"]
    assert "run with -n 0" in refused.stdout


def test_a_failure_says_its_seed_the_glass_and_what_was_done(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        "def test_fails(zhanggui_world):\n"
        "    zhanggui_world.press('500 ENTER')\n"
        "    zhanggui_world.run_until(screen='approved', within_ms=3_000)\n",
    )
    assert ended.returncode == 1
    assert "screen 'approved': not within 3 s; screen 'choose_method': Pay by ¥5.00" in ended.stdout
    told = ended.stdout.split(" zhanggui world ")[1].splitlines()
    deeds = [json.loads(line) for line in told if line.startswith("{")]
    assert deeds[0] == {"seed": "test_example.py::test_fails"}
    assert deeds[1] == {"act": {"press": "500 ENTER"}}
    assert deeds[2]["until"] == {"screen": "approved"}


def test_what_the_world_refuses_is_shown_at_the_test_s_own_line(tmp_path: Path) -> None:
    does = ("insert('signature')", "press('ENTR')", "run_until(screen='aproved')", "run_until()")
    tests = (
        f"def test_{at}(zhanggui_world):\n    zhanggui_world.insert('signature')\n    zhanggui_world.{deed}\n"
        for at, deed in enumerate(does)
    )
    ended = run(tmp_path, "\n".join(tests), "--tb=short")
    reasons = [line[2:] for line in ended.stdout.splitlines() if line.startswith("E  ")]
    assert [reason.strip() for reason in reasons] == [
        "sim.story.StoryError: there is a card in the reader already",
        f"ValueError: 'ENTR': digits and key names; 'ENTR': did you mean ENTER? one of {', '.join(FUNCTION_KEYS)}",
        f"ValueError: 'aproved': did you mean approved? one of {len(SCREENS)}",
        "ValueError: run until what? one of screen, text, slip, idle",
    ]
    assert "live.py" not in ended.stdout and "hand.py" not in ended.stdout


def test_a_failure_leaves_a_recording_and_says_how_to_see_it_again(tmp_path: Path) -> None:
    failing = "@pytest.mark.parametrize('how', ['a/b', 'a b'])\ndef test_fails(zhanggui_world, how):\n"
    failing += "    zhanggui_world.press('500 ENTER')\n    assert zhanggui_world.screen == 'idle'\n"
    for words in ([], ["--zhanggui-recordings", str(tmp_path / "kept here")]):
        ended = run(tmp_path, f"import pytest\n{failing}", *words)
        commands = re.findall(r"to see it again: python (-m sim replay .*)", ended.stdout)
        assert len(commands) == len(set(commands)) == 2
        for command in commands:
            again = [sys.executable, *shlex.split(command)]
            played = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, timeout=60)
            assert (played.returncode, "1 deeds" in played.stdout) == (0, True), played
    assert len(list((tmp_path / "kept here").iterdir())) == 2


def test_a_failure_before_a_host_of_ones_own_is_seen_again_without_it(tmp_path: Path) -> None:
    failing = "def test_fails(zhanggui_world):\n    zhanggui_world.press('500 ENTER')\n    assert 0\n"
    with AcquirerServer(Acquirer()) as host:
        ended = run(tmp_path, failing, "--zhanggui-host", f"127.0.0.1:{host.port}")
    [command] = re.findall(r"to see it again: python (-m sim replay .*)", ended.stdout)
    again = [sys.executable, *shlex.split(command)]
    played = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (played.returncode, "1 deeds" in played.stdout) == (0, True), played


def test_a_marker_that_is_wrong_is_told(tmp_path: Path) -> None:
    wrong = {
        "zhanggui(seed=-1)": "seed: a number below 2^63",
        "zhanggui(colour='red')": "colour: no such field",
        "zhanggui('zh-CN')": "each by its name",
    }
    tests = (f"@pytest.mark.{marker}\ndef test_{at}(zhanggui_world): ..." for at, marker in enumerate(wrong))
    ended = run(tmp_path, "\n".join(("import pytest", *tests, "")))
    assert "3 errors" in ended.stdout
    assert all(said in ended.stdout for said in wrong.values())


def test_nothing_of_the_simulator_is_imported_before_it_is_asked_for(tmp_path: Path) -> None:
    looks = "[name for name in sys.modules if name.startswith('sim.')]"
    text = f"import sys\ndef test_it():\n    assert {looks} == ['sim.pytest_plugin']\n"
    assert run(tmp_path, text).returncode == 0


@pytest.fixture
def client() -> Iterator[Client]:
    desk = Desk(Terms(seed=1))
    server = ApiServer(desk, port=0, token=TOKEN)
    server.start()
    speaks = Client(server)
    yield speaks
    speaks.close()
    server.close()
    desk.close()


def test_the_requests_of_the_documents_are_answered(client: Client) -> None:
    calls = re.findall(r"^zg \$URL(\S+)(?: -d '(.*)')?$", "".join(example("sh")), re.MULTILINE)
    assert len(calls) >= 7
    for path, told in calls:
        answer = client.raw("POST" if told else "GET", f"/v1{path}", told.encode() if told else None)
        assert answer.status == 200, (path, answer.data)
    [story] = re.findall(r"^  (sim/scenarios/\S+)", "".join(example("sh")), re.MULTILINE)
    played = client.post("/scenario", yaml=(ROOT / story).read_text(encoding="utf-8"))
    assert (played["ended"], client.get("/books")["agree"]) == ("done", True)
