"""A wallet's bill that is none: broken on its way, or by somebody. Refused as itself, never by a library's error."""

from __future__ import annotations

import contextlib
import io
import zipfile

import pytest

from terminal.wallets import alipay
from terminal.wallets.bills import BillError, minor
from terminal.wallets.direct import Unbelievable

TABLE = (
    "支付宝交易号,商户订单号,业务类型,完成时间,订单金额（元）,退款批次号/请求号,服务费（元）\n"
    "T1\t,A1\t,交易\t,2026-12-23 12:30:00\t,128.50\t,\t,-0.77\t\n"
)
ENDS_BYTES = 22 + 57  # The archive's two directories: where offsets and sizes stand.


def packed(method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("details.csv", TABLE.encode("gb18030"))
    return out.getvalue()


def test_a_packed_table_is_read() -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        (row,) = alipay._bill_rows(alipay._unpacked(packed(method)))
        assert (row.order_no, row.amount.amount_minor, row.fee_minor) == ("A1", 12_850, 77)


def test_an_archive_with_any_byte_of_its_directory_changed_raises_nothing_else() -> None:
    whole = packed()
    for place in range(len(whole) - ENDS_BYTES, len(whole)):
        for value in (0x00, 0x01, 0x7F, 0xFF):
            with contextlib.suppress(Unbelievable):
                alipay._unpacked(whole[:place] + bytes((value,)) + whole[place + 1 :])


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_packed_in_another_way_is_not_opened(method: int) -> None:
    with pytest.raises(Unbelievable):
        alipay._unpacked(packed(method))


@pytest.mark.parametrize("cell", ["1E+999999", "1e5", "NaN", "-Infinity", "１２", "1_0", "+1", "1,000.00", "1.2.3"])
def test_only_digits_are_an_amount(cell: str) -> None:
    """Decimal reads most of these, and overflows at the first."""
    with pytest.raises(BillError, match="no amount"):
        minor(cell, 1, "amount")
