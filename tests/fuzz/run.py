"""`make fuzz`: every target, guided by coverage, with a table at the end.

    build/fuzz/bin/python tests/fuzz/run.py [--runs N] [--jobs N] [--json] [TARGET ...]

Each target is a process of its own (libFuzzer ends the process on a find) and starts from its seeds and from what
earlier runs have learned (build/fuzz-corpus). An input that is a find is kept in build/fuzz-found, and the line that
plays it again is printed. Exit status 0: nothing was found; 1: something was; 2: usage.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORPUS = ROOT / "build" / "fuzz-corpus"
FOUND = ROOT / "build" / "fuzz-found"
REACHED = ROOT / "build" / "fuzz-reached"
REACHED_EVERY = 1_000  # Inputs: libFuzzer ends the process without a word to Python.
INPUT_LIMIT_S = 2  # One input; a millisecond is slow.
MEMORY_LIMIT_MB = 1024
sys.path.insert(0, str(ROOT))


@dataclass(frozen=True, slots=True)
class Report:
    """One target's end. `found` is the input's file, "" for none; `reached` the share of the inputs that came there."""

    target: str
    runs: int
    seconds: float
    found: str
    reached: dict[str, float]


class Reach:
    """How many inputs came how far, written down now and then."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.inputs = 0
        self.places: Counter[str] = Counter()

    def count(self, places: Iterable[str]) -> None:
        self.inputs += 1
        self.places.update(places)
        if self.inputs % REACHED_EVERY == 0:
            shares = {place: round(count / self.inputs, 4) for place, count in self.places.most_common()}
            self.file.write_text(json.dumps(shares), encoding="utf-8")


def fuzz_here(name: str, arguments: list[str]) -> None:
    """Become libFuzzer for this target; does not return."""
    import atheris

    with atheris.instrument_imports(include=["emv", "keys", "terminal", "drivers"]):
        from targets import TARGETS, run
    target = TARGETS[name]
    reach = Reach(REACHED / f"{name}.json")

    def once(data: bytes) -> None:
        result = run(target, data)
        if target.reached is not None:
            reach.count(target.reached(result))

    atheris.Setup([sys.argv[0], *arguments], once)
    atheris.Fuzz()


def play(name: str, file: Path) -> None:
    """One kept input, in this very process: for a debugger."""
    from targets import TARGETS, run

    run(TARGETS[name], file.read_bytes())


def fuzz(name: str, runs: int | None) -> Report:
    from targets import TARGETS

    target = TARGETS[name]
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(parents=True, exist_ok=True)
    REACHED.mkdir(parents=True, exist_ok=True)
    reached = REACHED / f"{name}.json"
    reached.unlink(missing_ok=True)
    for index, seed in enumerate(target.seeds()):
        (corpus / f"seed-{index}").write_bytes(seed)
    command = [
        sys.executable, __file__, "--here", name, str(corpus),
        f"-runs={runs or target.runs}", f"-max_len={target.limit_bytes}",
        f"-timeout={INPUT_LIMIT_S}", f"-rss_limit_mb={MEMORY_LIMIT_MB}", f"-artifact_prefix={FOUND}/{name}-",
        "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace")
    seconds = time.monotonic() - began
    counted = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    kept = re.search(r"Test unit written to (\S+)", done.stderr)
    interrupted = "run interrupted" in done.stderr  # By a person; the figures so far still stand.
    found = kept[1] if kept else ("" if done.returncode == 0 or interrupted else "no input was kept")
    if found:
        print(f"{name}: {done.stdout[-2000:]}{done.stderr[-2000:]}", file=sys.stderr)
    places = json.loads(reached.read_text(encoding="utf-8")) if reached.exists() else {}
    return Report(name, int(counted[1]) if counted else 0, round(seconds, 1), found, places)


def line(report: Report) -> str:
    """One target in words, and how far its inputs came.

    >>> line(Report("tlv", 1000, 2.0, "", {}))
    'tlv                        1,000 inputs       500/s  nothing found'
    """
    rate = report.runs / report.seconds if report.seconds else 0
    verdict = f"FOUND {report.found}" if report.found else "nothing found"
    whole = f"{report.target:20} {report.runs:>11,} inputs {rate:>9,.0f}/s  {verdict}"
    return "\n".join((whole, *(f"  {share:6.1%} {place}" for place, share in report.reached.items())))


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--here"]:
        fuzz_here(arguments[1], arguments[2:])
    from targets import TARGETS

    parser = argparse.ArgumentParser(prog="tests/fuzz/run.py", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)} (all)")
    parser.add_argument("--runs", type=int, help="inputs for each target (10,000,000; a whole kernel 1,000,000)")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once (2)")
    parser.add_argument("--json", action="store_true", help="print one JSON list on the last line")
    parser.add_argument("--play", type=Path, metavar="FILE", help="one kept input through the one TARGET")
    args = parser.parse_args(arguments)
    if unknown := [name for name in args.targets if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if args.play:
        if len(args.targets) != 1:
            parser.error("--play takes one TARGET")
        play(args.targets[0], args.play)
        return 0
    reports: list[Report] = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for report in pool.map(lambda name: fuzz(name, args.runs), args.targets or TARGETS):
            reports.append(report)
            if not args.json:
                print(line(report), flush=True)
                if report.found:
                    print(f"  again: {sys.executable} {__file__} {report.target} --play {report.found}")
    if args.json:
        print(json.dumps([asdict(report) for report in reports]))
    return 1 if any(report.found for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
