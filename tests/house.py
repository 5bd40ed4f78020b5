"""Reading the house's own source: the files of each room, their imports and their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("terminal", "drivers", "emv", "keys")
ROOMS = (*PRODUCT, "sim")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module. `inside` a function or class; `typing` only under TYPE_CHECKING."""

    module: str
    line: int
    inside: bool
    typing: bool


@cache
def sources(*rooms: str) -> tuple[Path, ...]:
    return tuple(path for room in rooms for path in sorted((ROOT / room).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name(path: Path) -> str:
    """`terminal/flows/sale.py` as `terminal.flows.sale`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


@cache
def imports(path: Path) -> tuple[Import, ...]:
    return tuple(_walk(tree(path), path, False, False))


def _walk(node: ast.AST, path: Path, inside: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, inside, typing)
        elif isinstance(child, ast.ImportFrom):
            yield from _from(child, path, inside, typing)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _walk(child, path, inside, True)
        else:
            deeper = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)
            yield from _walk(child, path, deeper, typing)


def _from(node: ast.ImportFrom, path: Path, inside: bool, typing: bool) -> Iterator[Import]:
    """`from terminal.flows import sale` imports terminal.flows.sale when that is a module, else terminal.flows."""
    base = node.module or ""
    if node.level:
        package = name(path).split(".")
        if path.name != "__init__.py":
            package = package[:-1]
        package = package[: len(package) - (node.level - 1)]
        base = ".".join([*package, base] if base else package)
    for alias in node.names:
        folder = ROOT.joinpath(*base.split("."))
        found = (folder / f"{alias.name}.py").exists() or (folder / alias.name / "__init__.py").exists()
        yield Import(f"{base}.{alias.name}" if found else base, node.lineno, inside, typing)
