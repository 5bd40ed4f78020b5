"""Our code and a peer's in one run: a round of ours, a round of theirs, in turns, so that both meet the same noise.

The peers live in an environment of their own (`make bench-peers`) and a process of their own, which answers on a pipe
(`bench/peers/serve.py`). A result that differs from ours is an error: a figure for other work would mean nothing.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[1]
PEER_PYTHON = ROOT / "build" / "peers" / "bin" / "python"
SERVER = ROOT / "bench" / "peers" / "serve.py"
ROUND_NS = 20_000_000  # Long against the pipe's and the clock's own time, short against a noisy neighbour's.
LOOPS_LIMIT = 1_000_000


class PeersMissing(RuntimeError):
    """The peers' environment is not there, or lacks a library."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Microseconds a call, one figure a round."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]


class Peers:
    """The peers' process; `with` ends it. Raises PeersMissing when there is no such environment."""

    def __init__(self, command: tuple[str, ...] = (str(PEER_PYTHON), "-W", "ignore", str(SERVER))) -> None:
        if not Path(command[0]).exists():
            raise PeersMissing("the peers' environment is missing: make bench-peers")
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._child.communicate()

    def timed(self, name: str, loops: int) -> tuple[int, str]:
        """Nanoseconds of `loops` calls of the peer, and the last result in hex. Raises PeersMissing."""
        if self._child.stdin is None or self._child.stdout is None:
            raise PeersMissing("the peers' process has no pipes")
        self._child.stdin.write(f"{name} {loops}\n")
        self._child.stdin.flush()
        spent, _, result = self._child.stdout.readline().strip().partition(" ")
        if not spent.isdigit():
            raise PeersMissing(f"{name}: {result or 'the peer ended'}; make bench-peers")
        return int(spent), result

    def beside(self, name: str, call: Callable[[], bytes], rounds: int, *, round_ns: int = ROUND_NS) -> Beside:
        """Our `call` and the peer of that name, in turns. Raises PeersMissing; ValueError for another result."""
        _, theirs = self.timed(name, 1)
        if theirs != "-" and bytes.fromhex(theirs) != call():
            raise ValueError(f"{name}: the peer's result is another one")
        loops, peer_loops = _loops(call, round_ns), self._loops(name, round_ns)
        ours: list[float] = []
        peers: list[float] = []
        for _ in range(rounds):
            ours.append(_timed(call, loops) / loops / 1000)
            peers.append(self.timed(name, peer_loops)[0] / peer_loops / 1000)
        return Beside(tuple(ours), tuple(peers))

    def _loops(self, name: str, round_ns: int) -> int:
        spent, _ = self.timed(name, 3)
        return max(1, min(LOOPS_LIMIT, round_ns * 3 // max(1, spent)))


def _loops(call: Callable[[], bytes], round_ns: int) -> int:
    """How many calls a round takes, warmed up."""
    spent = _timed(call, 3)
    return max(1, min(LOOPS_LIMIT, round_ns * 3 // max(1, spent)))


def _timed(call: Callable[[], bytes], loops: int) -> int:
    began = time.perf_counter_ns()
    for _ in range(loops):
        call()
    return time.perf_counter_ns() - began
