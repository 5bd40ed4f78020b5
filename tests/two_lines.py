"""Two network namespaces with two cables between them: a shop with two lines to its acquirer, to be pulled.

The host has one address, reached by either cable; only the interface that a socket is bound to decides which. Needs
root and `ip` (iproute2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

CLONE_NEWNET = 0x4000_0000  # linux/sched.h
HOST = "10.77.9.1"
CABLES = 2


class CannotSplit(Exception):
    """This machine does not let us make namespaces; the message says why."""


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotSplit(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class TwoLines:
    """Namespaces `shop` and `bank` with cables 0 and 1: interfaces za0, za1 in the shop, zb0, zb1 in the bank."""

    def __init__(self) -> None:
        tag = f"{os.getpid()}-{threading.get_ident() % 10_000}"
        self.shop, self.bank = f"zg-shop-{tag}", f"zg-bank-{tag}"

    def __enter__(self) -> TwoLines:
        if os.geteuid() != 0 or shutil.which("ip") is None:
            raise CannotSplit("network namespaces need root and iproute2")
        try:
            for name in (self.shop, self.bank):
                _ip("netns", "add", name)
                _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", self.bank, "addr", "add", f"{HOST}/32", "dev", "lo")
            for cable in range(CABLES):
                self._lay(cable)
        except CannotSplit:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in (self.shop, self.bank):
            with contextlib.suppress(CannotSplit):
                _ip("netns", "del", name)

    def _lay(self, cable: int) -> None:
        ours, theirs = f"za{cable}", f"zb{cable}"
        _ip("-n", self.shop, "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", self.bank)
        for name, end, last in ((self.shop, ours, 2), (self.bank, theirs, 1)):
            _ip("-n", name, "addr", "add", f"10.77.{cable}.{last}/24", "dev", end)
            _ip("-n", name, "link", "set", end, "up")
        gateway = f"10.77.{cable}.1"
        _ip("-n", self.shop, "route", "add", HOST, "via", gateway, "dev", ours, "metric", str(cable + 1))

    def unplug(self, cable: int) -> None:
        """At the bank's end: what is on its way is lost, and nobody is told but the card that loses its carrier."""
        _ip("-n", self.bank, "link", "set", f"zb{cable}", "down")

    def plug_in(self, cable: int) -> None:
        _ip("-n", self.bank, "link", "set", f"zb{cable}", "up")

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """This thread, and every thread that it starts, in that namespace."""
        with Path("/proc/thread-self/ns/net").open("rb") as before, Path(f"/var/run/netns/{name}").open("rb") as after:
            _enter(after.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise CannotSplit(f"setns: {os.strerror(ctypes.get_errno())}")
