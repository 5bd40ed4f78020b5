"""A payment is chosen from today's: newest first, as far back as somebody can scroll."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from terminal.dialogue import choose
from terminal.loop import Commit
from terminal.model import PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

SCAN_LIMIT = 10_000  # Payments looked at for one day; a handheld that sells more in a day is a queue of handhelds.
PICK_LIMIT = 100  # Rows to scroll through; what is further back is found by its number.
PAGE = 500


async def todays(shop: Shop) -> tuple[PaymentRecord, ...]:
    """What was begun since midnight by the shop's clock, newest first; of what was abandoned nobody was asked."""
    day = shop.local_time(await wall_ms()).date()

    def read(tx: Tx) -> tuple[PaymentRecord, ...]:
        found: list[PaymentRecord] = []
        for offset in range(0, SCAN_LIMIT, PAGE):
            rows = tx.payments(limit=PAGE, offset=offset)
            found += [p for p in rows if shop.local_time(p.created_ms).date() == day]
            if len(rows) < PAGE or shop.local_time(rows[-1].created_ms).date() != day:
                break
        return tuple(p for p in found if p.state is not PaymentState.ABANDONED)

    return await Commit(read)


async def pick(shop: Shop, wanted: Callable[[PaymentRecord], bool]) -> PaymentRecord | None:
    """One of today's that are wanted; None when there is none, or nobody wants one."""
    found = [payment for payment in await todays(shop) if wanted(payment)][:PICK_LIMIT]
    rows = tuple((f"{shop.local_time(p.created_ms):%H:%M}", p.amount) for p in found)
    chosen = await choose(shop, len(rows), lambda at: screens.PickPayment(rows=rows, selected=at)) if rows else None
    return None if chosen is None else found[chosen]
