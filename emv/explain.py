"""Why a card was approved, declined, sent online or refused: a trace told as a short story, then as a table.

The story is how it ended, what decided it, what spoke against the card and the way it took; the table is every
decision with its section, what it looked at and the bits it set. Both come from the trace and the rows of `emv.rules`
alone, in Chinese or English.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from emv.bits import TSI, TVR, tsi_lines, tvr_lines, tvr_of
from emv.certificates import failure_words
from emv.commands import Result
from emv.replay import bits_of
from emv.rules import REASONS, STEPS, Verdict
from emv.tags import (
    AID_TERMINAL_9F06,
    ISSUER_ACTION_CODE_DEFAULT_9F0D,
    ISSUER_ACTION_CODE_DENIAL_9F0E,
    ISSUER_ACTION_CODE_ONLINE_9F0F,
    TERMINAL_VERIFICATION_RESULTS_95,
    lookup,
)
from emv.trace import Decision
from emv.tracefile import Trace

LANGUAGES: Final = ("zh-CN", "en")
# What counts where the card has no action code. Spec: EMV 4.4 Book 3 §10.7.
ABSENT_CODES: Final = MappingProxyType(
    {
        ISSUER_ACTION_CODE_DENIAL_9F0E: bytes(5),
        ISSUER_ACTION_CODE_ONLINE_9F0F: b"\xff" * 5,
        ISSUER_ACTION_CODE_DEFAULT_9F0D: b"\xff" * 5,
    }
)
Words = tuple[str, str]  # English, Chinese.
RESULTS: Final[MappingProxyType[Result, Words]] = MappingProxyType(
    {
        Result.APPROVED: ("Approved", "批准"),
        Result.DECLINED: ("Declined", "拒绝"),
        Result.READ: ("Read", "已读卡"),
        Result.TERMINATED: ("Refused, the session ended early", "终止"),
        Result.CANCELLED: ("Cancelled", "取消"),
    }
)
VERDICTS: Final[MappingProxyType[Verdict, Words]] = MappingProxyType(
    {
        Verdict.FINE: ("fine", "正常"),
        Verdict.FINDING: ("finding", "不利"),
        Verdict.SKIPPED: ("skipped", "跳过"),
        Verdict.WAY: ("way", "途径"),
        Verdict.END: ("end", "结束"),
    }
)
LEFT: Final = ("The card left before the end", "交易结束前卡片已取走")
PROBLEM: Final = ("What was wrong", "错误")
ENDED_BY: Final = ("What ended it", "结束原因")
AGAINST: Final = ("What spoke against it", "不利因素")
WAY: Final = ("The way it took", "交易过程")
FINALLY: Final = ("Verification results at the end", "最终验证结果")
MET: Final = ("met by", "相符的位")
ABSENT: Final = ("absent", "无")
SET: Final = ("sets", "置位")
CLEARED: Final = ("clears", "清零")
ROUTINE: Final = frozenset({"application-begun", "cvm-rule"})  # Said by the decisions that follow them.


def say(words: Words, language: str) -> str:
    """One of the two texts.

    >>> say(("Approved", "批准"), "zh-CN")
    '批准'
    """
    return words[1] if language.startswith("zh") else words[0]


def headline(trace: Trace, language: str) -> str:
    """How it ended, in one line."""
    ending = trace.ending
    if ending is None:
        return say(LEFT, language)
    return f"{say(RESULTS[ending.result], language)}: {say(REASONS[ending.reason], language)}"


def story(trace: Trace, language: str) -> list[str]:
    """A headline, and what led to it under headings; of several applications the last one's findings."""
    lines = [headline(trace, language)]
    if trace.ending is not None and trace.ending.problem:
        lines.append(f"{say(PROBLEM, language)}: {trace.ending.problem}")
    for heading, verdict in ((ENDED_BY, Verdict.END), (AGAINST, Verdict.FINDING), (WAY, Verdict.WAY)):
        sentences = [
            sentence(decision, language)
            for decision in _last_application(trace)
            if decision.rule.verdict is verdict and decision.rule.word not in ROUTINE
        ]
        if sentences:
            lines += [say(heading, language), *(f"  - {each}" for each in sentences)]
    tvr, tsi = bits_of(trace.decisions)
    bits = (*tvr_lines(tvr, language=language), *tsi_lines(tsi, language=language))
    if bits:
        lines += [f"{say(FINALLY, language)} TVR {bytes(tvr).hex().upper()} TSI {bytes(tsi).hex().upper()}"]
        lines += [f"  - {each}" for each in bits]
    return lines


def _last_application(trace: Trace) -> list[Decision]:
    """What was decided before any application, and since the last one began."""
    decisions = list(trace.decisions)
    begun = [at for at, decision in enumerate(decisions) if decision.rule.word == "application-begun"]
    return decisions[: begun[0]] + decisions[begun[-1] :] if begun else decisions


def sentence(decision: Decision, language: str) -> str:
    """What was decided, by which section, and for an action code which bits tipped the balance."""
    facts = "".join(f", {name} {value}" for name, value in decision.facts)
    met = tipped(decision, language)
    said = f"{say((decision.rule.en, decision.rule.zh), language)} [{decision.rule.section}{facts}]"
    said += why(decision, language)
    return f"{said}; {say(MET, language)}: {'; '.join(met)}" if met else said


def why(decision: Decision, language: str) -> str:
    """Which part of a card's authentication failed and at which check; empty where nothing did."""
    word = dict(decision.facts).get("failure")
    try:
        return f"; {failure_words(str(word), language=language)}" if word else ""
    except ValueError:
        return ""  # A trace that somebody wrote by hand.


def tipped(decision: Decision, language: str) -> tuple[str, ...]:
    """The bits that TVR and an action code, the terminal's or the card's, have in common."""
    inputs, facts = dict(decision.inputs), dict(decision.facts)
    tvr = inputs.get(TERMINAL_VERIFICATION_RESULTS_95)
    codes = [tag for tag in inputs if tag in ABSENT_CODES]
    if tvr is None or not codes or "tac" not in facts:
        return ()
    issuer = inputs[codes[0]]
    try:
        terminal = tvr_of(bytes.fromhex(str(facts["tac"])))
        either = terminal | tvr_of(ABSENT_CODES[codes[0]] if issuer is None else issuer)
        return tvr_lines(tvr_of(tvr) & either, language=language)
    except ValueError:
        return ()  # A trace that somebody wrote by hand.


def table(trace: Trace, language: str) -> list[str]:
    """Every decision, one a line, under the titles of the steps."""
    lines: list[str] = []
    step = ""
    for number, decision in enumerate(trace.decisions, 1):
        if decision.rule.step != step:
            step = decision.rule.step
            lines.append(say((step, STEPS[step]), language))
        verdict = say(VERDICTS[decision.rule.verdict], language)
        lines.append(f"  {number:3} {decision.rule.word} ({verdict}) {sentence(decision, language)}")
        lines += [f"        {each}" for each in _details(decision, language)]
    return lines


def _details(decision: Decision, language: str) -> Iterator[str]:
    for tag, value in decision.inputs:
        row = lookup(tag)
        shown = say(ABSENT, language) if value is None else value.hex().upper()
        yield f"{tag:X} {say((row.en, row.zh), language)}: {shown}"
    if isinstance(decision.sets, TVR):
        yield f"{say(SET, language)} TVR {'; '.join(tvr_lines(decision.sets, language=language))}"
    elif isinstance(decision.sets, TSI):
        yield f"{say(SET, language)} TSI {'; '.join(tsi_lines(decision.sets, language=language))}"
    if decision.clears:
        yield f"{say(CLEARED, language)} TVR {'; '.join(tvr_lines(decision.clears, language=language))}"


def to_json(trace: Trace, language: str) -> dict[str, Any]:
    """The same for programs."""
    tvr, tsi = bits_of(trace.decisions)
    aids = [dict(decision.inputs).get(AID_TERMINAL_9F06) for decision in trace.decisions]
    aid = next((value for value in reversed(aids) if value is not None), None)
    ending = trace.ending
    return {
        "kernel": trace.kernel,
        "masked": trace.masked,
        "aid": aid.hex().upper() if aid is not None else None,
        "result": ending.result.value if ending is not None else None,
        "reason": ending.reason if ending is not None else None,
        "problem": ending.problem if ending is not None else "",
        "tvr": bytes(tvr).hex().upper(),
        "tsi": bytes(tsi).hex().upper(),
        "story": story(trace, language),
        "decisions": [_decision(decision, language) for decision in trace.decisions],
    }


def _decision(decision: Decision, language: str) -> dict[str, Any]:
    return {
        "rule": decision.rule.word,
        "step": decision.rule.step,
        "section": decision.rule.section,
        "verdict": decision.rule.verdict.value,
        "says": say((decision.rule.en, decision.rule.zh), language),
        "inputs": {f"{tag:X}": None if value is None else value.hex().upper() for tag, value in decision.inputs},
        "facts": dict(decision.facts),
        "met": list(tipped(decision, language)),
        "sets": bytes(decision.sets).hex().upper() if decision.sets is not None else None,
        "clears": bytes(decision.clears).hex().upper() if decision.clears else None,
    }
