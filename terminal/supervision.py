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


def within_window(starts: Sequence[int], now_ms: int) -> list[int]:
    """Which of the recorded starts lie within the window around `now_ms`.

    A start that lies in the future was recorded before the clock was set back; by less than the window it counts.

    >>> within_window([1_000, 200_000, 400_000], 450_000)
    [200000, 400000]
    """
    return [start for start in starts if abs(now_ms - start) <= WINDOW_MS]


def record_start(tx: Tx) -> bool:
    """Record this start; True when it has to be a service start. Commit it before anything that could crash."""
    recent = within_window(tx.get(STARTS, ()), tx.now_ms)
    tx.set(STARTS, [*recent, tx.now_ms][-KEPT:])
    return len(recent) >= CRASHES


def clean_stop(tx: Tx) -> None:
    """This life ended as it should; what came before it is forgiven."""
    tx.set(STARTS, None)
