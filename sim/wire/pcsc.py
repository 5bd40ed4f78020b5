"""A pcscd of our own with vpcd's virtual reader in it, beside whatever the machine runs.

pcscd cannot be told where to put its socket, so it runs in a mount namespace whose /run is a folder of ours;
the client library is sent there by PCSCLITE_CSOCK_NAME. vpcd's ports are fresh at every start, because a port
that a card was connected to can stay taken for a minute. Where namespaces are forbidden, root may use the
machine's own /run/pcscd, if no other pcscd does.

Spec: reader.conf(5), pcscd(8), unshare(1).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

VPCD_LIBRARY = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"
READER = "Zhanggui Virtual"
SLOTS = 2  # vpcd's own number of slots for one entry in reader.conf.
START_STEP_S = 0.05
START_STEPS = 200  # 10 s: pcscd itself needs a tenth of a second, a busy machine more.
STOP_S = 5.0
PORT_TRIES = 50
SOCKET_PATH_LIMIT = 107  # sockaddr_un holds no more.
MOUNT = 'mount --bind "$1" /run && shift && exec "$@"'


class PcscdFailed(Exception):
    """pcscd did not start; the message holds what it said."""


def missing() -> str | None:
    """What keeps a private pcscd from running here, in words, or None."""
    if shutil.which("pcscd") is None:
        return "pcscd is not installed (make system-deps)"
    if not VPCD_LIBRARY.exists():
        return "vsmartcard-vpcd is not installed (make system-deps)"
    if importlib.util.find_spec("smartcard") is None:
        return "pyscard is not installed (make system-deps, then make venv)"
    if not _namespace_command():
        if os.geteuid() != 0:
            return "this machine forbids mount namespaces, and only root may start pcscd without one"
        if _answers(Path("/run/pcscd/pcscd.comm")):
            return "this machine forbids mount namespaces, and a pcscd runs already"
    return None


class PrivatePcscd:
    """One pcscd with one virtual reader of two slots. A context manager; `stop` is idempotent.

    `folder` is made if need be and must have a short path (a Unix socket lies in it).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._namespace = _namespace_command()
        self._port = 0

    def __enter__(self) -> PrivatePcscd:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def socket_path(self) -> Path:
        """Where the client library finds it."""
        return (self._folder / "run" if self._namespace else Path("/run")) / "pcscd" / "pcscd.comm"

    @property
    def environment(self) -> dict[str, str]:
        """What a client's process needs in its environment."""
        return {SOCKET_VARIABLE: str(self.socket_path)}

    def reader(self, slot: int = 0) -> str:
        """The name of a slot, as pcscd gives it."""
        return f"{READER} 00 {slot:02X}"

    def port(self, slot: int = 0) -> int:
        """Where a slot's card connects to; another one after each start."""
        return self._port + slot

    def start(self, *, plugged: bool = True) -> None:
        """Start it and wait until it answers. Raises PcscdFailed.

        With `plugged` False it knows no reader, as after an unplugging: vpcd's own cannot leave a running pcscd.
        """
        self._make_folders()
        self._port = _free_ports(SLOTS)
        self._write_config(plugged=plugged)
        config = str(self._folder / "conf")
        command = ["pcscd", "--foreground", "--config", config]
        if self._namespace:
            command = [*self._namespace, "sh", "-c", MOUNT, "sh", str(self._folder / "run"), *command]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        pause = threading.Event()
        for _ in range(START_STEPS):
            if self._process.poll() is not None:
                break
            if _answers(self.socket_path):
                return
            pause.wait(START_STEP_S)
        self.stop()
        said = (self._folder / "log").read_text(errors="replace")[-2_000:]
        raise PcscdFailed(f"pcscd did not start: {said}")

    def stop(self) -> None:
        """End it as systemd would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
        for name in ("pcscd.comm", "pcscd.pid"):  # A new one refuses to start beside a dead one's files.
            (self.socket_path.parent / name).unlink(missing_ok=True)

    def _make_folders(self) -> None:
        for name in ("run", "conf"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        if len(str(self.socket_path)) > SOCKET_PATH_LIMIT:
            raise PcscdFailed(f"the folder's path is too long for a socket: {self._folder}")

    def _write_config(self, *, plugged: bool) -> None:
        path = self._folder / "conf" / "vpcd"
        if not plugged:
            path.unlink(missing_ok=True)
            return
        path.write_text(
            f'FRIENDLYNAME "{READER}"\n'
            f"DEVICENAME /dev/null:0x{self._port:04X}\n"
            f"LIBPATH {VPCD_LIBRARY}\n"
            f"CHANNELID 0x{self._port:04X}\n"
        )


def _namespace_command() -> list[str]:
    """The unshare that works here, or nothing."""
    if shutil.which("unshare") is None:
        return []
    for options in (["--mount"], ["--map-root-user", "--mount"]):
        tried = subprocess.run(
            ["unshare", *options, "sh", "-c", "mount --bind /run /run"], capture_output=True, check=False
        )
        if tried.returncode == 0:
            return ["unshare", *options]
    return []


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on. Raises PcscdFailed."""
    for _ in range(PORT_TRIES):
        with socket.create_server(("", 0)) as first:
            port: int = first.getsockname()[1]
            try:
                for next_port in range(port + 1, port + count):
                    socket.create_server(("", next_port)).close()
            except OSError:
                continue
            return port
    raise PcscdFailed("no free ports")
