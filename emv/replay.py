"""Replay: the kernel once more, fed with what a trace says that it was answered, beside what it decided then.

A full recording must repeat itself to the last byte of each command. A masked one holds other accounts and dates, and
no certificates: there the commands are compared by header and length, and whatever offline data authentication decided
is taken from the trace. Where a later step hangs on what was masked (CDA, an enciphered PIN, bytes that are no TLV),
the replay says so and stops; it never guesses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from emv.bits import TSI, TVR
from emv.commands import CardError, ChooseApplication, Draw, KernelRequest, Outcome
from emv.kernel import contact_session
from emv.rules import RULES, Rule
from emv.session import Session
from emv.trace import NO_TVR, Decision
from emv.tracefile import Asked, Trace, ask

ODA_STEP = "Offline data authentication"
INTERNAL_AUTHENTICATE = "0088"
HEADER_DIGITS = 10  # CLA INS P1 P2 Lc; of READ RECORD and GET DATA the whole command.
# Where one of these was noted, what follows cannot be repeated without what masking took away.
HANGS_ON_CERTIFICATES = frozenset({"oda-cda", "cda-asked", "pin-key-good"})


class Agreement(Enum):
    SAME = "same"
    DIFFERENT = "different"
    MASKED = "masked"  # As far as it went it was the same; the rest hangs on data that are masked.


@dataclass(frozen=True, slots=True)
class Replay:
    """`exchanges` were repeated; `why` says where and how they differ. No outcome: the card left, or it stopped."""

    agreement: Agreement
    exchanges: int
    why: str = ""
    outcome: Outcome | None = None


class _Differs(Exception):
    pass


class _Foretold(Session):
    """A session that takes what offline data authentication decides from a trace instead of from the card's data."""

    __slots__ = ("_told",)

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace.terminal, trace.transaction)
        self._told = deque(trace.decisions)

    def note(
        self, word: str, *tags: int, sets: TVR | TSI | None = None, clears: TVR = NO_TVR, **facts: int | str
    ) -> None:
        if _of_authentication(RULES[word]):
            return
        while self._told and _of_authentication(self._told[0].rule):
            told = self._told.popleft()
            super().note(told.rule.word, sets=told.sets, clears=told.clears, **dict(told.facts))
        if self._told:
            self._told.popleft()
        super().note(word, *tags, sets=sets, clears=clears, **facts)


def _of_authentication(rule: Rule) -> bool:
    return rule.step == ODA_STEP


def replay(trace: Trace) -> Replay:
    """Run the kernel on the trace's answers. Raises nothing for a trace that does not fit."""
    session = _Foretold(trace) if trace.masked else Session(trace.terminal, trace.transaction)
    asked = deque(item for item in trace.items if isinstance(item, Asked))
    total = len(asked)
    try:
        outcome = _run(session, asked, masked=trace.masked)
    except _Differs as difference:
        return Replay(_short_of(trace), total - len(asked), str(difference))
    why = _difference(trace, session, outcome, left=len(asked))
    return Replay(_short_of(trace) if why else Agreement.SAME, total - len(asked), why, outcome)


def _short_of(trace: Trace) -> Agreement:
    """What a difference means: the kernel's, or that of what masking took away."""
    hangs = trace.torn or any(item.rule.word in HANGS_ON_CERTIFICATES for item in trace.decisions)
    return Agreement.MASKED if trace.masked and hangs else Agreement.DIFFERENT


def _run(session: Session, asked: deque[Asked], *, masked: bool) -> Outcome | None:
    """None: the card left, as it did then. Raises _Differs."""
    kernel = contact_session(session)
    answer: Any = None
    error: CardError | None = None
    try:
        while True:
            try:
                request = kernel.throw(error) if error else kernel.send(answer)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            except CardError:
                return None
            answer = error = None
            while masked and asked and _is_authentication(asked[0]):
                asked.popleft()  # What it decided is foretold.
            if not asked:
                raise _Differs(f"the trace is at its end, and the kernel asks for {type(request).__name__}")
            if not _same(request, asked[0], masked=masked):
                raise _Differs(_told(request, asked[0]))
            then = asked.popleft()
            answer, error = then.answer, then.error
    finally:
        kernel.close()


def _is_authentication(asked: Asked) -> bool:
    is_command = asked.request["is"] == "Transceive"
    return is_command and str(asked.request["capdu"]["hex"]).startswith(INTERNAL_AUTHENTICATE)


def _same(request: KernelRequest[Any], then: Asked, *, masked: bool) -> bool:
    now = ask(request)
    if masked and now["is"] == then.request["is"] == "Transceive":
        return str(now["capdu"]["hex"])[:HEADER_DIGITS] == str(then.request["capdu"]["hex"])[:HEADER_DIGITS]
    if isinstance(request, Draw) and (then.error is not None or len(then.answer) != request.count):
        return False
    if isinstance(request, ChooseApplication) and then.answer is not None:
        return now == then.request and 0 <= then.answer < len(request.candidates)
    return now == then.request


def _told(request: KernelRequest[Any], then: Asked) -> str:
    """Names and headers only: the data of a command may hold what is nobody's business."""
    return f"the kernel asks for {_name(ask(request))}, and then it asked for {_name(then.request)}"


def _name(asked: Any) -> str:
    return f"command {asked['capdu']['hex'][:HEADER_DIGITS]}" if asked["is"] == "Transceive" else str(asked["is"])


def _difference(trace: Trace, session: Session, outcome: Outcome | None, *, left: int) -> str:
    """What is not as it was, or nothing."""
    then, now = trace.ending, outcome
    if (now is None) != (then is None):
        return "one of the two ended by the card's leaving"
    if now is not None and then is not None and (now.result, now.reason) != (then.result, then.reason):
        return f"it ends {now.result.value}, {now.reason}, and then ended {then.result.value}, {then.reason}"
    if left:
        return f"{left} of the trace's requests were not made"
    decided = [item for item in session.trace if isinstance(item, Decision)]
    for number, (mine, theirs) in enumerate(zip(decided, trace.decisions, strict=False), 1):
        if _decided(mine) != _decided(theirs):
            return f"decision {number} is {mine.rule.word}, and then was {theirs.rule.word}"
    if len(decided) != len(trace.decisions):
        return f"{len(decided)} decisions, and then there were {len(trace.decisions)}"
    return ""


def _decided(decision: Decision) -> tuple[object, ...]:
    return decision.rule, decision.facts, decision.sets, decision.clears


def bits_of(decisions: Iterable[Decision]) -> tuple[TVR, TSI]:
    """TVR and TSI as the decisions leave them: since the last application began, every bit was moved by one."""
    tvr, tsi = TVR(0), TSI(0)
    for decision in decisions:
        if decision.rule.word == "application-begun":
            tvr, tsi = TVR(0), TSI(0)
        elif isinstance(decision.sets, TVR):
            tvr |= decision.sets
        elif decision.sets is not None:
            tsi |= decision.sets
        tvr &= ~decision.clears
    return tvr, tsi
