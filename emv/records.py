"""Read application data: every record that the AFL names, checked before anything is believed.

Spec: EMV 4.4 Book 3 §10.2 (read application data), §7.2 (mandatory data), §7.5 (erroneous or missing data).
"""

from __future__ import annotations

import datetime

from emv import apdu
from emv.apdu import exchange, expect_ok
from emv.commands import CardError
from emv.initiate import parse_afl
from emv.session import MissingData, Session
from emv.tags import (
    APPLICATION_CURRENCY_CODE_9F42,
    APPLICATION_EFFECTIVE_DATE_5F25,
    APPLICATION_EXPIRATION_DATE_5F24,
    APPLICATION_FILE_LOCATOR_94,
    APPLICATION_USAGE_CONTROL_9F07,
    APPLICATION_VERSION_CARD_9F08,
    CDOL1_8C,
    CDOL2_8D,
    CVM_LIST_8E,
    ISSUER_ACTION_CODE_DEFAULT_9F0D,
    ISSUER_ACTION_CODE_DENIAL_9F0E,
    ISSUER_ACTION_CODE_ONLINE_9F0F,
    ISSUER_COUNTRY_CODE_5F28,
    PAN_5A,
    PAN_SEQUENCE_NUMBER_5F34,
    RECORD_TEMPLATE_70,
    TAGS,
    TDOL_97,
    TRACK_2_EQUIVALENT_DATA_57,
    Source,
    belongs,
)
from emv.tlv import parse_one

EMV_SFI_MAX = 10  # Files 11 to 30 belong to schemes and issuers. Spec: Book 3 §5.3.2.2.
PAN_DIGITS = range(8, 20)

MANDATORY = (APPLICATION_EXPIRATION_DATE_5F24, PAN_5A, CDOL1_8C, CDOL2_8D)

# What the steps below rely on: a wrong length in one of these ends the session. Elsewhere issued cards are
# known to stray (a name of 28 characters), and the Books leave the content to the issuer.
CHECKED = frozenset(
    {
        *MANDATORY,
        TRACK_2_EQUIVALENT_DATA_57,
        APPLICATION_EFFECTIVE_DATE_5F25,
        ISSUER_COUNTRY_CODE_5F28,
        PAN_SEQUENCE_NUMBER_5F34,
        CVM_LIST_8E,
        TDOL_97,
        APPLICATION_USAGE_CONTROL_9F07,
        APPLICATION_VERSION_CARD_9F08,
        ISSUER_ACTION_CODE_DEFAULT_9F0D,
        ISSUER_ACTION_CODE_DENIAL_9F0E,
        ISSUER_ACTION_CODE_ONLINE_9F0F,
        APPLICATION_CURRENCY_CODE_9F42,
    }
)


async def read_application_data(session: Session) -> None:
    """Keeps every element of every record, and the signed ones whole. Raises CardError."""
    # What a record may hold can also have come with the processing options, and may not come again.
    # Spec: Book 3 §A1 (note), §10.2.
    seen = {tag for tag in session.data if TAGS[tag].source is Source.CARD and belongs(tag, RECORD_TEMPLATE_70)}
    for entry in parse_afl(session.data[APPLICATION_FILE_LOCATOR_94]):
        for number in range(entry.first, entry.last + 1):
            response = await exchange(apdu.read_record(entry.sfi, number))
            # Any other status ends the transaction, also 6A83. Spec: Book 3 §10.2.
            data = expect_ok(response, f"READ RECORD {number} of file {entry.sfi}")
            if number - entry.first < entry.authenticated:
                session.oda.records.append((entry.sfi, data))
            _take_record(session, seen, data, in_emv_file=entry.sfi <= EMV_SFI_MAX)
    for tag in MANDATORY:
        if tag not in session.data:
            session.note("mandatory-missing", tag)
            raise MissingData(f"{TAGS[tag].en} is missing")
    for tag in CHECKED & session.data.keys():
        row, length = TAGS[tag], len(session.data[tag])
        if not row.min_bytes <= length <= row.max_bytes:
            raise CardError(f"{tag:X} has {length} bytes")
    check_pan(session.data[PAN_5A], session.data.get(TRACK_2_EQUIVALENT_DATA_57))
    session.note("records-read", APPLICATION_FILE_LOCATOR_94, signed=len(session.oda.records))
    session.performed("Read application data")


def _take_record(session: Session, seen: set[int], data: bytes, *, in_emv_file: bool) -> None:
    if not in_emv_file and data[:1] != bytes((RECORD_TEMPLATE_70,)):
        session.note("record-proprietary")
        return
    session.take(parse_one(data, RECORD_TEMPLATE_70).children, seen, within=RECORD_TEMPLATE_70)


def pan_digits(pan: bytes) -> str:
    """The digits of tag 5A. Raises CardError, which never quotes them.

    >>> pan_digits(bytes.fromhex("6222021234567894321F"))
    '6222021234567894321'
    """
    digits = pan.hex().rstrip("f")
    if not digits.isdigit() or len(digits) not in PAN_DIGITS:
        raise CardError("the PAN is not 8 to 19 digits")
    return digits


def check_pan(pan: bytes, track_2: bytes | None) -> None:
    """Both places must name the same account: the issuer would be asked about the one and the slip show the other.

    The Books leave the check to the terminal. Raises CardError.
    """
    digits = pan_digits(pan)
    if track_2 is not None and track_2.hex().partition("d")[0] != digits:
        raise CardError("the PAN and the track 2 equivalent data differ")


def card_date(value: bytes, what: str) -> datetime.date:
    """YYMMDD as a date; years 00-49 are 20xx, 50-99 are 19xx. Raises CardError. Spec: Book 4 §6.7.3.

    >>> card_date(bytes.fromhex("301231"), "expiry")
    datetime.date(2030, 12, 31)
    """
    digits = value.hex()
    try:
        year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
        return datetime.date(year + (2000 if year < 50 else 1900), month, day)
    except ValueError:
        raise CardError(f"the {what} is no date") from None
