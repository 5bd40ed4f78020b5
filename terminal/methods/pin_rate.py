"""At most 120 PIN entries an hour on average: whoever has the terminal and a card cannot try all PINs in a night.

It protects against an exhaustive search: a thief's with a stolen card on an offline PIN that counts nothing, or by
encrypted blocks whose answers can be told apart (PCI PTS POI v7 B8, from memory: deter exhaustive PIN determination).
Four digits have 10,000 values, so a search takes three and a half days instead of an hour. Issuers and cards count
tries too; this is for those that do not.

One number, durable before the first digit: when the next entry would be due if entries came 30 seconds apart. A shop's
rush may run ahead of it by `AHEAD`. A restart changes nothing. A clock set back cannot lock a shop out for longer than
the rush is; one set forward buys an attacker one rush, and is a supervisor's or the host's to set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terminal.journal import Tx

APART_MS = 30_000  # 120 an hour.
AHEAD = 20  # Entries in a row without waiting: a queue at a counter, wrong PINs and all.
DUE = "pin_rate_due_ms"


def next_due(due_ms: int, now_ms: int) -> int | None:
    """When the entry after this one is due; None when this one comes too early.

    >>> next_due(0, 1_000_000), next_due(1_600_000, 1_000_000)
    (1030000, None)
    """
    due_ms = max(now_ms, min(due_ms, now_ms + AHEAD * APART_MS))
    return None if due_ms - now_ms > (AHEAD - 1) * APART_MS else due_ms + APART_MS


def take_entry(tx: Tx) -> bool:
    """Count one entry; False when there were too many."""
    due_ms = next_due(tx.get(DUE, 0), tx.now_ms)
    if due_ms is not None:
        tx.set(DUE, due_ms)
    return due_ms is not None
