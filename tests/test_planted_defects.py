"""Every planted defect still applies to the product as it stands, and changes what it says it changes."""

from __future__ import annotations

import ast

import pytest
from planted.defect import Defect, NoLongerApplies, defects

AT_LEAST = 60


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
