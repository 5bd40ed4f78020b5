"""Fields 48, 54 and 63 from the inside: what is written comes back, and a broken rule is refused with its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.hostlink.codec import FrameError
from terminal.hostlink.details import (
    AdditionalAmount,
    BatchDetail,
    Remarks,
    read_additional_amounts,
    read_batch_details,
    read_remarks,
    write_additional_amounts,
    write_batch_details,
    write_remarks,
)

MINOR = st.integers(0, 10**12 - 1)


def digits(low: int, high: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=low, max_size=high)


DETAILS = st.builds(BatchDetail, digits(2, 2), digits(6, 6), st.from_regex(r"[1-9][0-9]{12,18}", fullmatch=True), MINOR)
AMOUNTS = st.builds(AdditionalAmount, digits(2, 2), digits(2, 2), digits(3, 3), st.integers(-(10**12) + 1, 10**12 - 1))
REMARK = st.text("交易成功AZ09", max_size=10)


@given(st.lists(DETAILS, min_size=1, max_size=8))
def test_batch_details_come_back(details: list[BatchDetail]) -> None:
    assert read_batch_details(write_batch_details(details)) == tuple(details)


@given(st.lists(AMOUNTS, min_size=1, max_size=6))
def test_additional_amounts_come_back(amounts: list[AdditionalAmount]) -> None:
    assert read_additional_amounts(write_additional_amounts(amounts)) == tuple(amounts)


@given(st.builds(Remarks, st.sampled_from(["CUP", "000", "01", ""]), REMARK, REMARK, REMARK, REMARK))
def test_remarks_come_back(remarks: Remarks) -> None:
    assert read_remarks(write_remarks(remarks)) == remarks


def test_the_widths_are_the_documents() -> None:
    detail = BatchDetail("00", "000042", "6225000000000014", 12850)
    assert write_batch_details([detail]) == "01" + "00" + "000042" + "00006225000000000014" + "000000012850"
    assert write_additional_amounts([AdditionalAmount("10", "02", "156", -12850)]) == "1002156D000000012850"
    assert write_remarks(Remarks("CUP", "余额不足")).encode("gb18030") == "CUP余额不足".encode("gb18030") + b" " * 12
    assert "6225" not in repr(detail)


@pytest.mark.parametrize(
    ("read", "text", "field", "offset"),
    [
        (read_batch_details, "", 48, 0),
        (read_batch_details, "00", 48, 0),
        (read_batch_details, "02" + "0" * 40, 48, 0),
        (read_batch_details, "09" + "0" * 360, 48, 0),
        (read_batch_details, "01" + "0" * 39 + "x", 48, 2),
        (read_additional_amounts, "", 54, 0),
        (read_additional_amounts, "1002156C00000001285", 54, 0),
        (read_additional_amounts, "1002156C000000012850" + "1002156X000000012850", 54, 20),
        (read_additional_amounts, "1002156D000000000000", 54, 0),
        (read_remarks, "CU", 63, 0),
        (read_remarks, "CUPshort", 63, 3),
        (read_remarks, "CUP" + "x" * 19 + "交" + "x" * 19, 63, 3),
        (read_remarks, "x" * 124, 63, 123),
    ],
)
def test_a_broken_rule_is_refused(read: Callable[[str], object], text: str, field: int, offset: int) -> None:
    with pytest.raises(FrameError) as fault:
        read(text)
    assert (fault.value.field, fault.value.offset) == (field, offset)


@pytest.mark.parametrize(
    "write",
    [
        lambda: write_batch_details([BatchDetail("00", "42", "6225000000000014", 1)]),
        lambda: write_batch_details([BatchDetail("00", "000042", "6225000000000014", 10**12)]),
        lambda: write_batch_details([]),
        lambda: write_additional_amounts([AdditionalAmount("10", "02", "156", 10**12)]),
        lambda: write_remarks(Remarks("CUPX")),
    ],
)
def test_what_does_not_fit_is_not_written(write: Callable[[], str]) -> None:
    with pytest.raises(FrameError):
        write()


@given(st.text("0159CDx交 ", max_size=130))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_batch_details, read_additional_amounts, read_remarks):
        try:
            read(text)
        except FrameError as fault:
            assert fault.field in (48, 54, 63)
            assert fault.offset <= len(text.encode("gb18030"))
