"""脱机消费: the chip has approved a sale by itself, and the host hears of it afterwards.

Only on a terminal of type 22 (`[card] offline`), below the floor limit of the application, and only a sale. What was
prepared for the host is withdrawn: the payment that counts is one of its own kind, done and queued in one commit
(`Kind.OFFLINE_SALE`: 0220, 60.1 36, with Y1 in tag 8A). A sale that wanted the host and did not reach it is not sold by
the card's word (Y3): no public source says that a host takes that, and a request that was heard might be booked twice.

Spec: docs/host-link.md §16; EMV 4.4 Book 3 §10.8 (offline approval), Book 4 §A6 (Y1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from emv import commands as kernel
from emv.profile import TerminalProfile
from emv.tlv import build
from keys import KeyRefused
from terminal.hostlink.card_messages import CardFields
from terminal.hostlink.codec import FrameError
from terminal.loop import Commit
from terminal.methods.card_attempt import Attempt, Deal, new_payment
from terminal.methods.card_host import durable_request
from terminal.model import Kind, PaymentState
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

APPROVED_OFFLINE = "approved-offline"  # The kernel's word.
EXPIRY_5F24, PAN_5A, PSN_5F34, TRACK2_57, RESPONSE_CODE_8A = 0x5F24, 0x5A, 0x5F34, 0x57, 0x8A
# Field 55 of a sale. Source: host-link digest §3.
SALE_TAGS = (
    0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03,
    0x9F33, 0x9F34, 0x9F35, 0x9F1E, 0x84, 0x9F09, 0x9F41,
)  # fmt: skip


def chip_fields(data: dict[int, bytes], tags: Sequence[int]) -> CardFields:
    """What a chip has given, with these tags in field 55. Raises CardError without track 2 equivalent data."""
    if TRACK2_57 not in data:
        raise kernel.CardError("the track 2 equivalent data are missing")
    return CardFields(
        pan=data[PAN_5A].hex().rstrip("f"),
        expiry=data[EXPIRY_5F24].hex()[:4],
        sequence=data[PSN_5F34].hex() if PSN_5F34 in data else "",
        track2=data[TRACK2_57].hex().upper().rstrip("F"),
        icc=build((tag, data[tag]) for tag in tags if tag in data),
    )


def terminal_for(shop: Shop, deal: Deal) -> TerminalProfile:
    """What the kernel is told of this terminal: only a sale can be told afterwards, so all else must go online."""
    terminal = shop.kernel_profile()
    if deal.kind is Kind.SALE or terminal.online_only:
        return terminal
    return replace(terminal, terminal_type=terminal.terminal_type - 1)  # 21 for 22. Spec: EMV 4.4 Book 4 §A1.


async def own_word(
    shop: Shop, attempt: Attempt, outcome: kernel.Outcome | kernel.CardError
) -> tuple[Attempt, kernel.Outcome | kernel.CardError]:
    """The attempt and outcome to be concluded: those of an offline sale, if it is one, or the given ones."""
    never_asked = attempt.payment.state is PaymentState.NEW
    if isinstance(outcome, kernel.CardError) or outcome.reason != APPROVED_OFFLINE or not never_asked:
        return attempt, outcome
    old, deal = attempt.payment, Deal(Kind.OFFLINE_SALE, attempt.deal.amount, facts=attempt.deal.facts)

    def instead(tx: Tx) -> PaymentRecord:
        tx.move(old.id, PaymentState.ABANDONED, why="offline")
        return new_payment(shop, tx, deal)

    offline = Attempt(await Commit(instead), deal)  # Without the PIN: nobody is there to verify it.
    try:
        await durable_request(shop, offline, chip_fields(outcome.data, (*SALE_TAGS, RESPONSE_CODE_8A)))
    except (FrameError, KeyRefused, kernel.CardError) as fault:
        return offline, kernel.CardError(str(fault))
    return offline, outcome
