"""Reading a configuration file, and telling everything that is wrong with it at once, each with its line.

tomllib gives no lines for values and stops at the first syntax error. So the text is scanned for the line
of each key, and a line with a syntax error is reported, blanked, and the rest is read on.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from terminal.config.rules import Problem, Wrong
from terminal.config.settings import SECTIONS, Config

SIZE_LIMIT_BYTES = 65_536  # The commented example has 10 KB.
SYNTAX_LIMIT = 20  # Syntax errors reported at most; a file with more is not TOML.

_TABLE = re.compile(r"\s*\[\s*([A-Za-z0-9_.\s-]+?)\s*\]\s*(?:#.*)?")
_BROKEN_TABLE = re.compile(r"\s*\[+\s*([A-Za-z0-9_.-]+)")
_KEY = re.compile(r"\s*([A-Za-z0-9_.-]+|\"[^\"]*\"|'[^']*')\s*=")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class ConfigErrors(Exception):
    """Everything that is wrong with a configuration, by line."""

    def __init__(self, problems: list[Problem], name: str = "") -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.key)))
        self.name = name
        super().__init__(self.text())

    def text(self, language: str = "en") -> str:
        """One line for each error."""
        head = f"{self.name}\n" if self.name else ""
        return head + "\n".join(problem.text(language) for problem in self.problems)


def load_config(path: Path) -> Config:
    """Read a configuration file. File names in it are relative to its folder.

    Raises ConfigErrors with every error of the file (also when it cannot be read).
    """
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigErrors(
            [Problem(0, "", f"无法读取: {reason}", f"cannot be read: {reason}")], str(path)
        ) from error
    if len(raw) > SIZE_LIMIT_BYTES:
        limit = SIZE_LIMIT_BYTES
        raise ConfigErrors([Problem(0, "", f"超过 {limit} 字节", f"has more than {limit} bytes")], str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigErrors([Problem(line, "", "不是 UTF-8 文本", "is not UTF-8 text")], str(path)) from error
    return parse_config(text, folder=path.parent, name=str(path))


def parse_config(text: str, *, folder: Path = Path(), name: str = "") -> Config:
    """Read a configuration from its text. Raises ConfigErrors."""
    text = text.replace("\r\n", "\n")
    tables, problems = _parse(text)
    lines = _key_lines(text)
    values = _sections(tables)
    config = Config.default()
    for section in sorted(values):
        if section not in SECTIONS:
            problems += _unknown_section(section, values[section], lines)
    read = {section: _read(section, values.get(section, {}), lines, folder, problems) for section in SECTIONS}
    if problems:
        raise ConfigErrors(problems, name)
    for section in SECTIONS:
        home, _, name = section.rpartition(".")
        if home:
            read[home] = dataclasses.replace(read[home], **{name: read.pop(section)})
    return dataclasses.replace(config, **read)


def _parse(text: str) -> tuple[Mapping[str, Any], list[Problem]]:
    """The parsed file and its syntax errors; a line that cannot be read is left out."""
    lines = text.split("\n")
    problems: list[Problem] = []
    for _ in range(SYNTAX_LIMIT):
        try:
            return tomllib.loads("\n".join(lines)), problems
        except tomllib.TOMLDecodeError as error:
            message = str(error)
        found = _AT_LINE.search(message)
        number = int(found[1]) if found else len(lines)
        reason = message.split(" (at ")[0]
        problems.append(Problem(number, "", f"不符合 TOML 语法: {reason}", f"is not TOML: {reason}"))
        if not found or "Unclosed" in reason or not lines[number - 1].strip():
            break  # The error began above this line; what follows would only be its echo.
        # A broken table header still tells which section the next lines belong to.
        header = _BROKEN_TABLE.match(lines[number - 1])
        repaired = f"[{header[1]}]" if header and lines[number - 1] != f"[{header[1]}]" else ""
        lines[number - 1] = repaired
    return {}, problems


def _key_lines(text: str) -> dict[str, int]:
    """The line of each `section` and each `section.key`, as written."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), start=1):
        table = _TABLE.fullmatch(line) or _BROKEN_TABLE.match(line)
        key = _KEY.match(line)
        if key:
            name = key[1].strip("\"'")
            lines.setdefault(f"{section}.{name}" if section else name, number)
        elif table:
            section = re.sub(r"\s*\.\s*", ".", table[1].strip())
            lines.setdefault(section, number)
    return lines


def _line(lines: Mapping[str, int], key: str) -> int:
    """The line of a key, or of what it stands in (an inline table, its section)."""
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0]
    return 0


def _sections(tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{"link": {...}, "link.tls": {...}}: each table flat; keys outside any table are under ""."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in tables.items():
        if not isinstance(value, dict):
            found.setdefault("", {})[name] = value
            continue
        found[name] = {}
        for key, inner in value.items():
            if f"{name}.{key}" in SECTIONS and isinstance(inner, dict):
                found[f"{name}.{key}"] = inner
            else:
                found[name][key] = inner
    return found


def _unknown_section(section: str, values: Mapping[str, Any], lines: Mapping[str, int]) -> Iterator[Problem]:
    if section == "":
        for key in values:
            zh, en = _hint(key, "")
            yield Problem(
                _line(lines, key), key, f"须在某一节 [...] 之内{zh}", f"stands outside any [section]{en}"
            )
        return
    close = difflib.get_close_matches(section, [name for name in SECTIONS if "." not in name], 1)
    zh = f"; 是否为 [{close[0]}]?" if close else ""
    en = f"; did you mean [{close[0]}]?" if close else ""
    yield Problem(_line(lines, section), section, f"没有这一节{zh}", f"there is no such section{en}")


def _hint(key: str, section: str) -> tuple[str, str]:
    """ "did you mean ...?": a near name in this section, else the same name in another one."""
    here = _names(section) if section in SECTIONS else []
    close = difflib.get_close_matches(key, here, 1, 0.7)
    if close:
        return f"; 是否为 {close[0]}?", f"; did you mean {close[0]}?"
    homes = [name for name in SECTIONS if key in _names(name)]
    if homes:
        return f"; 它属于 [{homes[0]}]", f"; it belongs to [{homes[0]}]"
    return "", ""


def _within(folder: Path, value: Any) -> Any:
    """The value with its relative paths counted from that folder."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, tuple):
        return tuple(_within(folder, item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(value, **{name: _within(folder, getattr(value, name)) for name in names})
    return value


def _names(section: str) -> list[str]:
    return [field.name for field in dataclasses.fields(SECTIONS[section]()) if "rule" in field.metadata]


def _read(
    section: str, values: Mapping[str, Any], lines: Mapping[str, int], folder: Path, problems: list[Problem]
) -> Any:
    """One section's value; what is wrong with it goes to `problems`."""
    rules = {
        f.name: f.metadata["rule"] for f in dataclasses.fields(SECTIONS[section]()) if "rule" in f.metadata
    }
    made = SECTIONS[section]()
    good: dict[str, Any] = {n: folder / getattr(made, n) for n in rules if isinstance(getattr(made, n), Path)}
    sound = True
    for key, value in values.items():
        name = f"{section}.{key}"
        if key not in rules:
            zh, en = _hint(key, section)
            problems.append(Problem(_line(lines, name), name, f"没有这一项{zh}", f"there is no such key{en}"))
            continue
        try:
            read = rules[key](value)
        except Wrong as wrong:
            problems.append(Problem(_line(lines, name), name, wrong.zh, wrong.en))
            sound = False
            continue
        good[key] = _within(folder, read)
    made = dataclasses.replace(made, **good)
    # Values are compared with each other only once each is good by itself: a default in the place of a bad
    # value would be blamed for what the person never wrote.
    if sound and hasattr(made, "complaints"):
        for key, broken in made.complaints():
            name = f"{section}.{key}"
            problems.append(Problem(_line(lines, name), name, broken.zh, broken.en))
    return made
