"""How a command ends that was stopped, or that nobody reads any more: with a shell's exit status, and no traceback."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

CTRL_C = 130  # 128 and the number of SIGINT.
NOT_READ = 141  # 128 and the number of SIGPIPE: `| head` has read enough.


def exit_status(main: Callable[[], int]) -> int:
    """Run a command to its end, all that it printed given away; its exit status."""
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return CTRL_C
    except BrokenPipeError:
        if not _nobody_reads(sys.stdout.fileno()):
            raise  # Not of what is printed but of a socket that nobody minded: a mistake.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would complain once more at its end.
        return NOT_READ
    return status


def _nobody_reads(pipe: int) -> bool:
    asked = select.poll()
    asked.register(pipe, 0)
    return any(events & select.POLLERR for _, events in asked.poll(0))
