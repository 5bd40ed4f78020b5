"""Counting cells and breaking lines: every character of the text is kept, and nothing is wider than asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from terminal.receipts.lines import CLOSING, cells_of, columns, two_columns, wrap

TEXTS = st.text(st.sampled_from("掌柜茶馆，。、ABCxyz 09-/()"), max_size=60)


@given(TEXTS, st.integers(2, 48))
def test_wrapping_keeps_all_but_spaces_and_no_line_is_too_wide(text: str, cells: int) -> None:
    lines = wrap(text, cells)
    assert lines
    assert all(cells_of(line) <= cells for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(TEXTS, TEXTS, st.integers(2, 48))
def test_two_columns_keep_both_sides(left: str, right: str, cells: int) -> None:
    lines = two_columns(left, right, cells)
    assert all(cells_of(line) <= cells for line in lines)
    assert "".join("".join(lines).split()) == "".join((left + right).split())


def test_a_number_is_broken_only_if_it_is_longer_than_a_line() -> None:
    assert wrap("RMB 128.50", 9) == ("RMB", "128.50")
    assert wrap("12345678901234567890", 8) == ("12345678", "90123456", "7890")


def test_punctuation_does_not_begin_a_line() -> None:
    for cells in range(6, 30):
        for line in wrap("本人确认以上交易，同意将其计入本卡账户。谢谢、再见", cells):
            assert line[0] not in CLOSING


def test_a_table_row_has_its_numbers_at_the_right_edges() -> None:
    assert columns(("消费/SALE", "12", "345.60"), (13, 6, 13)) == "消费/SALE        12       345.60"
    assert cells_of(columns(("很长很长的名字", "1", "2"), (5, 3, 3))) == 11
