"""A PostgreSQL of our own: made in a temporary folder, on a socket there, gone afterwards. Debian's."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PORT = 5433  # Names the socket in the folder; nothing listens on the network.


def programs() -> Path | None:
    """Where initdb and pg_ctl are; None when Debian's postgresql is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return found[-1].parent if found else None


def _owner() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def private_postgres() -> Iterator[str]:
    """Its URL. Raises RuntimeError with what the server said when it does not come up."""
    bin_folder = programs()
    if bin_folder is None:
        raise RuntimeError("PostgreSQL is not installed")
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="zg-pg-"))
    data, log = folder / "data", folder / "log"
    if owner:
        shutil.chown(folder, owner)

    def run(*words: str) -> None:
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, user=owner)
        if done.returncode:
            told = log.read_text("utf-8", "replace") if log.exists() else ""
            raise RuntimeError(f"{words[0]}: {done.stderr}{told}")

    try:
        run(str(bin_folder / "initdb"), "-D", str(data), "-U", "bank", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-p {PORT} -k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
        control = str(bin_folder / "pg_ctl")
        run(control, "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
        try:
            yield f"postgresql://bank@/postgres?host={folder}&port={PORT}"
        finally:
            run(control, "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
