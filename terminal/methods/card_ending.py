"""How a card sale ends: on screen, on paper and in the journal, whatever host and card have said.

The host's answer has already moved the payment; what the kernel says now can only confirm it (COMPLETED) or undo it
(REVERSING). Whatever reached the host and did not become a sale leaves a notice on paper.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from drivers.ports import Key, Presence, Tone
from emv import commands as kernel
from emv.bits import verified_by_card
from emv.tlv import build
from terminal.dialogue import acknowledge
from terminal.hostlink.codec import FrameError
from terminal.hostlink.codes import PARTIAL_APPROVAL, Action, lookup
from terminal.hostlink.details import read_balance
from terminal.hostlink.icc import elements
from terminal.hostlink.transactions import Names, Silence, void_of
from terminal.loop import Commit, Sleep
from terminal.methods.answers import keeps_card, refusal_screen, what_next
from terminal.methods.card_attempt import UNANSWERED, UNSURE, Attempt, Deal, move
from terminal.methods.card_slips import VERIFICATIONS, card_slip, chip_block, plain_slip
from terminal.methods.reversal import CardData, pending_reversals, seal_card, send_reversal, unseal_card
from terminal.methods.signing import sign
from terminal.methods.uploads import queue_script_results
from terminal.model import PaymentState
from terminal.printing import keep, print_kept, slip_head
from terminal.receipts import CardSlip, Ending, Entry, NoticeSlip, Verification
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

WRONG_PIN = "55"
SIGNED = (Verification.SIGNATURE, Verification.PIN_AND_SIGNATURE)
SIGNATURE, DIFFERS = "signature", "differs"  # Fact of a payment that is signed for, and by somebody else.
TAKEN_BACK = "20"  # How F3 begins when a transaction is undone.
CARD_AGREES = (kernel.Result.APPROVED, kernel.Result.READ)
PIN_TRIES = 3  # Wrong PINs in one sale, before the person is asked to start anew.
CVM_RESULTS_9F34, SCRIPT_RESULTS_DF31 = 0x9F34, 0xDF31


async def conclude(
    shop: Shop, attempt: Attempt, outcome: kernel.Outcome | kernel.CardError | None
) -> PaymentRecord:
    """Bring kernel and host to one end: on screen, on paper, in the journal. `outcome` None: no card took part."""
    state = attempt.payment.state
    if state is PaymentState.NEW and outcome is not None:
        await _never_asked(shop, attempt, outcome)
        return attempt.payment
    if state is PaymentState.APPROVED and payment_is_told(shop, attempt):
        if isinstance(outcome, kernel.Outcome):
            await Commit(partial(keep_last_word, shop, attempt.payment, outcome))
        await tell_balance(shop, attempt)
        return attempt.payment
    if state is PaymentState.OFFLINE_APPROVED:  # Queued: it is done, whatever the card does now.
        await _complete(shop, attempt, outcome if isinstance(outcome, kernel.Outcome) else None)
        return attempt.payment
    agrees = outcome is None or (isinstance(outcome, kernel.Outcome) and outcome.result in CARD_AGREES)
    if state is PaymentState.APPROVED and agrees and not isinstance(outcome, kernel.CardError):
        await _complete(shop, attempt, outcome)
        return attempt.payment
    if state is PaymentState.APPROVED:
        await Commit(lambda tx: _undo_approval(shop, tx, attempt, outcome))
    elif state is PaymentState.DECLINED and isinstance(outcome, kernel.Outcome) and outcome.online:
        await Commit(partial(keep_last_word, shop, attempt.payment, outcome))
    await not_sold(shop, attempt)
    return attempt.payment


def payment_is_told(shop: Shop, attempt: Attempt) -> bool:
    """Whether no money moves: the host's word is all there is to it, and the card's last one changes nothing."""
    return shop.profile.transactions[attempt.deal.kind].silence is Silence.NOTHING


async def tell_balance(shop: Shop, attempt: Attempt) -> None:
    """The balance is for the cardholder's eyes: on the glass, and neither on paper nor in the journal."""
    await move(attempt, PaymentState.COMPLETED)
    try:
        amount = read_balance(attempt.balance)
    except FrameError:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason="no_balance"))
        return
    shop.sound(Tone.SUCCESS)
    await acknowledge(shop, screens.Balance(amount=amount), shop.config.timeouts.key_ms)


async def not_sold(shop: Shop, attempt: Attempt) -> None:
    """Say on screen and paper how a request that did not become a sale has ended."""
    shop.sound(Tone.FAILURE)
    screen, ending = await _no_sale(shop, attempt)
    await acknowledge(shop, screen)
    if attempt.host_code != WRONG_PIN:  # The next try says more than this one.
        await _print_notice(shop, attempt, ending)
    if keeps_card(shop, attempt.payment) and shop.card_presence is not Presence.PRESENT:
        shop.sound(Tone.ATTENTION)
        await acknowledge(shop, screens.KeepCard(), shop.config.timeouts.key_ms)


async def _no_sale(shop: Shop, attempt: Attempt) -> tuple[screens.Screen, Ending]:
    """What the person sees, and what the paper says, of a request that did not become a sale."""
    amount = attempt.payment.amount
    if attempt.payment.state is PaymentState.REVERSING:
        # An approval is undone at once, while the host answers; after silence, before the next sale.
        if attempt.host_code and await send_reversal(shop, attempt.payment):
            return screens.ReversalDone(amount=amount), Ending.REVERSED
        count, code = len(await pending_reversals(shop)), _telling_code(attempt)
        return screens.ReversalPending(count=count, code=code), Ending.REVERSING
    if attempt.payment.state is PaymentState.UNKNOWN:
        return screens.OutcomeUnknown(amount=amount, code=_telling_code(attempt)), Ending.UNKNOWN
    if attempt.payment.facts.get("why") == UNANSWERED and attempt.fault != UNSURE:
        return screens.NotAnswered(reason=attempt.fault), Ending.UNANSWERED
    if attempt.payment.state is PaymentState.ABANDONED and attempt.fault != UNSURE:
        return screens.NothingSent(reason=attempt.fault), Ending.NOT_SENT
    return refusal_screen(shop, attempt.payment), Ending.DECLINED  # Or of a question: a code that answers nothing.


def _telling_code(attempt: Attempt) -> str:
    """Field 39 where it explains the end: it refused, gave a part only, or says nothing for certain. Else ""."""
    told = attempt.payment.state is PaymentState.DECLINED or attempt.host_code == PARTIAL_APPROVAL
    return str(attempt.payment.facts["response_code"]) if told or attempt.fault == UNSURE else ""


def _undo_approval(
    shop: Shop, tx: Tx, attempt: Attempt, outcome: kernel.Outcome | kernel.CardError | None
) -> None:
    """The host said yes and the card did not: the reversal tells what the card said last, scripts included."""
    reason = shop.profile.terminal_failure_reason
    if not isinstance(outcome, kernel.Outcome):
        attempt.payment = tx.move(attempt.payment.id, PaymentState.REVERSING, reversal_reason=reason)
        return
    attempt.payment = tx.move(
        attempt.payment.id, PaymentState.REVERSING, reversal_reason=reason, **issuer_facts(outcome)
    )
    card = unseal_card(shop, tx, attempt.payment)
    if card is not None:
        seal_card(shop, tx, attempt.payment, replace(card, icc=_last_word(card, outcome, SCRIPT_RESULTS_DF31)))


def _last_word(card: CardData, outcome: kernel.Outcome, *more: int) -> bytes:
    """Field 55 as it was sent, with the values that the card has given since, and with `more` of them."""
    told = dict.fromkeys((*(int(element.tag, 16) for element in elements(card.icc)), *more))
    return build((tag, outcome.data[tag]) for tag in told if tag in outcome.data)


def keep_last_word(shop: Shop, payment: PaymentRecord, outcome: kernel.Outcome, tx: Tx) -> None:
    """Inside the commit that ends it: the certificate for the batch upload, and what became of the scripts."""
    card = unseal_card(shop, tx, payment)
    if card is None:
        return
    seal_card(shop, tx, payment, replace(card, icc=_last_word(card, outcome)))
    if SCRIPT_RESULTS_DF31 in outcome.data:
        wanted = (int(tag, 16) for tag in shop.profile.script_f55_tags)
        queue_script_results(shop, tx, payment, replace(card, icc=_last_word(card, outcome, *wanted)))


def issuer_facts(outcome: kernel.Outcome) -> dict[str, Any]:
    """What the issuer may want to know later: the results of its scripts, and that the card asks for advice.

    The results go up in a notice of their own (0620). The host link has none for the advice; the journal keeps it.
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
    code = _telling_code(attempt)
    words = lookup(code) if code else None
    then = what_next(shop, payment) if ending is Ending.DECLINED else None
    if ending is Ending.UNANSWERED:
        then = Action.WAIT
    slip = NoticeSlip(
        head=await slip_head(shop, str(facts["batch_no"])),
        amount=payment.amount,
        masked_pan=str(facts["masked_pan"]),
        voucher_no=str(payment.stan),
        ending=ending,
        code=code,
        zh=words.zh if words else "",
        en=words.en if words else "",
        ref_no=str(facts.get("rrn", "")),
        kind=payment.kind,
        then=then.value if then else "",
    )
    await print_kept(shop, await Commit(lambda tx: keep(tx, slip, payment.id)), slip)


async def _never_asked(
    shop: Shop, attempt: Attempt, outcome: kernel.Outcome | kernel.CardError
) -> None:
    """The session ended before the host was asked: nothing is owed to anybody."""
    reason = outcome.reason
    await move(attempt, PaymentState.ABANDONED, why=reason)
    if reason == "pin-cancelled" or (
        isinstance(outcome, kernel.Outcome) and outcome.result is kernel.Result.CANCELLED
    ):
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
    "other-card": "other_card",
    "issuer-not-authentic": "declined",
    "card-not-authenticated": "declined",
}


async def _complete(shop: Shop, attempt: Attempt, outcome: kernel.Outcome | None) -> None:
    head = await slip_head(shop, str(attempt.payment.facts["batch_no"]))
    if outcome is None or outcome.result is not kernel.Result.APPROVED:
        await complete(shop, attempt, plain_slip(attempt.payment, head))
        return
    pin = bool(attempt.pin and attempt.pin.block) or verified_by_card(outcome.data.get(CVM_RESULTS_9F34, b""))
    slip = card_slip(
        attempt.payment,
        head,
        verification=VERIFICATIONS[pin, outcome.signature],
        entry=Entry.CHIP,
        chip=chip_block(outcome),
    )
    await complete(shop, attempt, slip, outcome)


async def complete(shop: Shop, attempt: Attempt, slip: CardSlip, outcome: kernel.Outcome | None = None) -> None:
    """COMPLETED and its slip in one commit; then paper and the good news. `outcome`: of the chip that took part."""
    payment = attempt.payment
    said: dict[str, Any] = issuer_facts(outcome) if outcome else {}
    if slip.verification in SIGNED:
        said["signed"] = True

    def commit(tx: Tx) -> int:
        attempt.payment = tx.move(payment.id, PaymentState.COMPLETED, **said)
        if outcome is not None:
            keep_last_word(shop, attempt.payment, outcome, tx)
        end_original(shop, tx, attempt.deal)
        return keep(tx, slip, payment.id)

    slip_id = await Commit(commit)
    shop.sound(Tone.SUCCESS)
    shop.show(screens.Approved(amount=payment.amount, code=str(payment.facts["auth_code"]), then=slip.then))
    await Sleep(shop.config.timeouts.result_ms)
    slip, slip_id = await sign(shop, attempt.payment, slip, slip_id)
    signed = slip.verification in SIGNED and "signature" in shop.config.transactions.offered
    undone_by = void_of(shop.profile.transactions, payment.kind)
    asks = partial(_signature_matches, shop, attempt) if signed and undone_by is not None else None
    await print_kept(shop, slip_id, slip, asks)


async def _signature_matches(shop: Shop, attempt: Attempt) -> bool:
    """The signed copy is compared with the card. A "no" is durable: whoever began the deal takes the payment back.

    Nobody's answer is a yes: who has walked off with the slip has been content with it.
    """
    screen = screens.CompareSignature(amount=attempt.payment.amount)
    if await acknowledge(shop, screen, shop.config.timeouts.key_ms) is not Key.CANCEL:
        return True
    attempt.payment = await Commit(lambda tx: tx.note(attempt.payment.id, **{SIGNATURE: DIFFERS}))
    return False


def end_original(shop: Shop, tx: Tx, deal: Deal) -> None:
    """Inside the commit that completes it: what was taken back is VOIDED, an authorisation has had its end.

    A completion that is taken back leaves its authorisation as it was before it.
    """
    original, row = deal.undoes, shop.profile.transactions[deal.kind]
    if original is None or row.silence is Silence.UNKNOWN:
        return
    if row.advice and row.names is Names.STAN:  # A tip: the sale stands, and is no longer to be voided.
        tx.note(original.id, adjusted=True)
        return
    if row.names is Names.STAN:
        tx.move(original.id, PaymentState.VOIDED)
        if isinstance(before := original.facts.get("undoes"), int):
            tx.note(before, ended="")
        return
    tx.note(original.id, ended=deal.kind.value)
    if row.processing_code[:2] == TAKEN_BACK and original.state is PaymentState.COMPLETED:
        tx.move(original.id, PaymentState.VOIDED)
