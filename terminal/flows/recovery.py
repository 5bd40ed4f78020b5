"""After a start, whatever ended the last run: every open payment is brought on its way before anything is sold.

Idempotent: a cut during recovery is recovered again. Card: what may have been sent is reversed, also an approval
whose card never answered. QR: what is not known becomes UNKNOWN and is queried, never guessed. What was never sent
is abandoned.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from terminal.hostlink.transactions import Silence
from terminal.loop import Commit, Offload
from terminal.methods import qr_order
from terminal.methods.card_attempt import Deal
from terminal.methods.card_ending import end_original
from terminal.methods.card_slips import plain_slip
from terminal.model import Method, PaymentState
from terminal.printing import head_at, keep, print_kept
from terminal.receipts import Ending, NoticeSlip, SlipError, from_record
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, SlipRecord, Tx

S = PaymentState
KEPT_BATCHES = "kept_batches"  # Setting: settled batches whose sealed data an open reversal still needs.
KEY_DEADLINE_MS = 30_000  # The key store syncs its file; a bad SD card stalls for seconds.


async def recover_payments(shop: Shop) -> int:
    """Move every open payment out of the states that only a running flow may be in; how many were open."""
    return await Commit(lambda tx: end_running(shop, tx, "power-cut"))


def begun_slips(tx: Tx) -> set[int]:
    """Those that whatever has just ended had kept: nobody knows what of them is on paper."""
    return {slip.id for slip in tx.unprinted()}


def end_running(shop: Shop, tx: Tx, why: str) -> int:
    """The same inside a transaction: whatever ended the flows that had them."""
    reason = shop.profile.no_response_reason
    undone = shop.profile.terminal_failure_reason
    open_payments = tx.open_payments()
    for payment in open_payments:
        card = payment.method is Method.CARD
        silence = shop.profile.transactions[payment.kind].silence
        if payment.state is S.NEW or payment.state is S.REQUESTED and card and silence is Silence.NOTHING:
            tx.move(payment.id, S.ABANDONED, why=why)
        elif payment.state is S.REQUESTED and card and silence is Silence.REVERSE:
            tx.move(payment.id, S.REVERSING, reversal_reason=reason, why=why)
        elif payment.state is S.APPROVED and card and silence is Silence.REVERSE:
            tx.move(payment.id, S.REVERSING, reversal_reason=undone, why=why)
        elif payment.state is S.OFFLINE_APPROVED or payment.state is S.APPROVED and card:
            _complete(shop, tx, payment, why)
        elif payment.state is S.REQUESTED:
            left = tx.move(payment.id, S.UNKNOWN, why=why)
            if card:
                _keep_unknown(shop, tx, left)
        elif payment.state is S.UNKNOWN and card and tx.last_slip(payment_id=payment.id) is None:
            _keep_unknown(shop, tx, payment)
    return len(open_payments)


def _keep_unknown(shop: Shop, tx: Tx, payment: PaymentRecord) -> None:
    """Of a card nobody will ever say: whose money it may be has a paper that says so, as without the cut."""
    slip = NoticeSlip(
        head=head_at(shop, str(payment.facts["batch_no"]), tx.now_ms),
        amount=payment.amount,
        masked_pan=str(payment.facts["masked_pan"]),
        voucher_no=str(payment.stan),
        ending=Ending.UNKNOWN,
        kind=payment.kind,
    )
    keep(tx, slip, payment.id)


def _complete(shop: Shop, tx: Tx, payment: PaymentRecord, why: str) -> None:
    """It is done and nothing takes it back, so the paper that was not made yet is made now.

    Of an advice its original has not heard yet, either.
    """
    done = tx.move(payment.id, S.COMPLETED, why=why)
    if payment.state is S.OFFLINE_APPROVED and isinstance(original := payment.facts.get("undoes"), int):
        end_original(shop, tx, Deal(payment.kind, payment.amount, undoes=tx.payment(original)))
    if shop.profile.transactions[payment.kind].silence is not Silence.NOTHING:
        head = head_at(shop, str(done.facts["batch_no"]), tx.now_ms)
        keep(tx, plain_slip(done, head), done.id)


def still_needed(tx: Tx, batch: int) -> bool:
    """Whether a reversal of that batch is open: it must repeat the card's data, so they outlive the settlement."""
    return any(payment.batch == batch and payment.method is Method.CARD for payment in tx.open_payments())


async def destroy_settled(shop: Shop) -> None:
    """Destroy the sealed data of settled batches, and their keys, once no reversal needs them.

    At settlement and at each start: a cut just after a settlement may have left a key, and a reversal that was open
    at a settlement is closed some time.
    """

    def look(tx: Tx) -> tuple[list[int], list[int]]:
        kept: tuple[int, ...] = tx.get(KEPT_BATCHES, ())
        settled = sorted({*kept, tx.get("batch", 1) - 1} - {0})
        return [b for b in settled if not still_needed(tx, b)], [b for b in settled if still_needed(tx, b)]

    def forget(tx: Tx) -> None:
        for batch in set(dead) & set(tx.get(KEPT_BATCHES, ())):
            tx.drop_sealed(batch)
        tx.set(KEPT_BATCHES, needed or None)

    dead, needed = await Commit(look)
    for batch in dead:  # The keys first: a cut after them leaves rows that nobody can read, and does this again.
        await Offload("keys", partial(shop.keys.destroy_batch, batch), KEY_DEADLINE_MS)
    await Commit(forget)


async def unknown_orders(shop: Shop) -> tuple[PaymentRecord, ...]:
    """QR orders whose fate must still be told us: unknown, or being closed."""
    return await Commit(qr_order.open_orders)


async def query_orders(shop: Shop) -> bool:
    """Ask about each open order and refund once; whether a settlement has to wait for any. Needs working keys."""
    await qr_order.ask_all(shop)
    return bool(await Commit(qr_order.in_the_way))


async def print_unprinted(shop: Shop) -> None:
    """Slips that were kept but, for all we know, not printed."""

    def kept(tx: Tx) -> tuple[SlipRecord, ...]:
        return tx.unprinted()

    for record in await Commit(kept):
        try:
            slip = from_record(record.body)
        except SlipError:
            continue  # Another version's slip: it stays kept, and must not stop every start.
        await print_kept(shop, record.id, slip)
