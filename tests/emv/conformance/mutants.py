"""Mutants of the kernel: every small change of a module's meaning, by its syntax tree.

A mutant is named by its place and change, not by a line number, so that survivors.toml outlives other people's edits.
Words for people (trace, errors, documentation) are left alone: they decide nothing.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
# Calls that tell people, not the transaction.
TALK = frozenset({"__init__", "_note_codes", "performed", "left_out", "field", "cast", "TypeVar"})
ERRORS = frozenset({"MissingData", "WrongCryptogram"})
NOTE = "note"  # Tells people, too, but for its `sets`.
# Enumerations whose members stand for one another by mistake.
ENUMS = frozenset(
    {"TVR", "TSI", "AIP", "AUC", "Cvm", "CvmCondition", "CvmResult", "CvmCapability", "SecurityCapability"}
    | {"PinResult", "Result", "Cryptogram", "Verdict", "SW", "TransactionType"}
)
# Attributes that are taken for one another by mistake.
SIBLINGS = (
    ("tac_denial", "tac_online", "tac_default"),
    ("x_minor", "y_minor"),
    ("amount_minor", "other_minor"),
    ("bypassed", "blocked"),
    ("approval_codes", "referral_codes"),
    ("random_target", "random_maximum"),
    ("default_ddol", "default_tdol"),
    ("online_only", "offline_only"),
    ("first", "last", "authenticated"),
)
_TAG = re.compile(r"[A-Z0-9_]+_[0-9A-F]{2,6}")
FLAGS = frozenset({"TVR", "TSI", "AIP", "AUC", "CvmCapability", "SecurityCapability"})
_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.NotEq),
    ast.LtE: (ast.Lt, ast.Eq),
    ast.Gt: (ast.GtE, ast.NotEq),
    ast.GtE: (ast.Gt, ast.Eq),
    ast.Eq: (ast.NotEq, ast.LtE, ast.GtE),
    ast.NotEq: (ast.Eq, ast.Lt, ast.Gt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """`name` is unique in its module; `lines` are those of the statement that it changes, None at the module's top."""

    module: str
    name: str
    number: int
    line: int
    lines: tuple[int, int] | None

    @property
    def id(self) -> str:
        return f"{self.module}: {self.name}"


@dataclass(frozen=True, slots=True)
class _Change:
    where: str
    what: str
    line: int
    lines: tuple[int, int] | None
    apply: Callable[[], None]
    undo: Callable[[], None]


def source(module: str) -> Path:
    """`emv.cvm` as its file."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def mutants(module: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its text."""
    tree = ast.parse(source(module).read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    found = []
    for number, change in enumerate(_changes(tree)):
        name = f"{change.where}: {change.what}"
        seen[name] += 1
        again = f" ({seen[name]})" if seen[name] > 1 else ""
        found.append(Mutant(module, name + again, number, change.line, change.lines))
    return found


def mutated(module: str, number: int) -> ast.Module:
    """The module's tree with one change in it."""
    tree = ast.parse(source(module).read_text(encoding="utf-8"))
    for at, change in enumerate(_changes(tree)):
        if at == number:
            change.apply()
            return ast.fix_missing_locations(tree)
    raise IndexError(f"{module} has no mutant {number}")


def _changes(tree: ast.Module) -> Iterator[_Change]:
    """Lazily: a change may be applied while its turn lasts."""
    _mark_relatives(tree)
    _mark_told(tree)
    yield from _in_body(tree, "body", "top", None)


def _mark_told(tree: ast.Module) -> None:
    """Marks what is assigned only to be told: names that nothing reads but a note, which takes them with a star."""
    notes = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) == NOTE]
    told = {id(star.value) for call in notes for star in call.args if isinstance(star, ast.Starred)}
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    names = {node.id for node in read if id(node) in told} - {node.id for node in read if id(node) not in told}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in names:
            node.told = True  # type: ignore[attr-defined]


def _mark_relatives(tree: ast.Module) -> None:
    """Gives each tag and constant in a function the one that it could be mistaken for: the next of its family there."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    names = {id(node): node for function in functions for node in ast.walk(function) if isinstance(node, ast.Name)}
    families: dict[str, set[str]] = {}
    for node in names.values():
        if node.id.isupper():
            families.setdefault(_family(node.id), set()).add(node.id)
    for node in names.values():
        members = sorted(families.get(_family(node.id), ())) if node.id.isupper() else []
        if len(members) > 1:
            relative = members[(members.index(node.id) + 1) % len(members)]
            node.relative = relative  # type: ignore[attr-defined]


def _family(name: str) -> str:
    return "tag" if _TAG.fullmatch(name) else name.partition("_")[0]


def _in_body(parent: ast.AST, field: str, where: str, lines: tuple[int, int] | None) -> Iterator[_Change]:
    body: list[ast.stmt] = getattr(parent, field)
    for index, statement in enumerate(list(body)):
        own = (statement.lineno, statement.end_lineno or statement.lineno) if where != "top" else None
        if isinstance(statement, ast.FunctionDef) and statement.name.endswith("_words"):
            continue  # For people.
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = statement.name if where == "top" else f"{where}.{statement.name}"
            yield from _in_body(statement, "body", inner, own)
            continue
        if isinstance(parent, ast.ClassDef):
            own = None  # Run when the module is imported, and in no case.
        if isinstance(statement, ast.Import | ast.ImportFrom) or _is_text(statement) or _talks(statement):
            continue
        if hasattr(statement, "told") or _short(statement).startswith("__all__"):
            continue
        gone = _removed(statement)
        if gone is not None and where != "top":
            what = f"{ast.unparse(statement).splitlines()[0]} → {ast.unparse(gone)}"
            yield _list_change(body, index, gone, where, what, own)
        if not isinstance(statement, ast.Raise):
            yield from _in_node(statement, where, own)


def _list_change(
    items: list[ast.stmt], index: int, new: ast.stmt, where: str, what: str, lines: tuple[int, int] | None
) -> _Change:
    old = items[index]
    ast.copy_location(new, old)

    def put(node: ast.stmt) -> None:
        items[index] = node

    return _Change(where, what, old.lineno, lines, lambda: put(new), lambda: put(old))


def _in_node(node: ast.AST, where: str, lines: tuple[int, int] | None) -> Iterator[_Change]:
    """Changes of expressions inside a statement, and of the statements inside it."""
    if isinstance(node, ast.Dict) and all(_is_words(value) for value in node.values):
        return
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_comment", "ctx", "decorator_list"):
            continue
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield from _in_body(node, field, where, lines)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from _at(node, field, index, item, where, lines)
            if isinstance(node, ast.Set | ast.Dict) and field != "keys" and lines is None:
                yield from _without(node, where)
        elif isinstance(value, ast.AST):
            yield from _at(node, field, None, value, where, lines)


def _at(
    parent: ast.AST, field: str, index: int | None, node: ast.AST, where: str, lines: tuple[int, int] | None
) -> Iterator[_Change]:
    def put(new: ast.AST) -> None:
        if index is None:
            setattr(parent, field, new)
        else:
            getattr(parent, field)[index] = new

    if isinstance(node, ast.Raise | ast.JoinedStr) or (isinstance(node, ast.Call) and _is_talk(node)):
        return
    if isinstance(node, ast.Call) and _called(node) == NOTE:
        for keyword in node.keywords:
            if keyword.arg == "sets":
                yield from _at(keyword, "value", None, keyword.value, where, lines)
        return
    line = getattr(node, "lineno", getattr(parent, "lineno", 0))
    for new in _variants(node, parent, field):
        if hasattr(node, "lineno"):
            ast.copy_location(new, node)
        if _short(new) == _short(node):
            continue  # `while True` is true already.
        what = f"{_short(node)} → {_short(new)}"

        def apply(new: ast.AST = new) -> None:
            put(new)

        yield _Change(where, what, line, lines, apply, lambda: put(node))
    yield from _in_node(node, where, lines)


def _short(node: ast.AST) -> str:
    if isinstance(node, ast.ExceptHandler):
        kind = ast.unparse(node.type) if node.type is not None else ""
        return f"except {kind}" + (": raise" if isinstance(node.body[0], ast.Raise) else "")
    text = f"case {ast.unparse(node.pattern)}" if isinstance(node, ast.match_case) else ast.unparse(node)
    if isinstance(node, ast.match_case) and node.guard is not None:
        text += f" if {ast.unparse(node.guard)}"
    return " ".join(text.split())


def _without(node: ast.Set | ast.Dict, where: str) -> Iterator[_Change]:
    """A table at the module's top without one of its rows."""
    columns: list[list[Any]] = [node.elts] if isinstance(node, ast.Set) else [node.keys, node.values]
    for index, row in enumerate(list(zip(*columns, strict=True))):

        def apply(index: int = index) -> None:
            for column in columns:
                del column[index]

        def undo(index: int = index, row: tuple[Any, ...] = row) -> None:
            for column, cell in zip(columns, row, strict=True):
                column.insert(index, cell)

        yield _Change(where, f"without {_short(row[0])}", row[0].lineno, None, apply, undo)


def _variants(node: ast.AST, parent: ast.AST, field: str) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in _COMPARED.get(type(op), ()):
                    new = deepcopy(node)
                    new.ops[at] = other()
                    yield new
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for at in range(len(values)):
                rest = values[:at] + values[at + 1 :]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=op) if type(op) in _COMPUTED and not _texts(node):
            yield ast.BinOp(node.left, _COMPUTED[type(op)](), node.right)
            yield node.left
            if isinstance(op, ast.BitAnd | ast.BitOr):
                yield node.right
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=bytes(value)) if value:
            yield ast.Constant(b"")
        case ast.Constant(value=str(value)) if _decides(parent):
            yield ast.Constant(f"not-{value}")
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in ENUMS and attr.isupper():
            for member in sorted(_others(name, attr)):
                yield ast.Attribute(node.value, member, node.ctx)
            if name in FLAGS and not (isinstance(parent, ast.keyword) and parent.arg == "sets"):
                none = ast.Call(node.value, [ast.Constant(0)], [])
                yield from (none, ast.UnaryOp(ast.Invert(), none))
        case ast.Name(ctx=ast.Load()) if hasattr(node, "relative"):
            yield ast.Name(node.relative, node.ctx)
        case ast.Attribute(attr=attr, ctx=ast.Load()):
            for group in SIBLINGS:
                if attr in group:
                    sibling = group[(group.index(attr) + 1) % len(group)]
                    yield ast.Attribute(node.value, sibling, node.ctx)
        case ast.match_case(guard=None, pattern=ast.MatchOr(patterns=patterns)):
            for some in _shorter(patterns):
                yield ast.match_case(some[0] if len(some) == 1 else ast.MatchOr(some), None, node.body)
        case ast.match_case(guard=None) if not _irrefutable(node.pattern):
            yield ast.match_case(node.pattern, ast.Constant(False), node.body)
        case ast.ExceptHandler(body=body) if not isinstance(body[-1], ast.Raise):
            yield ast.ExceptHandler(node.type, node.name, [ast.Raise()])
        case ast.Tuple(elts=elts) | ast.List(elts=elts) if _listed(parent, field):
            for fewer in _shorter(elts):
                yield type(node)(fewer, ast.Load())
    if isinstance(parent, ast.keyword) and parent.arg == "sets":
        yield ast.Constant(None)
    if isinstance(node, ast.expr) and field == "iter":
        for part in (ast.Slice(upper=ast.Constant(1)), ast.Slice(lower=ast.Constant(1))):
            yield ast.Subscript(ast.Call(ast.Name("list", ast.Load()), [node], []), part, ast.Load())
    if isinstance(node, ast.expr) and (field == "test" or (field == "ifs" and isinstance(parent, ast.comprehension))):
        yield ast.Constant(True)
        yield ast.Constant(False)


def _shorter(items: list[Any]) -> Iterator[list[Any]]:
    """The list without each of its items in turn; nothing if there is only one."""
    for at in range(len(items) if len(items) > 1 else 0):
        yield items[:at] + items[at + 1 :]


def _listed(parent: ast.AST, field: str) -> bool:
    """Whether a literal stands where each of its items counts for itself: looked up, gone through, or a table."""
    return isinstance(parent, ast.Compare) or field == "iter" or (isinstance(parent, ast.Assign) and field == "value")


def _is_words(node: ast.expr) -> bool:
    """A text in each language: for people."""
    texts = node.elts if isinstance(node, ast.Tuple) else []
    return bool(texts) and all(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in texts)


def _texts(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (node.left, node.right))


def _decides(parent: ast.AST) -> bool:
    """A word that is compared, returned or an argument of `end` is a decision; other strings are for people."""
    return isinstance(parent, ast.Compare | ast.Return) or (isinstance(parent, ast.Call) and _called(parent) == "end")


def _irrefutable(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def _is_talk(call: ast.Call) -> bool:
    name = _called(call)
    return name in TALK or name in ERRORS or name.endswith("Error")


def _talks(statement: ast.stmt) -> bool:
    """A statement that is only for people."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and _is_talk(statement.value)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _removed(statement: ast.stmt) -> ast.stmt | None:
    """What stands in a statement's place when it is taken away; None: it cannot be."""
    match statement:
        case ast.Expr(value=ast.Call() as call) if _called(call) == NOTE:
            return None
        case ast.Raise() | ast.Expr() | ast.AugAssign() | ast.Break() | ast.Continue():
            return ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return ast.Pass()
        case ast.Return(value=ast.expr()) if not isinstance(statement.value, ast.Constant):
            return ast.Return(ast.Constant(None))
    return None


def _others(enum: str, member: str) -> set[str]:
    """The neighbours of a member in its enumeration."""
    members = _members().get(enum, [])
    if member not in members:
        return set()
    at = members.index(member)
    return {members[at - 1], members[(at + 1) % len(members)]} - {member}


@cache
def _members() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in (ROOT / "emv").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name in ENUMS:
                targets = [t for line in node.body if isinstance(line, ast.Assign) for t in line.targets]
                found[node.name] = [t.id for t in targets if isinstance(t, ast.Name)]
    return found
