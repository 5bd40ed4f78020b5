"""Cases and bases: TOML to frozen values, strictly, each mistake with its file and case.

A case is a base (bases.toml) and what differs from it. Its expectation is the base's, too, but for what the case says;
so that each case holds the kernel to everything: TVR, TSI, CVM results, cryptograms, commands, end.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from conformance.notation import FIELDS, FOLDER, named

TAG = re.compile(r"[0-9A-F]{2}([0-9A-F]{2}){0,2}")
SECTIONS = ("card", "terminal", "aid", "sale", "people", "expect")
CARD_WORDS = frozenset(
    {"aid", "applications", "directory", "layout", "signed", "gives", "format", "answers", "authenticate", "keys"}
)
PEOPLE_WORDS = frozenset({"pin", "choose", "online", "arpc", "scripts", "draw", "earlier"})
EXPECT_WORDS = frozenset(
    {"end", "tvr", "tsi", "cvm", "asked", "arc", "sent", "told1", "told2", "data", "offered", "problem", "signature"}
    | {"online", "pins", "looked_up", "request", "advice", "failure", "decided", "language"}
)
CASE_WORDS = frozenset({"name", "shows", "stands", "base", *SECTIONS, *EXPECT_WORDS})
Table = dict[str, Any]


class CaseError(ValueError):
    """A case that cannot be read: file, case, reason."""


@dataclass(frozen=True, slots=True)
class Case:
    """`card`, `terminal`, `aid`, `sale`, `people`: the base's with the case's on top. `said`: what this case itself
    expects (words of `expect`)."""

    file: str
    name: str
    shows: tuple[str, ...]
    stands: str
    card: Table
    terminal: Table
    aid: Table
    sale: Table
    people: Table
    expect: Table
    said: frozenset[str]

    @property
    def id(self) -> str:
        return f"{self.file}: {self.name}"


@cache
def bases() -> Mapping[str, Table]:
    """bases.toml, each base with those that it is made from folded in."""
    raw = tomllib.loads((FOLDER / "bases.toml").read_text(encoding="utf-8"))
    folded: dict[str, Table] = {}
    for name, base in raw.items():  # A base comes after the one it is made from.
        start = folded[base["base"]] if "base" in base else {section: {} for section in SECTIONS}
        folded[name] = _merged(start, base, f"bases.toml: {name}")
    return folded


@cache
def cases() -> tuple[Case, ...]:
    """Every case of cases/*.toml, in the files' order. Raises CaseError."""
    return tuple(case for path in sorted((FOLDER / "cases").glob("*.toml")) for case in read_cases(path))


def read_cases(path: Path) -> list[Case]:
    """The cases of one file, whose top may name a `base` for all of them. Raises CaseError."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    default = raw.pop("base", "online")
    rows = raw.pop("case", [])
    if raw:
        raise CaseError(f"{path.name}: {', '.join(raw)}: a file has a base and cases")
    found = [_case(path.stem, row, default) for row in rows]
    names = [case.name for case in found]
    for name in names:
        if names.count(name) > 1:
            raise CaseError(f"{path.name}: {name}: comes twice")
    return found


def _case(file: str, row: Table, default: str) -> Case:
    name = row.get("name", "")
    where = f"{file}.toml: {name or row}"
    unknown = set(row) - CASE_WORDS
    if unknown or not name or "shows" not in row:
        raise CaseError(f"{where}: unknown or missing: {', '.join(sorted(unknown)) or 'name, shows'}")
    base = row.get("base", default)
    if base not in bases():
        raise CaseError(f"{where}: no base {base}")
    own = {word: row[word] for word in EXPECT_WORDS if word in row}
    merged = _merged(bases()[base], {**row, "expect": own}, where)
    shows = row["shows"] if isinstance(row["shows"], list) else [row["shows"]]
    parts = {section: merged[section] for section in SECTIONS}
    return Case(file, name, tuple(shows), row.get("stands", ""), **parts, said=frozenset(own))


def _merged(base: Table, own: Table, where: str) -> Table:
    """The base with `own` on top, section by section. Raises CaseError."""
    result = {}
    for section in SECTIONS:
        before, after = base[section], own.get(section, {})
        for word in after:
            known = {"card": CARD_WORDS, "people": PEOPLE_WORDS, "expect": EXPECT_WORDS}.get(section)
            if known and word not in known and not (section == "card" and TAG.fullmatch(word)):
                raise CaseError(f"{where}: {section}.{word} is not known")
        try:
            result[section] = {**before, **{w: _value(section, w, v, before.get(w)) for w, v in after.items()}}
        except (ValueError, KeyError, TypeError) as error:
            raise CaseError(f"{where}: {section}: {error}") from None
    return result


_EXPECT_TAGS = {"tvr": "95", "tsi": "9B"}


def _value(section: str, word: str, value: Any, before: Any) -> Any:
    """Bits by name become hex; `sent` stays as written; tables are laid over the base's."""
    tag = _EXPECT_TAGS.get(word, "") if section == "expect" else word if section == "card" else ""
    if section == "aid" and word.startswith("tac_"):
        tag = "95"
    if tag in FIELDS and isinstance(value, list):
        return named(tag, value, before or "")
    if isinstance(value, dict) and isinstance(before, dict):
        return {**before, **value}
    return value
