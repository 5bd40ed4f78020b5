"""Amounts that name a response code: each code, what the terminal makes of it, and that both books agree on it."""

from __future__ import annotations

import pytest

from sim.hand import Hand
from sim.live import Live
from sim.stage import Stage, Terms
from terminal.hostlink.codes import APPROVING_CODES, RESPONSE_CODES

NAMED = [code for code in RESPONSE_CODES if code.isdecimal()]
# What becomes of the sale; with every other code it is declined.
ENDS = {"00": "completed", "11": "completed", "16": "completed", "10": "reversed", "09": "reversed", "94": "reversed"}


def codes_told(stage: Stage) -> list[object]:
    """The response code of each payment, in the journal's own words."""
    events = stage.world.journal.events_after(0, 1_000)
    facts = [event.body.get("facts", {}) for event in events if event.kind in ("moved", "noted")]
    return [told["response_code"] for told in facts if "response_code" in told]


@pytest.mark.slow
@pytest.mark.parametrize("code", NAMED)
def test_an_amount_makes_the_host_say_its_code(code: str) -> None:
    with Live(Terms(seed=f"amount {code}", amount_codes=True)) as live:
        world = Hand(live)
        world.press(f"1{code} ENTER")
        world.press("1")
        world.insert("signature")
        world.advance(20_000)
        world.remove()
        world.advance(300_000)  # Nobody keys anything: notices go, what is owed is reversed.
        assert code in world.ask(codes_told)
        assert world.payments == [ENDS.get(code, "declined")]
        assert world.differences == []


def test_every_approving_code_that_digits_can_name_is_booked() -> None:
    assert {code for code in NAMED if code in APPROVING_CODES} == {"00", "10", "11", "16"}


def test_an_amount_that_names_no_code_is_an_amount() -> None:
    assert "08" not in RESPONSE_CODES
    with Live(Terms(seed=1, amount_codes=True)) as live:
        world = Hand(live)
        world.press("108 ENTER")
        world.press("1")
        world.insert("signature")
        world.run_until(screen="approved")
        assert world.host_book == ["approved"]
