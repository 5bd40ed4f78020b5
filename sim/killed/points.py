"""Moments at which a terminal can die: counted and named as they pass, and deadly when their name was chosen.

Before and after each commit that writes something, before and after each frame that is sent or received. "Before" a
commit is inside its transaction, after its last statement; "after" is when the disk has it and nobody was told yet.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from drivers.ports import Link, LinkClosed, LinkFrame
from terminal.journal import Journal, Tx

T = TypeVar("T")


class Points:
    """`on_point(name)` hears of every moment, on whatever thread it passes; it may not return."""

    def __init__(self, on_point: Callable[[str], None]) -> None:
        self._on_point = on_point
        self._lock = threading.Lock()
        self._passed: Counter[str] = Counter()

    def number(self, kind: str) -> int:
        """Begin the next one of a kind: "commit", "send" or "receive"."""
        with self._lock:
            self._passed[kind] += 1
            return self._passed[kind]

    def at(self, name: str) -> None:
        self._on_point(name)


def counted_commit(journal: Journal, points: Points) -> Callable[[Callable[[Tx], T]], T]:
    """`journal.transact` with its two points. A transaction that only reads passes none."""

    def commit(work: Callable[[Tx], T]) -> T:
        number = 0

        def counted(tx: Tx) -> T:
            nonlocal number
            events = tx.n
            value = work(tx)
            if tx.n != events:
                number = points.number("commit")
                points.at(f"before commit {number}")
            return value

        result = journal.transact(counted)
        if number:
            points.at(f"after commit {number}")
        return result

    return commit


class CountedLink:
    """Meets `drivers.ports.Link` around another one."""

    def __init__(self, link: Link, points: Points) -> None:
        self._link = link
        self._points = points

    @property
    def routes(self) -> tuple[str, ...]:
        return self._link.routes

    def watch(self, on_event: Callable[[LinkFrame | LinkClosed], None]) -> None:
        def counted(event: LinkFrame | LinkClosed) -> None:
            if not isinstance(event, LinkFrame):
                on_event(event)
                return
            number = self._points.number("receive")
            self._points.at(f"before receive {number}")
            on_event(event)
            self._points.at(f"after receive {number}")

        self._link.watch(counted)

    def connect(self, timeout_ms: int, route: int = 0) -> int:
        return self._link.connect(timeout_ms, route)

    def send(self, data: bytes, timeout_ms: int) -> None:
        number = self._points.number("send")
        self._points.at(f"before send {number}")
        self._link.send(data, timeout_ms)
        self._points.at(f"after send {number}")

    def close(self) -> None:
        self._link.close()
