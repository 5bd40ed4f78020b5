"""The slips as values: everything that stands on the paper, and nothing that may not.

A slip is kept in the journal before it is printed (so that the last one can be printed again after a power
cut) as the plain JSON of `to_record`. It therefore holds no secret: a card number is masked before it gets
here, and a slip that is given a clear one refuses to exist.
Spec: host-link digest §10 (签购单, 结算总计单).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from terminal.model import Finding, Kind, Method, Money, Notice, PaymentState, Promotion
from terminal.receipts.parts import CLEAR_DIGITS, Balance, Entry, Head, SlipError, Verification


@dataclass(frozen=True, slots=True)
class Chip:
    """The EMV block, each as hex but the label. Empty means: not there, not printed.

    `cryptogram_type` is TC, ARQC or AAC. Spec: EMV 4.4 Book 3 Annex A.
    """

    aid: str = ""
    label: str = ""
    cryptogram_type: str = ""
    cryptogram: str = ""
    tvr: str = ""
    tsi: str = ""
    atc: str = ""
    unpredictable_number: str = ""
    aip: str = ""
    cvm_results: str = ""
    issuer_application_data: str = ""
    terminal_capabilities: str = ""
    card_sequence_no: str = ""


@dataclass(frozen=True, slots=True)
class CardSlip:
    """签购单. `voucher_no` is the STAN, `ref_no` the RRN (field 37), `auth_code` field 38.

    `masked_pan` is first 6 and last 4 (terminal.model.mask_pan). `expiry` is empty or masked ("**/**").
    `original` is the number of the transaction that this one is about, `original_by` which (voucher, rrn, auth_code),
    `original_date` its MMDD where it may be of another day; `terms` is an instalment's number of months, `base`
    the sale that a tip (`amount`) is added to. `asked`: what was asked for, where only `amount`
    of it was approved. `then`: what is to be done about it, a word of the table NEXT. `eslip_url` as in QrSlip.
    """

    record_kind: ClassVar[str] = "card"
    head: Head
    amount: Money
    masked_pan: str
    voucher_no: str
    kind: Kind = Kind.SALE
    entry: Entry = Entry.CHIP
    verification: Verification = Verification.SIGNATURE
    acquirer: str = ""
    issuer: str = ""
    expiry: str = ""
    auth_code: str = ""
    ref_no: str = ""
    original: str = ""
    original_by: str = ""
    original_date: str = ""
    chip: Chip | None = None
    terms: str = ""
    base: Money | None = None
    asked: Money | None = None
    then: str = ""
    eslip_url: str = ""

    def __post_init__(self) -> None:
        if CLEAR_DIGITS.search(self.masked_pan):
            raise SlipError("CardSlip.masked_pan is not masked")


class Ending(Enum):
    """How a card sale that reached the host ended without being a sale; the words are in `words`."""

    DECLINED = "declined"  # The host said no.
    NOT_SENT = "not-sent"  # The host never saw it; the prepared reversal is withdrawn.
    UNANSWERED = "unanswered"  # The host may have seen it, and nothing hangs on that: a balance.
    REVERSING = "reversing"  # The host may have approved: the reversal is kept until it is answered.
    REVERSED = "reversed"  # Approved, and undone again.
    UNKNOWN = "unknown"  # A refund that nobody answered: neither asked again nor reversed.


@dataclass(frozen=True, slots=True)
class NoticeSlip:
    """交易未成功: proof on paper that nothing was sold. `code` is field 39, `zh` and `en` its words, or empty.

    `then` is what it asks of somebody, a word of the table NEXT.
    """

    record_kind: ClassVar[str] = "notice"
    head: Head
    amount: Money
    masked_pan: str
    voucher_no: str
    ending: Ending
    code: str = ""
    zh: str = ""
    en: str = ""
    ref_no: str = ""
    kind: Kind = Kind.SALE
    then: str = ""

    def __post_init__(self) -> None:
        if CLEAR_DIGITS.search(self.masked_pan):
            raise SlipError("NoticeSlip.masked_pan is not masked")


class Late(Enum):
    """A wallet's payment that came after its order was given up, and what became of it."""

    NOT = ""
    COMPLETED = "completed"  # Its sale was still open.
    REFUNDED = "refunded"  # All of it goes back.


@dataclass(frozen=True, slots=True)
class QrSlip:
    """A sale paid from a wallet. `order_no` is ours, `wallet_transaction_no` the wallet's.

    Of the shop's printed code it has no order but the host's `receipt_no`.
    `late`: it came after its order was given up; all of it goes back under `refund_no`, if there is one.
    `customer`: what the customer paid of it after `promotions`, None where there were none; `disbelieved`: some were
    told, and their figures do not come to the amount. `extras`: lines that came with the payment. `eslip_url`: where
    the customer finds this slip, shown where there is no paper.
    """

    record_kind: ClassVar[str] = "qr"
    head: Head
    amount: Money
    order_no: str
    voucher_no: str
    kind: Kind = Kind.SALE
    method: Method = Method.QR_SHOWN
    wallet: str = ""
    wallet_transaction_no: str = ""
    ref_no: str = ""
    late: Late = Late.NOT
    refund_no: str = ""
    promotions: tuple[Promotion, ...] = ()
    customer: Money | None = None
    extras: tuple[str, ...] = ()
    disbelieved: bool = False
    eslip_url: str = ""
    receipt_no: str = ""


@dataclass(frozen=True, slots=True)
class QrOrderSlip:
    """The code on paper, for a panel too small to show it: not a receipt, and says so."""

    record_kind: ClassVar[str] = "qr-order"
    head: Head
    amount: Money
    payload: str
    order_no: str
    valid_seconds: int


@dataclass(frozen=True, slots=True)
class StaticCodeSlip:
    """The shop's printed code, to be put up at the till: no amount, no order, and it does not expire."""

    record_kind: ClassVar[str] = "static-code"
    head: Head
    payload: str


@dataclass(frozen=True, slots=True)
class CashSlip:
    record_kind: ClassVar[str] = "cash"
    head: Head
    amount: Money
    tendered: Money
    change: Money
    receipt_no: str = ""
    kind: Kind = Kind.SALE


@dataclass(frozen=True, slots=True)
class TotalRow:
    """One row of the totals. `in_host_totals` is False for cash, and for QR where the profile says so."""

    method: Method
    kind: Kind
    count: int
    amount: Money
    in_host_totals: bool = True


@dataclass(frozen=True, slots=True)
class Discounts:
    """What wallets' orders of a batch were cheaper by, less what refunds took back: who bore how much of the total.

    `disbelieved`: of how many payments the figures do not come to the order, and are in neither sum.
    """

    merchant: Money
    platform: Money
    disbelieved: int = 0


@dataclass(frozen=True, slots=True)
class OpenRow:
    """What is open: a pending reversal, an unknown wallet order, a failed upload.

    `pending`: a refund that the wallet has taken and not done; it counts in the batch in which it ends.
    `masked_pan` and `batch_no` where somebody has to find it at the host by telephone.
    """

    method: Method
    state: PaymentState
    amount: Money
    voucher_no: str = ""
    order_no: str = ""
    masked_pan: str = ""
    batch_no: str = ""
    pending: bool = False

    def __post_init__(self) -> None:
        if CLEAR_DIGITS.search(self.masked_pan):
            raise SlipError("OpenRow.masked_pan is not masked")


@dataclass(frozen=True, slots=True)
class UploadRow:
    """What the host was told afterwards and did not take: refused with a code, or not answered (""). """

    notice: Notice
    kind: Kind
    amount: Money
    voucher_no: str
    masked_pan: str = ""
    code: str = ""

    def __post_init__(self) -> None:
        if CLEAR_DIGITS.search(self.masked_pan):
            raise SlipError("UploadRow.masked_pan is not masked")


@dataclass(frozen=True, slots=True)
class OpenSlip:
    """未完结明细单: strip `strip` of `strips` of what is open or was not taken. The first is the paper that goes on."""

    record_kind: ClassVar[str] = "open"
    head: Head
    open_rows: tuple[OpenRow, ...]
    upload_rows: tuple[UploadRow, ...]
    strip: int
    strips: int


@dataclass(frozen=True, slots=True)
class SettlementSlip:
    """结算总计单. `domestic` and `foreign` are the host's two verdicts; cash is never in them.

    `total` is by the orders' amounts, `discounts` what is in it that customers have not paid, None for nothing.
    `uploaded` and `not_taken` count the records of the batch upload. Not `closed`: an X report (交易统计单), which
    settles nothing.
    """

    record_kind: ClassVar[str] = "settlement"
    head: Head
    rows: tuple[TotalRow, ...]
    total_count: int
    total: Money
    domestic: Balance = Balance.BALANCED
    foreign: Balance = Balance.NOT_REPORTED
    open_rows: tuple[OpenRow, ...] = ()
    upload_rows: tuple[UploadRow, ...] = ()
    uploaded: int = 0
    not_taken: int = 0
    closed: bool = True
    discounts: Discounts | None = None
    strips: int = 1


@dataclass(frozen=True, slots=True)
class DetailRow:
    """One payment of a batch. `voucher_no` and `auth_code` are empty where there is none (cash).

    `unknown`: nobody knows its end, and no total has it.
    """

    method: Method
    kind: Kind
    amount: Money
    voucher_no: str = ""
    masked_pan: str = ""
    auth_code: str = ""
    unknown: bool = False

    def __post_init__(self) -> None:
        if CLEAR_DIGITS.search(self.masked_pan):
            raise SlipError("DetailRow.masked_pan is not masked")


@dataclass(frozen=True, slots=True)
class DetailSlip:
    """交易明细单: strip `strip` of `strips` of what a batch holds. Made from the journal each time, never kept."""

    record_kind: ClassVar[str] = "details"
    head: Head
    rows: tuple[DetailRow, ...]
    strip: int = 1
    strips: int = 1


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A difference: `ours` and `bill` None where that side has none; fees in minor units, None where not known."""

    finding: Finding
    order_no: str
    refund_no: str = ""
    voucher_no: str = ""
    ours: Money | None = None
    bill: Money | None = None
    due: Money | None = None
    fee: Money | None = None


@dataclass(frozen=True, slots=True)
class BillSlip:
    """对账单: strip `strip` of `strips` of what the trade bill of `day` (ISO 8601) and our records say differently.

    `counts` as (finding, rows), over all strips; `unnamed` differences found no room on any. `fees_checked`: the
    contract's rate is known.
    """

    record_kind: ClassVar[str] = "bill"
    head: Head
    rail: str
    day: str
    counts: tuple[tuple[Finding, int], ...]
    rows: tuple[DifferenceRow, ...] = ()
    unnamed: int = 0
    fees_checked: bool = True
    strip: int = 1
    strips: int = 1


@dataclass(frozen=True, slots=True)
class SelfTestSlip:
    """The self-test: `checks` as (name, passed), `kcvs` as (key's name, KCV in hex); a KCV is no secret.

    `lists`: what the host has given, as (list of the table LISTS, entries, date or "").
    """

    record_kind: ClassVar[str] = "self-test"
    head: Head
    version: str
    checks: tuple[tuple[str, bool], ...]
    link: str = ""
    kcvs: tuple[tuple[str, str], ...] = ()
    lists: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LockSlip:
    """The terminal locked itself. `reason` is a word of the table LOCKS; the rows are for the telephone."""

    record_kind: ClassVar[str] = "lock"
    head: Head
    reason: str
    open_rows: tuple[OpenRow, ...] = ()
    strips: int = 1


@dataclass(frozen=True, slots=True)
class KeySlip:
    """A master key was loaded: `components` as (holder's number, check value), none for a test key."""

    record_kind: ClassVar[str] = "key"
    head: Head
    kcv: str
    components: tuple[tuple[str, str], ...] = ()


Slip = (
    CardSlip
    | NoticeSlip
    | QrSlip
    | QrOrderSlip
    | StaticCodeSlip
    | CashSlip
    | SettlementSlip
    | DetailSlip
    | OpenSlip
    | BillSlip
    | SelfTestSlip
    | LockSlip
    | KeySlip
)
SLIPS: tuple[type[Slip], ...] = (
    CardSlip,
    NoticeSlip,
    QrSlip,
    QrOrderSlip,
    StaticCodeSlip,
    CashSlip,
    SettlementSlip,
    DetailSlip,
    OpenSlip,
    BillSlip,
    SelfTestSlip,
    LockSlip,
    KeySlip,
)
