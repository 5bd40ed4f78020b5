"""The HTTP server of the API: this machine only, with the token, one JSON answer for every request whatever is wrong.

The locks are the panel's (sim.panel.gate): the Host and the Origin header, and the token, which here comes as
`Authorization: Bearer TOKEN`. Bodies, headers, connections and waits are bounded.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
from concurrent.futures import CancelledError
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sim.api.desk import Conflict, Desk, Missing
from sim.api.openapi import TABLE
from sim.api.params import Wrong, read_all
from sim.api.routes import Route
from sim.live import Broken, Busy
from sim.panel.gate import Gate
from sim.reasons import in_chinese, speaks_chinese
from sim.takes import instead

BODY_LIMIT = 16 * 1024 * 1024  # A snapshot of a hundred thousand deeds.
CONNECTIONS_LIMIT = 32
SILENT_S = 30  # A connection that says nothing for so long is let go.
QUERY_LIMIT = 8
_PATTERNS = tuple(
    (re.compile(re.escape(route.path).replace(r"\{number\}", "(?P<number>[0-9]{1,7})")), route) for route in TABLE
)


class Refused(Exception):
    """Not let in, or not understood as HTTP: a status and its reason."""

    def __init__(self, status: int, reason: str, allow: str = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.allow = status, reason, allow


class ApiServer:
    """Serves one desk on 127.0.0.1 until `close`. Raises OSError when the port is taken."""

    def __init__(self, desk: Desk, *, port: int, token: str) -> None:
        self._server = _Server(("127.0.0.1", port), _Handler)
        self.port = int(self._server.server_address[1])
        self._server.desk, self._server.gate = desk, Gate(self.port, token)
        self._thread = threading.Thread(target=self._server.serve_forever, name="api-server", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # A request that waits for the world ends with the world.
    desk: Desk
    gate: Gate

    def __init__(self, *arguments: Any) -> None:
        self._room = threading.BoundedSemaphore(CONNECTIONS_LIMIT)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            with contextlib.suppress(OSError):
                request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SILENT_S
    wbufsize = -1  # An answer leaves in one piece: in two the second waits for the first one's acknowledgement.
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        try:
            body = self._body()
            self._let_in()
            route, values = self._asked(body)
            answer = route.does(self.server.desk, values)
            if route.gives == "Played":
                answer["problem"] = self._words(answer["problem"])
            content_type, data = _told(route, answer)
        except CancelledError:
            self._refuse(Busy("the world is being closed"))
            return
        except (Refused, Wrong, Conflict, Missing, Broken, Busy) as error:
            self._refuse(error)
            return
        except Exception:  # A mistake of ours; whoever asked has to know, and where is said on the error stream.
            self._refuse(Refused(500, "a mistake of the simulator's; its error stream says where"))
            raise
        self._answer(200, content_type, data)

    def _body(self) -> bytes:
        """Read whatever happens next, so that the next request of the connection begins where it does."""
        self.close_connection = self.close_connection or "Transfer-Encoding" in self.headers
        if "Transfer-Encoding" in self.headers:
            raise Refused(411, "a Content-Length, and no Transfer-Encoding")
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdecimal() and len(length) < 12):
            self.close_connection = True
            raise Refused(400, "the Content-Length is no number")
        if int(length) > BODY_LIMIT:
            self.close_connection = True
            raise Refused(413, f"a body has at most {BODY_LIMIT} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            raise Refused(400, "the body ends before its Content-Length")
        return body

    def _let_in(self) -> None:
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        stranger = self.server.gate.stranger(hosts, origins, socket=False)
        if stranger is not None:
            raise Refused(stranger.status, stranger.reason)
        given = self.headers.get_all("Authorization", [])
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not self.server.gate.opens(token.strip()):
            raise Refused(401, "Authorization: Bearer TOKEN, with the token that was printed")

    def _asked(self, body: bytes) -> tuple[Route, dict[str, Any]]:
        """The route, and the values of path, query and body. Raises Refused, Wrong."""
        address = urlsplit(self.path)
        found = [(match, route) for pattern, route in _PATTERNS if (match := pattern.fullmatch(address.path))]
        if not found:
            near = instead(address.path, dict.fromkeys(route.path for route in TABLE))
            raise Refused(404, f"no such path; {near}; GET /v1/openapi.json lists them")
        for match, route in found:
            if route.method == self.command:
                given = self._query(address.query) if route.method == "GET" else _json(self.headers, body)
                return route, read_all(route.takes, {**given, **match.groupdict()})
        allowed = ", ".join(route.method for _, route in found)
        raise Refused(405, f"this path takes {allowed}", allow=allowed)

    def _query(self, query: str) -> dict[str, Any]:
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=QUERY_LIMIT)
        except ValueError:
            raise Refused(400, "what stands behind the ? does not parse") from None
        if len(dict(pairs)) < len(pairs):
            raise Refused(400, "a name stands twice behind the ?")
        return dict(pairs)

    @property
    def _chinese(self) -> bool:
        headers = getattr(self, "headers", None)  # There are none yet where the first line cannot be read.
        return headers is not None and speaks_chinese(", ".join(headers.get_all("Accept-Language", [])))

    def _words(self, reason: str) -> str:
        return in_chinese(reason) if self._chinese else reason

    def _refuse(self, error: Exception) -> None:
        match error:
            case Refused():
                status, field = error.status, ""
            case Wrong():
                status, field = (422, error.field) if error.field else (400, "")
            case Conflict():
                status, field = 409, ""
            case Missing():
                status, field = 404, ""
            case Busy():
                status, field = 503, ""
            case _:
                status, field = 500, ""
        reason = self._words(getattr(error, "reason", str(error)))
        headers = {"Content-Language": "zh-CN" if self._chinese else "en"}
        if isinstance(error, Refused) and error.allow:
            headers["Allow"] = error.allow
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        told = {"error": {"status": status, "field": field, "reason": reason}}
        self._answer(status, "application/json", json.dumps(told, ensure_ascii=False).encode(), headers)

    def _answer(self, status: int, content_type: str, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        named = {"Content-Type": content_type, "Content-Length": str(len(data)), "Cache-Control": "no-store"}
        named |= {"X-Content-Type-Options": "nosniff", **(headers or {})}
        for name, value in named.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library itself refuses (a line too long, a method unknown), in the same form as all else."""
        self.close_connection = True
        self._refuse(Refused(int(code), message or "not understood"))

    def version_string(self) -> str:
        return "zhanggui"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a request may carry a PIN."""


def _json(headers: Any, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    if headers.get_content_type() != "application/json":
        raise Refused(415, "Content-Type: application/json")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"not JSON: {str(error)[:120]}") from None
    if not isinstance(told, dict):
        raise Refused(400, "the body is a JSON object")
    return told


def _told(route: Route, answer: Any) -> tuple[str, bytes]:
    if "/" not in route.gives:
        return "application/json", json.dumps(answer, ensure_ascii=False).encode()
    if isinstance(answer, bytes):
        return route.gives, answer
    return f"{route.gives}; charset=utf-8", str(answer).encode()
