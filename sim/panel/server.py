"""The web server of the panel: a few static files and one WebSocket, on loopback, behind the gate.

Everything is served by one `websockets` server: requests that do not ask for an upgrade get a file. There is
no other origin anywhere: the policy in the headers forbids the page to load or call anything else.
"""

from __future__ import annotations

import contextlib
import errno
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from sim.panel.gate import Gate
from sim.panel.hub import Hub, Listener
from sim.panel.protocol import MESSAGE_LIMIT, Do, JSONObject, ProtocolError, parse_do
from sim.panel.words import problem

PAGES_LIMIT = 8  # Open pages at once; each costs two threads.
STRANGE_LIMIT = 20  # Messages that do not parse before a page is shut out: a broken page must not fill the log.
CLOSE_S = 1.0  # How long a page may take to say goodbye: one that sleeps in a hidden tab never does.
OPEN_S = 3.0  # Browsers open connections ahead of need; one that asks for nothing by then is let go.
POLL_S = 1.0  # How often an idle writer looks whether its page is gone.

TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
}
PAGE = Path(__file__).parent / "page"
RECORDING = "/recording.jsonl"
PARTS = ("panel", "dom", "words", "device", "handheld", "cards", "phone", "slips", "talk", "books", "faults", "time")
FILES = {
    "/": "panel.html",
    "/panel.css": "panel.css",
    **{f"/{part}.js": f"{part}.js" for part in PARTS},
}


class NoPort(OSError):
    """Every port that was allowed is taken."""


class RecordingRefused(Exception):
    """There is none, or not now; the text says why."""


class PanelServer:
    """Serves the page and its channel until `close`, on the first of `ports` that is free. Raises NoPort, OSError.

    `on_do` gets each checked message of each page, in the order in which the page sent it. `font` makes a
    block of the web font from its name ("4e" for U+4E00..4EFF), None for a block that does not exist. `recording`
    gives what has happened, for whoever wants to keep it, or raises RecordingRefused.
    """

    def __init__(
        self,
        hub: Hub,
        on_do: Callable[[Do], None],
        *,
        ports: Sequence[int],
        token: str,
        hello: Callable[[], JSONObject],
        font: Callable[[str], bytes | None],
        recording: Callable[[], bytes],
    ) -> None:
        self._hub = hub
        self._on_do = on_do
        self._hello = hello
        self._font = font
        self._recording = recording
        self._pages = threading.Semaphore(PAGES_LIMIT)
        self._server = self._bind(ports)
        self.gate = Gate(self._server.socket.getsockname()[1], token)
        self._thread = threading.Thread(target=self._server.serve_forever, name="panel-server", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._hub.end()
        self._server.shutdown()
        if self._thread.is_alive():
            self._thread.join(5)

    def _bind(self, ports: Sequence[int]) -> Server:
        for candidate in ports:
            try:
                return serve(
                    self._page,
                    "127.0.0.1",
                    candidate,
                    process_request=self._request,
                    server_header=None,
                    open_timeout=OPEN_S,
                    close_timeout=CLOSE_S,
                    compression=None,  # Loopback: bytes are cheaper than the time to squeeze them.
                    max_size=4 * MESSAGE_LIMIT,  # Bytes of UTF-8; parse_do counts characters.
                )
            except OSError as broken:
                if broken.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
        taken = str(ports[0]) if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"
        raise NoPort(f"端口 {taken} 已被占用 port {taken} is in use; 用 --port 换一个 choose another with --port")

    # Files.

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        upgrade = "websocket" in request.headers.get("Upgrade", "").lower()
        refusal = self.gate.admit(
            request.path,
            request.headers.get_all("Host"),
            request.headers.get_all("Origin"),
            socket=upgrade,
        )
        if refusal is not None:
            return self._answer(HTTPStatus(refusal.status), "text/plain; charset=utf-8", refusal.reason.encode())
        path = urlsplit(request.path).path
        if upgrade:
            if path == "/channel":
                return None
            return self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"no such channel")
        if path in FILES:
            file = PAGE / FILES[path]
            body = file.read_bytes().replace(b"{{token}}", self.gate.token.encode())
            return self._answer(HTTPStatus.OK, TYPES[file.suffix], body)
        if path == RECORDING:
            return self._recorded()
        if path.startswith("/font/") and path.endswith(".ttf"):
            font = self._font(path.removeprefix("/font/").removesuffix(".ttf"))
            if font is not None:
                return self._answer(HTTPStatus.OK, TYPES[".ttf"], font)
        return self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"no such page")

    def _recorded(self) -> Response:
        try:
            return self._answer(HTTPStatus.OK, "application/x-ndjson", self._recording())
        except RecordingRefused as why:
            return self._answer(HTTPStatus.CONFLICT, "text/plain; charset=utf-8", str(why).encode())

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> Response:
        sockets = " ".join(f"ws://{host}" for host in self.gate.hosts)
        headers = Headers(
            {
                "Content-Type": content_type,
                "Content-Length": str(len(body)),
                "Connection": "close",
                "Cache-Control": "no-store",
                "Content-Security-Policy": (
                    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
                    f"img-src 'self' data: blob:; connect-src 'self' {sockets}; "
                    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
                ),
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
                "Referrer-Policy": "no-referrer",  # The address carries the token.
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
            }
        )
        return Response(status.value, status.phrase, headers, body)

    # The channel.

    def _page(self, connection: ServerConnection) -> None:
        if not self._pages.acquire(blocking=False):
            connection.close(1013, f"{PAGES_LIMIT} pages are open already")
            return
        listener = self._hub.join(self._hello())
        writer = threading.Thread(target=self._write, args=(connection, listener), name="panel-writer", daemon=True)
        writer.start()
        try:
            self._read(connection)
        finally:
            self._hub.leave(listener)
            listener.put(None)
            writer.join(2 * POLL_S)
            self._pages.release()

    def _read(self, connection: ServerConnection) -> None:
        strange = 0
        with contextlib.suppress(ConnectionClosed):
            for text in connection:
                try:
                    self._on_do(parse_do(text))
                except ProtocolError as broken:
                    strange += 1
                    self._hub.publish(problem(str(broken)))
                    if strange >= STRANGE_LIMIT:
                        connection.close(1008, "too many messages that do not parse")
                        return

    def _write(self, connection: ServerConnection, listener: Listener) -> None:
        with contextlib.suppress(ConnectionClosed):
            while not listener.lost:
                try:
                    text = listener.next(POLL_S)
                except queue.Empty:
                    continue
                if text is None:
                    break
                connection.send(text)
            connection.close(1012 if listener.lost else 1001)
