"""结算: the batch's totals to the host, its judgement on paper, the batch closed, a new sign-in required.

Resumable: the mode SETTLING is durable, the totals are counted again from the journal, and the batch is closed in the
same commit that keeps the settlement slip, so that paper never decides. Cash is never in the host's totals; whether
QR is, the profile says. Source: host-link digest §6, §11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.flows.recovery import destroy_settled, query_orders, still_needed
from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.codes import lookup
from terminal.hostlink.messages import Totals
from terminal.hostlink.session import Silence
from terminal.hostlink.subfields import TotalsResult, read_totals_result
from terminal.hostlink.transactions import Effect
from terminal.loop import Commit
from terminal.methods.asking import ask
from terminal.methods.reversal import clear_reversals, identity, pending_reversals
from terminal.model import Kind, Method, Mode, Money, PaymentState
from terminal.printing import keep, print_kept, slip_head
from terminal.receipts import Balance, OpenRow, SettlementSlip, TotalRow
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

UNKNOWN_BATCH = "77"
BALANCES = {
    TotalsResult.BALANCED: Balance.BALANCED,
    TotalsResult.NOT_BALANCED: Balance.UNBALANCED,
    TotalsResult.ERROR: Balance.ERROR,
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be settled. `host_*` is what the host should have, too."""

    number: int  # Ours, ever growing.
    batch_no: str  # The host's.
    rows: tuple[TotalRow, ...]
    open_rows: tuple[OpenRow, ...]
    host: Totals

    @property
    def count(self) -> int:
        return sum(row.count for row in self.rows)

    @property
    def total(self) -> Money:
        return sum((row.amount for row in self.rows), Money(0))


async def settle(shop: Shop) -> None:
    """Settle the open batch, from the merchant's wish to paper; or go on with one that was interrupted."""
    if shop.mode is not Mode.SETTLING:
        if not await _begin(shop):
            return
    elif messages.keys_ready(shop.keys, shop.profile):
        # Forced by the host's other batch number, with reversals open, perhaps. Those that it does not take stay
        # open and on the slip: to wait for them would be to wait for a batch that the host may have lost.
        await clear_reversals(shop)
    shop.show(screens.Settling(step="totals"))
    batch = await Commit(lambda tx: count_batch(shop, tx))
    request = await Commit(lambda tx: _request(shop, tx, batch))
    answer = await ask(shop, request, "settlement")
    if isinstance(answer, Silence) or not answer.verdict.answered:
        await acknowledge(shop, screens.Refused(reason="settling"))
        return
    if lookup(answer.verdict.code).sign_in:
        await _unknown_batch(shop, batch, answer.verdict.code)
        return
    if answer.verdict.code != "00":
        await acknowledge(shop, screens.Declined(code=answer.verdict.code, text="declined.settling"))
        return
    try:
        domestic, _ = read_totals_result(answer.reply.text(48))
    except FrameError:
        domestic = TotalsResult.ERROR  # Closed there, but nobody can say how: the slip says 对账错.
    await _close(shop, batch, BALANCES.get(domestic, Balance.NOT_REPORTED))


async def _unknown_batch(shop: Shop, batch: Batch, code: str) -> None:
    """77, 99, A0: the host has lost our sign-in, or the batch. A new sign-in tells which, so nothing is guessed.

    If it gave another number, the host will never settle this batch: our slip says 对账错, and both have their paper.
    """

    def sign_in_first(tx: Tx) -> bool:
        if code == UNKNOWN_BATCH and tx.get("host_batch_no", batch.batch_no) != batch.batch_no:
            return False
        tx.set_mode(Mode.KEYED, reason=code)
        return True

    if await Commit(sign_in_first):
        shop.mode = Mode.KEYED
        await acknowledge(shop, screens.Declined(code=code, text="declined.settling"))
    else:
        await _close(shop, batch, Balance.ERROR)


async def _begin(shop: Shop) -> bool:
    """Everything open is settled first; then the merchant says yes, and the mode is SETTLING."""
    if shop.mode is not Mode.SIGNED_IN:
        await acknowledge(shop, screens.Refused(reason="sign_in"))
        return False
    shop.show(screens.Settling(step="reversals"))
    if not await clear_reversals(shop):
        await acknowledge(shop, screens.ReversalPending(count=len(await pending_reversals(shop))))
        return False
    shop.show(screens.Settling(step="recover"))
    if await query_orders(shop):
        await acknowledge(shop, screens.Refused(reason="open_payments"))
        return False
    if shop.mode is not Mode.SIGNED_IN:  # An answer to a reversal or a query has demanded it.
        await acknowledge(shop, screens.Refused(reason="sign_in"))
        return False
    batch = await Commit(lambda tx: count_batch(shop, tx))
    if batch.count == 0:
        await acknowledge(shop, screens.Refused(reason="nothing_to_settle"))
        return False
    question = screens.ConfirmSettlement(count=batch.count, total=batch.total)
    if await acknowledge(shop, question, shop.config.timeouts.key_ms) is not Key.ENTER:
        return False
    await Commit(lambda tx: tx.set_mode(Mode.SETTLING))
    shop.mode = Mode.SETTLING
    return True


def count_batch(shop: Shop, tx: Tx) -> Batch:
    """The open batch by kind and method, from the journal.

    What was voided counts as what it was, and its void on the other side (docs/host-link.md §6). What moved no money,
    an authorisation or a balance, is in no total.
    """
    number = tx.get("batch", 1)
    sums: dict[tuple[Method, Kind], tuple[int, int]] = {}
    for total in tx.totals(number):
        if total.state in (PaymentState.COMPLETED, PaymentState.VOIDED):
            count, amount_minor = sums.get((total.method, total.kind), (0, 0))
            sums[total.method, total.kind] = count + total.count, amount_minor + total.amount_minor
    rows: list[TotalRow] = []
    debit, credit = [0, 0], [0, 0]  # Amount, count.
    for (method, kind), (count, amount_minor) in sums.items():
        effect = shop.profile.transactions[kind].effect
        if effect is Effect.NONE:
            continue
        signed = Money(-amount_minor if effect is Effect.CREDIT else amount_minor)
        in_host = method is Method.CARD or (method is not Method.CASH and shop.profile.qr_in_totals)
        rows.append(TotalRow(method, kind, count, signed, in_host))
        if in_host:
            side = credit if effect is Effect.CREDIT else debit
            side[0] += amount_minor
            side[1] += count
    host = Totals(*debit, *credit)
    open_rows = tuple(
        OpenRow(p.method, p.state, p.amount, str(p.stan or ""), str(p.facts.get("order_no", "")))
        for p in tx.open_payments()
    )
    return Batch(number, tx.get("batch_no", "000001"), tuple(rows), open_rows, host)


def _request(shop: Shop, tx: Tx, batch: Batch) -> Message:
    stan = f"{tx.count('stan', limit=999_999):06d}"
    return messages.settlement(identity(shop, batch.batch_no), shop.profile, stan=stan, domestic=batch.host)


async def _close(shop: Shop, batch: Batch, balance: Balance) -> None:
    """The batch is closed and its slip kept in one commit; then its sealed data dies, and paper follows."""
    head = await slip_head(shop, batch.batch_no)
    slip = SettlementSlip(
        head=head,
        rows=batch.rows,
        total_count=batch.count,
        total=batch.total,
        domestic=balance,
        open_rows=batch.open_rows,
    )

    def close(tx: Tx) -> int:
        tx.settle(batch.number)
        if not still_needed(tx, batch.number):
            tx.drop_sealed(batch.number)
        tx.set("batch", batch.number + 1)
        tx.set("host_batch_no", None)
        slip_id = keep(tx, slip)
        tx.set_mode(Mode.KEYED, reason="settled")
        return slip_id

    slip_id = await Commit(close)
    shop.mode = Mode.KEYED
    await destroy_settled(shop)
    balanced = balance is Balance.BALANCED
    shop.sound(Tone.SUCCESS if balanced else Tone.ATTENTION)
    await print_kept(shop, slip_id, slip)
    await acknowledge(shop, screens.Settled(balanced=balanced, count=batch.count, total=batch.total))
