"""The kernel's words and a card's cryptogram beside the PyPI packages emv, ber-tlv, pytlv and pyemv, in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from bench.beside import Peers
from bench.cases import Row, Size, row
from emv.tlv import parse
from sim.cryptograms import application_cryptogram, derive_icc_master_key, derive_session_key

# A record of a card as issuers write them: 19 elements, 206 bytes. Flat, because two of the peers read no templates.
RECORD = bytes.fromhex(
    "5A0862128000000000155F24033012315F25032001015F280201565F34010157136212800000000015D30122011234567890000F"
    "5F300202019F0702FF008C1B9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E148D1A8A029F02069F03069F1A0295"
    "055F2A029A039C019F37049F21039F1F0C3031323334353637383930318E0E000000000000000042031E031F009F0D05D8609CA8009F0E0500100000009F0F05D8689CF8"
    "009F4A01829F420201569F4401025F20105445535420434152442F5A4820202020"
)
ISSUER_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PAN, SEQUENCE = "6212800000000015", "01"
ATC = bytes.fromhex("0012")
DATA = bytes.fromhex("0000000128500000000000000156800000000001562611260011223344") + b"\x7c\x00\x00\x12"
TENTH, HALF = 1 / 10, 1 / 2


def _tlv() -> bytes:
    return len(parse(RECORD)).to_bytes(2, "big")


def _arqc() -> bytes:
    """Card key, session key, cryptogram: what an issuer does for each sale."""
    master = derive_icc_master_key(ISSUER_KEY, PAN, SEQUENCE)
    return application_cryptogram(derive_session_key(master, ATC + bytes(6)), DATA)


# What is measured, the peer's name for it, who that is, our side, how much of the peer's time it may take.
CASES: tuple[tuple[str, str, str, Callable[[], bytes], float | None], ...] = (
    ("a record of 206 bytes", "tlv-emv", "emv", _tlv, TENTH),
    ("a record of 206 bytes", "tlv-ber-tlv", "ber-tlv", _tlv, TENTH),
    ("a record of 206 bytes", "tlv-pytlv", "pytlv", _tlv, TENTH),
    ("a record of 206 bytes", "tlv-pyemv", "pyemv", _tlv, None),
    ("card key, session key, ARQC", "arqc", "pyemv", _arqc, HALF),
)


def beside_peers(size: Size) -> list[Row]:
    """Microseconds of each, ours and the peer's in turns. Raises PeersMissing."""
    rows: list[Row] = []
    with Peers() as peers:
        for title, name, who, ours, aim in CASES:
            found = peers.beside(name, ours, size.rounds)
            rows.append(row(title, found.ours, "us", who, statistics.median(found.theirs), aim=aim))
    return rows


# What no parser in Python can be under


def _barest() -> list[tuple[int, bytes]]:
    """The record's tags and values by the shortest loop there is: no check, no template, no longer form."""
    data, found, at = RECORD, [], 0
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 0x1F == 0x1F:
            tag = tag << 8 | data[at]
            at += 1
        end = at + 1 + data[at]
        found.append((tag, data[at + 1 : end]))
        at = end
    return found


def beside_the_barest_loop(size: Size) -> list[Row]:
    """Our parser in turns with a loop that trusts the card: what strictness and objects cost. No aim."""
    if [(item.tag, item.value) for item in parse(RECORD)] != _barest():
        raise ValueError("the two loops read different records")
    ours, barest = zip(*((_us(lambda: parse(RECORD)), _us(_barest)) for _ in range(size.rounds)), strict=True)
    return [row("a record of 206 bytes", ours, "us", "a loop without checks", statistics.median(barest), aim=None)]


def _us(call: Callable[[], object], loops: int = 2_000) -> float:
    began = time.thread_time_ns()
    for _ in range(loops):
        call()
    return (time.thread_time_ns() - began) / loops / 1000
