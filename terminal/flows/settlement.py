"""结算: the batch's totals to the host, its judgement on paper, the batch closed, a new sign-in required.

Notices → reversals → advices → totals (0500) → batch upload (0320) → closed. The first three are durable by themselves.
From the totals on the mode SETTLING and a step counter are durable, the totals are counted again from the journal, and
the batch is closed in the same commit that keeps the settlement slip, so that paper never decides. Cash is never in the
host's totals; whether QR is, the profile says.

Where the profile lets it (`batch.background`) all of it from the merchant's yes on goes on behind the idle screen. Then
nobody is asked anything: how it ends is news (methods/news.py). Source: docs/host-link.md §6; host-link digest §6, §11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.flows.batch import Batch, carry_on, count_batch, leave_unanswered
from terminal.flows.batch_upload import (
    LOST_BATCH,
    PROGRESS,
    TOTALS,
    Progress,
    after_totals,
    progress,
    upload_batch,
)
from terminal.flows.line import leave
from terminal.flows.news import refused
from terminal.flows.parking import park_orders
from terminal.flows.recovery import destroy_settled, query_orders, still_needed
from terminal.flows.signature import take_back_left
from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.codes import Action, lookup
from terminal.hostlink.session import Silence
from terminal.hostlink.subfields import TotalsResult, read_totals_result
from terminal.loop import Commit
from terminal.methods.asking import ask
from terminal.methods.news import About, News, keep_news
from terminal.methods.order import refusal
from terminal.methods.reversal import blocking_reversals, clear_reversals, identity
from terminal.methods.sign_in_due import Due
from terminal.methods.uploads import Told, queued, send_before_settlement
from terminal.model import Mode, UploadState
from terminal.printing import head_at, keep, print_kept, print_unseen
from terminal.receipts import Balance, SettlementSlip, Slip, in_strips
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

BALANCES = {
    TotalsResult.BALANCED: Balance.BALANCED,
    TotalsResult.NOT_BALANCED: Balance.UNBALANCED,
    TotalsResult.ERROR: Balance.ERROR,
}


async def settle(shop: Shop) -> None:
    """Settle the open batch, from the merchant's wish to paper; or go on with one that was interrupted."""
    if shop.mode is Mode.SETTLING:
        await _go_on(shop)
        return
    await take_back_left(shop)  # Settled it could only be refunded. F48 counts voids by themselves.
    if await _begin(shop) and not shop.profile.settled_behind:
        await _to_its_end(shop)


async def settle_unseen(shop: Shop) -> bool:
    """One try with nobody before the screen; True when the settlement waits for nothing but a sign-in, or is over."""
    await _go_on(shop)
    return shop.mode is not Mode.SETTLING


async def _go_on(shop: Shop) -> None:
    """With a settlement that is open already."""
    if messages.keys_ready(shop.keys, shop.profile) and (await Commit(progress)).step == TOTALS:
        # Forced by the host's other batch number, with reversals open, perhaps. What it does not take stays open and
        # on the slip: to wait for it would be to wait for a batch that the host may have lost.
        await clear_reversals(shop)
        await send_before_settlement(shop)
    await _to_its_end(shop)


async def _to_its_end(shop: Shop) -> None:
    if (await Commit(progress)).step == TOTALS and not await _tell_totals(shop):
        return
    told = await upload_batch(shop)
    if told is Told.ENDED:
        await _close(shop, await Commit(progress))
    elif told is Told.SIGN_IN:
        await _sign_in_first(shop, LOST_BATCH)
    else:
        await _say(shop, screens.Refused(reason="settling"))


async def _say(shop: Shop, screen: screens.Screen, news: News | None = None) -> None:
    """To whoever stands before the screen; behind it only what is news, since the idle screen shows the mode."""
    if not shop.behind.running:
        await acknowledge(shop, screen)
    elif news is not None:
        await Commit(lambda tx: keep_news(tx, news))


async def _tell_totals(shop: Shop) -> bool:
    """0500; True when its answer is durable and the batch may be uploaded and closed."""
    shop.show(screens.Settling(step="totals"))
    batch = await Commit(lambda tx: count_batch(shop, tx))
    request = await Commit(lambda tx: _request(shop, tx, batch))
    answer = await ask(shop, request, "settlement")
    if isinstance(answer, Silence) or not answer.verdict.answered:
        await _say(shop, screens.Refused(reason="settling"))
        return False
    code = answer.verdict.code
    if lookup(code).sign_in:
        await _unknown_batch(shop, batch.batch_no, code)
        return False
    if code != "00":
        then = Action.WAIT if lookup(code).action is Action.WAIT else Action.ACQUIRER
        await _say(shop, refused(code, then), News(About.SETTLEMENT, code=code, then=then.value))
        return False
    try:
        domestic, foreign = read_totals_result(answer.reply.text(48))
    except FrameError:
        domestic = foreign = TotalsResult.ERROR  # Closed there, but nobody can say how: the slip says 对账错.
    said = BALANCES.get(domestic, Balance.NOT_REPORTED)
    abroad = BALANCES.get(foreign, Balance.NOT_REPORTED) if batch.foreign != messages.Totals() else Balance.NOT_REPORTED
    known = after_totals(shop, Progress(domestic=said.value, foreign=abroad.value))
    await Commit(known.keep)
    return True


async def _unknown_batch(shop: Shop, batch_no: str, code: str) -> None:
    """77, 99, A0: the host has lost our sign-in, or the batch. A new sign-in tells which, so nothing is guessed.

    If it gave another number, the host will never settle this batch: our slip says 对账错, and both have their paper.
    """
    given = await Commit(lambda tx: tx.get("host_batch_no", batch_no))
    if code == LOST_BATCH and given != batch_no:
        await _close(shop, Progress(domestic=Balance.ERROR.value))
    else:
        await _sign_in_first(shop, code)


async def _sign_in_first(shop: Shop, code: str) -> None:
    await Commit(lambda tx: tx.set_mode(Mode.KEYED, reason=code))
    shop.mode = Mode.KEYED
    shop.sign_in_owed = shop.sign_in_owed or shop.behind.running
    await _say(shop, refused(code, Action.SIGN_IN))


async def _begin(shop: Shop) -> bool:
    """Everything open is settled first; then the merchant says yes, and the mode is SETTLING."""
    if shop.mode is not Mode.SIGNED_IN:
        await acknowledge(shop, await refusal(shop, "sign_in"))
        return False
    shop.show(screens.Settling(step="reversals"))
    await clear_reversals(shop)
    blocking = await blocking_reversals(shop)
    if blocking:
        await acknowledge(shop, screens.ReversalPending(count=len(blocking), code=""))
        return False
    told = Told.ENDED
    if await Commit(queued):
        shop.show(screens.Settling(step="notices"))
        told = await send_before_settlement(shop)
    shop.show(screens.Settling(step="recover"))
    if await query_orders(shop) and not await park_orders(shop):
        await acknowledge(shop, screens.Refused(reason="open_payments"))
        return False
    if shop.mode is not Mode.SIGNED_IN:  # An answer to a reversal, a notice or a query has demanded it.
        await acknowledge(shop, await refusal(shop, "sign_in"))
        return False
    if told is Told.SILENT:
        await acknowledge(shop, screens.Refused(reason="uploads_wait"))
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


def _request(shop: Shop, tx: Tx, batch: Batch) -> Message:
    stan = tx.next_stan()
    terminal = identity(shop, batch.batch_no)
    return messages.settlement(terminal, shop.profile, stan=stan, domestic=batch.domestic, foreign=batch.foreign)


async def _close(shop: Shop, known: Progress) -> None:
    """The batch is counted, closed and its slip kept in one commit; then its sealed data dies, and paper follows."""
    unseen = shop.behind.running

    def close(tx: Tx) -> tuple[SettlementSlip, tuple[tuple[int, Slip], ...]]:
        for upload in queued(tx):  # The host has had each of them as often as it may; people must know now.
            tx.end_upload(upload.id, UploadState.UNSENT, "")
        batch = count_batch(shop, tx)
        slip = _slip(shop, tx, batch, known)
        leave_unanswered(tx, batch.number)
        tx.settle(batch.number)
        if not still_needed(tx, batch.number):
            tx.drop_sealed(batch.number)
        tx.set("batch", batch.number + 1)
        carry_on(tx, batch.number)
        tx.set("host_batch_no", None)
        tx.set(PROGRESS, None)
        strips = tuple((keep(tx, strip), strip) for strip in in_strips(slip))
        if unseen:
            ended = News(
                About.SETTLEMENT,
                balanced=known.balanced,
                count=batch.count,
                total_minor=batch.total.amount_minor,
            )
            keep_news(tx, ended)
        tx.set_mode(Mode.KEYED, reason=Due.SETTLED.value)
        return slip, strips

    slip, strips = await Commit(close)
    shop.mode = Mode.KEYED
    if shop.profile.sign_out_after_settlement:
        await leave(shop, slip.head.batch_no)
    await destroy_settled(shop)
    shop.sound(Tone.SUCCESS if known.balanced else Tone.ATTENTION)
    if unseen:
        shop.sign_in_owed = True
    for slip_id, strip in strips:
        await (print_unseen if unseen else print_kept)(shop, slip_id, strip)
    if not unseen:
        await acknowledge(
            shop, screens.Settled(balanced=known.balanced, count=slip.total_count, total=slip.total)
        )


def _slip(shop: Shop, tx: Tx, batch: Batch, known: Progress) -> SettlementSlip:
    return SettlementSlip(
        head=head_at(shop, batch.batch_no, tx.now_ms),
        rows=batch.rows,
        total_count=batch.count,
        total=batch.total,
        domestic=Balance(known.domestic),
        foreign=Balance(known.foreign),
        open_rows=batch.open_rows,
        upload_rows=batch.upload_rows,
        uploaded=known.sent,
        not_taken=known.refused,
        discounts=batch.discounts,
    )
