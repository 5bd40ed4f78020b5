"""What a case demanded beside what was seen: a list of checks, each with expected and actual, and a verdict.

Frames are compared in order and all of them: one that is missing, one too many, a field that nobody mentioned are
faults like a wrong value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sim.certify.host import Exchange
from sim.certify.predicates import examine
from sim.certify.script import NO_ANSWER, Case, Expected

# What a check says in words, in both languages.
TO_ITS_END = "走到结尾 to its end"
NONE_BESIDES = "没有别的 none besides"
NOTHING_SENT = "没有发送 nothing was sent"
NOTHING_MORE = "到此为止 nothing more"
NO_SUCH_MESSAGE = "没有这条报文 no such message"
THERE, NOT_THERE = "有 there", "没有 not there"
AGREE = "相符 agree"
YES, NO = "是 yes", "否 no"


class Verdict(Enum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Observed:
    """What a case left behind. None: this terminal cannot be looked into so far, and nothing is said about it.

    `problem` is where the story stopped, "" when it came to its end; `slips` are texts, oldest first.
    """

    exchanges: tuple[Exchange, ...]
    began_ms: int
    ended_ms: int
    problem: str = ""
    screens: tuple[str, ...] = ()
    payments: tuple[str, ...] | None = None
    book: tuple[str, ...] | None = None
    slips: tuple[str, ...] | None = None
    disagreements: tuple[str, ...] | None = None
    confirmed: bool | None = None  # A person's word for screen and slip.
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """`place`: `1.F22` (message 1, field 22), `1.MTI`, `screens`, `journal`, `host book`, `slip`, `books`."""

    place: str
    expected: str
    actual: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Result:
    case: Case
    observed: Observed
    checks: tuple[Check, ...]
    verdict: Verdict


def judge(case: Case, observed: Observed) -> Result:
    """Never raises for what a terminal sent."""
    if observed.skipped:
        return Result(case, observed, (), Verdict.SKIPPED)
    checks = [Check("screens", TO_ITS_END, observed.problem or TO_ITS_END, not observed.problem)]
    checks += _frames(case.frames, observed.exchanges)
    checks += _ending(case, observed)
    passed = all(check.passed for check in checks)
    return Result(case, observed, tuple(checks), Verdict.PASSED if passed else Verdict.FAILED)


def _frames(expected: Sequence[Expected], seen: Sequence[Exchange]) -> list[Check]:
    checks: list[Check] = []
    for at, wanted in enumerate(expected):
        if at < len(seen):
            checks += _frame(wanted, at, seen)
        else:
            checks.append(Check(f"{at + 1}.MTI", f"{wanted.shape.mti} {wanted.shape.name}", NOTHING_SENT, False))
    for at in range(len(expected), len(seen)):
        checks.append(Check(f"{at + 1}.MTI", NOTHING_MORE, seen[at].mti, False))
    return checks


def _frame(wanted: Expected, at: int, seen: Sequence[Exchange]) -> list[Check]:
    exchange, name = seen[at], f"{at + 1}."
    if exchange.message is None:
        return [Check(f"{name}MTI", wanted.shape.mti, exchange.problem, False)]
    checks = [Check(f"{name}MTI", wanted.shape.mti, exchange.mti, exchange.mti == wanted.shape.mti)]
    for place, demand in wanted.fields.items():
        label = place if place in ("tpdu", "header") else f"F{place}"
        try:
            found = examine(place, demand, at, seen)
            checks.append(Check(f"{name}{label}", demand, found.actual, found.met))
        except IndexError:
            checks.append(Check(f"{name}{label}", demand, NO_SUCH_MESSAGE, False))
    named = {int(place.partition(".")[0]) for place in wanted.fields if place[0].isdigit()}
    strange = sorted(set(exchange.message.fields) - named - wanted.shape.may)
    checks.append(Check(f"{name}fields", NONE_BESIDES, " ".join(f"F{n}" for n in strange) or NONE_BESIDES, not strange))
    said = exchange.answer.text(39) if exchange.answer is not None else NO_ANSWER
    checks.append(Check(f"{name}answer", wanted.answer, said, said == wanted.answer))
    return checks


def _ending(case: Case, observed: Observed) -> list[Check]:
    checks: list[Check] = []
    pairs = (("journal", case.payments, observed.payments), ("host book", case.book, observed.book))
    for place, wanted, seen in pairs:
        if wanted is not None and seen is not None:
            checks.append(Check(place, ", ".join(wanted) or "-", ", ".join(seen) or "-", wanted == seen))
    if observed.slips is not None:
        count = len(observed.slips)
        if case.slips is not None:
            checks.append(Check("slips", str(case.slips), str(count), count == case.slips))
        last = observed.slips[-1] if observed.slips else ""
        for words in case.slip:
            checks.append(Check("slip", words, THERE if words in last else NOT_THERE, words in last))
    if observed.disagreements is not None and case.agree:
        said = "; ".join(observed.disagreements) or AGREE
        checks.append(Check("books", AGREE, said, not observed.disagreements))
    if observed.confirmed is not None:
        checks.append(Check("person", YES, YES if observed.confirmed else NO, observed.confirmed))
    return checks
