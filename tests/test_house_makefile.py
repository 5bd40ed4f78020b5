"""The Makefile: each target is explained, and make help shows it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROMISED = (
    "venv run test test-quick check bench demo day goldens diagrams diagrams-check conformance mutation system-deps "
    "install-pi doctor help"
)


def targets() -> dict[str, str]:
    """Each phony target and its help."""
    phony = MAKEFILE.split(".PHONY:")[1].split("\n\n")[0].replace("\\\n", " ").split()
    helps = dict(re.findall(r"(?m)^([a-z-]+):.*?## (.+)$", MAKEFILE))
    return {target: helps.get(target, "") for target in phony}


def test_every_target_has_its_line_of_help() -> None:
    assert {target for target, line in targets().items() if not line} == set()
    explained = set(re.findall(r"(?m)^([a-z-]+):.*## ", MAKEFILE))
    assert explained == set(targets()), "a target that is not .PHONY is confused by a file of its name"


def test_what_was_promised_is_there_and_help_lists_it() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in PROMISED.split():
        assert f"make {target} " in shown, target
    assert all(len(line) < 110 for line in shown.splitlines())


@pytest.mark.parametrize(
    "target", ["run", "test", "test-quick", "check", "demo", "day", "bench", "goldens", "diagrams", "conformance"]
)
def test_what_needs_the_environment_makes_it(target: str) -> None:
    rule = re.search(rf"(?m)^{target}:(.*?)##", MAKEFILE)
    assert rule is not None
    assert "venv" in rule[1]


@pytest.mark.parametrize("script", [".ci/run"])
def test_ci_runs_what_a_person_runs(script: str) -> None:
    text = (ROOT / script).read_text(encoding="utf-8")
    order = [text.index(word) for word in ("CI=true", "make system-deps", "make check", "make test")]
    assert order == sorted(order)


def test_diagrams_fit_the_tables() -> None:
    from terminal.tools.diagrams import run

    assert run(ROOT / "docs" / "diagrams", check=True) == 0


def test_a_stale_diagram_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from terminal.tools.diagrams import run

    assert run(tmp_path / "new", check=False) == 0
    assert run(tmp_path / "new", check=True) == 0
    (tmp_path / "new" / "mode.mmd").write_text("old", encoding="utf-8")
    assert run(tmp_path / "new", check=True) == 1
    assert "mode.mmd" in capsys.readouterr().out
