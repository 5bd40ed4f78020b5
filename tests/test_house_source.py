"""Rules of the house that are read from the source: what may not be written, how long things may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import PRODUCT, ROOMS, ROOT, name, sources, tree, where

MODULE_LINES = 450
FUNCTION_LINES = 75
# Tables: one row a line, as long as the world is.
TABLES = {
    "emv/rules.py",
    "emv/tags.py",
    "terminal/hostlink/codes.py",
    "terminal/hostlink/fields.py",
    "terminal/strings.py",
    "terminal/receipts/words.py",
    "terminal/screens/icons.py",
}
# Too long today. Lines may leave this list and may not enter it.
LONG_MODULES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()
# Rooms where a sum of money or a counter is made: no binary fractions.
EXACT = (
    "emv",
    "keys",
    "terminal/model.py",
    "terminal/loop",
    "terminal/methods",
    "terminal/flows",
    "terminal/hostlink",
    "terminal/receipts",
    "terminal/journal",
)


Function = ast.FunctionDef | ast.AsyncFunctionDef


def ids(path: Path) -> str:
    return name(path)


def nodes(*rooms: str) -> Iterator[tuple[Path, ast.AST]]:
    for path in sources(*rooms):
        for node in ast.walk(tree(path)):
            yield path, node


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Cancelling is a synchronous close()


def awaits(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Awaits that run in this body itself, not in a function that is only defined there."""
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, Function | ast.Lambda):
            continue
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield node
        pending += ast.iter_child_nodes(node)


def catches_close(handler: ast.ExceptHandler) -> bool:
    """Whether GeneratorExit could end up in this handler."""
    caught = ast.unparse(handler.type) if handler.type else "BaseException"
    return bool(re.search(r"\b(BaseException|GeneratorExit)\b", caught))


def bad_awaits(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.Try):
            yield from awaits(node.finalbody)
            for handler in node.handlers:
                if catches_close(handler):
                    yield from awaits(handler.body)


@pytest.mark.parametrize("path", sources(*ROOMS), ids=ids)
def test_nothing_is_awaited_while_a_task_closes(path: Path) -> None:
    if name(path).startswith("sim.panel"):
        return  # The panel's server runs on asyncio, whose cancelling is another one.
    assert not [where(path, node) for node in bad_awaits(tree(path))]


def test_the_await_rule_sees_a_sinner() -> None:
    sinner = "async def f():\n try:\n  pass\n except BaseException:\n  await g()\n finally:\n  await h()\n"
    assert len(list(bad_awaits(ast.parse(sinner)))) == 2
    saint = "async def f():\n try:\n  await g()\n except ValueError:\n  await h()\n finally:\n  k()\n"
    assert not list(bad_awaits(ast.parse(saint)))


# Errors


@pytest.mark.parametrize("path", sources(*ROOMS), ids=ids)
def test_no_bare_except_and_nothing_caught_in_silence(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, where(path, node)
            broad = ast.unparse(node.type) in ("Exception", "BaseException")
            silent = all(isinstance(line, ast.Pass) for line in node.body)
            assert not (broad and silent), where(path, node)


@pytest.mark.parametrize("path", sources(*PRODUCT), ids=ids)
def test_no_assert_in_the_product(path: Path) -> None:
    """It vanishes under -O; a broken invariant raises."""
    assert not [where(path, node) for node in ast.walk(tree(path)) if isinstance(node, ast.Assert)]


# Money and counters


def exact(path: Path) -> bool:
    return relative(path).startswith(EXACT)


@pytest.mark.parametrize("path", [path for path in sources(*PRODUCT) if exact(path)], ids=ids)
def test_no_fractions_where_money_is(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float), where(path, node)
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("float", "round"), where(path, node)


# Size


@pytest.mark.parametrize("path", sources(*ROOMS), ids=ids)
def test_modules_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if relative(path) in TABLES:
        return
    if relative(path) in LONG_MODULES:
        assert lines > MODULE_LINES, "it is short now: take it off the list"
        return
    assert lines <= MODULE_LINES


@pytest.mark.parametrize("path", sources(*ROOMS), ids=ids)
def test_functions_are_short(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            length = (node.end_lineno or 0) - node.lineno + 1
            listed = f"{relative(path)}:{node.name}" in LONG_FUNCTIONS
            assert (length > FUNCTION_LINES) == listed, f"{where(path, node)} {node.name}: {length} lines"


def test_the_lists_of_exceptions_name_files_that_exist() -> None:
    for listed in TABLES | LONG_MODULES:
        assert (ROOT / listed).exists(), listed


# Words


@pytest.mark.parametrize("path", sources(*ROOMS), ids=ids)
def test_every_module_opens_with_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree(path)), relative(path)


@pytest.mark.parametrize("path", sources(*PRODUCT), ids=ids)
def test_only_commands_print(path: Path) -> None:
    """A print in the middle of a payment ends in the system's log; what is in it is nobody's choice."""
    if path.name == "__main__.py" or name(path).startswith("terminal.tools") or name(path).endswith("make_font"):
        return
    prints = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"]
    assert not [where(path, node) for node in prints]


SECRETS = re.compile(r"\b(pan|track2?|pin|pin_block|pinblock|tmk|pik|mak|tdk|cvv|key_bytes|clear_key)\b")


@pytest.mark.parametrize("path", sources(*PRODUCT), ids=ids)
def test_no_secret_is_written_into_a_message(path: Path) -> None:
    """An f-string that is raised, logged or printed may not hold a variable that is named like a secret."""
    if name(path) == "drivers.gpio":
        return  # A pin there is one of the header's forty.
    for node in ast.walk(tree(path)):
        spoken = isinstance(node, ast.Raise) or (
            isinstance(node, ast.Call) and re.search(r"(\bprint|log\w*\.\w+|warn)$", ast.unparse(node.func))
        )
        if not spoken:
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.FormattedValue) and isinstance(inner.value, ast.Name | ast.Attribute):
                assert not SECRETS.search(ast.unparse(inner.value).lower()), where(path, node)


PERSONAL = re.compile(r"(?<![\w.:/~-])/(?:home|root|Users|work|mnt|srv)/\w")
TEXTS = (
    "*.py",
    "*.toml",
    "*.yaml",
    "*.md",
    "*.sh",
    "*.cfg",
    "*.html",
    "*.js",
    "*.css",
    "*.json",
    "*.service",
    "*.conf",
    "Makefile",
)


def texts() -> Iterator[tuple[Path, str]]:
    for room in (*ROOMS, "tests", "docs", "bench", ".ci"):
        for pattern in TEXTS:
            for path in (ROOT / room).rglob(pattern):
                yield path, path.read_text(encoding="utf-8", errors="replace")


def test_no_path_of_somebodys_own_machine() -> None:
    assert not [relative(path) for path, text in texts() if PERSONAL.search(text) and path != Path(__file__)]


def test_no_character_was_written_in_one_encoding_and_read_in_another() -> None:
    """Most of UTF-8 that was read as Latin-1 has a control character of 80 to 9F; nothing that a person reads has."""
    assert not [relative(path) for path, text in texts() if re.search("[\x80-\x9f]", text)]


@pytest.mark.parametrize("path", sources(*PRODUCT), ids=ids)
def test_each_ignored_complaint_gives_its_reason(path: Path) -> None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if "type: ignore" in line and "re.search" not in line:
            assert re.search(r"# type: ignore\[[\w,-]+\]  # \S", line), f"{relative(path)}:{number}"


def test_no_mutable_default_and_no_global_statement() -> None:
    for path, node in nodes(*PRODUCT):
        assert not isinstance(node, ast.Global), where(path, node)
        if isinstance(node, Function):
            for default in (*node.args.defaults, *node.args.kw_defaults):
                assert not isinstance(default, ast.List | ast.Dict | ast.Set), where(path, node)


# The tests themselves

TEST_FILES = tuple(sorted((ROOT / "tests").glob("*.py")))


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_tests_neither_mock_nor_sleep(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute | ast.Name):
            written = ast.unparse(node)
            assert written not in ("time.sleep", "MagicMock", "mock.patch"), where(path, node)
            assert not written.startswith("monkeypatch.setattr"), where(path, node)
