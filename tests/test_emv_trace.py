"""The trace: what the kernel decided and asked, in order; no bit without a note; no PIN kept."""

from __future__ import annotations

import pytest
from emv_card_script import approved_sale, play, session

from emv.bits import TVR
from emv.commands import Transceive
from emv.trace import Decision, Ending, Exchange, watched


def test_decisions_stand_between_the_exchanges_that_led_to_them() -> None:
    card = session()
    play(card, approved_sale())
    kinds = [
        item.rule.word if isinstance(item, Decision) else type(item.request).__name__
        for item in card.trace
        if not isinstance(item, Ending)
    ]
    assert kinds.index("application-begun") < kinds.index("Draw") < kinds.index("avn-same") < kinds.index("GoOnline")
    assert sum(isinstance(item, Exchange) for item in card.trace) == len(approved_sale())


def test_a_note_sets_the_bit_and_keeps_what_was_looked_at() -> None:
    card = session()
    card.data[0x9F08] = b"\x00\x31"
    card.note("avn-differs", 0x9F08, 0x9F09, sets=TVR.APPLICATION_VERSIONS_DIFFER, place=1)
    assert card.tvr is TVR.APPLICATION_VERSIONS_DIFFER
    (decision,) = card.trace
    assert isinstance(decision, Decision)
    assert decision.inputs == ((0x9F08, b"\x00\x31"), (0x9F09, None))
    assert decision.facts == (("place", 1),)


def test_a_pin_is_not_kept() -> None:
    async def verify() -> None:
        await Transceive(bytes.fromhex("0020008008241234FFFFFFFFFF"))

    card = session()
    run = watched(verify(), card.trace).__await__()
    assert next(run) == Transceive(bytes.fromhex("0020008008241234FFFFFFFFFF"))
    with pytest.raises(StopIteration):
        run.send(b"\x90\x00")
    (exchange,) = card.trace
    assert isinstance(exchange, Exchange)
    assert exchange.request == Transceive(bytes.fromhex("00200080080000000000000000"))
