"""A slip as lines of paper: what stands where, for 32 and for 48 cells, in Chinese with English or English.

What a merchant looks for (type, amount, voucher number) is bold or large; what only a dispute needs (the EMV
block) is packed tight. No line is ever wider than the paper: labels and values that do not fit side by side
take lines of their own, and only a table's cells may be cut.
Spec: host-link digest §10.
"""

from __future__ import annotations

import datetime

from drivers.ports import Align, Cut, Feed, PaperLine, Qr
from terminal.model import Kind
from terminal.receipts.batch_papers import batch_head, bill, details, open_rows, open_strip, settlement
from terminal.receipts.page import Page, head, when
from terminal.receipts.parts import Copy, Verification
from terminal.receipts.slips import (
    BillSlip,
    CardSlip,
    CashSlip,
    Chip,
    DetailSlip,
    KeySlip,
    Late,
    LockSlip,
    NoticeSlip,
    OpenSlip,
    QrOrderSlip,
    QrSlip,
    SelfTestSlip,
    SettlementSlip,
    Slip,
    StaticCodeSlip,
)
from terminal.receipts.words import (
    CHECKS,
    ENDINGS,
    KINDS,
    LANGUAGES,
    LISTS,
    LOCKS,
    METHODS,
    NEXT,
    PAYERS,
    PHRASES,
    WALLETS,
)

WIDTHS = (32, 48)  # 58 mm and 80 mm paper in 12-dot cells.
TEAR_LINES = 3  # From the print head to the tear bar.
REPAYMENTS = (Kind.REPAYMENT, Kind.REPAYMENT_VOID)
KEEP_CARD = "keep-card"  # The one next step that must not be overlooked.
SIGNING_LINES = 2  # Room for a signature.


def lay_out(
    slip: Slip,
    *,
    cells: int,
    language: str,
    copy: Copy = Copy.MERCHANT,
    reprint: bool = False,
    last4: bool = True,
) -> tuple[PaperLine, ...]:
    """The lines of one copy of a slip, each at most `cells` half-width cells (32 or 48) wide.

    `language` is "zh-CN" (Chinese labels with the English in brackets) or "en". `reprint` marks it 重打印.
    `last4`: the cardholder's copy shows the last four digits of the card's number alone, not the first six.
    A notice, a settlement, a self-test, a QR order, a lock and a key have one copy: `copy` says nothing to them.
    Raises ValueError for another width or language.
    """
    if cells not in WIDTHS or language not in LANGUAGES:
        raise ValueError(f"slips are laid out for {WIDTHS} cells in {LANGUAGES}")
    page = Page(cells, chinese=language == "zh-CN")
    if reprint:
        page.say("reprint", before="***", after="***", bold=True)
    if isinstance(slip, CardSlip):
        _card(page, slip, copy, last4=last4)
    elif isinstance(slip, NoticeSlip):
        _notice(page, slip)
    elif isinstance(slip, QrSlip):
        _qr(page, slip, copy)
    elif isinstance(slip, QrOrderSlip):
        _qr_order(page, slip)
    elif isinstance(slip, StaticCodeSlip):
        _static_code(page, slip)
    elif isinstance(slip, CashSlip):
        _cash(page, slip, copy)
    elif isinstance(slip, SettlementSlip):
        settlement(page, slip)
    elif isinstance(slip, DetailSlip):
        details(page, slip)
    elif isinstance(slip, OpenSlip):
        open_strip(page, slip)
    elif isinstance(slip, BillSlip):
        bill(page, slip)
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


def _copy(page: Page, copy: Copy, theirs: str) -> None:
    page.rule()
    page.say("merchant_copy" if copy is Copy.MERCHANT else theirs)


def _kind(page: Page, kind: Kind) -> None:
    page.pair("type", page.word(KINDS[kind]), bold=True)


def _card(page: Page, slip: CardSlip, copy: Copy, *, last4: bool) -> None:
    page.title("repayment_title" if slip.kind in REPAYMENTS else "card_title")
    head(page, slip.head)
    page.rule()
    page.pair("acquirer", slip.acquirer)
    page.pair("issuer", slip.issuer)
    number = slip.masked_pan
    if copy is Copy.CARDHOLDER and last4:
        number = number[-4:].rjust(len(number), "*")
    page.pair("card_no", f"{number} /{slip.entry.value}", bold=True)
    page.pair("expiry", slip.expiry)
    _kind(page, slip.kind)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("voucher_no", slip.voucher_no)
    page.pair("auth_code", slip.auth_code)
    page.pair("ref_no", slip.ref_no)
    page.pair("at", when(slip.head))
    if slip.base is None:
        page.amount("amount", slip.amount)
    else:
        page.pair("amount", f"RMB {slip.base}")
        page.pair("tip", f"RMB {slip.amount}", bold=True)
        page.amount("with_tip", slip.base + slip.amount)
    if slip.asked is not None:
        page.pair("asked", f"RMB {slip.asked}")
        page.pair("still_due", f"RMB {slip.asked - slip.amount}", bold=True)
    page.pair("terms", slip.terms.lstrip("0"))
    page.rule()
    page.pair(f"original_{slip.original_by}" if slip.original_by else "reference", slip.original)
    if slip.original_date:
        page.pair("original_date", f"{slip.original_date[:2]}/{slip.original_date[2:]}")
    if slip.chip is not None:
        _chip(page, slip.chip)
        page.rule()
    if slip.then in NEXT:
        page.sentence(NEXT[slip.then])
    _verification(page, slip.verification, copy)
    if slip.verification is not Verification.ABSENT:  # Nobody is there to acknowledge anything.
        page.sentence(PHRASES["repayment_agreement" if slip.kind in REPAYMENTS else "agreement"])
    _copy(page, copy, "cardholder_copy")


def _chip(page: Page, chip: Chip) -> None:
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


def _verification(page: Page, verification: Verification, copy: Copy) -> None:
    if verification is Verification.NONE:
        page.say("no_verification")
    elif verification in (Verification.ON_PAD, Verification.PIN_AND_PAD):
        page.say("signed_on_pad")
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


def _qr(page: Page, slip: QrSlip, copy: Copy) -> None:
    page.title("qr_title")
    head(page, slip.head)
    page.rule()
    _kind(page, slip.kind)
    page.pair("wallet", _wallet(page, slip), bold=True)
    page.pair("order_no", slip.order_no)
    page.pair("receipt_no", slip.receipt_no)
    page.pair("wallet_no", slip.wallet_transaction_no)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("voucher_no", slip.voucher_no)
    page.pair("ref_no", slip.ref_no)
    page.pair("at", when(slip.head))
    page.amount("amount", slip.amount)
    _came_with(page, slip)
    if slip.late is not Late.NOT:
        page.rule()
        page.say(f"late_{slip.late.value}", bold=True)
    if slip.refund_no:
        page.pair("refund_no", slip.refund_no)
    if slip.order_no and slip.kind is Kind.SALE:  # It has letters: whoever is to find the order scans it.
        page.lines.append(Qr(slip.order_no))
    _copy(page, copy, "customer_copy")


def _came_with(page: Page, slip: QrSlip) -> None:
    """Each discount with who bears it, what the customer paid after them, and what else the payment brought."""
    for each in slip.promotions:
        page.row(f"{each.name} {page.word(PAYERS[each.payer])}".lstrip(), f"-{each.amount}")
    if slip.customer is not None:
        page.pair("customer_paid", f"RMB {slip.customer}", bold=True)
    if slip.disbelieved:
        page.sentence(PHRASES["disbelieved"], bold=True)
    if slip.extras:
        page.rule()
        page.text(page.label("extras"))
        for line in slip.extras:
            page.text(line)


def _wallet(page: Page, slip: QrSlip) -> str:
    if slip.wallet in WALLETS:
        return page.word(WALLETS[slip.wallet], " ")
    return slip.wallet or page.word(METHODS[slip.method])


def _notice(page: Page, slip: NoticeSlip) -> None:
    page.title("notice_title")
    head(page, slip.head)
    page.rule()
    page.pair("card_no", slip.masked_pan)
    _kind(page, slip.kind)
    page.pair("batch_no", slip.head.batch_no)
    page.pair("voucher_no", slip.voucher_no)
    page.pair("ref_no", slip.ref_no)
    page.pair("at", when(slip.head))
    page.amount("amount", slip.amount)
    page.rule()
    page.pair("result", " ".join(filter(None, (slip.code, slip.zh if page.chinese else slip.en))))
    chinese, english = ENDINGS[slip.ending]
    for line in (chinese, english) if page.chinese else (english,):
        page.text(line, align=Align.CENTRE, bold=True)
    if slip.then in NEXT:
        page.sentence(NEXT[slip.then], bold=slip.then == KEEP_CARD)
    page.say("no_receipt")


def _qr_order(page: Page, slip: QrOrderSlip) -> None:
    page.title("qr_order_title")
    head(page, slip.head)
    page.rule()
    page.amount("amount", slip.amount)
    page.lines.append(Qr(slip.payload))
    page.pair("order_no", slip.order_no)
    until = datetime.datetime.fromisoformat(slip.head.at) + datetime.timedelta(seconds=slip.valid_seconds)
    page.pair("valid_until", until.strftime("%H:%M:%S"))
    page.rule()
    page.say("no_receipt", bold=True)


def _static_code(page: Page, slip: StaticCodeSlip) -> None:
    page.title("static_title")
    head(page, slip.head)
    page.rule()
    page.lines.append(Qr(slip.payload))
    page.say("static_how", bold=True)


def _cash(page: Page, slip: CashSlip, copy: Copy) -> None:
    page.title("cash_title")
    head(page, slip.head)
    page.rule()
    _kind(page, slip.kind)
    page.pair("receipt_no", slip.receipt_no)
    page.pair("at", when(slip.head))
    page.amount("amount", slip.amount)
    page.pair("tendered", f"RMB {slip.tendered}")
    page.pair("change", f"RMB {slip.change}", bold=True)
    _copy(page, copy, "customer_copy")


def _lock(page: Page, slip: LockSlip) -> None:
    batch_head(page, "lock_title", slip.head, 1, slip.strips)
    page.sentence(LOCKS[slip.reason], bold=True)
    page.sentence(PHRASES["lock_advice"])
    page.rule()
    open_rows(page, slip.open_rows)
    if slip.open_rows:
        page.sentence(PHRASES["settle_by_phone"])


def _key(page: Page, slip: KeySlip) -> None:
    page.title("key_title")
    head(page, slip.head)
    page.pair("at", when(slip.head))
    page.rule()
    page.row(page.word(PHRASES["master_key"], " "), slip.kcv, bold=True)
    for number, (holder, kcv) in enumerate(slip.components, 1):
        page.rule()
        page.row(f"{page.word(PHRASES['component'], ' ')} {number}", kcv)
        page.pair("holder", holder)
        page.text(page.label("holder_signature"))
        page.lines.append(Feed(SIGNING_LINES))
        page.text("_" * page.cells)


def _self_test(page: Page, slip: SelfTestSlip) -> None:
    page.title("self_test_title")
    head(page, slip.head)
    page.pair("version", slip.version)
    page.pair("link", slip.link)
    page.pair("at", when(slip.head))
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
