"""对账: fetch the trade bill of a day from each rail, match it with our orders, show, print and keep what differs.

A bill changes no payment: what it says is said, on the glass and on paper, and somebody sees to it. An order that is
still open with us goes on being asked about, whatever stands on a bill. A bill that is not published yet says nothing
at all. That a day was matched, and how often it came to what, is durable in one commit with the slip that names each
row.

Source: retail digest, "QR payments"; docs/wallets.md, "Reconciliation".
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge, next_key, type_text
from terminal.flows.sale import why_not_selling
from terminal.journal import harmless
from terminal.loop import Commit
from terminal.methods import static_code
from terminal.methods.qr_order import THROUGH_ORDERS
from terminal.methods.rails import RAIL, all_rails
from terminal.model import Finding, Kind, Method, Money, infer_year
from terminal.operators import allowed
from terminal.printing import head_at, keep, print_kept
from terminal.rail import ACQUIRER, CHINA, ORDER_NO_LIMIT, Bill, Rail
from terminal.receipts import ROWS_A_STRIP, BillSlip, DifferenceRow
from terminal.reconcile import DAY_MS, Line, Reconciled, bounds, of_payments
from terminal.reconcile import reconcile as match
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

STRIPS_LIMIT = 10  # A shop with more differences than that has another trouble, and a bill of its wallet to read.
ORDER_END = 10  # Characters of a foreign order's number on the glass; the slip has all of it.
KEPT = "reconciled_"  # Setting, of each rail: the last day that was matched, and what came of it.
SHOWN = (Finding.MISSING, Finding.EXTRA, Finding.AMOUNT, Finding.FEE, Finding.STATE)


async def reconcile(shop: Shop) -> None:
    """One day, rail by rail. A rail whose bill nobody waits for is left out."""
    refused = why_not_selling(shop) or ("" if all_rails(shop) else "no_bill")
    if refused:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason=refused))
        return
    if not await allowed(shop, "reconcile"):
        return
    day = await _choose_day(shop)
    if day is not None:
        await _hear_of_receipts(shop)
        for rail in all_rails(shop):
            await _of_rail(shop, rail, day)


async def _hear_of_receipts(shop: Shop) -> None:
    """What came over the printed code and was not told yet is no difference."""
    if await Commit(partial(static_code.is_in_use, shop)):
        shop.show(screens.Connecting(what="receipts"))
        await static_code.fetch(shop)


async def _choose_day(shop: Shop) -> datetime.date | None:
    """Yesterday, or another day that is over; None when nobody wants to any more."""
    today = await _china_today(shop)

    def read(value: str) -> datetime.date | None:
        try:
            day = infer_year(value, today)
        except ValueError:
            return None
        return day if day < today else None

    typed = await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field="bill_day", value=value, hint=problem or "bill_day"),
        initial=f"{today - datetime.timedelta(days=1):%m%d}",
        limit=4,
        check=lambda value: "" if read(value) else "bill_day_wrong",
    )
    return None if typed is None else read(typed)


async def _china_today(shop: Shop) -> datetime.date:
    return datetime.datetime.fromtimestamp((await wall_ms() + shop.clock_offset_ms) / 1000, CHINA).date()


async def _of_rail(shop: Shop, rail: Rail, day: datetime.date) -> None:
    bill = await _fetch(shop, rail, day)
    if bill is None:
        return
    payments = await _ours(shop, rail, day)
    compare = partial(match, day, fee_bp=rail.fee_bp)
    ours = tuple(of_payments(payments, clock_offset_ms=shop.clock_offset_ms))
    found = compare(bill.rows or (), ours)
    if found.wants_before:
        before = await _fetch(shop, rail, day - datetime.timedelta(days=1))
        if before is None:
            return
        found = compare(bill.rows or (), ours, before=before.rows)
    slips = await Commit(partial(_keep, shop, rail, day, found))
    await _show(shop, rail, day, found)
    for slip_id, slip in slips:
        await print_kept(shop, slip_id, slip)


async def _fetch(shop: Shop, rail: Rail, day: datetime.date) -> Bill | None:
    """A bill with rows; None when nobody wants to ask again."""
    while True:
        shop.show(screens.Connecting(what="bill"))
        bill = await rail.bill(day)
        if bill.rows is not None:
            return bill
        shop.sound(Tone.ATTENTION)
        failed = screens.BillFailed(
            wallet=rail.name, day=f"{day:%m%d}", reason=bill.fault or "not_yet", code=bill.code
        )
        if await acknowledge(shop, failed) is not Key.ENTER or why_not_selling(shop):
            return None  # A host that has lost our keys wants a sign-in first.


async def _ours(shop: Shop, rail: Rail, day: datetime.date) -> tuple[PaymentRecord, ...]:
    """Orders and refunds with this rail that were alive on the day, the one before or the one after; of the acquirer
    also what came over the printed code, which may have been told days after it was paid.
    """
    begins_ms, ends_ms = bounds(day)
    from_ms, to_ms = (at - shop.clock_offset_ms for at in (begins_ms - DAY_MS, ends_ms + DAY_MS))
    orders = await _alive(from_ms, to_ms, THROUGH_ORDERS)
    ours = tuple(p for p in orders if p.kind in (Kind.SALE, Kind.REFUND) and _is_of(p, rail))
    if rail.name != ACQUIRER:
        return ours
    receipts = await _alive(from_ms, await wall_ms() + DAY_MS, (Method.QR_STATIC,))
    return (*ours, *filter(static_code.is_receipt, receipts))


async def _alive(from_ms: int, to_ms: int, methods: Collection[Method]) -> tuple[PaymentRecord, ...]:
    """In pages."""
    found: tuple[PaymentRecord, ...] = ()
    after = 0
    while page := await Commit(partial(_page, from_ms, to_ms, methods, after)):
        found += page
        after = page[-1].id
    return found


def _page(
    from_ms: int, to_ms: int, methods: Collection[Method], after: int, tx: Tx
) -> tuple[PaymentRecord, ...]:
    return tx.alive_between(from_ms, to_ms, methods, after=after)


def _is_of(payment: PaymentRecord, rail: Rail) -> bool:
    """One that never got as far as an order number was nobody's."""
    return "order_no" in payment.facts and payment.facts.get(RAIL, ACQUIRER) == rail.name


def _keep(shop: Shop, rail: Rail, day: datetime.date, found: Reconciled, tx: Tx) -> tuple[tuple[int, BillSlip], ...]:
    """The fact and its slips; the journal keeps those of every day."""
    rows = tuple(_row(line) for line in found.differences)
    strips = [rows[at : at + ROWS_A_STRIP] for at in range(0, len(rows), ROWS_A_STRIP)][:STRIPS_LIMIT] or [()]
    unnamed = max(0, len(rows) - ROWS_A_STRIP * STRIPS_LIMIT)
    counts = tuple((each, found.counts[each]) for each in Finding if each is Finding.MATCHED or found.counts[each])
    slips = []
    for number, strip in enumerate(strips, 1):
        slip = BillSlip(
            head=head_at(shop, tx.get("batch_no", "000001"), tx.now_ms),
            rail=rail.name,
            day=day.isoformat(),
            counts=counts,
            rows=strip,
            unnamed=unnamed if number == len(strips) else 0,
            fees_checked=rail.fee_bp is not None,
            strip=number,
            strips=len(strips),
        )
        slips.append((keep(tx, slip), slip))
    told = {"day": day.isoformat(), "slips": [slip_id for slip_id, _ in slips]}
    tx.set(KEPT + rail.name, {**told, **{each.value: count for each, count in counts}})
    return tuple(slips)


def _row(line: Line) -> DifferenceRow:
    """What a bill calls an order is somebody else's text."""
    return DifferenceRow(
        finding=line.finding,
        order_no=harmless("order_no", line.order_no[:ORDER_NO_LIMIT]),
        refund_no=harmless("refund_no", line.refund_no[:ORDER_NO_LIMIT]),
        voucher_no=line.voucher_no,
        ours=line.ours,
        bill=line.bill,
        due=None if line.due_minor is None else Money(line.due_minor),
        fee=None if line.fee_minor is None else Money(line.fee_minor),
    )


async def _show(shop: Shop, rail: Rail, day: datetime.date, found: Reconciled) -> None:
    """The sum, then row by row for whoever wants to see them."""
    differences = found.differences
    counts = tuple((each.value, found.counts[each]) for each in SHOWN if found.counts[each])
    shop.sound(Tone.ATTENTION if differences else Tone.SUCCESS)
    summary = screens.Reconciled(
        wallet=rail.name, day=f"{day:%m%d}", matched=found.counts[Finding.MATCHED], differences=counts
    )
    if await acknowledge(shop, summary, shop.config.timeouts.key_ms) is not Key.ENTER:
        return
    at = 0
    while 0 <= at < len(differences):
        shop.show(_difference(differences[at], at + 1, len(differences)))
        key = await next_key(shop, shop.config.timeouts.key_ms)
        if key in (None, Key.CANCEL):
            return
        at = max(0, at - 1) if key is Key.UP else at + 1


def _difference(line: Line, number: int, count: int) -> screens.BillDifference:
    ours, bill = line.ours, line.bill
    if line.finding is Finding.FEE:
        ours, bill = (None if minor is None else Money(minor) for minor in (line.due_minor, line.fee_minor))
    return screens.BillDifference(
        finding=line.finding.value,
        number=number,
        count=count,
        order_no=line.voucher_no or harmless("order_no", line.order_no)[-ORDER_END:],
        ours=ours,
        bill=bill,
    )
