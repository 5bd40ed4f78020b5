"""A recording read strictly: it comes from a stranger, attached to a bug. Every mistake has its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sim.deeds import DEEDS_LIMIT, Entry, read_entry
from sim.outside_host import FRAMES_LIMIT, STANS, HostSaid
from sim.recording.lines import FORMAT, Line
from sim.stage import Terms

LINE_LIMIT = 262_144  # Characters: a long slip has some 20,000.
LINES_LIMIT = 20_000_000
SEED_LIMIT = 4_096  # A test's whole name, with all its parameters.
_TERMS: dict[str, tuple[type, ...]] = {
    "seed": (int, str),
    "language": (str,),
    "panel": (list,),
    "begin": (str,),
    "offered": (str,),
    "lines": (int,),
    "profile": (str,),
    "amount_codes": (bool,),
}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "language": ("en", "zh-CN"),
    "panel": ([128, 64], [128, 128]),
    "begin": ("new", "signed-in"),
    "offered": ("usual", "all"),
    "lines": (1, 2, 3, 4, 5, 6),
}


class RecordingError(Exception):
    """The file is no recording; the message names line and reason."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.reason = line, reason


def read_lines(file: Iterable[str], *, lives: bool = False) -> Iterator[tuple[int, Line]]:
    """Each line with its number; of `lives` the last line of each may be torn by a power cut. Raises RecordingError."""
    torn = 0
    for number, text in enumerate(file, 1):
        if len(text) > LINE_LIMIT or number > LINES_LIMIT:
            raise RecordingError(number, "longer than any recording")
        if text.isspace():
            continue
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            if lives and number > 1 and not torn:
                torn = number
                continue
            end = "" if text.endswith("\n") else "; the file ends in the middle of it"
            raise RecordingError(number, f"not JSON{end}") from None
        if torn and (not isinstance(line, dict) or "recording" not in line):
            raise RecordingError(torn, "not JSON")
        torn = 0
        if not isinstance(line, dict):
            raise RecordingError(number, "not an object")
        yield number, line


def read_header(number: int, line: Line) -> None:
    """Raises RecordingError."""
    if line.get("recording") != FORMAT or not isinstance(line.get("full"), bool):
        raise RecordingError(number, f"not the first line of a recording of format {FORMAT}")


def is_shipped_name(profile: str) -> bool:
    """A name, and no path: a stranger's recording must not say which file of this machine is read."""
    return re.fullmatch(r"[a-z0-9-]{1,40}", profile) is not None


def read_terms(number: int, told: object) -> Terms:
    """Raises RecordingError."""
    if not isinstance(told, dict) or set(told) != set(_TERMS):
        raise RecordingError(number, f"terms are {', '.join(_TERMS)}")
    for name, value in told.items():
        kinds = _TERMS[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise RecordingError(number, f"terms: {name} is no such thing")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise RecordingError(number, f"terms: {name} is none of {_CHOICES[name]}")
    if len(str(told["seed"])) > SEED_LIMIT or not is_shipped_name(str(told["profile"])):
        raise RecordingError(number, "terms: no such seed or profile")
    return Terms(**{**told, "panel": tuple(told["panel"])})


def read_host(number: int, first: Line, lines: Iterable[tuple[int, Line]]) -> HostSaid | None:
    """What a host outside said, of a full recording with this header; None where there was none.

    Raises RecordingError.
    """
    outside = first.get("outside")
    if outside is None:
        return None
    first_stan = outside.get("first_stan") if isinstance(outside, dict) else None
    if type(first_stan) is not int or not 0 <= first_stan < STANS:
        raise RecordingError(number, f"outside: first_stan is 0 to {STANS - 1}")
    answers: list[list[bytes]] = []
    due = 0  # Frames that are still to come of the newest answer.
    for number, line in lines:
        if line.get("is") == "host":
            due = line.get("answers", -1)
            if type(due) is not int or not 0 <= due <= 2 * FRAMES_LIMIT:
                raise RecordingError(number, f"answers are 0 to {2 * FRAMES_LIMIT}")
            answers.append([])
        elif due and line.get("is") == "frame":
            due -= 1
            try:
                answers[-1].append(bytes.fromhex(line["hex"]))
            except (KeyError, TypeError, ValueError):
                raise RecordingError(number, "hex is no bytes") from None
    return HostSaid(first_stan, tuple(map(tuple, answers)))


def read_deeds(lines: Iterable[tuple[int, Line]]) -> list[Entry]:
    """What was done, of a full recording. Raises RecordingError."""
    entries: list[Entry] = []
    for number, line in lines:
        if "do" not in line:
            continue
        if len(entries) >= DEEDS_LIMIT:
            raise RecordingError(number, f"more than {DEEDS_LIMIT} deeds")
        try:
            entries.append(read_entry(line["do"]))
        except ValueError as wrong:
            raise RecordingError(number, str(wrong)) from None
    return entries
