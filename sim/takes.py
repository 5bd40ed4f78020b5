"""What the words of a story take: one kind of argument a row, read the same by stories, scenarios and their schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SHOWN_CHOICES = 24
CODE_CHARACTERS = 1024  # A version 40 QR holds more; no payment code comes near.


@dataclass(frozen=True, slots=True)
class Takes:
    """One argument. `check(text)` raises ValueError that says what would be right; `schema` is its JSON Schema."""

    check: Callable[[str], None]
    schema: dict[str, Any]
    number: bool = False  # Written without quotes.


def one_of(*choices: str) -> Takes:
    def check(text: str) -> None:
        if text not in choices:
            shown = ", ".join(choices[:SHOWN_CHOICES])
            more = len(choices) - SHOWN_CHOICES
            raise ValueError(f"one of {shown}" + (f" and {more} more" if more > 0 else ""))

    return Takes(check, {"enum": list(choices)})


def number_from(least: int, most: int) -> Takes:
    def check(text: str) -> None:
        if not re.fullmatch(r"-?(0|[1-9][0-9]{0,9})", text) or not least <= int(text) <= most:
            raise ValueError(f"a number from {least} to {most}")

    return Takes(check, {"type": "integer", "minimum": least, "maximum": most}, number=True)


def like(pattern: str, words: str) -> Takes:
    """A text that matches the whole of `pattern`; `words` say what that is."""
    whole = re.compile(pattern)

    def check(text: str) -> None:
        if not whole.fullmatch(text):
            raise ValueError(words)

    return Takes(check, {"type": ["string", "integer"], "pattern": f"^(?:{pattern})$", "minimum": 0})


def parsed_by(parse: Callable[[str], object], pattern: str) -> Takes:
    """What another reader understands: its ValueError is the answer. `pattern` is what a schema can say of it."""

    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not of the form NAME[,option=value]")
        parse(text)

    return Takes(check, {"type": "string", "pattern": f"^(?:{pattern})$"})
