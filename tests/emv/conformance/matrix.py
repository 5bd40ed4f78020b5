"""`make mutation`: which mutants the cases kill, which live, and which case kills what no other kills.

What was found is kept in build/mutation, a file a module, so that a run goes on where the last one ended and a changed
case costs no more than itself. It holds for the module and the harness that it was found with, both of which are part
of its key; FRESH=1 asks everything anew, as after a change of other modules that matters to this one.

tests/emv/kills.toml is the short of it that is committed: case → a mutant that it alone kills.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from conformance.card import ScriptedCard
from conformance.case import Case, cases
from conformance.mutants import ROOT, Mutant, mutants, source
from conformance.mutation import (
    BROKEN,
    DECIDING,
    ENOUGH,
    OTHERS,
    TIMEOUT,
    Lines,
    candidates,
    executed,
    judge,
)
from conformance.notation import FOLDER

KEPT = ROOT / "build" / "mutation"
KILLS = FOLDER / "kills.toml"
HARNESS = ("card", "keyed", "notation", "runner", "mutation")  # What decides which cases fail.
ALL = (*DECIDING, *OTHERS)
# Of 100 mutants: what docs/conformance.md promises.
DECIDING_LEAST, ALL_LEAST = 95, 90


@dataclass(frozen=True, slots=True)
class Result:
    """`killers`: cases that fail with the mutant, ENOUGH at most, or one of the words that stand for all of them."""

    mutant: Mutant
    killers: tuple[str, ...]


def matrix(modules: Sequence[str], *, jobs: int, fresh: bool) -> list[Result]:
    """Every mutant of the modules, judged; `fresh`: without what is kept, which is left alone.

    Must run before this process imports the kernel.
    """
    if any(name == "emv" or name.startswith("emv.") for name in sys.modules):
        raise RuntimeError("the kernel is imported already: its mutants would not be seen")
    for case in cases():
        ScriptedCard(case.card)  # Its certificates are made once, here, and not in each fork.
    ran = executed(modules)
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for module in modules:
            print(f"{module} ...", file=sys.stderr, flush=True)
            results += _anew(module, ran, pool) if fresh else _module(module, ran, pool)
    return results


def _anew(module: str, ran: dict[str, Lines], pool: ThreadPoolExecutor) -> list[Result]:
    def result(mutant: Mutant) -> Result:
        every = candidates(mutant, ran, [case.id for case in cases()])
        return Result(mutant, judge(mutant, every, enough=ENOUGH))

    return list(pool.map(result, mutants(module)))


def _module(module: str, ran: dict[str, Lines], pool: ThreadPoolExecutor) -> list[Result]:
    """One module's mutants; what is known of unchanged cases is not asked again."""
    path, key = KEPT / f"{module}.json", _key(module)
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = kept if kept.get("key") == key else {"cases": {}, "killers": {}}
    now = {case.id: _digest(case) for case in cases()}
    same = {name for name, digest in now.items() if known["cases"].get(name) == digest}

    def result(mutant: Mutant) -> Result:
        before = known["killers"].get(mutant.name)
        if before is None:
            return Result(mutant, judge(mutant, candidates(mutant, ran, now), enough=ENOUGH))
        if before in ([BROKEN], [TIMEOUT]):
            return Result(mutant, tuple(before))
        still = [name for name in before if name in same]
        tried = same if len(before) < ENOUGH else set(still)  # With enough killers not every case was tried.
        able = candidates(mutant, ran, now.keys() - tried) if len(still) < ENOUGH else []
        found = judge(mutant, able, enough=ENOUGH - len(still)) if able else ()
        return Result(mutant, found if found in ((BROKEN,), (TIMEOUT,)) else (*still, *found))

    results = list(pool.map(result, mutants(module)))
    KEPT.mkdir(parents=True, exist_ok=True)
    killers = {result.mutant.name: result.killers for result in results}
    path.write_text(json.dumps({"key": key, "cases": now, "killers": killers}, ensure_ascii=False), encoding="utf-8")
    return results


def _key(module: str) -> str:
    """The module and the harness, as they are now. A mutant's name says what it is: how they are made is no part."""
    files = [source(module), *(FOLDER / "conformance" / f"{name}.py" for name in HARNESS)]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _digest(case: Case) -> str:
    """What the case does and expects; not its name, nor why it stands."""
    parts = (case.card, case.terminal, case.aid, case.sale, case.people, case.expect, sorted(case.said))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def survivors_explained() -> dict[str, str]:
    """survivors.toml: mutant, or place and `*` → why it, or each of that place, may live."""
    return _rows(FOLDER / "survivors.toml")


def place(mutant: str) -> str:
    """The row that explains every mutant of a place: `emv.tlv: encode_length: *`."""
    return ": ".join([*mutant.split(": ")[:2], "*"])


def kills() -> dict[str, str]:
    """kills.toml: case → a mutant that it alone kills."""
    return _rows(KILLS)


def _rows(path: Any) -> dict[str, str]:
    rows: dict[str, dict[str, str]] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {f"{table}: {name}": value for table, named in rows.items() for name, value in named.items()}


def only_killers(results: Sequence[Result]) -> dict[str, list[str]]:
    """Case → the mutants that it alone kills."""
    found: dict[str, list[str]] = {}
    for result in results:
        if len(result.killers) == 1:
            found.setdefault(result.killers[0], []).append(result.mutant.id)
    return found


def write_kills(only: Mapping[str, list[str]]) -> None:
    """A row a case; a mutant that stood there stays while it is true."""
    before = kills()
    lines = ["# Case → a mutant that it alone kills. Written by `make kills`; not by hand."]
    file = ""
    for case in cases():
        if case.id not in only:
            continue
        if case.file != file:
            file = case.file
            lines += ["", f"[{file}]"]
        own = only[case.id]
        lines.append(f"{_quoted(case.name)} = {_quoted(before[case.id] if before.get(case.id) in own else own[0])}")
    KILLS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def print_mutation(modules: Sequence[str], *, jobs: int, write: bool, fresh: bool) -> int:
    """The table; exit status 1 if a survivor is not explained, a row of kills.toml is false, or a case idles."""
    wanted = modules or ALL
    results = matrix(wanted, jobs=jobs, fresh=fresh)
    only = only_killers(results)
    if write and not modules:
        write_kills(only)
    wrong = _print_survivors(wanted, results)
    for least, some in () if modules else ((DECIDING_LEAST, DECIDING), (ALL_LEAST, ALL)):
        own = [bool(result.killers) for result in results if result.mutant.module in some]
        if sum(own) * 100 < least * len(own):
            print(f"    fewer than {least} of 100 killed: {', '.join(some)}")
            wrong += 1
    for name, mutant in kills().items():
        if mutant.partition(":")[0] in wanted and mutant not in only.get(name, []):
            print(f"    not true in kills.toml: {name} = {mutant}")
            wrong += 1
    return 1 if wrong + (0 if modules else _print_cases(only)) else 0


def _print_survivors(modules: Sequence[str], results: Sequence[Result]) -> int:
    explained = survivors_explained()
    unexplained = 0
    dead: Counter[str] = Counter()
    whole = Counter(result.mutant.module for result in results)
    for module in modules:
        own = [result for result in results if result.mutant.module == module]
        dead[module] = sum(bool(result.killers) for result in own)
        print(f"{module:<20} {_share(dead[module], whole[module])}")
        for result in own:
            if not result.killers:
                reason = explained.get(result.mutant.id) or explained.get(place(result.mutant.id), "")
                unexplained += not reason
                print(f"    lives  {source(module).relative_to(ROOT)}:{result.mutant.line}  {result.mutant.name}")
                print(f"           {reason or 'NOT EXPLAINED in survivors.toml'}")
    print(f"{'all':<20} {_share(dead.total(), whole.total())}")
    alive = {result.mutant.id for result in results if not result.killers}
    for name in sorted(set(explained) - alive - {place(name) for name in alive}):
        if name.partition(":")[0] in modules:
            print(f"    explained, and killed or gone: {name}")
    return unexplained


def _share(part: int, whole: int) -> str:
    percent = f"  {100 * part / whole:.1f} %" if whole else ""
    return f"{part:>5} of {whole:>5} killed{percent}"


def _print_cases(only: Mapping[str, list[str]]) -> int:
    """How many cases kill alone, and those that do not, are not the only one of a requirement, and do not say why."""
    alone = [case for case in cases() if case.id in only]
    idle = [case for case in cases() if case.id not in only and not case.stands and case.id not in only_cases()]
    print(f"\n{len(alone)} of {len(cases())} cases kill a mutant that no other case kills")
    for case in idle:
        print(f"    neither kills alone nor says why it stands: {case.id}")
    for case in alone:
        if case.stands:
            print(f"    kills alone, and needs no reason to stand: {case.id}")
    return len(idle)


def only_cases() -> set[str]:
    """The cases without which a requirement would have none."""
    shown = Counter(name for case in cases() for name in case.shows)
    return {case.id for case in cases() if any(shown[name] == 1 for name in case.shows)}
