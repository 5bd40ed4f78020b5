"""Every word that stands on a slip, Chinese and English. A table; the layout is in `layout`.

A Chinese slip carries the English too ("商户编号(MERCHANT NO)"), as slips in China do: card schemes ask
for it, and foreign cardholders can read it. Spec: host-link digest §10.
"""

from __future__ import annotations

from types import MappingProxyType

from terminal.model import Finding, Kind, Method, Notice, Payer, PaymentState
from terminal.receipts.parts import Balance
from terminal.receipts.slips import Ending

LANGUAGES = ("zh-CN", "en")

PHRASES: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        # Titles
        "repayment_title": ("信用卡还款凭证", "CARD REPAYMENT"),
        "card_title": ("POS 签购单", "SALES SLIP"),
        "notice_title": ("交易未成功", "NOT A SALE"),
        "qr_title": ("扫码支付凭证", "QR PAYMENT"),
        "static_title": ("扫码付款", "SCAN TO PAY"),
        "static_how": ("请扫码，输入金额后付款", "SCAN, TYPE THE AMOUNT, PAY"),
        "qr_order_title": ("请扫码付款", "SCAN TO PAY"),
        "cash_title": ("现金收款凭证", "CASH RECEIPT"),
        "x_report_title": ("交易统计单", "X REPORT"),
        "details_title": ("交易明细单", "DETAILS"),
        "bill_title": ("对账单", "TRADE BILL"),
        "rail": ("渠道", "CHANNEL"),
        "bill_day": ("账单日", "BILL DAY"),
        "ours": ("本机金额", "OURS"),
        "billed": ("账单金额", "BILL"),
        "fee_due": ("合同手续费", "FEE DUE"),
        "fee_billed": ("账单手续费", "FEE BILLED"),
        "not_there": ("无", "NONE"),
        "unnamed": ("未列出的差异", "DIFFERENCES NOT LISTED"),
        "fees_unchecked": ("未设合同费率，手续费未核对", "NO RATE SET, FEES NOT CHECKED"),
        "no_differences": ("没有差异", "NO DIFFERENCES"),
        "open_strip_title": ("未完结明细单", "NOT AT ITS END"),
        "strip": ("第几联", "STRIP"),
        "settlement_title": ("结算总计单", "SETTLEMENT"),
        "self_test_title": ("自检单", "SELF-TEST"),
        "lock_title": ("终端已锁定", "LOCKED"),
        "key_title": ("密钥装载单", "KEY LOADED"),
        # Labels
        "merchant_name": ("商户名称", "MERCHANT NAME"),
        "merchant_no": ("商户编号", "MERCHANT NO"),
        "terminal_no": ("终端编号", "TERMINAL NO"),
        "operator": ("操作员号", "OPERATOR NO"),
        "acquirer": ("收单行", "ACQUIRER"),
        "issuer": ("发卡行", "ISSUER"),
        "card_no": ("卡号", "CARD NO"),
        "expiry": ("有效期", "EXP DATE"),
        "type": ("交易类型", "TRANS TYPE"),
        "batch_no": ("批次号", "BATCH NO"),
        "voucher_no": ("凭证号", "VOUCHER NO"),
        "auth_code": ("授权码", "AUTH NO"),
        "ref_no": ("参考号", "REF NO"),
        "at": ("日期/时间", "DATE/TIME"),
        "amount": ("金额", "AMOUNT"),
        "original_voucher": ("原凭证号", "ORIG VOUCHER"),
        "original_rrn": ("原参考号", "ORIG REF NO"),
        "original_auth_code": ("原授权码", "ORIG AUTH NO"),
        "original_date": ("原交易日期", "ORIG DATE"),
        "reference": ("备注", "REFERENCE"),
        "tip": ("小费", "TIP"),
        "with_tip": ("总计", "TOTAL"),
        "asked": ("应付金额", "ASKED FOR"),
        "still_due": ("尚欠金额", "STILL DUE"),
        "terms": ("分期期数", "TERMS"),
        "order_no": ("商户订单号", "ORDER NO"),
        "refund_no": ("退款单号", "REFUND NO"),
        "customer_paid": ("顾客实付", "CUSTOMER PAID"),
        "extras": ("随单所得", "WITH THIS PAYMENT"),
        "disbelieved": ("钱包所报优惠与金额不符，未采信", "REPORTED DISCOUNTS DO NOT ADD UP: NOT BELIEVED"),
        "wallet": ("付款方式", "WALLET"),
        "wallet_no": ("钱包流水号", "WALLET TRANS NO"),
        "receipt_no": ("收据号", "RECEIPT NO"),
        "tendered": ("实收", "TENDERED"),
        "change": ("找零", "CHANGE"),
        "valid_until": ("有效至", "VALID UNTIL"),
        "version": ("版本", "VERSION"),
        "link": ("通讯", "LINK"),
        "kcv": ("密钥校验值", "KEY CHECK VALUES"),
        "checks": ("检查项目", "CHECKS"),
        "lists": ("主机下发", "FROM THE HOST"),
        "paper": ("纸宽", "PAPER"),
        # Table of the settlement
        "col_type": ("类型/TYPE", "TYPE"),
        "col_count": ("笔数/SUM", "COUNT"),
        "col_amount": ("金额/AMT", "AMOUNT"),
        "total": ("合计/TOTAL", "TOTAL"),
        "merchant_discount": ("商户优惠", "MERCHANT DISCOUNT"),
        "net": ("净额", "NET"),
        "from_platforms": ("其中平台付", "OF IT BY PLATFORMS"),
        "discounts_disbelieved": ("优惠未采信笔数", "DISCOUNTS NOT BELIEVED"),
        "domestic": ("内卡", "DOMESTIC CARDS"),
        "foreign": ("外卡", "FOREIGN CARDS"),
        "not_in_host_totals": ("* 不计入主机总计", "* NOT IN THE HOST'S TOTALS"),
        "uploads_title": ("上送未成功", "UPLOADS NOT TAKEN"),
        "not_answered": ("未上送", "NOT ANSWERED"),
        "uploaded": ("批上送笔数", "BATCH UPLOAD"),
        "not_taken": ("主机未收笔数", "NOT TAKEN"),
        "not_closed": ("批次未结算", "THE BATCH IS STILL OPEN"),
        "open_title": ("未决交易", "OPEN ITEMS"),
        "no_open": ("无未决交易", "NO OPEN ITEMS"),
        # Keys
        "master_key": ("主密钥校验值", "MASTER KEY KCV"),
        "component": ("分量校验值", "COMPONENT KCV"),
        "holder": ("持有人", "HOLDER"),
        "holder_signature": ("持有人签名", "HOLDER SIGNATURE"),
        # Sentences
        "late_completed": ("迟到的付款，交易已完成", "PAID LATE: THE SALE IS COMPLETE"),
        "late_refunded": ("迟到的付款，全额退款", "PAID LATE: REFUNDED IN FULL"),
        "signature": ("持卡人签名", "CARDHOLDER SIGNATURE"),
        "pin_entered": ("已输入密码，无需签名", "PIN ENTERED, NO SIGNATURE REQUIRED"),
        "pin_and_signature": ("已输入密码，请签名", "PIN ENTERED, PLEASE SIGN"),
        "no_verification": ("免密免签", "NO PIN, NO SIGNATURE REQUIRED"),
        "signed_on_pad": ("持卡人已电子签名", "SIGNED ELECTRONICALLY"),
        "no_signature": ("无卡交易，无需签名", "CARD NOT PRESENT, NO SIGNATURE"),
        "agreement": (
            "本人确认以上交易，同意将其计入本卡账户",
            "I ACKNOWLEDGE SATISFACTORY RECEIPT OF RELATIVE GOODS/SERVICES",
        ),
        "repayment_agreement": (
            "本人确认以上还款，款项存入本卡账户",
            "I CONFIRM THE ABOVE REPAYMENT INTO THIS CARD'S ACCOUNT",
        ),
        "merchant_copy": ("商户存根", "MERCHANT COPY"),
        "cardholder_copy": ("持卡人存根", "CARDHOLDER COPY"),
        "customer_copy": ("顾客存根", "CUSTOMER COPY"),
        "reprint": ("重打印", "DUPLICATED"),
        "test_keys": ("测试密钥", "TEST KEYS"),
        "lock_advice": (
            "密钥已销毁，重新装入密钥前不能交易。请联系服务商。",
            "KEYS DESTROYED. NO SALES UNTIL KEYS ARE LOADED AGAIN. CALL SERVICE.",
        ),
        "settle_by_phone": (
            "以上交易装入密钥并签到后自动冲正；等不及请持此单致电收单方。",
            "REVERSED AFTER KEYS AND SIGN-IN. IF THAT MUST NOT WAIT, CALL THE ACQUIRER WITH THIS SLIP.",
        ),
        "result": ("结果", "RESULT"),
        "no_receipt": ("此单不是收据", "THIS IS NOT A RECEIPT"),
        "passed": ("通过", "OK"),
        "failed": ("失败", "FAILED"),
    }
)

KINDS: MappingProxyType[Kind, tuple[str, str]] = MappingProxyType(
    {
        Kind.SALE: ("消费", "SALE"),
        Kind.VOID: ("消费撤销", "VOID"),
        Kind.REFUND: ("退货", "REFUND"),
        Kind.AUTH: ("预授权", "AUTH"),
        Kind.AUTH_VOID: ("预授权撤销", "CANCEL"),
        Kind.COMPLETION: ("预授权完成请求", "AUTH COMPLETE"),
        Kind.COMPLETION_VOID: ("预授权完成撤销", "COMPLETE VOID"),
        Kind.COMPLETION_NOTICE: ("预授权完成通知", "AUTH SETTLEMENT"),
        Kind.TIP: ("小费调整", "ADJUST"),
        Kind.OFFLINE_SETTLEMENT: ("离线结算", "OFFLINE"),
        Kind.OFFLINE_SALE: ("脱机消费", "OFFLINE SALE"),
        Kind.BALANCE: ("余额查询", "BALANCE INQUIRY"),
        Kind.MOTO_SALE: ("订购消费", "MOTO SALE"),
        Kind.MOTO_VOID: ("订购消费撤销", "MOTO VOID"),
        Kind.MOTO_REFUND: ("订购退货", "MOTO REFUND"),
        Kind.MOTO_AUTH: ("订购预授权", "MOTO AUTH"),
        Kind.MOTO_AUTH_VOID: ("订购预授权撤销", "MOTO CANCEL"),
        Kind.MOTO_COMPLETION: ("订购预授权完成", "MOTO COMPLETE"),
        Kind.MOTO_COMPLETION_VOID: ("订购预授权完成撤销", "MOTO COMPLETE VOID"),
        Kind.INSTALMENT: ("分期消费", "INSTALLMENT"),
        Kind.INSTALMENT_VOID: ("分期消费撤销", "INSTALLMENT VOID"),
        Kind.POINTS: ("积分消费", "BONUS"),
        Kind.POINTS_VOID: ("积分消费撤销", "BONUS VOID"),
        Kind.POINTS_REFUND: ("积分退货", "BONUS REFUND"),
        Kind.REPAYMENT: ("信用卡还款", "CARD REPAYMENT"),
        Kind.REPAYMENT_VOID: ("信用卡还款撤销", "CARD REPAYMENT VOID"),
    }
)

# The letter of a kind on the detail slip: S, R and P as terminals in China print them; what is taken back has a V.
LETTERS: MappingProxyType[Kind, str] = MappingProxyType(
    {
        Kind.SALE: "S",
        Kind.VOID: "V",
        Kind.REFUND: "R",
        Kind.COMPLETION: "P",
        Kind.COMPLETION_VOID: "V(P)",
        Kind.COMPLETION_NOTICE: "P",
        Kind.TIP: "T",
        Kind.OFFLINE_SETTLEMENT: "O",
        Kind.OFFLINE_SALE: "O",
        Kind.MOTO_SALE: "S(M)",
        Kind.MOTO_VOID: "V(M)",
        Kind.MOTO_REFUND: "R(M)",
        Kind.MOTO_COMPLETION: "P(M)",
        Kind.MOTO_COMPLETION_VOID: "V(PM)",
        Kind.INSTALMENT: "I",
        Kind.INSTALMENT_VOID: "V(I)",
        Kind.POINTS: "B",
        Kind.POINTS_VOID: "V(B)",
        Kind.POINTS_REFUND: "R(B)",
        Kind.REPAYMENT: "C",
        Kind.REPAYMENT_VOID: "V(C)",
    }
)

METHODS: MappingProxyType[Method, tuple[str, str]] = MappingProxyType(
    {
        Method.CARD: ("银行卡", "BANK CARD"),
        Method.QR_SHOWN: ("扫码(主扫)", "QR SHOWN"),
        Method.QR_SCANNED: ("扫码(被扫)", "QR SCANNED"),
        Method.CASH: ("现金", "CASH"),
        Method.QR_STATIC: ("静态码", "PRINTED CODE"),
    }
)

# Who bears a discount, behind its name.
PAYERS: MappingProxyType[Payer, tuple[str, str]] = MappingProxyType(
    {Payer.MERCHANT: ("商户承担", "MERCHANT"), Payer.PLATFORM: ("平台承担", "PLATFORM")}
)

PENDING = ("退款处理中", "REFUND PENDING")  # UNKNOWN of a refund that its wallet has taken.
CLOSING = ("正在关单", "BEING CLOSED")  # REVERSING of a wallet's order.
STATES: MappingProxyType[PaymentState, tuple[str, str]] = MappingProxyType(
    {
        PaymentState.NEW: ("未开始", "NEW"),
        PaymentState.ABANDONED: ("已放弃", "ABANDONED"),
        PaymentState.REQUESTED: ("等待应答", "AWAITING REPLY"),
        PaymentState.APPROVED: ("已批准", "APPROVED"),
        PaymentState.DECLINED: ("已拒绝", "DECLINED"),
        PaymentState.UNKNOWN: ("结果未知", "UNKNOWN"),
        PaymentState.REVERSING: ("冲正未完成", "REVERSAL PENDING"),
        PaymentState.REVERSED: ("已冲正", "REVERSED"),
        PaymentState.OFFLINE_APPROVED: ("未上送", "NOT UPLOADED"),
        PaymentState.COMPLETED: ("已完成", "COMPLETED"),
        PaymentState.VOIDED: ("已撤销", "VOIDED"),
        PaymentState.SETTLED: ("已结算", "SETTLED"),
    }
)

NOTICES: MappingProxyType[Notice, tuple[str, str]] = MappingProxyType(
    {
        Notice.ADVICE: ("通知", "ADVICE"),
        Notice.SIGNATURE: ("电子签名", "SIGNATURE"),
        Notice.SCRIPT_RESULT: ("脚本结果通知", "SCRIPT RESULTS"),
    }
)

BALANCES: MappingProxyType[Balance, tuple[str, str]] = MappingProxyType(
    {
        Balance.BALANCED: ("对账平", "BALANCED"),
        Balance.UNBALANCED: ("对账不平", "NOT BALANCED"),
        Balance.ERROR: ("对账错", "RECONCILIATION ERROR"),
        Balance.NOT_REPORTED: ("主机未对账", "NOT REPORTED"),
    }
)

# What a trade bill and our records say of each other.
FINDINGS: MappingProxyType[Finding, tuple[str, str]] = MappingProxyType(
    {
        Finding.MATCHED: ("相符", "MATCHED"),
        Finding.MISSING: ("账单缺", "NOT ON THE BILL"),
        Finding.EXTRA: ("账单多", "NOT OURS"),
        Finding.AMOUNT: ("金额不符", "AMOUNT DIFFERS"),
        Finding.FEE: ("手续费不符", "FEE DIFFERS"),
        Finding.STATE: ("账单已动账", "MOVED ON THE BILL"),
        Finding.OTHER_DAY: ("跨日待对", "NEXT DAY'S BILL"),
    }
)

# What a host gives, and the self-test tells.
LISTS: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "parameters": ("终端参数", "PARAMETERS"),
        "ca_keys": ("CA公钥", "CA KEYS"),
        "aids": ("AID参数", "AIDS"),
        "blacklist": ("卡黑名单", "BLACKLIST"),
        "no_pin_bins": ("免密BIN", "NO-PIN BINS"),
        "bin_blacklist": ("BIN黑名单", "BIN BLACKLIST"),
        "card_bins": ("卡BIN", "CARD BINS"),
    }
)

# What the self-test may check; a name that is not here is printed as it is.
CHECKS: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "display": ("显示屏", "DISPLAY"),
        "keypad": ("键盘", "KEYPAD"),
        "printer": ("打印机", "PRINTER"),
        "card_reader": ("读卡器", "CARD READER"),
        "scanner": ("扫码器", "SCANNER"),
        "journal": ("日志", "JOURNAL"),
        "keys": ("密钥", "KEYS"),
        "clock": ("时钟", "CLOCK"),
        "link": ("通讯", "LINK"),
        "config": ("配置", "CONFIG"),
        "font": ("字库", "FONT"),
        "tamper": ("防拆", "TAMPER"),
        "files": ("程序文件", "PROGRAM FILES"),
        "buzzer": ("蜂鸣器", "BUZZER"),
        "lamps": ("指示灯", "LAMPS"),
    }
)

# Why a terminal locked itself, by the journal's word for it.
LOCKS: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "tamper": ("机壳被打开", "THE CASE WAS OPENED"),
        "files": ("程序文件被改动", "A PROGRAM FILE WAS CHANGED"),
        "keys-gone": ("开机时密钥已不在", "NO KEYS WERE FOUND AT POWER-ON"),
    }
)

ENDINGS: MappingProxyType[Ending, tuple[str, str]] = MappingProxyType(
    {
        Ending.DECLINED: ("交易被拒绝，未扣款", "DECLINED, NOTHING WAS CHARGED"),
        Ending.NOT_SENT: ("交易未发出，未扣款", "NOT SENT, NOTHING WAS CHARGED"),
        Ending.UNANSWERED: ("未得到应答，未扣款", "NO ANSWER, NOTHING WAS CHARGED"),
        Ending.REVERSING: ("主机未确认，将自动冲正", "NOT CONFIRMED, WILL BE REVERSED"),
        Ending.REVERSED: ("已冲正，未扣款", "REVERSED, NOTHING WAS CHARGED"),
        Ending.UNKNOWN: ("结果未知，请联系收单方，勿重做", "UNKNOWN: ASK THE ACQUIRER, DO NOT REPEAT IT"),
    }
)

# What a response code asks for, by the word that the host link has for it (hostlink.codes.Action).
NEXT: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "again": ("请重新交易", "PLEASE TRY AGAIN"),
        "wait": ("请稍后再试", "PLEASE TRY AGAIN LATER"),
        "chip": ("请插入芯片卡交易", "PLEASE USE THE CHIP"),
        "pin": ("请重新输入密码", "PLEASE ENTER THE PIN AGAIN"),
        "other-card": ("请更换其他卡", "PLEASE USE ANOTHER CARD"),
        "keep-card": ("发卡行要求收回此卡，请勿退还持卡人，并联系收单方", "KEEP THE CARD AND CALL THE ACQUIRER"),
        "amount": ("请核对金额", "PLEASE CHECK THE AMOUNT"),
        "original": ("请核对原交易信息", "PLEASE CHECK THE ORIGINAL TRANSACTION"),
        "issuer": ("请持卡人联系发卡行", "CARDHOLDER: PLEASE ASK YOUR BANK"),
        "acquirer": ("请商户联系收单方", "MERCHANT: PLEASE CALL THE ACQUIRER"),
        "sign-in": ("请终端重新签到后再试", "SIGN IN AND TRY AGAIN"),
        "settle": ("请先结算，脱机交易将重新上送", "PLEASE SETTLE: OFFLINE SALES GO UP AGAIN"),
        "confirm": ("请向发卡行确认此交易", "PLEASE CONFIRM WITH THE ISSUER"),
    }
)

# Wallets by the names that the host link gives them; another name is printed as it came.
WALLETS: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "wechat": ("微信支付", "WeChat Pay"),
        "alipay": ("支付宝", "Alipay"),
        "unionpay": ("云闪付", "UnionPay"),
    }
)

# Who has the orders whose bill is matched.
RAILS: MappingProxyType[str, tuple[str, str]] = MappingProxyType({"acquirer": ("收单方", "ACQUIRER"), **WALLETS})
