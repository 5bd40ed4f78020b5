"""Money, masks, years and the state tables."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.model import (
    AMOUNT_MAX_MINOR,
    CNY,
    MODE_EDGES,
    OPEN_STATES,
    PAYMENT_EDGES,
    Currency,
    IllegalEdge,
    Method,
    Mode,
    Money,
    PaymentState,
    check_edge,
    infer_year,
    mask_pan,
)

P = PaymentState
YEN = Currency("JPY", "392", 0, "¥")


# Money


@pytest.mark.parametrize(
    ("minor", "text"), [(0, "0.00"), (1, "0.01"), (12_850, "128.50"), (-5, "-0.05"), (-12_345, "-123.45")]
)
def test_money_prints_all_its_minor_digits(minor: int, text: str) -> None:
    assert str(Money(minor)) == text
    assert str(Money(minor, YEN)) == str(minor)


@given(st.integers(-10_000_000, 10_000_000), st.integers(-10_000_000, 10_000_000))
def test_money_adds_and_subtracts_exactly(a: int, b: int) -> None:
    assert Money(a) + Money(b) == Money(a + b)
    assert Money(a) + Money(b) - Money(b) == Money(a)


@pytest.mark.parametrize("minor", [AMOUNT_MAX_MINOR + 1, -AMOUNT_MAX_MINOR - 1, 1.0, "1", None])
def test_money_is_a_whole_number_that_fits_its_field(minor: object) -> None:
    with pytest.raises(ValueError, match="n12"):
        Money(minor)  # type: ignore[arg-type]


def test_two_currencies_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="CNY and JPY"):
        Money(1) + Money(1, YEN)
    with pytest.raises(ValueError):
        Money(1) - Money(1, YEN)
    with pytest.raises(ValueError):
        Money(AMOUNT_MAX_MINOR) + Money(1)


def test_money_is_a_value() -> None:
    assert {Money(5), Money(5, CNY)} == {Money(5)}
    with pytest.raises(AttributeError):
        Money(5).amount_minor = 6  # type: ignore[misc]


# Masks


@given(st.from_regex(r"[0-9]{12,19}", fullmatch=True))
def test_a_mask_shows_six_and_four_and_keeps_the_length(pan: str) -> None:
    masked = mask_pan(pan)
    assert len(masked) == len(pan)
    assert (masked[:6], masked[-4:]) == (pan[:6], pan[-4:])
    assert set(masked[6:-4]) == {"*"}


@pytest.mark.parametrize("short", ["", "1", "12345678901"])
def test_what_is_too_short_for_a_pan_shows_nothing(short: str) -> None:
    assert mask_pan(short) == "*" * len(short)


# Years


@pytest.mark.parametrize(
    ("month_day", "last", "expected"),
    [
        ("0101", (2026, 12, 31), (2027, 1, 1)),
        ("1231", (2027, 1, 1), (2026, 12, 31)),
        ("1122", (2026, 11, 22), (2026, 11, 22)),
        ("0229", (2028, 2, 28), (2028, 2, 29)),
        ("0229", (2027, 12, 31), (2028, 2, 29)),
        ("0229", (2025, 1, 10), (2024, 2, 29)),
        ("0701", (2026, 1, 1), (2026, 7, 1)),
    ],
)
def test_the_year_is_that_of_the_nearest_day(
    month_day: str, last: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    assert infer_year(month_day, datetime.date(*last)) == datetime.date(*expected)


@pytest.mark.parametrize("text", ["1301", "0431", "0000", "11", "11223", "ab12", "1 22", "", "0230"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        infer_year(text, datetime.date(2026, 11, 22))


def test_a_leap_day_far_from_any_leap_year_is_refused() -> None:
    with pytest.raises(ValueError, match="no such date"):
        infer_year("0229", datetime.date(2026, 6, 1))  # 2025, 2026, 2027 have none.


@given(st.dates(datetime.date(2025, 2, 1), datetime.date(2099, 1, 1)), st.integers(-170, 170))
def test_a_day_within_half_a_year_is_found_again(last: datetime.date, days: int) -> None:
    day = last + datetime.timedelta(days)
    assert infer_year(f"{day:%m%d}", last) == day


# The state tables


def test_every_state_has_its_row_and_every_row_leads_to_states() -> None:
    assert set(PAYMENT_EDGES) == set(P)
    assert set(MODE_EDGES) == set(Mode)


def test_every_payment_state_can_be_reached_and_the_open_ones_can_end() -> None:
    reached = {P.NEW}
    for _ in P:
        reached |= {to for state in reached for to in PAYMENT_EDGES[state]}
    assert reached == set(P)
    ends = {state for state in P if not PAYMENT_EDGES[state]}
    assert ends == {P.ABANDONED, P.DECLINED, P.REVERSED, P.SETTLED}
    assert not ends & set(OPEN_STATES)
    assert {P.COMPLETED, P.VOIDED}.isdisjoint(OPEN_STATES)


def test_what_may_have_been_charged_is_never_forgotten() -> None:
    """From UNKNOWN and REVERSING there is no way to ABANDONED: silence is not a withdrawal."""
    for state in (P.UNKNOWN, P.REVERSING, P.APPROVED):
        assert P.ABANDONED not in PAYMENT_EDGES[state]
    assert P.DECLINED not in PAYMENT_EDGES[P.REVERSING]
    assert P.DECLINED not in PAYMENT_EDGES[P.APPROVED]


@pytest.mark.parametrize("old", list(P))
def test_an_edge_that_is_not_in_the_table_is_refused_by_name(old: PaymentState) -> None:
    for new in P:
        if new in PAYMENT_EDGES[old]:
            check_edge(PAYMENT_EDGES, old, new)
        else:
            with pytest.raises(IllegalEdge, match=f"{old.value} → {new.value}"):
                check_edge(PAYMENT_EDGES, old, new)


def test_settling_ends_in_keyed_so_that_a_sign_in_is_due() -> None:
    assert MODE_EDGES[Mode.SETTLING] == (Mode.KEYED, Mode.LOCKED)
    assert MODE_EDGES[Mode.LOCKED] == (Mode.BLANK,)
    assert all(Mode.LOCKED in targets for mode, targets in MODE_EDGES.items() if mode is not Mode.LOCKED)


def test_methods_have_stable_names() -> None:
    assert [method.value for method in Method] == ["card", "qr-shown", "qr-scanned", "cash", "qr-static"]
