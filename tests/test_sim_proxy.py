"""The proxy on real sockets: each fault does to bytes what its name says, and only to the request that it is for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sim.line_faults import LINE_FAULTS, LinePlan, parse_line_fault
from sim.proxy import Address, Proxy

pytestmark = pytest.mark.slow  # Processes of their own, or worlds with a host outside.

REQUEST, ANSWER = b"\x00\x05hello", b"\x00\x07answers"
SOON_S = 5.0


class Host:
    """Answers each whole frame, and keeps what came."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.rest = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while chunk := await reader.read(100):
            data += chunk
            while len(data) >= 7:
                self.heard.append(data[:7])
                data = data[7:]
                writer.write(ANSWER)
        self.rest += data
        writer.close()


Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Host], Awaitable[None]]


def through(faults: str, play: Play) -> Host:
    """`play` with one connection through a proxy with these faults, to a host."""

    async def all_of_it() -> Host:
        host = Host()
        server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
        proxy = Proxy(
            Address("127.0.0.1", server.sockets[0].getsockname()[1]),
            LinePlan(parse_line_fault(each) for each in faults.split()),
        )
        port = await proxy.start(Address("127.0.0.1", 0))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.wait_for(play(reader, writer, host), SOON_S)
        writer.close()
        await proxy.stop()
        server.close()
        return host

    return asyncio.run(all_of_it())


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    return await reader.readexactly(len(ANSWER))


def test_without_a_fault_everything_passes() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Host) -> None:
        assert [await _answered(reader, writer), await _answered(reader, writer)] == [ANSWER, ANSWER]

    assert through("", play).heard == [REQUEST, REQUEST]


@pytest.mark.parametrize(
    ("fault", "heard"), [("drop-reply,nth=2", 3), ("drop-request,nth=2", 2)]
)
def test_what_is_lost_is_lost_once(fault: str, heard: int) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Host) -> None:
        assert await _answered(reader, writer) == ANSWER
        writer.write(REQUEST)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.2)
        assert await _answered(reader, writer) == ANSWER

    assert len(through(fault, play).heard) == heard


def test_twice_is_twice() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Host) -> None:
        assert await _answered(reader, writer) == ANSWER
        assert await reader.readexactly(len(ANSWER)) == ANSWER

    assert through("duplicate", play).heard == [REQUEST]
    assert through("duplicate-request", play).heard == [REQUEST, REQUEST]


@pytest.mark.parametrize(("fault", "got"), [("cut,after=4", ANSWER[:4]), ("cut-request,after=4", b"")])
def test_a_line_that_breaks_in_the_middle(fault: str, got: bytes) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Host) -> None:
        writer.write(REQUEST)
        assert await reader.read() == got

    host = through(fault, play)
    assert host.heard == ([REQUEST] if got else [])


@pytest.mark.parametrize("fault", ["split", "drip,ms=5", "delay,ms=20", "delay-request,ms=20"])
def test_slow_is_slow_and_whole(fault: str) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Host) -> None:
        assert await _answered(reader, writer) == ANSWER

    assert through(fault, play).heard == [REQUEST]


def test_one_bit_is_wrong() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Host) -> None:
        got = await _answered(reader, writer)
        assert sum((a ^ b).bit_count() for a, b in zip(got, ANSWER, strict=True)) == 1
        assert got[:2] == ANSWER[:2]

    through("garble", play)


def test_half_open_is_there_and_dead() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Host) -> None:
        assert await _answered(reader, writer) == ANSWER
        writer.write(REQUEST)
        writer.write(REQUEST)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)

    assert through("half-open,nth=2", play).heard == [REQUEST]


def test_refused_is_a_reset() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Host) -> None:
        with pytest.raises(ConnectionError):
            assert await reader.readexactly(1)

    through("refuse", play)


def test_every_fault_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert not [name for name in LINE_FAULTS if f'"{name}' not in text]


def test_the_command_takes_faults_while_it_runs() -> None:
    words = [sys.executable, "-m", "sim", "proxy", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:9", "--json"]
    done = subprocess.run(
        words, input="drop-reply,nth=2\nnonsense\nclear\n", capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0
    assert int(json.loads(done.stdout.splitlines()[0])["listening"].rpartition(":")[2]) > 0
    assert "no fault of a line is called 'nonsense'" in done.stderr


@pytest.mark.parametrize("given", ["", "refuse\nnonsense\n", None], ids=["nothing", "a file", "closed"])
def test_in_the_background_it_runs_until_it_is_stopped(given: str | None, tmp_path: Path) -> None:
    (file := tmp_path / "faults").write_text(given or "", encoding="utf-8")
    words = [sys.executable, "-m", "sim", "proxy", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:9", "--json"]
    shell = ["sh", "-c", 'exec "$@" <&-', "sh", *words] if given is None else words
    with (
        file.open() as lines,
        subprocess.Popen(
            shell, stdin=lines if given else subprocess.DEVNULL, stdout=-1, stderr=-1, text=True
        ) as running,
    ):
        if running.stdout is None:
            raise RuntimeError("a child without pipes")
        try:
            port = int(json.loads(running.stdout.readline())["listening"].rpartition(":")[2])
            with contextlib.suppress(ConnectionResetError), socket.create_connection(("127.0.0.1", port), SOON_S):
                pass
            event = json.loads(running.stdout.readline())
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=20)[1]
        finally:
            running.kill()
    assert event.get("fault") == ("refuse" if given else None)
    assert running.returncode == 130
    assert said.startswith("no fault of a line is called 'nonsense'") if given else not said


def test_the_list_needs_no_addresses_and_everything_else_does() -> None:
    words = [sys.executable, "-m", "sim", "proxy"]
    listed = subprocess.run([*words, "--list"], capture_output=True, text=True, timeout=20, check=False)
    assert (listed.returncode, [line.split()[0] for line in listed.stdout.splitlines()]) == (0, list(LINE_FAULTS))
    told = subprocess.run([*words, "--list", "--json"], capture_output=True, text=True, timeout=20, check=False)
    assert [json.loads(line)["name"] for line in told.stdout.splitlines()] == list(LINE_FAULTS)
    alone = subprocess.run([*words, "--to", "127.0.0.1:9"], capture_output=True, text=True, timeout=20, check=False)
    assert (alone.returncode, "--listen" in alone.stderr) == (2, True)


def test_a_port_that_is_taken_is_said() -> None:
    words = [sys.executable, "-m", "sim", "proxy", "--listen", "192.0.2.1:1", "--to", "127.0.0.1:9"]
    done = subprocess.run(words, input="", capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, "cannot listen on 192.0.2.1:1" in done.stderr) == (2, True)
