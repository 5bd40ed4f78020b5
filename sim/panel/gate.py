"""Who may talk to the panel: this machine's own browser, on this page, with this run's token. Nobody else.

A page on loopback is reachable from every web page that the same browser has open. Three locks, each enough
against one kind of stranger: the Host header (DNS rebinding: a foreign name that points to 127.0.0.1), the
Origin header (another site's script or form), and a token of 128 random bits in the address (everything else
on this machine).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The three locks of one run of the panel."""

    port: int
    token: str

    @property
    def hosts(self) -> tuple[str, str]:
        return (f"127.0.0.1:{self.port}", f"localhost:{self.port}")

    def admit(self, target: str, hosts: Sequence[str], origins: Sequence[str], *, socket: bool) -> Refusal | None:
        """None when the request may pass.

        `hosts` and `origins` are all headers of that name: two of one kind are a trick, not a browser. A
        WebSocket must name its origin (every browser does); a plain request may come without one, as
        navigation does.
        """
        stranger = self.stranger(hosts, origins, socket=socket)
        if stranger is not None:
            return stranger
        try:
            tokens = parse_qs(urlsplit(target).query, max_num_fields=8).get("token", [])
        except ValueError:
            return Refusal(400, "the address does not parse")
        if len(tokens) != 1 or not self.opens(tokens[0]):
            return Refusal(401, "open the address that the panel printed; it carries this run's token")
        return None

    def stranger(self, hosts: Sequence[str], origins: Sequence[str], *, socket: bool) -> Refusal | None:
        """The first two locks alone: for whoever carries the token elsewhere than in the address (sim.api)."""
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return Refusal(421, "this answers to 127.0.0.1 and localhost only")
        if len(origins) > 1 or (socket and not origins):
            return Refusal(403, "a socket must come from the panel's own page")
        if origins and origins[0].lower() not in tuple(f"http://{host}" for host in self.hosts):
            return Refusal(403, "foreign origin")
        return None

    def opens(self, token: str) -> bool:
        """The third lock. In constant time."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={self.token}"
