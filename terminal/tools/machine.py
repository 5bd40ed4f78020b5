"""What doctor may ask of a machine: files, modules, readers, the clock. A test gives another root and other answers."""

from __future__ import annotations

import importlib.util
import os
import resource
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from drivers.link import Route
from drivers.ports import LinkFault
from terminal.hygiene import may_lock
from terminal.tools.hosts import call

CONNECT_S = 2.0  # A printer on the same network answers in milliseconds.


@dataclass(frozen=True, slots=True)
class Machine:
    """`root` is where /dev, /run and /proc are looked for."""

    root: Path = Path("/")

    def under(self, path: str | Path) -> Path:
        """A path of the machine, below its root."""
        text = str(path)
        return self.root / text.removeprefix("/") if text.startswith("/") else Path(text)

    def python(self) -> tuple[int, int, int]:
        return sys.version_info[:3]

    def has_module(self, name: str) -> bool:
        try:
            return importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    def exists(self, path: str | Path) -> bool:
        return self.under(path).exists()

    def usable(self, path: str | Path) -> bool:
        """Whether this user may read and write it."""
        return os.access(self.under(path), os.R_OK | os.W_OK)

    def is_pi(self) -> bool:
        try:
            return b"Raspberry Pi" in self.under("/proc/device-tree/model").read_bytes()
        except OSError:
            return False

    def free_bytes(self, path: Path) -> int:
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize

    def readers(self) -> tuple[str, ...]:
        """The names of the PC/SC readers. Raises OSError when pcscd cannot be asked."""
        try:
            from smartcard.System import readers
        except ImportError as error:
            raise OSError("pyscard is missing") from error
        try:
            return tuple(str(reader) for reader in readers())
        except Exception as error:  # pyscard's own errors have no common base that it exports.
            raise OSError(type(error).__name__) from error

    def reachable(self, host: str, port: int) -> bool:
        try:
            socket.create_connection((host, port), CONNECT_S).close()
        except OSError:
            return False
        return True

    def calls(self, route: Route) -> LinkFault | None:
        """What is wrong when the host is called that way; None: it answers."""
        return call(route)

    def trusts(self, authority: Path) -> bool:
        """Whether the file holds certificates that TLS can use."""
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(str(authority))
        except (OSError, ssl.SSLError):
            return False
        return True

    def wall_s(self) -> float:
        return time.time()

    def core_limit(self) -> int:
        return resource.getrlimit(resource.RLIMIT_CORE)[0]

    def may_lock_memory(self) -> bool:
        return may_lock(self.under("/proc/self/status"))
