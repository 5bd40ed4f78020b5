"""What a figure or a report was made with: the commit of this checkout, and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

NOT_KNOWN = "-"
GIT_S = 10  # A checkout on a slow disk; there is no network in it.


def commit() -> str:
    """The commit, with `+` when files differ from it; NOT_KNOWN where there is no checkout, or no git."""
    words = ("git", "describe", "--always", "--abbrev=12", "--dirty=+")
    try:
        done = subprocess.run(
            words, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=GIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return NOT_KNOWN
    return done.stdout.strip()


def machine() -> str:
    """Processors, architecture and interpreter, on one line."""
    return f"{os.cpu_count()} x {platform.machine()}, Python {platform.python_version()}"
