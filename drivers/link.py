"""The link to the host: TCP, TLS when asked for, frames with their length before them, over one of several routes.

One socket, two threads: the device's thread connects and sends, a reader thread per connection posts what
arrives. OpenSSL's connections must not be read and written at once, so the socket never blocks: both threads
wait for it outside a lock and touch it inside. What was sent is told apart strictly, because it decides
between "nothing happened" and a reversal: a byte that the system took may have left.

| function | supported | remark |
|---|---|---|
| TCP, IPv4 and IPv6 | yes | every address of the name is tried within the one timeout |
| several routes | yes | a host and the interface to leave by (SO_BINDTODEVICE); whoever connects says which |
| a line that died | yes | TCP keep-alive and TCP_USER_TIMEOUT: LinkClosed within DEAD_S |
| a host that floods | yes | FLOOD_LIMIT frames for one request, then LinkClosed(BROKEN): what posts is bounded |
| TLS 1.3 | yes | stdlib ssl; only the pinned CA counts, never the system's |
| TLS 1.2 and older | no | refused: what an attacker could talk both sides down to |
| client certificate | yes | a host refuses it after the handshake: LinkClosed(TLS) |
| certificate not valid today | yes | TLS_DATE: most often our own clock |
| frames split and joined | yes | up to FRAME_LIMIT_BYTES |
| length prefix | yes | two bytes, or ASCII digits |
| HTTPS framing (x-ISO-TPDU) | no | only when an acquirer asks for it |

Spec: RFC 8446; PCI PTS POI requirement D9; the length prefix as in the host link's framing (big-endian, counts
what follows it).
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drivers.ports import LinkClosed, LinkDown, LinkFault, LinkFrame

FRAME_LIMIT_BYTES = 8_192  # The longest message is below 2 KB; downloads come in blocks of the same kind.
LENGTH_BYTES = 2
READ_BYTES = 4_096
FLOOD_LIMIT = 512  # Frames since our last request: sixteen times what a session reads before it hangs up.
KEEP_ALIVE_S, KEEP_ALIVE_GAP_S, KEEP_ALIVE_TRIES = 30, 10, 3
DEAD_S = KEEP_ALIVE_S + KEEP_ALIVE_GAP_S * KEEP_ALIVE_TRIES  # After that a silent line is a broken one.
CLOSE_MS = 1_000  # For the reader thread to end; it only waits for a socket that is shut down already.
_Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]  # getaddrinfo's rows.
CERTIFICATE_NOT_YET_VALID, CERTIFICATE_HAS_EXPIRED = 9, 10  # X509_V_ERR_*, by number in ssl's verify_code.


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca_file` is the only authority believed (PEM). `server_name` is checked against the certificate."""

    ca_file: Path
    server_name: str
    certificate: Path | None = None  # Our own, when the host asks for one (PEM, chain included).
    private_key: Path | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One way to the host. `interface` is the network device to leave by ("eth0"); "": the system's choice."""

    host: str
    port: int
    tls: Tls | None = None
    interface: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" + (f" ({self.interface})" if self.interface else "")


def length_prefix(size: int, digits: int = 0) -> bytes:
    """What stands before a frame: two bytes, big-endian, or so many ASCII digits.

    >>> length_prefix(0x1234), length_prefix(60, 4)
    (b'\\x124', b'0060')
    """
    return b"%0*d" % (digits, size) if digits else size.to_bytes(LENGTH_BYTES, "big")


def read_length(prefix: bytes, digits: int = 0) -> int:
    """The size that a whole prefix says. Raises ValueError for one that is no number."""
    if not digits:
        return int.from_bytes(prefix, "big")
    if not prefix.isdigit():
        raise ValueError("a length prefix that is no number")
    return int(prefix)


class FrameReader:
    """Reassembles frames from segments, however they were split or joined. `digits`: see `length_prefix`.

    >>> FrameReader().take(bytes.fromhex("000261620001"))
    (b'ab',)
    """

    def __init__(self, limit_bytes: int = FRAME_LIMIT_BYTES, digits: int = 0) -> None:
        self._limit = limit_bytes
        self._digits = digits
        self._held = bytearray()

    @property
    def inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._held)

    def take(self, segment: bytes) -> tuple[bytes, ...]:
        """The frames that are complete now; an empty one (a keep-alive) is skipped.

        Raises ValueError for a length over the limit, or that is none.
        """
        self._held += segment
        frames: list[bytes] = []
        start = self._digits or LENGTH_BYTES
        while len(self._held) >= start:
            length = read_length(bytes(self._held[:start]), self._digits)
            if length > self._limit:
                raise ValueError(f"a frame of {length} bytes; the limit is {self._limit}")
            end = start + length
            if len(self._held) < end:
                break
            if length:
                frames.append(bytes(self._held[start:end]))
            del self._held[:end]
        return tuple(frames)


class TcpLink:
    """Meets `drivers.ports.Link`.

    A connection's end is told at most once, by LinkClosed; what we end ourselves (`close`, a `send` that
    raised, a new `connect`) is not told.
    """

    def __init__(self, host: str, port: int, *, tls: Tls | None = None, length_digits: int = 0) -> None:
        """`length_digits`: as the host wants its frames counted, see `length_prefix`."""
        self._listed: tuple[Route, ...] = (Route(host, port, tls),)
        self._routes: tuple[Route, ...] = self._listed
        self._digits = length_digits
        self._on_event: Callable[[LinkFrame | LinkClosed], None] = lambda event: None
        self._number = 0
        self._connection: _Connection | None = None

    @classmethod
    def over(cls, routes: Sequence[Route], length_digits: int = 0) -> TcpLink:
        """A link with several ways to the host, the preferred one first."""
        link = cls(routes[0].host, routes[0].port, length_digits=length_digits)
        link._listed = link._routes = tuple(routes)
        return link

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(str(route) for route in self._routes)

    def dial(self, address: str) -> None:
        """Call this host ("address:port") from the next connection on. Raises ValueError.

        One of those that were listed means all of them, in their order; another is called alone, by the preferred
        interface and with its TLS.
        """
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"not ADDRESS:PORT: {address!r}")
        alone = replace(self._listed[0], host=host.strip("[]"), port=int(port))
        listed = any((route.host, route.port) == (alone.host, alone.port) for route in self._listed)
        self._routes = self._listed if listed else (alone,)

    def watch(self, on_event: Callable[[LinkFrame | LinkClosed], None]) -> None:
        """Frames and ends are reported from the connection's reader thread."""
        self._on_event = on_event

    def connect(self, timeout_ms: int, route: int = 0) -> int:
        """Open a connection by that route and give its number; one that is open is closed first.

        Name look-up, TCP and TLS share the timeout. Raises LinkDown with sent=False.
        """
        self.close()
        deadline, way = _Deadline(timeout_ms), self._routes[route]
        plain = _open(way, deadline)
        try:
            sock = plain if way.tls is None else _handshake(plain, way.tls, deadline)
        except LinkDown:
            plain.close()
            raise
        self._number += 1
        self._connection = _Connection(sock, self._number, self._on_event, FrameReader(digits=self._digits))
        return self._number

    def send(self, data: bytes, timeout_ms: int) -> None:
        """Send one frame. Raises LinkDown (`sent`: a byte of it may have left), ValueError (too long).

        A failed send ends the connection.
        """
        if not 0 < len(data) <= FRAME_LIMIT_BYTES:
            raise ValueError(f"a frame has 1 to {FRAME_LIMIT_BYTES} bytes, not {len(data)}")
        if self._connection is None:
            raise LinkDown(LinkFault.BROKEN, sent=False, detail="not connected")
        try:
            self._connection.send(length_prefix(len(data), self._digits) + data, _Deadline(timeout_ms))
        except LinkDown:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, if there is one. Nothing of it is reported after this returns."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Deadline:
    """What is left of a timeout."""

    def __init__(self, timeout_ms: int) -> None:
        self._end_ns = time.monotonic_ns() + timeout_ms * 1_000_000

    def left_ms(self) -> int:
        return max(0, (self._end_ns - time.monotonic_ns()) // 1_000_000)

    def left_s(self) -> float:
        """For sockets, which read 0 as "do not block at all"."""
        return max(0.001, self.left_ms() / 1000)


def _open(route: Route, deadline: _Deadline) -> socket.socket:
    addresses = _look_up(route.host, route.port, deadline)
    fault, detail = LinkFault.TIMEOUT, "no answer to the connection"
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        if deadline.left_ms() == 0:
            break
        sock = socket.socket(family, kind, protocol)
        # A dead IPv6 route must leave time for the IPv4 address behind it.
        sock.settimeout(max(0.001, deadline.left_s() / (len(addresses) - tried)))
        try:
            _leave_by(sock, route.interface)
            sock.connect(address)
        except TimeoutError:
            sock.close()
            fault, detail = LinkFault.TIMEOUT, "no answer to the connection"
        except ConnectionRefusedError as error:
            sock.close()
            fault, detail = LinkFault.REFUSED, error.strerror or ""
        except OSError as error:
            sock.close()
            fault, detail = LinkFault.UNREACHABLE, error.strerror or ""
        else:
            _watch_over(sock)
            return sock
    raise LinkDown(fault, sent=False, detail=detail)


def _leave_by(sock: socket.socket, interface: str) -> None:
    """Bind to a network device, whatever the routing table says. Raises OSError (ENODEV: it is not there)."""
    if interface:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())


def _watch_over(sock: socket.socket) -> None:
    """Let the system find out by itself that nobody is there any more, idle or with bytes on their way."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_GAP_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_ALIVE_TRIES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_S * 1000)


def _look_up(host: str, port: int, deadline: _Deadline) -> list[_Address]:
    """getaddrinfo knows no timeout, so it runs beside us; the resolver's patience ends it."""
    found: list[_Address] = []
    failed: list[str] = []

    def look() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            failed.append(error.strerror or str(error))

    seeker = threading.Thread(target=look, name="link-look-up", daemon=True)
    seeker.start()
    seeker.join(deadline.left_s())
    if seeker.is_alive():
        raise LinkDown(LinkFault.TIMEOUT, sent=False, detail="the host's name was not answered")
    if not found:
        raise LinkDown(LinkFault.UNREACHABLE, sent=False, detail=failed[0] if failed else "no address")
    return found


def _handshake(plain: socket.socket, tls: Tls, deadline: _Deadline) -> ssl.SSLSocket:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cafile=tls.ca_file)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.private_key)
    except (OSError, ssl.SSLError) as error:
        detail = f"the certificate files cannot be used: {error.strerror or error}"
        raise LinkDown(LinkFault.TLS, sent=False, detail=detail) from error
    plain.settimeout(deadline.left_s())
    try:
        return context.wrap_socket(plain, server_hostname=tls.server_name)
    except TimeoutError as error:
        raise LinkDown(LinkFault.TIMEOUT, sent=False, detail="no end to the TLS handshake") from error
    except ssl.SSLCertVerificationError as error:
        raise not_believed(error) from error
    except ssl.SSLError as error:
        raise LinkDown(LinkFault.TLS, sent=False, detail=error.reason or "") from error
    except OSError as error:
        detail = error.strerror or "ended in the TLS handshake"
        raise LinkDown(LinkFault.BROKEN, sent=False, detail=detail) from error


class _Connection:
    """One socket, its reader thread, and the lock between reading and writing."""

    def __init__(
        self, sock: socket.socket, number: int, tell: Callable[[LinkFrame | LinkClosed], None], frames: FrameReader
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._number = number
        self._tell = tell
        self._frames = frames
        self._lock = threading.Lock()
        self._ended: LinkFault | None = None  # Why nothing can be sent any more.
        self._silent = False  # We ended it ourselves: nothing more is told.
        self._unasked = 0  # Frames since the last request.
        self._thread = threading.Thread(target=self._run, name=f"link-{number}", daemon=True)
        self._thread.start()

    def send(self, data: bytes, deadline: _Deadline) -> None:
        rest = memoryview(data)
        sent = False
        self._unasked = 0
        while rest:
            with self._lock:
                if self._ended is not None:
                    raise LinkDown(self._ended, sent=sent, detail="the connection has ended")
                try:
                    # A TLS record may be half out when the call fails, so with TLS the attempt itself counts.
                    sent = sent or isinstance(self._sock, ssl.SSLSocket)
                    count = self._sock.send(rest)
                    sent = True
                    rest = rest[count:]
                    continue
                except (ssl.SSLWantWriteError, BlockingIOError):
                    want = select.POLLOUT
                except ssl.SSLWantReadError:
                    want = select.POLLIN
                except ssl.SSLError as error:
                    raise LinkDown(LinkFault.TLS, sent=sent, detail=error.reason or "") from error
                except OSError as error:
                    raise LinkDown(LinkFault.BROKEN, sent=sent, detail=error.strerror or "") from error
            if not self._wait(want, deadline.left_ms()):
                raise LinkDown(LinkFault.TIMEOUT, sent=sent, detail="the host does not take the request")

    def close(self) -> None:
        self._silent = True
        self._end(LinkFault.BROKEN)  # Wakes the reader.
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_MS / 1000)
        with self._lock:
            self._sock.close()

    def _end(self, fault: LinkFault) -> None:
        """Nothing more goes either way. The descriptor stays ours: no other socket gets its number."""
        with self._lock:
            self._ended = self._ended or fault
            with contextlib.suppress(OSError):  # It may have been reset already.
                self._sock.shutdown(socket.SHUT_RDWR)

    def _wait(self, want: int, timeout_ms: int | None) -> bool:
        poll = select.poll()
        poll.register(self._sock, want)
        return bool(poll.poll(timeout_ms))

    def _run(self) -> None:
        fault: LinkFault | None = None
        while fault is None:
            segment, fault = self._read()
            try:
                for frame in self._frames.take(segment):
                    self._unasked += 1
                    if self._unasked > FLOOD_LIMIT:
                        raise ValueError(f"more than {FLOOD_LIMIT} frames for one request")
                    self._report(LinkFrame(self._number, frame))
            except ValueError:
                fault = LinkFault.BROKEN
        self._end(fault)
        self._report(LinkClosed(self._number, fault))

    def _read(self) -> tuple[bytes, LinkFault | None]:
        """One segment, or why there will be none; waits outside the lock."""
        while True:
            with self._lock:
                if self._ended is not None:
                    return b"", self._ended
                try:
                    segment = self._sock.recv(READ_BYTES)
                    return segment, None if segment else LinkFault.BROKEN
                except (ssl.SSLWantReadError, BlockingIOError):
                    want = select.POLLIN
                except ssl.SSLWantWriteError:
                    want = select.POLLOUT
                except ssl.SSLError:
                    return b"", LinkFault.TLS
                except OSError:
                    return b"", LinkFault.BROKEN
            self._wait(want, None)

    def _report(self, event: LinkFrame | LinkClosed) -> None:
        if not self._silent:
            self._tell(event)


def not_believed(error: ssl.SSLCertVerificationError) -> LinkDown:
    """Why a certificate is refused; a wrong date may be our own clock's."""
    dates = (CERTIFICATE_NOT_YET_VALID, CERTIFICATE_HAS_EXPIRED)
    fault = LinkFault.TLS_DATE if error.verify_code in dates else LinkFault.TLS
    return LinkDown(fault, sent=False, detail=error.verify_message)
