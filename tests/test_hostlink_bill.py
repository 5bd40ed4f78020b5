"""A part of the acquirer's trade bill, read strictly: what is no bill is refused with its place, whatever it is."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.acquirer.bills import BilledRow, _part
from terminal.hostlink.bill import BillPart, read_bill_part
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.subfields import OrderTag, write_tlv
from terminal.model import Money
from terminal.rail import CHINA, BillRow

ROW = "A1,,wechat,T1,12850,77,20261223123000"
AT_MS = int(datetime.datetime(2026, 12, 23, 12, 30, tzinfo=CHINA).timestamp() * 1000)


def answer(rows: str | None = ROW, count: str | None = "1", received: str = "0", day: str = "20261223") -> Message:
    told = {OrderTag.BILL_DAY: day, OrderTag.BILL_FROM: received}
    if count is not None:
        told[OrderTag.BILL_COUNT] = count
    if rows is not None:
        told[OrderTag.BILL_ROWS] = rows
    return Message("0210", {59: write_tlv(told)})


def test_a_row_is_read_with_its_time_in_china() -> None:
    read = read_bill_part(answer())
    row = BillRow("A1", "", "wechat", "T1", Money(12_850), 77, AT_MS)
    assert read == BillPart("20261223", 0, 1, (row,))


def test_without_a_count_it_is_not_published_and_an_empty_day_has_none() -> None:
    assert read_bill_part(answer(None, None)).count is None
    assert read_bill_part(answer("", "0")) == BillPart("20261223", 0, 0)


@pytest.mark.parametrize(
    ("rows", "count", "received"),
    [
        (ROW, None, "0"),  # Rows of a bill that is not there.
        (ROW, "1", "1"),
        ("", "1", "0"),  # It would be asked for ever.
        (f"{ROW};{ROW}", "1", "0"),
        (ROW, "x", "0"),
        (ROW, "1", "-1"),
        (ROW, "1234567", "0"),
        (f"{ROW};", "2", "0"),
        (ROW.replace("12850", "-12850"), "1", "0"),
        (ROW.replace("12850", "1" * 12), "1", "0"),
        (ROW.replace("77", "7.7"), "1", "0"),
        (ROW.replace("A1", ""), "1", "0"),
        (ROW.replace("A1", "A" * 33), "1", "0"),
        (ROW.replace("A1", "账单"), "1", "0"),
        (ROW.replace("20261223123000", "20261323123000"), "1", "0"),
        (ROW.replace("20261223123000", "00000000000000"), "1", "0"),
        (ROW + ",", "1", "0"),
    ],
)
def test_what_is_no_part_of_a_bill_is_refused(rows: str, count: str | None, received: str) -> None:
    with pytest.raises(FrameError) as refused:
        read_bill_part(answer(rows, count, received))
    assert refused.value.field == 59


@settings(max_examples=300)
@given(st.text(alphabet="A1,;-0 月", max_size=80), st.text(alphabet="0123456789x", max_size=7))
def test_garbage_raises_only_what_it_says(rows: str, count: str) -> None:
    try:
        read = read_bill_part(answer(rows, count))
    except FrameError:
        return
    assert read.count is not None and len(read.rows) <= read.count


_NUMBER = st.text(alphabet="0123456789ABCxyz", min_size=1, max_size=32)
_ROWS = st.builds(
    BilledRow,
    order_no=_NUMBER,
    refund_no=st.just("") | _NUMBER,
    wallet=st.sampled_from(("", "wechat", "unionpay")),
    wallet_no=st.just("") | _NUMBER,
    amount_minor=st.integers(1, 999_999_999_99),
    at_ms=st.integers(AT_MS // 1000, AT_MS // 1000 + 10**8).map(lambda seconds: seconds * 1000),
    fee_bp=st.integers(0, 10_000),
)


@settings(max_examples=100)
@given(st.lists(_ROWS, max_size=40))
def test_what_the_acquirer_writes_in_parts_comes_back_whole(rows: list[BilledRow]) -> None:
    got: list[BillRow] = []
    while True:
        message = answer(_part(rows, len(got)), str(len(rows)), str(len(got)))
        got += read_bill_part(message).rows
        if len(got) >= len(rows):
            break
    assert [(r.order_no, r.refund_no, r.wallet, r.wallet_no, r.amount.amount_minor, r.at_ms) for r in got] == [
        (r.order_no, r.refund_no, r.wallet, r.wallet_no, r.amount_minor, r.at_ms) for r in rows
    ]
    assert all((row.fee_minor <= 0) if row.refund_no else (row.fee_minor >= 0) for row in got)
