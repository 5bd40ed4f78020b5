"""The certification script as data: `script/*.toml` to frozen cases, strictly, each mistake with its place.

A file holds one group of cases. What many cases share stands in two files of its own: `shapes.toml` (what a message of
a kind looks like on the wire) and `steps.toml` (what a person does again and again).

    [[case]]
    id = "SALE-01"                  # unique; a person names it with --case
    section = "3"                   # of docs/host-link.md, which the requirement is taken from
    zh = "…"                        # the requirement, one sentence
    en = "…"
    story = "+sale 12850 signature" # sim.story; `+NAME ARGUMENTS` is a step, `<1.37>` field 37 of message 1, and
                                    # `! FAULT` lets the host have a fault from here on (sim.acquirer.faults)
    faults = ["drop-reply,mti=0200"]                        # the same, before the story begins
    frames = [{ shape = "sale", fields = { 4 = "000000012850" }, answer = "00" }]  # all of them, in order
    payments = ["sale completed"]   # the terminal's journal
    book = ["approved"]             # the host's entries
    slips = 2                       # printed
    slip = ["RMB 128.50"]           # words on the last one
    agree = true                    # both books, in the end
    offered = ["void", "points"]    # on the terminal's menu, where that is not the default
    fittings = ["pad"]              # of the terminal (sim.certify.fittings); "blank" is not even switched on
    needs = ["header"]              # or "key-block": of the profile, or there is no such case for it
    each = ["01", "05"]             # play the whole once for each: `{each}`

Spec: docs/certification.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

from sim.acquirer.faults import parse_fault
from sim.certify.fittings import FITTINGS, STROKES
from sim.certify.predicates import check_predicate
from sim.story import StoryError, parse_story, to_menu, to_transaction
from terminal.config.settings import OFFERED
from terminal.hostlink.profile import Profile, load_profile

SHAPES, STEPS = "shapes", "steps"
# In the order of a certification: who is not signed in need not sell.
GROUPS = (
    *("activation", "sign-in", "sale", "magstripe", "void", "refund", "preauth", "moto", "other", "qr", "codes"),
    *("reversal", "faults", "security", "notices", "link", "downloads", "settlement"),
)
FAULT, MENU, TRANSACTION = "!", "+menu", "+transaction"
CASES_LIMIT = 500  # More is no script that anybody reads.
NO_ANSWER = "none"
KSN = "~[0-9A-F]{20}"
_MESSAGE_NUMBER = re.compile(r"(\bas |\banswered |<)([0-9]{1,2})(?=$|\.)", re.MULTILINE)
_CASE_KEYS = frozenset(
    ("id", "section", "zh", "en", "story", "faults", "frames", "each", "offered", "needs")
    + ("payments", "book", "slips", "slip", "agree", "fittings")
)
_FRAME_KEYS = frozenset(("shape", "fields", "answer"))
_SHAPE_KEYS = frozenset(("base", "mti", "zh", "en", "fields", "has", "may"))


class ScriptError(ValueError):
    """A script file is wrong; the text says where and what."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind of message is: its MTI, a predicate for each place, and the fields that may be there besides."""

    name: str
    mti: str
    zh: str
    en: str
    fields: Mapping[str, str]
    may: frozenset[int]


@dataclass(frozen=True, slots=True)
class Expected:
    """One message that the terminal must send. `answer`: F39 that the host then gives (`none`: it does not)."""

    shape: Shape
    fields: Mapping[str, str]
    answer: str = "00"


@dataclass(frozen=True, slots=True)
class Case:
    """One requirement and how it is tried. `payments`, `book`, `slips` None: not looked at. Steps are unfolded."""

    id: str
    group: str
    section: str
    zh: str
    en: str
    story: str
    frames: tuple[Expected, ...] = ()
    payments: tuple[str, ...] | None = None
    book: tuple[str, ...] | None = None
    slips: int | None = None
    slip: tuple[str, ...] = ()
    agree: bool = True
    offered: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    fittings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of a case with `each`: its value, and how many messages came in the turns before it."""

    value: str
    before: int

    def filled(self, text: str) -> str:
        """`{each}` is the value; messages are counted from the turn's own first."""
        counted = _MESSAGE_NUMBER.sub(lambda found: f"{found[1]}{int(found[2]) + self.before}", text)
        return counted.replace("{each}", self.value)


def words_of(profile: Profile) -> dict[str, str]:
    """What a `$word` of the script demands in this acquirer's dialect.

    With DUKPT each authenticated message has its KSN where others have F53's digits, and the sign-in is one of them.
    """
    dukpt = profile.dukpt
    return {
        "tpdu": "~60[0-9]{8}" if profile.tpdu else "absent",
        "header": "~[0-9]{4}00[0-9]{6}" if profile.header else "absent",
        "scheme": profile.key_scheme,
        "pin-control": KSN if dukpt else profile.security_control,
        "control": KSN if dukpt else "absent",
        "sign-in-mac": "mac" if dukpt else "absent",
    }


def load_script(profile: Profile | None = None) -> tuple[Case, ...]:
    """The shipped script in a profile's dialect (`unionpay` by default). Raises ScriptError."""
    profile = profile or load_profile("unionpay")
    words = words_of(profile)
    folder = resources.files("sim.certify").joinpath("script")

    def read(name: str) -> str:
        return folder.joinpath(f"{name}.toml").read_text(encoding="utf-8")

    shapes, steps = read_shapes(_in_dialect(SHAPES, read(SHAPES), words)), read_steps(read(STEPS))
    has = {"header": bool(profile.header), "key-block": not profile.dukpt}
    cases: list[Case] = []
    for group in GROUPS:
        cases += read_cases(group, _in_dialect(group, read(group), words), shapes, steps)
    twice = {case.id for case in cases if [other.id for other in cases].count(case.id) > 1}
    if twice:
        raise ScriptError(f"twice in the script: {', '.join(sorted(twice))}")
    return tuple(case for case in cases if all(has[need] for need in case.needs))


def _in_dialect(name: str, text: str, words: Mapping[str, str]) -> str:
    def said(found: re.Match[str]) -> str:
        if found[1] not in words:
            raise ScriptError(f"{name}: no word ${found[1]}")
        return f'"{words[found[1]]}"'

    return re.sub(r'"\$([a-z][a-z-]*)"', said, text)


def script_files() -> tuple[tuple[str, bytes], ...]:
    """Every file of the shipped script by name, for its checksum."""
    folder = resources.files("sim.certify").joinpath("script")
    names = (*(f"{name}.toml" for name in sorted((SHAPES, STEPS, *GROUPS))), STROKES)
    return tuple((name, folder.joinpath(name).read_bytes()) for name in names)


def read_shapes(text: str) -> dict[str, Shape]:
    """`[NAME]` tables; a shape may begin from one that stands before it. Raises ScriptError."""
    shapes: dict[str, Shape] = {}
    for name, table in _document(SHAPES, text).items():
        _known(f"{SHAPES}: {name}", table, _SHAPE_KEYS)
        base = shapes.get(table.get("base", ""))
        if "base" in table and base is None:
            raise ScriptError(f"{SHAPES}: {name}: no shape {table['base']!r} stands before it")
        fields = dict(base.fields) if base else {}
        fields |= {str(number): "present" for number in table.get("has", [])}
        fields |= _fields(f"{SHAPES}: {name}", table.get("fields", {}))
        may = frozenset(table["may"]) if "may" in table else base.may if base else frozenset()
        shapes[name] = Shape(
            name,
            str(table.get("mti", base.mti if base else "")),
            str(table.get("zh", base.zh if base else "")),
            str(table.get("en", base.en if base else "")),
            MappingProxyType(fields),
            may,
        )
    return shapes


def read_steps(text: str) -> dict[str, str]:
    """`NAME = "story lines"`, with $1, $2, … for what a case gives. Raises ScriptError."""
    return {name: str(lines) for name, lines in _document(STEPS, text).items()}


def read_cases(group: str, text: str, shapes: Mapping[str, Shape], steps: Mapping[str, str]) -> tuple[Case, ...]:
    """The cases of one file. Raises ScriptError."""
    document = _document(group, text)
    _known(group, document, frozenset(("case",)))
    cases = tuple(_case(group, table, shapes, steps) for table in document.get("case", []))
    if not 0 < len(cases) <= CASES_LIMIT:
        raise ScriptError(f"{group}: has {len(cases)} cases, not 1 to {CASES_LIMIT}; one is written as [[case]]")
    return cases


def _case(group: str, table: dict[str, Any], shapes: Mapping[str, Shape], steps: Mapping[str, str]) -> Case:
    where = f"{group}: {table.get('id', 'a case without id')}"
    _known(where, table, _CASE_KEYS)
    strange = set(table.get("needs", ())) - {"header", "key-block"}
    if strange:
        raise ScriptError(f"{where}: no profile is asked for {', '.join(sorted(strange))}")
    strange = set(table.get("fittings", ())) - set(FITTINGS)
    if strange:
        raise ScriptError(f"{where}: no terminal is fitted with {', '.join(sorted(strange))}")
    missing = {"id", "section", "zh", "en", "story"} - set(table)
    if missing:
        raise ScriptError(f"{where}: lacks {', '.join(sorted(missing))}")
    rows = table.get("frames", [])
    rounds = [Round(str(value), n * len(rows)) for n, value in enumerate(table.get("each", [""]))]

    def repeated(key: str) -> tuple[str, ...] | None:
        return tuple(turn.filled(said) for turn in rounds for said in table[key]) if key in table else None

    offered = tuple(table["offered"]) if "offered" in table else None
    armed = [f"{FAULT} {fault}" for fault in table.get("faults", [])]
    try:
        told = _unfold(where, "\n".join((*armed, table["story"])), steps, OFFERED if offered is None else offered)
    except StoryError as wrong:
        raise ScriptError(f"{where}: {wrong}") from None
    story = "\n".join(turn.filled(told) for turn in rounds)
    _check_story(where, story)
    frames = tuple(_expected(where, row, shapes, turn) for turn in rounds for row in rows)
    return Case(
        id=table["id"],
        group=group,
        section=table["section"],
        zh=table["zh"],
        en=table["en"],
        story=story,
        frames=frames,
        payments=repeated("payments"),
        book=repeated("book"),
        slips=table["slips"] * len(rounds) if "slips" in table else None,
        slip=repeated("slip") or (),
        agree=table.get("agree", True),
        offered=offered,
        needs=tuple(table.get("needs", ())),
        fittings=tuple(table.get("fittings", ())),
    )


def _expected(where: str, row: dict[str, Any], shapes: Mapping[str, Shape], turn: Round) -> Expected:
    _known(where, row, _FRAME_KEYS)
    shape = shapes.get(row.get("shape", ""))
    if shape is None:
        raise ScriptError(f"{where}: no shape {row.get('shape')!r}")
    fields = {**shape.fields, **_fields(where, row.get("fields", {}))}
    demands = {place: turn.filled(demand) for place, demand in fields.items()}
    return Expected(shape, MappingProxyType(demands), turn.filled(str(row.get("answer", "00"))))


def _fields(where: str, table: Mapping[str, Any]) -> dict[str, str]:
    for place, said in table.items():
        try:
            check_predicate(place, said)
        except ValueError as wrong:
            raise ScriptError(f"{where}: {wrong}") from None
    return dict(table)


def _unfold(where: str, story: str, steps: Mapping[str, str], offered: tuple[str, ...]) -> str:
    """The story with each `+NAME ARGUMENTS` replaced by its step; `+menu ROW` and `+transaction ROW` by the way to
    that row of the terminal's menus from the idle screen.

    A step may use others. One that uses itself is a RecursionError: our own mistake.
    """
    lines: list[str] = []
    for line in story.splitlines():
        name, *arguments = line.split() or ("",)
        if not name.startswith("+"):
            lines.append(line)
        elif name == MENU:
            lines.append(to_menu(" ".join(arguments)))
        elif name == TRANSACTION:
            lines.append(to_transaction(" ".join(arguments), offered))
        else:
            lines.append(_unfold(where, _step(where, name, arguments, steps), steps, offered))
    return "\n".join(lines)


def _step(where: str, name: str, arguments: list[str], steps: Mapping[str, str]) -> str:
    step = steps.get(name[1:])
    if step is None:
        raise ScriptError(f"{where}: no step {name}")
    wanted = {int(number) for number in re.findall(r"\$(\d)", step)}
    if wanted != set(range(1, len(arguments) + 1)):
        raise ScriptError(f"{where}: {name} takes {len(wanted)} word(s), not {len(arguments)}")
    for number, argument in enumerate(arguments, 1):
        step = step.replace(f"${number}", argument)
    return step


def _check_story(where: str, story: str) -> None:
    lines = story.splitlines()
    try:
        played = parse_story("\n".join(line for line in lines if not line.startswith(FAULT)))
        for line in lines:
            if line.startswith(FAULT):
                parse_fault(line[len(FAULT) :].strip())
    except (StoryError, ValueError) as wrong:
        raise ScriptError(f"{where}: {wrong}") from None
    if not played:
        raise ScriptError(f"{where}: nobody does anything")


def _document(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise ScriptError(f"{name}: {wrong}") from None


def _known(where: str, table: Mapping[str, Any], keys: frozenset[str]) -> None:
    strange = set(table) - keys
    if strange:
        raise ScriptError(f"{where}: unknown {', '.join(sorted(strange))}")
