"""Cards with keys, for tests: certificates under the published test keys, and their conversation as transcripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from emv_card_script import (
    CREDIT,
    IAD,
    PAN,
    RECORD_1,
    RECORD_2,
    RECORD_3,
    UN,
    UNIONPAY,
    Exchange,
    Transcript,
    ok,
    record,
    selection,
    session,
    t,
)

from emv.capk import CaKeys, default_capks
from emv.profile import AidEntry
from emv.session import Session
from sim.card.chain import (
    RsaKey,
    combined_data,
    icc_certificate,
    issuer_certificate,
    sign,
    signed_dynamic_data,
    signed_static_data,
)
from sim.card.rsa_keys import CA_INDEX, published_keys

SDA, DDA, CDA = "5C00", "3C00", "1D00"  # AIPs: the method, and what the ordinary card of the scripts has.
# Record 1 of file 1 is not signed, records 2 and 3 are; file 2 holds certificates; file 11 a signed record.
AFL = "08010100" + "08020302" + "10010400" + "58010101"
NUMBER = bytes.fromhex("0102030405060708")  # The ICC Dynamic Number.
AC = "1122334455667788"
CLAIM = bytes.fromhex("E068C8")  # 9F33: SDA, DDA and CDA.
PROPRIETARY = t("70", t("DF01", "AA55"))


@dataclass(frozen=True)
class KeyedCard:
    """What a personalisation bureau would be given; `changes` are elements that are wrong or absent (None)."""

    exponent: int = 3
    aip: str = SDA
    tag_list: str | None = "82"
    changes: dict[str, str | None] = field(default_factory=dict)
    issuer: dict[str, Any] = field(default_factory=dict)
    icc: dict[str, Any] = field(default_factory=dict)

    def key(self, role: str) -> RsaKey:
        return published_keys()[role, self.exponent]

    @property
    def static_data(self) -> bytes:
        """By the rules of Book 3 §10.3: contents of file 1, whole records of file 11, the AIP's value."""
        contents = "".join(t(tag, value) for place in (RECORD_2, RECORD_3) for tag, value in place.items())
        return bytes.fromhex(contents + PROPRIETARY + (self.aip if self.tag_list == "82" else ""))

    def elements(self) -> dict[str, str | None]:
        """Tag to value of what lies in file 2."""
        issuer_key, icc_key = self.key("issuer"), self.key("icc")
        issuer = issuer_certificate(self.key("ca"), issuer_key, **{"identifier": PAN[:6], **self.issuer})
        icc = icc_certificate(issuer_key, icc_key, **{"pan": PAN, "static_data": self.static_data, **self.icc})
        made: dict[str, str | None] = {
            "8F": f"{CA_INDEX[self.exponent]:02X}",
            "90": issuer.certificate.hex(),
            "92": issuer.remainder.hex() or None,
            "9F32": issuer_key.exponent.hex(),
            "93": signed_static_data(issuer_key, self.static_data).hex(),
            "9F46": icc.certificate.hex(),
            "9F47": icc_key.exponent.hex(),
            "9F48": icc.remainder.hex(),
            "9F49": "9F3704",
            "9F4A": self.tag_list,
        }
        return {**made, **self.changes}

    def start(self) -> Transcript:
        """Selection, GPO and every record."""
        place = self.elements()
        pages = [{"90": place.pop("90")}, {"9F46": place.pop("9F46")}, {"93": place.pop("93")}, place]
        bodies = ["".join(t(tag, value) for tag, value in page.items() if value is not None) for page in pages]
        files: list[Exchange] = [
            (f"00B2{number:02X}1400", ok(t("70", body))) for number, body in enumerate(bodies, 1)
        ]
        return [
            *selection(),
            ("DRAW 4", UN),
            ("80A8000002830000", ok(t("80", self.aip, AFL))),
            record(1, RECORD_1),
            record(2, RECORD_2),
            record(3, RECORD_3),
            *files,
            ("00B2015C00", ok(PROPRIETARY)),
        ]

    def internal_authenticate(self, **changes: Any) -> Transcript:
        """The DDA exchange; `answer` in hex replaces the card's."""
        data = bytes((len(NUMBER),)) + NUMBER
        signed = signed_dynamic_data(self.key("icc"), data, bytes.fromhex(UN)).hex()
        return [(f"0088000004{UN}00", changes.get("answer", ok(t("80", signed))))]

    def generate_ac(self, command: str, sent: str, kind: str = "80", **changes: Any) -> Exchange:
        """One GENERATE AC with CDA. `command` is header and data; `sent` is what PDOL and CDOLs brought, in hex."""
        head = t("9F27", kind) + t("9F36", "0042")
        tail = t("9F10", IAD) + changes.get("more", "")
        exchanged = bytes.fromhex(changes.get("exchanged", sent) + head + tail)
        data = combined_data(NUMBER, changes.get("signed_kind", int(kind, 16)), bytes.fromhex(AC), exchanged)
        signed = signed_dynamic_data(self.key("icc"), data, bytes.fromhex(changes.get("unpredictable", UN)))
        return (command, ok(t("77", head, t("9F4B", signed.hex()), tail)))

    def session(self, **profile: Any) -> Session:
        entry = AidEntry(UNIONPAY.aid, "UnionPay", default_ddol=bytes.fromhex("9F3704"))
        return session(**{"aids": (entry,), "ca_keys": default_capks(), "capabilities": CLAIM, **profile})


def resigned(signer: RsaKey, signed: bytes, position: int, value: int, appended: bytes) -> str:
    """The same signature with one byte of its content changed, and a hash that fits again."""
    content = bytearray(pow(int.from_bytes(signed, "big"), signer.e, signer.n).to_bytes(signer.size, "big"))
    content[position] = value
    return sign(signer, bytes(content[1:-21]), appended).hex()


__all__ = ["AC", "AFL", "CDA", "CREDIT", "CaKeys", "DDA", "KeyedCard", "NUMBER", "SDA", "resigned"]
