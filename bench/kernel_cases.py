"""The kernel's own CPU in a chip sale; and its arithmetic, a card's whole chain of keys and its CDA signature.

No Python package has either. The chain's bound is three bare modular powers with the same numbers: what is above it is
reading, hashing and checking.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Any

from bench.cases import Row, Size, row
from drivers.apdu_chain import exchange
from emv.aids import default_aids
from emv.certificates import (
    ICC,
    ISSUER,
    Certificate,
    PublicKey,
    is_card_of,
    is_issuer_of,
    recover_combined,
    recover_key,
)
from emv.commands import AskPin, ChooseApplication, Draw, GoOnline, OnlineAnswer, PinResult, Transceive
from emv.kernel import contact_session
from emv.profile import TerminalProfile, TransactionData
from emv.session import Session
from sim.card import PROFILES, VirtualCard
from sim.card.chain import RsaKey, Signed, combined_data, icc_certificate, issuer_certificate, signed_dynamic_data
from sim.card.rsa_keys import published_keys
from sim.issuer import Issuer

PAN = "6225000000000014"
TODAY = datetime.date(2026, 11, 25)
STATIC, UN, EXCHANGED = bytes(180), bytes(4), bytes(60)
# What reading may cost on top of RSA: with e = 3 the powers are quick, and hashing shows.
ON_TOP = {3: 2.0, 65537: 1.25}


def card_chain(size: Size) -> list[Row]:
    """CA to issuer to card to signature at 1984, 1408 and 1152 bits, with either exponent."""
    rows = []
    for exponent, aim in ON_TOP.items():
        whole, bare = _whole(exponent), _bare(exponent)
        ours = [_microseconds(whole, size.exchanges) for _ in range(size.rounds)]
        theirs = min(_microseconds(bare, size.exchanges) for _ in range(size.rounds))
        rows.append(row(f"CDA with its keys, e = {exponent}", ours, "us", "three bare powers", theirs, aim=aim))
    return rows


def _keys(exponent: int) -> tuple[RsaKey, RsaKey, RsaKey]:
    keys = published_keys()
    return keys["ca", exponent], keys["issuer", exponent], keys["icc", exponent]


def _certificate(signed: Signed, key: RsaKey) -> Certificate:
    return Certificate(signed.certificate, signed.remainder, key.exponent)


def _signatures(exponent: int) -> tuple[Certificate, Certificate, bytes]:
    ca, issuer, icc = _keys(exponent)
    return (
        _certificate(issuer_certificate(ca, issuer, PAN[:6]), issuer),
        _certificate(icc_certificate(issuer, icc, PAN, STATIC), icc),
        signed_dynamic_data(icc, combined_data(bytes(8), 0x80, bytes(8), EXCHANGED), UN),
    )


def _whole(exponent: int) -> Callable[[], object]:
    root = _keys(exponent)[0]
    ca = PublicKey(root.modulus, root.e)
    of_issuer, of_card, signature = _signatures(exponent)

    def chain() -> object:
        issuer = recover_key(of_issuer, ca, ISSUER, today=TODAY, belongs=is_issuer_of(PAN))
        icc = recover_key(of_card, issuer, ICC, today=TODAY, belongs=is_card_of(PAN), static_data=STATIC)
        return recover_combined(
            signature, icc, cryptogram_information=b"\x80", unpredictable=UN, exchanged=EXCHANGED
        )

    return chain


def _bare(exponent: int) -> Callable[[], object]:
    of_issuer, of_card, signature = _signatures(exponent)
    signed = (of_issuer.signed, of_card.signed, signature)
    numbers = [(int.from_bytes(data, "big"), key.n) for data, key in zip(signed, _keys(exponent), strict=True)]
    return lambda: [pow(number, exponent, modulus) for number, modulus in numbers]


def _microseconds(call: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) * 1e6 / count


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

