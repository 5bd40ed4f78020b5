"""The host of a certification on a TCP port, for a terminal outside this process."""

from __future__ import annotations

import ssl

from sim.acquirer.faults import EVERY, Fault, FaultKind
from sim.acquirer.server import AcquirerServer
from sim.certify.host import Host
from sim.story import StoryError

# What a story's `host WORD` does here: which requests or answers are lost.
_LOST = {"silent": FaultKind.DROP_REQUEST, "mute": FaultKind.DROP_REPLY}


class Line:
    """One port that opens and closes as a story says; use it as a context manager. Raises OSError for a taken port."""

    def __init__(
        self, host: Host, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._host = host
        self._address = address
        self._tls = tls
        self._server: AcquirerServer | None = None
        self.port = port
        self._behaviour = "ok"
        self._open()

    def behave(self, behaviour: str) -> None:
        """ok · silent · mute · refused, as in sim.world. Raises StoryError for another word."""
        if behaviour not in ("ok", "refused", *_LOST):
            raise StoryError(f"no such behaviour of the host: {behaviour}")
        with self._host.lock:
            if self._behaviour in _LOST:
                self._host.faults.clear()
            if behaviour in _LOST:
                self._host.faults.add(Fault(_LOST[behaviour], times=EVERY))
        if behaviour == "refused":
            self.close()
        elif self._server is None:
            self._open()
        self._behaviour = behaviour

    def _open(self) -> None:
        server = AcquirerServer(self._host, self._address, self.port, tls=self._tls)
        server.start()
        self.port, self._server = server.port, server

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
