"""Rows of a TOML file, read strictly: every mistake is kept with its place, and all are raised at once.

The AID list and the file of CA public keys are read with these. Text comes in, never a file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where (`aid[2].tac_online`) and what."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class RowsError(ValueError):
    """Every mistake of a file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def read(text: str, keys: tuple[str, ...], problems: list[Problem]) -> dict[str, list[Row]]:
    """The tables [[key]] of each of `keys`. What cannot be read is a problem, and no row."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem("file", str(error)))
        return {key: [] for key in keys}
    known = " and ".join(f"[[{key}]]" for key in keys)
    for key in sorted(document.keys() - set(keys)):
        problems.append(Problem(key, f"is unknown; {known} {'is' if len(keys) == 1 else 'are'} known"))
    return {key: _tables(document, key, problems) for key in keys}


def _tables(document: Row, key: str, problems: list[Problem]) -> list[Row]:
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        problems.append(Problem(key, f"is written as [[{key}]]"))
        return []
    return value


def check_names(
    where: str, row: Row, known: frozenset[str], required: tuple[str, ...], problems: list[Problem]
) -> None:
    """What is missing, and what is there and means nothing."""
    for key in required:
        if key not in row:
            problems.append(Problem(f"{where}.{key}", "is missing"))
    for key in sorted(row.keys() - known):
        problems.append(Problem(f"{where}.{key}", "is unknown"))


def hex_field(where: str, row: Row, key: str, span: range, problems: list[Problem]) -> bytes:
    """A field of so many bytes in hex; empty if it is none."""
    value = row[key]
    sizes = f"{span.start}" if len(span) == 1 else f"{span.start} to {span.stop - 1}"
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        data = None
    if data is None or len(data) not in span:
        problems.append(Problem(f"{where}.{key}", f"is {sizes} byte(s) in hex"))
        return b""
    return data
