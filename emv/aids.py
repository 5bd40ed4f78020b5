"""The AID list as a file: TOML to frozen rows, with every mistake reported at once.

The shipped `emv/aids.toml` documents the format and holds test values. `load_aids` reads text, not files.

Spec: EMV 4.4 Book 1 §12.2.1 (data in the terminal), Book 4 §10.2 (application dependent data).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from emv.dol import parse_dol
from emv.session import AMOUNT_MAX_MINOR, AidEntry
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
_KNOWN = frozenset({*_HEX_BYTES, "name", "partial", "floor_limit_minor"})
_CAPK_HEX_BYTES = {"rid": range(5, 6), "index": range(1, 2), "modulus": range(64, 249), "exponent": range(1, 4)}


@dataclass(frozen=True, slots=True)
class AidProblem:
    """One mistake: where (`aid[2].tac_online`) and what."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class AidListError(ValueError):
    """Every mistake of an AID list."""

    def __init__(self, problems: tuple[AidProblem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def load_aids(text: str) -> tuple[AidEntry, ...]:
    """The rows in the file's order, which is the order of trying. Raises AidListError with all mistakes.

    >>> load_aids('[[aid]]')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    emv.aids.AidListError: aid[1].aid: is missing; aid[1].name: is missing; ...
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AidListError((AidProblem("file", str(error)),)) from None
    problems: list[AidProblem] = []
    for key in sorted(document.keys() - {"aid", "capk"}):
        problems.append(AidProblem(key, "is unknown; [[aid]] and [[capk]] are known"))
    rows = _tables(document, "aid", problems)
    if not rows and not problems:
        problems.append(AidProblem("aid", "the list has no application"))
    if len(rows) > AIDS_MAX:
        problems.append(AidProblem("aid", f"more than {AIDS_MAX} applications"))
    entries = [_entry(f"aid[{number}]", row, problems) for number, row in enumerate(rows, 1)]
    for number, row in enumerate(_tables(document, "capk", problems), 1):
        _check_capk(f"capk[{number}]", row, problems)
    seen: dict[bytes, int] = {}
    for number, entry in enumerate(entries, 1):
        if entry is not None and seen.setdefault(entry.aid, number) != number:
            problems.append(AidProblem(f"aid[{number}].aid", f"is the same as aid[{seen[entry.aid]}].aid"))
    if problems:
        raise AidListError(tuple(problems))
    return tuple(entry for entry in entries if entry is not None)


def default_aids() -> tuple[AidEntry, ...]:
    """The shipped list: test values. It reads a file of this package, nothing else."""
    return load_aids(resources.files("emv").joinpath("aids.toml").read_text(encoding="utf-8"))


def _tables(document: Mapping[str, object], key: str, problems: list[AidProblem]) -> list[Mapping[str, object]]:
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        problems.append(AidProblem(key, f"is written as [[{key}]]"))
        return []
    return value


def _entry(where: str, row: Mapping[str, object], problems: list[AidProblem]) -> AidEntry | None:
    before = len(problems)
    for key in _REQUIRED:
        if key not in row:
            problems.append(AidProblem(f"{where}.{key}", "is missing"))
    for key in sorted(row.keys() - _KNOWN):
        problems.append(AidProblem(f"{where}.{key}", "is unknown"))
    values = {key: _hex(where, row, key, span, problems) for key, span in _HEX_BYTES.items() if key in row}
    for key in ("default_ddol", "default_tdol"):
        try:
            parse_dol(values.get(key, b""))
        except TlvError as error:
            problems.append(AidProblem(f"{where}.{key}", str(error)))
    name, partial, floor = row.get("name", ""), row.get("partial", True), row.get("floor_limit_minor", 0)
    if not isinstance(name, str) or ("name" in row and not name.strip()):
        problems.append(AidProblem(f"{where}.name", "is a text"))
    if not isinstance(partial, bool):
        problems.append(AidProblem(f"{where}.partial", "is true or false"))
    if isinstance(floor, bool) or not isinstance(floor, int) or not 0 <= floor <= AMOUNT_MAX_MINOR:
        problems.append(AidProblem(f"{where}.floor_limit_minor", "is a whole number of minor units"))
    if len(problems) > before:
        return None
    if not (isinstance(name, str) and isinstance(partial, bool) and isinstance(floor, int)):
        raise TypeError("checked above")
    return AidEntry(
        aid=values["aid"],
        name=name,
        partial=partial,
        avn=values.get("avn", b""),
        floor_limit_minor=floor,
        tac_denial=values["tac_denial"],
        tac_online=values["tac_online"],
        tac_default=values["tac_default"],
        default_ddol=values.get("default_ddol", b""),
        default_tdol=values.get("default_tdol", b""),
    )


def _hex(where: str, row: Mapping[str, object], key: str, span: range, problems: list[AidProblem]) -> bytes:
    value = row[key]
    sizes = f"{span.start}" if len(span) == 1 else f"{span.start} to {span.stop - 1}"
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        data = None
    if data is None or len(data) not in span:
        problems.append(AidProblem(f"{where}.{key}", f"is {sizes} byte(s) in hex"))
        return b""
    return data


def _check_capk(where: str, row: Mapping[str, object], problems: list[AidProblem]) -> None:
    for key in sorted(row.keys() - _CAPK_HEX_BYTES.keys()):
        problems.append(AidProblem(f"{where}.{key}", "is unknown"))
    for key, span in _CAPK_HEX_BYTES.items():
        if key not in row:
            problems.append(AidProblem(f"{where}.{key}", "is missing"))
        else:
            _hex(where, row, key, span, problems)
