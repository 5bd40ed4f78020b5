"""What lies on the card: the answer to SELECT, the directory, the records, the AFL.

Spec: EMV 4.4 Book 1 §11.3.4, §12.2.3; Book 3 §5, §10.2.
"""

from __future__ import annotations

from sim.card.build import tlv
from sim.card.profiles import CardApplication


def application_fci(app: CardApplication) -> bytes:
    """The answer to SELECT. Spec: EMV 4.4 Book 1 §11.3.4 table 45."""
    parts = [tlv(0x50, app.label.encode("ascii"))]
    indicator = (0x80 if app.confirm else 0) | app.priority
    if indicator:
        parts.append(tlv(0x87, bytes((indicator,))))
    if app.pdol:
        parts.append(tlv(0x9F38, app.pdol))
    parts.append(tlv(0x5F2D, app.language.encode("ascii")))
    parts.append(tlv(0xBF0C, tlv(0x9F4D, b"\x0b\x0a")))
    return tlv(0x6F, tlv(0x84, app.aid), tlv(0xA5, *parts))


def directory_record(applications: tuple[CardApplication, ...]) -> bytes:
    """All applications in one record of the PSE. Spec: EMV 4.4 Book 1 §12.2.3."""
    entries: list[bytes] = []
    for app in applications:
        indicator = (0x80 if app.confirm else 0) | app.priority
        priority = tlv(0x87, bytes((indicator,))) if indicator else b""
        entries.append(tlv(0x61, tlv(0x4F, app.aid), tlv(0x50, app.label.encode("ascii")), priority))
    return tlv(0x70, *entries)


def card_records(app: CardApplication) -> dict[int, tuple[bytes, ...]]:
    """SFI to its records, each a template 70."""

    def record(*objects: tuple[int, bytes]) -> bytes:
        return tlv(0x70, *(tlv(tag, value) for tag, value in objects if tag not in app.left_out))

    pan = bytes.fromhex(app.pan + "F" * (len(app.pan) % 2))
    return {
        1: (record((0x57, app.track2), (0x5F20, app.holder.encode("ascii"))),),
        2: (
            record(
                (0x5A, pan),
                (0x5F34, bytes.fromhex(app.sequence)),
                (0x5F24, bytes.fromhex(app.expiry)),
                (0x5F25, bytes.fromhex(app.effective)),
                (0x5F28, app.country),
                (0x9F07, app.usage),
                (0x9F08, app.version),
            ),
            record(
                (0x8C, app.cdol1),
                (0x8D, app.cdol2),
                (0x8E, app.cvm_list),
                (0x9F0D, app.action_default),
                (0x9F0E, app.action_denial),
                (0x9F0F, app.action_online),
            ),
        ),
    }


def file_locator(records: dict[int, tuple[bytes, ...]]) -> bytes:
    """The AFL over all records; none takes part in offline data authentication."""
    return b"".join(bytes((sfi << 3, 1, len(rows), 0)) for sfi, rows in records.items())
