"""Everything that a stage tells, with what became durable before it, in order; and a digest of it all.

A living world (sim.live) and a recording (sim.recording) hear the same, so that one can be held against the other.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import Any

from drivers.ports import Picture
from sim.stage import Stage, Terms
from terminal.journal import JournalBroken

AFTER_ROWS = ("screen", "frame", "slip")  # What may depend on a row of the journal is told after it.


def drawn(picture: Picture, terms: Terms) -> str:
    """A digest of what is on the glass: its words do not tell a code's payload, nor a mark."""
    return hashlib.sha256(picture.pixels(*terms.panel)).hexdigest()[:16]


class Witness:
    """`take(at_ms, what, value)` hears it on the thread that drives the stage; see sim.live for what there is."""

    def __init__(self, stage: Stage, take: Callable[[int, str, Any], None]) -> None:
        self._stage = stage
        self._take = take
        self._trace = hashlib.sha256()
        self._n, self._chain = 0, ""
        stage.told = self._told

    def look(self) -> None:
        """What has become durable since the last time."""
        with contextlib.suppress(JournalBroken):  # The next life tells of it, as far as the disk has kept it.
            while self._stage.is_on and (events := self._stage.world.journal.events_after(self._n)):
                self._n = events[-1].n
                for event in events:
                    self._chain = event.digest  # Of this event and all before it.
                    self._take(self._stage.elapsed_ms(), "journal", event)

    @property
    def digest(self) -> str:
        """Of all that was shown, printed, sent and recorded."""
        return hashlib.sha256(f"{self._trace.hexdigest()} {self._chain}".encode()).hexdigest()

    def _told(self, what: str, value: Any) -> None:
        if what in AFTER_ROWS:
            self.look()
        at_ms = self._stage.elapsed_ms()
        trace = (value.name, value.text(), drawn(value, self._stage.terms)) if what == "screen" else value
        self._trace.update(f"{at_ms} {what} {trace!r}\n".encode())
        self._take(at_ms, what, value)
