"""The kernel's parts beside the PyPI packages emv, ber-tlv, pytlv and pyemv, in one run; and the kernel's own CPU.

No Python package has the CDA chain or a kernel: the chain stands beside its own three modular powers, which are the
least that it can cost, and the kernel beside its aim.
"""

from __future__ import annotations

import datetime
import hashlib
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.beside import Peers
from bench.cases import Row, Size, row
from drivers.apdu_chain import exchange
from emv import certificates
from emv.aids import default_aids
from emv.certificates import Certificate, PublicKey
from emv.commands import AskPin, ChooseApplication, Draw, GoOnline, OnlineAnswer, PinResult, Transceive
from emv.kernel import contact_session
from emv.session import Session, TerminalProfile, TransactionData
from emv.tlv import parse
from sim.card import PROFILES, VirtualCard
from sim.card.chain import RsaKey, combined_data, icc_certificate, issuer_certificate, signed_dynamic_data
from sim.cryptograms import application_cryptogram, derive_icc_master_key, derive_session_key
from sim.issuer import Issuer

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


# The CDA chain


class Chain:
    """CA, issuer and card keys of 1984, 1408 and 1152 bits with one exponent, and what a card would answer."""

    def __init__(self, exponent: int) -> None:
        source = random.Random(f"bench/{exponent}")
        self.keys = [_rsa_key(bits, exponent, source) for bits in (1984, 1408, 1152)]
        ca, issuer, card = self.keys
        self.issuer = issuer_certificate(ca, issuer, "621280")
        self.card = icc_certificate(issuer, card, PAN)
        number, cryptogram = bytes(range(8)), bytes(range(8, 16))
        self.signed = signed_dynamic_data(card, combined_data(number, 0x80, cryptogram, DATA), b"\x11\x22\x33\x44")

    def verify(self) -> bytes:
        """Every check of the chain: two certificates and the signature over the cryptogram."""
        today = datetime.date(2026, 11, 26)
        ca, issuer, card = self.keys
        issuer_key = certificates.recover_key(
            Certificate(self.issuer.certificate, self.issuer.remainder, issuer.exponent),
            PublicKey(ca.modulus, ca.e),
            certificates.ISSUER,
            today=today,
            belongs=certificates.is_issuer_of(PAN),
        )
        card_key = certificates.recover_key(
            Certificate(self.card.certificate, self.card.remainder, card.exponent),
            issuer_key,
            certificates.ICC,
            today=today,
            belongs=certificates.is_card_of(PAN),
        )
        return certificates.recover_combined(
            self.signed, card_key, cryptogram_information=b"\x80", unpredictable=b"\x11\x22\x33\x44", exchanged=DATA
        ).cryptogram

    def powers(self) -> bytes:
        """The three modular powers alone, and three digests."""
        for key, signed in zip(self.keys, (self.issuer.certificate, self.card.certificate, self.signed), strict=True):
            found = pow(int.from_bytes(signed, "big"), key.e, key.n).to_bytes(key.size, "big")
            hashlib.sha1(found).digest()
        return b""


def _rsa_key(bits: int, exponent: int, source: random.Random) -> RsaKey:
    """A test key from a seeded source; nothing rests on its being secret."""
    while True:
        p, q = _prime(bits // 2, exponent, source), _prime(bits - bits // 2, exponent, source)
        if p != q and (p * q).bit_length() == bits:
            return RsaKey(max(p, q), min(p, q), exponent)


def _prime(bits: int, exponent: int, source: random.Random) -> int:
    while True:
        found = source.getrandbits(bits) | 1 << (bits - 1) | 1 << (bits - 2) | 1
        if (found - 1) % exponent and all(pow(base, found - 1, found) == 1 for base in (2, 3, 5, 7)):
            return found


def cda_chain(size: Size) -> list[Row]:
    """Microseconds of the whole chain at 1984/1408/1152 bits, for both exponents."""
    rows: list[Row] = []
    for exponent in (3, 65537):
        chain = Chain(exponent)
        whole = [_microseconds(chain.verify) for _ in range(size.rounds)]
        bare = statistics.median(_microseconds(chain.powers) for _ in range(size.rounds))
        rows.append(row(f"CDA chain, e={exponent}", whole, "us", "its three modular powers", bare, aim=None))
    return rows


def _microseconds(call: Callable[[], bytes], loops: int = 100) -> float:
    began = time.perf_counter_ns()
    for _ in range(loops):
        call()
    return (time.perf_counter_ns() - began) / loops / 1000


# The kernel


def kernel(size: Size) -> list[Row]:
    """Milliseconds of the kernel's own CPU in a chip sale without RSA: card, issuer and people not counted."""
    spent = sorted(_sale_ms() for _ in range(max(20, size.sales)))
    middle, late = spent[len(spent) // 2], spent[int(len(spent) * 0.99)]
    return [
        row("kernel CPU of a chip sale, median", [spent[0], middle, middle], "ms", "aim", 1.0),
        row("kernel CPU of a chip sale, 99th percentile", [late], "ms", "aim", 2.0),
        # A Zero 2 W is 12 to 14 times slower than such a PC core (docs/raspberry-pi.md).
        row("the same on a Zero 2 W, estimated", [middle * 13], "ms", "a tap's half second", 500.0, aim=None),
    ]


def _sale_ms() -> float:
    card = VirtualCard(PROFILES["unionpay-credit-pin"])
    card.reset()
    transaction = TransactionData(amount_minor=12_850, date="261126", time="120000", counter=1)
    steps = contact_session(Session(TerminalProfile(aids=default_aids()), transaction))
    answer: Any = None
    spent_ns = 0
    while True:
        began = time.thread_time_ns()
        try:
            request = steps.send(answer)
        except StopIteration:
            return (spent_ns + time.thread_time_ns() - began) / 1_000_000
        spent_ns += time.thread_time_ns() - began
        answer = _world(card, request)


def _world(card: VirtualCard, request: object) -> object:
    match request:
        case Transceive(capdu):
            return exchange(card.transmit, capdu, t0=False)
        case Draw(count):
            return bytes(range(count))
        case ChooseApplication():
            return 0
        case AskPin():
            return PinResult.ENTERED
        case GoOnline(data):
            checked = Issuer().check(data[0x5A].hex().upper().rstrip("F"), data[0x5F34].hex(), data)
            return OnlineAnswer(b"00", checked.answer(b"00"))
        case _:
            raise TypeError(type(request).__name__)

