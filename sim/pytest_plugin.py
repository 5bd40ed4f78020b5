"""A pytest plugin: the fixture `zhanggui_world`, a terminal and everything around it, in this process (sim.hand.Hand).

    def test_declined(zhanggui_world):
        zhanggui_world.press("500 ENTER")
        …

    @pytest.mark.zhanggui(seed=7, language="zh-CN", panel="128x128", amount_codes=True)
    def test_in_another_world(zhanggui_world): …

Each test has its own world, in a folder of its own, drawn from the test's name unless a seed is given: so it is safe
under pytest-xdist, and the same in any order. `--zhanggui-host HOST:PORT` puts a host of yours in place of the
acquirer. A test that fails says its seed, what is on the glass, all that was done, and where its recording is: among
the test run's temporary folders, or in the folder of `--zhanggui-recordings`.

Nothing of the simulator is imported before a test asks for it.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sim.hand import Hand
    from sim.outside_host import OutsideHost
    from sim.stage import Terms

FIXTURE, MARKER = "zhanggui_world", "zhanggui"
NAME_LIMIT = 100  # Characters of a test's name in the name of its recording.


_WORLD: pytest.StashKey[tuple[Hand, Path]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup(MARKER, "the simulated payment terminal")
    group.addoption("--zhanggui-host", metavar="HOST:PORT", help="a host of your own, in place of the acquirer")
    group.addoption("--zhanggui-recordings", metavar="DIR", type=Path, help="keep the recordings of failed tests here")


def pytest_configure(config: pytest.Config) -> None:
    terms = "seed, language, panel, begin, offered, lines, profile, amount_codes"
    config.addinivalue_line("markers", f"{MARKER}({terms}): what the world of {FIXTURE} begins with")


@pytest.fixture
def zhanggui_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """A terminal that is ready to sell, and the world around it; see sim.hand.Hand."""
    from sim.hand import Hand
    from sim.live import Live
    from sim.stage import Stage

    host = request.getfixturevalue("_zhanggui_host")
    with Live(_terms(request), begin=Stage if host is None else host.stage) as live:
        hand = Hand(live)
        folder = request.config.getoption("--zhanggui-recordings") or tmp_path_factory.getbasetemp() / "zhanggui"
        request.node.stash[_WORLD] = hand, Path(folder)
        yield hand


@pytest.fixture(scope="session")
def _zhanggui_host(request: pytest.FixtureRequest) -> Iterator[OutsideHost | None]:
    host = _host(request.config)
    yield host
    if host is not None:
        host.close()


def _terms(request: pytest.FixtureRequest) -> Terms:
    from sim.api.params import TERMS, Wrong, read_all, terms_of
    from sim.stage import Terms

    marker = request.node.get_closest_marker(MARKER)
    try:
        if marker is not None and marker.args:
            raise Wrong("", f"{', '.join(TERMS)}, each by its name")
        return terms_of(read_all(TERMS, marker.kwargs if marker is not None else {}), Terms(seed=request.node.nodeid))
    except Wrong as wrong:
        raise pytest.UsageError(f"@pytest.mark.{MARKER}: {wrong}") from None


def _host(config: pytest.Config) -> OutsideHost | None:
    import argparse

    from sim.outside_host import OutsideHost
    from sim.proxy import Address

    told = config.getoption("--zhanggui-host")
    if told is None:
        return None
    if hasattr(config, "workerinput"):
        raise pytest.UsageError("--zhanggui-host: each world is the same terminal to that host; run with -n 0")
    try:
        return OutsideHost(Address.parse(told))
    except argparse.ArgumentTypeError as wrong:
        raise pytest.UsageError(f"--zhanggui-host: {wrong}") from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    world = item.stash.get(_WORLD, None)
    if report.when == "call" and report.failed and world is not None:
        report.sections.append(("zhanggui world", _told(*world, item.nodeid)))
    return report


def _told(world: Hand, folder: Path, name: str) -> str:
    """A world that is broken tells what it can."""

    def recorded() -> str:
        path = folder.absolute() / _file_name(name)
        folder.mkdir(parents=True, exist_ok=True)
        world.record(path)
        return f"recorded; to see it again: python -m sim replay {shlex.quote(str(path))}"

    told = []
    for tell in (world.describe, world.story, recorded):
        try:
            told.append(tell())
        except Exception as error:  # Whatever it is, the test's own failure is what counts.
            told.append(f"{type(error).__name__}: {error}")
    return "\n".join(told)


def _file_name(test: str) -> str:
    """A name that any file system takes, another one for each test, and the same in each run."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", test)[-NAME_LIMIT:]
    return f"{readable}-{hashlib.sha256(test.encode()).hexdigest()[:8]}.jsonl"
