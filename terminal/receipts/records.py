"""Slips as plain JSON, in the journal: a slip that is printed again years later is the one that was printed.

Read strictly: a record of another version, of another kind, with a field too many or too few is refused, and the error
names the field and never its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from terminal.model import CNY, Money
from terminal.receipts.parts import SlipError
from terminal.receipts.slips import SLIPS, Slip

RECORD_VERSION = 1  # Of the JSON form; a newer one is refused rather than misread.


def to_record(slip: Slip) -> dict[str, Any]:
    """The slip as plain JSON: {"slip": kind, "slip_version": 1, ...}; `from_record` gives it back."""
    record = _plain(slip)
    return {"slip": slip.record_kind, "slip_version": RECORD_VERSION, **record}


def from_record(record: Mapping[str, Any]) -> Slip:
    """The slip of a record. Raises SlipError for anything else, naming the field and never its value."""
    if not isinstance(record, Mapping):
        raise SlipError("a slip's record is an object")
    if record.get("slip_version") != RECORD_VERSION:
        raise SlipError(f"a slip's record of another version than {RECORD_VERSION}")
    for slip_type in SLIPS:
        if slip_type.record_kind == record.get("slip"):
            body = {name: value for name, value in record.items() if name not in ("slip", "slip_version")}
            slip: Slip = _rebuild(slip_type, body, slip_type.__name__)
            return slip
    raise SlipError("no such kind of slip")


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return {"amount_minor": value.amount_minor, "currency": value.currency.code}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value


def _rebuild(wanted: Any, value: Any, where: str) -> Any:
    """`value` (plain JSON) as the annotated type `wanted`; `where` is the path for the error."""
    if isinstance(wanted, UnionType):
        if value is None and type(None) in get_args(wanted):
            return None
        return _rebuild(next(t for t in get_args(wanted) if t is not type(None)), value, where)
    if get_origin(wanted) is tuple:
        return _rebuild_tuple(get_args(wanted), value, where)
    if wanted is Money:
        return _rebuild_money(value, where)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        try:
            return wanted(value)
        except ValueError:
            raise SlipError(f"{where}: not one of its values") from None
    if hasattr(wanted, "__dataclass_fields__"):
        return _rebuild_dataclass(wanted, value, where)
    if type(value) is not wanted:
        raise SlipError(f"{where}: not {wanted.__name__}")
    return value


def _rebuild_tuple(wanted: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise SlipError(f"{where}: not a list")
    if wanted[-1] is Ellipsis:
        wanted = (wanted[0],) * len(value)
    if len(wanted) != len(value):
        raise SlipError(f"{where}: {len(value)} items, not {len(wanted)}")
    pairs = enumerate(zip(wanted, value, strict=True))
    return tuple(_rebuild(t, item, f"{where}[{n}]") for n, (t, item) in pairs)


def _rebuild_money(value: Any, where: str) -> Money:
    if not isinstance(value, Mapping) or set(value) != {"amount_minor", "currency"}:
        raise SlipError(f"{where}: not an amount")
    if value["currency"] != CNY.code or type(value["amount_minor"]) is not int:
        raise SlipError(f"{where}: not an amount in {CNY.code}")
    try:
        return Money(value["amount_minor"])
    except ValueError:
        raise SlipError(f"{where}: an amount that does not fit") from None


def _rebuild_dataclass(wanted: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise SlipError(f"{where}: not an object")
    hints = get_type_hints(wanted)
    known = {f.name: f for f in fields(wanted)}
    strange = [name for name in value if name not in known]
    if strange:
        raise SlipError(f"{where}: {len(strange)} unknown field(s)")
    missing = [name for name, f in known.items() if name not in value and f.default is MISSING]
    if missing:
        raise SlipError(f"{where}: {missing[0]} is missing")
    return wanted(**{name: _rebuild(hints[name], item, f"{where}.{name}") for name, item in value.items()})
