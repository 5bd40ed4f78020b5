"""The report of a run as plain values: who was tried, what was demanded, what crossed the line, what came of it.

Everything in it may be shown and kept: frames are decoded and masked by the host link's own `explain`, and field 62
(keys, a card's CVV2) is only counted. The same values make the JSON and the page, so that both say the same.

Spec: docs/certification.md.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emv.ics import identity
from sim.acquirer.core import CHINA
from sim.certify.host import Exchange
from sim.certify.judge import Check, Result, Verdict
from sim.certify.script import script_files
from sim.measured import NOT_KNOWN, commit
from terminal.assembly import kernel_profile
from terminal.config import Config
from terminal.hostlink.explain import explain
from terminal.hostlink.profile import Profile
from terminal.version import VERSION

_SECRET_TYPED = re.compile(r"(?<=enter_pin:).*|(?<=type_cvv2:).*|(?<=type_card_number:).*")
_PIN_DEMANDED = re.compile(r"^pin [0-9]+$")


@dataclass(frozen=True, slots=True)
class Subject:
    """The terminal that was tried. `how`: simulated, process, or person; `-` for what nobody can know of it."""

    how: str
    profile: str
    version: str = NOT_KNOWN
    commit: str = NOT_KNOWN
    config_sha256: str = NOT_KNOWN
    kernel: str = NOT_KNOWN


def our_subject(how: str, config: Config, name: str, profile: Profile) -> Subject:
    """This repository's own terminal, with this configuration and this acquirer's profile."""
    return Subject(how, name, VERSION, commit(), _sha256_of(config, profile), identity(kernel_profile(config)))


def _sha256_of(config: Config, profile: Profile) -> str:
    """One number for configuration and profile together: two terminals that behave alike have the same."""
    stated = (field.name for field in dataclasses.fields(profile) if field.compare)  # `wire` follows from the others.
    values = [dataclasses.asdict(config), {name: repr(getattr(profile, name)) for name in stated}]
    values[0]["general"].pop("data")  # Where the journal lies changes nothing on the line.
    text = json.dumps(values, sort_keys=True, default=_in_order, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _in_order(value: object) -> object:
    """A set has another order in each process."""
    return sorted(map(str, value)) if isinstance(value, frozenset) else str(value)


def script_sha256() -> str:
    """The script that was played, all files of it."""
    digest = hashlib.sha256()
    for name, data in script_files():
        digest.update(f"{name} {len(data)}\n".encode("ascii") + data)
    return digest.hexdigest()


def build_report(
    subject: Subject, results: Sequence[Result], profile: Profile, *, made_ms: int, seed: int
) -> dict[str, Any]:
    """All of it. `made_ms`: milliseconds since 1970, when the run ended."""
    counts = Counter(result.verdict for result in results)
    return {
        "title": {"zh": "终端认证测试报告", "en": "Terminal certification report"},
        "made": _clock(made_ms),
        "seed": seed,
        "terminal": dataclasses.asdict(subject),
        "script_sha256": script_sha256(),
        "totals": {verdict.value: counts[verdict] for verdict in Verdict} | {"cases": len(results)},
        "cases": [_case(result, profile) for result in results],
    }


def _case(result: Result, profile: Profile) -> dict[str, Any]:
    case, seen = result.case, result.observed
    return {
        "id": case.id,
        "group": case.group,
        "section": case.section,
        "requirement": {"zh": case.zh, "en": case.en},
        "fittings": list(case.fittings),
        "verdict": result.verdict.value,
        "skipped": seen.skipped,
        "began": _clock(seen.began_ms),
        "ended": _clock(seen.ended_ms),
        "story": [_SECRET_TYPED.sub(_starred, line.strip()) for line in case.story.splitlines() if line.strip()],
        "screens": list(seen.screens),
        "messages": [message for exchange in seen.exchanges for message in _messages(exchange, profile)],
        "checks": [_check(check) for check in result.checks],
        "slip": seen.slips[-1] if seen.slips and case.slip else "",
    }


def _check(check: Check) -> dict[str, Any]:
    expected = _PIN_DEMANDED.sub(_starred, check.expected)
    return {"place": check.place, "expected": expected, "actual": check.actual, "passed": check.passed}


def _starred(found: re.Match[str]) -> str:
    return re.sub(r"[0-9]", "*", found[0])


def _messages(exchange: Exchange, profile: Profile) -> list[dict[str, Any]]:
    """The request, with what its MAC was worth, and each answer; an answer that came late has the request's time."""
    at = _clock(exchange.at_ms)
    asked = _message("in", exchange.request, profile) | {"at": at, "mac": exchange.mac}
    return [asked, *(_message("out", frame, profile) | {"at": at, "mac": ""} for frame in exchange.answers)]


def _message(direction: str, frame: bytes, profile: Profile) -> dict[str, Any]:
    told = explain(frame, profile)
    return {
        "direction": direction,
        "mti": told.mti or "????",
        "words": told.mti_words,
        "tpdu": told.tpdu,
        "header": told.header,
        "bytes": len(frame),
        "problem": str(told.problem) if told.problem is not None else "",
        "fields": [
            {
                "n": line.number,
                "zh": line.zh,
                "en": line.name,
                "value": f"({len(line.value) // 2} bytes)" if line.number == 62 else line.value,
                "notes": list(line.notes),
            }
            for line in told.lines
        ],
    }


def _clock(at_ms: int) -> str:
    """China's time, to the millisecond; "" for a case that never began."""
    if not at_ms:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, CHINA).isoformat(sep=" ", timespec="milliseconds")
