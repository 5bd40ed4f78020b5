"""A part of the acquirer's trade bill: the rows in F59's C4 of an answer, read strictly.

A row is `order,refund,wallet,wallet's number,amount,fee,YYYYMMDDhhmmss`; between two rows stands `;`. Amounts are in
minor units, a fee that comes back is negative, times are China's.

Spec: docs/host-link.md, "acquirer-orders", bill.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.subfields import OrderTag, read_tlv
from terminal.model import Money
from terminal.rail import CHINA, BillRow

F59 = 59
_ROW = re.compile(
    r"([0-9A-Za-z]{1,32}),([0-9A-Za-z]{0,32}),([a-z0-9_-]{0,16}),([0-9A-Za-z]{0,32})"
    r",([0-9]{1,11}),(-?[0-9]{1,11}),([0-9]{14})"
)
_COUNT = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class BillPart:
    """`count`: how many rows the whole bill has; None: it is not published yet, and there are no rows."""

    day: str
    received: int
    count: int | None
    rows: tuple[BillRow, ...] = ()


def read_bill_part(reply: Message) -> BillPart:
    """Raises FrameError(59, …) for what is no part of a bill; which part it is, is for the caller to compare."""
    tags = read_tlv(reply.text(F59))
    received = _number(tags.get(OrderTag.BILL_FROM, ""), "C2")
    day, told = tags.get(OrderTag.BILL_DAY, ""), tags.get(OrderTag.BILL_ROWS, "")
    if OrderTag.BILL_COUNT not in tags:
        if told:
            raise FrameError(F59, 0, "element C4 without C3")
        return BillPart(day, received, None)
    count = _number(tags[OrderTag.BILL_COUNT], "C3")
    rows = tuple(_row(number, text) for number, text in enumerate(told.split(";"), 1)) if told else ()
    if received + len(rows) > count or (not rows and received < count):
        raise FrameError(F59, 0, "more rows than C3 says, or none while others follow")
    return BillPart(day, received, count, rows)


def _number(text: str, tag: str) -> int:
    if not _COUNT.fullmatch(text):
        raise FrameError(F59, 0, f"element {tag} is no number of rows")
    return int(text)


def _row(number: int, text: str) -> BillRow:
    found = _ROW.fullmatch(text)
    if found is None:
        raise FrameError(F59, 0, f"row {number} of element C4 is no row of a bill")
    order_no, refund_no, wallet, wallet_no, amount, fee, at = found.groups()
    try:
        moment = datetime.datetime.strptime(at, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        raise FrameError(F59, 0, f"row {number} of element C4 has no time") from None
    return BillRow(
        order_no, refund_no, wallet, wallet_no, Money(int(amount)), int(fee), int(moment.timestamp()) * 1000
    )
