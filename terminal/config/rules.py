"""What a configured value may be.

A rule takes what TOML gave and returns the value, or raises Wrong with the reason in both languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from terminal.scan_patterns import Pattern, PatternError, read_pattern

T = TypeVar("T")
Rule: TypeAlias = Callable[[Any], Any]

TEXT_LIMIT = 200  # A file name or a merchant's name; longer is a mistake.


class Wrong(ValueError):
    """The value breaks its rule; the reason in Chinese and in English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of a configuration file. `line` counts from 1; 0 means the file as a whole."""

    line: int
    key: str
    zh: str
    en: str

    def text(self, language: str = "en") -> str:
        """One line for a person: where and why.

        >>> Problem(3, "link.port", "须为整数", "must be a whole number").text()
        'line 3: link.port: must be a whole number'
        """
        chinese = language == "zh-CN"
        where = (f"第 {self.line} 行: " if chinese else f"line {self.line}: ") if self.line else ""
        name = f"{self.key}: " if self.key else ""
        return f"{where}{name}{self.zh if chinese else self.en}"


@dataclass(frozen=True, slots=True)
class Address:
    """A host and its TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Complaint: TypeAlias = tuple[str, Wrong]  # The key that is blamed, and why.


def option(default: T, rule: Rule) -> T:
    """A dataclass field that a file may set, with the rule its value has to pass."""
    value: T = field(default=default, metadata={"rule": rule})
    return value


def flag() -> Rule:
    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Wrong("须为 true 或 false", "must be true or false")
        return value

    return check


def number(low: int, high: int) -> Rule:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong("须为整数", "must be a whole number")
        if not low <= value <= high:
            raise Wrong(f"须在 {low} 与 {high} 之间", f"must lie between {low} and {high}")
        return value

    return check


def text(limit: int = TEXT_LIMIT) -> Rule:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Wrong("须为加引号的文字", "must be text in quotes")
        if not value or len(value) > limit or not value.isprintable():
            raise Wrong(f"须为 1 至 {limit} 个可见字符", f"must have 1 to {limit} printable characters")
        return value

    return check


def matching(pattern: str, zh: str, en: str) -> Rule:
    known = re.compile(pattern)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not known.fullmatch(value):
            raise Wrong(zh, en)
        return value

    return check


def one_of(*values: str | int) -> Rule:
    listed = ", ".join(str(value) for value in values)

    def check(value: Any) -> str | int:
        for known in values:
            if type(value) is type(known) and value == known:
                return known
        raise Wrong(f"须为其中之一: {listed}", f"must be one of: {listed}")

    return check


def path() -> Rule:
    plain = text()

    def check(value: Any) -> Path:
        return Path(plain(value)).expanduser()

    return check


def address() -> Rule:
    shape = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})")

    def check(value: Any) -> Address:
        found = shape.fullmatch(value) if isinstance(value, str) else None
        if not found or not 1 <= int(found[3]) <= 65_535:
            raise Wrong('须为 "主机:端口"', 'must be "host:port" with a port from 1 to 65535')
        return Address(found[1] or found[2], int(found[3]))

    return check


def several(rule: Rule, low: int, high: int) -> Rule:
    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not low <= len(value) <= high:
            count = f"{low}" if low == high else f"{low}-{high}"
            raise Wrong(f"须为 {count} 项的列表 [...]", f"must be a list [...] of {count} items")
        return tuple(rule(item) for item in value)

    return check


def scan_patterns() -> Rule:
    """A list of patterns in the notation of terminal/scan_patterns.py; it may be empty."""
    texts = several(text(), 0, 16)

    def check(value: Any) -> tuple[Pattern, ...]:
        try:
            return tuple(read_pattern(source) for source in texts(value))
        except PatternError as error:
            raise Wrong(error.zh, error.en) from None

    return check
