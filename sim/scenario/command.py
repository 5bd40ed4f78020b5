"""`python -m sim scenario FILE…`: scenarios played headless, in virtual time; each line says how one ended."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path

from emv.typed import language_of
from sim.deeds import Done, Entry
from sim.recording.playing import record
from sim.scenario.playing import Played, play_scenario, terms_of
from sim.scenario.reading import Scenario, ScenarioError, load_scenario
from sim.scenario.schema import schema_text
from sim.takes import instead

MISTAKES_TOLD = 20  # Of one file: more is another kind of file.
SHIPPED = Path(__file__).parents[1] / "scenarios"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="*", help="a file, or the name of a shipped scenario (default: all shipped)")
    parser.add_argument("--lang", type=language_of, default="en", metavar="zh-CN|en", help="the terminal's (en)")
    parser.add_argument("--seed", default="0", help="what each world is drawn from (default: %(default)s)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="of one scenario: write all that happens (replay)")
    parser.add_argument("--json", action="store_true", help="one JSON object for each scenario, or for the record")
    parser.add_argument("--list", action="store_true", help="list the shipped scenarios")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of scenario files")


def shipped() -> list[Path]:
    return sorted(SHIPPED.glob("*.yaml"))


def run(args: argparse.Namespace) -> int:
    """0: every scenario came about; 1: one did not; 2: one cannot be read."""
    if args.schema:
        print(schema_text(), end="")
        return 0
    try:
        scenarios = [_load(name) for name in args.file] or [load_scenario(path) for path in shipped()]
    except ScenarioError as broken:
        print(*[broken, *broken.others][:MISTAKES_TOLD], sep="\n", file=sys.stderr)
        return 2
    except OSError as missing:
        near = instead(Path(missing.filename).stem, (path.stem for path in shipped()))
        print(f"scenario: {missing.filename}: {missing.strerror}; shipped (--list): {near}", file=sys.stderr)
        return 2
    if args.list:
        for scenario in scenarios:
            row = {"name": scenario.name, "zh": scenario.zh, "en": scenario.en, "shows": scenario.shows}
            line = f"{scenario.name:44} {scenario.zh}  {scenario.en}"
            print(json.dumps(row, ensure_ascii=False) if args.json else line)
        return 0
    if args.record is not None:
        return _record(scenarios, args)
    failed = 0
    for scenario in scenarios:
        began = time.monotonic()
        played = play_scenario(scenario, args.lang, args.seed)
        failed += bool(played.problem)
        _tell(played, time.monotonic() - began, as_json=args.json)
    if not args.json and len(scenarios) > 1:
        print(f"{len(scenarios) - failed} of {len(scenarios)} scenarios came about")
    return 1 if failed else 0


def _record(scenarios: list[Scenario], args: argparse.Namespace) -> int:
    """The same exit statuses, of the file and not of the story: what goes wrong in it is what is recorded."""
    if len(scenarios) != 1:
        print("scenario: --record is of one scenario", file=sys.stderr)
        return 2
    (scenario,) = scenarios
    entries: list[Entry] = [Done(step) for step in scenario.steps]
    try:
        with args.record.open("w", encoding="utf-8") as out:
            lines = record(terms_of(scenario, args.lang, args.seed), entries, out)
    except OSError as why:
        print(f"scenario: {args.record}: {why.strerror}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps({"file": str(args.record), "lines": lines}, ensure_ascii=False))
    else:
        print(f"{args.record}: {lines} lines; python -m sim replay {shlex.quote(str(args.record))}")
    return 0


def _load(name: str) -> Scenario:
    path = Path(name)
    inside = SHIPPED / f"{name}.yaml"
    return load_scenario(inside if not path.exists() and inside.exists() else path)


def _tell(played: Played, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**asdict(played), "passed": not played.problem}, ensure_ascii=False), flush=True)
        return
    if played.problem:
        print(f"{played.file}:{played.line}:{played.column}: {played.problem}", flush=True)
        return
    virtual = f"{played.virtual_ms // 60_000}:{played.virtual_ms // 1000 % 60:02d}"
    print(f"{played.name}: {played.steps} steps, {virtual} virtual minutes, {seconds:.1f} s", flush=True)
