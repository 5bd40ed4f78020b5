"""A recording made, and played again: what differs is named by its line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sim.deeds import Entry
from sim.live import OTHER_WORLD, Snapshot
from sim.measured import commit
from sim.recording.lines import Line, header, lines_of
from sim.recording.reading import read_deeds, read_header, read_lines, read_terms
from sim.stage import Terms
from terminal.version import VERSION


@dataclass(frozen=True, slots=True)
class Replayed:
    """`line` 0: the same to the byte. Else the first line that is not, what it says, and what came about instead."""

    lines: int
    deeds: int
    commit: str
    line: int = 0
    recorded: str = ""
    seen: str = ""

    @property
    def same(self) -> bool:
        return not self.line


def record(terms: Terms, entries: list[Entry], out: TextIO) -> int:
    """Write what comes of these deeds; the number of lines. Raises StoryError, and OSError of the file."""
    written = 0
    for line in _whole(terms, entries):
        out.write(text_of(line) + "\n")
        written += 1
    return written


def recording_of(world: Snapshot) -> str:
    """What a living world has seen so far, which is all done again beside it.

    Raises StoryError, and ValueError when what comes out is not what it has seen.
    """
    text, last = io.StringIO(), Line()
    for last in _whole(world.terms, list(world.entries)):
        text.write(text_of(last) + "\n")
    if last["digest"] != world.digest:
        raise ValueError(OTHER_WORLD)
    return text.getvalue()


def _whole(terms: Terms, entries: list[Entry]) -> Iterator[Line]:
    yield header(terms, VERSION, commit())
    yield from lines_of(terms, entries)


def text_of(line: Line) -> str:
    """One line of the file; the same value has one spelling."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def is_full(path: Path) -> bool:
    """Whether it can be played to the byte, or only followed. Raises RecordingError, OSError, UnicodeDecodeError."""
    with path.open(encoding="utf-8") as file:
        number, first = next(read_lines(file), (1, {}))
    read_header(number, first)
    return bool(first["full"])


def replay(path: Path) -> Replayed:
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
        recorded = (text_of(line) for number, line in read_lines(file) if number > 1)
        return _compare(recorded, lines_of(terms, entries), Replayed(0, len(entries), made_at))


def _compare(recorded: Iterator[str], seen: Iterator[Line], so_far: Replayed) -> Replayed:
    number = 1
    for number, line in enumerate(seen, 2):
        ours, theirs = text_of(line), next(recorded, "")
        if ours != theirs:
            return Replayed(number, so_far.deeds, so_far.commit, number, theirs, ours)
    left = next(recorded, "")
    return Replayed(number, so_far.deeds, so_far.commit, number + 1 if left else 0, left)
