"""`make certs`: with what it writes and prints, terminal and acquirer talk; with anything else, they do not."""

from __future__ import annotations

import queue
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from drivers.link import TcpLink
from drivers.ports import LinkClosed, LinkFrame
from sim.__main__ import main
from sim.acquirer import Acquirer
from sim.acquirer.caller import Caller
from sim.acquirer.server import AcquirerServer, tls_context
from sim.tls import Certificates, make_certificates
from terminal.config import load_config
from terminal.tools.hosts import routes

PATIENCE_S = 5


def exchange_over(link: TcpLink) -> Callable[[bytes], tuple[bytes, ...]]:
    """One connection, one frame each way."""
    events: queue.Queue[LinkFrame | LinkClosed] = queue.Queue()
    link.watch(events.put)

    def send(frame: bytes) -> tuple[bytes, ...]:
        link.connect(1000 * PATIENCE_S)
        link.send(frame, 1000 * PATIENCE_S)
        told = events.get(timeout=PATIENCE_S)
        link.close()
        return (told.data,) if isinstance(told, LinkFrame) else ()

    return send


def test_what_is_printed_is_a_configuration_that_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "certs"
    assert main(["certs", str(folder)]) == 0
    (tmp_path / "zhanggui.toml").write_text(capsys.readouterr().out, encoding="utf-8")
    tls = routes(load_config(tmp_path / "zhanggui.toml"))[0].tls
    with AcquirerServer(Acquirer(), tls=tls_context(folder, demand_client=True)) as server:
        link = TcpLink(server.host, server.port, tls=tls)
        caller = Caller(exchange_over(link), server.acquirer.profile, tmp_path / "keys")
        caller.sign_in()
        reply = caller.sale(12850)
    assert reply is not None
    assert reply.text(39) == "00"


def test_certificates_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["certs", str(tmp_path / "file")]) == 1
    assert "certs:" in capsys.readouterr().err


def client(files: Certificates, own: Certificates | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files.ca)
    if own is not None:
        context.load_cert_chain(own.client, own.client_key)
    return context


def is_let_in(server: AcquirerServer, context: ssl.SSLContext) -> bool:
    """Whether the acquirer waits for a frame; one that it turns away gets an alert or an end instead."""
    with closing(socket.create_connection((server.host, server.port), timeout=0.3)) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="acquirer.test") as line:
                return line.recv(1) != b""
        except TimeoutError:
            return True
        except (ssl.SSLError, ConnectionError):
            return False


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("theirs"))


def test_the_acquirer_lets_in_its_own_authoritys_terminals_and_no_others(
    ours: Certificates, theirs: Certificates
) -> None:
    with AcquirerServer(Acquirer(), tls=tls_context(ours.ca.parent, demand_client=True)) as server:
        old = client(ours, ours)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        found = {
            "its own": is_let_in(server, client(ours, ours)),
            "no certificate": is_let_in(server, client(ours, None)),
            "another authority's": is_let_in(server, client(ours, theirs)),
            "TLS 1.2": is_let_in(server, old),
        }
    assert found == {"its own": True, "no certificate": False, "another authority's": False, "TLS 1.2": False}


def test_a_servers_certificate_is_no_terminals(ours: Certificates) -> None:
    """Whoever has the acquirer's key cannot pose as a terminal with it: the certificate says what it is for."""
    with AcquirerServer(Acquirer(), tls=tls_context(ours.ca.parent, demand_client=True)) as server:
        posing = client(ours, None)
        posing.load_cert_chain(ours.server, ours.server_key)
        assert not is_let_in(server, posing)
