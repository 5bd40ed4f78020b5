"""The real link on loopback: dialogues of bytes, and what TLS adds."""

from __future__ import annotations

import contextlib
import datetime
import queue
import select
import socket
import ssl
import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from link_hosts import PATIENCE_S, ScriptedHost, framed, read_frame

from drivers.link import FRAME_LIMIT_BYTES, FrameReader, Route, TcpLink, Tls
from drivers.ports import LinkClosed, LinkDown, LinkFault, LinkFrame
from sim.tls import Certificates, make_certificates

TIMEOUT_MS = 5_000
NO_SERVER_MS = 200  # How long the tests wait where nobody will ever answer.

Events = queue.Queue[LinkFrame | LinkClosed]


def watched(link: TcpLink) -> Events:
    events: Events = queue.Queue()
    link.watch(events.put)
    return events


def server_context(files: Certificates, *, wants_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.server_key)
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cafile=files.ca)
    return context


def echo(sock: socket.socket) -> None:
    while True:
        sock.sendall(framed(read_frame(sock)))


# Frames


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.data())
def test_frames_survive_any_segmentation(frames: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(framed(frame) for frame in frames)
    reader, got, at = FrameReader(), [], 0
    while at < len(wire):
        size = data.draw(st.integers(1, len(wire) - at))
        got += reader.take(wire[at : at + size])
        at += size
    assert got == frames
    assert not reader.inside


def test_a_keep_alive_is_no_frame() -> None:
    assert FrameReader().take(b"\x00\x00" + framed(b"x") + b"\x00\x00") == (b"x",)


def test_a_length_over_the_limit_is_refused_before_it_is_stored() -> None:
    with pytest.raises(ValueError, match="8193 bytes"):
        FrameReader().take(struct.pack(">H", FRAME_LIMIT_BYTES + 1))


def test_split_and_joined_segments_on_a_socket() -> None:
    def drip(sock: socket.socket) -> None:
        for byte in framed(b"slowly") + framed(b"first") + framed(b"second")[:3]:
            sock.sendall(bytes((byte,)))
        sock.sendall(framed(b"second")[3:] + framed(b"third"))
        read_frame(sock)

    with ScriptedHost(drip) as host:
        link = TcpLink("127.0.0.1", host.port)
        events = watched(link)
        number = link.connect(TIMEOUT_MS)
        got = [events.get(timeout=PATIENCE_S) for _ in range(4)]
        link.close()
    assert got == [LinkFrame(number, data) for data in (b"slowly", b"first", b"second", b"third")]


def test_a_frame_over_the_limit_breaks_the_connection() -> None:
    def babble(sock: socket.socket) -> None:
        sock.sendall(b"\xff\xff" + bytes(100))
        read_frame(sock)

    with ScriptedHost(babble) as host:
        link = TcpLink("127.0.0.1", host.port)
        events = watched(link)
        number = link.connect(TIMEOUT_MS)
        assert events.get(timeout=PATIENCE_S) == LinkClosed(number, LinkFault.BROKEN)
        with pytest.raises(LinkDown) as down:
            link.send(b"more", TIMEOUT_MS)
        assert not down.value.sent
        link.close()


def test_a_frame_that_was_posted_late_has_its_old_number() -> None:
    """What a slow consumer takes out after a reconnect still tells where it came from."""
    with ScriptedHost(echo) as host:
        link = TcpLink("127.0.0.1", host.port)
        events = watched(link)
        old = link.connect(TIMEOUT_MS)
        link.send(b"old", TIMEOUT_MS)
        late = events.get(timeout=PATIENCE_S)
        new = link.connect(TIMEOUT_MS)
        link.send(b"new", TIMEOUT_MS)
        assert (late, events.get(timeout=PATIENCE_S)) == (LinkFrame(old, b"old"), LinkFrame(new, b"new"))
        link.close()


# Timeouts, and what had left


def test_a_host_that_does_not_read_is_a_timeout_after_bytes_have_left() -> None:
    release = threading.Event()

    def deaf(sock: socket.socket) -> None:
        release.wait(PATIENCE_S)

    with ScriptedHost(deaf) as host:
        link = TcpLink("127.0.0.1", host.port)
        watched(link)
        link.connect(TIMEOUT_MS)
        with pytest.raises(LinkDown) as down:
            for _ in range(2_000):  # Until the buffers of both ends are full: some megabytes.
                link.send(bytes(FRAME_LIMIT_BYTES), NO_SERVER_MS)
        release.set()
    assert down.value.fault is LinkFault.TIMEOUT
    with pytest.raises(LinkDown, match="not connected"):
        link.send(b"after it", TIMEOUT_MS)


def test_a_reset_before_the_first_byte_has_sent_nothing() -> None:
    """The reader thread may learn of the reset first or the send may; both know that nothing left."""
    connected, done = threading.Event(), threading.Event()

    def reset(sock: socket.socket) -> None:
        connected.wait(PATIENCE_S)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        done.set()

    with ScriptedHost(reset) as host:
        link = TcpLink("127.0.0.1", host.port)
        watched(link)
        link.connect(TIMEOUT_MS)
        connected.set()
        done.wait(PATIENCE_S)
        with pytest.raises(LinkDown) as down:
            link.send(b"into the void", TIMEOUT_MS)
        link.close()
    assert down.value.fault is LinkFault.BROKEN
    assert not down.value.sent


def test_a_certificate_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with ScriptedHost(echo) as host:
        link = TcpLink("127.0.0.1", host.port, tls=Tls(tmp_path / "none.pem", "x"))
        with pytest.raises(LinkDown, match="certificate files") as down:
            link.connect(TIMEOUT_MS)
    assert down.value.fault is LinkFault.TLS


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    link = TcpLink("host.invalid", 1)
    with pytest.raises(LinkDown) as down:
        link.connect(TIMEOUT_MS)
    assert down.value.fault in (LinkFault.UNREACHABLE, LinkFault.TIMEOUT)
    assert not down.value.sent


# Routes


def test_each_route_is_called_when_it_is_named() -> None:
    with ScriptedHost(echo) as first, ScriptedHost(echo) as second:
        link = TcpLink.over([Route("127.0.0.1", first.port), Route("127.0.0.1", second.port)])
        events = watched(link)
        second.hang_up()
        first.hang_up()
        for route in (1, 0):
            number = link.connect(TIMEOUT_MS, route)
            link.send(b"here", TIMEOUT_MS)
            assert events.get(timeout=PATIENCE_S) == LinkFrame(number, b"here")
        link.close()
        assert link.routes == (f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}")


def test_an_interface_that_is_not_there_is_no_way_to_the_host() -> None:
    with ScriptedHost(echo) as host:
        link = TcpLink.over([Route("127.0.0.1", host.port, interface="nosuch0")])
        with pytest.raises(LinkDown) as down:
            link.connect(TIMEOUT_MS)
    assert down.value.fault is LinkFault.UNREACHABLE
    assert not down.value.sent


def test_leaving_by_the_loopback_reaches_this_machine() -> None:
    with ScriptedHost(echo) as host:
        link = TcpLink.over([Route("127.0.0.1", host.port, interface="lo")])
        link.connect(TIMEOUT_MS)
        link.close()
    assert link.routes == (f"127.0.0.1:{host.port} (lo)",)


def test_a_listed_host_means_the_whole_list_and_another_is_called_alone() -> None:
    link = TcpLink.over([Route("a.test", 1, interface="eth0"), Route("b.test", 2)])
    link.dial("b.test:2")
    assert link.routes == ("a.test:1 (eth0)", "b.test:2")
    link.dial("[::1]:3")
    assert link.routes == ("[::1]:3 (eth0)",)
    link.dial("a.test:1")
    assert len(link.routes) == 2


# TLS


def tls_link(host: ScriptedHost, files: Certificates, **changes: object) -> TcpLink:
    settings: dict[str, object] = {"ca_file": files.ca, "server_name": files.server_name, **changes}
    return TcpLink("127.0.0.1", host.port, tls=Tls(**settings))  # type: ignore[arg-type]


def refused(link: TcpLink) -> LinkDown:
    with pytest.raises(LinkDown) as down:
        link.connect(TIMEOUT_MS)
    assert not down.value.sent
    return down.value


def test_tls_that_never_answers_is_a_timeout(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    release = threading.Event()

    def silent(sock: socket.socket) -> None:
        release.wait(PATIENCE_S)

    with ScriptedHost(silent) as host:
        with pytest.raises(LinkDown) as down:
            tls_link(host, files).connect(NO_SERVER_MS)
        release.set()
    assert down.value.fault is LinkFault.TIMEOUT
    assert not down.value.sent


@pytest.mark.parametrize("days", [(-20, -10), (10, 20)])
def test_a_certificate_that_is_not_valid_today_points_at_the_clock(
    tmp_path: Path, days: tuple[int, int]
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    start, end = (now + datetime.timedelta(days=day) for day in days)
    files = make_certificates(tmp_path, not_before=start, not_after=end)
    with ScriptedHost(echo, server_context(files)) as host:
        assert refused(tls_link(host, files)).fault is LinkFault.TLS_DATE


def test_another_name_is_refused(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    with ScriptedHost(echo, server_context(files)) as host:
        assert refused(tls_link(host, files, server_name="bank.test")).fault is LinkFault.TLS


def test_another_authority_is_refused(tmp_path: Path) -> None:
    files = make_certificates(tmp_path / "ours")
    others = make_certificates(tmp_path / "theirs")
    with ScriptedHost(echo, server_context(others)) as host:
        assert refused(tls_link(host, files)).fault is LinkFault.TLS


def test_a_host_that_speaks_no_tls_is_refused(tmp_path: Path) -> None:
    def plain(sock: socket.socket) -> None:
        sock.sendall(b"220 no TLS here\r\n" * 10)

    with ScriptedHost(plain) as host:
        assert refused(tls_link(host, make_certificates(tmp_path))).fault is LinkFault.TLS


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
def test_older_tls_is_refused(tmp_path: Path, version: ssl.TLSVersion) -> None:
    files = make_certificates(tmp_path)
    context = server_context(files)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with ScriptedHost(echo, context) as host:
        assert refused(tls_link(host, files)).fault is LinkFault.TLS


def test_a_client_certificate_is_shown_when_given(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    with ScriptedHost(echo, server_context(files, wants_client=True)) as host:
        link = tls_link(host, files, certificate=files.client, private_key=files.client_key)
        events = watched(link)
        number = link.connect(TIMEOUT_MS)
        link.send(b"known", TIMEOUT_MS)
        assert events.get(timeout=PATIENCE_S) == LinkFrame(number, b"known")
        link.close()


def test_without_a_client_certificate_the_host_ends_the_connection(tmp_path: Path) -> None:
    """The refusal comes after our handshake is done, so it is an end, not a failed connect."""
    files = make_certificates(tmp_path)
    with ScriptedHost(echo, server_context(files, wants_client=True)) as host:
        link = tls_link(host, files)
        events = watched(link)
        number = link.connect(TIMEOUT_MS)
        assert events.get(timeout=PATIENCE_S) == LinkClosed(number, LinkFault.TLS)
        link.close()


def test_both_ways_at_once_over_tls(tmp_path: Path) -> None:
    """OpenSSL must not be read and written at the same time; the lock is what this is about."""
    files = make_certificates(tmp_path)
    count = 300

    frames = b"".join(framed(struct.pack(">I", n) * 500) for n in range(count))

    def flood(sock: socket.socket) -> None:
        """The peer is one thread: only our side reads and writes at once."""
        sock.setblocking(False)
        outgoing, incoming = memoryview(frames), bytearray()
        while outgoing or len(incoming) < len(frames):
            with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                outgoing = outgoing[sock.send(outgoing[:16_384]) :] if outgoing else outgoing
            with contextlib.suppress(ssl.SSLWantReadError):
                incoming += sock.recv(65_536)
                continue
            select.select([sock], [sock] if outgoing else [], [], 1)
        assert incoming == frames
        sock.setblocking(True)
        read_frame(sock)

    with ScriptedHost(flood, server_context(files)) as host:
        link = tls_link(host, files)
        events = watched(link)
        number = link.connect(TIMEOUT_MS)
        for n in range(count):
            link.send(struct.pack(">I", n) * 500, TIMEOUT_MS)
        for n in range(count):
            assert events.get(timeout=PATIENCE_S) == LinkFrame(number, struct.pack(">I", n) * 500)
        link.close()


def test_the_private_keys_are_not_readable_by_others(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    assert files.server_key.stat().st_mode & 0o077 == 0
    assert files.client_key.stat().st_mode & 0o077 == 0
