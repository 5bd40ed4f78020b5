"""Initiate application processing: GET PROCESSING OPTIONS tells what the card can do and where its data lies.

Spec: EMV 4.4 Book 3 §10.1 (initiate application processing), §6.5.8 (the command).
"""

from __future__ import annotations

from dataclasses import dataclass

from emv import apdu
from emv.apdu import SW, exchange, expect_ok, response_template, sw_hex
from emv.commands import CardError, Draw
from emv.dol import fill, parse_dol
from emv.session import MissingData, Session
from emv.tags import (
    APPLICATION_FILE_LOCATOR_94,
    APPLICATION_INTERCHANGE_PROFILE_82,
    COMMAND_TEMPLATE_83,
    PDOL_9F38,
    RESPONSE_TEMPLATE_FORMAT_1_80,
    UNPREDICTABLE_NUMBER_9F37,
)
from emv.tlv import TlvError, encode

PDOL_DATA_MAX = 252  # With tag and length of template 83 it must fit one command.
UNPREDICTABLE_BYTES = 4
RECORDS_MAX = 128  # In one AFL, all files together: real cards have under twenty.


@dataclass(frozen=True, slots=True)
class AflEntry:
    """Records `first` to `last` of file `sfi`; the first `authenticated` are signed data."""

    sfi: int
    first: int
    last: int
    authenticated: int


async def initiate_application_processing(session: Session) -> bool:
    """Keeps AIP and AFL. False: the card wants another application (6985). Raises CardError."""
    session.data[UNPREDICTABLE_NUMBER_9F37] = await Draw(UNPREDICTABLE_BYTES)
    entries = parse_dol(session.data.get(PDOL_9F38, b""))
    wanted = fill(entries, session.elements())
    if len(wanted) > PDOL_DATA_MAX:
        raise TlvError(f"the PDOL asks for more than {PDOL_DATA_MAX} bytes", position=0)
    session.note("pdol-filled" if entries else "pdol-absent", PDOL_9F38, bytes=len(wanted))
    session.oda.sent = wanted
    response = await exchange(apdu.get_processing_options(encode(COMMAND_TEMPLATE_83, wanted)))
    if response.sw == SW.CONDITIONS_NOT_SATISFIED:
        # The application cannot be used this time: back to the list. Spec: Book 3 §10.1.
        session.note("options-refused", sw=sw_hex(response.sw))
        return False
    take_processing_options(session, expect_ok(response, "GET PROCESSING OPTIONS"))
    session.note("options-taken", APPLICATION_INTERCHANGE_PROFILE_82, APPLICATION_FILE_LOCATOR_94)
    session.performed("Initiate application processing")
    return True


def take_processing_options(session: Session, data: bytes) -> None:
    """Format 1 (80: AIP and AFL one after the other) or format 2 (77: TLV). Raises CardError."""
    template = response_template(data, "GET PROCESSING OPTIONS")
    if template.tag == RESPONSE_TEMPLATE_FORMAT_1_80:
        if len(template.value) < 2:
            raise TlvError("the AIP is cut short", position=template.position)
        session.data[APPLICATION_INTERCHANGE_PROFILE_82] = template.value[:2]
        session.data[APPLICATION_FILE_LOCATOR_94] = template.value[2:]
    else:
        session.take(template.children, set(), within=template.tag)
    for tag in (APPLICATION_INTERCHANGE_PROFILE_82, APPLICATION_FILE_LOCATOR_94):
        if not session.data.get(tag):
            raise MissingData(f"{tag:X} is missing from the processing options")
    if len(session.data[APPLICATION_INTERCHANGE_PROFILE_82]) != 2:
        raise CardError("the AIP has not 2 bytes")
    parse_afl(session.data[APPLICATION_FILE_LOCATOR_94])


def parse_afl(data: bytes) -> tuple[AflEntry, ...]:
    """Raises CardError with the position of the faulty byte. Spec: Book 3 §10.2 (coding), §7.5 (faults).

    >>> parse_afl(bytes.fromhex("08010200"))
    (AflEntry(sfi=1, first=1, last=2, authenticated=0),)
    """
    if not data or len(data) % 4:
        raise CardError("an AFL is made of four-byte entries", position=len(data))
    entries = []
    total = 0
    for at in range(0, len(data), 4):
        sfi, first, last, authenticated = data[at] >> 3, data[at + 1], data[at + 2], data[at + 3]
        # The three bits below the file are reserved, and reserved bits are not looked at. Spec: Book 3 §6.3.6.
        if not 1 <= sfi <= 30:
            raise CardError("the AFL names no file from 1 to 30", position=at)
        if first == 0 or last < first:
            raise CardError("the AFL's records are not in order", position=at + 1)
        if authenticated > last - first + 1:
            raise CardError("the AFL authenticates more records than it has", position=at + 3)
        total += last - first + 1
        if total > RECORDS_MAX:
            raise CardError(f"the AFL has more than {RECORDS_MAX} records", position=at)
        entries.append(AflEntry(sfi, first, last, authenticated))
    return tuple(entries)
