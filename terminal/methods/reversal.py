"""Reversals: what is kept for one, when it is sent, and what ends it.

A reversal is durable before its request leaves, is sent before the next online card transaction, at sign-in and before
settlement, keeps the original's STAN and batch number, gets its MAC made anew, and is never dropped: only a code of
the profile's list (00, 12, 25) under a valid MAC ends it. A customer does not wait for a host that has had it
1 + `reversal.resend_count` times since the last sign-in: then the sale is refused at once, and only sign-in,
settlement and the menu's query send it again. A supervisor may then park it: it stays open, on the settlement slip and
sent at each sign-in, but nothing waits for it any more.
Source: host-link digest §5, §11.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from keys import KeyRefused
from terminal.hostlink import messages
from terminal.hostlink.card_messages import Kept, card_reversal
from terminal.hostlink.reply import ends_reversal
from terminal.hostlink.session import YIELDED, Answered
from terminal.loop import Commit
from terminal.methods.asking import ask_authenticated
from terminal.methods.part_payment import asked_for
from terminal.model import Method, PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

PURPOSE = "reversal"
PARKED = "parked"  # Fact: open, and nobody waits for it.


@dataclass(frozen=True, slots=True)
class CardData:
    """What a reversal must repeat and nobody may read: sealed until the batch is settled. `icc` is field 55."""

    pan: str = field(repr=False)
    expiry: str = field(repr=False)
    card_sequence: str = field(repr=False)
    icc: bytes = field(repr=False)


def context(shop: Shop, payment_id: int, purpose: str) -> bytes:
    """What the sealed data is bound to: this terminal, this payment, this purpose."""
    terminal_no = shop.activation.terminal_no if shop.activation else ""
    return f"{terminal_no} {payment_id} {purpose}".encode()


def seal_card(shop: Shop, tx: Tx, payment: PaymentRecord, card: CardData) -> None:
    """Inside the transaction that makes the request durable."""
    clear = json.dumps([card.pan, card.expiry, card.card_sequence, card.icc.hex()]).encode()
    tx.seal(payment.id, PURPOSE, shop.keys.seal(payment.batch, context(shop, payment.id, PURPOSE), clear))


def unseal_card(shop: Shop, tx: Tx, payment: PaymentRecord) -> CardData | None:
    """None when it is gone or its key is: the host still knows the sale by terminal, batch number and STAN."""
    sealed = tx.sealed(payment.id, PURPOSE)
    if sealed is None:
        return None
    try:
        clear = shop.keys.unseal(payment.batch, context(shop, payment.id, PURPOSE), sealed)
    except KeyRefused:
        return None  # To stop here would be to stop at every start, with the reversal never sent.
    pan, expiry, card_sequence, icc = json.loads(clear)
    return CardData(pan, expiry, card_sequence, bytes.fromhex(icc))


def kept_of(payment: PaymentRecord, card: CardData | None) -> Kept:
    """What a later message repeats of this payment's request."""
    facts = payment.facts
    return Kept(
        stan=str(payment.stan),
        amount=payment.amount,
        entry_mode=str(facts["entry_mode"]),
        f60=str(facts["f60_no"]),
        f61=str(facts.get("f61_no", "")),
        pan=card.pan if card else "",
        expiry=card.expiry if card else "",
        sequence=card.card_sequence if card else "",
        auth_code=str(facts.get("auth_code", "")),
        icc=card.icc if card else b"",
    )


def identity(shop: Shop, batch_no: str) -> messages.Terminal:
    """Who sends, for the message builders. Raises LookupError before the first run."""
    if shop.activation is None:
        raise LookupError("the terminal has no numbers yet")
    activation = shop.activation
    return messages.Terminal(activation.merchant_no, activation.terminal_no, batch_no, shop.operator.zfill(3))


def is_card_reversal(payment: PaymentRecord) -> bool:
    return payment.state is PaymentState.REVERSING and payment.method is Method.CARD


async def pending_reversals(shop: Shop) -> tuple[PaymentRecord, ...]:
    return await Commit(lambda tx: tuple(p for p in tx.open_payments() if is_card_reversal(p)))


async def blocking_reversals(shop: Shop) -> tuple[PaymentRecord, ...]:
    """Those that keep sales, settlement and sign-out waiting: all but the ones that a supervisor has parked."""
    return tuple(payment for payment in await pending_reversals(shop) if not is_parked(payment))


async def clear_reversals(shop: Shop) -> bool:
    """Send every pending card reversal once, parked ones last; True when none is left that blocks.

    Needs working keys.
    """
    pending = await pending_reversals(shop)
    cleared = await _send_all(shop, tuple(payment for payment in pending if not is_parked(payment)))
    if cleared:
        await _send_all(shop, tuple(payment for payment in pending if is_parked(payment)))
    return cleared


async def clear_reversals_for_sale(shop: Shop) -> bool:
    """As `clear_reversals`, while a customer waits: nothing is sent when one of them has had all its tries."""
    blocking = await blocking_reversals(shop)
    if any(is_worn_out(shop, payment) for payment in blocking):
        return False
    return await _send_all(shop, blocking)


async def _send_all(shop: Shop, pending: tuple[PaymentRecord, ...]) -> bool:
    for payment in pending:
        if not await send_reversal(shop, payment):
            return False
    return True


def is_parked(payment: PaymentRecord) -> bool:
    """Whether a supervisor has said that sales need not wait for it."""
    return payment.facts.get(PARKED) is True


def is_worn_out(shop: Shop, payment: PaymentRecord) -> bool:
    """Whether the host has had it as often as it may since the last sign-in."""
    return _tries(payment) > shop.profile.reversal_resend_count


def grant_tries(tx: Tx) -> None:
    """Inside the transaction that signs the terminal in: each pending reversal has all its tries again."""
    for payment in tx.open_payments():
        if is_card_reversal(payment):
            tx.note(payment.id, reversal_tries=0)


def _tries(payment: PaymentRecord) -> int:
    """How often it was sent since the last sign-in."""
    return int(payment.facts.get("reversal_tries", 0))


async def send_reversal(shop: Shop, payment: PaymentRecord) -> bool:
    """One 0400 and its answer; True when the payment is REVERSED now."""
    shop.show(screens.Reversing(amount=payment.amount))
    card = await Commit(lambda tx: unseal_card(shop, tx, payment))
    facts, kept = payment.facts, replace(kept_of(payment, card), amount=asked_for(payment))
    row, reason = shop.profile.transactions[payment.kind], str(facts["reversal_reason"])
    request = card_reversal(row, identity(shop, str(facts["batch_no"])), shop.profile, kept, reason=reason)
    answer = await ask_authenticated(shop, request, "reversal")
    code = answer.verdict.code if isinstance(answer, Answered) else ""
    # What never left was no try, nor what made way for a person: the next customer's sale asks again.
    sent = isinstance(answer, Answered) or (answer.sent and answer.reason != YIELDED)
    tries = _tries(payment) + sent
    if isinstance(answer, Answered) and ends_reversal(answer.verdict, shop.profile):
        await Commit(
            lambda tx: tx.move(payment.id, PaymentState.REVERSED, reversal_tries=tries, reversal_code=code)
        )
        return True
    await Commit(lambda tx: tx.note(payment.id, reversal_tries=tries, reversal_code=code or "silence"))
    return False
