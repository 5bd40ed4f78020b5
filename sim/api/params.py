"""What a request may carry: one value a Param, checked by the same row that the OpenAPI document is written from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.stage import Terms
from sim.takes import Takes, instead, one_of

WORD_LIMIT = 2_048
SEED_LIMIT = 64
PROFILES = Path(__file__).parents[2] / "terminal" / "hostlink" / "profiles"


class Wrong(Exception):
    """A request that asks for what cannot be: the field, and what would have been right."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Param:
    """`read(value)` gives the value to use, and raises ValueError; `schema` is its JSON Schema."""

    read: Callable[[Any], Any]
    schema: dict[str, Any]
    words: str
    required: bool = True

    def or_not(self) -> Param:
        return replace(self, required=False)


def word(takes: Takes, words: str) -> Param:
    """A text that these words of a story take."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > WORD_LIMIT:
            raise ValueError(f"a text of at most {WORD_LIMIT} characters")
        takes.check(value)
        return value

    schema = {"type": "string", **{key: value for key, value in takes.schema.items() if key in ("enum", "pattern")}}
    return Param(read, schema, words)


def text(limit: int, words: str) -> Param:
    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > limit:
            raise ValueError(f"a text of at most {limit} characters")
        return value

    return Param(read, {"type": "string", "maxLength": limit}, words)


def whole(least: int, most: int, words: str) -> Param:
    """A whole number; in an address it is digits."""

    def read(value: Any) -> int:
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(most)):
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return Param(read, {"type": "integer", "minimum": least, "maximum": most}, words)


def number(least: float, most: float, words: str) -> Param:
    def read(value: Any) -> float:
        if type(value) not in (int, float) or not least <= value <= most:
            raise ValueError(f"a number from {least} to {most}")
        return float(value)

    return Param(read, {"type": "number", "minimum": least, "maximum": most}, words)


def yes(words: str) -> Param:
    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value

    return Param(read, {"type": "boolean"}, words)


def anything(read: Callable[[Any], Any], schema: dict[str, Any], words: str) -> Param:
    """What another reader checks: its ValueError is the answer."""
    return Param(read, schema, words)


def read_all(params: Mapping[str, Param], given: object) -> dict[str, Any]:
    """The values of a request. Raises Wrong at the first that is missing, unknown or wrong."""
    if not isinstance(given, dict):
        raise Wrong("", "the body is a JSON object")
    for name in given:
        if name not in params:
            raise Wrong(str(name)[:40], f"no such field; {instead(str(name), params) if params else 'there are none'}")
    values: dict[str, Any] = {}
    for name, param in params.items():
        if name not in given:
            if param.required:
                raise Wrong(name, f"is missing: {param.words}")
            continue
        try:
            values[name] = param.read(given[name])
        except ValueError as wrong:
            raise Wrong(name, str(wrong)) from None
    return values


# What a world begins with.


def _seed(value: Any) -> int | str:
    if type(value) is int and 0 <= value < 2**63:
        return value
    if isinstance(value, str) and 0 < len(value) <= SEED_LIMIT and value.isprintable():
        return value
    raise ValueError(f"a number below 2^63, or a text of 1 to {SEED_LIMIT} characters")


SEED = {"type": ["integer", "string"], "minimum": 0, "maxLength": SEED_LIMIT}
TERMS: Mapping[str, Param] = {
    "seed": anything(_seed, SEED, "what everything is drawn from").or_not(),
    "language": word(one_of("en", "zh-CN"), "the terminal's").or_not(),
    "panel": word(one_of("128x64", "128x128"), "the display").or_not(),
    "begin": word(one_of("signed-in", "new"), "ready to sell, or never switched on").or_not(),
    "offered": word(one_of("usual", "all"), "which transactions the menu has").or_not(),
    "lines": whole(1, 2, "to the host").or_not(),
    "profile": word(one_of(*sorted(path.stem for path in PROFILES.glob("*.toml"))), "the dialect").or_not(),
    "amount_codes": yes("an amount's last two digits are the response code").or_not(),
}


def terms_of(values: Mapping[str, Any], before: Terms) -> Terms:
    """`before` with what the values say."""
    told = dict(values)
    if "panel" in told:
        width, height = str(told["panel"]).split("x")
        told["panel"] = (int(width), int(height))
    return replace(before, **told)


def terms_json(terms: Terms) -> dict[str, Any]:
    told = {name: getattr(terms, name) for name in TERMS}
    return {**told, "panel": "{}x{}".format(*terms.panel)}
