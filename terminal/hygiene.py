"""What the process gives away: no core dump, no other process's look into its memory, no copy in the swap, no folder.

Keys and PINs live in memory for moments. A core dump would put such a moment on the SD card for ever, ptrace and
/proc/PID/mem would show it to any program of the same user, swapping would write it out. `seal_process` shuts the
three doors, as far as the system lets it, before the first key is read. Root passes through the second door; a
machine without a hardware boundary has no lock against root.

Spec: prctl(2) PR_SET_DUMPABLE, mlockall(2), setrlimit(2); PCI PTS POI v7 B-series, from memory: no sensitive data
outside the process that needs it.
"""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

PR_SET_DUMPABLE = 4
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
CAP_IPC_LOCK = 14  # The bit of /proc/self/status CapEff that lets a process lock without a limit.
PRIVATE_UMASK = 0o077
PRIVATE_FOLDER = 0o700


def seal_process() -> bool:
    """Shut the doors of this process, and make files that only its user can read.

    Whether its memory is locked: where it is not the terminal trades all the same, and doctor says what to do.
    """
    os.umask(PRIVATE_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc, "prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
    # ONFAULT: only what is touched stays in memory, not the eight megabytes of each thread's stack.
    return may_lock() and _call(libc, "mlockall", MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)


def private_folder(path: Path) -> None:
    """Make `path`, and what is missing above it, for this user alone. A folder that is there stays as it is.

    `Path.mkdir(parents=True)` would give its mode to the last folder only. Raises OSError.
    """
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def may_lock(status: Path = Path("/proc/self/status")) -> bool:
    """Whether all memory may be locked. A limit is as good as a no: an allocation past it would end the process."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        return True
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    held = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return bool(held >> CAP_IPC_LOCK & 1)


def _call(libc: ctypes.CDLL, name: str, *numbers: int) -> bool:
    """One system call of whole numbers; False when the system refuses it or does not know it."""
    function = getattr(libc, name, None)
    return function is not None and function(*(ctypes.c_ulong(number) for number in numbers)) == 0
