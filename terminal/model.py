"""The words of a payment: money, its states, the terminal's modes. Pure values; nothing here reads a clock or a file.

State that outlives a call is a table, in the manner of h11: the rule is the table, an illegal edge raises
IllegalEdge and changes nothing. `make diagrams` draws both tables.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

AMOUNT_MAX_MINOR = 999_999_999_99  # Field 4 of the host link and tag 9F02 both hold n12.


class IllegalEdge(Exception):
    """Our own code asked for a state change that the table does not have."""


@dataclass(frozen=True, slots=True)
class Currency:
    """Spec: ISO 4217; `numeric` is three digits, `exponent` the number of minor digits."""

    code: str
    numeric: str
    exponent: int
    sign: str


CNY = Currency("CNY", "156", 2, "¥")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units. Adding two currencies is an error, not a conversion.

    >>> str(Money(12850) + Money(50))
    '129.00'
    """

    amount_minor: int
    currency: Currency = CNY

    def __post_init__(self) -> None:
        if not isinstance(self.amount_minor, int) or abs(self.amount_minor) > AMOUNT_MAX_MINOR:
            raise ValueError("an amount is a whole number of minor units that fits n12")

    def _same(self, other: Money) -> None:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency.code} and {other.currency.code} do not add up")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __str__(self) -> str:
        unit = 10**self.currency.exponent
        sign = "-" if self.amount_minor < 0 else ""
        whole, part = divmod(abs(self.amount_minor), unit)
        return f"{sign}{whole}.{part:0{self.currency.exponent}d}" if self.currency.exponent else f"{sign}{whole}"


class Payer(Enum):
    """Who bears a discount: the shop sold for less, or somebody else pays that part."""

    MERCHANT = "merchant"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Promotion:
    """A wallet's discount on an order: what it is called there, how much, and who bears it."""

    name: str
    amount: Money
    payer: Payer


class Method(Enum):
    CARD = "card"
    QR_SHOWN = "qr-shown"  # Merchant-presented: the terminal shows, the phone scans.
    QR_SCANNED = "qr-scanned"  # Consumer-presented: the phone shows, the terminal scans.
    CASH = "cash"
    QR_STATIC = "qr-static"  # Paid to the shop's printed code, with an amount that the customer has typed.


class Kind(Enum):
    """What is done with the money, whatever it is paid with. How each goes over the wire: hostlink/transactions.py."""

    SALE = "sale"
    VOID = "void"
    REFUND = "refund"
    BALANCE = "balance"
    AUTH = "auth"
    AUTH_VOID = "auth-void"
    COMPLETION = "completion"
    COMPLETION_VOID = "completion-void"
    COMPLETION_NOTICE = "completion-notice"
    TIP = "tip"
    OFFLINE_SETTLEMENT = "offline-settlement"  # Authorised by telephone, told afterwards.
    OFFLINE_SALE = "offline-sale"  # Approved by the card alone, told afterwards.
    MOTO_SALE = "moto-sale"
    MOTO_VOID = "moto-void"
    MOTO_REFUND = "moto-refund"
    MOTO_AUTH = "moto-auth"
    MOTO_AUTH_VOID = "moto-auth-void"
    MOTO_COMPLETION = "moto-completion"
    MOTO_COMPLETION_VOID = "moto-completion-void"
    INSTALMENT = "instalment"
    INSTALMENT_VOID = "instalment-void"
    POINTS = "points"
    POINTS_VOID = "points-void"
    POINTS_REFUND = "points-refund"
    REPAYMENT = "repayment"  # 信用卡还款
    REPAYMENT_VOID = "repayment-void"


class PaymentState(Enum):
    NEW = "new"
    ABANDONED = "abandoned"
    REQUESTED = "requested"
    APPROVED = "approved"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    REVERSING = "reversing"
    REVERSED = "reversed"
    OFFLINE_APPROVED = "offline-approved"
    COMPLETED = "completed"
    VOIDED = "voided"
    SETTLED = "settled"


_P = PaymentState
PAYMENT_EDGES: MappingProxyType[PaymentState, tuple[PaymentState, ...]] = MappingProxyType(
    {
        # Cash needs nobody's answer: it is complete when it lies in the drawer.
        _P.NEW: (_P.ABANDONED, _P.REQUESTED, _P.OFFLINE_APPROVED, _P.COMPLETED),
        # ABANDONED: the connection failed before the first byte left, so the prepared reversal is withdrawn.
        _P.REQUESTED: (_P.APPROVED, _P.DECLINED, _P.UNKNOWN, _P.REVERSING, _P.ABANDONED),
        # SETTLED: a refund that nobody answered. It is not asked again and not reversed; the settlement lists it.
        _P.UNKNOWN: (_P.APPROVED, _P.DECLINED, _P.REVERSING, _P.SETTLED),
        _P.APPROVED: (_P.COMPLETED, _P.REVERSING),
        # A wallet's order being closed (CLOSING to people) may still turn out to have been paid.
        _P.REVERSING: (_P.REVERSED, _P.APPROVED),
        _P.OFFLINE_APPROVED: (_P.COMPLETED,),
        _P.COMPLETED: (_P.VOIDED, _P.SETTLED),
        _P.ABANDONED: (),
        _P.DECLINED: (),
        _P.REVERSED: (),
        _P.VOIDED: (_P.SETTLED,),
        _P.SETTLED: (),
    }
)
OPEN_STATES = (_P.NEW, _P.REQUESTED, _P.UNKNOWN, _P.APPROVED, _P.REVERSING, _P.OFFLINE_APPROVED)
# What makes a batch one that the host should know, and that must be settled before its number may change.
HELD_STATES = (*OPEN_STATES, _P.COMPLETED)


class Notice(Enum):
    """What the host is told afterwards, in its order, by the queue of uploads."""

    SCRIPT_RESULT = "script-result"  # 0620: what became of the issuer's scripts.
    SIGNATURE = "signature"  # 0820/07: a part of what the cardholder has signed on a pad.
    ADVICE = "advice"  # 0220: a transaction that is done already (Silence.REPEAT in its row of TRANSACTIONS).


class UploadState(Enum):
    QUEUED = "queued"
    DONE = "done"
    REFUSED = "refused"  # The host said no; the settlement slip lists it.
    UNSENT = "unsent"  # Nobody had answered when its batch was settled; the slip lists it, too.


class Finding(Enum):
    """What a trade bill and our own records say of one order or refund (terminal/reconcile.py)."""

    MATCHED = "matched"
    MISSING = "missing"  # We have it as paid, or as given back; the bill has not.
    EXTRA = "extra"  # The bill has it; it is none of ours, or is there twice.
    AMOUNT = "amount"
    FEE = "fee"  # Another than the contract's.
    STATE = "state"  # On the bill money has moved; with us it has not, or nobody knows.
    OTHER_DAY = "other-day"  # Around midnight: it may as well stand on the next day's bill, or did on the last one.


class Mode(Enum):
    BLANK = "blank"
    KEYED = "keyed"
    SIGNED_IN = "signed-in"
    SETTLING = "settling"
    LOCKED = "locked"


MODE_EDGES: MappingProxyType[Mode, tuple[Mode, ...]] = MappingProxyType(
    {
        Mode.BLANK: (Mode.KEYED, Mode.LOCKED),
        Mode.KEYED: (Mode.SIGNED_IN, Mode.LOCKED, Mode.BLANK),
        # KEYED: the host (or our own rules) says that a new sign-in is due.
        Mode.SIGNED_IN: (Mode.SIGNED_IN, Mode.SETTLING, Mode.KEYED, Mode.LOCKED),
        Mode.SETTLING: (Mode.KEYED, Mode.LOCKED),
        Mode.LOCKED: (Mode.BLANK,),
    }
)

S = TypeVar("S", PaymentState, Mode)


def check_edge(edges: MappingProxyType[S, tuple[S, ...]], old: S, new: S) -> None:
    """Raise IllegalEdge unless the table has old → new."""
    if new not in edges[old]:
        raise IllegalEdge(f"{old.value} → {new.value}")


def mask_pan(pan: str) -> str:
    """First 6 and last 4, one format everywhere (PCI DSS 3.4.1).

    >>> mask_pan("6225000000000014")
    '622500******0014'
    """
    if len(pan) < 12:
        return "*" * len(pan)
    return pan[:6] + "*" * (len(pan) - 10) + pan[-4:]


def infer_year(month_day: str, last_durable: datetime.date) -> datetime.date:
    """The date of an MMDD without a year: the one nearest to the last date known to be true.

    Fields 12 and 13 of the host link carry no year. Raises ValueError for what is no date.

    >>> infer_year("0101", datetime.date(2026, 12, 31))
    datetime.date(2027, 1, 1)
    """
    if len(month_day) != 4 or not month_day.isdigit():
        raise ValueError("a host date is MMDD")
    found: list[datetime.date] = []
    for year in (last_durable.year - 1, last_durable.year, last_durable.year + 1):
        try:
            found.append(datetime.date(year, int(month_day[:2]), int(month_day[2:])))
        except ValueError:
            continue  # 0229 exists in some of the years only.
    if not found:
        raise ValueError(f"no such date: {month_day}")
    return min(found, key=lambda day: abs((day - last_durable).days))
