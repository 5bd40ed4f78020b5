"""`python -m sim swarm`: many worlds from many seeds, each with its faults and its checkers.

A failure prints its seed, the commit and the one command that plays it again, and then the smallest case that still
fails.
"""

from __future__ import annotations

import argparse
import sys

from sim.swarm.case import Case
from sim.swarm.many import add_case_arguments, add_many_arguments, campaign, end, refusal, seed_range

TRANSACTIONS = 50  # Of one world: long enough for settlements in the middle, short enough to shrink.
FAULTS = "harsh"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=seed_range, default=range(100), metavar="A:B", help="A to B - 1 (0:100)")
    add_many_arguments(parser)
    add_case_arguments(parser, transactions=TRANSACTIONS, faults=FAULTS)


def run(args: argparse.Namespace) -> int:
    """Exit status 0: nothing was found; 1: something was; 2: usage; 130: somebody has stopped it."""
    if wrong := refusal(args):
        print(wrong, file=sys.stderr)
        return 2
    cases = (Case(seed, args.transactions, args.faults, power=args.power) for seed in args.seeds)
    ended = campaign(args, cases, len(args.seeds), "worlds")
    if not args.json:
        ended.tally.tell(ended.seconds, "worlds")
        print(ended.verdict)
    return end(args, ended, ended.figures)
