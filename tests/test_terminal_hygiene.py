"""The terminal's process as others see it: no core dump, not dumpable, memory locked, files of its user only.

Looked at from outside, on a real child: limits, /proc/PID/status and what the kernel says after it was aborted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminal.hygiene import may_lock, private_folder

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
PATIENCE_S = 30
LOADED = "import encodings.ascii, terminal.hygiene; "  # Nobody may not read somebody's own Python.
SEALED = "from terminal.hygiene import seal_process; print(seal_process(), flush=True); input()"
ASKED = "import ctypes; from terminal.hygiene import seal_process; seal_process(); print(ctypes.CDLL(None).prctl(3))"


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SEALED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def said_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_no_core_is_written_and_files_are_private(child: subprocess.Popen[str]) -> None:
    said_by(child)
    limits = Path(f"/proc/{child.pid}/limits").read_text(encoding="ascii")
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    assert status(child.pid)["Umask"] == "0077"
    child.send_signal(signal.SIGABRT)
    _, ended = os.waitpid(child.pid, 0)
    assert os.WTERMSIG(ended) == signal.SIGABRT
    assert not os.WCOREDUMP(ended)


def test_the_process_is_not_dumpable() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look through another user's eyes")
def test_another_process_of_the_same_user_cannot_read_its_memory(tmp_path: Path) -> None:
    """Root passes every door, so both sides of this test become somebody else first."""
    nobody = 65_534
    victim = subprocess.Popen(
        [sys.executable, "-c", f"import ctypes, os; {LOADED}os.setgid({nobody}); os.setuid({nobody}); " + SEALED],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    look = f"import os; os.setgid({nobody}); os.setuid({nobody}); open('/proc/{victim.pid}/mem', 'rb')"
    try:
        assert said_by(victim)
        seen = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    finally:
        victim.kill()
        victim.communicate()
    assert "PermissionError" in seen.stderr


@pytest.mark.skipif(not may_lock(), reason="this user may not lock memory without a limit")
def test_memory_is_locked_where_that_is_allowed(child: subprocess.Popen[str]) -> None:
    assert said_by(child) == "True\n"
    assert int(status(child.pid)["VmLck"].split()[0]) > 0


def test_without_the_right_to_lock_nothing_is_locked(tmp_path: Path) -> None:
    """A limited lock would end the process at the first allocation past it."""
    plain, able = tmp_path / "plain", tmp_path / "able"
    plain.write_text("Name:\tpython\nCapEff:\t0000000000000000\n", encoding="ascii")
    able.write_text("Name:\tpython\nCapEff:\t0000000000004000\n", encoding="ascii")
    asked = "; ".join(_ask(path) for path in (plain, able, tmp_path / "no"))
    command = ["bash", "-c", f"ulimit -l 64; exec {sys.executable} -c '{asked}'"]
    limited = subprocess.run(command, capture_output=True, text=True, check=True)
    assert limited.stdout.split() == ["False", "True", "False"]


def _ask(path: Path) -> str:
    return f'from pathlib import Path; from terminal.hygiene import may_lock; print(may_lock(Path("{path}")))'


def test_the_terminal_itself_begins_with_it(tmp_path: Path) -> None:
    """`python -m terminal` under a supervisor, before a damaged journal: it stays and says so, and can be looked at."""
    config = tmp_path / "zhanggui.toml"
    config.write_text(f'[general]\ndata = "{tmp_path / "data"}"\n', encoding="utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "journal.db").write_bytes(b"not a database, but long enough to look at " * 100)
    supervised = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    process = subprocess.Popen(
        [sys.executable, "-m", "terminal", "--config", str(config)], env=supervised, stderr=subprocess.PIPE, text=True
    )
    patience = threading.Timer(PATIENCE_S, process.kill)
    patience.start()
    try:
        assert process.stderr is not None
        assert any("database" in line for line in process.stderr)
        limits = Path(f"/proc/{process.pid}/limits").read_text(encoding="ascii")
        assert "Max core file size        0                    0" in limits
        assert status(process.pid)["Umask"] == "0077"
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


def test_a_folder_is_made_private_with_all_that_is_missing_above_it(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    old = os.umask(0o022)
    try:
        private_folder(there / "data" / "panel")
        private_folder(there / "data" / "panel" / "host")
        private_folder(there / "data" / "panel" / "host")
    finally:
        os.umask(old)
    made = (there, there / "data", there / "data" / "panel", there / "data" / "panel" / "host")
    assert [folder.stat().st_mode & 0o777 for folder in made] == [0o755, 0o700, 0o700, 0o700]
    (there / "file").touch()
    with pytest.raises(FileExistsError):
        private_folder(there / "file")
