"""What a recording has of money for the printed code, and of a trade bill's fee.

Spec: docs/host-link.md, "acquirer-orders": 780000 and 770000.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sim.acquirer.bills import FEE_BP
from sim.recording.lines import Line
from terminal.hostlink.codec import FrameError
from terminal.hostlink.subfields import OrderTag, read_tlv

PROCESSING_CODE, AMOUNT, ORDER = "3", "4", "59"
RECEIPT_ASKED, BILL_ASKED = "780000", "770000"
FEE = re.compile(r"[^,;]*,[^,;]*,[^,;]*,[^,;]*,([1-9][0-9]{0,10}),([0-9]{1,11}),")  # Of a bill's first row.


@dataclass(frozen=True, slots=True)
class Receipt:
    number: str
    payment: str  # WALLET:AMOUNT.


def _told(asked: str, request: Line, reply: Line) -> dict[str, str]:
    """The elements of the answer to such a request; {} of any other, and of one that cannot be read."""
    fields, told = request.get("fields"), reply.get("fields")
    if not (isinstance(fields, dict) and isinstance(told, dict) and fields.get(PROCESSING_CODE) == asked):
        return {}
    try:
        return read_tlv(str(told.get(ORDER, "")))
    except (FrameError, UnicodeEncodeError):
        return {}


def receipt_of(request: Line, reply: Line) -> Receipt | None:
    """What was paid to the printed code."""
    tags = _told(RECEIPT_ASKED, request, reply)
    if OrderTag.RECEIPT_NO not in tags:
        return None
    amount = str(reply["fields"].get(AMOUNT, "")).lstrip("0")
    return Receipt(tags[OrderTag.RECEIPT_NO], f"{tags.get(OrderTag.WALLET, '')}:{amount}")


def other_fee_bp(request: Line, reply: Line) -> int | None:
    """At which fee the first row of the bill stands, where that is not the contract's of the test merchant."""
    row = FEE.match(_told(BILL_ASKED, request, reply).get(OrderTag.BILL_ROWS, ""))
    if row is None:
        return None
    amount, fee = int(row[1]), int(row[2])
    return None if fee == (amount * FEE_BP + 5_000) // 10_000 else min(10_000, round(fee * 10_000 / amount))
