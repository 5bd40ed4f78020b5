"""What lies on the card: the answer to SELECT, the directory, the records, the AFL.

Spec: EMV 4.4 Book 1 §11.3.4, §12.2.3; Book 3 §5, §10.2, §10.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.card.build import tlv
from sim.card.certificates import KEY_FILES, certificates
from sim.card.model import CardApplication, CardFile, Oda
from sim.card.rsa_keys import published_keys
from sim.card.state import Personalised
from sim.cryptograms import BIN_DIGITS, SCHEMES, TEST_ISSUERS, IssuerError, card_keys

LOG_SFI = 11
EMV_FILES = range(1, 11)  # Whose records are authenticated without tag and length of template 70.
def application_fci(app: CardApplication) -> bytes:
    """The answer to SELECT. Spec: EMV 4.4 Book 1 §11.3.4 table 45."""
    parts = [tlv(0x50, app.label.encode("ascii"))]
    parts += _priority(app)
    if app.pdol:
        parts.append(tlv(0x9F38, app.pdol))
    if app.language:
        parts.append(tlv(0x5F2D, app.language.encode("ascii")))
    parts += _preferred(app)
    if app.log_records:
        parts.append(tlv(0xBF0C, tlv(0x9F4D, bytes((LOG_SFI, app.log_records)))))
    return tlv(0x6F, tlv(0x84, app.aid), tlv(0xA5, *parts))


def directory_record(applications: tuple[CardApplication, ...]) -> bytes:
    """All applications in one record of the PSE. Spec: EMV 4.4 Book 1 §12.2.3."""
    entries = (
        tlv(0x61, tlv(0x4F, app.aid), tlv(0x50, app.label.encode("ascii")), *_priority(app)) for app in applications
    )
    return tlv(0x70, *entries)


def _priority(app: CardApplication) -> list[bytes]:
    indicator = (0x80 if app.confirm else 0) | app.priority
    return [tlv(0x87, bytes((indicator,)))] if indicator else []


def _preferred(app: CardApplication) -> list[bytes]:
    if not app.preferred:
        return []
    return [tlv(0x9F11, bytes((app.code_table,))), tlv(0x9F12, app.preferred)]


def personalise(app: CardApplication) -> Personalised:
    """Make keys, records and certificates. Raises IssuerError for a BIN or cryptogram version that nobody has."""
    row, scheme = TEST_ISSUERS.get(app.pan[:BIN_DIGITS]), SCHEMES.get((app.family, app.cvn))
    if row is None or scheme is None:
        raise IssuerError("no test issuer has this BIN, or its family no such cryptogram version")
    keys = card_keys(row.keys, scheme, app.pan, app.sequence)
    icc = pin = None
    files, objects = app.files, _plain_objects(app)
    how = app.authentication
    if how.kind is not Oda.NONE:
        icc = published_keys()["icc", how.exponent] if how.kind is not Oda.SDA else None
        pin = published_keys()["pin", how.exponent] if how.pin_key else None
        files = (*files, *KEY_FILES)
        objects |= certificates(app, static_data(app, objects))
    objects |= dict(app.objects)
    records = {each.sfi: rows for each in files if (rows := _records(app, each, objects))}
    locator = b"".join(
        bytes((each.sfi << 3, 1, len(records[each.sfi]), each.signed)) for each in files if each.sfi in records
    )
    return Personalised(app, scheme, keys, records, locator, icc, pin)


def _plain_objects(app: CardApplication) -> dict[int, bytes]:
    """Everything but certificates, by tag; what the application does not have is absent."""
    objects = {
        0x57: app.track2,
        0x5A: bytes.fromhex(app.pan + "F" * (len(app.pan) % 2)),
        0x5F20: app.holder.encode("ascii"),
        0x5F24: bytes.fromhex(app.expiry),
        0x5F25: bytes.fromhex(app.effective),
        0x5F28: app.country,
        0x5F34: bytes.fromhex(app.sequence),
        0x8C: app.cdol1,
        0x8D: app.cdol2,
        0x8E: app.cvm_list,
        0x97: app.tdol,
        0x9F07: app.usage,
        0x9F08: app.version,
        0x9F0D: app.action_default,
        0x9F0E: app.action_denial,
        0x9F0F: app.action_online,
        0x9F42: app.currency,
        0x9F49: app.ddol,
    }
    if app.terminal_limits is not None:
        objects |= {0x9F14: bytes((app.terminal_limits[0],)), 0x9F23: bytes((app.terminal_limits[1],))}
    if app.authentication.kind is not Oda.NONE:
        objects[0x9F4A] = b"\x82"
    return {tag: value for tag, value in (objects | dict(app.objects)).items() if value}


def _records(app: CardApplication, layout: CardFile, objects: Mapping[int, bytes]) -> tuple[bytes, ...]:
    """The file's records. One that would be empty is not made."""
    rows = []
    for tags in layout.records:
        present = [tlv(tag, objects[tag]) for tag in tags if tag in objects and tag not in app.left_out]
        if present:
            rows.append(tlv(0x70, *present))
    return tuple(rows)


def static_data(app: CardApplication, objects: Mapping[int, bytes]) -> bytes:
    """The static data to be authenticated: signed records in AFL order, then the AIP. Spec: Book 3 §10.3."""
    parts = []
    for layout in app.files:
        for record in _records(app, layout, objects)[: layout.signed]:
            parts.append(_template_value(record) if layout.sfi in EMV_FILES else record)
    listed = 0x9F4A in objects and 0x9F4A not in app.left_out  # It names one tag: the AIP.
    return b"".join(parts) + (app.aip if listed else b"")


def _template_value(record: bytes) -> bytes:
    return record[3:] if record[1] == 0x81 else record[2:]
