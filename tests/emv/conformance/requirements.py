"""The requirements: one row each, with where it stands in the Books and how we know it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from conformance.notation import FOLDER

# How a row is known. Nothing here was copied from the Books; "text" is for a row that was held against their text.
PROVENANCE = {
    "text": "standard text read",
    "implementation": "independent implementation",
    "memory": "memory",
    "own": "rule of this kernel",
}
UNSURE = "?"
_SECTION = re.compile(r"\?|[A-G]?\d+(\.\d+)*")


class RequirementError(ValueError):
    """A row that cannot be read."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """`section` is "?" where it is not sure; `no_case` says why no case shows it."""

    id: str
    area: str
    book: int
    section: str
    provenance: str
    says: str
    no_case: str = ""

    @property
    def spec(self) -> str:
        return f"Book {self.book}" + (f" §{self.section}" if self.section != UNSURE else ", section not sure")


@cache
def requirements() -> Mapping[str, Requirement]:
    """requirements.toml, in its order. Raises RequirementError."""
    raw = tomllib.loads((FOLDER / "requirements.toml").read_text(encoding="utf-8"))
    found: dict[str, Requirement] = {}
    for area, rows in raw.items():
        for name, row in rows.items():
            found[name] = _requirement(area, name, row)
    return found


def _requirement(area: str, name: str, row: Mapping[str, object]) -> Requirement:
    wanted = {"book": int, "section": str, "from": str, "says": str}
    wrong = [word for word, kind in wanted.items() if not isinstance(row.get(word), kind)]
    unknown = set(row) - set(wanted) - {"no_case"}
    if wrong or unknown or row["from"] not in PROVENANCE or not _SECTION.fullmatch(str(row["section"])):
        raise RequirementError(f"requirements.toml: {name}: {', '.join([*wrong, *unknown]) or row}")
    section, known, says = (str(row[word]) for word in ("section", "from", "says"))
    return Requirement(name, area, int(str(row["book"])), section, known, says, str(row.get("no_case", "")))
