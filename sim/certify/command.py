"""`python -m sim certify`: an acquirer's certification script against a terminal, and a signed report of it.

    python -m sim certify --spawn                    this repository's terminal, in virtual time
    python -m sim certify --spawn --real             the same as a process of its own, over TCP, in real time
    python -m sim certify --listen 8583              any terminal on a network; a person reads what to do
    python -m sim certify --list                     the cases
    python -m sim certify verify DIR                 is a report as the laboratory has signed it?

Exit status: 0 every case passed (or the report is intact), 1 some did not, 2 the call was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys.testkeys import TEST_TMK
from sim.acquirer.faults import FaultPlan
from sim.acquirer.registry import TerminalRow, default_registry
from sim.acquirer.server import tls_context, wall_ms
from sim.arguments import port_number, why
from sim.certify.fittings import SIMULATED_ONLY
from sim.certify.host import Host
from sim.certify.judge import Result, Verdict, judge
from sim.certify.line import Line
from sim.certify.page import page
from sim.certify.person import Console, Person
from sim.certify.process import observe as observe_process
from sim.certify.report import Subject, build_report, our_subject
from sim.certify.script import GROUPS, Case, ScriptError, load_script
from sim.certify.seal import SealError, lab_key, public_half, sign, verify
from sim.certify.simulated import observe
from sim.certify.words import GROUPS as GROUP_WORDS
from sim.certify.words import VERDICTS
from sim.takes import instead
from terminal.config import Config
from terminal.hostlink.profile import Profile, ProfileError, load_profile
from terminal.screens.font import load_font

PASSED, FAILED, USAGE = 0, 1, 2
OUT = Path("build") / "certify"
LAB_KEY = Path("data") / "certify" / "lab.key"
BAR_CELLS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--spawn", action="store_true", help="try the simulated terminal")
    parser.add_argument("--real", action="store_true", help="--spawn: as a process of its own, over TCP, in real time")
    way.add_argument("--listen", metavar="PORT", type=port_number, help="try a terminal that calls this port")
    way.add_argument("--list", action="store_true", help="list the cases and end")
    parser.add_argument("--case", metavar="ID", action="append", default=[], help="only this case (repeatable)")
    parser.add_argument("--group", choices=GROUPS, action="append", default=[], help="only this group (repeatable)")
    parser.add_argument("--profile", default="unionpay", help="the acquirer's profile (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the host's keys and the virtual time (%(default)s)")
    parser.add_argument("--out", metavar="DIR", type=Path, default=OUT, help="where the report goes (%(default)s)")
    parser.add_argument(
        "--lab-key", metavar="FILE", type=Path, default=LAB_KEY, help="signs the report; made once (%(default)s)"
    )
    parser.add_argument("--address", default="0.0.0.0", help="--listen: the address to listen on (%(default)s)")
    parser.add_argument("--tls", metavar="DIR", type=Path, help="--listen: speak TLS with the certificate in DIR")
    parser.add_argument("--terminal", metavar="MERCHANT:TERMINAL", help="--listen: the terminal's numbers")
    parser.add_argument("--json", action="store_true", help="one JSON object a case, and one for all, on stdout")
    actions = parser.add_subparsers(dest="action", metavar="verify DIR")
    check = actions.add_parser("verify", help="whether a report is as the laboratory has signed it")
    check.add_argument("report", type=Path, help="the report's folder, or a file in it")
    check.add_argument("--lab", metavar="FILE", type=Path, help="the laboratory's public key (beside --lab-key)")


def run(args: argparse.Namespace) -> int:
    if args.action == "verify":
        return _verify(args)
    try:
        profile = load_profile(args.profile)
        cases = _chosen(_playable(args, load_script(profile)), args.case, args.group)
    except (ScriptError, ProfileError) as error:
        print(f"certify: {error}", file=sys.stderr)
        return USAGE
    if args.list:
        _list(cases, as_json=args.json)
        return PASSED
    if not args.spawn and args.listen is None:
        print("certify: 请选择 choose one: --spawn, --listen PORT, --list, verify DIR", file=sys.stderr)
        return USAGE
    try:  # Before hours with a person.
        key = lab_key(args.lab_key)
        args.out.mkdir(parents=True, exist_ok=True)
    except (OSError, SealError) as error:
        print(f"certify: {why(error)}", file=sys.stderr)
        return USAGE
    if args.spawn:
        simulated = partial(observe, profile=profile, seed=args.seed)
        attempt = partial(observe_process, profile=profile, name=args.profile) if args.real else simulated
        results = _try_all(cases, lambda case: judge(case, attempt(case)), as_json=args.json)
        subject = our_subject("process" if args.real else "simulated", Config.default(), args.profile, profile)
    else:
        try:
            results = _listen(args, cases, profile)
        except (OSError, ValueError) as error:
            print(f"certify: --listen {args.listen}: {error}", file=sys.stderr)
            return USAGE
        subject = Subject("person", args.profile)
    report = build_report(subject, results, profile, made_ms=wall_ms(), seed=args.seed)
    return _finish(args, report, results, key)


def _listen(args: argparse.Namespace, cases: Sequence[Case], profile: Profile) -> list[Result]:
    """Every case with the person at this console. Raises OSError, and ValueError for numbers that are none."""
    registry = default_registry()
    if args.terminal is not None:
        merchant_no, _, terminal_no = args.terminal.partition(":")
        registry.add_terminal(TerminalRow(merchant_no, terminal_no, tmk=TEST_TMK))
    host = Host(registry, profile=profile, draw=os.urandom, faults=FaultPlan())
    tls = tls_context(args.tls) if args.tls is not None else None
    screen = sys.stderr if args.json else sys.stdout
    with Line(host, args.address, args.listen, tls) as line:
        console = Console(sys.stdin, screen)
        console.say(f"收单行 acquirer: {args.address}:{line.port}")
        person = Person(host, line, console, now_ms=wall_ms)
        person.begin()
        return _try_all(cases, lambda case: judge(case, person.observe(case)), as_json=args.json)


def _playable(args: argparse.Namespace, script: tuple[Case, ...]) -> tuple[Case, ...]:
    """A process stays as delivered, a person fits what can be fitted, the simulated terminal is what is wanted."""
    if args.spawn and args.real:
        return tuple(case for case in script if not case.fittings)
    if args.listen is not None:
        return tuple(case for case in script if not SIMULATED_ONLY & set(case.fittings))
    return script


def _chosen(script: tuple[Case, ...], ids: Sequence[str], groups: Sequence[str]) -> tuple[Case, ...]:
    """Raises ScriptError for a name that no case has."""
    unknown = set(ids) - {case.id for case in script}
    if unknown:
        first, names = min(unknown), [case.id for case in script]
        raise ScriptError(f"没有这个用例 no such case: {first}; {instead(first, names)} (--list)")
    if not ids and not groups:
        return script
    return tuple(case for case in script if case.id in ids or case.group in groups)


def _list(cases: Sequence[Case], *, as_json: bool) -> None:
    for case in cases:
        if as_json:
            named = {"id": case.id, "group": case.group, "section": case.section, "zh": case.zh, "en": case.en}
            print(json.dumps(named, ensure_ascii=False))
        else:
            print(f"{case.id:9} §{case.section:3} {case.zh}\n{'':14} {case.en}")


def _try_all(cases: Sequence[Case], attempt: Callable[[Case], Result], *, as_json: bool) -> list[Result]:
    results: list[Result] = []
    for number, case in enumerate(cases, 1):
        _bar(number - 1, len(cases), case.id)
        result = attempt(case)
        results.append(result)
        if as_json:
            print(json.dumps(_short(result), ensure_ascii=False), flush=True)
        elif result.verdict is not Verdict.PASSED:
            _bar(0, 0, "")
            _tell(result)
    _bar(len(cases), len(cases), "")
    return results


def _bar(done: int, of: int, name: str) -> None:
    """On a console only; `of` 0 wipes it."""
    if not sys.stderr.isatty():
        return
    if not of:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
        return
    cells = BAR_CELLS * done // of
    end = "\n" if done == of else ""
    bar = f"\r\033[K[{'█' * cells}{'·' * (BAR_CELLS - cells)}] {done}/{of} {name}"
    print(bar, end=end, file=sys.stderr, flush=True)


def _short(result: Result) -> dict[str, Any]:
    wrong = [[check.place, check.expected, check.actual] for check in result.checks if not check.passed]
    return {"case": result.case.id, "verdict": result.verdict.value, "checks": len(result.checks), "wrong": wrong}


def _tell(result: Result) -> None:
    zh, en = VERDICTS[result.verdict.value]
    print(f"{result.case.id} {zh} {en}: {result.case.zh}\n    {result.case.en}")
    for check in result.checks:
        if not check.passed:
            print(f"    {check.place}: 应为 expected {check.expected}, 实为 actual {check.actual}")


def _finish(
    args: argparse.Namespace, report: dict[str, Any], results: Sequence[Result], key: Ed25519PrivateKey
) -> int:
    """Write and sign the report; the status of the run."""
    try:
        text = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
        (args.out / "report.json").write_text(text, encoding="utf-8")
        (args.out / "report.html").write_text(page(report, load_font()), encoding="utf-8")
        sign(args.out, key)
    except OSError as error:
        print(f"certify: {why(error)}", file=sys.stderr)
        return USAGE
    totals = report["totals"]
    if args.json:
        print(json.dumps({"out": str(args.out), "totals": totals}, ensure_ascii=False))
    else:
        _summary(results)
        said = ", ".join(f"{zh} {en} {totals[word]}" for word, (zh, en) in VERDICTS.items())
        print(f"{totals['cases']} 个用例 cases: {said}\n报告 report: {args.out / 'report.html'}")
    return PASSED if totals["passed"] == totals["cases"] else FAILED


def _summary(results: Sequence[Result]) -> None:
    for group, (zh, en) in GROUP_WORDS.items():
        mine = [result for result in results if result.case.group == group]
        if mine:
            good = sum(result.verdict is Verdict.PASSED for result in mine)
            print(f"  {good:3}/{len(mine):<3} {zh} {en}")


def _verify(args: argparse.Namespace) -> int:
    folder = args.report.parent if args.report.is_file() else args.report
    try:
        public = (args.lab or public_half(args.lab_key)).read_text(encoding="ascii")
        verify(folder, public)
    except SealError as error:
        print(f"certify: {folder}: {error}", file=sys.stderr)
        return FAILED
    except (OSError, UnicodeDecodeError) as error:
        print(f"certify: {why(error)}", file=sys.stderr)
        return USAGE
    print(f"{folder}: 完好 intact, {public.strip()[:16]}…")
    return PASSED
