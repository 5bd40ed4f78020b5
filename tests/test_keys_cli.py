"""`python -m keys`: headers without keys, check values of test keys, and nothing secret on the way."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KeyRefused
from keys.__main__ import main
from keys.testkeys import TEST_TMK, is_published
from keys.tools.key_input import INPUT_LIMIT_CHARACTERS, Keyboard

ROOT = Path(__file__).parents[1]
BLOCKS: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "keys_tr31.json").read_text("utf-8"))
SAMPLE = next(sample for sample in BLOCKS["blocks"] if "KS18" in sample["key_block"])
PUBLIC = TEST_TMK.hex().upper()
OWN = "5DB50B454F8389ADCE573BE50861F2BF"


class Pipe:
    """Gives what was written in pieces, as pipes may."""

    def __init__(self, data: bytes, step: int = 7) -> None:
        self._raw = io.BytesIO(data)
        self._step = step

    def readinto(self, room: bytearray, /) -> int:
        piece = self._raw.read(min(self._step, len(room)))
        room[: len(piece)] = piece
        return len(piece)


def run(*argv: str, typed: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main(argv, Pipe(typed.encode()), out, err)
    return code, out.getvalue(), err.getvalue()


def test_inspect_shows_a_header_in_both_languages() -> None:
    code, out, err = run("inspect", SAMPLE["key_block"])
    assert (code, err) == (0, "")
    for words in ("基础派生密钥 / base derivation key", "KS: 00604B120F9292800000", "TDES", "未经验证"):
        assert words in out
    assert SAMPLE["key_block"][-16:] not in out


def test_inspect_for_programs() -> None:
    code, out, _ = run("inspect", SAMPLE["key_block"], "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["usage"]["code"], found["algorithm"]["name"], found["exportability"]["code"]) == ("B0", "TDES", "S")
    assert found["optional"][0]["data"] == "00604B120F9292800000"
    assert found["authenticated"] is False


@pytest.mark.parametrize("bad", BLOCKS["refused"], ids=lambda bad: bad["what"])
def test_inspect_says_where_a_block_is_wrong(bad: dict[str, str]) -> None:
    code, out, err = run("inspect", bad["key_block"], "--json")
    assert code == 1
    assert json.loads(out)["refused"]["offset"] in (1, 16)
    assert "refused" in err


@pytest.mark.parametrize(
    ("argv", "typed", "kcv"),
    [
        (["TDES"], PUBLIC, "08D7B4"),
        (["TDES"], PUBLIC.lower() + "\r\nwhatever follows", "08D7B4"),
        (["TDES"], " ".join(PUBLIC[i : i + 4] for i in range(0, 32, 4)) + "\n", "08D7B4"),
        (["AES"], "00112233445566778899AABBCCDDEEFF", "53E107"),
        (["AES", "--method", "legacy"], "00112233445566778899AABBCCDDEEFF", "FDE4FB"),
        (["TDES", "--allow-real-keys"], OWN, "5C9405"),
        (["SM4"], PUBLIC, "2677F4"),  # Also what openssl makes.
    ],
)
def test_a_check_value(argv: list[str], typed: str, kcv: str) -> None:
    code, out, err = run("kcv", "--algorithm", *argv, "--json", typed=typed)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["kcv"].startswith(kcv)
    assert found["test_key"] is ("--allow-real-keys" not in argv)


def test_a_real_key_is_taken_only_by_name_and_never_shown() -> None:
    code, out, err = run("kcv", "--algorithm", "TDES", typed=OWN)
    assert (code, out) == (1, "")
    assert "--allow-real-keys" in err
    for answer in (err, *run("kcv", "--algorithm", "TDES", "--allow-real-keys", typed=OWN)[1:]):
        assert OWN[:8] not in answer.upper()


def test_a_weak_key_is_said_to_be_one() -> None:
    _, out, _ = run("kcv", "--algorithm", "TDES", "--allow-real-keys", typed="0123456789ABCDEF" * 2)
    assert "weak" in out


@pytest.mark.parametrize("typed", ["", "\n", "0", "012", "XYZ", "01-23", "00" * 200, "00" * 15, "00" * 33])
def test_what_is_no_key_is_refused(typed: str) -> None:
    code, out, err = run("kcv", "--algorithm", "AES", "--allow-real-keys", typed=typed)
    assert (code, out) == (1, "")
    assert "拒绝 / refused" in err


@given(st.binary(max_size=2 * INPUT_LIMIT_CHARACTERS), st.integers(1, 300))
def test_any_input_is_a_key_or_refused(data: bytes, step: int) -> None:
    try:
        key = Keyboard(Pipe(data, step)).line()
    except KeyRefused as told:
        assert told.__context__ is None
        return
    assert bytes(key).hex().encode() == bytes(data.splitlines()[0].replace(b" ", b"")).lower()


def test_only_published_keys_are_test_keys() -> None:
    assert is_published(bytearray(TEST_TMK))
    assert not is_published(bytearray.fromhex(OWN))
    assert not is_published(bytearray())


def test_a_wrong_command_line_ends_with_2() -> None:
    for argv in ([], ["kcv"], ["kcv", "--algorithm", "TDES", PUBLIC], ["inspect"], ["wrap"], ["forge"]):
        with pytest.raises(SystemExit) as told:
            run(*argv)
        assert told.value.code == 2


def test_as_a_command_with_a_pipe() -> None:
    command = [sys.executable, "-m", "keys", "kcv", "--algorithm", "TDES"]
    done = subprocess.run(command, input=PUBLIC, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "KCV: 08D7B4" in done.stdout


def test_a_terminal_does_not_echo_the_key() -> None:
    """What a terminal echoes comes back on our side of it; and afterwards it echoes again."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "keys", "kcv", "--algorithm", "TDES"]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, cwd=ROOT) as tool:
        for _ in range(200):  # 10 s for an interpreter to start.
            if not echoes(theirs):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                tool.wait(0.05)
        assert not echoes(theirs)
        os.write(ours, PUBLIC.encode() + b"\n")
        answer = tool.communicate(timeout=10)[0]
    assert echoes(theirs)
    os.set_blocking(ours, False)
    echoed = b""
    with contextlib.suppress(BlockingIOError):
        echoed = os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    assert b"KCV: 08D7B4" in answer
    assert PUBLIC[:8].encode() not in echoed + answer


def echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
