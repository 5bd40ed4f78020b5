"""Commands for a virtual card written by hand, and how to bring one to a certain step, without the product."""

from __future__ import annotations

from sim.card import PROFILES, VirtualCard
from sim.card.build import dol_entries, tlv
from sim.card.model import CardProfile

VALUES = {
    0x9F02: bytes.fromhex("000000012850"),
    0x9F03: bytes(6),
    0x9F1A: bytes.fromhex("0156"),
    0x95: bytes.fromhex("8000048000"),
    0x5F2A: bytes.fromhex("0156"),
    0x9A: bytes.fromhex("261122"),
    0x9C: bytes(1),
    0x9F37: bytes.fromhex("A1B2C3D4"),
    0x9F33: bytes.fromhex("E0F8C8"),
    0x8A: b"00",
}
AAC, TC, ARQC, CDA = 0x00, 0x40, 0x80, 0x10
OK = b"\x90\x00"


def apdu(header: str, data: bytes = b"", *, le: bool = True) -> bytes:
    body = bytes((len(data),)) + data if data else b""
    return bytes.fromhex(header) + body + (b"\x00" if le else b"")


def filled(dol: bytes, **changes: bytes) -> bytes:
    values = VALUES | {int(tag[1:], 16): value for tag, value in changes.items()}
    return b"".join(values.get(tag, b"").ljust(length, b"\x00")[:length] for tag, length in dol_entries(dol))


def select(card: VirtualCard) -> bytes:
    return card.transmit(apdu("00A40400", card.profile.applications[0].aid))


def initiated(profile: CardProfile | str, card: VirtualCard | None = None) -> VirtualCard:
    """A card after GET PROCESSING OPTIONS; a card that is given goes on with what it remembers."""
    card = card or VirtualCard(PROFILES[profile] if isinstance(profile, str) else profile)
    card.reset()
    select(card)
    answer = card.transmit(apdu("80A80000", tlv(0x83, filled(card.profile.applications[0].pdol))))
    assert answer[-2:] == OK, answer.hex()
    return card


def first_ac(card: VirtualCard, asked: int = ARQC, **changes: bytes) -> bytes:
    return card.transmit(apdu(f"80AE{asked:02X}00", filled(card.profile.applications[0].cdol1, **changes)))


def second_ac(card: VirtualCard, asked: int = TC, **changes: bytes) -> bytes:
    return card.transmit(apdu(f"80AE{asked:02X}00", filled(card.profile.applications[0].cdol2, **changes)))


def get_data(card: VirtualCard, tag: str) -> bytes:
    return card.transmit(apdu("80CA" + tag))


def cid(answer: bytes) -> int:
    """Of an answer in format 1."""
    assert answer[:1] == b"\x80" and answer[-2:] == OK, answer.hex()
    return answer[2]


def iad(answer: bytes) -> bytes:
    """9F10 of an answer in format 1."""
    return answer[13:-2]
