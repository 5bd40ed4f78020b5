"""The page's words: the same in both languages, and a next step for every screen that the terminal can show."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import sim.panel.page
from terminal.model import Mode
from terminal.screens import catalogue

PAGE = Path(next(iter(sim.panel.page.__path__)))
COLUMN = re.compile(r"^  (zh|en): \{$(.*?)^  \},$", re.MULTILINE | re.DOTALL)
WORD = re.compile(r'(?:"([a-z][\w.-]*)"|\b([a-z]+)): "((?:[^"\\]|\\.)*)"')


def words() -> dict[str, dict[str, str]]:
    text = (PAGE / "words.js").read_text(encoding="utf-8")
    return {lang: {a or b: said for a, b, said in WORD.findall(column)} for lang, column in COLUMN.findall(text)}


def screens() -> set[str]:
    classes = (thing for thing in vars(catalogue).values() if inspect.isclass(thing) and hasattr(thing, "lay"))
    return {name for thing in classes if isinstance(name := getattr(thing, "name", None), str)}


def test_both_languages_have_the_same_words() -> None:
    table = words()
    assert set(table) == {"zh", "en"}
    assert set(table["zh"]) == set(table["en"])
    assert all(said.strip() == said and said for column in table.values() for said in column.values())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_screen_has_a_next_step_and_none_is_left_over(lang: str) -> None:
    hints = {key.split(".")[1] for key in words()[lang] if key.startswith("hint.")}
    assert len(screens()) > 40
    assert hints == screens() | {"off", "other"}


def test_a_next_step_for_a_mode_names_a_mode() -> None:
    modes = {key.split(".")[2] for key in words()["en"] if key.count(".") == 2 and key.startswith("hint.")}
    assert {"keyed", "settling", "blank"} <= modes <= {mode.value for mode in Mode}
