"""A wallet's trade bill: a CSV file of the day, read strictly, by the names in its head.

Wallets mark each cell so that spreadsheets take it for text (a backquote before it, or a tab behind), put lines of
words before and after the table, and add columns as they please. Amounts are in yuan.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal

from terminal.model import AMOUNT_MAX_MINOR, Money
from terminal.rail import CHINA

ROWS_LIMIT = 100_000
CELL_LIMIT = 512
# Digits as a wallet writes them: Decimal also knows exponents (one of which overflows it), and other scripts' digits.
_YUAN = re.compile(r"-?[0-9]{1,12}(\.[0-9]{0,8})?")


class BillError(Exception):
    """The file is no bill; the message names line and column."""


def rows(text: str, wanted: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row of the table as (line, {our name: cell}). `wanted`: our name to the column's own. Raises BillError."""
    head: list[str] = []
    found = 0
    try:
        for line, raw in enumerate(csv.reader(io.StringIO(text), strict=True), 1):
            cells = [cell.strip().strip("`").strip() for cell in raw]
            if not head:
                head = cells if wanted["order_no"] in cells else []
                if head and (missing := sorted(set(wanted.values()) - set(head))):
                    raise BillError(f"line {line}: there is no column {missing[0]}")
                continue
            if len(cells) < len(head):
                return  # The sums under the table, and whatever words follow.
            found += 1
            if found > ROWS_LIMIT or any(len(cell) > CELL_LIMIT for cell in cells):
                raise BillError(f"line {line}: more than any day's bill holds")
            yield line, {name: cells[head.index(column)] for name, column in wanted.items()}
    except csv.Error as error:
        raise BillError(f"no table: {error}") from error
    if not head:
        raise BillError(f"no line names the column {wanted['order_no']}")


def money(cell: str, line: int, column: str) -> Money:
    """"12.30" (or "-12.30") as its absolute amount. Raises BillError."""
    return Money(abs(minor(cell, line, column)))


def minor(cell: str, line: int, column: str) -> int:
    """Yuan as minor units, half a cent rounded up; a fee may be negative, and none is 0. Raises BillError.

    >>> minor("-12.345", 1, "fee"), minor("", 1, "fee")
    (-1235, 0)
    """
    if not _YUAN.fullmatch(cell or "0"):
        raise BillError(f"line {line}: {column} is no amount")
    cents = (Decimal(cell or "0") * 100).quantize(Decimal(1), ROUND_HALF_UP)
    if abs(cents) > AMOUNT_MAX_MINOR:
        raise BillError(f"line {line}: {column} is no amount")
    return int(cents)


def civil_ms(text: str) -> int:
    """China's civil time as milliseconds. Raises ValueError."""
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp() * 1000)


def when(cell: str, line: int) -> int:
    """Raises BillError."""
    try:
        return civil_ms(cell)
    except ValueError:
        raise BillError(f"line {line}: no time of day") from None
