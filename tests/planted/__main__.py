"""`make planted`: each defect goes into the product, and the table says which checker noticed, and when."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from planted.defect import FILE, NoLongerApplies, defects
from planted.hunt import LIMIT, Catch, hunts
from sim.measured import commit, machine

TABLE = Path("build/planted/table.json")


def main(argv: Sequence[str] | None = None) -> int:
    """0: all were caught, in worlds that the product as it is passes; 1: not; 2: none such, or stale."""
    parser = argparse.ArgumentParser(prog="python -m planted", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="DEFECT", help="only these (default: all)")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help="transactions a defect (%(default)s)")
    parser.add_argument("--faults", default="harsh", help="a level, or a file (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--anew", action="store_true", help="begin at seed 0, wherever a defect was seen last")
    parser.add_argument("--out", type=Path, default=TABLE, metavar="FILE", help="the table as JSON (%(default)s)")
    parser.add_argument("--file", type=Path, default=FILE, metavar="FILE", help="rows of your own (%(default)s)")
    args = parser.parse_args(argv)
    known = {each.name: each for each in defects(args.file)}
    if unknown := [name for name in args.names if name not in known]:
        print(f"no such defect: {', '.join(unknown)}", file=sys.stderr)
        return 2
    wanted = [known[name] for name in args.names] or list(known.values())
    if args.list:
        for defect in wanted:
            print(f"{defect.name:32} {defect.means}")
        return 0
    try:
        for defect in wanted:
            defect.source()
    except NoLongerApplies as error:
        print(f"{error}\nThe product has changed: mend its row in {args.file.name}", file=sys.stderr)
        return 2
    started = time.monotonic()
    caught = []
    for catch in hunts(wanted, limit=args.limit, faults=args.faults, jobs=args.jobs, anew=args.anew):
        caught.append(catch)
        print(_row(catch), flush=True)
    table = {
        "defects": len(wanted),
        "caught": sum(bool(each.checker) for each in caught),
        "clean": all(each.clean for each in caught),
        "hunts": [asdict(each) for each in sorted(caught, key=lambda each: each.defect)],
        "seconds": round(time.monotonic() - started, 1),
        "machine": machine(),
        "commit": commit(),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{table['caught']} of {len(wanted)} caught in {table['seconds']} s; {args.out}")
    for each in caught:
        if not each.checker:
            print(f"  not caught: {each.defect}", file=sys.stderr)
        if not each.clean:
            print(f"  the product as it is fails, too, in the world that caught {each.defect}", file=sys.stderr)
    return 0 if all(each.checker and each.clean for each in caught) else 1


def _row(catch: Catch) -> str:
    where = f"seed {catch.seed}" if catch.checker else ""
    checker = catch.checker or "NOT CAUGHT"
    return f"{catch.defect:32} {checker:28} {where:9} {catch.transactions:6} {catch.cpu_s:6.1f} s  {catch.text[:90]}"


if __name__ == "__main__":
    sys.exit(main())
