"""What a setting of a profile may be: each check gives the value to keep, and "" or what it must be instead.

And where in the file it stands, for whoever has to mend it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], tuple[Any, str]]


def pattern(expression: str, meaning: str) -> Check:
    def check(value: Any) -> tuple[Any, str]:
        good = isinstance(value, str) and re.fullmatch(expression, value) is not None
        return value, "" if good else f"must be {meaning}"

    return check


def whole(low: int, high: int) -> Check:
    def check(value: Any) -> tuple[Any, str]:
        good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return value, "" if good else f"must be a whole number from {low} to {high}"

    return check


def flag(value: Any) -> tuple[Any, str]:
    return value, "" if isinstance(value, bool) else "must be true or false"


def list_of(expression: str, meaning: str) -> Check:
    def check(value: Any) -> tuple[Any, str]:
        good = isinstance(value, list) and all(isinstance(v, str) and re.fullmatch(expression, v) for v in value)
        return (tuple(value) if good else ()), "" if good else f"must be a list of {meaning}"

    return check


def one_of(known: Mapping[str, Any]) -> Check:
    def check(value: Any) -> tuple[Any, str]:
        good = isinstance(value, str) and value in known
        return (known[value] if good else None), "" if good else f"must be one of {', '.join(known)}"

    return check


def one_of_numbers(*known: int) -> Check:
    def check(value: Any) -> tuple[Any, str]:
        good = isinstance(value, int) and not isinstance(value, bool) and value in known
        return value, "" if good else f"must be one of {', '.join(map(str, known))}"

    return check


def line_of(text: str, key: str) -> int:
    """The line of a dotted key, its section's line if the key is missing, 0 if that is missing too."""
    section, _, name = key.rpartition(".")
    found, inside = 0, section == ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[([^\]]*)\]", line)
        if header:
            inside = header.group(1).strip() == section
            found = number if inside and not found else found
        elif inside and re.match(rf'\s*"?{re.escape(name)}"?\s*=', line):
            return number
    return found
