"""Many cases, for `swarm` and `day`: their arguments, the bar, the sums, and how a failure is told."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

from sim.arguments import why
from sim.measured import commit, machine
from sim.swarm.case import Case, whose
from sim.swarm.draws import WORLD, Draws
from sim.swarm.permitted import LEVELS, FaultsUnreadable, Permitted, befalling, load
from sim.swarm.play import REPEATS, Result, judge, play, playable
from sim.swarm.shrink import Shrinker

TRANSACTIONS_LIMIT = 100_000
SEEDS_LIMIT = 10_000_000
WORKERS_LIMIT = 64
FAILURES_TOLD = 5  # Then it stops: the first few tell what is wrong.
BAR_CELLS = 40


def add_many_arguments(parser: argparse.ArgumentParser) -> None:
    """What `swarm` and `day` share."""
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (2)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures there, with machine and commit")
    parser.add_argument("--no-shrink", action="store_true", help="tell the first failure as it is")


def add_case_arguments(parser: argparse.ArgumentParser, *, transactions: int, faults: str) -> None:
    """What decides a case beside its seed."""
    parser.add_argument(
        "--transactions", type=int, default=transactions, metavar="N", help=f"customers of each ({transactions})"
    )
    parser.add_argument(
        "--faults", default=faults, metavar="none|usual|harsh|FILE", help=f"what may go wrong ({faults})"
    )
    parser.add_argument("--power", action="store_true", help="on a disk that fails, with a power that is cut")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")


def seed_of(text: str) -> int | str:
    """A number, or a word.

    >>> seed_of("7"), seed_of("monday")
    (7, 'monday')
    """
    return int(text) if text.isdecimal() else text


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


def refusal(args: argparse.Namespace) -> str:
    """Why these arguments cannot be used; "" if they can."""
    if not 1 <= args.transactions <= TRANSACTIONS_LIMIT:
        return f"--transactions is 1 to {TRANSACTIONS_LIMIT}"
    if not 1 <= getattr(args, "workers", 1) <= WORKERS_LIMIT:
        return f"--workers is 1 to {WORKERS_LIMIT}"
    try:
        load(args.faults)
    except FaultsUnreadable as error:
        return f"--faults is {', '.join(LEVELS)} or a file: {error}"
    if out := getattr(args, "out", None):
        try:  # Now, and not after hours.
            out.parent.mkdir(parents=True, exist_ok=True)
            out.open("a").close()
        except OSError as error:
            return f"--out {why(error)}"
    return ""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What many cases came to. `figures`: all of it for a program."""

    tally: Tally
    failures: tuple[Result, ...]
    figures: Mapping[str, object]
    seconds: float

    @property
    def verdict(self) -> str:
        return "NOT CLEAN" if self.failures else "nothing was lost: every checker is content"


def campaign(
    args: argparse.Namespace,
    cases: Iterator[Case],
    total: int,
    noun: str,
    take: Callable[[Result], None] = lambda result: None,
) -> Campaign:
    """Play them until enough have failed; tell each failure, and of the first the smallest case that still fails.

    `noun` is what they are called; `take` is given every result. Ctrl-C says how far it came, and is raised again.
    """
    started = time.monotonic()
    rows = load(args.faults)
    tally, failures = Tally(), list[Result]()
    stopped: KeyboardInterrupt | None = None
    try:
        for result in alone(next(cases), rows) if total == 1 else progress(each(cases, rows, args.workers), total):
            tally.take(result)
            take(result)
            if not result.clean:
                failures.append(result)
                if len(failures) == FAILURES_TOLD:
                    break
    except KeyboardInterrupt as interrupt:
        stopped = interrupt
    for failed in failures:
        tell(failed, sys.stderr if args.json else sys.stdout)
    if stopped is not None:
        print(f"stopped after {tally.worlds} of {total} {noun}, {len(failures)} not clean", file=sys.stderr)
        raise stopped
    small = smallest(failures[0]).command() if failures and not args.no_shrink else None
    seconds = time.monotonic() - started
    figures = tally.figures(seconds, failures, args) | ({"smallest": small} if small else {})
    return Campaign(tally, tuple(failures), figures, seconds)


def end(args: argparse.Namespace, ended: Campaign, figures: Mapping[str, object]) -> int:
    """Write the figures where they are wanted. Exit status 0: nothing was found; 1: something was; 2: not written."""
    status = 1 if ended.failures else 0
    if args.json:
        print(json.dumps(figures, ensure_ascii=False))
    if args.out:
        try:
            args.out.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            print(f"--out {args.out}: {why(error)}", file=sys.stderr)
            return status or 2
    return status


def alone(case: Case, rows: Mapping[str, Permitted]) -> Iterator[Result]:
    """One case, in this process; the bar is of its customers."""
    yield judge(case, rows, lambda customer: bar(customer, case.transactions))
    bar_over()


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
    for done, result in enumerate(results, 1):
        bar(done, total)
        yield result
    bar_over()


def bar(done: int, total: int) -> None:
    if sys.stderr.isatty():
        filled = BAR_CELLS * done // total
        line = "#" * filled + "." * (BAR_CELLS - filled)
        print(f"\r[{line}] {done}/{total}", end="", file=sys.stderr, flush=True)


def bar_over() -> None:
    if sys.stderr.isatty():
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

    def tell(self, seconds: float, noun: str) -> None:
        hours = self.virtual_ms / 3_600_000
        each_ms = 1000 * seconds / max(1, self.transactions)
        cuts = f", {self.cuts} cuts of the power" if self.cuts else ""
        print(f"{self.worlds} {noun}, {self.transactions} transactions{cuts}, {hours:.0f} virtual hours")
        print(f"{sum(self.faults.values())} faults; " + count(self.payments))
        print(f"{seconds:.1f} s, {each_ms:.2f} ms a transaction")


def count(tally: Mapping[str, int]) -> str:
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
        return not result.clean

    def faults_of(case: Case) -> tuple[tuple[int, str], ...]:
        return tuple(
            (number, row.name)
            for number in (WORLD, *case.numbers())
            for row in befalling(rows, draws, number)
            if case.permits(number, row.name)
        )

    last = max(finding.transaction for finding in failed.findings)
    case = replace(failed.case, transactions=min(failed.case.transactions, last + 1))
    shrinker = Shrinker(fails, faults_of)
    small = shrinker.shrink(case if fails(case) else failed.case)
    print(f"  smallest after {shrinker.runs} runs: {small.command()}", file=sys.stderr)
    left = ", ".join(f"{whose(number)}: {name}" for number, name in faults_of(small))
    print(f"  transactions {', '.join(map(str, small.numbers()))}; faults {left or 'none'}", file=sys.stderr)
    return small
