"""The acquirer on a real socket: TCP or TLS, the profile's length prefix, many connections, one thread.

A connection may carry any number of exchanges. What is received waits in one queue for all connections, and what has
waited longer than `stale_s` is dropped: its terminal has given up, and would only get an answer to a question that
nobody asks any more, while others wait behind it. The wire carries no time, so that it counts from the last byte here.

Faults that only a line has (a late reply, one that comes byte by
byte, one that is cut, a connection that ends) are carried out here; the core decides them.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from drivers.link import LENGTH_BYTES, length_prefix, read_length
from sim.acquirer.core import Acquirer
from sim.acquirer.requests import Reply

STALE_S = 30.0  # Half of what terminals wait for an answer (docs/host-link.md §9).
TURN = 32  # Requests answered before the loop reads again: their answers leave meanwhile.
CONNECTIONS_LIMIT = 10_000
BACKLOG = 512
START_TIMEOUT_S = 10.0
DRIP_S = 0.001  # Between the bytes of a split reply.
SERVER_CERTIFICATE, SERVER_KEY, CLIENTS_CA = "server.pem", "server.key", "ca.pem"


def wall_ms() -> int:
    """Milliseconds since 1970, as the core wants them."""
    return time.time_ns() // 1_000_000


def tls_context(folder: Path, *, demand_client: bool = False) -> ssl.SSLContext:
    """A server's context from the files that sim.tls writes. Raises OSError (ssl.SSLError too)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(folder / SERVER_CERTIFICATE, folder / SERVER_KEY)
    if demand_client:
        context.load_verify_locations(folder / CLIENTS_CA)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class AcquirerServer:
    """Serves one Acquirer. `on_exchange(direction, frame)` sees each frame, "in" or "out", on the server's thread.

    `clock()` gives milliseconds since 1970, `waited()` seconds for the age of what is queued. Port 0 takes a free one;
    `port` tells which. `share_port`: other processes listen on it too.
    """

    def __init__(
        self,
        acquirer: Acquirer,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], int] = wall_ms,
        on_exchange: Callable[[str, bytes], None] | None = None,
        stale_s: float = STALE_S,
        waited: Callable[[], float] = time.monotonic,
        share_port: bool = False,
    ) -> None:
        self.stale = 0  # How many requests were dropped because they had waited too long.
        self._stale_s = stale_s
        self._waited = waited
        self._share_port = share_port
        self._queue: deque[tuple[_Connection, bytes, float]] = deque()
        self.acquirer = acquirer
        self.host = host
        self.port = port
        self._tls = tls
        self.clock = clock
        self.on_exchange = on_exchange
        self.connections: set[_Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: OSError | None = None

    def __enter__(self) -> AcquirerServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on a thread of its own. Raises OSError when the port is taken."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="acquirer", daemon=True)
        self._thread.start()
        if not self._started.wait(START_TIMEOUT_S):
            raise OSError("the acquirer did not come up")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Close all connections and end. Once is enough; again changes nothing."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(START_TIMEOUT_S)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await self._loop.create_server(
                lambda: _Connection(self), self.host, self.port, ssl=self._tls, backlog=BACKLOG,
                reuse_port=self._share_port or None,
            )
        except OSError as error:
            self._failure = error
            self._started.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for connection in tuple(self.connections):
            connection.abort()

    def enqueue(self, connection: _Connection, frame: bytes) -> None:
        """A whole request is there."""
        self._queue.append((connection, frame, self._waited()))
        if len(self._queue) == 1:
            asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        for _ in range(min(TURN, len(self._queue))):
            connection, frame, received = self._queue[0]
            if self._waited() - received > self._stale_s:
                self.stale += 1
            else:
                connection.answer(frame)
            self._queue.popleft()
        if self._queue:
            asyncio.get_running_loop().call_soon(self._work)


class _Connection(asyncio.Protocol):
    """One terminal's connection: frames out of segments, replies into them."""

    def __init__(self, server: AcquirerServer) -> None:
        self._server = server
        self._digits = server.acquirer.profile.length_digits
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport) or len(self._server.connections) >= CONNECTIONS_LIMIT:
            transport.close()
            return
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.connections.discard(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        start = self._digits or LENGTH_BYTES
        # The length has two bytes or four digits, so no frame, and no buffer, grows beyond 64 KiB and one segment.
        while len(buffer) >= start:
            try:
                end = start + read_length(bytes(buffer[:start]), self._digits)
            except ValueError:
                self.abort()
                return
            if len(buffer) < end:
                return
            frame = bytes(buffer[start:end])
            del buffer[:end]
            self._server.enqueue(self, frame)

    def answer(self, frame: bytes) -> None:
        server = self._server
        if server.on_exchange is not None:
            server.on_exchange("in", frame)
        for reply in server.acquirer.exchange(frame, server.clock()):
            if reply.delay_ms:
                asyncio.get_running_loop().call_later(reply.delay_ms / 1000, self._send, reply)
            else:
                self._send(reply)

    def _send(self, reply: Reply) -> None:
        transport = self._transport
        if transport is None:
            return  # The terminal has gone; a late reply is nobody's.
        if reply.data:
            if self._server.on_exchange is not None:
                self._server.on_exchange("out", reply.data)
            whole = length_prefix(reply.full_bytes or len(reply.data), self._digits) + reply.data
            if reply.byte_by_byte:
                self._drip(whole)
                return
            transport.write(whole)
        if reply.hang_up:
            transport.close()

    def _drip(self, data: bytes) -> None:
        """One byte a turn of the loop: each is a segment of its own (Nagle is off in asyncio)."""
        if self._transport is not None and data:
            self._transport.write(data[:1])
            asyncio.get_running_loop().call_later(DRIP_S, self._drip, data[1:])
