"""Terminal action analysis, and card action analysis up to the first GENERATE AC.

Spec: EMV 4.4 Book 3 §10.7 (terminal action analysis), §10.8 (card action analysis), §9 (GENERATE AC coding).
"""

from __future__ import annotations

import hashlib

from emv import apdu
from emv.apdu import exchange, expect_ok
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
    ISSUER_APPLICATION_DATA_9F10,
    RESPONSE_TEMPLATE_FORMAT_1_80,
    RESPONSE_TEMPLATE_FORMAT_2_77,
    TC_HASH_VALUE_98,
    TDOL_97,
)
from emv.tlv import TlvError, parse

ARC_OFFLINE_DECLINED = b"Z1"  # Spec: Book 4 §A6.
IAC_DENIAL_ABSENT = bytes(5)  # Spec: Book 3 §10.7: denial counts as zeros, online and default as ones.
IAC_DEFAULT_ABSENT = b"\xff" * 5

TYPE_MASK = 0xC0  # CID b8-b7.
REASON_MASK = 0x07  # CID b3-b1.
REASON_SERVICE_NOT_ALLOWED = 0x01

CID_BYTES, ATC_BYTES, AC_BYTES, IAD_BYTES_MAX = 1, 2, 8, 32


def terminal_action_analysis(session: Session) -> Cryptogram:
    """What the terminal asks for first: AAC if an action code denies, else ARQC. Never TC: online only.

    An online-only terminal skips the comparison with the codes for going online. Spec: Book 3 §10.7.
    """
    session.performed("Terminal action analysis")
    if denied(session):
        session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_OFFLINE_DECLINED
        return Cryptogram.AAC
    return Cryptogram.ARQC


def denied(session: Session) -> bool:
    """Whether TVR meets TAC-Denial or IAC-Denial."""
    issuer = session.data.get(ISSUER_ACTION_CODE_DENIAL_9F0E, IAC_DENIAL_ABSENT)
    return bool(session.tvr & (tvr_of(session.selected().tac_denial) | tvr_of(issuer)))


def denied_when_offline(session: Session) -> bool:
    """Whether TVR meets TAC-Default or IAC-Default: the question when the issuer could not be reached."""
    issuer = session.data.get(ISSUER_ACTION_CODE_DEFAULT_9F0D, IAC_DEFAULT_ABSENT)
    return bool(session.tvr & (tvr_of(session.selected().tac_default) | tvr_of(issuer)))


async def card_action_analysis(session: Session, wanted: Cryptogram) -> Outcome | None:
    """The first GENERATE AC. None: the card wants to go online. Raises CardError.

    A card that answers TC to a request for ARQC approves offline. It may not: no card answers with more than
    it was asked for (Book 3 §9.3), its data were not authenticated, and the terminal is online only. So the
    session ends without an approval, whatever else the card says.
    """
    given = await generate_ac(session, wanted, CDOL1_8C)
    session.tsi |= TSI.CARD_RISK_MANAGEMENT_PERFORMED
    session.performed("Card action analysis")
    if given is Cryptogram.TC or (given is Cryptogram.ARQC and wanted is Cryptogram.AAC):
        raise WrongCryptogram(f"the card answered {given.name} to a request for {wanted.name}")
    if session.oda.signature_failed:
        return await _signature_failed(session)
    if given is Cryptogram.ARQC:
        return None
    if session.data[CRYPTOGRAM_INFORMATION_DATA_9F27][0] & REASON_MASK == REASON_SERVICE_NOT_ALLOWED:
        # "Not accepted" rather than "declined". Spec: Book 4 §6.3.7.
        return session.end(Result.DECLINED, "service-not-allowed")
    if wanted is Cryptogram.AAC:
        return session.end(Result.DECLINED, "declined-offline")
    session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_OFFLINE_DECLINED
    return session.end(Result.DECLINED, "declined-by-card")


async def _signature_failed(session: Session) -> Outcome:
    """An ARQC whose CDA signature is wrong does not go online: AAC at once. Spec: Book 4 §6.3.2.1."""
    session.note("cda-failed-decline")
    session.data[AUTHORISATION_RESPONSE_CODE_8A] = ARC_OFFLINE_DECLINED
    await generate_ac(session, Cryptogram.AAC, CDOL2_8D)
    return session.end(Result.DECLINED, "card-not-authenticated")


async def generate_ac(
    session: Session, wanted: Cryptogram, list_tag: int, *, after_approval: bool = False
) -> Cryptogram:
    """One GENERATE AC with the data of CDOL1 or CDOL2; keeps 9F27, 9F36, 9F26, 9F10. Raises CardError.

    With CDA, whether the signature was good stands in `session.oda.signature_failed`.
    """
    entries = parse_dol(session.data[list_tag])
    if any(entry.tag == TC_HASH_VALUE_98 for entry in entries):
        session.data[TC_HASH_VALUE_98] = tc_hash(session)
    data = fill(entries, session.elements())
    session.oda.sent += data
    cda = request_cda(session, wanted, after_approval=after_approval)
    response = await exchange(apdu.generate_ac(wanted, data, cda=cda))
    answer = expect_ok(response, "GENERATE AC")
    if cda:
        # Also if the card gives an AAC, and no signature with it. Spec: Book 3 §10.3.
        session.note("oda-performed", sets=TSI.OFFLINE_DATA_AUTHENTICATION_PERFORMED)
    take_cryptogram(session, answer, cda=cda)
    kind = session.data[CRYPTOGRAM_INFORMATION_DATA_9F27][0] & TYPE_MASK
    if kind == TYPE_MASK:
        raise WrongCryptogram("the card answered with a cryptogram type that is reserved")
    session.cryptogram = Cryptogram(kind)
    return session.cryptogram


def tc_hash(session: Session) -> bytes:
    """SHA-1 over the TDOL's data; the terminal's default list if the card has none. Spec: Book 3 §9.2.2."""
    tdol = session.data.get(TDOL_97)
    if tdol is None:
        session.tvr |= TVR.DEFAULT_TDOL_USED
        tdol = session.selected().default_tdol
    return hashlib.sha1(fill(parse_dol(tdol), session.elements())).digest()


def take_cryptogram(session: Session, data: bytes, *, cda: bool = False) -> None:
    """Format 1 (80: the values one after the other) or format 2 (77: TLV). Raises CardError.

    With `cda` the cryptogram of a TC or ARQC comes out of the signature. Spec: Book 2 §6.6.1 (tables 20, 21).
    """
    items = parse(data)
    if len(items) != 1:
        raise TlvError("GENERATE AC answers one template", position=0)
    template = items[0]
    if template.tag == RESPONSE_TEMPLATE_FORMAT_1_80:
        found = _format_1(template.value)
    elif template.tag == RESPONSE_TEMPLATE_FORMAT_2_77:
        found = {item.tag: item.value for item in template.children if not item.constructed}
        if len(found) != sum(not item.constructed for item in template.children):
            raise TlvError("an element comes twice", position=template.position)
    else:
        raise TlvError(f"template {template.tag:X} where 80 or 77 should be", position=template.position)
    _check_length(found, CRYPTOGRAM_INFORMATION_DATA_9F27, CID_BYTES)
    _check_length(found, APPLICATION_TRANSACTION_COUNTER_9F36, ATC_BYTES)
    # A card that gives an AAC signs nothing.
    signed = cda and found[CRYPTOGRAM_INFORMATION_DATA_9F27][0] & TYPE_MASK != Cryptogram.AAC.value
    cryptogram = verify_cda(session, data, template) if signed else None
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
