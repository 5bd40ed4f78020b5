"""报表: an X report at any time, the details of this batch or of the last, the last settlement once more, 对账.

An X report settles nothing and is kept nowhere, and so are the details: the journal can print both again. Details come
in strips of paper, so that a long batch is not lost with one paper jam.
Source: host-link digest §6, §10.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Tone
from terminal.dialogue import acknowledge, choose
from terminal.flows.batch import count_batch, is_unknown, of_batch, worth
from terminal.flows.reconcile import reconcile
from terminal.loop import Commit
from terminal.printing import print_copy, print_record, slip_head
from terminal.receipts import ROWS_A_STRIP, Balance, Copy, DetailRow, DetailSlip, SettlementSlip, in_strips
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, SlipRecord, Tx

ITEMS = ("x_report", "details", "last_settlement", "last_details", "reconcile")


async def reports(shop: Shop) -> None:
    items = tuple(f"menu.{name}" for name in ITEMS)
    chosen = await choose(shop, len(items), lambda at: screens.Menu(title="menu.reports", items=items, selected=at))
    match None if chosen is None else ITEMS[chosen]:
        case "x_report":
            await x_report(shop)
        case "details":
            await details(shop, await Commit(lambda tx: tx.get("batch", 1)))
        case "last_settlement":
            await last_settlement(shop)
        case "last_details":
            await details(shop, await Commit(lambda tx: tx.get("batch", 1) - 1))
        case "reconcile":
            await reconcile(shop)


async def x_report(shop: Shop) -> None:
    """交易统计单: what a settlement would count now."""
    batch = await Commit(lambda tx: count_batch(shop, tx))
    slip = SettlementSlip(
        head=await slip_head(shop, batch.batch_no),
        rows=batch.rows,
        total_count=batch.count,
        total=batch.total,
        domestic=Balance.NOT_REPORTED,
        open_rows=batch.open_rows,
        upload_rows=batch.upload_rows,
        closed=False,
        discounts=batch.discounts,
    )
    for strip in in_strips(slip):
        if not await print_copy(shop, strip, Copy.MERCHANT, reprint=False):
            return


async def last_settlement(shop: Shop) -> None:
    """The last settlement's slip, every strip of it, marked 重打印."""
    strips = await Commit(_last_settlement)
    for strip in strips:
        if not await print_record(shop, strip):
            break
    else:
        if strips:
            return
    shop.sound(Tone.FAILURE)
    await acknowledge(shop, screens.Refused(reason="no_slip"))


def _last_settlement(tx: Tx) -> tuple[SlipRecord, ...]:
    """Its strips were kept in one commit, one behind the other."""
    first = tx.last_slip(SettlementSlip.record_kind)
    return tx.slips_from(first.id, first.body.get("strips", 1)) if first is not None else ()


async def details(shop: Shop, batch: int) -> None:
    """交易明细单: every payment that a settlement counts, and those whose end is unknown: card, letter, voucher."""
    payments = await Commit(partial(_counted, shop, batch))
    if not payments:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason="no_sales"))
        return
    head = await slip_head(shop, str(payments[0].facts.get("batch_no", "")))
    strips = [payments[at : at + ROWS_A_STRIP] for at in range(0, len(payments), ROWS_A_STRIP)]
    for number, strip in enumerate(strips, 1):
        slip = DetailSlip(head=head, rows=tuple(_row(p) for p in strip), strip=number, strips=len(strips))
        if not await print_copy(shop, slip, Copy.MERCHANT, reprint=False):
            return


def _counted(shop: Shop, batch: int, tx: Tx) -> tuple[PaymentRecord, ...]:
    return tuple(p for p in of_batch(tx, batch) if is_unknown(p) or worth(shop, p) is not None)


def _row(payment: PaymentRecord) -> DetailRow:
    facts = payment.facts
    return DetailRow(
        payment.method,
        payment.kind,
        payment.amount,
        str(payment.stan or ""),
        str(facts.get("masked_pan", "")),
        str(facts.get("auth_code", "")).strip(),
        unknown=is_unknown(payment),
    )
