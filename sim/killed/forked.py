"""`python -m sim.killed` without its start: forked from a process that has imported all of it, and done nothing else.

Half of such a life is the import, and a test lives a hundred of them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sim.killed.command import add_arguments, run

_ONE_READS_AN_END = threading.Lock()
"""multiprocessing reads how a process ended from a pipe, once: in join(), but also in any other thread's start(), which
looks after the children that are left. Of two that read at the same time, one is told 255."""


def start(words: Sequence[str], errors: Path) -> tuple[ForkServerProcess, Connection]:
    """Begin one life: its process, and where its standard output arrives. Its standard error goes to a file."""
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload([__name__])
    heard, told = forked.Pipe(duplex=False)
    process = forked.Process(target=_live, args=(tuple(words), told, errors))
    with _ONE_READS_AN_END:
        process.start()
    told.close()
    return process, heard


def ended(process: ForkServerProcess) -> int:
    """Wait for the end of a life, while other threads may start others: its exit status, -N after signal N."""
    wait([process.sentinel])
    with _ONE_READS_AN_END:
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def _live(words: tuple[str, ...], told: Connection, errors: Path) -> None:
    os.dup2(told.fileno(), 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT, 0o600), 2)
    parser = argparse.ArgumentParser(prog="python -m sim.killed")
    add_arguments(parser)
    sys.exit(run(parser.parse_args(words)))
