"""How codes are known: the patterns of `[scans]`. They are read with the configuration, before anything is drawn.

A pattern says how a code begins, how long it is and what it is made of:

    "10-15 18 digits"          begins with 10 to 15, 18 digits
    "62,81 19 digits"          begins with 62 or 81
    "* 8,12-13 digits mod10"   any 8, 12 or 13 digits whose last is the check digit of EAN and UPC
    "HY 6-20 printable"        begins with HY, 6 to 20 printable ASCII characters
    "000201 30-512 text"       any characters that can be seen

No code may be two things: patterns of two kinds that some code could match both are refused when the configuration
is read, check digits left out of account. So the order of the kinds never matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import combinations, product
from typing import Final

CHARACTERS_MAX: Final = 2953  # The largest QR code, in bytes.
PREFIXES_MAX: Final = 200


class ScanKind(Enum):
    """The value is the key under `[scans]`."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"
    CONSUMER = "consumer"  # EMVCo, consumer-presented.
    MERCHANT = "merchant"  # EMVCo, merchant-presented: somebody else's shop sign, or our own.
    GOODS = "goods"
    MEMBER = "member"
    PREPAID = "prepaid"
    COUPON = "coupon"
    BADGE = "badge"


_ALPHABETS: Final = {
    "digits": re.compile(r"[0-9]*"),
    "printable": re.compile(r"[!-~]*"),
    "text": re.compile(r"[^\x00-\x1f\x7f]*"),
}  # Each holds all of those before it.
_SHAPE = re.compile(r"(\S{1,64}) ([0-9,-]{1,32}) (digits|printable|text)( mod10)?")


@dataclass(frozen=True, slots=True)
class Pattern:
    """As it was written (`source`), and what it means."""

    source: str
    prefixes: tuple[str, ...]
    lengths: frozenset[int]
    alphabet: str
    mod10: bool

    def fits(self, text: str) -> bool:
        """All but the check digit."""
        return (
            len(text) in self.lengths
            and text.startswith(self.prefixes)
            and _ALPHABETS[self.alphabet].fullmatch(text) is not None
        )

    def overlaps(self, other: Pattern) -> bool:
        """Whether some code fits both."""
        common = self.lengths & other.lengths
        if not common:
            return False
        narrow = _ALPHABETS[min(self.alphabet, other.alphabet, key=list(_ALPHABETS).index)]
        return any(
            (one.startswith(two) or two.startswith(one))
            and max(len(one), len(two)) <= max(common)
            and narrow.fullmatch(max(one, two, key=len))
            for one, two in product(self.prefixes, other.prefixes)
        )


class PatternError(ValueError):
    """A pattern that says nothing usable; the reason in Chinese and in English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def read_pattern(source: str) -> Pattern:
    """Raises PatternError.

    >>> read_pattern("10-12 18 digits").prefixes
    ('10', '11', '12')
    """
    found = _SHAPE.fullmatch(source)
    if not found:
        raise PatternError(
            '写法须为 "前缀 长度 digits|printable|text [mod10]"',
            'is written "prefixes lengths digits|printable|text [mod10]"',
        )
    starts, lengths, alphabet, mod10 = found.groups()
    prefixes = ("",) if starts == "*" else tuple(_prefixes(starts))
    counts = frozenset(_numbers(lengths))
    if not counts or min(counts) < 1 or max(counts) > CHARACTERS_MAX:
        raise PatternError(f"长度须为 1 至 {CHARACTERS_MAX}", f"has lengths from 1 to {CHARACTERS_MAX}")
    if min(counts) < max(map(len, prefixes)):
        raise PatternError("前缀比最短长度还长", "has a prefix longer than its shortest code")
    if not all(_ALPHABETS[alphabet].fullmatch(prefix) for prefix in prefixes):
        raise PatternError(f"前缀含有 {alphabet} 以外的字符", f"has a prefix that is not made of {alphabet}")
    if mod10 and alphabet != "digits":
        raise PatternError("mod10 只用于 digits", "has mod10, which is for digits only")
    return Pattern(source, prefixes, counts, alphabet, bool(mod10))


def _prefixes(text: str) -> Iterator[str]:
    count = 0
    for part in text.split(","):
        low, dash, high = part.partition("-")
        if dash and low.isdecimal() and high.isdecimal() and len(low) == len(high) and low <= high:
            span = [f"{value:0{len(low)}d}" for value in range(int(low), min(int(high), int(low) + 999) + 1)]
        else:
            span = [part]
        count += len(span)
        if not all(span) or count > PREFIXES_MAX:
            raise PatternError(f"前缀须有 1 至 {PREFIXES_MAX} 个", f"has 1 to {PREFIXES_MAX} prefixes, none empty")
        yield from span


def _numbers(text: str) -> Iterator[int]:
    for part in text.split(","):
        low, dash, high = part.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()) or len(part) > 9:
            raise PatternError("长度须为数字或范围, 如 8,12-13", "has lengths such as 8,12-13")
        yield from range(int(low), min(int(high or low), CHARACTERS_MAX + 1) + 1)


Patterns = Mapping[ScanKind, tuple[Pattern, ...]]


def overlaps(patterns: Patterns) -> Iterator[tuple[ScanKind, Pattern, ScanKind, Pattern]]:
    """Every two patterns of different kinds that one code could fit."""
    for (kind, mine), (other, theirs) in combinations(patterns.items(), 2):
        for one, two in product(mine, theirs):
            if one.overlaps(two):
                yield kind, one, other, two
