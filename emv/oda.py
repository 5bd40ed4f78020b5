"""Offline data authentication: which method, with which keys, over which data, and what the TVR says of it.

SDA shows that the issuer signed the card's static data; DDA that the card holds the key that the issuer signed; CDA
the same, together with the cryptogram (`emv.cda`: here only its keys are recovered, before the first GENERATE AC, so
that a failure counts in terminal action analysis). A method that fails ends nothing: it is a bit of the TVR, and the
action codes decide. XDA (ECC) is not in, and 9F33 cannot claim it.

Spec: EMV 4.4 Book 3 §10.3 (offline data authentication), Book 2 §5 (SDA), §6 (DDA and CDA), §7.1 (PIN encipherment).
"""

from __future__ import annotations

from dataclasses import dataclass

from emv import apdu
from emv.apdu import exchange, expect_ok, response_template
from emv.bits import AIP, TSI, TVR, SecurityCapability
from emv.certificates import (
    ICC,
    ISSUER,
    PIN,
    Certificate,
    Check,
    OdaFailure,
    Part,
    PublicKey,
    is_card_of,
    is_issuer_of,
    recover_dynamic,
    recover_key,
    recover_static,
)
from emv.dol import fill, parse_dol
from emv.records import EMV_SFI_MAX, card_date, pan_digits
from emv.session import MissingData, Session
from emv.tags import (
    APPLICATION_INTERCHANGE_PROFILE_82,
    CA_PUBLIC_KEY_INDEX_8F,
    CA_PUBLIC_KEY_INDEX_TERMINAL_9F22,
    DATA_AUTHENTICATION_CODE_9F45,
    DDOL_9F49,
    ICC_DYNAMIC_NUMBER_9F4C,
    ICC_PIN_KEY_CERTIFICATE_9F2D,
    ICC_PIN_KEY_EXPONENT_9F2E,
    ICC_PIN_KEY_REMAINDER_9F2F,
    ICC_PUBLIC_KEY_CERTIFICATE_9F46,
    ICC_PUBLIC_KEY_EXPONENT_9F47,
    ICC_PUBLIC_KEY_REMAINDER_9F48,
    ISSUER_PUBLIC_KEY_CERTIFICATE_90,
    ISSUER_PUBLIC_KEY_EXPONENT_9F32,
    ISSUER_PUBLIC_KEY_REMAINDER_92,
    PAN_5A,
    RECORD_TEMPLATE_70,
    RESPONSE_TEMPLATE_FORMAT_1_80,
    SDA_TAG_LIST_9F4A,
    SIGNED_DYNAMIC_APPLICATION_DATA_9F4B,
    SIGNED_STATIC_APPLICATION_DATA_93,
    TERMINAL_CAPABILITIES_9F33,
    TRANSACTION_DATE_9A,
    UNPREDICTABLE_NUMBER_9F37,
)
from emv.tlv import TlvError, read_length, read_tag

RID_BYTES = 5
_CHOICE = (APPLICATION_INTERCHANGE_PROFILE_82, TERMINAL_CAPABILITIES_9F33)

# Tag → what it is a part of. An absent one is 'ICC data missing'. Spec: Book 3 §7.5 table 35, Book 2 tables 4, 12.
_ISSUER_DATA = (
    (CA_PUBLIC_KEY_INDEX_8F, Part.CA_KEY),
    (ISSUER_PUBLIC_KEY_CERTIFICATE_90, Part.ISSUER_KEY),
    (ISSUER_PUBLIC_KEY_EXPONENT_9F32, Part.ISSUER_KEY),
)
_SDA_DATA = (*_ISSUER_DATA, (SIGNED_STATIC_APPLICATION_DATA_93, Part.STATIC_DATA))
_ICC_DATA = (
    *_ISSUER_DATA,
    (ICC_PUBLIC_KEY_CERTIFICATE_9F46, Part.ICC_KEY),
    (ICC_PUBLIC_KEY_EXPONENT_9F47, Part.ICC_KEY),
)


@dataclass(frozen=True, slots=True)
class Method:
    """One row: who must support it, which bits say that it was chosen and that it failed. `name` begins its rules."""

    name: str
    card: AIP
    terminal: SecurityCapability
    chosen: TVR | None
    failed: TVR


CDA = Method("cda", AIP.CDA, SecurityCapability.CDA, None, TVR.CDA_FAILED)
DDA = Method("dda", AIP.DDA, SecurityCapability.DDA, None, TVR.DDA_FAILED)
SDA = Method("sda", AIP.SDA, SecurityCapability.SDA, TVR.SDA_SELECTED, TVR.SDA_FAILED)


async def offline_data_authentication(session: Session) -> None:
    """Sets byte 1 of the TVR and the TSI's first bit. Raises CardError if INTERNAL AUTHENTICATE breaks down."""
    # Only what is recovered here counts, not what a record may say of itself.
    for tag in (DATA_AUTHENTICATION_CODE_9F45, ICC_DYNAMIC_NUMBER_9F4C):
        session.data.pop(tag, None)
    method = chosen_method(session)
    if method is None:
        session.note("oda-none", *_CHOICE, sets=TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED)
        session.left_out("Offline data authentication")
        return
    session.performed("Offline data authentication")
    session.note(f"oda-{method.name}", *_CHOICE, sets=method.chosen)
    try:
        if method is CDA:
            session.oda.icc_key = recover_icc_key(session)
            return  # TSI waits for GENERATE AC. Spec: Book 3 §10.3.
        if method is DDA:
            await _dynamic_data_authentication(session)
        else:
            _static_data_authentication(session)
    except OdaFailure as failure:
        authentication_failed(session, method, failure)
    session.note("oda-performed", sets=TSI.OFFLINE_DATA_AUTHENTICATION_PERFORMED)


def chosen_method(session: Session) -> Method | None:
    """The best that both can do: CDA, then DDA, then SDA. Spec: Book 3 §10.3."""
    card = AIP(int.from_bytes(session.data[APPLICATION_INTERCHANGE_PROFILE_82], "big"))
    terminal = SecurityCapability(session.terminal.capabilities[2])
    for method in (CDA, DDA, SDA):
        if card & method.card and terminal & method.terminal:
            return method
    return None


def authentication_failed(session: Session, method: Method, failure: OdaFailure) -> None:
    """Write a failure down: in the TVR, and for whoever asks why."""
    session.note(f"{method.name}-failed", sets=method.failed, failure=failure.word)
    if failure.data_missing:
        session.note("oda-data-missing", sets=TVR.ICC_DATA_MISSING, failure=failure.word)
    session.oda.failure = failure


def _static_data_authentication(session: Session) -> None:
    """Raises OdaFailure. Spec: Book 2 §5.4."""
    _check_present(session, _SDA_DATA)
    issuer = recover_issuer_key(session)
    signed = session.data[SIGNED_STATIC_APPLICATION_DATA_93]
    session.data[DATA_AUTHENTICATION_CODE_9F45] = recover_static(signed, issuer, static_data(session))
    session.note("sda-good", DATA_AUTHENTICATION_CODE_9F45)


async def _dynamic_data_authentication(session: Session) -> None:
    """Raises OdaFailure; CardError if the card does not answer as the Books want. Spec: Book 2 §6.5."""
    icc = recover_icc_key(session)
    data = _ddol_data(session)
    response = await exchange(apdu.internal_authenticate(data))
    # Another status word, or no signature in the answer, ends the session. Spec: Book 3 §6.5.9.
    signed = _signature(expect_ok(response, "INTERNAL AUTHENTICATE"))
    session.data[ICC_DYNAMIC_NUMBER_9F4C] = recover_dynamic(signed, icc, data).number
    session.note("dda-good", ICC_DYNAMIC_NUMBER_9F4C)


def _ddol_data(session: Session) -> bytes:
    """What the card's DDOL asks for, or the terminal's default one. Raises OdaFailure. Spec: Book 2 §6.5.1."""
    ddol = session.data.get(DDOL_9F49)
    if ddol is None:
        session.note("default-ddol")
        ddol = session.selected().default_ddol
    try:
        entries = parse_dol(ddol)
    except TlvError:
        entries = ()
    if not any(entry.tag == UNPREDICTABLE_NUMBER_9F37 and entry.length for entry in entries):
        raise OdaFailure(Part.DYNAMIC_DATA, Check.DDOL)
    return fill(entries, session.elements())


def _signature(data: bytes) -> bytes:
    """Format 1 (80: the signature alone) or format 2 (77: TLV). Raises CardError. Spec: Book 3 §6.5.9.4."""
    template = response_template(data, "INTERNAL AUTHENTICATE")
    if template.tag == RESPONSE_TEMPLATE_FORMAT_1_80:
        return template.value
    signed = template.child(SIGNED_DYNAMIC_APPLICATION_DATA_9F4B)
    if signed is None:
        raise MissingData("9F4B is missing from the answer to INTERNAL AUTHENTICATE")
    return signed.value


def static_data(session: Session) -> bytes:
    """The records that the AFL marks, then the AIP if 9F4A names it. Raises OdaFailure. Spec: Book 3 §10.3."""
    parts = []
    for sfi, record in session.oda.records:
        if record[:1] != bytes((RECORD_TEMPLATE_70,)):
            raise OdaFailure(Part.STATIC_DATA, Check.RECORD)
        # In the files 1 to 10 tag and length of the template are left out, above they are signed too.
        _, at = read_tag(record, 0)
        parts.append(record[read_length(record, at)[1] :] if sfi <= EMV_SFI_MAX else record)
    tag_list = session.data.get(SDA_TAG_LIST_9F4A)
    if tag_list is not None:
        if tag_list != bytes((APPLICATION_INTERCHANGE_PROFILE_82,)):
            raise OdaFailure(Part.STATIC_DATA, Check.TAG_LIST)
        parts.append(session.data[APPLICATION_INTERCHANGE_PROFILE_82])
    return b"".join(parts)


def recover_issuer_key(session: Session) -> PublicKey:
    """By the CA's key. Raises OdaFailure. Spec: Book 2 §5.2, §5.3 (and the same in §6.2, §6.3)."""
    _check_present(session, _ISSUER_DATA)
    rid = session.selected().aid[:RID_BYTES]
    index = session.data[CA_PUBLIC_KEY_INDEX_8F]
    today = card_date(session.data[TRANSACTION_DATE_9A], "transaction date")
    ca_keys = session.terminal.ca_keys
    if len(index) != 1:
        raise OdaFailure(Part.CA_KEY, Check.MISSING)
    ca = ca_keys.find(rid, index[0], today)
    session.data[CA_PUBLIC_KEY_INDEX_TERMINAL_9F22] = index
    key = recover_key(
        _certificate(
            session,
            ISSUER_PUBLIC_KEY_CERTIFICATE_90,
            ISSUER_PUBLIC_KEY_REMAINDER_92,
            ISSUER_PUBLIC_KEY_EXPONENT_9F32,
        ),
        ca,
        ISSUER,
        today=today,
        belongs=is_issuer_of(pan_digits(session.data[PAN_5A])),
        revoked=ca_keys.revoked_under(rid, index[0]),
    )
    session.note("issuer-key-good", CA_PUBLIC_KEY_INDEX_TERMINAL_9F22)
    return key


def recover_icc_key(session: Session) -> PublicKey:
    """By the issuer's key; the card's static data are under the certificate. Raises OdaFailure. Spec: Book 2 §6.4."""
    _check_present(session, _ICC_DATA)
    issuer = recover_issuer_key(session)
    key = recover_key(
        _certificate(
            session, ICC_PUBLIC_KEY_CERTIFICATE_9F46, ICC_PUBLIC_KEY_REMAINDER_9F48, ICC_PUBLIC_KEY_EXPONENT_9F47
        ),
        issuer,
        ICC,
        today=card_date(session.data[TRANSACTION_DATE_9A], "transaction date"),
        belongs=is_card_of(pan_digits(session.data[PAN_5A])),
        static_data=static_data(session),
    )
    session.note("icc-key-good")
    return key


def recover_pin_key(session: Session) -> PublicKey:
    """The key for PIN encipherment: one of its own, else the card's. Raises OdaFailure: no PIN can be enciphered.

    A certificate of its own that is wrong is a failure; the card's key is no second try. Spec: Book 2 §7.1.
    """
    own = (ICC_PIN_KEY_CERTIFICATE_9F2D, ICC_PIN_KEY_EXPONENT_9F2E)
    if not all(tag in session.data for tag in own):
        return recover_icc_key(session)
    key = recover_key(
        _certificate(session, ICC_PIN_KEY_CERTIFICATE_9F2D, ICC_PIN_KEY_REMAINDER_9F2F, ICC_PIN_KEY_EXPONENT_9F2E),
        recover_issuer_key(session),
        PIN,
        today=card_date(session.data[TRANSACTION_DATE_9A], "transaction date"),
        belongs=is_card_of(pan_digits(session.data[PAN_5A])),
    )
    session.note("pin-key-good")
    return key


def _certificate(session: Session, signed: int, remainder: int, exponent: int) -> Certificate:
    return Certificate(session.data[signed], session.data.get(remainder), session.data[exponent])


def _check_present(session: Session, rows: tuple[tuple[int, Part], ...]) -> None:
    for tag, part in rows:
        if tag not in session.data:
            raise OdaFailure(part, Check.MISSING, data_missing=True)
