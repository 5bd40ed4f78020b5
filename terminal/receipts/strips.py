"""What a settlement's or a lock's slip has to name may be longer than any paper: then it goes on, strip after strip.

A day of offline sales that the host refuses, one by one, is as many rows as the batch holds. No event of the journal
holds a slip of that length, and a jam in its last centimetre would print it again from its top.
"""

from __future__ import annotations

from dataclasses import replace

from terminal.receipts.slips import LockSlip, OpenRow, OpenSlip, SettlementSlip, Slip, UploadRow

# What a paper jam costs at most: two lines each, some 25 cm and eight seconds of a printer at 9,600 baud. Some 12 KB in
# the journal, whose events hold 32.
ROWS_A_STRIP = 40


def in_strips(slip: SettlementSlip | LockSlip) -> tuple[Slip, ...]:
    """The slip with as many of its rows as a strip holds, then the strips with the others."""
    uploads = slip.upload_rows if isinstance(slip, SettlementSlip) else ()
    rows: tuple[OpenRow | UploadRow, ...] = (*slip.open_rows, *uploads)
    parts = [_sorted(rows[at : at + ROWS_A_STRIP]) for at in range(0, len(rows), ROWS_A_STRIP)] or [((), ())]
    (still_open, not_taken), *others = parts
    first: Slip = replace(slip, open_rows=still_open, strips=len(parts))
    if isinstance(first, SettlementSlip):
        first = replace(first, upload_rows=not_taken)
    more = (OpenSlip(slip.head, *part, strip, len(parts)) for strip, part in enumerate(others, 2))
    return (first, *more)


def _sorted(rows: tuple[OpenRow | UploadRow, ...]) -> tuple[tuple[OpenRow, ...], tuple[UploadRow, ...]]:
    still_open = tuple(row for row in rows if isinstance(row, OpenRow))
    return still_open, tuple(row for row in rows if isinstance(row, UploadRow))
