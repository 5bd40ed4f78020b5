"""A world before a host outside, recorded as a real terminal records itself (terminal/recording.py): with no secret."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from drivers.display import PANELS
from sim.deeds import Entry
from sim.outside_host import HostSaid
from sim.recording.lines import do
from sim.stage import Terms
from terminal.hostlink.profile import load_profile
from terminal.loop import Loop
from terminal.recording import Recording


def redacted(terms: Terms, entries: Iterable[Entry], host: HostSaid, why: str) -> str:
    """All that again, masked before it is written; `why` stands in each header. Raises StoryError, OSError."""
    panel = next(driver for driver, size in PANELS.items() if size == terms.panel)
    about = {"language": terms.language, "profile": terms.profile, "panel": panel, "offered": terms.offered}
    with tempfile.TemporaryDirectory(prefix="zg-recording-") as folder:
        path = Path(folder) / "recording.jsonl"

        def tape(loop: Loop) -> Recording:
            return Recording(
                path,
                profile=load_profile(terms.profile),
                about={**about, "redacted": why},
                clock_ms=loop.clock_ms,
                patient=True,
            )

        with host.stage(terms, tape) as stage:
            for entry in entries:
                if do(stage, entry).get("is") == "broken":
                    break
        return path.read_text(encoding="utf-8")
