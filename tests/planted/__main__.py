"""`make planted`: each defect goes into the product, and the table says which checker noticed, and when."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict

from planted.defect import Defect, defects
from planted.hunt import CLEAN, LIMIT, Catch, hunts


def main() -> int:
    """0: all were caught and the product as it is is clean; 1: not; 2: no such defect."""
    parser = argparse.ArgumentParser(prog="python -m planted", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="DEFECT", help="only these (default: all)")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help="transactions a defect (%(default)s)")
    parser.add_argument("--faults", default="harsh", help="a level, or a file (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    args = parser.parse_args()
    known = {each.name: each for each in defects()}
    if unknown := [name for name in args.names if name not in known]:
        print(f"no such defect: {', '.join(unknown)}", file=sys.stderr)
        return 2
    wanted = [known[name] for name in args.names] or list(known.values())
    if args.list:
        for defect in wanted:
            print(f"{defect.name:32} {defect.means}")
        return 0
    caught = []
    for catch in hunts(wanted, limit=args.limit, faults=args.faults, jobs=args.jobs):
        caught.append(catch)
        if not args.json:
            print(_row(catch), flush=True)
    return _told(caught, wanted, as_json=args.json)


def _row(catch: Catch) -> str:
    checker = catch.checker or ("clean" if catch.defect == CLEAN else "NOT CAUGHT")
    return f"{catch.defect:32} {checker:28} {catch.transactions:6} {catch.cpu_s:6.1f} s  {catch.text[:90]}"


def _told(caught: list[Catch], wanted: list[Defect], *, as_json: bool) -> int:
    away = [each.defect for each in caught if not each.checker and each.defect != CLEAN]
    clean = all(not each.checker for each in caught if each.defect == CLEAN)
    if as_json:
        print(json.dumps({"clean": clean, "not_caught": away, "hunts": [asdict(each) for each in caught]}))
    else:
        print(f"{len(wanted) - len(away)} of {len(wanted)} caught")
        if not clean:
            print("  the product as it is is not clean: what was caught may be that", file=sys.stderr)
        for name in away:
            print(f"  not caught: {name}", file=sys.stderr)
    return 0 if clean and not away else 1


if __name__ == "__main__":
    sys.exit(main())
