"""What the port promises, asked of the real link (plain and TLS, before a real server) and of the twin alike."""

from __future__ import annotations

import queue
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from link_hosts import PATIENCE_S, ScriptedHost, framed, read_frame

from drivers.link import FLOOD_LIMIT, FRAME_LIMIT_BYTES, TcpLink, Tls
from drivers.ports import Link, LinkClosed, LinkDown, LinkFault, LinkFrame
from sim.loop import SimLoop
from sim.tls import make_certificates
from sim.twins.link import Network, Trip, TwinLink
from terminal.loop import Sleep

TIMEOUT_MS = 5_000


def host(frame: bytes) -> tuple[bytes, ...]:
    """Echoes; `twice` is answered twice, `flood` without measure, `silence` never, `cut` by half an answer."""
    if frame == b"flood":
        return (b"drop",) * (FLOOD_LIMIT + 50)
    if frame == b"twice":
        return b"first", b"second"
    return () if frame == b"silence" else (frame,)


class WireRig:
    """The real link before a real server."""

    def __init__(self, tls_folder: Path | None) -> None:
        server_tls: ssl.SSLContext | None = None
        link_tls: Tls | None = None
        if tls_folder is not None:
            files = make_certificates(tls_folder)
            server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server_tls.load_cert_chain(files.server, files.server_key)
            link_tls = Tls(files.ca, files.server_name)
        self._events: queue.Queue[LinkFrame | LinkClosed] = queue.Queue()
        self._host = ScriptedHost(self._serve, server_tls)
        self.link: Link = TcpLink("127.0.0.1", self._host.port, tls=link_tls)
        self.link.watch(self._events.put)

    def _serve(self, sock: socket.socket) -> None:
        while True:
            frame = read_frame(sock)
            if frame == b"cut":
                sock.sendall(framed(b"half of this")[:7])
                return
            for answer in host(frame):
                sock.sendall(framed(answer))

    def events(self, count: int) -> list[LinkFrame | LinkClosed]:
        got = [self._events.get(timeout=PATIENCE_S) for _ in range(count)]
        assert self._events.empty()
        return got

    def hang_up(self) -> None:
        self._host.hang_up()

    def nobody_listens(self) -> None:
        self._host.__exit__()

    def close(self) -> None:
        self.link.close()
        self._host.__exit__()


class TwinRig:
    """The twin in virtual time."""

    def __init__(self) -> None:
        self._loop = SimLoop(seed=1)
        self._events: list[LinkFrame | LinkClosed] = []
        self._cut: set[int] = set()
        self._requests: list[bytes] = []
        self._refuse: LinkFault | None = None
        network = Network(trip=self._trip, refuse=lambda attempt: self._refuse)
        self._twin = TwinLink(self._loop, self._handle, network)
        self.link: Link = self._twin
        self.link.watch(self._events.append)

    def _trip(self, serial: int) -> Trip:
        return Trip(cut_reply_after=5 if serial in self._cut else None)

    def _handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        return (b"half of this",) if frame == b"cut" else host(frame)

    def events(self, count: int) -> list[LinkFrame | LinkClosed]:
        async def a_while() -> None:
            await Sleep(1_000)

        self._loop.run(a_while())
        got, self._events[:] = list(self._events), []
        assert len(got) == count
        return got

    def hang_up(self) -> None:
        self._twin.break_connection()

    def cut(self, serial: int) -> None:
        self._cut.add(serial)

    def nobody_listens(self) -> None:
        self._refuse = LinkFault.REFUSED

    def close(self) -> None:
        self.link.close()


Rig = WireRig | TwinRig


@pytest.fixture(params=["plain", "tls", "twin"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    made: Rig = TwinRig() if request.param == "twin" else WireRig(tmp_path if request.param == "tls" else None)
    yield made
    made.close()


def test_a_frame_goes_there_and_comes_back_with_its_connection_number(rig: Rig) -> None:
    number = rig.link.connect(TIMEOUT_MS)
    rig.link.send(b"\x60\x00\x03", TIMEOUT_MS)
    assert rig.events(1) == [LinkFrame(number, b"\x60\x00\x03")]


def test_the_longest_frame_passes_both_ways(rig: Rig) -> None:
    data = bytes(range(256)) * (FRAME_LIMIT_BYTES // 256)
    number = rig.link.connect(TIMEOUT_MS)
    rig.link.send(data, TIMEOUT_MS)
    assert rig.events(1) == [LinkFrame(number, data)]


def test_several_answers_keep_their_order(rig: Rig) -> None:
    number = rig.link.connect(TIMEOUT_MS)
    rig.link.send(b"twice", TIMEOUT_MS)
    assert rig.events(2) == [LinkFrame(number, b"first"), LinkFrame(number, b"second")]


def test_each_connection_has_its_own_number(rig: Rig) -> None:
    first = rig.link.connect(TIMEOUT_MS)
    rig.link.close()
    second = rig.link.connect(TIMEOUT_MS)
    assert second > first
    rig.link.send(b"again", TIMEOUT_MS)
    assert rig.events(1) == [LinkFrame(second, b"again")]


def test_a_second_connect_closes_the_first_without_a_word(rig: Rig) -> None:
    rig.link.connect(TIMEOUT_MS)
    second = rig.link.connect(TIMEOUT_MS)
    rig.link.send(b"on the new one", TIMEOUT_MS)
    assert rig.events(1) == [LinkFrame(second, b"on the new one")]


def test_sending_without_a_connection_sends_nothing(rig: Rig) -> None:
    with pytest.raises(LinkDown) as down:
        rig.link.send(b"too early", TIMEOUT_MS)
    assert down.value.fault is LinkFault.BROKEN
    assert not down.value.sent


def test_a_refused_connection_sends_nothing(rig: Rig) -> None:
    rig.nobody_listens()
    with pytest.raises(LinkDown) as down:
        rig.link.connect(TIMEOUT_MS)
    assert down.value.fault is LinkFault.REFUSED
    assert not down.value.sent


def test_the_hosts_end_is_told_once_and_nothing_is_sent_after_it(rig: Rig) -> None:
    number = rig.link.connect(TIMEOUT_MS)
    rig.link.send(b"hello", TIMEOUT_MS)
    rig.events(1)
    rig.hang_up()
    assert rig.events(1) == [LinkClosed(number, LinkFault.BROKEN)]
    with pytest.raises(LinkDown) as down:
        rig.link.send(b"too late", TIMEOUT_MS)
    assert not down.value.sent


def test_half_an_answer_is_no_answer(rig: Rig) -> None:
    number = rig.link.connect(TIMEOUT_MS)
    if isinstance(rig, TwinRig):
        rig.cut(1)
    rig.link.send(b"cut", TIMEOUT_MS)
    assert rig.events(1) == [LinkClosed(number, LinkFault.BROKEN)]


def test_a_host_that_floods_is_hung_up_on(rig: Rig) -> None:
    number = rig.link.connect(TIMEOUT_MS)
    rig.link.send(b"flood", TIMEOUT_MS)
    frames = [LinkFrame(number, b"drop")] * FLOOD_LIMIT
    assert rig.events(FLOOD_LIMIT + 1) == [*frames, LinkClosed(number, LinkFault.BROKEN)]


def test_our_own_close_is_silent_and_may_be_repeated(rig: Rig) -> None:
    rig.link.connect(TIMEOUT_MS)
    rig.link.send(b"silence", TIMEOUT_MS)
    rig.link.close()
    rig.link.close()
    assert rig.events(0) == []


@pytest.mark.parametrize("length", [0, FRAME_LIMIT_BYTES + 1])
def test_a_frame_outside_the_limits_is_our_own_fault(rig: Rig, length: int) -> None:
    rig.link.connect(TIMEOUT_MS)
    with pytest.raises(ValueError, match="a frame has 1 to"):
        rig.link.send(bytes(length), TIMEOUT_MS)
