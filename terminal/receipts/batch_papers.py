"""The papers of a batch: 结算总计单 and X report, 交易明细单, and the open rows that a lock's slip shares with them.

And 对账单, the paper of a day's trade bill.

Spec: host-link digest §10.
"""

from __future__ import annotations

from drivers.ports import Text
from terminal.model import Finding, Method, Money, Notice, PaymentState
from terminal.receipts.lines import cells_of, columns
from terminal.receipts.page import Page, head, when
from terminal.receipts.parts import Balance, Head
from terminal.receipts.slips import BillSlip, DetailSlip, Discounts, OpenRow, OpenSlip, SettlementSlip, UploadRow
from terminal.receipts.words import (
    BALANCES,
    CLOSING,
    FINDINGS,
    KINDS,
    LETTERS,
    METHODS,
    NOTICES,
    PENDING,
    PHRASES,
    RAILS,
    STATES,
)

DIFFERENCES = frozenset(Finding) - {Finding.MATCHED, Finding.OTHER_DAY}


def settlement(page: Page, slip: SettlementSlip) -> None:
    batch_head(page, "settlement_title" if slip.closed else "x_report_title", slip.head, 1, slip.strips)
    # An amount needs 12 cells and one before it; the count 8, for its Chinese heading.
    widths = (page.cells - 8 - 13, 8, 13)
    heads = (PHRASES["col_type"], PHRASES["col_count"], PHRASES["col_amount"])
    zh_or_en = 0 if page.chinese else 1
    page.lines.append(Text(columns(tuple(h[zh_or_en] for h in heads), widths)))
    for method, inside in dict.fromkeys((row.method, row.in_host_totals) for row in slip.rows):
        page.text(page.word(METHODS[method], " ") + ("" if inside else " *"), bold=True)
        for row in (row for row in slip.rows if (row.method, row.in_host_totals) == (method, inside)):
            name = page.word(KINDS[row.kind])
            if cells_of(name) > widths[0]:
                page.text(name)
                name = ""
            page.lines.append(Text(columns((name, str(row.count), str(row.amount)), widths)))
    page.rule()
    total = (PHRASES["total"][zh_or_en], str(slip.total_count), str(slip.total))
    page.lines.append(Text(columns(total, widths), bold=True))
    if slip.discounts is not None:
        _discounts(page, slip.total, slip.discounts)
    if any(not row.in_host_totals for row in slip.rows):
        chinese, english = PHRASES["not_in_host_totals"]
        page.text(chinese if page.chinese else english)
    page.rule()
    if not slip.closed:
        page.say("not_closed", bold=True)
    for key, balance in (("domestic", slip.domestic), ("foreign", slip.foreign)) if slip.closed else ():
        if key == "foreign" and balance is Balance.NOT_REPORTED:
            continue  # A shop that takes no foreign cards need not read about them every evening.
        bold = balance in (Balance.UNBALANCED, Balance.ERROR)
        page.row(page.word(PHRASES[key], " "), page.word(BALANCES[balance], " "), bold=bold)
    for key, count in (("uploaded", slip.uploaded), ("not_taken", slip.not_taken)):
        if count:
            page.row(page.word(PHRASES[key], " "), str(count), bold=key == "not_taken")
    page.rule()
    open_rows(page, slip.open_rows)
    upload_rows(page, slip.upload_rows)


def _discounts(page: Page, total: Money, discounts: Discounts) -> None:
    """From what was sold to what the shop gets of it, and how much of that comes from platforms."""
    rows = (
        ("merchant_discount", str(Money(0) - discounts.merchant)),
        ("net", str(total - discounts.merchant)),
        ("from_platforms", str(discounts.platform)),
    )
    for key, figure in rows:
        page.row(page.word(PHRASES[key], " "), figure, bold=key == "net")
    if discounts.disbelieved:
        page.row(page.word(PHRASES["discounts_disbelieved"], " "), str(discounts.disbelieved), bold=True)


def batch_head(page: Page, title: str, slip_head: Head, strip: int, strips: int) -> None:
    """What a paper about a batch begins with. `title` is a key of PHRASES."""
    page.title(title)
    head(page, slip_head)
    page.pair("batch_no", slip_head.batch_no)
    page.pair("at", when(slip_head))
    _strip(page, strip, strips)
    page.rule()


def _strip(page: Page, strip: int, strips: int) -> None:
    if strips > 1:
        page.pair("strip", f"{strip}/{strips}")


def open_strip(page: Page, slip: OpenSlip) -> None:
    """A settlement's or a lock's slip goes on."""
    batch_head(page, "open_strip_title", slip.head, slip.strip, slip.strips)
    if slip.open_rows:
        open_rows(page, slip.open_rows)
    upload_rows(page, slip.upload_rows)


def details(page: Page, slip: DetailSlip) -> None:
    batch_head(page, "details_title", slip.head, slip.strip, slip.strips)
    for row in slip.rows:
        page.row(row.masked_pan or page.word(METHODS[row.method], " "), f"{LETTERS.get(row.kind, '')} {row.auth_code}")
        page.row(f" {row.voucher_no}", str(row.amount))
        if row.unknown:
            page.text(" " + page.word(STATES[PaymentState.UNKNOWN], " "), bold=True)


def bill(page: Page, slip: BillSlip) -> None:
    page.title("bill_title")
    head(page, slip.head)
    page.pair("rail", page.word(RAILS[slip.rail], " ") if slip.rail in RAILS else slip.rail, bold=True)
    page.pair("bill_day", slip.day.replace("-", "/"), bold=True)
    page.pair("at", when(slip.head))
    _strip(page, slip.strip, slip.strips)
    page.rule()
    for finding, count in slip.counts:
        page.row(page.word(FINDINGS[finding], " "), str(count), bold=finding in DIFFERENCES)
    if not slip.fees_checked:
        page.say("fees_unchecked")
    if not any(finding in DIFFERENCES for finding, _ in slip.counts):
        page.say("no_differences", bold=True)
    for row in slip.rows:
        page.rule()
        page.row(page.word(FINDINGS[row.finding], " "), row.voucher_no, bold=True)
        page.pair("order_no", row.order_no)
        page.pair("refund_no", row.refund_no)
        page.pair("ours", str(row.ours) if row.ours is not None else page.word(PHRASES["not_there"]))
        page.pair("billed", str(row.bill) if row.bill is not None else page.word(PHRASES["not_there"]))
        page.pair("fee_due", str(row.due) if row.due is not None else "")
        page.pair("fee_billed", str(row.fee) if row.fee is not None else "")
    if slip.unnamed:
        page.rule()
        page.row(page.label("unnamed"), str(slip.unnamed), bold=True)


def upload_rows(page: Page, rows: tuple[UploadRow, ...]) -> None:
    if not rows:
        return
    page.text(f"{page.word(PHRASES['uploads_title'], ' ')} ({len(rows)})", bold=True)
    for row in rows:
        what = KINDS[row.kind] if row.notice is Notice.ADVICE else NOTICES[row.notice]
        page.row(page.word(what, " "), row.voucher_no)
        page.row(f" {row.code or page.word(PHRASES['not_answered'], ' ')}", str(row.amount))
        page.pair("card_no", row.masked_pan)


def _state(row: OpenRow) -> tuple[str, str]:
    """A wallet's order is not reversed but closed; its refund that is taken is not unknown."""
    if row.pending:
        return PENDING
    closing = row.state is PaymentState.REVERSING and row.method is not Method.CARD
    return CLOSING if closing else STATES[row.state]


def open_rows(page: Page, rows: tuple[OpenRow, ...]) -> None:
    if not rows:
        page.say("no_open")
        return
    page.text(f"{page.word(PHRASES['open_title'], ' ')} ({len(rows)})", bold=True)
    for row in rows:
        page.row(page.word(METHODS[row.method], " "), row.voucher_no or row.order_no)
        page.row(" " + page.word(_state(row), " "), str(row.amount))
        page.pair("card_no", row.masked_pan)
        page.pair("batch_no", row.batch_no)
