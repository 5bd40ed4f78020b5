"""Faults of the host and its line, by rule and count: the same plan and the same messages give the same faults.

A plan is asked once for each request. What it returns is obeyed by the core (so that faults exist in virtual time)
and by the server (for what only a real line has: segments, a connection that ends).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from sim.takes import instead
from terminal.hostlink.codec import Message
from terminal.hostlink.codes import is_last_word, lookup
from terminal.hostlink.messages import QR_CLOSE, QR_CREATE, QR_PAY, QR_QUERY, QR_RECEIPTS, QR_REVERSE

MONEY = ("0100", "0200", "0220")
SAME_REQUEST = (42, 41, 60, 3, 11)  # Merchant, terminal, batch, processing code, STAN.
EVERY = 1_000_000_000  # `times` of a fault that never stops.
# The largest value of each option that is a number: a day of milliseconds, one digit in a header, a hundred thousand.
NUMBERS: Mapping[str, int] = MappingProxyType(
    {"nth": 1_000_000, "times": 1_000_000, "ms": 86_400_000, "digit": 9, "bp": 10_000, "minor": 10_000_000}
)
OPTIONS = ("mti", "f3", "code", *NUMBERS)


class FaultKind(Enum):
    DROP_REQUEST = "drop-request"  # The host never sees it.
    DROP_REPLY = "drop-reply"  # The host acts, nobody hears.
    DELAY = "delay"  # The reply comes `ms` later.
    WRONG_MAC = "wrong-mac"
    NO_MAC = "no-mac"
    WRONG_MTI = "wrong-mti"  # A good reply, but to another kind of message.
    WRONG_STAN = "wrong-stan"  # A good reply to another message.
    WRONG_TERMINAL = "wrong-terminal"
    WRONG_AMOUNT = "wrong-amount"
    DUPLICATE = "duplicate"  # The reply comes twice.
    FLOOD = "flood"  # Good replies to another message, one after the other, and never the right one.
    STALE = "stale"  # The reply to the terminal's last request comes first, then the right one.
    GARBLE = "garble"  # A byte of the bitmap is wrong.
    CUT = "cut"  # The reply ends in its middle, then the connection does.
    SPLIT = "split"  # The reply comes byte by byte.
    DISCONNECT = "disconnect"  # The connection ends instead of a reply.
    BAD_KCV = "bad-kcv"  # A sign-in whose MAK has a wrong check value.
    BAD_ARPC = "bad-arpc"  # An issuer authentication that the card refuses.
    PARTIAL = "partial"  # Approve a sale or a refund for half of its amount: code 10; a wallet gives the rest later.
    APPROVE = "approve"  # Approve, book it, and say so with `code` in place of 00.
    CODE = "code"  # Refuse with `code`, and do nothing.
    # Of the next QR order.
    MERCHANT_DISCOUNT = "merchant-discount"  # It is cheaper by `minor`, which the merchant bears,
    PLATFORM_DISCOUNT = "platform-discount"  # or the wallet.
    RED_PACKET = "red-packet"  # The customer gets `minor` with the payment; the wallet's own affair.
    FALSE_DISCOUNT = "false-discount"  # The answer's figures do not come to the order.
    # Of a QR order, and of the customer who has it before the eyes: what happens just before the request is looked at.
    EARLY_CLOSE = "early-close"  # The wallet closes nothing that is younger than `ms`.
    UNSCANNED = "unscanned"  # The wallet does not know an order that nobody has scanned: 25.
    REFUND_PENDING = "refund-pending"  # The acquirer has taken the refund; the wallet has not done it yet.
    TOLD_AGAIN = "told-again"  # A receipt of the printed code that the terminal has is told once more.
    CUSTOMER_SCANS = "customer-scans"  # And thinks about it: PAYING.
    CUSTOMER_PAYS = "customer-pays"
    CUSTOMER_REFUSES = "customer-refuses"
    LARGE_RECEIPT = "large-receipt"  # A receipt is told with a million yuan more than it was, and `digit` before that.
    TRACK_RECEIPT = "track-receipt"  # It is told with a number that looks like a track.
    # Of a trade bill, on its first row.
    BILL_LATE = "bill-late"  # Not published yet.
    BILL_MISSING = "bill-missing"  # The row is not there.
    BILL_EXTRA = "bill-extra"  # Before it stands one of somebody else's.
    BILL_AMOUNT = "bill-amount"  # A yuan more.
    BILL_FEE = "bill-fee"  # At `bp` basis points.
    REQUIREMENT = "requirement"  # Ask for `digit` in the header (3: sign in again).


# Elsewhere they cannot happen, nor count.
_ONLY_IN = {FaultKind.BAD_KCV: "0800", FaultKind.BAD_ARPC: "0200", FaultKind.PARTIAL: "0200"}
_ONLY_OF = {
    FaultKind.MERCHANT_DISCOUNT: (QR_CREATE, QR_PAY),
    FaultKind.PLATFORM_DISCOUNT: (QR_CREATE, QR_PAY),
    FaultKind.RED_PACKET: (QR_CREATE, QR_PAY),
    FaultKind.LARGE_RECEIPT: (QR_RECEIPTS,),
    FaultKind.TRACK_RECEIPT: (QR_RECEIPTS,),
    FaultKind.FALSE_DISCOUNT: (QR_CREATE, QR_PAY, QR_QUERY, QR_CLOSE, QR_REVERSE),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """From the `nth` matching request on, `times` of them. An empty `mti` or `processing_code` matches all."""

    kind: FaultKind
    mti: str = ""
    processing_code: str = ""
    nth: int = 1
    times: int = 1
    ms: int = 0
    code: str = "96"
    digit: int = 3
    bp: int = 68
    minor: int = 500
    when: Callable[[Message], bool] | None = None

    def matches(self, request: Message) -> bool:
        mti = self.mti or _ONLY_IN.get(self.kind, "")
        codes = (self.processing_code,) if self.processing_code else _ONLY_OF.get(self.kind, ())
        return (
            (not mti or request.mti == mti)
            and (not codes or request.fields.get(3) in codes)
            and (self.when is None or self.when(request))
        )


class FaultPlan:
    """Faults in force, each with its own count of matching requests."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults: list[tuple[Fault, list[int]]] = [(fault, [0]) for fault in faults]

    def add(self, fault: Fault) -> None:
        self._faults.append((fault, [0]))

    def clear(self) -> None:
        self._faults.clear()

    def remove(self, kind: FaultKind) -> None:
        """Every fault of this kind."""
        self._faults = [(fault, count) for fault, count in self._faults if fault.kind is not kind]

    @property
    def active(self) -> tuple[Fault, ...]:
        """What is still to come, in the order in which it was asked for."""
        return tuple(fault for fault, _ in self._faults)

    def __bool__(self) -> bool:
        return bool(self._faults)

    def take(self, request: Message) -> dict[FaultKind, Fault]:
        """The faults that befall this request; a fault that is used up is forgotten."""
        taken: dict[FaultKind, Fault] = {}
        for fault, count in self._faults:
            if fault.matches(request):
                count[0] += 1
                if fault.nth <= count[0] < fault.nth + fault.times:
                    taken[fault.kind] = fault
        self._faults = [(f, c) for f, c in self._faults if c[0] < f.nth + f.times - 1]
        return taken


class Refusals:
    """A host keeps its word: what a fault has refused for good is refused however often it comes."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, ...], str] = {}

    def code(self, request: Message, faults: Mapping[FaultKind, Fault]) -> str:
        """The code to refuse this request with; "" for none."""
        told = request.mti, *(request.text(number) for number in SAME_REQUEST)
        if FaultKind.CODE not in faults:
            return self._codes.get(told, "")
        code = faults[FaultKind.CODE].code
        if request.mti in MONEY and is_last_word(code) and not lookup(code).sign_in:
            code = self._codes.setdefault(told, code)
        return code


def parse_fault(text: str) -> Fault:
    """`KIND[,mti=0200][,code=51][,nth=2][,times=3|every][,ms=500][,f3=700000][,digit=3][,bp=68][,minor=500]`.

    Raises ValueError.

    >>> parse_fault("drop-reply,mti=0200,nth=2").nth
    2
    """
    kind, *options = text.split(",")
    values: dict[str, str | int] = {}
    for option in options:
        name, _, value = option.partition("=")
        if (name, value) == ("times", "every"):
            values[name] = EVERY
        elif name in NUMBERS:
            if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value) <= NUMBERS[name]):
                raise ValueError(f"fault {text!r}: {name} is a number up to {NUMBERS[name]}")
            values[name] = int(value)
        elif name in ("mti", "code", "f3"):
            if name == "code" and not re.fullmatch(r"[0-9A-Z]{2}", value):
                raise ValueError(f"fault {text!r}: a response code is two digits or capital letters")
            values["processing_code" if name == "f3" else name] = value
        else:
            raise ValueError(f"fault {text!r}: no option {name!r}; {instead(name, OPTIONS)}")
    try:
        return Fault(FaultKind(kind), **values)  # type: ignore[arg-type]  # Names and types were checked above.
    except ValueError:
        raise ValueError(f"no fault is called {kind!r}; {instead(kind, (each.value for each in FaultKind))}") from None
