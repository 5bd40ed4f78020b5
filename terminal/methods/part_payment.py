"""部分金额批准 (code 10): the issuer approves less than was asked for. Is that part sold, and the rest paid otherwise?

Only of a sale, and only where the merchant wants to be asked (`[transactions] partial = "ask"`): by default a part is
given back at once. Somebody has to say yes, the customer standing by; no, silence and a power cut undo it, because
until then the payment is still only REQUESTED. From the yes on the payment's amount is the part. What was asked for
stays a fact: a reversal repeats it, and the slip shows the rest as still due.
Source: docs/host-link.md §8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.hostlink.codec import Message
from terminal.model import Kind, Money, PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

ASKED = "asked_minor"  # Fact of a payment whose amount is a part: what its request said.


async def accepted_part(shop: Shop, payment: PaymentRecord, reply: Message) -> Money | None:
    """The part that is sold; None when it is given back: nobody said yes, or F4 is no part of what was asked."""
    told = reply.text(4)
    part_minor = int(told) if told.isdecimal() else 0
    asks = payment.kind is Kind.SALE and shop.config.transactions.partial == "ask"
    if not asks or not 0 < part_minor < payment.amount.amount_minor:
        return None
    part = Money(part_minor)
    shop.sound(Tone.ATTENTION)
    screen = screens.PartApproved(amount=part, due=payment.amount - part)
    return part if await acknowledge(shop, screen, shop.config.timeouts.key_ms) is Key.ENTER else None


def asked_for(payment: PaymentRecord) -> Money:
    """What the payment's request said, whatever was approved of it."""
    asked = payment.facts.get(ASKED)
    return Money(int(asked)) if asked else payment.amount


def still_due(payment: PaymentRecord | None) -> Money | None:
    """What is left to pay after a part was sold."""
    if payment is None or payment.state is not PaymentState.COMPLETED or ASKED not in payment.facts:
        return None
    return asked_for(payment) - payment.amount
