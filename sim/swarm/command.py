"""`python -m sim swarm`: many worlds from many seeds, each with its faults and its checkers; and one of them again.

A failure prints its seed, the commit and the one command that plays it again, and then the smallest case that still
fails.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from sim.measured import commit, machine
from sim.swarm.case import Case
from sim.swarm.draws import Draws
from sim.swarm.permitted import LEVELS, FaultsUnreadable, Permitted, befalling, load
from sim.swarm.play import REPEATS, Result, judge, play, playable
from sim.swarm.shrink import Shrinker

TRANSACTIONS = 50  # Of one world: long enough for settlements in the middle, short enough to shrink.
TRANSACTIONS_LIMIT = 10_000
SEEDS_LIMIT = 10_000_000
WORKERS_LIMIT = 64
STOPPED = 130  # What a shell expects of Ctrl-C.
FAILURES_TOLD = 5  # Then it stops: the first few tell what is wrong.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=seed_range, default=range(100), metavar="A:B", help="A to B - 1 (0:100)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (2)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures there, with machine and commit")
    parser.add_argument("--no-shrink", action="store_true", help="tell the first failure as it is")
    add_case_arguments(parser)


def add_case_arguments(parser: argparse.ArgumentParser) -> None:
    """What `swarm` and `replay` share."""
    parser.add_argument("--transactions", type=int, default=TRANSACTIONS, metavar="N", help=f"a world ({TRANSACTIONS})")
    parser.add_argument("--faults", default="harsh", metavar="none|usual|harsh|FILE", help="what may go wrong (harsh)")
    parser.add_argument("--power", action="store_true", help="on a disk that fails, with a power that is cut")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")


def seed_range(text: str) -> range:
    """`A:B` for argparse, or one number.

    >>> seed_range("3:5"), seed_range("7")
    (range(3, 5), range(7, 8))

    Raises argparse.ArgumentTypeError.
    """
    first, colon, last = text.partition(":")
    if not first.isdecimal() or (colon and not last.isdecimal()):
        raise argparse.ArgumentTypeError(f"seeds are A:B, two numbers, not {text!r}")
    found = range(int(first), int(last) if colon else int(first) + 1)
    if not 0 < len(found) <= SEEDS_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} are no seeds, or more than {SEEDS_LIMIT}")
    return found


def run(args: argparse.Namespace) -> int:
    """Exit status 0: nothing was found; 1: something was; 2: usage; 130: somebody has stopped it."""
    wrong = refusal(args)
    if wrong or not 1 <= args.workers <= WORKERS_LIMIT:
        print(wrong or f"--workers is 1 to {WORKERS_LIMIT}", file=sys.stderr)
        return 2
    started = time.monotonic()
    cases = (Case(seed, args.transactions, args.faults, power=args.power) for seed in args.seeds)
    tally, failures = Tally(), list[Result]()
    stopped = False
    try:
        for result in progress(each(cases, load(args.faults), args.workers), len(args.seeds)):
            tally.take(result)
            if not result.clean:
                failures.append(result)
                if len(failures) == FAILURES_TOLD:
                    break
    except KeyboardInterrupt:
        stopped = True
    for failed in failures:
        tell(failed, sys.stderr if args.json else sys.stdout)
    if stopped:
        print(f"stopped after {tally.worlds} of {len(args.seeds)} worlds, {len(failures)} not clean", file=sys.stderr)
        return STOPPED
    small = smallest(failures[0]).command() if failures and not args.no_shrink else None
    seconds = time.monotonic() - started
    figures = tally.figures(seconds, failures, args) | ({"smallest": small} if small else {})
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if args.json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        tally.tell(seconds)
        print("NOT CLEAN" if failures else "nothing was lost: every checker is content")
    return 1 if failures else 0


def refusal(args: argparse.Namespace) -> str:
    """Why these arguments cannot be used; "" if they can."""
    if not 1 <= args.transactions <= TRANSACTIONS_LIMIT:
        return f"--transactions is 1 to {TRANSACTIONS_LIMIT}"
    try:
        load(args.faults)
    except FaultsUnreadable as error:
        return f"--faults is {', '.join(LEVELS)} or a file: {error}"
    return ""


def each(cases: Iterable[Case], rows: Mapping[str, Permitted], workers: int) -> Iterator[Result]:
    """The results in the cases' order, whatever finishes first."""
    play_one = partial(judge, rows=rows)
    if workers == 1:
        yield from map(play_one, cases)
        return
    # Ctrl-C goes to all of them; it is this process that ends. None of them hears it before it can ignore it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with multiprocessing.Pool(workers, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield from pool.imap(play_one, cases)


def progress(results: Iterator[Result], total: int) -> Iterator[Result]:
    """A bar on standard error, for whoever watches."""
    shown = sys.stderr.isatty()
    done = 0
    for done, result in enumerate(results, 1):
        if shown:
            filled = 40 * done // total
            print(f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{total}", end="", file=sys.stderr, flush=True)
        yield result
    if shown and done:
        print(file=sys.stderr)


class Tally:
    """What all worlds came to together."""

    def __init__(self) -> None:
        self.worlds = self.transactions = self.cuts = self.virtual_ms = 0
        self.payments: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def take(self, result: Result) -> None:
        self.worlds += 1
        self.transactions += result.case.transactions
        self.cuts += result.cuts
        self.virtual_ms += result.virtual_ms
        self.payments.update(result.payments)
        self.faults.update(result.faults)

    def figures(self, seconds: float, failures: list[Result], args: argparse.Namespace) -> dict[str, object]:
        """All of it for a program, with what it was measured on."""
        return {
            "worlds": self.worlds,
            "transactions": self.transactions,
            "cuts": self.cuts,
            "payments": dict(sorted(self.payments.items())),
            "faults": dict(sorted(self.faults.items())),
            "failures": [as_dict(failed) for failed in failures],
            "seconds": round(seconds, 1),
            "workers": args.workers,
            "machine": machine(),
            "commit": commit(),
        }

    def tell(self, seconds: float) -> None:
        hours = self.virtual_ms / 3_600_000
        each_ms = 1000 * seconds / max(1, self.transactions)
        cuts = f", {self.cuts} cuts of the power" if self.cuts else ""
        print(f"{self.worlds} worlds, {self.transactions} transactions{cuts}, {hours:.0f} virtual hours")
        print(f"{sum(self.faults.values())} faults; " + count(self.payments))
        print(f"{seconds:.1f} s, {each_ms:.2f} ms a transaction")


def count(tally: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(tally.items()))


def as_dict(result: Result) -> dict[str, object]:
    return {
        "seed": result.case.seed,
        "command": result.case.command(),
        "findings": [{"checker": f.checker, "transaction": f.transaction, "text": f.text} for f in result.findings],
        "trace": result.trace,
    }


def tell(failed: Result, stream: TextIO) -> None:
    """Seed, commit, what was found, and the command that plays it again."""
    print(f"seed {failed.case.seed} at commit {commit()}:", file=stream)
    for finding in failed.findings:
        print(f"  {finding.checker}: transaction {finding.transaction}: {finding.text}", file=stream)
    print(f"  again: {failed.case.command()}", file=stream)


def smallest(failed: Result) -> Case:
    """Shrink the failure, and tell the smallest case that still fails."""
    checker = failed.findings[0].checker
    rows = playable(failed.case, load(failed.case.faults))
    draws = Draws(failed.case.seed)

    def fails(case: Case) -> bool:
        result = play(case, rows)
        if checker == REPEATS:
            return result.trace != play(case, rows).trace
        return any(finding.checker == checker for finding in result.findings)

    def faults_of(case: Case) -> tuple[tuple[int, str], ...]:
        return tuple(
            (number, row.name)
            for number in case.numbers()
            for row in befalling(rows, draws, number)
            if case.permits(number, row.name)
        )

    last = max(finding.transaction for finding in failed.findings)
    case = replace(failed.case, transactions=min(failed.case.transactions, last + 1))
    shrinker = Shrinker(fails, faults_of)
    small = shrinker.shrink(case if fails(case) else failed.case)
    print(f"  smallest after {shrinker.runs} runs: {small.command()}", file=sys.stderr)
    left = ", ".join(f"{number}: {name}" for number, name in faults_of(small))
    print(f"  transactions {', '.join(map(str, small.numbers()))}; faults {left or 'none'}", file=sys.stderr)
    return small
