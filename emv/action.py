"""Terminal action analysis, and card action analysis up to the first GENERATE AC.

Spec: EMV 4.4 Book 3 §10.7 (terminal action analysis), §10.8 (card action analysis), §9 (GENERATE AC coding).
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import Final

from emv import apdu
from emv.apdu import exchange, expect_ok, response_template
from emv.bits import TSI, TVR, tvr_of
from emv.cda import request_cda, verify_cda
from emv.commands import CardError, Cryptogram, Outcome, Result
from emv.dol import fill, parse_dol
from emv.session import MissingData, Session, WrongCryptogram
from emv.tags import (
    APPLICATION_CRYPTOGRAM_9F26,
    APPLICATION_TRANSACTION_COUNTER_9F36,
    AUTHORISATION_RESPONSE_CODE_8A,
    CDOL1_8C,
    CDOL2_8D,
    CRYPTOGRAM_INFORMATION_DATA_9F27,
    ISSUER_ACTION_CODE_DEFAULT_9F0D,
    ISSUER_ACTION_CODE_DENIAL_9F0E,
    ISSUER_ACTION_CODE_ONLINE_9F0F,
    ISSUER_APPLICATION_DATA_9F10,
    RESPONSE_TEMPLATE_FORMAT_1_80,
    TC_HASH_VALUE_98,
    TDOL_97,
    TERMINAL_VERIFICATION_RESULTS_95,
)
from emv.tlv import TlvError

# Authorisation response codes of the terminal's own. Spec: Book 4 §A6.
ARC_OFFLINE_APPROVED = b"Y1"
ARC_OFFLINE_DECLINED = b"Z1"
IAC_DENIAL_ABSENT = bytes(5)  # Spec: Book 3 §10.7: denial counts as zeros, online and default as ones.
IAC_ONLINE_ABSENT = IAC_DEFAULT_ABSENT = b"\xff" * 5

TYPE_MASK = 0xC0  # CID b8-b7.
ADVICE = 0x08  # CID b4.
REASON_MASK = 0x07  # CID b3-b1.
# Why a card declines, where it says so. Spec: Book 3 §6.5.5.4, table 15.
REFUSALS: Final = MappingProxyType(
    {0x01: "service-not-allowed", 0x02: "pin-tries-exceeded", 0x03: "issuer-not-authentic"}
)
# A card may give less than it is asked for and never more. Spec: Book 3 §9.3.
MAY_GIVE: Final = MappingProxyType(
    {
        Cryptogram.TC: frozenset(Cryptogram),
        Cryptogram.ARQC: frozenset({Cryptogram.ARQC, Cryptogram.AAC}),
        Cryptogram.AAC: frozenset({Cryptogram.AAC}),
    }
)

CID_BYTES, ATC_BYTES, AC_BYTES, IAD_BYTES_MAX = 1, 2, 8, 32


def terminal_action_analysis(session: Session) -> Cryptogram:
    """What the terminal asks for first, by the action codes of acquirer and issuer. Spec: Book 3 §10.7."""
    session.performed("Terminal action analysis")
    if denied(session):
        _note_codes(session, "action-denied", ISSUER_ACTION_CODE_DENIAL_9F0E, session.selected().tac_denial)
        session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_OFFLINE_DECLINED
        return Cryptogram.AAC
    if session.terminal.online_only:
        # The codes for going online need not be compared: there is no other way. Spec: Book 3 §10.7.
        session.note("action-online-only")
        return Cryptogram.ARQC
    if session.terminal.offline_only:
        if denied_when_offline(session):
            default = session.selected().tac_default
            _note_codes(session, "action-denied-offline-only", ISSUER_ACTION_CODE_DEFAULT_9F0D, default)
            session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_OFFLINE_DECLINED
            return Cryptogram.AAC
    elif wanted_online(session):
        _note_codes(session, "action-online", ISSUER_ACTION_CODE_ONLINE_9F0F, session.selected().tac_online)
        return Cryptogram.ARQC
    session.note("action-approve-offline")
    session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_OFFLINE_APPROVED
    return Cryptogram.TC


def denied(session: Session) -> bool:
    """Whether TVR meets TAC-Denial or IAC-Denial."""
    issuer = session.data.get(ISSUER_ACTION_CODE_DENIAL_9F0E, IAC_DENIAL_ABSENT)
    return _meets(session, session.selected().tac_denial, issuer)


def wanted_online(session: Session) -> bool:
    """Whether TVR meets TAC-Online or IAC-Online."""
    issuer = session.data.get(ISSUER_ACTION_CODE_ONLINE_9F0F, IAC_ONLINE_ABSENT)
    return _meets(session, session.selected().tac_online, issuer)


def denied_when_offline(session: Session) -> bool:
    """Whether TVR meets TAC-Default or IAC-Default: the question when the issuer could not be reached."""
    issuer = session.data.get(ISSUER_ACTION_CODE_DEFAULT_9F0D, IAC_DEFAULT_ABSENT)
    return _meets(session, session.selected().tac_default, issuer)


def _note_codes(session: Session, word: str, issuer_tag: int, terminal: bytes) -> None:
    """Write down what the TVR met, so that the bits that tipped the balance can be told."""
    session.note(word, TERMINAL_VERIFICATION_RESULTS_95, issuer_tag, tac=terminal.hex().upper())


def _meets(session: Session, terminal: bytes, issuer: bytes) -> bool:
    return bool(session.tvr & (tvr_of(terminal) | tvr_of(issuer)))


async def card_action_analysis(session: Session, wanted: Cryptogram) -> Outcome | None:
    """The first GENERATE AC. None: the card wants to go online. Raises CardError."""
    cda = request_cda(session, wanted)
    if session.oda.icc_key is not None and not cda:
        # Of a request for an AAC only the sample flow says so. Spec: Book 2 §6.6, figure 3.
        session.note("cda-not-yet", sets=TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED)
    given = await generate_ac(session, wanted, CDOL1_8C, cda=cda)
    session.note("first-cryptogram", CRYPTOGRAM_INFORMATION_DATA_9F27, sets=TSI.CARD_RISK_MANAGEMENT_PERFORMED)
    session.performed("Card action analysis")
    if given not in MAY_GIVE[wanted]:
        session.note("cryptogram-not-allowed", CRYPTOGRAM_INFORMATION_DATA_9F27, wanted=wanted.name)
        raise WrongCryptogram(f"the card answered {given.name if given else 'RFU'} to a request for {wanted.name}")
    if session.oda.signature_failed:
        return await _signature_failed(session, given)
    if given is Cryptogram.ARQC:
        session.data.pop(AUTHORISATION_RESPONSE_CODE_8A, None)  # The issuer's word, or Y3 or Z3, is to come.
        return None
    if given is Cryptogram.TC:
        return session.end(Result.APPROVED, "approved-offline")
    session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_OFFLINE_DECLINED
    # "Not accepted" rather than "declined" where the service is not allowed. Spec: Book 4 §6.3.7.
    refusal = refusal_of(session)
    if wanted is Cryptogram.AAC and refusal != "service-not-allowed":
        return session.end(Result.DECLINED, "declined-offline")
    return session.end(Result.DECLINED, refusal)


def refusal_of(session: Session) -> str:
    """Why the card gave an AAC: a word of REASONS."""
    reason = session.data[CRYPTOGRAM_INFORMATION_DATA_9F27][0] & REASON_MASK
    return REFUSALS.get(reason, "declined-by-card")


async def last_cryptogram(session: Session, wanted: Cryptogram, *, cda: bool) -> Cryptogram:
    """The second GENERATE AC. What a card may not give then counts as an AAC. Raises CardError. Spec: Book 3 §9.3."""
    given = await generate_ac(session, wanted, CDOL2_8D, cda=cda)
    session.note("last-cryptogram", CRYPTOGRAM_INFORMATION_DATA_9F27, wanted=wanted.name)
    if given not in (wanted, Cryptogram.AAC):
        session.note("cryptogram-counts-as-aac", CRYPTOGRAM_INFORMATION_DATA_9F27, wanted=wanted.name)
    session.cryptogram = wanted if given is wanted else Cryptogram.AAC
    return session.cryptogram


async def _signature_failed(session: Session, given: Cryptogram) -> Outcome:
    """A TC or ARQC whose CDA signature is wrong: declined, an ARQC by an AAC at once. Spec: Book 4 §6.3.2.1."""
    session.note("cda-failed-decline")
    session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_OFFLINE_DECLINED
    if given is Cryptogram.ARQC:
        await last_cryptogram(session, Cryptogram.AAC, cda=False)
    return session.end(Result.DECLINED, "card-not-authenticated")


async def generate_ac(session: Session, wanted: Cryptogram, list_tag: int, *, cda: bool) -> Cryptogram | None:
    """One GENERATE AC with the data of CDOL1 or CDOL2; keeps 9F27, 9F36, 9F26, 9F10. None: a type that is reserved.

    Raises CardError. With `cda`, whether the signature was good stands in `session.oda.signature_failed`. A card may
    ask with any cryptogram that its issuer be told.
    """
    entries = parse_dol(session.data[list_tag])
    if any(entry.tag == TC_HASH_VALUE_98 for entry in entries):
        session.data[TC_HASH_VALUE_98] = tc_hash(session)
    data = fill(entries, session.elements())
    session.oda.sent += data
    response = await exchange(apdu.generate_ac(wanted, data, cda=cda))
    answer = expect_ok(response, "GENERATE AC")
    if cda:
        # Also if the card gives an AAC, and no signature with it. Spec: Book 3 §10.3.
        session.note("oda-performed", sets=TSI.OFFLINE_DATA_AUTHENTICATION_PERFORMED)
    take_cryptogram(session, answer, cda=cda)
    information = session.data[CRYPTOGRAM_INFORMATION_DATA_9F27][0]
    if information & ADVICE:
        session.note("advice-wanted", CRYPTOGRAM_INFORMATION_DATA_9F27)
        session.advice = True
    kind = information & TYPE_MASK
    session.cryptogram = Cryptogram(kind) if kind != TYPE_MASK else None
    return session.cryptogram


def tc_hash(session: Session) -> bytes:
    """SHA-1 over the TDOL's data; over the terminal's default list if the card has none, over nothing if neither has.

    Spec: Book 3 §9.2.2.
    """
    tdol = session.data.get(TDOL_97)
    if tdol is None:
        tdol = session.selected().default_tdol
        if tdol:
            session.note("default-tdol", sets=TVR.DEFAULT_TDOL_USED)
    return hashlib.sha1(fill(parse_dol(tdol), session.elements())).digest()


def take_cryptogram(session: Session, data: bytes, *, cda: bool = False) -> None:
    """Format 1 (80: the values one after the other) or format 2 (77: TLV). Raises CardError.

    With `cda` the cryptogram of a TC or ARQC comes out of the signature. Spec: Book 2 §6.6.1 (tables 20, 21).
    """
    template = response_template(data, "GENERATE AC")
    if template.tag == RESPONSE_TEMPLATE_FORMAT_1_80:
        found = _format_1(template.value)
    else:
        found = {item.tag: item.value for item in template.children if not item.constructed}
        if len(found) != sum(not item.constructed for item in template.children):
            raise TlvError("an element comes twice", position=template.position)
    _check_length(found, CRYPTOGRAM_INFORMATION_DATA_9F27, CID_BYTES)
    _check_length(found, APPLICATION_TRANSACTION_COUNTER_9F36, ATC_BYTES)
    # A card that gives an AAC signs nothing.
    signed = cda and found[CRYPTOGRAM_INFORMATION_DATA_9F27][0] & TYPE_MASK != Cryptogram.AAC.value
    cryptogram = verify_cda(session, data, template, found[CRYPTOGRAM_INFORMATION_DATA_9F27]) if signed else None
    if cryptogram is not None:
        found[APPLICATION_CRYPTOGRAM_9F26] = cryptogram
    if not signed or APPLICATION_CRYPTOGRAM_9F26 in found:
        _check_length(found, APPLICATION_CRYPTOGRAM_9F26, AC_BYTES)
    if len(found.get(ISSUER_APPLICATION_DATA_9F10, b"")) > IAD_BYTES_MAX:
        raise CardError(f"9F10 is longer than {IAD_BYTES_MAX} bytes")
    # What this answer does not have must not be read as it stood in the answer before.
    for tag in (APPLICATION_CRYPTOGRAM_9F26, ISSUER_APPLICATION_DATA_9F10):
        session.data.pop(tag, None)
    for tag in (
        CRYPTOGRAM_INFORMATION_DATA_9F27,
        APPLICATION_TRANSACTION_COUNTER_9F36,
        APPLICATION_CRYPTOGRAM_9F26,
        ISSUER_APPLICATION_DATA_9F10,
    ):
        if tag in found:
            session.accept(tag, found[tag])


def _check_length(found: dict[int, bytes], tag: int, length: int) -> None:
    if tag not in found:
        raise MissingData(f"{tag:X} is missing from the answer to GENERATE AC")
    if len(found[tag]) != length:
        raise CardError(f"{tag:X} has {len(found[tag])} bytes, not {length}")


def _format_1(value: bytes) -> dict[int, bytes]:
    fixed = CID_BYTES + ATC_BYTES + AC_BYTES
    if len(value) < fixed:
        raise TlvError("the answer to GENERATE AC is cut short", position=len(value))
    found = {
        CRYPTOGRAM_INFORMATION_DATA_9F27: value[:1],
        APPLICATION_TRANSACTION_COUNTER_9F36: value[1:3],
        APPLICATION_CRYPTOGRAM_9F26: value[3:fixed],
    }
    if value[fixed:]:
        found[ISSUER_APPLICATION_DATA_9F10] = value[fixed:]
    return found
