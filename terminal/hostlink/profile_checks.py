"""What a setting of a profile may be: each check gives the value to keep, and "" or what it must be instead."""

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
