"""Consumer-presented QR codes of EMVCo: what a wallet shows and the terminal scans. Base64 of BER-TLV.

    85 "CPV01"          first
    61 application      one or more: 4F, and 50, 57, 5A, ..., 63 what goes to the issuer as it is
    62 common data      at most one: the same for every application; 64 as 63

A PAN or track 2 may stand in it: a repr shows neither, and no fault quotes the code.

Spec: EMVCo QR Code Specification for Payment Systems, Consumer-Presented Mode 1.1, §4 and Annex B.2; its sections from
memory.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from emv.qr import QrError
from emv.tags import ADF_NAME_4F, PAN_5A, TAGS, TRACK_2_EQUIVALENT_DATA_57, lookup
from emv.tlv import Tlv, TlvError, find
from emv.tlv import parse as parse_tlv

PREFIX: Final = "hQVDUFY"  # 85 05 "CPV" in base64.
CHARACTERS_MAX: Final = 2953  # The largest QR code's bytes. A reader must take 512 bytes of TLV.
FORMAT_85, APPLICATION_61, COMMON_62, APPLICATION_AS_IT_IS_63, COMMON_AS_IT_IS_64 = 0x85, 0x61, 0x62, 0x63, 0x64
VERSION: Final = b"CPV01"
BYTE: Final = "byte"
NAMES: Final = {
    FORMAT_85: ("Payload format", "载荷格式"),
    APPLICATION_61: ("Application", "应用"),
    COMMON_62: ("Common data", "公共数据"),
    APPLICATION_AS_IT_IS_63: ("For the issuer, of this application", "应用透传数据"),
    COMMON_AS_IT_IS_64: ("For the issuer", "公共透传数据"),
    0x9F19: ("Token requestor", "令牌请求方"),
    0x9F24: ("Payment account reference", "支付账户参考号"),
    0x9F25: ("Last four digits of the PAN", "卡号末四位"),
}


@dataclass(frozen=True, slots=True, repr=False)
class Application:
    """One way to pay. `items` are its own objects and what 63 holds, then the common ones and what 64 holds."""

    items: tuple[Tlv, ...]

    def __repr__(self) -> str:
        return f"Application({self.aid.hex().upper()})"

    @property
    def aid(self) -> bytes:
        return self.value(ADF_NAME_4F)

    @property
    def pan(self) -> str:
        """From 5A, or from track 2; empty where there is none."""
        if number := self.value(PAN_5A):
            return number.hex().rstrip("f")
        return self.value(TRACK_2_EQUIVALENT_DATA_57).hex().partition("d")[0]

    def value(self, tag: int) -> bytes:
        """The first with this tag; empty where there is none."""
        item = find(self.items, tag)
        return item.value if item else b""


@dataclass(frozen=True, slots=True, repr=False)
class ConsumerCode:
    items: tuple[Tlv, ...]
    applications: tuple[Application, ...]

    def __repr__(self) -> str:
        return f"ConsumerCode({', '.join(map(repr, self.applications))})"


def looks_like(payload: str) -> bool:
    """Whether it begins as a consumer-presented code does."""
    return payload.startswith(PREFIX)


def parse(payload: str) -> ConsumerCode:
    """Raises QrError with the place in the text, or in the bytes that the text stands for."""
    if len(payload) > CHARACTERS_MAX:
        raise QrError(CHARACTERS_MAX, f"longer than {CHARACTERS_MAX} characters")
    try:
        data = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise QrError(0, "no base64") from None
    try:
        items = parse_tlv(data)
    except TlvError as error:
        raise QrError(error.position or 0, error.reason, BYTE) from None
    if not items or items[0].tag != FORMAT_85 or items[0].value != VERSION:
        raise QrError(0, "object 85 with CPV01 must come first", BYTE)
    common = [item for item in items if item.tag == COMMON_62]
    if len(common) > 1:
        raise QrError(common[1].position, "62: comes twice", BYTE)
    shared = _opened(common[0], COMMON_AS_IT_IS_64) if common else ()
    found = [item for item in items if item.tag == APPLICATION_61]
    if not found:
        raise QrError(len(data), "no application (object 61)", BYTE)
    return ConsumerCode(items, tuple(_application(item, shared) for item in found))


def _application(item: Tlv, shared: tuple[Tlv, ...]) -> Application:
    own = _opened(item, APPLICATION_AS_IT_IS_63)
    if not find(item.children, ADF_NAME_4F):
        raise QrError(item.position, "61: an application without its name (4F)", BYTE)
    return Application(own + shared)


def _opened(template: Tlv, as_it_is: int) -> tuple[Tlv, ...]:
    """Its objects with those of the transparent template in it, each of a length that it can have."""
    inner = template.child(as_it_is)
    items = template.children + (inner.children if inner else ())
    for item in items:
        if item.tag in TAGS and not lookup(item.tag).min_bytes <= len(item.value) <= lookup(item.tag).max_bytes:
            raise QrError(item.position, f"{item.tag:X}: {len(item.value)} bytes", BYTE)
    return items
