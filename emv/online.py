"""Online processing and completion: the issuer's answer, its authentication, the second GENERATE AC, the outcome.

Spec: EMV 4.4 Book 3 §10.9 (online processing), §10.10 (issuer-to-card scripts), §10.11 (completion); Book 4
§6.3.8 (online processing), §12.2 (exception handling).
"""

from __future__ import annotations

from emv import apdu
from emv.action import denied_when_offline, last_cryptogram, refusal_of
from emv.apdu import exchange
from emv.bits import AIP, TSI, TVR
from emv.cda import request_cda
from emv.commands import Cryptogram, GoOnline, OnlineAnswer, Outcome, Result
from emv.scripts import AFTER, BEFORE, issuer_scripts, parse_scripts
from emv.session import Session
from emv.tags import (
    APPLICATION_INTERCHANGE_PROFILE_82,
    AUTHORISATION_RESPONSE_CODE_8A,
    ISSUER_AUTHENTICATION_DATA_91,
    TERMINAL_VERIFICATION_RESULTS_95,
)

# Authorisation response codes of the terminal's own. Spec: Book 4 §A6.
ARC_UNABLE_TO_GO_ONLINE_APPROVED = b"Y3"
ARC_UNABLE_TO_GO_ONLINE_DECLINED = b"Z3"
ISSUER_AUTHENTICATION_BYTES = range(8, 17)


async def online_processing(session: Session) -> OnlineAnswer | None:
    """Ask the issuer, and let the card check that it was the issuer. None: there was no usable answer.

    An answer without a response code is no answer: nothing may be guessed from it.
    """
    if session.terminal.offline_only:
        session.note("offline-only")
        return None
    session.online = True
    answer = await GoOnline(session.elements())
    if answer is None or len(answer.response_code) != 2:
        session.note("no-answer")
        return None
    session.performed("Online processing")
    session.data[AUTHORISATION_RESPONSE_CODE_8A] = answer.response_code
    session.note("answer", AUTHORISATION_RESPONSE_CODE_8A)
    if answer.issuer_authentication_data:
        await _issuer_authentication(session, answer.issuer_authentication_data)
    return answer


async def _issuer_authentication(session: Session, data: bytes) -> None:
    """Spec: Book 3 §10.9: EXTERNAL AUTHENTICATE once if the AIP asks for it, else the data go into CDOL2."""
    if len(data) not in ISSUER_AUTHENTICATION_BYTES:
        # The issuer's fault, not the card's: the card is not asked, and the TVR says that it failed.
        session.note("issuer-data-malformed", sets=TVR.ISSUER_AUTHENTICATION_FAILED, length=len(data))
        return
    session.data[ISSUER_AUTHENTICATION_DATA_91] = data
    profile = AIP(int.from_bytes(session.data[APPLICATION_INTERCHANGE_PROFILE_82], "big"))
    if not profile & AIP.ISSUER_AUTHENTICATION:
        session.note("issuer-data-in-cdol2", APPLICATION_INTERCHANGE_PROFILE_82)
        return
    response = await exchange(apdu.external_authenticate(data))
    session.note("issuer-asked", sets=TSI.ISSUER_AUTHENTICATION_PERFORMED)
    session.performed("Issuer authentication")
    if response.ok:
        session.note("issuer-authentic")
    else:
        # 6300, and anything else that is not 9000. The transaction goes on; the card decides at the end.
        session.note("issuer-not-authentic", sets=TVR.ISSUER_AUTHENTICATION_FAILED, status=f"{response.sw:04X}")


async def completion(session: Session, answer: OnlineAnswer | None) -> Outcome:
    """Scripts before, the second GENERATE AC, scripts after, and what all that means. Raises CardError.

    Spec: Book 3 §10.10, §10.11.
    """
    scripts = parse_scripts(answer.scripts) if answer is not None else ()
    await issuer_scripts(session, scripts, BEFORE)
    if session.oda.icc_key is not None and session.tvr & TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED:
        # What was left open with the first cryptogram; before the default codes are looked at. Spec: Book 2 §6.6.
        session.note("cda-still-open", clears=TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED)
    approved = _unable_to_go_online(session) if answer is None else _approved(session, answer)
    wanted = Cryptogram.TC if approved else Cryptogram.AAC
    cda = request_cda(session, wanted, after_approval=approved and answer is not None)
    given = await last_cryptogram(session, wanted, cda=cda)
    session.performed("Completion")
    await issuer_scripts(session, scripts, AFTER)
    return _decided(session, answer, given, approved=approved)


def _approved(session: Session, answer: OnlineAnswer) -> bool:
    """Whether the issuer said yes to the whole amount; a referral is no yes. Spec: Book 4 §6.5.2.2, §A6."""
    approved = answer.response_code in session.terminal.approval_codes
    if approved:
        session.note("issuer-approved", AUTHORISATION_RESPONSE_CODE_8A)
    elif answer.response_code in session.terminal.referral_codes:
        session.note("issuer-referred", AUTHORISATION_RESPONSE_CODE_8A)
    else:
        session.note("issuer-declined", AUTHORISATION_RESPONSE_CODE_8A)
    return approved


def _unable_to_go_online(session: Session) -> bool:
    """Whether the terminal approves on its own. Spec: Book 3 §10.7, Book 4 §12.2.1.

    An online-only terminal does not compare the default codes: they could not turn its AAC into an approval.
    """
    approved = not session.terminal.online_only and not denied_when_offline(session)
    if approved:
        session.note("unable-approved", TERMINAL_VERIFICATION_RESULTS_95)
        session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_UNABLE_TO_GO_ONLINE_APPROVED
    else:
        session.note("unable-declined", TERMINAL_VERIFICATION_RESULTS_95)
        session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_UNABLE_TO_GO_ONLINE_DECLINED
    return approved


def _decided(session: Session, answer: OnlineAnswer | None, given: Cryptogram, *, approved: bool) -> Outcome:
    """What the last cryptogram makes of it: the card can refuse what was approved, and nothing else."""
    if not approved:
        if answer is None:
            return session.end(Result.DECLINED, "unable-to-go-online")
        referred = answer.response_code in session.terminal.referral_codes
        return session.end(Result.DECLINED, "referred" if referred else "declined-by-issuer")
    if given is Cryptogram.AAC:
        return session.end(Result.DECLINED, refusal_of(session))
    if session.oda.signature_failed:
        # The issuer approved, and the card's TC is not genuine. Spec: Book 4 §6.3.2.1.
        return session.end(Result.DECLINED, "card-not-authenticated")
    return session.end(Result.APPROVED, "approved-offline" if answer is None else "approved-online")
