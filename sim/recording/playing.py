"""A recording made, and played again: what differs is named by its line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from sim.deeds import Entry
from sim.live import OTHER_WORLD, Snapshot
from sim.measured import commit
from sim.outside_host import HostSaid
from sim.recording.lines import Line, header, lines_of
from sim.recording.reading import read_deeds, read_header, read_host, read_lines, read_terms
from sim.recording.redacted import redacted
from sim.recording.typed import Typed
from sim.recording.verdict import Verdict
from sim.stage import Terms
from terminal.version import VERSION


def record(terms: Terms, entries: list[Entry], out: TextIO) -> int:
    """Write what comes of these deeds; the number of lines. Raises StoryError, and OSError of the file."""
    written = 0
    for line in _whole(terms, entries):
        out.write(text_of(line) + "\n")
        written += 1
    return written


def recording_of(world: Snapshot) -> str:
    """What a living world has seen so far, which is all done again beside it.

    Before a host outside, where somebody has typed what is no test data, redacted as a terminal's own.
    Raises StoryError, and ValueError when what comes out is not what it has seen.
    """
    text, last, typed = io.StringIO(), Line(), Typed()
    for last in _whole(world.terms, list(world.entries), world.host):
        text.write(text_of(last) + "\n")
        typed.hear(last)
    if last["digest"] != world.digest:
        raise ValueError(OTHER_WORLD)
    if world.host is not None and typed.secret:
        return redacted(world.terms, world.entries, world.host, typed.secret)
    return text.getvalue()


def _whole(terms: Terms, entries: list[Entry], host: HostSaid | None = None) -> Iterator[Line]:
    yield header(terms, VERSION, commit(), host)
    yield from lines_of(terms, entries, host)


def text_of(line: Line) -> str:
    """One line of the file; the same value has one spelling."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def is_full(path: Path) -> bool:
    """Whether it can be played to the byte, or only followed. Raises RecordingError, OSError, UnicodeDecodeError."""
    with path.open(encoding="utf-8") as file:
        number, first = next(read_lines(file), (1, {}))
    read_header(number, first)
    return bool(first["full"])


def replay(path: Path) -> Verdict:
    """The world of a full recording once more, compared line by line.

    Raises RecordingError, OSError, UnicodeDecodeError, and StoryError when there is no such world.
    """
    with path.open(encoding="utf-8") as file:
        lines = read_lines(file)
        number, first = next(lines, (1, {}))
        read_header(number, first)
        terms, entries = read_terms(number, first.get("terms")), read_deeds(lines)
    made_at = str(first.get("commit", ""))
    with path.open(encoding="utf-8") as file:
        host = read_host(number, first, read_lines(file))
    with path.open(encoding="utf-8") as file:
        recorded = (text_of(line) for number, line in read_lines(file) if number > 1)
        return _compare(recorded, lines_of(terms, entries, host), Verdict(len(entries), commit=made_at))


def _compare(recorded: Iterator[str], seen: Iterator[Line], verdict: Verdict) -> Verdict:
    number = 1
    for number, line in enumerate(seen, 2):
        ours, theirs = text_of(line), next(recorded, "")
        if ours != theirs:
            return replace(verdict, lines=number, line=number, recorded=theirs, seen=ours)
    left = next(recorded, "")
    return replace(verdict, lines=number, line=number + 1 if left else 0, recorded=left)
