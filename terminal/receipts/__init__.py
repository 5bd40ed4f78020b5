"""Slips: what a sale, a settlement and a self-test say on paper.

`slips` holds them as frozen values, `records` makes plain JSON of them for the journal, `layout` turns one into lines
of paper, `lines` counts cells, `words` has every label in both languages. Nothing here knows a printer.
Spec: host-link digest §10.
"""

from terminal.receipts.layout import lay_out
from terminal.receipts.parts import Balance, Copy, Entry, Head, SlipError, Verification
from terminal.receipts.records import from_record, to_record
from terminal.receipts.slips import (
    BillSlip,
    CardSlip,
    CashSlip,
    Chip,
    DetailRow,
    DetailSlip,
    DifferenceRow,
    Discounts,
    Ending,
    KeySlip,
    Late,
    LockSlip,
    NoticeSlip,
    OpenRow,
    OpenSlip,
    QrOrderSlip,
    QrSlip,
    SelfTestSlip,
    SettlementSlip,
    Slip,
    StaticCodeSlip,
    TotalRow,
    UploadRow,
)
from terminal.receipts.strips import ROWS_A_STRIP, in_strips

__all__ = [
    "ROWS_A_STRIP",
    "Balance",
    "BillSlip",
    "CardSlip",
    "CashSlip",
    "Chip",
    "Copy",
    "DetailRow",
    "DetailSlip",
    "DifferenceRow",
    "Discounts",
    "Ending",
    "Entry",
    "Head",
    "KeySlip",
    "Late",
    "LockSlip",
    "NoticeSlip",
    "OpenRow",
    "OpenSlip",
    "QrOrderSlip",
    "QrSlip",
    "SelfTestSlip",
    "SettlementSlip",
    "Slip",
    "SlipError",
    "StaticCodeSlip",
    "TotalRow",
    "UploadRow",
    "Verification",
    "from_record",
    "in_strips",
    "lay_out",
    "to_record",
]
