"""Several processes on one port (SO_REUSEPORT): the kernel deals the connections out among those that listen.

Each is a whole acquirer; what they share is the book. The first takes a port and only holds it, so that port 0 is one
port for all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import threading
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess

WORKERS_LIMIT = 64
LOOK_S = 0.2  # How often the first looks whether the others live.
END_S = 10.0


def run_workers(args: argparse.Namespace, serve: Callable[[argparse.Namespace], int], stop: threading.Event) -> int:
    """`serve` in args.workers processes until Ctrl-C or `stop`; if one ends, all do, with its exit status."""
    with socket.socket(socket.AF_INET6 if ":" in args.host else socket.AF_INET) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((args.host, args.port))
        args.port = holder.getsockname()[1]
        spawn = multiprocessing.get_context("spawn")
        workers = [spawn.Process(target=_work, args=(serve, args), daemon=True) for _ in range(args.workers)]
        for worker in workers:
            worker.start()
        try:
            while not stop.wait(LOOK_S) and all(worker.is_alive() for worker in workers):
                pass
        except KeyboardInterrupt:
            return _end(workers)  # Ctrl-C has reached them too.
        ended = [worker.exitcode for worker in workers if worker.exitcode]
        _end(workers)
        return ended[0] if ended else 0


def _work(serve: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> None:
    raise SystemExit(serve(args))


def _end(workers: Sequence[BaseProcess]) -> int:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(END_S)
    return 0
