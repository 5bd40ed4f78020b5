"""Both gateways on one HTTPS port, for the real libraries over real sockets."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from sim.gateways.alipay import AlipayGateway
from sim.gateways.wechat import Answer, WeChatGateway
from sim.tls import Certificates

BODY_LIMIT_BYTES = 65_536
LOST_S = 30  # How long a deaf gateway keeps a client waiting, at most.


class GatewayServer:
    """Serves until it is closed. `wall_ms` is the gateways' clock; `on_exchange` is told after each answer."""

    def __init__(
        self,
        wechat: WeChatGateway | None,
        alipay: AlipayGateway | None,
        certificates: Certificates,
        wall_ms: Callable[[], int],
        address: tuple[str, int] = ("127.0.0.1", 0),
        on_exchange: Callable[[], None] = lambda: None,
    ) -> None:
        closing = self._closing = threading.Event()
        # Requests are taken one after the other, and whoever is a customer takes it, too.
        lock = self.lock = threading.RLock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                if not 0 <= length <= BODY_LIMIT_BYTES:
                    self.send_error(413)
                    return
                body = self.rfile.read(length)
                with lock:
                    answer = self._answer(body)
                on_exchange()
                self.close_connection = True
                if answer is None:
                    closing.wait(LOST_S)
                    return
                self.send_response(answer.status)
                for name, value in (answer.headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def _answer(self, body: bytes) -> Answer | None:
                url = urlsplit(self.path)
                if url.path == "/gateway.do" and alipay is not None:
                    return alipay.handle(url.query or body.decode("utf-8", "replace"), wall_ms())
                if url.path == "/bill" and alipay is not None:
                    return alipay.bill(url.query)
                if wechat is not None:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    return wechat.handle(self.command, self.path, headers, body, wall_ms())
                return Answer(404)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(address, Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server, certificates.server_key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
