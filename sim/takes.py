"""What the words of a story take: one kind of argument a row, read the same by stories, scenarios and their schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

SHOWN_CHOICES = 24
FEW = 8  # So many names are read at a glance, beside the nearest one, too.
WORD_LIMIT = 64  # Of a word that is compared with others; no name is longer.
CODE_CHARACTERS = 1024  # A version 40 QR holds more; no payment code comes near.


@dataclass(frozen=True, slots=True)
class Takes:
    """One argument. `check(text)` raises ValueError that says what would be right; `schema` is its JSON Schema."""

    check: Callable[[str], None]
    schema: dict[str, Any]
    number: bool = False  # Written without quotes.


def instead(word: str, choices: Iterable[str]) -> str:
    """What to say of a name that is none: the nearest one, and which there are where that is no long list.

    >>> instead("alipy", ["wechat", "alipay"])
    'did you mean alipay? one of wechat, alipay'
    """
    names = list(choices)
    spelt, lower = {name.lower(): name for name in names}, word[:WORD_LIMIT].lower()
    begun = [each for each in spelt if lower and each.startswith(lower)]
    near = [spelt[each] for each in begun[:1] or difflib.get_close_matches(lower, spelt, 1)]
    if near and len(names) > FEW:
        return f"did you mean {near[0]}? one of {len(names)}"
    shown, more = ", ".join(names[:SHOWN_CHOICES]), len(names) - SHOWN_CHOICES
    listed = f"one of {shown}" + (f" and {more} more" if more > 0 else "")
    return f"did you mean {near[0]}? {listed}" if near else listed


def one_of(*choices: str) -> Takes:
    def check(text: str) -> None:
        if text not in choices:
            raise ValueError(instead(text, choices))

    return Takes(check, {"enum": list(choices)})


def number_from(least: int, most: int) -> Takes:
    def check(text: str) -> None:
        if not re.fullmatch(r"-?(0|[1-9][0-9]{0,9})", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")

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
