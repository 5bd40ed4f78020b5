"""Hosts for the link's tests: real sockets on loopback that do exactly what a script says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable

PATIENCE_S = 10  # A test that waits this long has failed.


class ScriptedHost:
    """Runs `script(sock)` for every connection, each on its own thread; a broken script fails the test at close."""

    def __init__(self, script: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._broken: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self.tls_refusals: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> ScriptedHost:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(PATIENCE_S)
        self.hang_up()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        if self._broken:
            raise self._broken[0]

    def hang_up(self) -> None:
        for sock in self._open:
            with contextlib.suppress(OSError):
                # SSLSocket's own shutdown would pull the TLS state from under the thread that reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock.settimeout(PATIENCE_S)
                sock = self._tls.wrap_socket(sock, server_side=True)  # The plain one has lost its descriptor.
                self._open.append(sock)
            self._script(sock)
        except ssl.SSLError as refused:
            self.tls_refusals.append(refused.reason or "")
        except (ConnectionError, EOFError, TimeoutError):
            pass  # The link hung up on us; the test looks at it from the other side.
        except BaseException as broken:
            self._broken.append(broken)
        finally:
            with contextlib.suppress(OSError):
                sock.close()


def read_exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_frame(sock: socket.socket) -> bytes:
    (length,) = struct.unpack(">H", read_exactly(sock, 2))
    return read_exactly(sock, length)


def framed(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data
