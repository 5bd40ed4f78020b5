"""The AID list as a file: TOML to frozen rows, with every mistake reported at once.

The shipped `emv/aids.toml` documents the format and holds test values. `load_aids` reads text, not files.

Spec: EMV 4.4 Book 1 §12.2.1 (data in the terminal), Book 4 §10.2 (application dependent data).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources

from emv.dol import parse_dol
from emv.profile import AMOUNT_MAX_MINOR, PERCENT, AidEntry
from emv.rows import Problem, Row, RowsError, check_names, hex_field, read
from emv.tlv import TlvError

AIDS_MAX = 64  # A card without a directory is asked for each; more would take seconds.

_HEX_BYTES = {
    "aid": range(5, 17),
    "avn": range(2, 3),
    "tac_denial": range(5, 6),
    "tac_online": range(5, 6),
    "tac_default": range(5, 6),
    "default_ddol": range(1, 253),
    "default_tdol": range(1, 253),
}
_REQUIRED = ("aid", "name", "tac_denial", "tac_online", "tac_default")
# Whole numbers and their greatest values.
_NUMBERS = {
    "floor_limit_minor": AMOUNT_MAX_MINOR,
    "random_threshold_minor": AMOUNT_MAX_MINOR,
    "random_target": PERCENT[-1],
    "random_target_max": PERCENT[-1],
}
_KNOWN = frozenset({*_HEX_BYTES, *_NUMBERS, "name", "partial"})


class AidListError(RowsError):
    """Every mistake of an AID list."""


@lru_cache(maxsize=2)  # A pure function of its text; a day in the simulator starts thousands of terminals.
def load_aids(text: str) -> tuple[AidEntry, ...]:
    """The rows in the file's order, which is the order of trying. Raises AidListError with all mistakes.

    >>> load_aids('[[aid]]')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    emv.aids.AidListError: aid[1].aid: is missing; aid[1].name: is missing; ...
    """
    problems: list[Problem] = []
    rows = read(text, ("aid",), problems)["aid"]
    return aids_of(rows, problems)


def aids_of(rows: Sequence[Row], found: Iterable[Problem] = ()) -> tuple[AidEntry, ...]:
    """The entries of rows, whoever wrote them: a file, or an acquirer's download.

    Raises AidListError with all mistakes, those already `found` first.
    """
    problems = list(found)
    if not rows and not problems:
        problems.append(Problem("aid", "the list has no application"))
    if len(rows) > AIDS_MAX:
        problems.append(Problem("aid", f"more than {AIDS_MAX} applications"))
    entries = [_entry(f"aid[{number}]", row, problems) for number, row in enumerate(rows, 1)]
    seen: dict[bytes, int] = {}
    for number, entry in enumerate(entries, 1):
        if entry is not None and seen.setdefault(entry.aid, number) != number:
            problems.append(Problem(f"aid[{number}].aid", f"is the same as aid[{seen[entry.aid]}].aid"))
    if problems:
        raise AidListError(tuple(problems))
    return tuple(entry for entry in entries if entry is not None)


def default_aids() -> tuple[AidEntry, ...]:
    """The shipped list: test values. It reads a file of this package, nothing else."""
    return load_aids(resources.files("emv").joinpath("aids.toml").read_text(encoding="utf-8"))


def _entry(where: str, row: Row, problems: list[Problem]) -> AidEntry | None:
    before = len(problems)
    check_names(where, row, _KNOWN, _REQUIRED, problems)
    values = {key: hex_field(where, row, key, span, problems) for key, span in _HEX_BYTES.items() if key in row}
    for key in ("default_ddol", "default_tdol"):
        try:
            parse_dol(values.get(key, b""))
        except TlvError as error:
            problems.append(Problem(f"{where}.{key}", str(error)))
    name, partial = row.get("name", ""), row.get("partial", True)
    if not isinstance(name, str) or ("name" in row and not name.strip()):
        problems.append(Problem(f"{where}.name", "is a text"))
    if not isinstance(partial, bool):
        problems.append(Problem(f"{where}.partial", "is true or false"))
    numbers = {key: _number(where, row, key, limit, problems) for key, limit in _NUMBERS.items() if key in row}
    if len(problems) > before:
        return None
    if not (isinstance(name, str) and isinstance(partial, bool)):
        raise TypeError("checked above")
    try:
        return AidEntry(
            aid=values["aid"],
            name=name,
            partial=partial,
            avn=values.get("avn", b""),
            tac_denial=values["tac_denial"],
            tac_online=values["tac_online"],
            tac_default=values["tac_default"],
            default_ddol=values.get("default_ddol", b""),
            default_tdol=values.get("default_tdol", b""),
            **numbers,
        )
    except ValueError as error:  # Numbers that do not fit each other.
        problems.append(Problem(where, str(error)))
        return None


def _number(where: str, row: Row, key: str, limit: int, problems: list[Problem]) -> int:
    """A whole number from 0 to `limit`; 0 if it is none."""
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        problems.append(Problem(f"{where}.{key}", f"is a whole number, 0 to {limit}"))
        return 0
    return value
