"""Who pays how much: order = customer + merchant + platform, to the cent, of the order and of all its refunds together.

Shown for any figures, true ones and false ones; what a wallet or a host may say in their place is believed only if it
comes to the order, and never raises. On the wire the same comes back that was written.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.hostlink.promotions import NAME_LIMIT, read_came_with, write_extras, write_promotions
from terminal.hostlink.subfields import OrderTag
from terminal.journal.screening import check_facts, check_json
from terminal.methods.qr_split import came_with, split_in
from terminal.model import Money, Payer, Promotion
from terminal.rail import EXTRAS_LIMIT, PROMOTIONS_LIMIT, Fate, OrderNews

AMOUNTS = st.integers(1, 10_000_000)
NAMES = st.text(st.characters(codec="gb18030", exclude_categories=["C", "Z"]), max_size=NAME_LIMIT)
PROMOTION = st.builds(Promotion, NAMES, st.integers(-5, 5_000).map(Money), st.sampled_from(Payer))
PROMOTIONS = st.lists(PROMOTION, max_size=PROMOTIONS_LIMIT + 1).map(tuple)
EXTRAS = st.lists(NAMES.filter(bool), max_size=EXTRAS_LIMIT)


def news(promotions: tuple[Promotion, ...] | None, customer: int | None = None, *extras: str) -> OrderNews:
    paid = None if customer is None else Money(customer)
    return OrderNews(Fate.PAID, promotions=promotions, customer=paid, extras=extras)


@given(AMOUNTS, PROMOTIONS, st.none() | AMOUNTS | st.just("right"))
def test_the_parts_are_the_order_or_none_is_believed(
    total: int, promotions: tuple[Promotion, ...], customer: int | str | None
) -> None:
    off = sum(each.amount.amount_minor for each in promotions)
    paid = max(0, total - off) if customer == "right" else customer
    came = came_with(Money(total), news(promotions, paid if isinstance(paid, int) else None))
    if came.split is not None:
        assert not came.disbelieved
        assert came.split.total_minor == total
        assert min(came.split.customer_minor, came.split.merchant_minor, came.split.platform_minor) >= 0
        assert split_in(came.facts) == came.split
    elif came.disbelieved:
        assert split_in(came.facts) is None and not came.promotions
    else:
        assert promotions == () and paid in (None, total)


@given(AMOUNTS, st.data())
def test_all_refunds_together_give_back_what_each_bore(total: int, data: st.DataObject) -> None:
    merchant = data.draw(st.integers(0, total))
    platform = data.draw(st.integers(0, total - merchant))
    given_off = tuple(
        Promotion("", Money(minor), payer)
        for minor, payer in ((merchant, Payer.MERCHANT), (platform, Payer.PLATFORM))
        if minor
    )
    split = came_with(Money(total), news(given_off)).split
    cuts = sorted({0, total, *data.draw(st.lists(st.integers(0, total), max_size=5))})
    if split is None:
        assert not given_off
        return
    left = split
    for before, after in pairwise(cuts):
        part = left.part(after - before)
        assert part.total_minor == after - before
        assert min(part.customer_minor, part.merchant_minor, part.platform_minor) >= 0
        left -= part
        assert min(left.customer_minor, left.merchant_minor, left.platform_minor) >= 0
    assert left.total_minor == 0


@pytest.mark.parametrize(
    "told",
    [
        news(None),
        news((Promotion("", Money(12_851), Payer.PLATFORM),)),
        news((Promotion("", Money(0), Payer.MERCHANT),)),
        news((Promotion("", Money(-500), Payer.MERCHANT),), 13_350),
        news((Promotion("", Money(500), Payer.MERCHANT),), 12_351),
        news((), 12_000),
        news((Promotion("", Money(1), Payer.MERCHANT),) * (PROMOTIONS_LIMIT + 1)),
    ],
)
def test_figures_that_do_not_come_to_the_order(told: OrderNews) -> None:
    came = came_with(Money(12_850), told)
    assert (came.split, came.promotions, came.disbelieved) == (None, (), True)


def test_an_order_that_costs_the_customer_nothing() -> None:
    came = came_with(Money(500), news((Promotion("", Money(500), Payer.PLATFORM),), 0))
    assert came.customer == Money(0)


def test_a_card_number_in_a_name_stops_nothing_and_is_kept_nowhere() -> None:
    number = "6225000000000014"
    came = came_with(Money(500), news((Promotion(number, Money(1), Payer.MERCHANT),), None, number, *["x" * 99] * 9))
    check_facts(came.facts)
    check_json("promotions", [{"name": each.name} for each in came.promotions])
    check_json("extras", list(came.extras))
    assert number not in str(came) and len(came.extras) == EXTRAS_LIMIT


@given(PROMOTIONS.filter(lambda rows: len(rows) <= PROMOTIONS_LIMIT), EXTRAS)
def test_on_the_wire_the_same_comes_back(promotions: tuple[Promotion, ...], extras: list[str]) -> None:
    rows = tuple(each for each in promotions if each.amount.amount_minor >= 0)
    tags = {OrderTag.PROMOTIONS: write_promotions(rows), OrderTag.EXTRAS: write_extras(extras)}
    read = read_came_with({OrderTag.CUSTOMER_PAID: "000000000007", **tags})
    assert (read.promotions, read.customer, read.extras) == (rows, Money(7), tuple(extras))


@pytest.mark.parametrize(
    "b7",
    ["x", "01013M00000000050", "01013X000000000500", "02013M000000000500", "01013M00000000050A", "01013M999999999999",
     "01034M000000000500" + "x" * 21, write_promotions((Promotion("", Money(1), Payer.MERCHANT),) * 9)],
)  # fmt: skip
def test_a_discount_that_cannot_be_read_is_none_and_loses_nothing(b7: str) -> None:
    assert read_came_with({OrderTag.PROMOTIONS: b7}).promotions is None


@pytest.mark.parametrize("b6", ["x", "50", "999999999999"])
def test_what_the_customer_paid_is_an_amount_or_nothing_is_believed(b6: str) -> None:
    read = read_came_with({OrderTag.CUSTOMER_PAID: b6})
    assert (read.customer, read.promotions) == (None, None)


@given(st.dictionaries(st.sampled_from(["B6", "B7", "B8", "B9"]), st.text(max_size=60)))
def test_whatever_a_host_says_is_read_without_a_fault(tags: dict[str, str]) -> None:
    came_with(Money(500), OrderNews(Fate.PAID, promotions=read_came_with(tags).promotions))
