"""Online processing and completion: the issuer's answer, its authentication, the second GENERATE AC, the
outcome.

Issuer scripts (71, 72) are not in yet: they are not sent to the card, TSI does not claim them, and the
session lists them under `not_performed`.

Spec: EMV 4.4 Book 3 §10.9 (online processing), §10.10 (issuer-to-card scripts), §10.11 (completion); Book 4
§12.2.
"""

from __future__ import annotations

from emv import apdu
from emv.action import generate_ac
from emv.apdu import exchange
from emv.bits import AIP, TSI, TVR
from emv.commands import Cryptogram, GoOnline, OnlineAnswer, Outcome, Result
from emv.session import Session, WrongCryptogram
from emv.tags import (
    APPLICATION_INTERCHANGE_PROFILE_82,
    AUTHORISATION_RESPONSE_CODE_8A,
    CDOL2_8D,
    ISSUER_AUTHENTICATION_DATA_91,
)

ARC_UNABLE_TO_GO_ONLINE_DECLINED = b"Z3"  # Spec: Book 4 §A6.
ISSUER_AUTHENTICATION_BYTES = range(8, 17)


async def online_processing(session: Session) -> OnlineAnswer | None:
    """Ask the issuer, and let the card check that it was the issuer. None: there was no usable answer.

    An answer without a response code is no answer: nothing may be guessed from it.
    """
    session.online = True
    answer = await GoOnline(session.elements())
    if answer is None or len(answer.response_code) != 2:
        return None
    session.performed("Online processing")
    session.data[AUTHORISATION_RESPONSE_CODE_8A] = answer.response_code
    if answer.issuer_authentication_data:
        await _issuer_authentication(session, answer.issuer_authentication_data)
    if answer.scripts:
        session.left_out("Issuer-to-card script processing")
    return answer


async def _issuer_authentication(session: Session, data: bytes) -> None:
    """Spec: Book 3 §10.9: EXTERNAL AUTHENTICATE once if the AIP asks for it, else the data go into CDOL2."""
    if len(data) not in ISSUER_AUTHENTICATION_BYTES:
        # The issuer's fault, not the card's: the card is not asked, and the TVR says that it failed.
        session.tvr |= TVR.ISSUER_AUTHENTICATION_FAILED
        return
    session.data[ISSUER_AUTHENTICATION_DATA_91] = data
    profile = AIP(int.from_bytes(session.data[APPLICATION_INTERCHANGE_PROFILE_82], "big"))
    if not profile & AIP.ISSUER_AUTHENTICATION:
        return
    response = await exchange(apdu.external_authenticate(data))
    session.tsi |= TSI.ISSUER_AUTHENTICATION_PERFORMED
    session.performed("Issuer authentication")
    if not response.ok:
        # 6300, and anything else that is not 9000. The transaction goes on; the card decides at the end.
        session.tvr |= TVR.ISSUER_AUTHENTICATION_FAILED


async def completion(session: Session, answer: OnlineAnswer | None) -> Outcome:
    """The second GENERATE AC and what it means. Raises CardError.

    Without an answer an online-only terminal asks for AAC: TAC-Default and IAC-Default cannot turn that into
    an approval. Spec: Book 3 §10.7 (unable to go online), Book 4 §12.2.1.
    """
    approved = answer is not None and answer.response_code in session.terminal.approval_codes
    if answer is None:
        session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_UNABLE_TO_GO_ONLINE_DECLINED
    wanted = Cryptogram.TC if approved else Cryptogram.AAC
    given = await generate_ac(session, wanted, CDOL2_8D, after_approval=approved)
    session.performed("Completion")
    if given is Cryptogram.ARQC or (given is Cryptogram.TC and not approved):
        raise WrongCryptogram(f"the card answered {given.name} to the last GENERATE AC")
    if answer is None:
        return session.end(Result.DECLINED, "unable-to-go-online")
    if not approved:
        return session.end(Result.DECLINED, "declined-by-issuer")
    if given is Cryptogram.AAC:
        return session.end(Result.DECLINED, "declined-by-card")
    if session.oda.signature_failed:
        # The issuer approved, and the card's TC is not genuine. Spec: Book 4 §6.3.2.1.
        return session.end(Result.DECLINED, "card-not-authenticated")
    return session.end(Result.APPROVED, "approved-online")
