"""A world's refusals in Chinese: every reason that the sources raise has its row, and a header asks for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.reasons import in_chinese, speaks_chinese

ROOT = Path(__file__).parents[1]
# Where the reasons of the API are made, and the names of what is raised there.
SOURCES = (
    *("api/desk", "api/params", "api/routes", "api/server", "api/views", "scenario/reading", "scenario/steps"),
    *("acquirer/faults", "deeds", "line_faults", "live", "mishaps", "pace", "panel/gate", "stage", "story", "takes"),
    *("world", "recording/playing", "panel/staged", "panel/world", "handheld"),
)
RAISED = {
    *("StoryError", "ValueError", "LookupError", "Wrong", "Refused", "Refusal", "Conflict", "Missing", "Busy"),
    *("Broken", "wrong", "_problem", "say"),
}
NOT_FOR_ASKERS = "\0 stands alone"  # Raised where a table of ours is wrong.
SAMPLES = ("5", "one of a, b", "[a, b]", "x", "expect")  # What may stand in a place that is filled in.
ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")  # Three words are a phrase, and no name.


def phrases(source: Path) -> Iterator[str]:
    """Each text that is raised there, with a place for what is filled in."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in RAISED:
            for argument in node.args:
                for part in [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]:
                    text = phrase(part)
                    if " " in text.strip("\0: "):
                        yield text


def phrase(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(phrase(part) for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.FormattedValue):
        return "'a'" if node.conversion == ord("r") else "\0"
    return ""


def is_said(text: str) -> bool:
    """Whether some filling of its places has a row; every place alike, which is enough for a row to be found."""
    fillings = [text.replace("\0", sample) for sample in SAMPLES]
    fillings += [re.sub("\0$", sample, text).replace("\0", other) for sample in SAMPLES for other in SAMPLES]
    told = [in_chinese(filling) for filling in fillings]
    return any(re.search(r"[一-鿿]", each) and not ENGLISH.search(each) for each in told)


@pytest.mark.parametrize("name", SOURCES)
def test_every_reason_has_its_row(name: str) -> None:
    found = [text for text in phrases(ROOT / "sim" / f"{name}.py") if text != NOT_FOR_ASKERS]
    assert [text for text in found if not is_said(text)] == []


def test_the_sources_are_read_at_all() -> None:
    assert sum(len(list(phrases(ROOT / "sim" / f"{name}.py"))) for name in SOURCES) > 80


@pytest.mark.parametrize(
    ("reason", "chinese"),
    [
        ("keys: is missing: digits and key names", "keys：缺少此项；它是什么，见 /v1/openapi.json"),
        ("did you mean signature? one of 158", "是不是 signature？共有158个"),
        (
            "line 4, column 5: 'signatur': did you mean signature? one of 158",
            "第4行第5列：'signatur'：是不是 signature？共有158个",
        ),
        ("expected mode locked; it is signed_in", "期待mode locked；现在是signed_in"),
        ("nothing came before-link within 10 minutes", "10分钟内没有等到before-link"),
        ("never seen; the display says: Pay by: ¥5.00", "一直没有见到；屏幕上是：Pay by: ¥5.00"),
        (
            "fault code,code=5: fault 'code,code=5': a response code is two digits or capital letters",
            "fault code,code=5：故障'code,code=5'：应答码是两位数字或大写字母",
        ),
        ("what no row knows", "what no row knows"),
    ],
)
def test_a_reason_inside_a_reason_and_what_was_seen(reason: str, chinese: str) -> None:
    assert in_chinese(reason) == chinese


@pytest.mark.parametrize(
    ("header", "chinese"),
    [
        ("zh-CN", True),
        ("zh", True),
        ("zh-Hans-CN, en;q=0.9", True),
        ("en-GB, zh;q=0.9", False),
        ("fr, zh;q=0.3, en;q=0.2", True),
        ("zh, en", True),
        ("en, zh", False),
        ("zh;q=0", False),
        ("", False),
        ("*", False),
        ("zh;q=nonsense", False),
    ],
)
def test_which_language_a_header_asks_for(header: str, *, chinese: bool) -> None:
    assert speaks_chinese(header) is chinese
