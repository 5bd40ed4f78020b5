"""`python -m keys`: components, key blocks and remote loading as a person does them, and what the tool refuses.

Everything runs on files and a real store; no key is on a command line, and none in what comes out.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KeyRef, KeyStore, Usage, blocks
from keys.__main__ import COMMANDS, _parser, main
from keys.block_header import Header, KeyUsage, Version
from keys.testkeys import BY_NAME, TEST_TMK
from keys.tools.key_input import Keyboard, origin
from keys.usage import Algorithm, Mode
from sim.__main__ import main as sim_main

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

ROOT = Path(__file__).parents[1]
OWN = bytes.fromhex("5DB50B454F8389ADCE573BE50861F2BF")  # Of the published samples, but no test key of ours.
DEVICE = "0123456789abcdef"


def run(*argv: str | Path, typed: bytes = b"") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main([str(word) for word in argv], io.BytesIO(typed), out, err)
    return code, out.getvalue(), err.getvalue()


def done(*argv: str | Path, typed: bytes = b"") -> dict[str, Any]:
    code, out, err = run(*argv, "--json", typed=typed)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def refused(*argv: str | Path, typed: bytes = b"") -> str:
    code, out, err = run(*argv, typed=typed)
    assert (code, out) == (1, "")
    assert err.startswith("拒绝 / refused: ")
    return err


def usage_error(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as told:
        run(*argv)
    assert told.value.code == 2
    return capsys.readouterr().err


@pytest.fixture
def key_file(tmp_path: Path) -> Callable[[bytes], str]:
    def written(key: bytes) -> str:
        path = tmp_path / f"key-{key.hex()[:8]}"
        path.touch(mode=0o600)
        path.write_text(key.hex())
        return f"file:{path}"

    return written


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A terminal's data folder after its first start."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "device-id").write_text(DEVICE)
    return folder


def store_in(data: Path, *, test_only: bool = True) -> KeyStore:
    return KeyStore.open(data / "keys", terminal_id=DEVICE, test_only=test_only)


# Components


@pytest.mark.parametrize("count", [2, 3])
def test_components_and_back_again_by_files(tmp_path: Path, count: int) -> None:
    made = done("components", "--key", "test:tmk", "--count", str(count), "--kcv-bytes", "4", "--out", tmp_path / "c")
    assert made["kcv"] == "08D7B4FB"
    places = [Path(row["place"]) for row in made["components"]]
    assert [place.stat().st_mode & 0o777 for place in places] == [0o600] * count
    assert all(row["kcv"] in place.read_text() for row, place in zip(made["components"], places, strict=True))
    named = [word for place in places for word in ("--component", f"file:{place}")]
    joined = done("combine", *named, "--kcv-bytes", "4")
    assert (joined["kcv"], joined["test_key"]) == ("08D7B4FB", True)
    assert joined["components"] == [
        {"number": row["number"], "kcv": row["kcv"], "parity_errors": []} for row in made["components"]
    ]


def test_bytes_without_odd_parity_are_shown() -> None:
    first = bytes.fromhex("1032547698BADCFE0123456789ABCDEE")
    second = bytes(left ^ right for left, right in zip(first, TEST_TMK, strict=True))
    typed = first.hex().encode() + b"\n" + second.hex().encode()
    code, out, _ = run("combine", typed=typed)
    assert code == 0
    assert out.splitlines()[0].endswith("bytes without odd parity: 16")
    assert done("combine", typed=typed)["components"][0]["parity_errors"] == [16]


@pytest.mark.parametrize(("algorithm", "key"), [("TDES", "tmk"), ("AES", "aes256"), ("SM4", "fips197")])
def test_components_on_the_screen_add_up(algorithm: str, key: str) -> None:
    made = done("components", "--algorithm", algorithm, "--key", f"test:{key}", "--show")
    parts = [bytes.fromhex(row["place"]) for row in made["components"]]
    total = bytes(left ^ right for left, right in zip(*parts, strict=True))
    bare = 0xFE if algorithm == "TDES" else 0xFF
    assert [byte & bare for byte in total] == [byte & bare for byte in BY_NAME[key]]
    if algorithm == "TDES":
        assert all(byte.bit_count() % 2 for part in parts for byte in part), "as a DES key has it"
    lines = "\n".join(row["place"] for row in made["components"]).encode()
    assert done("combine", "--algorithm", algorithm, typed=lines)["kcv"] == made["kcv"]


def test_a_random_key_is_no_test_key() -> None:
    assert "--allow-real-keys" in refused("components", "--show")
    made = done("components", "--algorithm", "AES", "--bytes", "32", "--show", "--allow-real-keys")
    assert [len(bytes.fromhex(row["place"])) for row in made["components"]] == [32, 32]


def test_a_component_is_never_written_over(tmp_path: Path) -> None:
    done("components", "--key", "test:tmk", "--out", tmp_path)
    before = (tmp_path / "component-1").read_bytes()
    assert "component-1" in refused("components", "--key", "test:tmk", "--out", tmp_path)
    assert (tmp_path / "component-1").read_bytes() == before


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ([TEST_TMK, TEST_TMK], "one of those before"),
        ([TEST_TMK, bytes(16)], "zero"),
        ([TEST_TMK, OWN[:8]], "different lengths"),
        ([TEST_TMK], "or none"),
        ([TEST_TMK[:8], OWN[:8]], "8 bytes"),
        ([TEST_TMK, OWN], "--allow-real-keys"),
    ],
)
def test_what_does_not_combine(typed: list[bytes], words: str) -> None:
    assert words in refused("combine", typed=b"".join(part.hex().encode() + b"\n" for part in typed))


# Key blocks


@pytest.mark.parametrize("version", "BCDE")
def test_wrap_and_unwrap(version: str) -> None:
    kbpk = "test:aes256" if version in "DE" else "test:bdk"
    kind = ("--usage", "P0", "--algorithm", "TDES", "--mode", "E", "--version", version)
    made = done("wrap", *kind, "--kbpk", kbpk, "--key", "test:tmk", "--optional", "KC", "--optional", "LB:till 1")
    found = done("unwrap", made["key_block"], "--kbpk", kbpk)
    assert (found["kcv"], made["kcv"], found["authenticated"]) == ("08D7B4", "08D7B4", True)
    assert [row["data"] for row in found["optional"]][:2] == ["0008D7B4", "till 1"]
    assert (found["usage"]["code"], found["mode_of_use"]["code"], found["loaded"]) == ("P0", "E", False)


def test_both_keys_of_a_block_on_standard_input() -> None:
    """Two lines, whatever ends them; the second is not lost with the first."""
    kind = ("wrap", "--usage", "K0", "--algorithm", "TDES", "--mode", "D")
    for end in (b"\n", b"\r\n", b"\r"):
        typed = BY_NAME["aes256"].hex().encode() + end + TEST_TMK.hex().encode() + end
        block = done(*kind, typed=typed)["key_block"]
        opened = blocks.unwrap(bytearray(BY_NAME["aes256"]), block)
        assert opened.key == TEST_TMK


def test_what_is_not_wrapped(key_file: Callable[[bytes], str]) -> None:
    kbpk = ("--kbpk", "test:aes256")
    tmk = ("--usage", "K0", "--algorithm", "TDES", "--mode", "D", "--key", "test:tmk")
    assert "usage, algorithm and mode" in refused(
        "wrap", *kbpk, "--usage", "K0", "--algorithm", "TDES", "--mode", "C", "--key", "test:tmk"
    )
    assert "length" in refused("wrap", *tmk, "--kbpk", "test:des")
    assert "weaker" in refused(
        "wrap", "--kbpk", "test:aes128", "--usage", "K1", "--algorithm", "AES", "--mode", "D", "--key", "test:aes256"
    )
    assert "--allow-real-keys" in refused("wrap", *tmk, "--kbpk", key_file(bytes(range(50, 82))))
    assert "optional block KS" in refused("wrap", *tmk, *kbpk, "--optional", "KS:XYZ")


def test_a_block_is_opened_into_the_store(data: Path) -> None:
    kind = ("--usage", "K0", "--algorithm", "TDES", "--mode", "D")
    block = done("wrap", *kind, "--kbpk", "test:aes256", "--key", "test:tmk")["key_block"]
    found = done("unwrap", block, "--kbpk", "test:aes256", "--data", data, "--slot", "3")
    assert found["loaded"] is True
    store = store_in(data)
    assert store.kcv(KeyRef(Usage.TMK, 3)) == "08D7B4FB"
    assert store.is_test_key(KeyRef(Usage.TMK, 3))


def wrapped(key: bytes, usage: str, algorithm: Algorithm = Algorithm.TDES, mode: Mode = Mode.DECRYPT) -> str:
    header = Header(Version.D, KeyUsage(usage), algorithm, mode)
    return blocks.wrap(bytearray(BY_NAME["aes256"]), header, bytearray(key), os.urandom)


def test_what_does_not_come_into_the_store(data: Path, tmp_path: Path) -> None:
    into = ("--kbpk", "test:aes256", "--data", data)
    assert "base derivation key" in refused("unwrap", wrapped(TEST_TMK, "B0", mode=Mode.DERIVE), *into)
    assert "KSN" in refused("unwrap", wrapped(TEST_TMK, "B1", mode=Mode.DERIVE), *into)
    assert "--allow-real-keys" in refused("unwrap", wrapped(OWN, "K0"), *into)
    assert "does not open" in refused("unwrap", wrapped(TEST_TMK, "K0"), "--kbpk", "test:aes128", "--data", data)
    assert "upper-case hex" in refused("unwrap", wrapped(TEST_TMK, "K0")[:-1] + "g", *into)
    other = tmp_path / "never"
    assert "ever started" in refused("unwrap", wrapped(TEST_TMK, "K0"), "--kbpk", "test:aes256", "--data", other)
    assert not other.exists()
    assert not store_in(data).held()


def test_a_real_key_is_loaded_by_name_only(data: Path) -> None:
    block = wrapped(OWN, "K0")
    code, out, err = run("unwrap", block, "--kbpk", "test:aes256", "--data", data, "--allow-real-keys")
    assert (code, err) == (0, "")
    assert OWN.hex()[:8] not in out.lower()
    store = store_in(data, test_only=False)
    assert store.kcv(KeyRef(Usage.TMK)).startswith("5C9405")
    assert not store.is_test


def test_the_store_of_a_running_terminal_is_left_alone(data: Path) -> None:
    with (data / "journal.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is running" in refused("unwrap", wrapped(TEST_TMK, "K0"), "--kbpk", "test:aes256", "--data", data)
    assert done("unwrap", wrapped(TEST_TMK, "K0"), "--kbpk", "test:aes256", "--data", data)["loaded"]


def test_a_store_that_rests_under_a_boards_otp(data: Path, tmp_path: Path) -> None:
    otp = tmp_path / "otp"
    otp.write_bytes(bytes(range(32)))
    into = ("--kbpk", "test:aes256", "--data", data)
    done("unwrap", wrapped(TEST_TMK, "K0"), *into, "--otp", otp)
    assert "do not open" in refused("unwrap", wrapped(TEST_TMK, "K0"), *into)
    otp.write_bytes(bytes(32))
    assert "OTP is empty" in refused("unwrap", wrapped(TEST_TMK, "K0"), *into, "--otp", otp)


# Where keys come from


def test_a_key_on_the_command_line_is_refused_and_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    for word in (TEST_TMK.hex(), f"hex:{TEST_TMK.hex()}", "test:nobody", "fd:x", "file:"):
        told = usage_error(capsys, "kcv", "--algorithm", "TDES", "--key", word)
        assert TEST_TMK.hex() not in told.lower()
    assert "seen by everybody" in usage_error(capsys, "kcv", "--algorithm", "TDES", "--key", TEST_TMK.hex())


def test_a_file_of_keys_is_its_owners_alone(tmp_path: Path, key_file: Callable[[bytes], str]) -> None:
    where = key_file(TEST_TMK)
    path = Path(where.removeprefix("file:"))
    kcv = ("kcv", "--algorithm", "TDES", "--key")
    assert done(*kcv, where)["kcv"] == "08D7B4"
    path.chmod(0o640)
    assert "chmod 600" in refused(*kcv, where)
    path.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert "link" in refused(*kcv, f"file:{link}")
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "chmod 600" in refused(*kcv, f"file:{tmp_path / 'pipe'}")
    assert "none" in refused(*kcv, f"file:{tmp_path / 'none'}")


def test_a_key_from_a_descriptor() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, TEST_TMK.hex().encode())
    os.close(theirs)
    try:
        assert done("kcv", "--algorithm", "TDES", "--key", f"fd:{ours}")["kcv"] == "08D7B4"
    finally:
        os.close(ours)
    assert refused("kcv", "--algorithm", "TDES", "--key", f"fd:{ours}")


def test_a_person_is_told_what_to_type() -> None:
    err = io.StringIO()
    typed = io.BytesIO(TEST_TMK.hex().encode())
    main(["kcv", "--algorithm", "TDES"], typed, io.StringIO(), err, prompting=True)
    assert err.getvalue() == "密钥 key: "


@given(st.binary(max_size=300))
def test_lines_are_read_one_after_the_other(rest: bytes) -> None:
    keyboard = Keyboard(io.BytesIO(TEST_TMK.hex().encode() + b"\n" + OWN.hex().encode() + b"\n" + rest))
    assert (keyboard.line(), keyboard.line()) == (TEST_TMK, OWN)


@given(st.text(max_size=40))
def test_any_word_is_an_origin_or_a_usage_error(text: str) -> None:
    try:
        found = origin(text)
    except Exception as error:
        assert type(error).__name__ == "ArgumentTypeError"  # noqa: PT017  # Nothing else may come out.
        return
    assert found.kind in ("-", "file", "fd", "test")


# Remote loading


def test_remote_loading_by_files(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal's folder, the simulator's host, and a person who carries four files and two fingerprints."""
    desk, public, request, token = (tmp_path / name for name in ("desk", "public", "request", "token"))
    ours = done("remote-key", "--data", data, "--out", public)
    assert (ours["device"], done("remote-key", "--data", data, "--out", public)) == (DEVICE, ours)
    assert sim_main(["key-host", str(desk), "--register", f"{DEVICE}={ours['fingerprint']}", "--json"]) == 0
    theirs = json.loads(capsys.readouterr().out)
    ask = ("remote-request", "--data", data, "--host-key", theirs["public_key"], "--out", request)
    assert "fingerprint" in refused(*ask, "--host-fingerprint", "00" * 32)
    assert not request.exists()
    done(*ask, "--host-fingerprint", theirs["fingerprint"])
    assert sim_main(["key-host", str(desk), "--request", str(request), "--token", str(token)]) == 0
    found = done("remote-accept", "--data", data, token)
    assert (found["usage"]["code"], found["kcv"], found["test_key"]) == ("K0", "08D7B4", True)
    assert store_in(data).kcv(KeyRef(Usage.TMK)) == "08D7B4FB"
    assert "does not open" in refused("remote-accept", "--data", data, token)
    assert (desk / "host.key").stat().st_mode & 0o077 == 0


def test_the_simulators_host_answers_nobody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk, request, token = (tmp_path / name for name in ("desk", "request", "token"))
    request.write_bytes(b"ZGR1" + bytes(800))
    assert sim_main(["key-host", str(desk), "--request", str(request)]) == 2
    assert sim_main(["key-host", str(desk), "--register", "x=y"]) == 1
    assert sim_main(["key-host", str(desk), "--request", str(request), "--token", str(token)]) == 1
    assert "no request of a terminal that we know" in capsys.readouterr().err
    assert not token.exists()


# The command itself


@pytest.mark.parametrize("command", COMMANDS)
def test_help_helps(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as told:
        run(command, "--help")
    out = capsys.readouterr().out
    assert told.value.code == 0
    assert COMMANDS[command][1].split(" / ")[0] in out
    assert "exit status" in out
    assert "Origin(" not in out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_in_the_help_is_a_command_line(command: str) -> None:
    words = COMMANDS[command][2].partition(" 3<")[0].split()
    assert vars(_parser(words).parse_args(words))["command"] == command


def test_what_is_not_asked_for_is_not_imported() -> None:
    """RSA costs 50 ms; a check value needs none of it."""
    code = (
        "import io, sys; from keys.__main__ import main;"
        "main(['kcv', '--algorithm', 'TDES', '--key', 'test:tmk'], io.BytesIO(), sys.stdout, sys.stderr);"
        "print([name for name in sys.modules if 'remote' in name or 'asymmetric.rsa' in name])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.splitlines()[-1] == "[]"
