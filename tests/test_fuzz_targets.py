"""The fuzzer's targets, each with its seeds and some hundred mutations of them: they run, and only their errors come.

The fuzzer itself is `make fuzz`, which is no part of the suite.
"""

from __future__ import annotations

import random
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "fuzz"
sys.path.insert(0, str(FOLDER))

from targets import TARGETS, Target, run  # noqa: E402  # its folder is no package: the fuzzer runs it as it stands

MUTATIONS = 300


def mutated(dice: random.Random, seed: bytes, limit_bytes: int) -> bytes:
    """The seed with a few bytes changed, cut out or put in."""
    data = bytearray(seed)
    for _ in range(dice.randint(1, 4)):
        place = dice.randint(0, len(data))
        match dice.randrange(3):
            case 0:
                data[place : place + 1] = bytes((dice.randrange(256),))
            case 1:
                del data[place : place + dice.randint(1, 8)]
            case _:
                data[place:place] = dice.randbytes(dice.randint(1, 8))
    return bytes(data[:limit_bytes])


def is_read(target: Target, seed: bytes) -> bool:
    try:
        target.read(seed)
    except target.errors:
        return False
    return True


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_a_target_takes_anything(target: Target) -> None:
    dice = random.Random(target.name)
    seeds = target.seeds()
    assert any(is_read(target, seed) for seed in seeds), "no seed gets past the first check"
    run(target, b"")
    for _ in range(MUTATIONS):
        run(target, mutated(dice, dice.choice(seeds), target.limit_bytes))


def test_another_error_comes_out() -> None:
    def broken(data: bytes) -> object:
        return data[5]

    with pytest.raises(IndexError):
        run(Target("broken", broken, (KeyError,), 10, lambda: (b"",)), b"short")


def test_the_runner_knows_its_targets(capsys: pytest.CaptureFixture[str]) -> None:
    runner: dict[str, Any] = runpy.run_path(str(FOLDER / "run.py"))
    with pytest.raises(SystemExit) as ended:
        runner["main"](["nonsense"])
    assert ended.value.code == 2
    assert "nonsense" in capsys.readouterr().err
