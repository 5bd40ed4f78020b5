"""Debouncing as a pure function of scans: no thread, no pin."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.gpio import STEADY_SCANS, Debounce

A, B = (0, 0), (1, 1)
NONE: frozenset[tuple[int, int]] = frozenset()


def play(*scans: tuple[frozenset[tuple[int, int]], int]) -> list[tuple[int, int]]:
    debounce = Debounce()
    found = [debounce.scan(pressed) for pressed, count in scans for _ in range(count)]
    return [key for key in found if key is not None]


def test_a_press_shorter_than_the_bounce_is_none() -> None:
    assert play((NONE, 4), (frozenset({A}), STEADY_SCANS - 1), (NONE, 9)) == []


def test_a_press_counts_when_it_is_steady_and_only_once() -> None:
    assert play((frozenset({A}), STEADY_SCANS), (frozenset({A}), 100), (NONE, 4)) == [A]


def test_bounce_at_the_release_is_no_second_press() -> None:
    assert play((frozenset({A}), 10), (NONE, 3), (frozenset({A}), 1), (NONE, 2), (frozenset({A}), 2)) == [A]
    assert play((frozenset({A}), 10), (NONE, 4), (frozenset({A}), 4)) == [A, A]


def test_rolling_from_one_key_to_the_next_keeps_the_first() -> None:
    assert play((frozenset({A}), 9), (frozenset({A, B}), 9), (frozenset({B}), 9), (NONE, 9)) == [A]
    assert play((frozenset({A}), 9), (frozenset({B}), 9)) == [A]


def test_two_at_once_are_neither() -> None:
    assert play((frozenset({A, B}), 9), (frozenset({B}), 9), (NONE, 9), (frozenset({B}), 9)) == [B]


@given(
    st.lists(st.tuples(st.frozensets(st.sampled_from([A, B]), max_size=2), st.integers(1, 8)), max_size=40)
)
def test_between_two_presses_there_is_always_a_steady_release(
    scans: list[tuple[frozenset[tuple[int, int]], int]],
) -> None:
    debounce = Debounce()
    empty_in_a_row, released = 0, True
    for pressed, count in scans:
        for _ in range(count):
            empty_in_a_row = 0 if pressed else empty_in_a_row + 1
            released = released or empty_in_a_row >= STEADY_SCANS
            if debounce.scan(pressed) is not None:
                assert released
                released = False
