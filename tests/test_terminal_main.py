"""`python -m terminal` as a process: what it says and how it ends when it cannot trade."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drivers.absent import AbsentPrinter
from drivers.ports import DeviceError, Paper
from sim.twins.display import TwinDisplay
from terminal.__main__ import is_running, open_printer, out_of_service
from terminal.config import Config, parse_config
from terminal.journal import Journal

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.
SIGN_IN = (
    "003C600401000060310031000108000020000000C00012000029363239363930303233303133313030343839393030303100110000013200"
    "300003303031"
)


def terminal(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "terminal", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def configuration(folder: Path, text: str = "") -> Path:
    path = folder / "zhanggui.toml"
    path.write_text(f'[general]\ndata = "{folder / "data"}"\n{text}', encoding="utf-8")
    return path


def test_a_bad_configuration_is_refused_with_lines(tmp_path: Path) -> None:
    done = terminal("--config", str(configuration(tmp_path, '[link]\nhosts = ["nowhere"]\n[pritner]\nbaud = 9600\n')))
    assert done.returncode == 2
    assert "4" in done.stderr
    assert "printer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [(None, "No such file"), ("[[capk]]\nset = 1\n", 'capk[1].set: is "test" or "production"'), ("\xff", "file: ")],
)
def test_ca_keys_that_cannot_be_read_are_named(tmp_path: Path, text: str | None, problem: str) -> None:
    keys = tmp_path / "capks.toml"
    if text is not None:
        keys.write_bytes(text.encode("latin-1"))
    done = terminal("--config", str(configuration(tmp_path, f'[card]\ncapks = "{keys}"\n')))
    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_terminal_on_the_same_data_is_refused(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    assert not is_running(data)
    journal = Journal.open(data / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000)
    try:
        assert is_running(data)
        done = terminal("--config", str(config))
    finally:
        journal.close()
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert not is_running(data)


@pytest.mark.parametrize("reason", ["disk", "journal", "keys"])
def test_what_cannot_start_says_so_on_the_panel(reason: str) -> None:
    display = TwinDisplay()
    assert out_of_service(Config.default(), display, reason, Exception("why")) == 3
    assert display.names[-1] == "service_mode"


def test_a_damaged_journal_is_a_message_and_no_traceback(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "journal.db").write_bytes(b"not a database, but long enough to look at " * 100)
    done = terminal("--config", str(config))
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_a_disk_that_takes_nothing_is_said_on_the_panel_and_does_not_end_in_a_row_of_crashes(tmp_path: Path) -> None:
    """Under a supervisor, whose start is the first thing to be written: no file may grow, as on a full disk."""
    config = configuration(tmp_path)
    Journal.open(tmp_path / "data" / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000).close()
    process = subprocess.Popen(
        [sys.executable, "-m", "terminal", "--config", str(config)],
        env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        stderr=subprocess.PIPE,
        text=True,
    )
    patience = threading.Timer(60, process.kill)
    patience.start()
    try:
        assert process.stderr is not None
        told: list[str] = []
        for line in process.stderr:
            told.append(line)
            if "journal failed" in line:
                break
        assert "restart to recover" in told[-1], told
        assert not [line for line in told if "Traceback" in line]
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)  # It stays, and feeds its watchdog, so that the words can be read.
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


@pytest.mark.skipif(Path("/proc/device-tree/model").exists(), reason="a Raspberry Pi has what is missing here")
def test_a_machine_without_devices_is_told_what_to_do(tmp_path: Path) -> None:
    done = terminal("--config", str(configuration(tmp_path)))
    assert done.returncode == 3
    assert "doctor" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("before", [None, b"", b'{"recording":1}\n'])
def test_a_terminal_that_cannot_start_leaves_no_recording_and_spoils_none(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "bug.jsonl"
    if before is not None:
        path.write_bytes(before)
    done = terminal("--config", str(configuration(tmp_path)), "--record", str(path))
    assert done.returncode == 3
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_recording_that_cannot_be_begun_is_said_at_once(tmp_path: Path) -> None:
    done = terminal("--config", str(configuration(tmp_path)), "--record", str(tmp_path / "nowhere" / "bug.jsonl"))
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_decode_ends_with_one_json_object() -> None:
    done = terminal("decode", "--json", SIGN_IN)
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["mti"] == "0800"
    assert terminal("decode", SIGN_IN[:-4]).returncode == 1


def test_a_terminal_without_a_printer_opens_none() -> None:
    printer = open_printer(parse_config('[printer]\ntransport = "none"\nwidth_mm = 80\n'))
    assert isinstance(printer, AbsentPrinter) and printer.cells == 48
    assert printer.status() is Paper.OFFLINE
    with pytest.raises(DeviceError):
        printer.print(())
