"""Nobody trusts one codec with itself: pyiso8583, with a specification of its own, reads and writes our frames.

It takes the public frames, and each request that a builder of ours makes for a kind of transaction, apart into the
same fields, and puts them together to the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import iso8583
import pytest

from terminal.hostlink.card_messages import CardFields, Kept, Original, card_request, card_reversal
from terminal.hostlink.codec import Message, decode, encode
from terminal.hostlink.frame import wrap
from terminal.hostlink.messages import Terminal, Totals, batch_end, echo, qr_order, settlement, sign_in, sign_out
from terminal.hostlink.profile import load_profile
from terminal.hostlink.transactions import TRANSACTIONS
from terminal.model import Money
from tests.independent_host_spec import SPEC

PROFILE = load_profile("unionpay")
TERMINAL = Terminal("898440153110001", "10000001", "000001")
STAN = "000042"
PAID = Money(12850)
CARD = CardFields(
    "6225000000000014", "3012", "1", "6225000000000014=30122011234567890", icc=bytes.fromhex("9F360200129A03261125")
)
ORIGINAL = Original("000001", "000041", "1125", "091947165060", "AB12", "00", "12345678901")
FRAMES: list[dict[str, Any]] = [
    vector
    for vector in json.loads((Path(__file__).parent / "vectors" / "hostlink.json").read_text("utf-8"))["vectors"]
    if vector["kind"] == "wire-frame"
]
NO_PREAMBLE = {**SPEC, "h": {**SPEC["h"], "max_len": 0}}


def requests() -> list[Message]:
    """One of each that the builders make; with a PIN where a row takes one."""
    made = [
        sign_in(TERMINAL, PROFILE, stan=STAN),
        sign_out(TERMINAL, PROFILE, stan=STAN),
        echo(TERMINAL, PROFILE, stan=STAN),
        settlement(TERMINAL, PROFILE, stan=STAN, domestic=Totals(12850, 1)),
        batch_end(TERMINAL, PROFILE, stan=STAN, balanced=False, records=3),
        qr_order(TERMINAL, PROFILE, stan=STAN, amount=PAID, order_no="A1"),
    ]
    for row in TRANSACTIONS.values():
        pin = bytes(range(8)) if row.pin else b""
        made.append(
            card_request(
                row, TERMINAL, PROFILE, stan=STAN, card=CARD, amount=PAID, pin_block=pin, original=ORIGINAL
            ).with_fields({64: b"21CDAB98"})
        )
        kept = Kept(STAN, PAID, "051", f"{row.type}00000100050", pan=CARD.pan, auth_code="AB12", icc=CARD.icc)
        made.append(card_reversal(row, TERMINAL, PROFILE, kept, reason="98").with_fields({64: b"21CDAB98"}))
    return made


def told(message: Message) -> dict[str, str]:
    """Our fields as pyiso8583 gives its own."""
    return {
        str(number): value.hex().upper() if isinstance(value, bytes) else value
        for number, value in message.fields.items()
    }


def judge(frame: bytes, spec: dict[str, dict[str, Any]], message: Message) -> None:
    theirs, _ = iso8583.decode(frame, spec)
    assert {name: value for name, value in theirs.items() if name.isdecimal()} == told(message)
    assert theirs["t"] == message.mti
    again, _ = iso8583.encode(theirs, spec)
    assert bytes(again) == frame


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: str(vector["id"]))
def test_both_read_the_public_frames_alike(vector: dict[str, Any]) -> None:
    frame = bytes.fromhex(vector["hex"])[2 if vector["has_length_prefix"] else 0 :]
    message = decode(frame[vector["header_bytes"] :], PROFILE)
    judge(frame, SPEC if vector["header_bytes"] else NO_PREAMBLE, message)


def test_it_reads_every_request_as_we_meant_it() -> None:
    made = requests()
    assert len(made) == 6 + 2 * len(TRANSACTIONS)
    for message in made:
        judge(wrap(encode(message, PROFILE), PROFILE), SPEC, message)
