"""`python -m sim day`: one shop's long trading day in virtual time, from one seed; or many days, of many seeds.

A day is a world of the swarm: its people, its faults (fewer of them, unless others are asked for) and all of its
checkers, the books of both sides among them. The shop is the one that is shipped instead of one that is drawn, and
settles every 200 customers, so that a day is what a merchant would have on his counter and fills batches.
The trace is a hash over every screen, frame, slip and journal event in their order; the same seed gives the same trace,
whatever PYTHONHASHSEED.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sim.books import CHARGED, OPEN
from sim.swarm.case import Case
from sim.swarm.many import add_case_arguments, add_many_arguments, campaign, count, end, refusal, seed_of, seed_range
from sim.swarm.play import REFUND_UNANSWERED, Result, play
from terminal.model import PaymentState

TRANSACTIONS = 1000
FAULTS = "usual"


@dataclass(frozen=True, slots=True)
class DayReport:
    """What a day came to. `transactions` are customers; each may make several payments, or none.

    `payments` counts these by how they ended, and so do the seven after it: `approved` are all that charge, `unknown`
    what is left open, `unanswered` refunds that nobody answered: they stay what they are, on paper. `faults` counts
    what befell; `virtual_ms` is how long the day was.
    """

    seed: int | str
    transactions: int
    payments: Mapping[str, int]
    approved: int
    declined: int
    reversed: int
    unknown: int
    unanswered: int
    abandoned: int
    faults: Mapping[str, int]
    discrepancies: tuple[str, ...]
    virtual_ms: int
    trace_sha256: str


def run_day(seed: int | str, transactions: int, faults: str = FAULTS) -> DayReport:
    """Trade for a day, here and once. Raises sim.swarm.permitted.FaultsUnreadable."""
    return report(play(_case(seed, transactions, faults)))


def report(result: Result) -> DayReport:
    """A day's own figures."""
    ended = result.payments

    def those(*states: PaymentState) -> int:
        return sum(ended.get(state.value, 0) for state in states)

    return DayReport(
        seed=result.case.seed,
        transactions=result.case.transactions,
        payments=dict(sorted(ended.items())),
        approved=those(*CHARGED),
        declined=those(PaymentState.DECLINED),
        reversed=those(PaymentState.REVERSED),
        unknown=those(*OPEN),
        unanswered=ended.get(REFUND_UNANSWERED, 0),
        abandoned=those(PaymentState.ABANDONED),
        faults=dict(sorted(result.faults.items())),
        discrepancies=tuple(f"{f.checker}: transaction {f.transaction}: {f.text}" for f in result.findings),
        virtual_ms=result.virtual_ms,
        trace_sha256=result.trace,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seed", type=seed_of, default=1, help="what the whole day is drawn from (1)")
    which.add_argument("--seeds", type=seed_range, metavar="A:B", help="many days: of A to B - 1")
    add_many_arguments(parser)
    add_case_arguments(parser, transactions=TRANSACTIONS, faults=FAULTS)


def run(args: argparse.Namespace) -> int:
    """Exit status 0: the books agree and no checker has found anything; 1: one has; 2: usage."""
    if wrong := refusal(args):
        print(wrong, file=sys.stderr)
        return 2
    seeds = args.seeds or (args.seed,)
    cases = (_case(seed, args.transactions, args.faults, args.power) for seed in seeds)
    days: list[DayReport] = []
    ended = campaign(args, cases, len(seeds), "days", lambda result: days.append(report(result)))
    if not args.json:
        for day in days:
            _tell(day)
        if args.seeds:
            ended.tally.tell(ended.seconds, "days")
        print(ended.verdict)
    figures = {**ended.figures, "days": [asdict(day) for day in days]} if args.seeds else asdict(days[0])
    return end(args, ended, figures)


def _case(seed: int | str, transactions: int, faults: str, power: bool = False) -> Case:
    return Case(seed, transactions, faults, power=power, day=True)


def _tell(day: DayReport) -> None:
    hours = day.virtual_ms / 3_600_000
    print(f"seed {day.seed}: {sum(day.payments.values())} payments in {hours:.1f} virtual hours: {count(day.payments)}")
    print(f"  trace {day.trace_sha256}")
