"""Arguments that a person gets wrong: a clear line and status 2, never a traceback."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emv.__main__ import main as explain
from sim.__main__ import main
from sim.takes import instead
from terminal.tools.ending import exit_status

pytestmark = pytest.mark.slow  # Processes of their own, or worlds with a host outside.

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("port", ["99999", "-1", "abc", ""])
@pytest.mark.parametrize("command", ["acquirer", "panel"])
def test_a_port_that_is_none(command: str, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, f"--port={port}"])
    assert ended.value.code == 2
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err


def test_a_named_port_of_the_panel_is_that_one_or_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "sim", "panel", "--virtual", "--no-browser", "--port", port]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"port {port} is in use" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("module", "others"),
    [
        ("sim.demo", []),
        ("sim.scenario.command", []),
        ("sim.api.command", []),
        ("sim.panel.command", []),
        ("sim.handheld", ["--data", "folder", "--host", "127.0.0.1:8583"]),
        ("terminal.tools.doctor", []),
        ("terminal.tools.decode", ["00"]),
    ],
)
def test_a_language_is_named_alike_everywhere(
    module: str, others: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    importlib.import_module(module).add_arguments(parser)
    for typed, meant in (("zh", "zh-CN"), ("zh-CN", "zh-CN"), ("en", "en")):
        args = parser.parse_args([*others, "--lang", typed])  # Of --language it is the beginning.
        assert (getattr(args, "lang", None) or args.language) == meant
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([*others, "--lang", "fr"])
    assert ended.value.code == 2
    assert "zh-CN (or zh) or en, not 'fr'" in capsys.readouterr().err


def test_the_kernel_s_words_are_asked_for_in_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for typed in ("zh", "zh-CN", "en", "both"):
        assert explain(["bits", "tvr", "0000000001", "--language", typed]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and len(set(said)) == 3


@pytest.mark.parametrize(
    ("typed", "status", "near"),
    [
        (["pannel"], 2, "panel"),
        (["card", "--show", "unionpay-credt-pin"], 2, "unionpay-credit-pin"),
        (["scenario", "wrong-pin-thrice"], 2, "wrong-pin-thrice-reversal-lost-power-cut"),
        (["proxy", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", "--fault", "drop-repl"], 2, "drop-reply"),
        (["acquirer", "--port", "0", "--faults", "drop-rply,mti=0200"], 2, "drop-reply"),
        (["acquirer", "--port", "0", "--faults", "drop-reply,nht=2"], 2, "nth"),
        (["certify", "--spawn", "--case", "sale-1"], 2, "SALE-10"),
        (["replay", "--seed", "7", "--transactions", "5", "--without", "1:reply-lst"], 2, "reply-lost"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_a_name_that_there_is_not_brings_the_nearest_and_no_long_list(
    typed: list[str], status: int, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert main(typed) == status
    except SystemExit as ended:
        assert ended.code == status
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"did you mean {near}?" in said
    assert len(said) < 160


@pytest.mark.parametrize(
    "command",
    ["sim scenario --list", "sim replay --seed 1 --transactions 2 --tell", "terminal doctor", "terminal decode 00"],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_read_enough_is_no_mistake(command: str, unbuffered: str) -> None:
    """`… | head -1`: no traceback, and the status of a command whose pipe was closed."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        ended = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_socket_that_is_closed_is_a_mistake() -> None:
    def writes_to_nobody() -> int:
        ours, theirs = socket.socketpair()
        with ours:
            theirs.close()
            return ours.send(b"a frame")

    with pytest.raises(BrokenPipeError):
        exit_status(writes_to_nobody)


@pytest.mark.parametrize(
    "command",
    ["swarm --seeds 0:1000000", "day --transactions 100000", "gallery", "certify --spawn", "demo", "legibility"],
)
def test_where_nothing_can_be_written_is_said_before_the_work(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "out"
    assert main([*command.split(), "--out", str(nowhere), *_lab_key(command, tmp_path)]) == 2
    said = capsys.readouterr()
    assert str(nowhere.parent) in said.err and "Errno" not in said.err and not said.out
    assert len(said.err.splitlines()) == 1


def _lab_key(command: str, folder: Path) -> list[str]:
    return ["--lab-key", str(folder / "lab.key")] if command.startswith("certify") else []


@pytest.mark.parametrize("command", ["swarm --seeds 0:1", "day --seed 1"])
def test_figures_for_which_there_is_no_room_are_told_and_the_fault_named(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--transactions", "1", "--out", "/dev/full", "--json"]) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)
    assert said.err == "--out /dev/full: No space left on device\n"


@pytest.mark.parametrize(
    "beside", ["--tell", "--day", "--power", "--skip 3", "--without 1:reply-lost", "--transactions 5", "--faults none"]
)
def test_an_argument_that_a_recording_would_not_heed_is_refused(
    beside: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(tmp_path / "a.jsonl"), *beside.split()]) == 2
    assert capsys.readouterr().err.startswith(f"{beside.split()[0]} is of a world")


def test_a_recording_or_a_report_that_is_not_there_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none"
    assert main(["replay", str(missing)]) == 2
    assert capsys.readouterr().err == f"{missing}: No such file or directory\n"
    (key := tmp_path / "lab.key.pub").write_text("00", encoding="ascii")
    assert main(["certify", "verify", str(missing), "--lab", str(key)]) == 2
    assert capsys.readouterr().err == f"certify: {missing / 'report.sig'}: No such file or directory\n"


def test_near_names_are_found_whatever_their_case_and_few_names_are_all_told() -> None:
    assert instead("WeChat", ["wechat", "alipay"]) == "did you mean wechat? one of wechat, alipay"
    assert instead("", ["wechat", "alipay"]) == "one of wechat, alipay"
    assert instead("zzz", map(str, range(40))).endswith("23 and 16 more")
