"""The acquirer on real sockets: segments, TLS, many terminals at once, faults that only a line has."""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from sim.acquirer import Acquirer, Fault, FaultKind, TerminalRow, default_registry
from sim.acquirer.caller import Caller, new_card
from sim.acquirer.command import add_arguments, build, run
from sim.acquirer.lines import describe, one_line
from sim.acquirer.registry import TEST_MERCHANT
from sim.acquirer.server import AcquirerServer, tls_context
from sim.card.profiles import PROFILES
from sim.tls import make_certificates
from terminal.hostlink import messages
from terminal.hostlink.codec import Message, encode
from terminal.hostlink.frame import wrap
from terminal.hostlink.profile import load_profile

TIMEOUT_S = 5


@pytest.fixture
def server() -> Iterator[AcquirerServer]:
    with AcquirerServer(Acquirer()) as running:
        yield running


def connect(server: AcquirerServer, tls: ssl.SSLContext | None = None) -> socket.socket:
    plain = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
    return tls.wrap_socket(plain, server_hostname="acquirer.test") if tls else plain


def receive(line: socket.socket) -> bytes:
    """One frame; b"" when the host closed."""
    with line.makefile("rb") as stream:
        prefix = stream.read(2)
        return stream.read(int.from_bytes(prefix, "big")) if len(prefix) == 2 else b""


def prefixed(frame: bytes) -> bytes:
    return len(frame).to_bytes(2, "big") + frame


def one_shot(server: AcquirerServer, tls: ssl.SSLContext | None = None) -> Callable[[bytes], tuple[bytes, ...]]:
    """A connection an exchange, as terminals do."""

    def send(frame: bytes) -> tuple[bytes, ...]:
        with closing(connect(server, tls)) as line:
            line.sendall(prefixed(frame))
            reply = receive(line)
            return (reply,) if reply else ()

    return send


def caller_for(server: AcquirerServer, folder: Path, tls: ssl.SSLContext | None = None) -> Caller:
    return Caller(one_shot(server, tls), server.acquirer.profile, folder)


def echo(server: AcquirerServer, stan: str = "000001") -> bytes:
    profile = server.acquirer.profile
    terminal = messages.Terminal(TEST_MERCHANT, "10000001", "000000")
    return wrap(encode(messages.echo(terminal, profile, stan=stan), profile), profile)


def test_a_sale_over_tcp(server: AcquirerServer, tmp_path: Path) -> None:
    caller = caller_for(server, tmp_path / "keys")
    caller.sign_in()
    reply = caller.sale(12850)
    assert reply is not None and reply.text(39) == "00"


def test_a_sale_over_tls_with_a_client_certificate(tmp_path: Path) -> None:
    files = make_certificates(tmp_path / "tls")
    context = tls_context(tmp_path / "tls", demand_client=True)
    client = ssl.create_default_context(cafile=str(files.ca))
    client.load_cert_chain(files.client, files.client_key)
    with AcquirerServer(Acquirer(), tls=context) as server:
        caller = caller_for(server, tmp_path / "keys", client)
        caller.sign_in()
        reply = caller.sale(12850)
        assert reply is not None and reply.text(39) == "00"
        stranger = ssl.create_default_context(cafile=str(files.ca))
        with pytest.raises(OSError), closing(connect(server, stranger)) as line:
            line.sendall(prefixed(echo(server)))
            if not line.recv(1):
                raise ConnectionResetError("the server closed")


def test_frames_may_be_split_and_joined(server: AcquirerServer) -> None:
    frame = prefixed(echo(server))
    with closing(connect(server)) as line:
        for byte in frame:
            line.sendall(bytes((byte,)))
        first = receive(line)
        line.sendall(frame + frame + frame[:7])
        with line.makefile("rb") as stream:
            for _ in range(2):
                assert stream.read(int.from_bytes(stream.read(2), "big")) == first
        line.sendall(frame[7:])
        assert receive(line) == first


def test_garbage_gets_no_answer_and_harms_nobody(server: AcquirerServer) -> None:
    with closing(connect(server)) as line:
        line.sendall(prefixed(b"\xff" * 40) + prefixed(b"") + prefixed(echo(server)))
        assert receive(line)
    assert server.acquirer.undecodable == 2
    with closing(connect(server)) as line:
        line.sendall(b"\x01")  # And gone, in the middle of a length.
    with closing(connect(server)) as line:
        line.sendall(prefixed(echo(server)))
        assert receive(line)


def test_a_line_shows_its_faults(server: AcquirerServer) -> None:
    plan = server.acquirer.faults
    send = one_shot(server)
    server.clock = lambda: 1_798_000_000_000  # Answers carry the time, and are compared here.
    good = send(echo(server))
    plan.add(Fault(FaultKind.SPLIT))
    assert send(echo(server)) == good, "byte by byte, and whole in the end"
    plan.add(Fault(FaultKind.DISCONNECT))
    assert send(echo(server)) == ()
    plan.add(Fault(FaultKind.CUT))
    with closing(connect(server)) as line:
        line.sendall(prefixed(echo(server)))
        with line.makefile("rb") as stream:
            announced = int.from_bytes(stream.read(2), "big")
            assert announced == len(good[0])
            assert stream.read(announced) == good[0][: announced // 2]
    plan.add(Fault(FaultKind.DELAY, ms=150))
    began = time.monotonic()
    assert send(echo(server))
    assert time.monotonic() - began >= 0.15


def test_a_late_reply_to_a_closed_line_is_dropped(server: AcquirerServer) -> None:
    server.acquirer.faults.add(Fault(FaultKind.DELAY, ms=50))
    with closing(connect(server)) as line:
        line.sendall(prefixed(echo(server)))
    assert one_shot(server)(echo(server)), "and the next is served"


def test_many_terminals_at_once(tmp_path: Path) -> None:
    registry = default_registry()
    numbers = [f"2000000{n}" for n in range(6)]
    for number in numbers:
        registry.add_terminal(TerminalRow(TEST_MERCHANT, number))
    with AcquirerServer(Acquirer(registry)) as server:

        def shift(number: str) -> list[str]:
            caller = Caller(one_shot(server), server.acquirer.profile, tmp_path / number, terminal_no=number)
            caller.sign_in()
            card = new_card("no-cvm")
            replies = [caller.sale(int(number[-2:]) + 100 + n, card) for n in range(5)]
            return [reply.text(39) if reply else "" for reply in replies]

        with ThreadPoolExecutor(len(numbers)) as pool:
            answers = list(pool.map(shift, numbers))
    assert answers == [["00"] * 5] * len(numbers)
    assert len(server.acquirer.book.entries) == 5 * len(numbers)


def test_a_taken_port_is_told(server: AcquirerServer) -> None:
    with pytest.raises(OSError):
        AcquirerServer(Acquirer(), port=server.port).start()


def test_the_conversation_is_shown_without_card_numbers(tmp_path: Path) -> None:
    seen: list[tuple[str, bytes]] = []
    acquirer = Acquirer()
    with AcquirerServer(acquirer, on_exchange=lambda *pair: seen.append(pair)) as server:
        caller = caller_for(server, tmp_path / "keys")
        caller.sign_in()
        caller.sale(12850)
    assert [direction for direction, _ in seen] == ["in", "out"] * 2
    facts = [describe(direction, frame, acquirer.profile) for direction, frame in seen]
    assert [each["mti"] for each in facts] == ["0800", "0810", "0200", "0210"]
    assert facts[3]["amount_minor"] == 12850 and facts[3]["code"] == "00"
    text = "\n".join(one_line(each) for each in facts) + json.dumps(facts)
    assert PROFILES["unionpay-credit-pin"].pan not in text
    assert "622500******0014" in text and "¥128.50" in text and "签到" in text
    assert "error" in describe("in", b"\x00", acquirer.profile)


# The command


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_the_command_serves_until_it_is_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()
    args = arguments("--port", "0", "--json", "--tls", str(tmp_path / "tls"), "--book", str(tmp_path / "book.db"))
    result: list[int] = []
    thread = threading.Thread(target=lambda: result.append(run(args, stop)))
    thread.start()
    stop.set()
    thread.join(TIMEOUT_S)
    assert result == [0]
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["tls"] is True and first["listening"].startswith("127.0.0.1:")
    assert (tmp_path / "tls" / "ca.pem").exists() and (tmp_path / "book.db").exists()


def test_the_command_takes_terminals_and_faults() -> None:
    acquirer = build(arguments("--terminal", "898440153110002:20000001", "--faults", "delay,ms=5", "--seed", "4"))
    assert acquirer.registry.terminal("898440153110002", "20000001") is not None
    assert acquirer.faults


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--faults", "nonsense"), 2),
        (("--terminal", "1:2"), 2),
        (("--book", "/nonexistent/book.db"), 1),
        (("--host", "203.0.113.1", "--port", "0"), 1),
    ],
)
def test_the_command_says_what_is_wrong(
    words: tuple[str, ...], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(*words)) == status
    assert capsys.readouterr().err.startswith("acquirer: ")


def test_what_has_waited_too_long_is_dropped_and_counted() -> None:
    """The first of three requests takes a minute; the two behind it have been given up by then."""
    seconds = [0.0]

    def slow(direction: str, frame: bytes) -> None:
        seconds[0] += 60.0

    with AcquirerServer(Acquirer(), stale_s=30.0, waited=lambda: seconds[0], on_exchange=slow) as server:
        with closing(connect(server)) as line:
            line.sendall(prefixed(echo(server)) * 3)
            assert receive(line)
            line.sendall(prefixed(echo(server)))
            assert receive(line), "a new question is answered"
            line.settimeout(0.05)
            with pytest.raises(TimeoutError):
                line.recv(1)
        assert server.stale == 2


@pytest.mark.parametrize(
    ("mti", "fields", "words"),
    [
        ("0800", {60: "00000001004"}, "签到 sign-in"),
        ("0800", {60: "00000001370"}, "公钥 CA keys download"),
        ("0820", {60: "00000001372"}, "公钥 CA keys download"),
        ("0820", {60: "00000001002"}, "签退 sign-out"),
        ("0820", {60: "00000001301"}, "回响 echo"),
        ("0820", {60: "00000001401"}, "收银员签到 cashier sign-in"),
        ("0820", {60: "07000001800"}, "电子签名 signature"),
        ("0820", {60: "0000000"}, "网络管理 network"),
        ("0320", {60: "00000001201"}, "批上送 batch upload"),
        ("0320", {60: "00000001207"}, "批上送结束 upload end, balanced"),
        ("0200", {3: "200000", 25: "06", 60: "2100000100050"}, "预授权完成撤销 complete void"),
        ("0210", {3: "200000", 25: "06", 60: "2100000100050"}, "预授权完成撤销 complete void"),
        ("0400", {3: "030000", 25: "06", 60: "1000000100050"}, "冲正预授权 reversal of auth"),
        ("0400", {3: "999999", 25: "06", 60: "1000000100050"}, "冲正 reversal"),
        ("0200", {3: "700000", 25: "00", 60: "6000000100060"}, "扫码下单 QR order"),
        ("0100", {3: "999999", 25: "06", 60: "1000000100050"}, "?"),
    ],
)
def test_a_line_says_what_each_message_is(mti: str, fields: dict[int, str | bytes], words: str) -> None:
    profile = load_profile("unionpay")
    frame = wrap(encode(Message(mti, fields), profile), profile)
    assert describe("in", frame, profile)["kind"] == words
