"""签名不符: the signature on the first copy is not the cardholder's, so the payment is taken back at once, whole.

Without its card, by the number that was sealed with it, and without a supervisor: the cardholder stands there. That
somebody has said so is durable before the host is asked; until the void is completed the payment stands, the menu
offers the void first of all, and each start of a day and each settlement tries it again.
Source: docs/host-link.md §3.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from terminal.dialogue import acknowledge
from terminal.hostlink.card_messages import Original
from terminal.hostlink.transactions import void_of
from terminal.loop import Commit
from terminal.methods.card_attempt import Deal
from terminal.methods.card_ending import DIFFERS, SIGNATURE
from terminal.methods.card_sealed import transact_sealed
from terminal.methods.original import given_back_minor
from terminal.model import Mode, PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx


async def take_back_unsigned(shop: Shop, payment: PaymentRecord | None) -> None:
    """Where somebody has just said that the signature differs: the void, and if it is not to be had, that it is not."""
    if payment is not None and payment.facts.get(SIGNATURE) == DIFFERS:
        await take_back(shop, payment)


async def take_back_left(shop: Shop) -> None:
    """At the start of a day and before a settlement: what a power cut or a silent host has left to be taken back."""
    for payment in await Commit(partial(_unsigned, shop)) if shop.mode is Mode.SIGNED_IN else ():
        await take_back(shop, payment)


async def take_back(shop: Shop, payment: PaymentRecord) -> None:
    undone = await transact_sealed(shop, void_deal(shop, payment))
    if undone is None or undone.state is not PaymentState.COMPLETED:
        await Commit(lambda tx: tx.note(payment.id, **{SIGNATURE: DIFFERS}))
        await acknowledge(shop, screens.Refused(reason="unsigned_stands"))


def _unsigned(shop: Shop, tx: Tx) -> tuple[PaymentRecord, ...]:
    """What stands although its signature is not the cardholder's, oldest first; what a refund gave back does not."""
    standing = (p for p in reversed(tx.with_fact(SIGNATURE, DIFFERS)) if p.state is PaymentState.COMPLETED)
    return tuple(p for p in standing if not given_back_minor(shop, tx, p))


def last_signed(shop: Shop, tx: Tx) -> PaymentRecord | None:
    """What is left to take back, else the last payment of all, if it was signed for."""
    left = _unsigned(shop, tx)
    if left:
        return left[0]
    last = next(iter(tx.payments(batch=tx.get("batch", 1), limit=1)), None)
    return last if last is not None and last.facts.get("signed") else None


def said_to_differ(payment: PaymentRecord, tx: Tx) -> PaymentRecord:
    """Somebody has just said so; it is said once."""
    return payment if payment.facts.get(SIGNATURE) == DIFFERS else tx.note(payment.id, **{SIGNATURE: DIFFERS})


def void_deal(shop: Shop, original: PaymentRecord) -> Deal:
    """The deal that takes this payment back. Raises ValueError for a kind that has no void."""
    row = void_of(shop.profile.transactions, original.kind)
    if row is None:
        raise ValueError(f"nothing takes back a {original.kind.value}")
    return Deal(
        row.kind,
        original.amount,
        about=named_whole(original),
        facts={"original_no": str(original.stan), "original_by": "voucher", "undoes": original.id},
        undoes=original,
    )


def named_whole(original: PaymentRecord) -> Original:
    """A payment of our own journal as a later message names it: by everything that is known of it."""
    facts = original.facts
    return Original(
        batch_no=str(facts["batch_no"]),
        stan=str(original.stan),
        date=str(facts.get("host_date", "")),
        rrn=str(facts.get("rrn", "")),
        auth_code=str(facts.get("auth_code", "")),
    )
