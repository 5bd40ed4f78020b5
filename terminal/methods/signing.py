"""The cardholder signs on a pad instead of on paper, where there is one.

The payment is COMPLETED by then, with a slip to be signed: whatever goes wrong here (nobody signs, the pad is broken,
the power fails) leaves that slip. A signature replaces it by one without a line, and stands in the queue of uploads, in
one commit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drivers.ports import DeviceError, Key, SignaturePad, Tone
from terminal.hostlink.esign import Strokes, raster, signature_parts, slip_data
from terminal.hostlink.jbig import jbig
from terminal.loop import CallOverdue, Commit, Offload, Race, Sleep, Wait
from terminal.methods.reversal import identity, unseal_card
from terminal.methods.uploads import queue
from terminal.model import Notice
from terminal.printing import keep
from terminal.receipts import CardSlip, Verification
from terminal.receipts.words import KINDS
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

LOOK_MS = 500  # How often the pad is asked.
PAD_DEADLINE_MS = 3_000
ON_PAD = {
    Verification.SIGNATURE: Verification.ON_PAD,
    Verification.PIN_AND_SIGNATURE: Verification.PIN_AND_PAD,
}


async def sign(shop: Shop, payment: PaymentRecord, slip: CardSlip, slip_id: int) -> tuple[CardSlip, int]:
    """The slip to be printed, and its number: without a line if it was signed on the pad."""
    pad = shop.devices.pad
    if pad is None or slip.verification not in ON_PAD:
        return slip, slip_id
    strokes = await _signed(shop, payment, pad)
    if not strokes:
        return slip, slip_id
    image = jbig(raster(strokes))
    signed = replace(slip, verification=ON_PAD[slip.verification])

    def commit(tx: Tx) -> int | None:
        card = unseal_card(shop, tx, payment)
        if card is None:
            return None
        try:
            parts = signature_parts(
                identity(shop, str(payment.facts["batch_no"])),
                shop.profile,
                stan=str(payment.stan),
                rrn=str(payment.facts["rrn"]),
                pan=card.pan,
                amount_minor=payment.amount.amount_minor,
                icc=slip_data(
                    merchant=slip.head.merchant_name,
                    kind=KINDS[slip.kind][0],
                    operator=slip.head.operator,
                    at="".join(c for c in slip.head.at if c.isdigit()),
                    auth_code=slip.auth_code,
                ),
                image=image,
            )
        except ValueError:
            return None  # A scribble that no host takes: paper does.
        for part in parts:
            queue(shop, tx, Notice.SIGNATURE, payment, part)
        tx.slip_printed(slip_id)  # Never was, and never will be.
        return keep(tx, signed, payment.id)

    new_id = await Commit(commit)
    return (slip, slip_id) if new_id is None else (signed, new_id)


async def _signed(shop: Shop, payment: PaymentRecord, pad: SignaturePad) -> Strokes | None:
    """请签名, until somebody has; None for CANCEL, for nobody, and for a pad that does not work."""
    try:
        await Offload("pad", pad.clear, PAD_DEADLINE_MS)
        shop.boxes.keys.renew()
        shop.show(screens.SignOnPad(amount=payment.amount))
        for _ in range(shop.config.timeouts.key_ms // LOOK_MS):
            won, key = await Race(Wait(shop.boxes.keys), Sleep(LOOK_MS))
            if won == 0 and key is Key.CANCEL:
                shop.sound(Tone.KEY)
                return None
            strokes = await Offload("pad", pad.strokes, PAD_DEADLINE_MS)
            if strokes:
                shop.sound(Tone.KEY)
                return strokes
    except (DeviceError, CallOverdue):
        shop.sound(Tone.FAILURE)
    return None
