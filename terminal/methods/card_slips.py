"""What a card payment says on paper: its slip, whoever ended it, and the chip's block on it.

Spec: docs/host-link.md §10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from emv import commands as kernel
from terminal.hostlink.card_messages import MANUAL, SWIPED
from terminal.hostlink.codes import Action, lookup
from terminal.journal import harmless
from terminal.methods.part_payment import ASKED, asked_for
from terminal.model import Money
from terminal.receipts import CardSlip, Chip, Entry, Head, Verification

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

PSN_5F34 = 0x5F34
# By (PIN, signature).
VERIFICATIONS: Mapping[tuple[bool, bool], Verification] = {
    (True, True): Verification.PIN_AND_SIGNATURE,
    (True, False): Verification.PIN,
    (False, True): Verification.SIGNATURE,
    (False, False): Verification.NONE,
}


def plain_slip(payment: PaymentRecord, head: Head) -> CardSlip:
    """The slip of a payment without a cryptogram: who typed no PIN signs, unless no card was there."""
    mode = str(payment.facts["entry_mode"])
    if mode.startswith(MANUAL):
        return card_slip(payment, head, verification=Verification.ABSENT, entry=Entry.MANUAL)
    verification = Verification.PIN if mode[2:] == "1" else Verification.SIGNATURE
    entry = Entry.SWIPE if mode.startswith(SWIPED) else Entry.CHIP
    return card_slip(payment, head, verification=verification, entry=entry)


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
        original=str(facts.get("original_no", "")),
        original_by=str(facts.get("original_by", "")),
        original_date=str(facts.get("original_date", "")),
        terms=str(facts.get("terms", "")),
        base=Money(int(facts["base_minor"])) if "base_minor" in facts else None,
        asked=asked_for(payment) if ASKED in facts else None,
        then=_after_approval(facts),
        eslip_url=str(facts.get("eslip_url", "")),
        chip=chip,
    )


def _after_approval(facts: Mapping[str, str | int | bool]) -> str:
    """What an approval with a reservation (A2, A4 …) asks for, else ""."""
    action = lookup(str(facts.get("response_code", ""))).action
    return action.value if action is Action.CONFIRM else ""


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
