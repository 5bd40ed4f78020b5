"""Shared fixtures: golden files, skips that say what is missing (in CI a skip is a failure), and what tests cost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from budgets import Budgets
from hypothesis import HealthCheck, settings

from sim.wire.pcsc import SOCKET_VARIABLE, PrivatePcscd, missing

# A busy machine is not a wrong program: no example is timed, here or where a person runs them.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

GOLDENS = Path(__file__).parent / "goldens"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-goldens", action="store_true", help="write the golden files anew (make goldens)")
    parser.addoption("--budgets", action="store_true", help="say at the end what each group of tests cost")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--budgets"):
        config.pluginmanager.register(Budgets())


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """`golden(name, data)` compares with tests/goldens/NAME; `make goldens` writes it, and a person looks at it."""
    record = bool(request.config.getoption("--record-goldens"))

    def compare(name: str, data: bytes) -> None:
        path = GOLDENS / name
        if record:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            return
        assert path.exists(), f"no golden {name}: run make goldens and look at it"
        if path.read_bytes() != data:
            seen = Path("build") / "goldens-seen" / name
            seen.parent.mkdir(parents=True, exist_ok=True)
            seen.write_bytes(data)
            pytest.fail(f"{name} changed; see {seen}; if that is what you want: make goldens, and look at it")

    return compare


@pytest.fixture(scope="session")
def pcscd() -> Iterator[PrivatePcscd]:
    """The suite's one pcscd, with a virtual reader; this process's pyscard is sent to it."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    before = os.environ.get(SOCKET_VARIABLE)
    # A socket's path must be short, and pytest's own folders are not.
    with (
        tempfile.TemporaryDirectory(prefix="zg-pcscd-") as folder,
        PrivatePcscd(Path(folder)) as running,
    ):
        os.environ.update(running.environment)
        yield running
    if before is None:
        del os.environ[SOCKET_VARIABLE]
    else:
        os.environ[SOCKET_VARIABLE] = before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]  # pytest's own protocol
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not item.get_closest_marker("privileged"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where everything must run: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many moments of death the kill tests have covered."""
    for report in terminalreporter.getreports("passed"):
        for name, count in report.user_properties:
            if name in ("kill_points", "cuts"):
                terminalreporter.write_line(f"{report.nodeid.split('::')[-1]}: {count} {name.replace('_', ' ')}")
