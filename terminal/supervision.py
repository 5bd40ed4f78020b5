"""Crashes in a row: three within five minutes, and the terminal starts as a service screen instead of a shop.

A supervisor restarts whatever dies, so a fault that strikes at each start would restart for ever, in front of
customers. Each start is recorded in the journal before anything else is done and forgotten at a clean stop; what is
left are starts that ended in a crash. In service mode trading is off and reversals are still retried.

Only a supervised process counts (`Watchdog.supervised`): whoever starts it by hand sees for himself that it dies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terminal.journal import Tx

OUT_OF_SERVICE_S = 600  # Long enough to be read and written down, short enough that a mended disk is noticed.
CRASHES = 3
WINDOW_MS = 5 * 60_000
KEPT = 8  # Starts remembered; more than CRASHES, so that a look at the journal shows the row.
STARTS = "starts"


def crashes_within(starts: Sequence[int], now_ms: int, window_ms: int = WINDOW_MS) -> int:
    """How many of the recorded starts lie within the window around `now_ms`.

    A start that lies in the future was recorded before the clock was set back; by less than the window it counts.

    >>> crashes_within([1_000, 200_000, 400_000], 450_000)
    2
    """
    return sum(1 for start in starts if abs(now_ms - start) <= window_ms)


def record_start(tx: Tx) -> bool:
    """Record this start; True when it has to be a service start. Commit it before anything that could crash."""
    starts: tuple[int, ...] = tx.get(STARTS, ())
    crashed = crashes_within(starts, tx.now_ms)
    recent = [start for start in starts if abs(tx.now_ms - start) <= WINDOW_MS]
    tx.set(STARTS, [*recent, tx.now_ms][-KEPT:])
    return crashed >= CRASHES


def clean_stop(tx: Tx) -> None:
    """This life ended as it should; what came before it is forgiven."""
    tx.set(STARTS, None)
