"""Each mutant of the kernel against the cases that can tell it: which of them fail.

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
from collections.abc import Callable, Collection, Iterator, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any

from conformance.case import Case, cases
from conformance.mutants import Mutant, mutated, source

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
    "emv.session",
    "emv.apdu",
)
ENOUGH = 2  # Killers of a mutant after which no more are looked for: neither is needed alone.
CASE_SECONDS = 1.0  # Of the processor; all cases together take about one.
ENDLESS_MAX = 2  # Cases that a mutant may run into the limit with before the others are spared it.
CPU_SECONDS = 20  # A mutant that swallows the limit of a case is killed by this.
MEMORY_BYTES = 1 << 30
TIMEOUT = "(endless)"
BROKEN = "(does not import)"

Lines = dict[str, set[int]]


class _Endless(BaseException):
    """A case used up its time. No `except Exception` of the kernel takes it."""


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


def candidates(mutant: Mutant, ran: dict[str, Lines], wanted: Collection[str]) -> list[Case]:
    """Those of the wanted cases that can tell, those of the module's own file first."""
    area = mutant.module.rpartition(".")[2]
    found = []
    for case in cases():
        lines = ran[case.id][mutant.module]
        if case.id not in wanted:
            continue
        if mutant.lines is None or any(line in lines for line in range(mutant.lines[0], mutant.lines[1] + 1)):
            found.append(case)
    return sorted(found, key=lambda case: not case.file.startswith(area))


def judge(mutant: Mutant, able: Sequence[Case], *, enough: int) -> tuple[str, ...]:
    """The first cases that fail with the mutant, `enough` at most; or TIMEOUT or BROKEN alone."""

    def work() -> tuple[str, ...]:
        with open(os.devnull, "w", encoding="utf-8") as silence, contextlib.redirect_stderr(silence):
            try:
                code = compile(mutated(mutant.module, mutant.number), str(source(mutant.module)), "exec")
                sys.meta_path.insert(0, _Finder(mutant.module, code))
                from conformance.runner import run
            except Exception:  # Whatever a changed module raises at its import: the mutant is dead.
                return (BROKEN,)
            return _killers(run, able, enough)

    answer = in_child(work)
    return (TIMEOUT,) if answer == TIMEOUT else tuple(answer)


def _killers(run: Callable[[Case], list[str]], able: Sequence[Case], enough: int) -> tuple[str, ...]:
    killers: list[str] = []
    endless = 0
    for case in able:
        if len(killers) == enough or endless > ENDLESS_MAX:
            break
        try:
            with _limited():
                failed = bool(run(case))
        except _Endless:
            failed = True
            endless += 1
        except Exception:  # A changed kernel may raise anything; that is noticed, too.
            failed = True
        if failed:
            killers.append(case.id)
    return tuple(killers)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Raises _Endless in what takes more than CASE_SECONDS."""

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise _Endless

    signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, CASE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
