"""The list of permitted faults as data, and which of them befall a transaction.

Source of the list: `faults.toml`, or a file of the same shape. A row's rate counts in 10,000 transactions.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.acquirer.faults import FaultKind
from sim.swarm.draws import WORLD, Draws

IN = 10_000
LEVELS = ("none", "usual", "harsh")
SITES = ("network", "host", "card", "printer", "clock", "devices", "people", "disk", "power", "world")
SHIPPED = Path(__file__).with_name("faults.toml")


class FaultsUnreadable(Exception):
    """A file of faults cannot be used. The message names the row and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """One row. `rate` in 10,000 transactions; `kind`, `mti` and `codes` are the host's (sim.acquirer.faults)."""

    name: str
    site: str
    rate: int
    loses: str
    kind: FaultKind | None = None
    mti: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def load(level: str) -> dict[str, Permitted]:
    """The rows of a level ("none", "usual", "harsh"), or of the file of that name. Raises FaultsUnreadable."""
    if level == "none":
        return {}
    shipped = _read(SHIPPED)
    known = frozenset(str(row["name"]) for row in shipped)
    if level in LEVELS:
        return {row.name: row for row in (_row(each, level, known) for each in shipped)}
    # What the file leaves out keeps its place, never to befall: leaving one out moves no other's draw.
    never = {row.name: replace(row, rate=0) for row in (_row(each, "harsh", known) for each in shipped)}
    return never | {row.name: row for row in (_row(each, "rate", known) for each in _read(Path(level)))}


def _read(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("fault")
    except OSError as error:
        raise FaultsUnreadable(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FaultsUnreadable(f"{path.name}: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FaultsUnreadable(f"{path.name}: the faults are rows, each under [[fault]]")
    return rows


def _row(row: Mapping[str, Any], column: str, known: frozenset[str]) -> Permitted:
    name = str(row.get("name", "?"))
    strange = set(row) - {"name", "site", "usual", "harsh", "rate", "loses", "kind", "mti", "codes"}
    if strange:
        raise FaultsUnreadable(f"fault {name!r}: no key {sorted(strange)[0]!r}")
    rate = row.get(column)
    if type(rate) is not int or not 0 <= rate <= IN:
        raise FaultsUnreadable(f"fault {name!r}: {column} is a number from 0 to {IN}")
    if row.get("site") not in SITES:
        raise FaultsUnreadable(f"fault {name!r}: the sites are {', '.join(SITES)}")
    try:
        kind = FaultKind(row["kind"]) if "kind" in row else None
    except ValueError:
        raise FaultsUnreadable(f"fault {name!r}: no kind {row['kind']!r}") from None
    if kind is None and name not in known:
        raise FaultsUnreadable(f"fault {name!r}: nobody knows how to put it in; see {SHIPPED.name}, or give its kind")
    mti, codes = tuple(map(str, row.get("mti", ()))), tuple(map(str, row.get("codes", ())))
    return Permitted(name, str(row["site"]), rate, str(row.get("loses", "")), kind, mti, codes)


def befalling(rows: Mapping[str, Permitted], draws: Draws, transaction: int) -> tuple[Permitted, ...]:
    """Which faults befall this transaction, or (WORLD) the whole world, in the list's order."""
    own = [row for row in rows.values() if (row.site == "world") == (transaction == WORLD)]
    draw = draws.source(transaction, "faults").random
    return tuple(row for row in own if draw() * IN < row.rate)
