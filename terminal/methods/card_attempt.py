"""What is to be done with a card, and one try of it: the deal, its payment, and how that moves.

Spec: docs/host-link.md §3, §5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keys import Pin
from terminal.hostlink.card_messages import Original
from terminal.hostlink.transactions import Silence
from terminal.loop import Commit
from terminal.methods.pin_entry import PinEntry
from terminal.model import Kind, Method, Money, PaymentState
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

UNSURE = "unsure"  # Fault of an attempt whose answer says nothing for certain.
UNANSWERED = "unanswered"  # Why a question that moves no money was abandoned: it may have reached the host.


@dataclass(frozen=True, slots=True)
class Deal:
    """What is to be done with a card. `about` names the original on the wire, `facts` goes into the payment.

    `extra` are the fields of this kind alone (F48, F62).
    """

    kind: Kind
    amount: Money
    about: Original | None = None
    extra: Mapping[int, str | bytes] = field(default_factory=dict, repr=False)
    facts: Mapping[str, str | int | bool] = field(default_factory=dict)
    undoes: PaymentRecord | None = None  # The original, where it is in our journal: its card, and its end.


@dataclass(slots=True)
class Attempt:
    """One pass of a card through the kernel: its payment, and what was learnt on the way."""

    payment: PaymentRecord
    deal: Deal
    pin: PinEntry | None = field(default=None, repr=False)
    digits: Pin = field(default_factory=Pin, repr=False)  # For the card's own check; wiped with VERIFY.
    host_code: str = ""  # Field 39, or "" when there was no believable answer.
    balance: str = field(default="", repr=False)  # Field 54, for the glass alone.
    fault: str = ""  # Why nothing was sent, or why the answer is missing.


def new_payment(shop: Shop, tx: Tx, deal: Deal) -> PaymentRecord:
    return tx.new_payment(Method.CARD, deal.amount, shop.operator, deal.kind, **deal.facts)


def amount_asked(payment: PaymentRecord) -> Money | None:
    """What a PIN is typed for; None for a balance, which has no amount."""
    return None if payment.kind is Kind.BALANCE else payment.amount


async def move(attempt: Attempt, state: PaymentState, **facts: str | int | bool) -> None:
    attempt.payment = await Commit(lambda tx: tx.move(attempt.payment.id, state, **facts))


async def must_reverse(attempt: Attempt, reason: str, **facts: str | int | bool) -> None:
    await move(attempt, PaymentState.REVERSING, reversal_reason=reason, **facts)


async def unanswered(shop: Shop, attempt: Attempt, reason: str, **facts: str | int | bool) -> None:
    """The host may have acted, and nobody can say: what that means is a column of TRANSACTIONS."""
    match shop.profile.transactions[attempt.deal.kind].silence:
        case Silence.REVERSE:
            await must_reverse(attempt, reason, **facts)
        case Silence.UNKNOWN | Silence.REPEAT:
            await move(attempt, PaymentState.UNKNOWN, **facts)
        case Silence.NOTHING:
            await move(attempt, PaymentState.ABANDONED, why=UNANSWERED, **facts)
