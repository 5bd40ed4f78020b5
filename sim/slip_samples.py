"""One slip of each kind, for the gallery, the tests and the goldens of receipts."""

from __future__ import annotations

from dataclasses import replace

from emv import qr
from terminal.model import Finding, Kind, Method, Money, Notice, Payer, PaymentState, Promotion
from terminal.receipts import (
    Balance,
    BillSlip,
    CardSlip,
    CashSlip,
    Chip,
    DetailRow,
    DetailSlip,
    DifferenceRow,
    Discounts,
    Ending,
    Entry,
    Head,
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
    Verification,
)

HEAD = Head("掌柜茶馆(人民路店)", "898310048990001", "12345678", "001", "000017", "2026-03-05T14:22:31")
CHIP = Chip(
    aid="A000000333010101",
    label="UNIONPAY CREDIT",
    cryptogram_type="TC",
    cryptogram="0102030405060708",
    tvr="0000008000",
    tsi="E800",
    atc="0001",
    unpredictable_number="A1B2C3D4",
    aip="7C00",
    cvm_results="420300",
    issuer_application_data="07010103A00000010A01000000000011223344",
    terminal_capabilities="E0F0C8",
    card_sequence_no="01",
)
CARD_SIGNED = CardSlip(
    HEAD,
    Money(12850),
    "622500******0014",
    "000042",
    acquirer="银联商务",
    issuer="示例银行",
    auth_code="A1B2C3",
    ref_no="260305142231",
    chip=CHIP,
)
CARD_PIN = CardSlip(
    HEAD,
    Money(999_999_999_99),
    "622500*********0014",
    "000043",
    verification=Verification.PIN,
    auth_code="123456",
    ref_no="260305142240",
    chip=CHIP,
)
CARD_FALLBACK = CardSlip(
    HEAD,
    Money(12850),
    "622500******0170",
    "000047",
    entry=Entry.FALLBACK,
    verification=Verification.PIN_AND_SIGNATURE,
    acquirer="银联商务",
    issuer="示例银行",
    auth_code="000002",
    ref_no="260305142245",
)
NOTICE = NoticeSlip(
    HEAD, Money(12850), "622500******0014", "000045", Ending.DECLINED, "51", "余额不足", "insufficient funds"
)
CARD_PART = replace(CARD_PIN, amount=Money(6425), asked=Money(12850))
NOTICE_KEEP_CARD = NoticeSlip(
    HEAD, Money(12850), "622500******0014", "000045", Ending.DECLINED, "41", "挂失卡", "lost card", then="keep-card"
)
NOTICE_REVERSING = NoticeSlip(HEAD, Money(12850), "622500******0014", "000046", Ending.REVERSING)
NOTICE_UNANSWERED = NoticeSlip(
    HEAD, Money(0), "622500******0014", "000047", Ending.UNANSWERED, kind=Kind.BALANCE, then="wait"
)
QR = QrSlip(
    HEAD,
    Money(880),
    order_no="12345678202603050000420000000001",
    voucher_no="000044",
    wallet="alipay",
    wallet_transaction_no="2026030522001400000000000042",
    ref_no="260305142300",
)
QR_LATE = replace(QR, late=Late.REFUNDED, refund_no="10000001000001000000030000000000")
QR_DISCOUNT = replace(
    QR,
    promotions=(
        Promotion("开业立减", Money(50), Payer.MERCHANT),
        Promotion("A discount with a name that is long", Money(30), Payer.PLATFORM),
        Promotion("", Money(1), Payer.PLATFORM),
    ),
    customer=Money(799),
    extras=("获得红包 ¥0.88", "满100减5券 1张"),
)
QR_DISBELIEVED = replace(QR, disbelieved=True)
QR_STATIC = QrSlip(
    HEAD,
    Money(1200),
    order_no="",
    voucher_no="",
    method=Method.QR_STATIC,
    wallet="wechat",
    wallet_transaction_no="TS00000042",
    receipt_no="S00000042",
)
STATIC_CODE = StaticCodeSlip(
    HEAD,
    qr.build(
        {
            "01": "11",
            "26": {"00": "q.test", "01": "898440153110001"},
            "52": "5411",
            "53": "156",
            "58": "CN",
            "59": "898440153110001",
            "60": "SHANGHAI",
            "62": {"07": "10000001"},
        }
    ),
)
QR_ORDER = QrOrderSlip(
    HEAD, Money(880), "https://qr.example.cn/pay?o=20260305000042", "12345678202603050000420000000001", 300
)
CASH = CashSlip(HEAD, Money(12850), Money(20000), Money(7150), receipt_no="000007")
SETTLEMENT = SettlementSlip(
    HEAD,
    (
        TotalRow(Method.CARD, Kind.SALE, 12, Money(1234560)),
        TotalRow(Method.CARD, Kind.REFUND, 1, Money(-8800)),
        TotalRow(Method.QR_SHOWN, Kind.SALE, 7, Money(45600)),
        TotalRow(Method.QR_SCANNED, Kind.SALE, 3, Money(9900)),
        TotalRow(Method.CASH, Kind.SALE, 5, Money(33000), in_host_totals=False),
    ),
    28,
    Money(1314260),
)
SETTLEMENT_DISCOUNTS = replace(SETTLEMENT, discounts=Discounts(Money(1250), Money(3080), 1))
UNBALANCED = SettlementSlip(
    HEAD,
    (TotalRow(Method.CARD, Kind.SALE, 2, Money(20000)),),
    2,
    Money(20000),
    Balance.UNBALANCED,
    Balance.ERROR,
    (
        OpenRow(Method.CARD, PaymentState.REVERSING, Money(12850), voucher_no="000042"),
        OpenRow(
            Method.QR_SHOWN, PaymentState.UNKNOWN, Money(880), order_no="12345678202603050000420000000001"
        ),
        OpenRow(Method.QR_SCANNED, PaymentState.UNKNOWN, Money(1200), voucher_no="000048", pending=True),
    ),
    (
        UploadRow(Notice.ADVICE, Kind.TIP, Money(1000), "000043", "622500******0014", "61"),
        UploadRow(Notice.ADVICE, Kind.OFFLINE_SALE, Money(900), "000044", "622500******0014"),
        UploadRow(Notice.SCRIPT_RESULT, Kind.SALE, Money(12850), "000042", "622500******0014", "25"),
    ),
    uploaded=12,
    not_taken=1,
)
OPEN_STRIP = OpenSlip(HEAD, UNBALANCED.open_rows[:1], UNBALANCED.upload_rows, 2, 3)
X_REPORT = replace(UNBALANCED, domestic=Balance.NOT_REPORTED, uploaded=0, not_taken=0, closed=False)
DETAILS = DetailSlip(
    HEAD,
    (
        DetailRow(Method.CARD, Kind.SALE, Money(12850), "000042", "622500******0014", "123456"),
        DetailRow(
            Method.CARD, Kind.MOTO_COMPLETION_VOID, Money(99_999_999_99), "000043", "6217000*********0013", "654321"
        ),
        DetailRow(Method.QR_SHOWN, Kind.SALE, Money(880), "000044"),
        DetailRow(Method.CASH, Kind.SALE, Money(33000)),
        DetailRow(Method.CARD, Kind.REFUND, Money(2850), "000047", "622500******0014", unknown=True),
    ),
    2,
    3,
)
_ORDER_NO = "10000001000001000000420000000001"
BILL = BillSlip(HEAD, "wechat", "2026-03-04", ((Finding.MATCHED, 12),))
BILL_DIFFERS = BillSlip(
    HEAD,
    "acquirer",
    "2026-03-04",
    (
        (Finding.MATCHED, 995),
        (Finding.MISSING, 1),
        (Finding.EXTRA, 1),
        (Finding.AMOUNT, 1),
        (Finding.FEE, 1),
        (Finding.STATE, 1),
        (Finding.OTHER_DAY, 2),
    ),
    (
        DifferenceRow(Finding.MISSING, _ORDER_NO, voucher_no="000042", ours=Money(12850)),
        DifferenceRow(Finding.EXTRA, "KITCHEN-7", bill=Money(880), fee=Money(5)),
        DifferenceRow(
            Finding.AMOUNT, _ORDER_NO, _ORDER_NO[::-1], "000043", Money(2850), Money(2900), Money(-17), Money(-17)
        ),
        DifferenceRow(
            Finding.FEE, _ORDER_NO, "", "000044", Money(12850), Money(12850), Money(77), Money(87)
        ),
        DifferenceRow(Finding.STATE, _ORDER_NO, "", "000045", Money(99_999_999_99), Money(99_999_999_99)),
    ),
    unnamed=3,
    fees_checked=False,
    strip=2,
    strips=2,
)
SELF_TEST = SelfTestSlip(
    HEAD,
    "0.1.0",
    (("display", True), ("keypad", True), ("printer", True), ("card_reader", False), ("journal", True)),
    link="tls://acquirer.example.cn:8443",
    kcvs=(("TMK", "08D7B4"), ("PIK", "82E136"), ("MAK", "00962B"), ("TDK", "A3F1C0")),
    lists=(
        ("parameters", 7, "11-22"),
        ("ca_keys", 6, "11-22"),
        ("aids", 5, "11-22"),
        ("blacklist", 1024, "11-23"),
        ("no_pin_bins", 0, "11-22"),
        ("bin_blacklist", 0, ""),
        ("card_bins", 2, "11-22"),
    ),
)

LOCK = LockSlip(
    HEAD,
    "tamper",
    (
        OpenRow(
            Method.CARD,
            PaymentState.REVERSING,
            Money(12850),
            voucher_no="000042",
            masked_pan="622500******0014",
            batch_no="000017",
        ),
        OpenRow(Method.QR_SHOWN, PaymentState.UNKNOWN, Money(880), order_no="12345678202603050000420000000001"),
    ),
)
KEY = KeySlip(HEAD, "08D7B4FB", (("01", "CA7E89"), ("02", "BF259A")))

SAMPLES: dict[str, Slip] = {
    "card-signed": CARD_SIGNED,
    "card-pin": CARD_PIN,
    "card-fallback": CARD_FALLBACK,
    "notice": NOTICE,
    "notice-keep-card": NOTICE_KEEP_CARD,
    "card-part": CARD_PART,
    "card-to-confirm": replace(CARD_PIN, amount=Money(12850), then="confirm"),
    "notice-reversing": NOTICE_REVERSING,
    "notice-unanswered": NOTICE_UNANSWERED,
    "qr": QR,
    "qr-late": QR_LATE,
    "qr-discount": QR_DISCOUNT,
    "qr-disbelieved": QR_DISBELIEVED,
    "qr-order": QR_ORDER,
    "qr-static": QR_STATIC,
    "static-code": STATIC_CODE,
    "cash": CASH,
    "settlement": SETTLEMENT,
    "settlement-unbalanced": UNBALANCED,
    "settlement-discounts": SETTLEMENT_DISCOUNTS,
    "open-strip": OPEN_STRIP,
    "x-report": X_REPORT,
    "details": DETAILS,
    "bill": BILL,
    "bill-differs": BILL_DIFFERS,
    "self-test": SELF_TEST,
    "lock": LOCK,
    "lock-for-files": LockSlip(HEAD, "files"),
    "key": KEY,
}
