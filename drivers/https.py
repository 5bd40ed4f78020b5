"""One HTTPS exchange with a wallet's gateway: bounded in time and size, and honest about what may have left.

| function | supported | remark |
|---|---|---|
| TLS 1.2 and 1.3 | yes | stdlib ssl; the authority named, or the system's when none is |
| plain HTTP | no | there is no way to ask for it |
| kept connections | no | one exchange a connection: a wallet is asked a few times a minute |
| redirects | no | nobody who is signed for sends us elsewhere; the status is given as it is |
| whole exchange within a deadline | yes | a gateway that drips is cut off, too |
| answers | yes | up to `limit_bytes`, with a length or chunked |

Spec: RFC 9112, RFC 9110.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path

from drivers.link import not_believed
from drivers.ports import HTTP_ANSWER_LIMIT_BYTES, HTTP_WITHIN_S, HttpAnswer, LinkDown, LinkFault


class HttpsClient:
    """Meets `drivers.ports.Https`. `ca_file` None believes the system's authorities."""

    def __init__(self, host: str, port: int = 443, *, ca_file: Path | None = None) -> None:
        self.host = host
        self.port = port
        self._ca_file = ca_file

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        within_s: float = HTTP_WITHIN_S,
        limit_bytes: int = HTTP_ANSWER_LIMIT_BYTES,
    ) -> HttpAnswer:
        """Ask once. Raises LinkDown; its `sent` is False only when no byte of the request can have left."""
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=within_s, context=self._context())
        late = threading.Timer(within_s, _cut, (connection,))  # A time-out a read does not end an answer that drips.
        late.daemon = True
        late.start()
        try:
            self._connect(connection)
            return _ask(connection, method, target, headers, body, limit_bytes)
        finally:
            late.cancel()
            connection.close()

    def at(self, host: str) -> HttpsClient:
        """Another host, under the system's authorities."""
        return HttpsClient(host)

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            detail = f"the authority's file cannot be used: {error.strerror or error}"
            raise LinkDown(LinkFault.TLS, sent=False, detail=detail) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    @staticmethod
    def _connect(connection: http.client.HTTPSConnection) -> None:
        try:
            connection.connect()
        except TimeoutError as error:
            raise LinkDown(LinkFault.TIMEOUT, sent=False) from error
        except ssl.SSLCertVerificationError as error:
            raise not_believed(error) from error
        except ssl.SSLError as error:
            raise LinkDown(LinkFault.TLS, sent=False, detail=error.reason or "") from error
        except ConnectionRefusedError as error:
            raise LinkDown(LinkFault.REFUSED, sent=False) from error
        except OSError as error:
            raise LinkDown(LinkFault.UNREACHABLE, sent=False, detail=error.strerror or "") from error


def _ask(
    connection: http.client.HTTPSConnection,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    limit_bytes: int,
) -> HttpAnswer:
    try:
        connection.request(method, target, body or None, dict(headers))
        answer = connection.getresponse()
        data = answer.read(limit_bytes + 1)
    except TimeoutError as error:
        raise LinkDown(LinkFault.TIMEOUT, sent=True) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LinkDown(LinkFault.BROKEN, sent=True, detail=type(error).__name__) from error
    if len(data) > limit_bytes or (answer.length or 0) > 0:
        raise LinkDown(LinkFault.BROKEN, sent=True, detail="an answer that is too long, or was cut short")
    return HttpAnswer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, data)


def _cut(connection: http.client.HTTPSConnection) -> None:
    """From the timer's thread: whoever reads finds the connection at its end."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
