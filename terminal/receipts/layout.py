"""A slip as lines of paper: what stands where, for 32 and for 48 cells, in Chinese with English or English.

What a merchant looks for (type, amount, voucher number) is bold or large; what only a dispute needs (the EMV
block) is packed tight. No line is ever wider than the paper: labels and values that do not fit side by side
take lines of their own, and only a table's cells may be cut.
Spec: host-link digest §10.
"""

from __future__ import annotations

import datetime

from drivers.ports import Align, Cut, Feed, PaperLine, Qr, Text
from terminal.model import Kind, Money, Notice
from terminal.receipts.lines import cells_of, columns, two_columns, wrap
from terminal.receipts.slips import (
    Balance,
    CardSlip,
    CashSlip,
    Chip,
    Copy,
    DetailSlip,
    Head,
    KeySlip,
    LockSlip,
    NoticeSlip,
    OpenRow,
    QrOrderSlip,
    QrSlip,
    SelfTestSlip,
    SettlementSlip,
    Slip,
    UploadRow,
    Verification,
)
from terminal.receipts.words import (
    BALANCES,
    CHECKS,
    ENDINGS,
    KINDS,
    LANGUAGES,
    LETTERS,
    LISTS,
    LOCKS,
    METHODS,
    NOTICES,
    PHRASES,
    STATES,
    WALLETS,
)

WIDTHS = (32, 48)  # 58 mm and 80 mm paper in 12-dot cells.
TEAR_LINES = 3  # From the print head to the tear bar.
SIGNING_LINES = 2  # Room for a signature.


def lay_out(
    slip: Slip, *, cells: int, language: str, copy: Copy = Copy.MERCHANT, reprint: bool = False
) -> tuple[PaperLine, ...]:
    """The lines of one copy of a slip, each at most `cells` half-width cells (32 or 48) wide.

    `language` is "zh-CN" (Chinese labels with the English in brackets) or "en". `reprint` marks it 重打印.
    A notice, a settlement, a self-test, a QR order, a lock and a key have one copy: `copy` says nothing to them.
    Raises ValueError for another width or language.
    """
    if cells not in WIDTHS or language not in LANGUAGES:
        raise ValueError(f"slips are laid out for {WIDTHS} cells in {LANGUAGES}")
    page = _Page(cells, chinese=language == "zh-CN")
    if reprint:
        page.say("reprint", before="***", after="***", bold=True)
    if isinstance(slip, CardSlip):
        _card(page, slip, copy)
    elif isinstance(slip, NoticeSlip):
        _notice(page, slip)
    elif isinstance(slip, QrSlip):
        _qr(page, slip, copy)
    elif isinstance(slip, QrOrderSlip):
        _qr_order(page, slip)
    elif isinstance(slip, CashSlip):
        _cash(page, slip, copy)
    elif isinstance(slip, SettlementSlip):
        _settlement(page, slip)
    elif isinstance(slip, DetailSlip):
        _details(page, slip)
    elif isinstance(slip, LockSlip):
        _lock(page, slip)
    elif isinstance(slip, KeySlip):
        _key(page, slip)
    else:
        _self_test(page, slip)
    if slip.head.test_keys:
        page.say("test_keys", before="** ", after=" **", bold=True)
    if reprint:
        page.say("reprint", before="***", after="***", bold=True)
    return (*page.lines, Feed(TEAR_LINES), Cut())


class _Page:
    """The lines so far, and the few ways to add one."""

    def __init__(self, cells: int, *, chinese: bool) -> None:
        self.cells = cells
        self.chinese = chinese
        self.lines: list[PaperLine] = []

    def word(self, pair: tuple[str, str], between: str = "/") -> str:
        """Chinese with its English behind it, or the English alone."""
        return f"{pair[0]}{between}{pair[1]}" if self.chinese else pair[1]

    def label(self, key: str) -> str:
        chinese, english = PHRASES[key]
        return f"{chinese}({english}):" if self.chinese else f"{english}:"

    def text(self, text: str, *, align: Align = Align.LEFT, bold: bool = False, large: bool = False) -> None:
        for line in wrap(text, self.cells // 2 if large else self.cells):
            self.lines.append(Text(line, align, bold, large))

    def title(self, key: str) -> None:
        chinese, english = PHRASES[key]
        if self.chinese:
            self.text(chinese, align=Align.CENTRE, bold=True, large=True)
            self.text(english, align=Align.CENTRE)
        else:
            self.text(english, align=Align.CENTRE, bold=True, large=True)

    def say(self, key: str, *, before: str = "", after: str = "", bold: bool = False) -> None:
        """A centred phrase: in one line where both languages fit, else the English on its own."""
        chinese, english = PHRASES[key]
        both = f"{before}{chinese} {english}{after}"
        if not self.chinese:
            parts = [f"{before}{english}{after}"]
        elif cells_of(both) <= self.cells:
            parts = [both]
        else:
            parts = [f"{before}{chinese}{after}", f"{before}{english}{after}"]
        for part in parts:
            self.text(part, align=Align.CENTRE, bold=bold)

    def sentence(self, pair: tuple[str, str], *, bold: bool = False) -> None:
        """Too long to stand side by side: the Chinese, and below it the English."""
        if self.chinese:
            self.text(pair[0], bold=bold)
        self.text(pair[1], bold=bold)

    def rule(self) -> None:
        self.lines.append(Text("-" * self.cells))

    def pair(self, key: str, value: str, *, bold: bool = False) -> None:
        """A label and its value; an empty value leaves both away."""
        if value:
            self.row(self.label(key), value, bold=bold)

    def row(self, left: str, right: str, *, bold: bool = False) -> None:
        for line in two_columns(left, right, self.cells):
            self.lines.append(Text(line, bold=bold))

    def amount(self, key: str, amount: Money) -> None:
        self.text(self.label(key))
        self.text(f"RMB {amount}", align=Align.RIGHT, bold=True, large=True)

    def packed(self, items: list[str]) -> None:
        """Items side by side while they fit: the block nobody reads until there is a dispute."""
        line = ""
        for item in items:
            joined = f"{line}  {item}" if line else item
            if cells_of(joined) <= self.cells:
                line = joined
                continue
            if line:
                self.text(line)
            line = item
        if line:
            self.text(line)


def _head(page: _Page, head: Head) -> None:
    page.rule()
    page.pair("merchant_name", head.merchant_name, bold=True)
    page.pair("merchant_no", head.merchant_no)
    page.pair("terminal_no", head.terminal_no)
    page.pair("operator", head.operator)


def _when(head: Head) -> str:
    return datetime.datetime.fromisoformat(head.at).strftime("%Y/%m/%d %H:%M:%S")


def _copy(page: _Page, copy: Copy, theirs: str) -> None:
    page.rule()
    page.say("merchant_copy" if copy is Copy.MERCHANT else theirs)


def _kind(page: _Page, kind: Kind) -> None:
    page.pair("type", page.word(KINDS[kind]), bold=True)


def _card(page: _Page, slip: CardSlip, copy: Copy) -> None:
    page.title("card_title")
    _head(page, slip.head)
    page.rule()
    page.pair("acquirer", slip.acquirer)
    page.pair("issuer", slip.issuer)
    page.pair("card_no", f"{slip.masked_pan} /{slip.entry.value}", bold=True)
    page.pair("expiry", slip.expiry)
    _kind(page, slip.kind)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("voucher_no", slip.voucher_no)
    page.pair("auth_code", slip.auth_code)
    page.pair("ref_no", slip.ref_no)
    page.pair("at", _when(slip.head))
    page.amount("amount", slip.amount)
    page.pair("terms", slip.terms.lstrip("0"))
    page.rule()
    page.pair("reference", slip.original)
    if slip.chip is not None:
        _chip(page, slip.chip)
        page.rule()
    _verification(page, slip.verification, copy)
    _copy(page, copy, "cardholder_copy")


def _chip(page: _Page, chip: Chip) -> None:
    items = (
        ("APP LABEL", chip.label),
        ("AID", chip.aid),
        (chip.cryptogram_type or "AC", chip.cryptogram),
        ("TVR", chip.tvr),
        ("TSI", chip.tsi),
        ("ATC", chip.atc),
        ("UNPR NUM", chip.unpredictable_number),
        ("AIP", chip.aip),
        ("CVMR", chip.cvm_results),
        ("CSN", chip.card_sequence_no),
        ("TERM CAP", chip.terminal_capabilities),
        ("IAD", chip.issuer_application_data),
    )
    page.packed([f"{name}:{value}" for name, value in items if value])


def _verification(page: _Page, verification: Verification, copy: Copy) -> None:
    if verification is Verification.NONE:
        page.say("no_verification")
    elif verification is Verification.ABSENT:
        page.say("no_signature")
    elif verification is Verification.PIN:
        page.say("pin_entered")
    elif verification is Verification.PIN_AND_SIGNATURE:
        page.say("pin_and_signature")
    if copy is Copy.MERCHANT and verification in (Verification.SIGNATURE, Verification.PIN_AND_SIGNATURE):
        chinese, english = PHRASES["signature"]
        page.packed([f"{chinese}", f"{english}:"] if page.chinese else [f"{english}:"])
        page.lines.append(Feed(SIGNING_LINES))
        page.text("_" * page.cells)
    page.sentence(PHRASES["agreement"])


def _qr(page: _Page, slip: QrSlip, copy: Copy) -> None:
    page.title("qr_title")
    _head(page, slip.head)
    page.rule()
    _kind(page, slip.kind)
    page.pair("wallet", _wallet(page, slip), bold=True)
    page.pair("order_no", slip.order_no)
    page.pair("wallet_no", slip.wallet_transaction_no)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("voucher_no", slip.voucher_no)
    page.pair("ref_no", slip.ref_no)
    page.pair("at", _when(slip.head))
    page.amount("amount", slip.amount)
    _copy(page, copy, "customer_copy")


def _wallet(page: _Page, slip: QrSlip) -> str:
    if slip.wallet in WALLETS:
        return page.word(WALLETS[slip.wallet], " ")
    return slip.wallet or page.word(METHODS[slip.method])


def _notice(page: _Page, slip: NoticeSlip) -> None:
    page.title("notice_title")
    _head(page, slip.head)
    page.rule()
    page.pair("card_no", slip.masked_pan)
    _kind(page, slip.kind)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("voucher_no", slip.voucher_no)
    page.pair("ref_no", slip.ref_no)
    page.pair("at", _when(slip.head))
    page.amount("amount", slip.amount)
    page.rule()
    page.pair("result", " ".join(filter(None, (slip.code, slip.zh if page.chinese else slip.en))))
    chinese, english = ENDINGS[slip.ending]
    for line in (chinese, english) if page.chinese else (english,):
        page.text(line, align=Align.CENTRE, bold=True)
    page.say("no_receipt")


def _qr_order(page: _Page, slip: QrOrderSlip) -> None:
    page.title("qr_order_title")
    _head(page, slip.head)
    page.rule()
    page.amount("amount", slip.amount)
    page.lines.append(Qr(slip.payload))
    page.pair("order_no", slip.order_no)
    until = datetime.datetime.fromisoformat(slip.head.at) + datetime.timedelta(seconds=slip.valid_seconds)
    page.pair("valid_until", until.strftime("%H:%M:%S"))
    page.rule()
    page.say("no_receipt", bold=True)


def _cash(page: _Page, slip: CashSlip, copy: Copy) -> None:
    page.title("cash_title")
    _head(page, slip.head)
    page.rule()
    _kind(page, slip.kind)
    page.pair("receipt_no", slip.receipt_no)
    page.pair("at", _when(slip.head))
    page.amount("amount", slip.amount)
    page.pair("tendered", f"RMB {slip.tendered}")
    page.pair("change", f"RMB {slip.change}", bold=True)
    _copy(page, copy, "customer_copy")


def _settlement(page: _Page, slip: SettlementSlip) -> None:
    page.title("settlement_title" if slip.closed else "x_report_title")
    _head(page, slip.head)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("at", _when(slip.head))
    page.rule()
    # An amount needs 12 cells and one before it; the count 8, for its Chinese heading.
    widths = (page.cells - 8 - 13, 8, 13)
    heads = (PHRASES["col_type"], PHRASES["col_count"], PHRASES["col_amount"])
    zh_or_en = 0 if page.chinese else 1
    page.lines.append(Text(columns(tuple(h[zh_or_en] for h in heads), widths)))
    for method in dict.fromkeys(row.method for row in slip.rows):
        rows = [row for row in slip.rows if row.method is method]
        outside = not all(row.in_host_totals for row in rows)
        page.text(page.word(METHODS[method], " ") + (" *" if outside else ""), bold=True)
        for row in rows:
            name = page.word(KINDS[row.kind])
            if cells_of(name) > widths[0]:
                page.text(name)
                name = ""
            page.lines.append(Text(columns((name, str(row.count), str(row.amount)), widths)))
    page.rule()
    total = (PHRASES["total"][zh_or_en], str(slip.total_count), str(slip.total))
    page.lines.append(Text(columns(total, widths), bold=True))
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
    _open_rows(page, slip.open_rows)
    _upload_rows(page, slip.upload_rows)


def _details(page: _Page, slip: DetailSlip) -> None:
    page.title("details_title")
    _head(page, slip.head)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("at", _when(slip.head))
    if slip.strips > 1:
        page.pair("strip", f"{slip.strip}/{slip.strips}")
    page.rule()
    for row in slip.rows:
        page.row(row.masked_pan or page.word(METHODS[row.method], " "), f"{LETTERS.get(row.kind, '')} {row.auth_code}")
        page.row(f" {row.voucher_no}", str(row.amount))


def _upload_rows(page: _Page, rows: tuple[UploadRow, ...]) -> None:
    if not rows:
        return
    page.text(f"{page.word(PHRASES['uploads_title'], ' ')} ({len(rows)})", bold=True)
    for row in rows:
        what = KINDS[row.kind] if row.notice is Notice.ADVICE else NOTICES[row.notice]
        page.row(page.word(what, " "), row.voucher_no)
        page.row(f" {row.code or page.word(PHRASES['not_answered'], ' ')}", str(row.amount))
        page.pair("card_no", row.masked_pan)


def _open_rows(page: _Page, rows: tuple[OpenRow, ...]) -> None:
    if not rows:
        page.say("no_open")
        return
    page.text(f"{page.word(PHRASES['open_title'], ' ')} ({len(rows)})", bold=True)
    for row in rows:
        page.row(page.word(METHODS[row.method], " "), row.voucher_no or row.order_no)
        page.row(" " + page.word(STATES[row.state], " "), str(row.amount))
        page.pair("card_no", row.masked_pan)
        page.pair("batch_no", row.batch_no)


def _lock(page: _Page, slip: LockSlip) -> None:
    page.title("lock_title")
    _head(page, slip.head)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("at", _when(slip.head))
    page.rule()
    page.sentence(LOCKS[slip.reason], bold=True)
    page.sentence(PHRASES["lock_advice"])
    page.rule()
    _open_rows(page, slip.open_rows)
    if slip.open_rows:
        page.sentence(PHRASES["settle_by_phone"])


def _key(page: _Page, slip: KeySlip) -> None:
    page.title("key_title")
    _head(page, slip.head)
    page.pair("at", _when(slip.head))
    page.rule()
    page.row(page.word(PHRASES["master_key"], " "), slip.kcv, bold=True)
    for number, (holder, kcv) in enumerate(slip.components, 1):
        page.rule()
        page.row(f"{page.word(PHRASES['component'], ' ')} {number}", kcv)
        page.pair("holder", holder)
        page.text(page.label("holder_signature"))
        page.lines.append(Feed(SIGNING_LINES))
        page.text("_" * page.cells)


def _self_test(page: _Page, slip: SelfTestSlip) -> None:
    page.title("self_test_title")
    _head(page, slip.head)
    page.pair("version", slip.version)
    page.pair("link", slip.link)
    page.pair("at", _when(slip.head))
    page.rule()
    page.text(page.label("checks"))
    for name, passed in slip.checks:
        shown = page.word(CHECKS[name], " ") if name in CHECKS else name
        page.row(shown, page.word(PHRASES["passed" if passed else "failed"], " "), bold=not passed)
    if slip.kcvs:
        page.rule()
        page.text(page.label("kcv"))
        for name, kcv in slip.kcvs:
            page.row(name, kcv)
    if slip.lists:
        page.rule()
        page.text(page.label("lists"))
        for name, count, since in slip.lists:
            page.row(page.word(LISTS[name], " "), f"{count} {since or '--/--'}")
    page.rule()
    page.pair("paper", f"{page.cells}")
    page.text(("1234567890" * 5)[: page.cells])
    page.text(("掌柜收款终端" if page.chinese else "ZHANGGUI"), align=Align.CENTRE, bold=True)
    page.lines.append(Qr(f"ZHANGGUI {slip.version} {slip.head.terminal_no}"))
