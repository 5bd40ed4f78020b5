"""`make mutation`: which mutants of the kernel the cases kill, which survive, and which case kills what no other kills.

Each mutant runs in a process of its own, forked before the kernel is imported, with a finder that hands out the
changed module. Only cases that executed the changed statement are tried: no other can tell the difference.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import os
import pickle
import resource
import signal
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import CodeType, FrameType, ModuleType
from typing import Any

from conformance.card import ScriptedCard
from conformance.case import Case, cases
from conformance.mutants import ROOT, Mutant, mutants, mutated, source
from conformance.notation import FOLDER

# The steps that decide about money, with the files that they are made of.
DECIDING = (
    "emv.cvm",
    "emv.offline_pin",
    "emv.action",
    "emv.risk",
    "emv.oda",
    "emv.cda",
    "emv.certificates",
    "emv.restrictions",
)
# The others that a case can be about.
OTHERS = (
    "emv.selection",
    "emv.initiate",
    "emv.records",
    "emv.dol",
    "emv.tlv",
    "emv.online",
    "emv.scripts",
    "emv.kernel",
)
CPU_SECONDS = 20  # A mutant that loops is killed by this; all cases together take one second.
MEMORY_BYTES = 1 << 30
TIMEOUT = "(endless)"
BROKEN = "(does not import)"

Lines = dict[str, set[int]]


@dataclass(frozen=True, slots=True)
class Result:
    """`killers`: the first cases that failed; two are enough to know that none is needed alone."""

    mutant: Mutant
    killers: tuple[str, ...]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Hands out one module from a changed tree."""

    def __init__(self, module: str, code: CodeType) -> None:
        self.module = module
        self.code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=str(source(fullname)))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(source(self.module))
        exec(self.code, module.__dict__)


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` returns, computed in a fork; TIMEOUT if it used up its time or memory."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)
            answer = pickle.dumps(work())
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(answer)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(answer) if answer else TIMEOUT


def executed(modules: Sequence[str]) -> dict[str, Lines]:
    """Case → module → lines that it ran."""
    files = {str(source(module)): module for module in modules}

    def work() -> dict[str, Lines]:
        from conformance.runner import run

        found: dict[str, Lines] = {}
        for case in cases():
            lines: Lines = {module: set() for module in modules}

            def inside(frame: FrameType, event: str, _: Any, lines: Lines = lines) -> Any:
                if event == "line":
                    lines[files[frame.f_code.co_filename]].add(frame.f_lineno)
                return inside

            def outside(frame: FrameType, _event: str, _: Any) -> Any:
                return inside if frame.f_code.co_filename in files else None

            sys.settrace(outside)
            try:
                run(case)
            finally:
                sys.settrace(None)
            found[case.id] = lines
        return found

    answer: dict[str, Lines] = in_child(work)
    return answer


def tried(mutant: Mutant, ran: dict[str, Lines]) -> list[Case]:
    """The cases that can tell, those of the module's own file first."""
    area = mutant.module.rpartition(".")[2]
    found = []
    for case in cases():
        lines = ran[case.id][mutant.module]
        if mutant.lines is None or any(line in lines for line in range(mutant.lines[0], mutant.lines[1] + 1)):
            found.append(case)
    return sorted(found, key=lambda case: not case.file.startswith(area))


def judge(mutant: Mutant, ran: dict[str, Lines], *, enough: int) -> Result:
    candidates = tried(mutant, ran)
    tree = mutated(mutant.module, mutant.number)

    def work() -> tuple[str, ...]:
        with open(os.devnull, "w", encoding="utf-8") as silence, contextlib.redirect_stderr(silence):
            try:
                sys.meta_path.insert(0, _Finder(mutant.module, compile(tree, str(source(mutant.module)), "exec")))
                from conformance.runner import run
            except Exception:  # Whatever a changed module raises at its import: the mutant is dead.
                return (BROKEN,)
            killers = []
            for case in candidates:
                if _fails(run, case):
                    killers.append(case.id)
                    if len(killers) == enough:
                        break
            return tuple(killers)

    answer = in_child(work)
    return Result(mutant, (TIMEOUT,) if answer == TIMEOUT else answer)


def _fails(run: Callable[[Case], list[str]], case: Case) -> bool:
    try:
        return bool(run(case))
    except Exception:  # A changed kernel may raise anything; that is noticed, too.
        return True


def mutate(modules: Sequence[str], *, jobs: int, enough: int) -> list[Result]:
    """Every mutant of the modules, judged. Must run before this process imports the kernel."""
    if any(name == "emv" or name.startswith("emv.") for name in sys.modules):
        raise RuntimeError("the kernel is imported already: its mutants would not be seen")
    every = [mutant for module in modules for mutant in mutants(module)]
    for case in cases():
        ScriptedCard(case.card)  # Its certificates are made once, here, and not in each fork.
    ran = executed(modules)
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda mutant: judge(mutant, ran, enough=enough), every))


def survivors_explained() -> dict[str, str]:
    """survivors.toml: mutant → why it may live."""
    path = FOLDER / "survivors.toml"
    rows: dict[str, dict[str, str]] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {f"{module}: {name}": reason for module, table in rows.items() for name, reason in table.items()}


def only_killers(results: Sequence[Result]) -> dict[str, list[Mutant]]:
    """Case → the mutants that it alone kills."""
    found: dict[str, list[Mutant]] = {}
    for result in results:
        if len(result.killers) == 1:
            found.setdefault(result.killers[0], []).append(result.mutant)
    return found


def print_mutation(modules: Sequence[str], *, jobs: int, matrix: bool) -> int:
    """The table; exit status 1 if a survivor is not explained."""
    results = mutate(modules, jobs=jobs, enough=2 if matrix else 1)
    explained = survivors_explained()
    unexplained = 0
    killed = 0
    for module in modules:
        own = [result for result in results if result.mutant.module == module]
        dead = sum(bool(result.killers) for result in own)
        killed += dead
        print(f"{module:<20} {dead:>5} of {len(own):>5} killed  {_percent(dead, len(own))}")
        for result in own:
            if not result.killers:
                reason = explained.get(result.mutant.id, "")
                unexplained += not reason
                where = f"{source(module).relative_to(ROOT)}:{result.mutant.line}"
                print(f"    lives  {where}  {result.mutant.name}")
                print(f"           {reason or 'NOT EXPLAINED in survivors.toml'}")
    print(f"{'all':<20} {killed:>5} of {len(results):>5} killed  {_percent(killed, len(results))}")
    alive = {result.mutant.id for result in results if not result.killers}
    for name in sorted(set(explained) - alive):
        if name.partition(":")[0] in modules:
            print(f"    explained, and killed or gone: {name}")
    if matrix:
        _print_cases(results)
    return 1 if unexplained else 0


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _print_cases(results: Sequence[Result]) -> None:
    """The cases that neither kill a mutant alone, nor are the only one of a requirement, nor say why they stand."""
    only = only_killers(results)
    shown = Counter(name for case in cases() for name in case.shows)
    sole = {case.id for case in cases() if any(shown[name] == 1 for name in case.shows)}
    idle = [case for case in cases() if case.id not in only and case.id not in sole]
    alone = sum(case.id in only for case in cases())
    more = sum(case.id in sole and case.id not in only for case in cases())
    print(f"\n{alone} of {len(cases())} cases kill a mutant that no other case kills")
    print(f"{more} more are the only case of a requirement")
    for case in idle:
        print(f"    {case.id}: {case.stands or 'NO REASON to stand'}")
