"""Store and forward: what the host is told afterwards, kept in order until it has been acknowledged.

An advice (a payment that is done already: an offline sale, a completion notice, a tip) and the results of issuer
scripts are queued in the commit that makes them true, each with its STAN and its whole message, sealed under the key of
its batch.
They leave oldest first; nobody's answer keeps the rest waiting behind it. 00 and 94 (profile `uploads.done_codes`) end
one; any other last word ends it too, and the settlement slip lists it. No answer leaves it where it is. After
1 + `uploads.resend_count` sends it waits for the settlement, so that no customer waits for it.

To queue an advice: give `card.transact`, `card_sealed.transact_sealed` or `card_host.durable_request` a deal whose row
of TRANSACTIONS has `Silence.REPEAT`; they call `queue` themselves, in the commit of the payment.

Source: docs/host-link.md §3, §6; host-link digest §9, §11.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from keys import KeyRefused
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.codes import is_last_word, lookup
from terminal.hostlink.esign import PARTS_LIMIT
from terminal.hostlink.notices import keepable, script_notice
from terminal.hostlink.session import YIELDED, Silence
from terminal.journal import UPLOADS_LIMIT
from terminal.loop import Commit
from terminal.methods.asking import ask_authenticated, organisation_named
from terminal.methods.reversal import CardData, context, identity, kept_of
from terminal.model import Notice, UploadState
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx, UploadRecord

# What one payment may add to the queue: its advice, its scripts' results, its signature.
NEEDED_ROOM = 2 + PARTS_LIMIT


class Told(Enum):
    """What has come of sending one, or of sending them all."""

    ENDED = "ended"
    SILENT = "silent"
    SIGN_IN = "sign-in"  # The host no longer shares our keys or our batch.


def queue(shop: Shop, tx: Tx, notice: Notice, payment: PaymentRecord, request: Message) -> None:
    """Inside the commit that makes it true: `request` at the queue's end, sealed, to be sent under its own STAN.

    Raises JournalError when the queue is full: whoever begins a payment has asked `has_room`.
    """
    clear = encode(keepable(request), shop.profile)
    purpose = _purpose(notice, tx.queue_upload(notice, payment.id, request.text(11)))
    tx.seal(payment.id, purpose, shop.keys.seal(payment.batch, context(shop, payment.id, purpose), clear))


def _purpose(notice: Notice, upload_id: int) -> str:
    """What an upload's sealed message is for: a signature has several of one payment."""
    return f"{notice.value}-{upload_id}"


def queue_script_results(shop: Shop, tx: Tx, payment: PaymentRecord, card: CardData) -> None:
    """Inside the commit that ends a payment whose answer brought scripts; `card.icc` has their results (DF31)."""
    facts = payment.facts
    stan = tx.next_stan()
    terminal = identity(shop, str(facts["batch_no"]))
    row, date = shop.profile.transactions[payment.kind], str(facts.get("host_date", ""))
    request = script_notice(row, terminal, shop.profile, kept_of(payment, card), stan=stan, date=date)
    queue(shop, tx, Notice.SCRIPT_RESULT, payment, request)


def kept_message(shop: Shop, tx: Tx, upload: UploadRecord) -> Message | None:
    """What was queued, still without MAC; None when it is gone, or its key is."""
    purpose = _purpose(upload.notice, upload.id)
    sealed = tx.sealed(upload.payment_id, purpose)
    if sealed is None:
        return None
    try:
        clear = shop.keys.unseal(upload.batch, context(shop, upload.payment_id, purpose), sealed)
        return decode(clear, shop.profile)
    except (KeyRefused, FrameError):
        return None  # To stop here would be to stop at every start; the slip says that it was not sent.


def has_room(tx: Tx) -> bool:
    """Whether one more payment may be begun: the queue holds what it may add."""
    return tx.queued_uploads() + NEEDED_ROOM <= UPLOADS_LIMIT


def worn_out(shop: Shop, upload: UploadRecord) -> bool:
    """Whether it has had all its sends, and waits for the settlement."""
    return upload.tries > shop.profile.upload_resend_count


async def send_uploads(shop: Shop, notice: Notice | None = None) -> bool:
    """Send what waits, of all or of one kind, until one is not answered; True when nothing waits any more.

    Needs working keys.
    """
    while True:  # Each turn ends one of a bounded queue, or is the last.
        upload = await Commit(lambda tx: tx.next_upload(notice))
        if upload is None:
            return True
        if worn_out(shop, upload) or await _send(shop, upload) is not Told.ENDED:
            return False


async def send_before_settlement(shop: Shop) -> Told:
    """Send everything that waits once more. SILENT: not answered, and it has more tries; so the batch has to wait.

    One that has had all of them is left to the batch upload, so that it does not keep the batch open for ever.
    """
    for upload in await Commit(queued):
        told = await _send(shop, upload)
        if told is Told.SIGN_IN or told is Told.SILENT and not worn_out(shop, await Commit(partial(_now, upload))):
            return told
    return Told.ENDED


def queued(tx: Tx) -> tuple[UploadRecord, ...]:
    """What waits, oldest first."""
    return tuple(u for u in tx.uploads(tx.get("batch", 1)) if u.state is UploadState.QUEUED)


def _now(upload: UploadRecord, tx: Tx) -> UploadRecord:
    return next(u for u in tx.uploads(upload.batch) if u.id == upload.id)


async def _send(shop: Shop, upload: UploadRecord) -> Told:
    """One 0220 or 0620 and its answer."""
    request = await Commit(lambda tx: kept_message(shop, tx, upload))
    if request is None:
        await Commit(lambda tx: tx.end_upload(upload.id, UploadState.UNSENT, ""))
        return Told.ENDED
    answer = await ask_authenticated(shop, request, "upload")
    if isinstance(answer, Silence) and (not answer.sent or answer.reason == YIELDED):
        return Told.SILENT  # The host has said nothing yet; to be in a merchant's way is no try.
    code = "" if isinstance(answer, Silence) or not answer.verdict.answered else answer.verdict.code
    if not isinstance(answer, Silence) and lookup(answer.verdict.code).sign_in:
        return Told.SIGN_IN  # Heard by `ask` as well. The notice is as good as it was.
    done = code in shop.profile.upload_done_codes
    if not done and not is_last_word(code):
        await Commit(lambda tx: tx.upload_tried(upload.id))
        return Told.SILENT
    named = {} if isinstance(answer, Silence) else organisation_named(answer.reply)

    def end(tx: Tx) -> None:
        if done and named and upload.notice is Notice.ADVICE:  # In which half of the totals the host has it.
            tx.note(upload.payment_id, **named)
        tx.end_upload(upload.id, UploadState.DONE if done else UploadState.REFUSED, code)

    await Commit(end)
    return Told.ENDED
