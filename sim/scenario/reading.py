"""The strict reader of scenario files: a small part of YAML, every mistake told with line and column.

Scalars stay as they were typed (00 is not 0), so a value means what it looks like. There are no tags, no anchors and
no aliases (nothing can grow), one document, no key twice, and bounds for size, depth and count. PyYAML only cuts the
text into events; what they may be is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sim.card import PROFILES
from sim.scenario.steps import (
    EXPECT,
    EXPECTATIONS,
    LIST_LIMIT,
    TEXT_LIMIT,
    WAITING,
    Argument,
    Mark,
    Step,
    Text,
)
from sim.story import ACTIONS, MISHAPS
from sim.takes import Takes, instead, number_from, one_of
from sim.unhappy import UNHAPPY

SIZE_LIMIT = 64 * 1024  # Characters; the longest that is shipped has 3,000.
EVENTS_LIMIT = 5_000
DEPTH_LIMIT = 6
STEPS_LIMIT = 500
TERMINAL: Mapping[str, Takes] = {
    "begin": one_of("signed-in", "new"),
    "panel": one_of("128x64", "128x128"),
    "offered": one_of("usual", "all"),
    "lines": number_from(1, 2),
}


class ScenarioError(Exception):
    """A file that cannot be read, or a step that did not come about: where, and what was seen instead."""

    def __init__(self, path: str, mark: Mark, problem: str) -> None:
        super().__init__(f"{path}:{mark.line}:{mark.column}: {problem}")
        self.mark = mark
        self.problem = problem
        self.others: Sequence[ScenarioError] = ()  # Of the steps behind it that cannot be read either.


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story. `shows` are rows of sim.unhappy; `terminal` says with what it begins."""

    path: str
    zh: str
    en: str
    shows: tuple[str, ...]
    terminal: Mapping[str, str]
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        return Path(self.path).stem


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar as it was typed, a list, or a mapping of names. `quoted`: it stood in quotation marks."""

    mark: Mark
    value: str | list[Node] | dict[str, Node]
    quoted: bool = False


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path

    def wrong(self, mark: Mark, problem: str) -> ScenarioError:
        return ScenarioError(self.path, mark, problem)

    # YAML.

    def document(self, text: str) -> Node:
        if len(text) > SIZE_LIMIT:
            raise self.wrong(Mark(1, 1), f"{len(text)} characters; at most {SIZE_LIMIT}")
        events = self._events(text)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if event.explicit and (event.version or event.tags):
                    raise self.wrong(_mark(event), "no directives")
                node = self._node(next(events), events, 1)
                for rest in events:
                    if isinstance(rest, yaml.DocumentStartEvent):
                        raise self.wrong(_mark(rest), "one scenario a file")
                return node
        raise self.wrong(Mark(1, 1), "the file is empty")

    def _events(self, text: str) -> Iterator[Any]:
        try:
            for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
                if count > EVENTS_LIMIT:
                    raise self.wrong(_mark(event), f"more than {EVENTS_LIMIT} parts")
                yield event
        except yaml.MarkedYAMLError as broken:
            at = broken.problem_mark or broken.context_mark
            mark = Mark(at.line + 1, at.column + 1) if at is not None else Mark(1, 1)
            raise self.wrong(mark, f"not YAML: {broken.problem or broken.context}") from None
        except yaml.YAMLError as broken:
            raise self.wrong(Mark(1, 1), f"not YAML: {broken}") from None
        except (RecursionError, ValueError) as broken:  # An escape beyond Unicode is a ValueError.
            raise self.wrong(Mark(1, 1), f"not YAML: {type(broken).__name__}") from None

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        mark = _mark(event)
        if depth > DEPTH_LIMIT:
            raise self.wrong(mark, f"nested more than {DEPTH_LIMIT} deep")
        if isinstance(event, yaml.AliasEvent):
            raise self.wrong(mark, "no aliases (*name)")
        if event.anchor is not None:
            raise self.wrong(mark, "no anchors (&name)")
        if event.tag is not None:
            raise self.wrong(mark, "no tags (!name)")
        if isinstance(event, yaml.ScalarEvent):
            return Node(mark, event.value, event.style in ("'", '"', "|", ">"))
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(self._node(event, events, depth + 1))
            return Node(mark, items)
        pairs: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            if not isinstance(key.value, str):
                raise self.wrong(key.mark, "a name is a word")
            if key.value in pairs:
                raise self.wrong(key.mark, f"{key.value} stands here twice")
            pairs[key.value] = self._node(next(events), events, depth + 1)
        return Node(mark, pairs)

    # What it means.

    def scenario(self, node: Node) -> Scenario:
        parts = self.mapping(node, "a scenario", {"title", "shows", "terminal", "steps"})
        for required in ("title", "steps"):
            if required not in parts:
                raise self.wrong(node.mark, f"{required} is missing")
        title = self.text(parts["title"])
        shows = self.values(parts["shows"], one_of(*UNHAPPY)) if "shows" in parts else []
        terminal: dict[str, str] = {}
        if "terminal" in parts:
            for key, value in self.mapping(parts["terminal"], "terminal", set(TERMINAL)).items():
                terminal[key] = self.value(value, TERMINAL[key])
        steps = parts["steps"]
        if not isinstance(steps.value, list) or not 1 <= len(steps.value) <= STEPS_LIMIT:
            raise self.wrong(steps.mark, f"steps are a list of 1 to {STEPS_LIMIT}")
        return Scenario(self.path, title.zh, title.en, tuple(shows), terminal, self.steps(steps.value))

    def steps(self, nodes: list[Node]) -> tuple[Step, ...]:
        told, wrong = list[Step](), list[ScenarioError]()
        for node in nodes:
            try:
                told.append(self.step(node))
            except ScenarioError as broken:
                wrong.append(broken)
        if wrong:
            wrong[0].others = wrong[1:]
            raise wrong[0]
        return tuple(told)

    def step(self, node: Node) -> Step:
        if isinstance(node.value, str):
            action = ACTIONS.get(node.value)
            if action is None or action.takes is not None:
                raise self.wrong(node.mark, self.unknown(node.value))
            return Step(node.value, "", node.mark)
        if not isinstance(node.value, dict) or len(node.value) != 1:
            raise self.wrong(node.mark, "a step is one verb, `remove` or `insert: CARD`")
        [(verb, given)] = node.value.items()
        return Step(verb, self.argument(verb, node.mark, given), node.mark)

    def unknown(self, verb: str) -> str:
        if verb in VERBS:
            return f"{verb} wants something behind it, `{verb}: …`"
        named = verb[:40] or '""'
        return f"no such step: {named}; {instead(verb, [*VERBS, EXPECT])}"

    def argument(self, verb: str, mark: Mark, given: Node) -> Argument:
        if verb == EXPECT:
            return self.expectation(given)
        if verb not in VERBS:
            raise self.wrong(mark, self.unknown(verb))
        takes = VERBS[verb]
        if takes is None:
            raise self.wrong(given.mark, f"{verb} stands alone, without a colon")
        return self.value(given, takes) if isinstance(takes, Takes) else self.text(given)

    def expectation(self, node: Node) -> Mapping[str, Any]:
        parts = self.mapping(node, EXPECT, set(EXPECTATIONS))
        if not parts:
            raise self.wrong(node.mark, f"{EXPECT} what? {', '.join(EXPECTATIONS)}")
        found: dict[str, Any] = {}
        for key, given in parts.items():
            takes = EXPECTATIONS[key]
            if isinstance(takes, list):
                found[key] = self.values(given, takes[0])
            else:
                found[key] = self.value(given, takes) if isinstance(takes, Takes) else self.text(given)
        return found

    def mapping(self, node: Node, what: str, names: set[str]) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            raise self.wrong(node.mark, f"{what} is made of: {', '.join(sorted(names))}")
        for name, value in node.value.items():
            if name not in names:
                raise self.wrong(value.mark, f"{what} has no {name[:40]}; {instead(name, sorted(names))}")
        return node.value

    def value(self, node: Node, takes: Takes) -> str:
        if not isinstance(node.value, str) or (takes.number and node.quoted):
            raise self.wrong(node.mark, "one value, in one piece" if not takes.number else "a number without quotes")
        try:
            takes.check(node.value)
        except ValueError as wrong:
            raise self.wrong(node.mark, f"{node.value[:60]!r}: {wrong}") from None
        return node.value

    def values(self, node: Node, takes: Takes) -> list[str]:
        if not isinstance(node.value, list) or len(node.value) > LIST_LIMIT:
            raise self.wrong(node.mark, f"a list in brackets, of at most {LIST_LIMIT}")
        return [self.value(each, takes) for each in node.value]

    def text(self, node: Node) -> Text:
        """One text for both languages, or {zh: …, en: …}."""
        if isinstance(node.value, dict):
            parts = self.mapping(node, "a text", {"zh", "en"})
            if len(parts) == 2:
                return Text(self.line(parts["zh"]), self.line(parts["en"]))
            raise self.wrong(node.mark, "a text in both languages has zh and en")
        line = self.line(node)
        return Text(line, line)

    def line(self, node: Node) -> str:
        if not isinstance(node.value, str) or not 0 < len(node.value) <= TEXT_LIMIT:
            raise self.wrong(node.mark, f"a text of 1 to {TEXT_LIMIT} characters")
        return node.value


VERBS: Mapping[str, Takes | type[Text] | None] = {
    **WAITING,
    **{word: action.takes for word, action in ACTIONS.items() if word not in MISHAPS},
    **MISHAPS,
    "insert": one_of(*PROFILES),
}


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def read_scenario(text: str, path: str) -> Scenario:
    """Raises ScenarioError, never anything else, whatever the text is."""
    reader = _Reader(path)
    return reader.scenario(reader.document(text))


def read_step(node: Node, path: str) -> Step:
    """One step that somebody else has read. Raises ValueError that says what is wrong."""
    try:
        return _Reader(path).step(node)
    except ScenarioError as wrong:
        raise ValueError(wrong.problem) from None


def load_scenario(path: Path) -> Scenario:
    """Raises ScenarioError, and OSError when there is no such file."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as broken:
        raise ScenarioError(str(path), Mark(1, 1), f"not UTF-8 (byte {broken.start})") from None
    return read_scenario(text, str(path))
