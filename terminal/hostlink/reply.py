"""Is this the answer to that request, and what does it say? Every ending of an exchange passes through here.

A reply is taken only when its MTI is the request's plus 10 and fields 3, 4, 11, 41 and 42 come back equal (F4
may differ for a partial approval, code 10). Then its MAC: verified whenever it is present, and required for
any answer to an authenticated request. An unauthenticated decline is therefore no decline: it leaves a
reversal open.

Spec: docs/host-link.md §9, §11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from keys import KeyRefused, KeyStore
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.codes import APPROVING_CODES, PARTIAL_APPROVAL
from terminal.hostlink.messages import MAC_FIELD, mac_is_good
from terminal.hostlink.profile import Profile
from terminal.hostlink.promotions import CameWith, read_came_with
from terminal.hostlink.subfields import OrderState, OrderTag, RefundState, read_f60, read_tlv
from terminal.model import AMOUNT_MAX_MINOR, Money

MTI_FIELD = 0
RESPONSE_CODE = 39
ECHOED_FIELDS = (3, 4, 11, 41, 42)


class VerdictKind(Enum):
    APPROVED = "approved"
    DECLINED = "declined"  # The host said no, and it was the host.
    UNAUTHENTICATED = "unauthenticated"  # F64 is wrong, or missing where it must be: as good as no reply.
    MISMATCH = "mismatch"  # Not the answer to this request: as good as no reply.


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` is F39 ("" when absent); `field` is the one that does not fit (0: the MTI), for the last two."""

    kind: VerdictKind
    code: str = ""
    field: int | None = None

    @property
    def answered(self) -> bool:
        """Whether the host has spoken; if not, silence's rules apply."""
        return self.kind in (VerdictKind.APPROVED, VerdictKind.DECLINED)


def check_reply(request: Message, reply: Message, keys: KeyStore, profile: Profile) -> Verdict:
    """Judge a reply. Raises nothing for what a host may send."""
    code = reply.text(RESPONSE_CODE)
    if reply.mti != f"{int(request.mti) + 10:04d}":
        return Verdict(VerdictKind.MISMATCH, code, MTI_FIELD)
    for number in ECHOED_FIELDS:
        if number not in request.fields or (number == 4 and code == PARTIAL_APPROVAL and 4 in reply.fields):
            continue
        if reply.fields.get(number) != request.fields[number]:
            return Verdict(VerdictKind.MISMATCH, code, number)
    if not code:
        return Verdict(VerdictKind.MISMATCH, code, RESPONSE_CODE)
    if not _authentic(request, reply, keys, profile):
        return Verdict(VerdictKind.UNAUTHENTICATED, code, MAC_FIELD)
    return Verdict(VerdictKind.APPROVED if code in APPROVING_CODES else VerdictKind.DECLINED, code)


def _authentic(request: Message, reply: Message, keys: KeyStore, profile: Profile) -> bool:
    if MAC_FIELD not in reply.fields:
        return MAC_FIELD not in request.fields
    try:
        return mac_is_good(reply, keys, profile)
    except KeyRefused:
        return False  # Without a MAK nothing can be verified, so nothing is believed.


def ends_reversal(verdict: Verdict, profile: Profile) -> bool:
    """Whether this answer to a 0400 closes it: an authentic 00, 12 or 25 (the profile's list)."""
    return verdict.answered and verdict.code in profile.reversal_ending_codes


@dataclass(frozen=True, slots=True, repr=False)
class SignedIn:
    """What an approved 0810 brings: host clock (MMDD, hhmmss), batch number, and the key block of F62 (DUKPT: none)."""

    date: str
    time: str
    batch_no: str
    key_block: bytes

    def __repr__(self) -> str:
        return f"SignedIn({self.date} {self.time}, batch {self.batch_no})"


def read_sign_in(reply: Message, profile: Profile) -> SignedIn:
    """Raises FrameError naming the field that an approved sign-in lacks."""
    for number in (12, 13, 60) if profile.dukpt else (12, 13, 60, 62):
        if number not in reply.fields:
            raise FrameError(number, 0, "missing in the sign-in's answer")
    batch_no = read_f60(reply.text(60)).batch_no
    return SignedIn(reply.text(13), reply.text(12), batch_no, reply.binary(62))


@dataclass(frozen=True, slots=True)
class RefundReply:
    """What F59 of a refund's answer says. `wallet_no` is the wallet's number of the refund."""

    state: RefundState
    order_no: str
    refund_no: str
    wallet_no: str = ""


def read_refund(reply: Message) -> RefundReply:
    """Raises FrameError(59, …) when the state is missing or unknown."""
    tags = read_tlv(reply.text(59))
    state = tags.get(OrderTag.REFUND_STATE, "")
    if state not in {known.value for known in RefundState}:
        raise FrameError(59, 0, "element B1 holds no known state of a refund")
    return RefundReply(
        RefundState(state),
        tags.get(OrderTag.ORDER_NO, ""),
        tags.get(OrderTag.REFUND_NO, ""),
        tags.get(OrderTag.WALLET_NO, ""),
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was paid to the shop's printed code. `paid_at` is YYYYMMDDhhmmss of the host's clock, or ""."""

    number: str
    amount: Money
    wallet: str = ""
    wallet_no: str = ""
    paid_at: str = ""


def read_receipt(reply: Message) -> Receipt:
    """Raises FrameError(4 or 59, …) for a receipt without a usable number, amount or time."""
    tags = read_tlv(reply.text(59))
    number, paid_at = tags.get(OrderTag.RECEIPT_NO, ""), tags.get(OrderTag.PAID_AT, "")
    if not re.fullmatch(r"[0-9A-Za-z]{1,32}", number):
        raise FrameError(59, 0, "element B2 is no number of a receipt")
    if not re.fullmatch(r"([0-9]{14})?", paid_at):
        raise FrameError(59, 0, "element B3 is no date and time")
    amount_minor = int(reply.text(4) or 0)
    if not 0 < amount_minor <= AMOUNT_MAX_MINOR:
        raise FrameError(4, 0, "a receipt without an amount, or with one that is too large")
    wallet, wallet_no = tags.get(OrderTag.WALLET, ""), tags.get(OrderTag.WALLET_NO, "")
    return Receipt(number, Money(amount_minor), wallet, wallet_no, paid_at)


@dataclass(frozen=True, slots=True, repr=False)
class OrderReply:
    """What F59 of a QR answer says; `payload` is the code to show, `expires_s` whole seconds."""

    state: OrderState
    order_no: str
    payload: str = ""
    expires_s: int | None = None
    wallet: str = ""
    wallet_no: str = ""
    came_with: CameWith = CameWith()

    def __repr__(self) -> str:
        return f"OrderReply({self.state.value}, {self.order_no})"


def read_order(reply: Message) -> OrderReply:
    """Raises FrameError(59, …) when the state is missing or unknown, or the expiry is no number."""
    tags = read_tlv(reply.text(59))
    state = tags.get(OrderTag.STATE, "")
    if state not in {known.value for known in OrderState}:
        raise FrameError(59, 0, "element A6 holds no known order state")
    expires = tags.get(OrderTag.SECONDS_LEFT)
    if expires is not None and not re.fullmatch(r"[0-9]{1,5}", expires):
        raise FrameError(59, 0, "element A7 is no number of seconds")
    return OrderReply(
        OrderState(state),
        tags.get(OrderTag.ORDER_NO, ""),
        tags.get(OrderTag.PAYLOAD, ""),
        None if expires is None else int(expires),
        tags.get(OrderTag.WALLET, ""),
        tags.get(OrderTag.WALLET_NO, ""),
        read_came_with(tags),
    )
