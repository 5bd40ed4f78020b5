"""批上送: the details of a batch that the host has counted differently, and the chips' certificates.

Each message is a step that can be cut: how far the upload has come is durable, and what is sent twice is counted once,
because each record goes under the STAN of its payment. A host that refuses one is not asked twice: the slip counts
what it did not take.

Source: docs/host-link.md §6; host-link digest §3, §6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from terminal.flows.batch import Part, is_foreign, part_of_batch
from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.codes import lookup
from terminal.hostlink.details import DETAIL_LIMIT, DOMESTIC, FOREIGN, BatchDetail
from terminal.hostlink.notices import advice_upload, certificate_upload, details_upload, refund_upload
from terminal.hostlink.session import Silence
from terminal.loop import Commit
from terminal.methods.asking import ask
from terminal.methods.reversal import identity, kept_of, unseal_card
from terminal.methods.uploads import Told, kept_message
from terminal.model import Notice
from terminal.receipts import Balance
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

PROGRESS = "settlement"  # Setting: how far the settlement of the open batch has come, once it has begun.
TOTALS, END, CLOSE = "totals", "end", "close"
LOST_BATCH = "77"
SIGN_INS_LIMIT = 2  # A host that wants more of them in one upload will not take it after the next one either.
# What follows the host's verdict: everything after an imbalance, the chips' certificates otherwise.
ALL = (*(part.value for part in Part), END, CLOSE)
WHEN_BALANCED = (Part.CERTIFICATES.value, Part.FAILURES.value, END, CLOSE)


@dataclass(frozen=True, slots=True)
class Progress:
    """`after`: the last payment of this step that the host has; `sent` and `refused` count records."""

    step: str = TOTALS
    after: int = 0
    sent: int = 0
    refused: int = 0
    domestic: str = Balance.NOT_REPORTED.value
    foreign: str = Balance.NOT_REPORTED.value
    sign_ins: int = 0  # That the host has wanted since.

    @property
    def balanced(self) -> bool:
        return Balance.BALANCED.value == self.domestic and self.foreign in (
            Balance.BALANCED.value,
            Balance.NOT_REPORTED.value,
        )

    def keep(self, tx: Tx) -> None:
        tx.set(PROGRESS, {name: getattr(self, name) for name in self.__slots__})


def progress(tx: Tx) -> Progress:
    kept: dict[str, Any] = tx.get(PROGRESS, {})
    return Progress(**kept)


def after_totals(shop: Shop, known: Progress) -> Progress:
    """The first step after the host's verdict."""
    if not known.balanced:
        return replace(known, step=ALL[0])
    return replace(known, step=WHEN_BALANCED[0] if shop.profile.certificates_when_balanced else CLOSE)


def _next_step(known: Progress) -> Progress:
    steps = WHEN_BALANCED if known.balanced else ALL
    return replace(known, step=steps[steps.index(known.step) + 1], after=0)


async def upload_batch(shop: Shop) -> Told:
    """Everything from where it stands to the end; ENDED when the batch may be closed."""
    while True:  # Each turn takes the journal's counter further, or is the last.
        known = await Commit(progress)
        if known.step == CLOSE:
            return Told.ENDED
        shop.show(screens.Settling(step="upload"))
        if known.step == END:
            told, known = await _send(shop, known, partial(_end, shop, known), 0)
            if told is not Told.ENDED:
                return told
            await Commit(_next_step(known).keep)
            continue
        part = Part(known.step)
        found = await Commit(partial(_due, shop, part, known.after))
        if not found:
            await Commit(_next_step(known).keep)
            continue
        told, known = await _send(shop, known, partial(_build, shop, part, known, found), len(found))
        if told is not Told.ENDED:
            return told
        await Commit(replace(known, after=found[-1].id).keep)


def _due(shop: Shop, part: Part, after: int, tx: Tx) -> tuple[PaymentRecord, ...]:
    return part_of_batch(shop, tx, part, after, DETAIL_LIMIT if part is Part.STRIPES else 1)


def _end(shop: Shop, known: Progress, tx: Tx) -> Message:
    stan = tx.next_stan()
    terminal = identity(shop, tx.get("batch_no", "000001"))
    return messages.batch_end(terminal, shop.profile, stan=stan, balanced=known.balanced, records=known.sent)


def _build(shop: Shop, part: Part, known: Progress, found: tuple[PaymentRecord, ...], tx: Tx) -> Message | None:
    """The message for these payments; None when what it needs is gone with its key."""
    terminal = identity(shop, tx.get("batch_no", "000001"))
    if part is Part.STRIPES:
        stan = tx.next_stan()
        return details_upload(terminal, stan=stan, details=[_detail(shop, tx, payment) for payment in found])
    (payment,) = found
    if part in (Part.OFFLINE, Part.ADVICES):
        for upload in tx.uploads(payment.batch):
            if upload.payment_id == payment.id and upload.notice is Notice.ADVICE:
                advice = kept_message(shop, tx, upload)
                return advice_upload(advice) if advice else None
        return None
    kept = kept_of(payment, unseal_card(shop, tx, payment))
    if part is Part.REFUNDS:
        row = shop.profile.transactions[payment.kind]
        return refund_upload(row, terminal, shop.profile, kept, rrn=str(payment.facts.get("original_no", "")))
    reason = str(payment.facts.get("reversal_reason", "")) if part is Part.FAILURES else ""
    return certificate_upload(terminal, kept, balanced=known.balanced, failed=reason)


def _detail(shop: Shop, tx: Tx, payment: PaymentRecord) -> BatchDetail:
    card = unseal_card(shop, tx, payment)
    card_class = FOREIGN if is_foreign(shop, payment) else DOMESTIC
    return BatchDetail(card_class, str(payment.stan), card.pan if card else "", payment.amount.amount_minor)


async def _send(shop: Shop, known: Progress, build: Any, records: int) -> tuple[Told, Progress]:
    """One 0320, asked again while nobody answers, up to its tries; and what that makes of the count."""
    try:
        request = await Commit(build)
    except FrameError:
        request = None
    if request is None:
        return Told.ENDED, replace(known, refused=known.refused + records)
    for _ in range(1 + shop.profile.upload_resend_count):
        answer = await ask(shop, request, "batch_upload")
        if isinstance(answer, Silence) or not answer.verdict.answered:
            continue
        code = answer.verdict.code
        if code in shop.profile.upload_done_codes:
            return Told.ENDED, replace(known, sent=known.sent + records)
        if lookup(code).sign_in and known.sign_ins < SIGN_INS_LIMIT:
            await Commit(replace(known, sign_ins=known.sign_ins + 1).keep)
            return Told.SIGN_IN, known
        return Told.ENDED, replace(known, refused=known.refused + max(1, records))
    return Told.SILENT, known
