"""`python -m sim replay`: a recording again, or one case of the swarm, to the byte, with its story if wanted.

A recording says by itself what differs (sim/recording). Of the swarm the trace covers every event, screen, slip and
frame in their order: the same case on the same commit has the same one, whatever the process or PYTHONHASHSEED.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from sim.recording import command as recording
from sim.swarm.case import Case, whose
from sim.swarm.command import FAULTS, TRANSACTIONS
from sim.swarm.draws import WORLD
from sim.swarm.many import add_case_arguments, as_dict, refusal, seed_of, tell
from sim.swarm.permitted import load
from sim.swarm.play import play
from sim.takes import instead


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("file", nargs="?", type=Path, help="a recording (scenario --record)")
    which.add_argument("--seed", type=seed_of, help="a world of the swarm")
    parser.add_argument("--skip", type=numbers, default=frozenset(), metavar="N,…", help="transactions left out")
    parser.add_argument("--without", type=left_out, default=frozenset(), metavar="N:FAULT,…", help="faults left out")
    parser.add_argument("--tell", action="store_true", help="print each screen and each message on its way")
    parser.add_argument("--day", action="store_true", help="the world is a day's (python -m sim day)")
    add_case_arguments(parser, transactions=TRANSACTIONS, faults=FAULTS)


def numbers(text: str) -> frozenset[int]:
    """Raises argparse.ArgumentTypeError.

    >>> sorted(numbers("3,5"))
    [3, 5]
    """
    words = text.split(",")
    if not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"numbers, with commas between them, not {text!r}")
    return frozenset(map(int, words))


def left_out(text: str) -> frozenset[tuple[int, str]]:
    """Raises argparse.ArgumentTypeError.

    >>> sorted(left_out("3:reply-lost,world:case-opened"))
    [(-1, 'case-opened'), (3, 'reply-lost')]
    """
    pairs = [word.partition(":") for word in text.split(",")]
    whole = whose(WORLD)
    if not all((number.isdecimal() or number == whole) and name for number, _, name in pairs):
        raise argparse.ArgumentTypeError(f"NUMBER:FAULT or {whole}:FAULT, with commas between them, not {text!r}")
    return frozenset((WORLD if number == whole else int(number), name) for number, _, name in pairs)


def run(args: argparse.Namespace) -> int:
    """Exit status 0: nothing was found; 1: something was; 2: usage."""
    if args.file is not None:
        if beside := _of_a_world(args):
            print(f"--{beside} is of a world that --seed names; a recording has its own", file=sys.stderr)
            return 2
        return recording.run(args.file, as_json=args.json)
    wrong = refusal(args) or _left_out_of_nothing(args)
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    case = Case(args.seed, args.transactions, args.faults, args.skip, args.without, args.power, args.day)
    say: Callable[[str], None] | None = print if args.tell else None
    result = play(case, say=say)
    if args.json:
        print(json.dumps(as_dict(result) | {"virtual_ms": result.virtual_ms}, ensure_ascii=False))
    else:
        if not result.clean:
            tell(result, sys.stdout)
        else:
            print("nothing was lost: every checker is content")
        print(f"trace {result.trace}")
    return 0 if result.clean else 1


def _of_a_world(args: argparse.Namespace) -> str:
    """An argument beside a recording that it would not heed; "" if there is none."""
    usual = {"transactions": TRANSACTIONS, "faults": FAULTS, "skip": frozenset(), "without": frozenset()}
    usual |= dict.fromkeys(("tell", "day", "power"), False)
    return next((name for name, value in usual.items() if getattr(args, name) != value), "")


def _left_out_of_nothing(args: argparse.Namespace) -> str:
    """What is to be left out and is not in this world; "" if all of it may be."""
    for number in sorted(args.skip | {number for number, _ in args.without}):
        if number > args.transactions:  # The last one's number is of what comes after all of them.
            return f"there is no transaction {number}: this world has {args.transactions}"
    known = load(args.faults)
    for _, name in sorted(args.without):
        if name not in known:
            return f"--faults {args.faults} has no fault {name!r}; {instead(name, known)}"
    return ""
