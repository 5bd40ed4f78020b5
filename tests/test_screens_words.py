"""The phrase table: both languages, the same blanks to fill in, and an error for what is missing."""

from __future__ import annotations

import string

import pytest

from terminal.model import Money
from terminal.strings import LANGUAGES, PHRASES, UnknownPhrase, Words


def test_every_phrase_is_in_both_languages_with_the_same_blanks() -> None:
    for key, phrases in PHRASES.items():
        assert len(phrases) == len(LANGUAGES), key
        blanks = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in phrases]
        assert all(text.strip() == text and text for text in phrases), key
        assert blanks[0] == blanks[1], key


def test_a_missing_phrase_is_an_error_in_every_way_to_ask() -> None:
    words = Words("zh-CN")
    for ask in (
        lambda: words["nothing.here"],
        lambda: words.say("nothing.here", count=1),
        lambda: words.about("card_problem", "on_fire"),
        lambda: words.phrase("menu.nothing"),
    ):
        with pytest.raises(UnknownPhrase):
            ask()
    with pytest.raises(KeyError):
        words.say("seconds")
    with pytest.raises(ValueError, match="no such language"):
        Words("fr")


def test_a_reason_may_be_a_word_a_key_or_plain_text() -> None:
    words = Words("en")
    assert words.about("paper", "out") == "Out of paper. Load a roll"
    assert words.about("refused", "paper.out") == "Out of paper. Load a roll"
    assert words.about("refused", "Ask the manager") == "Ask the manager"
    assert Words("zh-CN").about("refused", "请找店长") == "请找店长"


def test_money_is_written_with_its_sign_before_the_currencys() -> None:
    assert Words("zh-CN").money(Money(12850)) == "¥128.50"
    assert Words("en").money(Money(-5)) == "-¥0.05"
