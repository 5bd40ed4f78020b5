"""Combined DDA and cryptogram generation: when a GENERATE AC asks for it, and whether its signature holds.

The key was recovered before (`emv.oda`); here the card's answer is taken at its word: signature over cryptogram,
cryptogram type and everything that went to and fro.

Spec: EMV 4.4 Book 2 §6.6 (CDA), Annex D4 (modes); Book 4 §6.3.2.1 (what a failure means).
"""

from __future__ import annotations

from emv.certificates import Check, OdaFailure, Part, recover_combined
from emv.commands import Cryptogram
from emv.oda import CDA, authentication_failed
from emv.session import Session
from emv.tags import (
    ICC_DYNAMIC_NUMBER_9F4C,
    SIGNED_DYNAMIC_APPLICATION_DATA_9F4B,
    UNPREDICTABLE_NUMBER_9F37,
)
from emv.tlv import Tlv, read_length, read_tag


def request_cda(session: Session, wanted: Cryptogram, *, after_approval: bool = False) -> bool:
    """Whether this GENERATE AC asks for a signature. `after_approval`: the second one, and the issuer said yes.

    Never with AAC, and never without the card's key: if its recovery failed, CDA goes no further. What follows a
    signature that failed is an AAC or nothing. Spec: Book 2 §6.6, Annex D4.
    """
    if session.oda.icc_key is None or wanted is Cryptogram.AAC:
        return False
    mode = session.terminal.cda_mode
    if wanted is Cryptogram.ARQC:
        asked = mode.on_request
    else:
        # A TC without the issuer's word is always signed: only the signature speaks for the card then.
        asked = mode.on_approved or not after_approval
    if asked:
        session.note("cda-asked", mode=mode.value)
    return asked


def verify_cda(session: Session, answer: bytes, template: Tlv, information: bytes) -> bytes | None:
    """The cryptogram that the card signed; None: CDA failed, and the TVR says so.

    `answer` is the response's data, `template` its only object, `information` the 9F27 in it. A card that was asked
    for a signature and gives TC or ARQC without one has failed too. Spec: Book 2 §6.6, §6.6.2.
    """
    signed = template.child(SIGNED_DYNAMIC_APPLICATION_DATA_9F4B)
    key = session.oda.icc_key
    try:
        if signed is None or key is None:
            raise OdaFailure(Part.DYNAMIC_DATA, Check.MISSING)
        found = recover_combined(
            signed.value,
            key,
            cryptogram_information=information,
            unpredictable=session.data[UNPREDICTABLE_NUMBER_9F37],
            exchanged=session.oda.sent + _answered(answer, template),
        )
    except OdaFailure as failure:
        authentication_failed(session, CDA, failure)
        session.oda.signature_failed = True
        return None
    session.data[ICC_DYNAMIC_NUMBER_9F4C] = found.number
    session.note("cda-good", ICC_DYNAMIC_NUMBER_9F4C)
    return found.cryptogram


def _answered(answer: bytes, template: Tlv) -> bytes:
    """Every object of the answer as it stands there, in order, but for the signature."""
    parts = []
    for item in template.children:
        if item.tag != SIGNED_DYNAMIC_APPLICATION_DATA_9F4B:
            _, at = read_tag(answer, item.position)
            length, at = read_length(answer, at)
            parts.append(answer[item.position : at + length])
    return b"".join(parts)


