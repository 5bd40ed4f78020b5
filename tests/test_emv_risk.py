"""Random selection as a pure function: over all 99 numbers it selects just as many as the Book's percentage says.

Spec: EMV 4.4 Book 3 §10.6.2. What else risk management does is in tests/emv/cases/risk.toml.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from emv_card_script import first_generate_ac, options, play, records, selection, session
from hypothesis import given
from hypothesis import strategies as st

from emv.profile import AidEntry
from emv.risk import selected_randomly

AID = bytes.fromhex("A000000333")
NUMBERS = range(1, 100)


def entry(floor: int, threshold: int, target: int, target_max: int) -> AidEntry:
    return AidEntry(
        AID,
        "x",
        floor_limit_minor=floor,
        random_threshold_minor=threshold,
        random_target=target,
        random_target_max=target_max,
    )


@st.composite
def settings(draw: st.DrawFn) -> tuple[AidEntry, int]:
    """An entry, and an amount under its floor limit."""
    floor = draw(st.integers(1, 10**12 - 1))
    threshold = draw(st.integers(0, floor - 1))
    target_max = draw(st.integers(0, 99))
    made = entry(floor, threshold, draw(st.integers(0, target_max)), target_max)
    return made, draw(st.integers(0, floor - 1))


@given(settings())
def test_of_a_hundred_numbers_as_many_select_as_the_percentage_says(setting: tuple[AidEntry, int]) -> None:
    row, amount = setting
    percent = Fraction(row.random_target)
    if amount >= row.random_threshold_minor:
        span = row.floor_limit_minor - row.random_threshold_minor
        factor = Fraction(amount - row.random_threshold_minor, span)
        percent += (row.random_target_max - row.random_target) * factor
    assert sum(selected_randomly(row, amount, drawn) for drawn in NUMBERS) == int(percent)


@given(settings(), st.sampled_from(NUMBERS))
def test_a_larger_amount_is_selected_at_least_as_often(setting: tuple[AidEntry, int], drawn: int) -> None:
    row, amount = setting
    if selected_randomly(row, amount, drawn):
        assert all(
            selected_randomly(row, larger, drawn)
            for larger in (amount + 1, row.floor_limit_minor - 1)
            if amount < larger < row.floor_limit_minor
        )


@pytest.mark.parametrize(
    ("amount", "selected"),
    [(0, 10), (999, 10), (1000, 10), (5500, 50), (9999, 89)],
)
def test_by_hand(amount: int, selected: int) -> None:
    """Threshold 10.00, floor limit 100.00, 10 percent rising to 90."""
    row = entry(10_000, 1_000, 10, 90)
    assert sum(selected_randomly(row, amount, drawn) for drawn in NUMBERS) == selected


@pytest.mark.parametrize(
    ("drawn", "tvr"),
    [
        ("00000000", "8000001000"),  # 1, the least number: selected.
        ("00000031", "8000001000"),  # 50.
        ("00000032", "8000000000"),  # 51.
        ("00000062", "8000000000"),  # 99.
        ("00000063", "8000001000"),  # 99 again from the start: 1.
    ],
)
def test_four_random_bytes_become_a_number_from_1_to_99(drawn: str, tvr: str) -> None:
    row = AidEntry(
        AID,
        "x",
        floor_limit_minor=20_000,
        random_target=50,
        random_target_max=50,
        tac_online=bytes.fromhex("0000001000"),
        tac_default=bytes(5),
    )
    card = session(aids=(row,), terminal_type=0x22)
    wanted = "80" if tvr == "8000001000" else "40"
    transcript = [
        *selection(),
        *options(),
        *records(x8E="00000000000000001F00", x9F0D="0000000000", x9F0E=None, x9F0F="0000000000"),
        ("DRAW 4", drawn),
        *first_generate_ac(tvr, wanted=wanted, given="00"),
    ]
    play(card, transcript)
