"""The acquirer's trade bill of a day, part by part, each under its MAC. All of it, or none.

Spec: docs/host-link.md, "acquirer-orders", bill.
"""

from __future__ import annotations

import datetime

from terminal.hostlink import messages
from terminal.hostlink.bill import BillPart, read_bill_part
from terminal.hostlink.codec import FrameError
from terminal.hostlink.reply import VerdictKind
from terminal.hostlink.session import Silence
from terminal.loop import Commit
from terminal.methods.asking import ask_authenticated
from terminal.methods.reversal import identity
from terminal.rail import Bill, BillRow
from terminal.shop import Shop

ROWS_LIMIT = 5_000  # Five full batches in a day; some nine hundred parts of F59.


async def fetch(shop: Shop, day: datetime.date) -> Bill:
    """Never raises for what the host may say."""
    rows: tuple[BillRow, ...] = ()
    count: int | None = None
    while count is None or len(rows) < count:  # Every part has a row at least, so the limit ends it.
        part = await _part(shop, day, len(rows))
        if isinstance(part, Bill):
            return part
        if count is None:
            count = part.count
        if (part.day, part.received, part.count) != (f"{day:%Y%m%d}", len(rows), count):
            return Bill(None, "garbled")
        if count is None:
            return Bill(None)
        if count > ROWS_LIMIT:
            return Bill(None, "too_long")
        rows = (*rows, *part.rows)
    return Bill(rows)


async def _part(shop: Shop, day: datetime.date, received: int) -> BillPart | Bill:
    batch_no, stan = await Commit(lambda tx: (tx.get("batch_no", "000001"), tx.next_stan()))
    request = messages.qr_bill(identity(shop, batch_no), shop.profile, stan=stan, day=day, received=received)
    answer = await ask_authenticated(shop, request, "bill")
    if isinstance(answer, Silence):
        return Bill(None, answer.reason)
    if answer.verdict.kind is VerdictKind.UNAUTHENTICATED:
        return Bill(None, "unauthenticated")
    if answer.verdict.kind is not VerdictKind.APPROVED:
        return Bill(None, "declined", answer.verdict.code)
    try:
        return read_bill_part(answer.reply)
    except FrameError:
        return Bill(None, "garbled")
