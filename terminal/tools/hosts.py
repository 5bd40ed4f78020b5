"""The ways to the host that a configuration names, as the driver has them; and what to do when one does not open."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drivers.link import Route, TcpLink, Tls
from drivers.ports import LinkDown, LinkFault
from terminal.config import Config

CALL_MS = 4_000  # A host far away, over cellular and TLS, opens within two seconds or is not well.
# By fault: what a person does about it.
REMEDIES: Mapping[LinkFault, tuple[str, str]] = MappingProxyType(
    {
        LinkFault.REFUSED: ("主机在, 端口无人应答: 核对端口", "nothing listens there: look at its port"),
        LinkFault.TIMEOUT: ("没有应答: 检查网络, 防火墙与地址", "no answer: look at network, firewall and address"),
        LinkFault.UNREACHABLE: (
            "无路可达: 检查网线, Wi-Fi, 主机名与 interface",
            "no way there: look at cable, Wi-Fi, the host's name and the interface",
        ),
        LinkFault.TLS_DATE: ("证书日期不符: 先校准时钟", "the certificate is not valid today: look at the clock first"),
        LinkFault.TLS: ("TLS 不成立: 检查 ca, cert, key 与 server_name", "no TLS: look at ca, cert, key, server_name"),
        LinkFault.BROKEN: ("连上即被断开: 检查 [link.tls]", "it hangs up at once: look at [link.tls]"),
    }
)


def routes(config: Config) -> tuple[Route, ...]:
    """The ways to the host, the preferred one first. The configuration has no TLS without its authority."""
    ways: list[Route] = []
    for host in config.link.hosts:
        told, tls = config.link.tls_of(host), None
        if told.on and told.ca is not None:
            tls = Tls(told.ca, told.server_name or host.address.host, told.cert, told.key)
        ways.append(Route(host.address.host, host.address.port, tls, host.interface or ""))
    return tuple(ways)


def call(route: Route) -> LinkFault | None:
    """Connect, TLS included, hang up without a word; what was wrong."""
    link = TcpLink.over((route,))
    try:
        link.connect(CALL_MS)
    except LinkDown as down:
        return down.fault
    link.close()
    return None
