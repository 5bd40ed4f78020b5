"""The host's part of a payment by card, chip or stripe: the durable request, and what the answer makes of it.

The request is durable, with its sealed reversal, before it leaves; the answer moves the payment before anybody sees
or hears of it. What the card's own side makes of the answer is its method's affair.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keys import KeyRef, Usage
from terminal.hostlink.card_messages import CardFields, Original, card_request
from terminal.hostlink.codec import FrameError, Message, encode
from terminal.hostlink.codes import PARTIAL_APPROVAL, is_last_word
from terminal.hostlink.promotions import eslip_url, read_eslip_key
from terminal.hostlink.reply import VerdictKind
from terminal.hostlink.session import Silence
from terminal.hostlink.subfields import read_tlv
from terminal.hostlink.transactions import Effect
from terminal.journal import harmless
from terminal.loop import Commit
from terminal.methods.asking import ask_authenticated, organisation_named
from terminal.methods.card_attempt import UNSURE, Attempt, move, must_reverse, unanswered
from terminal.methods.part_payment import ASKED, accepted_part
from terminal.methods.reversal import CardData, identity, seal_card
from terminal.methods.uploads import queue
from terminal.model import Kind, Money, Notice, PaymentState, mask_pan
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

TDK = KeyRef(Usage.TDK)


async def durable_request(shop: Shop, attempt: Attempt, fields: CardFields) -> Message:
    """Make the request durable (STAN, sealed reversal) and give its message, still without MAC.

    An advice is OFFLINE_APPROVED by that, and stands in the queue of uploads.

    Raises FrameError for data that no message can carry and KeyRefused for a track that cannot be encrypted: before
    anything is durable, so that nobody was asked.
    """
    card = CardData(fields.pan, fields.expiry, fields.sequence, fields.icc)
    sent = _hidden(shop, fields)
    pin_block = attempt.pin.block if attempt.pin else b""
    row = shop.profile.transactions[attempt.deal.kind]

    def prepare(tx: Tx) -> Message:
        stan = tx.next_stan()
        batch_no = tx.get("batch_no", "000001")
        request = card_request(
            row,
            identity(shop, batch_no),
            shop.profile,
            stan=stan,
            card=sent,
            amount=attempt.payment.amount if row.kind is not Kind.BALANCE else None,
            pin_block=pin_block,
            original=attempt.deal.about,
            extra=attempt.deal.extra,
        )
        encode(request, shop.profile)
        facts = {
            "batch_no": batch_no,
            "masked_pan": mask_pan(fields.pan),
            "entry_mode": request.text(22),
            "f60_no": request.text(60),
            "f61_no": request.text(61),
        }
        original = attempt.deal.undoes
        if original is not None and "organisation" in original.facts:
            facts["organisation"] = str(original.facts["organisation"])  # Until the host's own answer names it.
        if row.advice:
            attempt.payment = _done_here(shop, tx, attempt, stan, facts)
            queue(shop, tx, Notice.ADVICE, attempt.payment, request)
        else:
            attempt.payment = tx.move(attempt.payment.id, PaymentState.REQUESTED, stan=stan, **facts)
        seal_card(shop, tx, attempt.payment, card)
        return request

    return await Commit(prepare)


def _done_here(shop: Shop, tx: Tx, attempt: Attempt, stan: str, facts: dict[str, str]) -> PaymentRecord:
    """An advice is true without its answer: its slip shows what is known of the original, and today."""
    about = attempt.deal.about or Original()
    today = f"{shop.local_time(tx.now_ms):%m%d}"
    known = {"rrn": about.rrn, "auth_code": about.auth_code, "host_date": today}
    return tx.move(attempt.payment.id, PaymentState.OFFLINE_APPROVED, stan=stan, **facts, **known)


def _hidden(shop: Shop, fields: CardFields) -> CardFields:
    """The tracks under the TDK where the profile wants that. Raises KeyRefused."""
    if not shop.profile.tracks_encrypted:
        return fields
    track2, track3 = (shop.keys.encrypt_track(TDK, track) if track else "" for track in (fields.track2, fields.track3))
    return replace(fields, track2=track2, track3=track3)


async def ask_host(shop: Shop, attempt: Attempt, request: Message) -> Message | None:
    """Send it, and move the payment by what comes back: the reply that decided, or None without one.

    An advice is not sent here: it is in the queue already, and nobody's answer decides it.

    After None `attempt.fault` says why, and the payment is REVERSING, or ABANDONED if no byte had left; after a
    reply `attempt.host_code` is field 39, and the payment APPROVED or DECLINED, or REVERSING for a part that nobody
    wants.
    """
    if attempt.payment.state is PaymentState.OFFLINE_APPROVED:
        return None
    shop.show(screens.Connecting(what="sale"))
    answer = await ask_authenticated(shop, request, "sale")
    if isinstance(answer, Silence):
        attempt.fault = answer.reason
        if answer.sent:
            await unanswered(shop, attempt, shop.profile.no_response_reason)
        else:
            await move(attempt, PaymentState.ABANDONED, why="withdrawn", fault=answer.reason)
        return None
    verdict, reply = answer.verdict, answer.reply
    if not verdict.answered:
        attempt.fault = "unauthenticated"
        await unanswered(shop, attempt, shop.profile.mac_error_reason)
        return None
    row = shop.profile.transactions[attempt.deal.kind]
    part = verdict.code == PARTIAL_APPROVAL
    stays = part and row.effect is Effect.CREDIT and not row.reversible  # A part of a refund, which nothing undoes.
    if stays or not is_last_word(verdict.code):
        attempt.fault = UNSURE
        await unanswered(shop, attempt, shop.profile.no_response_reason, response_code=verdict.code)
        return None
    attempt.host_code = verdict.code
    attempt.balance = reply.text(54)
    facts = _said(verdict.code, reply) | _eslip(shop, reply)
    if part and row.reversible:
        sold = await accepted_part(shop, attempt.payment, reply)
        if sold is None:
            await must_reverse(attempt, shop.profile.terminal_failure_reason, **facts)
        else:
            await _take_part(attempt, sold, facts)
    else:
        approved = verdict.kind is VerdictKind.APPROVED
        await move(attempt, PaymentState.APPROVED if approved else PaymentState.DECLINED, **facts)
    return reply


async def _take_part(attempt: Attempt, part: Money, facts: dict[str, str]) -> None:
    """Approved for less: from here on that is the payment's amount, everywhere."""
    payment = attempt.payment
    told: dict[str, Any] = {**facts, ASKED: payment.amount.amount_minor}

    def take(tx: Tx) -> PaymentRecord:
        tx.reduce(payment.id, part)
        return tx.move(payment.id, PaymentState.APPROVED, **told)

    attempt.payment = await Commit(take)


def _said(code: str, reply: Message) -> dict[str, str]:
    """What the host has said, fit for the journal."""
    said = {
        "response_code": code,
        "rrn": reply.text(37).strip(),
        "auth_code": reply.text(38).rstrip(),  # A reversal repeats it at its full length.
        "host_date": reply.text(13),
        "host_time": reply.text(12),
        "issuer": reply.text(44)[:11].strip(),
        "acquirer": reply.text(44)[11:].strip(),
    }
    return {name: harmless(name, text) for name, text in said.items()} | organisation_named(reply)


def _eslip(shop: Shop, reply: Message) -> dict[str, str]:
    """Where the cardholder finds the slip, if the acquirer shows slips and has said the key of this one."""
    try:
        key = read_eslip_key(read_tlv(reply.text(59)))
    except FrameError:
        key = ""
    url = eslip_url(shop.profile, reply.text(37).strip(), key)
    return {"eslip_url": url} if url else {}
