"""One planted defect: where it goes, and the module as it is with it."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("defects.toml")
PRODUCT = ("terminal", "drivers", "emv", "keys")


class NoLongerApplies(Exception):
    """The product has moved on, and the defect has to follow; the message says what was looked for."""


@dataclass(frozen=True, slots=True)
class Defect:
    """`old` stands exactly once in `function` ("" for the whole module); `more` goes to the module's end.

    `power`: only a world whose power is cut, on a disk that fails, can show it.
    `seed`: where it was seen last; the hunt begins there, and goes on from 0.
    """

    name: str
    module: str
    old: str
    new: str
    means: str
    function: str = ""
    more: str = ""
    power: bool = False
    seed: int = 0

    @property
    def path(self) -> Path:
        return ROOT.joinpath(*self.module.split(".")).with_suffix(".py")

    def source(self) -> str:
        """The module's text with the defect in it. Raises NoLongerApplies."""
        text = self.path.read_text(encoding="utf-8")
        first, last = self._lines(text)
        lines = text.splitlines(keepends=True)
        part = "".join(lines[first:last])
        if part.count(self.old) != 1:
            where = self.function or self.module
            raise NoLongerApplies(f"{self.name}: {part.count(self.old)} times in {where}: {self.old!r}")
        return "".join((*lines[:first], part.replace(self.old, self.new), *lines[last:])) + self.more

    def _lines(self, text: str) -> tuple[int, int]:
        node: ast.AST = ast.parse(text)
        if not self.function:
            return 0, len(text.splitlines())
        for name in self.function.split("."):
            found = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", "") == name]
            if len(found) != 1:
                raise NoLongerApplies(f"{self.name}: {self.module} has no {self.function}")
            node = found[0]
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            raise NoLongerApplies(f"{self.name}: {self.function} of {self.module} is no function")
        return node.lineno - 1, node.end_lineno or node.lineno

    def plant(self) -> None:
        """Let this process import the changed module. Raises NoLongerApplies; RuntimeError when it is too late."""
        if self.module in sys.modules:
            raise RuntimeError(f"{self.module} has been imported already")
        code = compile(self.source(), str(self.path), "exec")
        sys.meta_path.insert(0, _Planted(self.module, self.path, code))


def defects(path: Path = FILE) -> tuple[Defect, ...]:
    """All of a file, in its order. Raises ValueError for two of one name, or one outside the product."""
    found = tuple(Defect(**row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["defect"])
    names = [each.name for each in found]
    if len(set(names)) != len(names):
        raise ValueError(f"two defects of one name: {sorted({name for name in names if names.count(name) > 1})}")
    if outside := [each.name for each in found if each.module.split(".")[0] not in PRODUCT]:
        raise ValueError(f"these are no defects of the product: {outside}")
    return found


class _Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Hands out one changed module; what it belongs to is found as ever."""

    def __init__(self, module: str, path: Path, code: CodeType) -> None:
        self._module = module
        self._path = path
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=str(self._path))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self._path)
        exec(self._code, module.__dict__)
