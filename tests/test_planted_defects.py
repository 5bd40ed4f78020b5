"""Every planted defect still applies to the product as it stands, and changes what it says it changes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from planted.__main__ import main
from planted.defect import Defect, NoLongerApplies, defects

AT_LEAST = 80


def test_there_are_enough_and_each_has_its_name() -> None:
    found = defects()
    assert len(found) >= AT_LEAST
    assert all(each.means for each in found)


@pytest.mark.parametrize("defect", defects(), ids=lambda each: each.name)
def test_it_applies_and_the_module_is_another(defect: Defect) -> None:
    before, after = (ast.dump(ast.parse(text)) for text in (defect.path.read_text("utf-8"), defect.source()))
    assert before != after


def test_what_no_longer_applies_says_so() -> None:
    for function, old in (("ask_host", "no such line"), ("no_such_function", "await"), ("ask_host", "await")):
        with pytest.raises(NoLongerApplies):
            Defect("gone", "terminal.methods.card_host", old, "", "", function).source()


def test_a_stale_row_is_told_before_anything_is_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.toml"
    row = {"name": "gone", "module": "terminal.printing", "function": "keep", "old": "tx.kept", "new": "", "means": "x"}
    rows.write_text("[[defect]]\n" + "".join(f'{key} = "{value}"\n' for key, value in row.items()), encoding="utf-8")
    assert main(["--file", str(rows), "gone"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "gone: 0 times in keep: 'tx.kept'",
        "The product has changed: mend its row in rows.toml",
    ]
