"""How a card sale ends: on screen, on paper and in the journal, whatever host and card have said.

The host's answer has already moved the payment; what the kernel says now can only confirm it (COMPLETED) or undo it
(REVERSING). Whatever reached the host and did not become a sale leaves a notice on paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from drivers.ports import Tone
from emv import commands as kernel
from emv.bits import verified_by_card
from emv.tlv import build
from keys import Pin
from terminal.dialogue import acknowledge
from terminal.hostlink.card_messages import Original
from terminal.hostlink.codes import lookup
from terminal.hostlink.icc import elements
from terminal.journal import harmless
from terminal.loop import Commit, Sleep
from terminal.methods.pin_entry import PinEntry
from terminal.methods.reversal import pending_reversals, seal_card, send_reversal, unseal_card
from terminal.model import Kind, Method, Money, PaymentState
from terminal.printing import keep, print_kept, slip_head
from terminal.receipts import CardSlip, Chip, Ending, Entry, Head, NoticeSlip, Verification
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

WRONG_PIN = "55"
PIN_TRIES = 3  # Wrong PINs in one sale, before the person is asked to start anew.
_NOTHING: Mapping[str, Any] = MappingProxyType({})
PSN_5F34, CVM_RESULTS_9F34, SCRIPT_RESULTS_DF31 = 0x5F34, 0x9F34, 0xDF31


@dataclass(frozen=True, slots=True)
class Deal:
    """What is to be done with a card. `about` names the original on the wire, `facts` goes into the payment.

    `extra` are the fields of this kind alone (F48, F62).
    """

    kind: Kind
    amount: Money
    about: Original | None = None
    extra: Mapping[int, str | bytes] = field(default_factory=dict, repr=False)
    facts: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(slots=True)
class Attempt:
    """One pass of a card through the kernel: its payment, and what was learnt on the way."""

    payment: PaymentRecord
    deal: Deal
    pin: PinEntry | None = field(default=None, repr=False)
    digits: Pin = field(default_factory=Pin, repr=False)  # For the card's own check; wiped with VERIFY.
    host_code: str = ""  # Field 39, or "" when there was no believable answer.
    fault: str = ""  # Why nothing was sent, or why the answer is missing.


def new_payment(shop: Shop, tx: Tx, deal: Deal) -> PaymentRecord:
    return tx.new_payment(Method.CARD, deal.amount, shop.operator, deal.kind, **deal.facts)


async def move(attempt: Attempt, state: PaymentState, **facts: str | int | bool) -> None:
    attempt.payment = await Commit(lambda tx: tx.move(attempt.payment.id, state, **facts))


async def must_reverse(attempt: Attempt, reason: str, **facts: str | int | bool) -> None:
    await move(attempt, PaymentState.REVERSING, reversal_reason=reason, **facts)


async def conclude(
    shop: Shop, attempt: Attempt, outcome: kernel.Outcome | kernel.CardError
) -> PaymentRecord:
    """Bring kernel and host to one end: on screen, on paper, in the journal."""
    state = attempt.payment.state
    if state is PaymentState.NEW:
        await _never_asked(shop, attempt, outcome)
        return attempt.payment
    approved = isinstance(outcome, kernel.Outcome) and outcome.result is kernel.Result.APPROVED
    if state is PaymentState.APPROVED and approved and isinstance(outcome, kernel.Outcome):
        await _complete(shop, attempt, outcome)
        return attempt.payment
    if state is PaymentState.APPROVED:
        await Commit(lambda tx: _undo_approval(shop, tx, attempt, outcome))
    await not_sold(shop, attempt)
    return attempt.payment


async def not_sold(shop: Shop, attempt: Attempt) -> None:
    """Say on screen and paper how a request that did not become a sale has ended."""
    shop.sound(Tone.FAILURE)
    screen, ending = await _no_sale(shop, attempt)
    await acknowledge(shop, screen)
    if attempt.host_code != WRONG_PIN:  # The next try says more than this one.
        await _print_notice(shop, attempt, ending)


async def _no_sale(shop: Shop, attempt: Attempt) -> tuple[screens.Screen, Ending]:
    """What the person sees, and what the paper says, of a request that did not become a sale."""
    amount = attempt.payment.amount
    if attempt.payment.state is PaymentState.REVERSING:
        # An approval is undone at once, while the host answers; after silence, before the next sale.
        if attempt.host_code and await send_reversal(shop, attempt.payment):
            return screens.ReversalDone(amount=amount), Ending.REVERSED
        return screens.ReversalPending(count=len(await pending_reversals(shop))), Ending.REVERSING
    if attempt.payment.state is PaymentState.ABANDONED:
        return screens.NothingSent(reason=attempt.fault), Ending.NOT_SENT
    words = lookup(attempt.host_code)
    text = words.zh if shop.language == "zh-CN" else words.en
    return screens.Declined(code=attempt.host_code, text=text), Ending.DECLINED


def _undo_approval(shop: Shop, tx: Tx, attempt: Attempt, outcome: kernel.Outcome | kernel.CardError) -> None:
    """The host said yes and the card did not: the reversal tells what the card said last, scripts included."""
    reason = shop.profile.terminal_failure_reason
    if isinstance(outcome, kernel.CardError):
        attempt.payment = tx.move(attempt.payment.id, PaymentState.REVERSING, reversal_reason=reason)
        return
    attempt.payment = tx.move(
        attempt.payment.id, PaymentState.REVERSING, reversal_reason=reason, **issuer_facts(outcome)
    )
    card = unseal_card(shop, tx, attempt.payment)
    if card is not None:
        told = (*(int(element.tag, 16) for element in elements(card.icc)), SCRIPT_RESULTS_DF31)
        icc = build((tag, outcome.data[tag]) for tag in told if tag in outcome.data)
        seal_card(shop, tx, attempt.payment, replace(card, icc=icc))


def issuer_facts(outcome: kernel.Outcome) -> dict[str, Any]:
    """What the issuer may want to know later: the results of its scripts, and that the card asks for advice.

    The host link has no message for either yet; the journal keeps them.
    """
    facts: dict[str, Any] = {}
    results = outcome.data.get(SCRIPT_RESULTS_DF31)
    if results is not None:
        facts["script_results"] = results.hex().upper()
    if outcome.advice:
        facts["advice_wanted"] = True
    return facts


async def _print_notice(shop: Shop, attempt: Attempt, ending: Ending) -> None:
    payment, facts = attempt.payment, attempt.payment.facts
    words = lookup(attempt.host_code) if ending is Ending.DECLINED else None
    slip = NoticeSlip(
        head=await slip_head(shop, str(facts["batch_no"])),
        amount=payment.amount,
        masked_pan=str(facts["masked_pan"]),
        voucher_no=str(payment.stan),
        ending=ending,
        code=attempt.host_code,
        zh=words.zh if words else "",
        en=words.en if words else "",
        ref_no=str(facts.get("rrn", "")),
    )
    await print_kept(shop, await Commit(lambda tx: keep(tx, slip, payment.id)), slip)


async def _never_asked(
    shop: Shop, attempt: Attempt, outcome: kernel.Outcome | kernel.CardError
) -> None:
    """The session ended before the host was asked: nothing is owed to anybody."""
    reason = outcome.reason
    await move(attempt, PaymentState.ABANDONED, why=reason)
    if isinstance(outcome, kernel.Outcome) and outcome.result is kernel.Result.CANCELLED:
        await acknowledge(shop, screens.Cancelled())
        return
    shop.sound(Tone.FAILURE)
    await acknowledge(shop, screens.CardProblem(reason=CARD_PROBLEMS.get(reason, "not_accepted")))


# What the kernel's reasons are to a person (room "card_problem" of the strings).
CARD_PROBLEMS = {
    "removed": "removed",
    "reader-failed": "reader_lost",
    "card-blocked": "blocked",
    "application-blocked": "blocked",
    "bad-data": "bad_data",
    "data-missing": "bad_data",
    "declined-by-card": "declined",
    "declined-offline": "declined",
    "cryptogram-not-allowed": "declined",
    "pin-tries-exceeded": "declined",
    "issuer-not-authentic": "declined",
    "card-not-authenticated": "declined",
}


async def _complete(shop: Shop, attempt: Attempt, outcome: kernel.Outcome) -> None:
    head = await slip_head(shop, str(attempt.payment.facts["batch_no"]))
    pin = bool(attempt.pin and attempt.pin.block) or verified_by_card(outcome.data.get(CVM_RESULTS_9F34, b""))
    slip = card_slip(
        attempt.payment,
        head,
        verification=VERIFICATIONS[pin, outcome.signature],
        entry=Entry.CHIP,
        chip=chip_block(outcome),
    )
    await complete(shop, attempt, slip, issuer_facts(outcome))


async def complete(shop: Shop, attempt: Attempt, slip: CardSlip, facts: Mapping[str, Any] = _NOTHING) -> None:
    """COMPLETED and its slip in one commit; then paper and the good news."""
    payment = attempt.payment

    def commit(tx: Tx) -> int:
        attempt.payment = tx.move(payment.id, PaymentState.COMPLETED, **facts)
        return keep(tx, slip, payment.id)

    slip_id = await Commit(commit)
    shop.sound(Tone.SUCCESS)
    shop.show(screens.Approved(amount=payment.amount, code=str(payment.facts["auth_code"])))
    await Sleep(shop.config.timeouts.result_ms)
    await print_kept(shop, slip_id, slip)


# By (PIN, signature).
VERIFICATIONS: Mapping[tuple[bool, bool], Verification] = {
    (True, True): Verification.PIN_AND_SIGNATURE,
    (True, False): Verification.PIN,
    (False, True): Verification.SIGNATURE,
    (False, False): Verification.NONE,
}


def card_slip(
    payment: PaymentRecord, head: Head, *, verification: Verification, entry: Entry, chip: Chip | None = None
) -> CardSlip:
    """The slip of a completed sale by card: masked number, what host and cardholder have said and done."""
    facts = payment.facts
    return CardSlip(
        head=head,
        amount=payment.amount,
        masked_pan=str(facts["masked_pan"]),
        voucher_no=str(payment.stan),
        kind=payment.kind,
        entry=entry,
        verification=verification,
        acquirer=str(facts.get("acquirer", "")),
        issuer=str(facts.get("issuer", "")),
        auth_code=str(facts["auth_code"]),
        ref_no=str(facts["rrn"]),
        chip=chip,
    )


def chip_block(outcome: kernel.Outcome) -> Chip:
    """The slip's EMV block."""
    data = outcome.data

    def hexed(tag: int) -> str:
        return data.get(tag, b"").hex().upper()

    return Chip(
        aid=hexed(0x84),
        label=harmless("label", data.get(0x50, b"").decode("ascii", "replace")),
        cryptogram_type=outcome.cryptogram.name if outcome.cryptogram else "",
        cryptogram=hexed(0x9F26),
        tvr=hexed(0x95),
        tsi=hexed(0x9B),
        atc=hexed(0x9F36),
        unpredictable_number=hexed(0x9F37),
        aip=hexed(0x82),
        cvm_results=hexed(0x9F34),
        issuer_application_data=harmless("issuer_application_data", hexed(0x9F10)),
        terminal_capabilities=hexed(0x9F33),
        card_sequence_no=hexed(PSN_5F34),
    )
