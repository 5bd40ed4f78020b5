"""Strangers at the panel's door: foreign pages, foreign names, and whoever has no token."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

import pytest
from panel_bench import TOKEN, WAIT_S, Bench, bench
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sim.panel.gate import Gate
from sim.panel.hub import Hub
from sim.panel.server import STRANGE_LIMIT, NoPort, PanelServer

GATE = Gate(8086, TOKEN)
OURS = f"/?token={TOKEN}"


@pytest.mark.parametrize("host", ["127.0.0.1:8086", "localhost:8086", "LOCALHOST:8086"])
def test_our_own_page_is_let_in(host: str) -> None:
    assert GATE.admit(OURS, [host], [], socket=False) is None
    assert GATE.admit(OURS, [host], ["http://localhost:8086"], socket=True) is None


@pytest.mark.parametrize(
    ("target", "hosts", "origins", "is_socket", "status"),
    [
        (OURS, ["evil.example:8086"], [], False, 421),
        (OURS, ["127.0.0.1:8086.evil.example"], [], False, 421),
        (OURS, ["127.0.0.1"], [], False, 421),
        (OURS, [], [], False, 421),
        (OURS, ["127.0.0.1:8086", "127.0.0.1:8086"], [], False, 421),
        (OURS, ["127.0.0.1:8086"], ["https://evil.example"], False, 403),
        (OURS, ["127.0.0.1:8086"], ["null"], True, 403),
        (OURS, ["127.0.0.1:8086"], [], True, 403),
        (OURS, ["127.0.0.1:8086"], ["http://127.0.0.1:9999"], True, 403),
        (OURS, ["127.0.0.1:8086"], ["https://127.0.0.1:8086"], True, 403),
        ("/", ["127.0.0.1:8086"], [], False, 401),
        ("/?token=", ["127.0.0.1:8086"], [], False, 401),
        ("/?token=wrong", ["127.0.0.1:8086"], [], False, 401),
        (f"/?token={TOKEN}&token=wrong", ["127.0.0.1:8086"], [], False, 401),
        ("/?token=%C3%A9", ["127.0.0.1:8086"], [], False, 401),
        ("/?" + "a=1&" * 40 + f"token={TOKEN}", ["127.0.0.1:8086"], [], False, 400),
    ],
)
def test_strangers_are_refused(target: str, hosts: list[str], origins: list[str], is_socket: bool, status: int) -> None:
    refusal = GATE.admit(target, hosts, origins, socket=is_socket)
    assert refusal is not None and refusal.status == status
    assert TOKEN not in refusal.reason


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    try:
        connection.putrequest("GET", path, skip_host=True)
        for name, value in {"Host": f"127.0.0.1:{port}", **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_the_page_on_the_wire(tmp_path: Path) -> None:
    with bench(tmp_path) as panel:
        port = panel.server.gate.port
        for path in ("/", "/panel.css", "/panel.js", "/device.js", "/words.js", "/font/4e.ttf"):
            status, headers, body = get(port, f"{path}?token={TOKEN}")
            assert status == 200 and body, path
            assert b"{{token}}" not in body
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy and "http://" not in policy
            assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"
            assert get(port, path)[0] == 401
            assert get(port, f"{path}?token={TOKEN}", {"Host": "evil.example"})[0] == 421
            assert get(port, f"{path}?token={TOKEN}", {"Origin": "https://evil.example"})[0] == 403
        for path in (
            "/nothing",
            "/../gate.py",
            "/%2e%2e/gate.py",
            "/font/../4e.ttf",
            "/font/zz.ttf",
            "/channel/..",
        ):
            assert get(port, f"{path}?token={TOKEN}")[0] == 404, path


@pytest.mark.parametrize(
    ("token", "origin", "status"),
    [("wrong", None, 401), (TOKEN, "https://evil.example", 403), (TOKEN, "", 403)],
)
def test_a_stranger_s_socket_is_refused(tmp_path: Path, token: str, origin: str | None, status: int) -> None:
    with bench(tmp_path) as panel:
        with pytest.raises(InvalidStatus) as refused:
            panel.connect(token=token, origin=origin)
        assert refused.value.response.status_code == status


def test_a_foreign_host_s_socket_is_refused(tmp_path: Path) -> None:
    """DNS rebinding: the stranger's name points to 127.0.0.1, so only the Host header tells."""
    with bench(tmp_path) as panel:
        port = panel.server.gate.port
        status, _, _ = get(
            port,
            f"/channel?token={TOKEN}",
            {
                "Host": f"evil.example:{port}",
                "Origin": f"http://127.0.0.1:{port}",
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
        assert status == 421


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, socket.socket() as probe:
        assert panel.server.gate.url().startswith("http://127.0.0.1:")
        # 127.0.0.2 is this machine too; a server on all interfaces would answer there.
        assert probe.connect_ex(("127.0.0.2", panel.server.gate.port)) != 0


def test_a_page_that_talks_nonsense_is_told_and_then_shut_out(tmp_path: Path) -> None:
    def nonsense(panel: Bench) -> None:
        with panel.page() as page:
            for _ in range(STRANGE_LIMIT):
                page.socket.send("nonsense")
            with pytest.raises(ConnectionClosed) as closed:
                page.until(lambda _: False)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008

    with bench(tmp_path) as panel:
        nonsense(panel)
        with panel.page() as page:  # The next page is served as if nothing had been.
            assert page.hear()["is"] == "hello"


def served(*ports: int) -> PanelServer:
    return PanelServer(
        Hub(), lambda _: None, ports=ports, token=TOKEN, hello=dict, font=lambda _: None, recording=bytes
    )


def test_a_taken_port_gives_the_next_one_of_those_that_will_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NoPort, match=f"{port} is in use"):
            served(port)
        server = served(*range(port, port + 21))
        server.start()
        try:
            assert port < server.gate.port <= port + 20
            assert json.dumps(server.gate.url()).count(str(server.gate.port)) == 1
        finally:
            server.close()
