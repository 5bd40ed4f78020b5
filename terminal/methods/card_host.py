"""The host is asked about a card: what the message carries, what is durable before it leaves, what its answer means.

The journal comes first: STAN and the sealed reversal are in it before the request leaves, and the answer has moved the
payment before anybody sees it.
Source: docs/host-link.md §3, §9, §11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emv import commands as kernel
from emv.tlv import build
from terminal.hostlink.card_messages import CardFields, card_request
from terminal.hostlink.codec import FrameError, Message, encode
from terminal.hostlink.codes import PARTIAL_APPROVAL, is_last_word
from terminal.hostlink.icc import elements
from terminal.hostlink.reply import VerdictKind
from terminal.hostlink.session import Silence
from terminal.journal import harmless
from terminal.loop import Commit
from terminal.methods.asking import ask_authenticated
from terminal.methods.card_ending import Attempt, move, must_reverse, unanswered
from terminal.methods.reversal import CardData, identity, seal_card
from terminal.model import Kind, PaymentState, mask_pan
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

EXPIRY_5F24, PAN_5A, PSN_5F34, TRACK2_57 = 0x5F24, 0x5A, 0x5F34, 0x57
# Field 55 of a sale. Source: host-link digest §3.
SALE_TAGS = (
    0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03,
    0x9F33, 0x9F34, 0x9F35, 0x9F1E, 0x84, 0x9F09, 0x9F41,
)  # fmt: skip
NOT_THE_WHOLE = b"05"  # What the card is told of an approval for a part: nothing is sold.


async def ask_issuer(
    shop: Shop, attempt: Attempt, card: CardData, fields: CardFields
) -> kernel.OnlineAnswer | None:
    """The request and its answer, and what it makes of the payment; None tells the kernel that nobody answered.

    `card` is what a reversal would repeat. Raises CardError for data that no message can carry.
    """
    request = await _request(shop, attempt, card, fields)
    shop.show(screens.Connecting(what="sale"))
    answer = await ask_authenticated(shop, request, "sale")
    if isinstance(answer, Silence):
        attempt.fault = answer.reason
        if answer.sent:
            await unanswered(shop, attempt, shop.profile.no_response_reason)
        else:
            await move(attempt, PaymentState.ABANDONED, why="withdrawn", fault=answer.reason)
        return None
    verdict = answer.verdict
    if not verdict.answered:
        attempt.fault = "unauthenticated"
        await unanswered(shop, attempt, shop.profile.mac_error_reason)
        return None
    if not is_last_word(verdict.code):
        attempt.fault = "unsure"
        await unanswered(shop, attempt, shop.profile.no_response_reason, response_code=verdict.code)
        return None
    attempt.host_code = verdict.code
    reply = answer.reply
    attempt.balance = reply.text(54)
    said = {
        "response_code": verdict.code,
        "rrn": reply.text(37).strip(),
        "auth_code": reply.text(38).rstrip(),  # A reversal repeats it at its full length.
        "host_date": reply.text(13),
        "host_time": reply.text(12),
        "issuer": reply.text(44)[:11].strip(),
        "acquirer": reply.text(44)[11:].strip(),
    }
    facts = {name: harmless(name, text) for name, text in said.items()}
    if verdict.code == PARTIAL_APPROVAL and shop.profile.transactions[attempt.deal.kind].reversible:
        # We cannot sell a part, so the part is given back; field 55 would tell the card of an approval.
        await must_reverse(attempt, shop.profile.terminal_failure_reason, **facts)
        return kernel.OnlineAnswer(NOT_THE_WHOLE)
    approved = verdict.kind is VerdictKind.APPROVED
    await move(attempt, PaymentState.APPROVED if approved else PaymentState.DECLINED, **facts)
    return _issuer_answer(reply.binary(55), b"00" if approved else verdict.code.encode("ascii"))


def _issuer_answer(icc: bytes, response_code: bytes) -> kernel.OnlineAnswer:
    """Field 55 of the reply as the kernel wants it. A field that cannot be read brings nothing to the card."""
    try:
        found = elements(icc)
    except FrameError:
        return kernel.OnlineAnswer(response_code)
    values = {element.tag: icc[element.value : element.end] for element in found}
    return kernel.OnlineAnswer(
        response_code=values.get("8A", response_code),
        issuer_authentication_data=values.get("91", b""),
        scripts=b"".join(icc[e.start : e.end] for e in found if e.tag in ("71", "72")),
    )


def card_of(data: dict[int, bytes], *, full: bool) -> tuple[CardData, CardFields]:
    """The card's words for the host; field 55 only with a cryptogram in it. Raises CardError."""
    if TRACK2_57 not in data:
        raise kernel.CardError("the track 2 equivalent data are missing")
    pan = data[PAN_5A].hex().rstrip("f")
    card = CardData(
        pan=pan,
        expiry=data[EXPIRY_5F24].hex()[:4],
        card_sequence=data[PSN_5F34].hex() if PSN_5F34 in data else "",
        icc=build((tag, data[tag]) for tag in SALE_TAGS if tag in data) if full else b"",
    )
    track2 = data[TRACK2_57].hex().upper().rstrip("F")
    return card, CardFields(card.pan, card.expiry, card.card_sequence, track2=track2, icc=card.icc)


async def _request(shop: Shop, attempt: Attempt, card: CardData, fields: CardFields) -> Message:
    """Make the request durable (STAN, sealed reversal) and give its message, still without MAC.

    Raises CardError for data that no message can carry: before anything is durable, so that nobody was asked.
    """
    pin_block = attempt.pin.block if attempt.pin else b""
    row = shop.profile.transactions[attempt.deal.kind]

    def prepare(tx: Tx) -> Message:
        stan = f"{tx.count('stan', limit=999_999):06d}"
        batch_no = tx.get("batch_no", "000001")
        request = card_request(
            row,
            identity(shop, batch_no),
            shop.profile,
            stan=stan,
            card=fields,
            amount=attempt.payment.amount if row.kind is not Kind.BALANCE else None,
            pin_block=pin_block,
            original=attempt.deal.about,
            extra=attempt.deal.extra,
        )
        encode(request, shop.profile)
        attempt.payment = tx.move(
            attempt.payment.id,
            PaymentState.REQUESTED,
            stan=stan,
            batch_no=batch_no,
            masked_pan=mask_pan(card.pan),
            entry_mode=request.text(22),
            f60_no=request.text(60),
            f61_no=request.text(61),
        )
        seal_card(shop, tx, attempt.payment, card)
        return request

    try:
        return await Commit(prepare)
    except FrameError as fault:
        raise kernel.CardError(str(fault)) from None
