"""Issuer scripts: what is taken apart, and what a card that leaves in the middle of one does to the payment.

Each rule of delivery has a case in tests/emv/cases/scripts.toml; here are the bytes that no case would think of.
Spec: EMV 4.4 Book 3 §10.10, Book 4 §A5.
"""

from __future__ import annotations

import pytest
from emv_card_script import (
    ARPC,
    PIN_TVR,
    Transcript,
    approved_sale,
    authenticate,
    online,
    play,
    second_generate_ac,
    session,
    t,
)
from hypothesis import given
from hypothesis import strategies as st

from drivers.apdu_chain import command_case
from emv.commands import CardError, OnlineAnswer, Result
from emv.scripts import AFTER, BEFORE, SCRIPTS_BYTES_MAX, parse_scripts

UNBLOCK, BLOCK = "8424000004AABBCCDD", "841E000004AABBCCDD"
IDENTIFIER = "01020304"
REMOVED = CardError("removed", removed=True)


def template(tag: str, *commands: str) -> str:
    return t(tag, t("9F18", IDENTIFIER), *(t("86", command) for command in commands))


def sale(
    scripts: str, *, before: Transcript | None = None, after: Transcript | None = None, tvr: str = PIN_TVR
) -> Transcript:
    """The ordinary sale, with what the scripts add to it."""
    answer = OnlineAnswer(b"00", bytes.fromhex(ARPC + "3030"), bytes.fromhex(scripts))
    decided = [*(before or []), *second_generate_ac(tvr), *(after or [])]
    return [*approved_sale()[:-3], *online(answer), *authenticate(), *decided]


def test_two_of_each_kind_in_the_order_of_the_answer() -> None:
    scripts = template("72", BLOCK) + template("71", UNBLOCK) + template("72", UNBLOCK) + template("71", BLOCK)
    card = session()
    transcript = sale(
        scripts,
        before=[(UNBLOCK, "9000"), (BLOCK, "6A80")],
        after=[(BLOCK, "6200"), (UNBLOCK, "6982")],
        tvr="8000048020",
    )
    outcome = play(card, transcript).outcome
    assert outcome.result is Result.APPROVED
    assert outcome.data[0x95].hex() == "8000048030"
    assert outcome.data[0x9B].hex() == "7c00"
    assert outcome.data[0xDF31].hex() == "20" + IDENTIFIER + "11" + IDENTIFIER + "20" + IDENTIFIER + "11" + IDENTIFIER
    assert card.steps.count("Issuer-to-card script processing") == 2


@pytest.mark.parametrize(("failing", "byte"), [(1, "11"), (14, "1e"), (15, "1f"), (16, "1f")])
def test_the_number_of_the_command_that_failed(failing: int, byte: str) -> None:
    """Sixteen commands of four bytes; 15 stands for whatever comes after the fourteenth."""
    scripts = t("72", *(t("86", "84180000") for _ in range(16)))
    after: Transcript = [("84180000", "9000" if number < failing else "6985") for number in range(1, failing + 1)]
    outcome = play(session(), sale(scripts, after=after)).outcome
    assert outcome.data[0xDF31].hex() == byte + "00000000"


def test_the_profile_says_which_tag_the_results_have() -> None:
    outcome = play(session(script_results_tag=0x9F5B), sale(template("72", BLOCK), after=[(BLOCK, "9000")])).outcome
    assert outcome.data[0x9F5B].hex() == "20" + IDENTIFIER
    assert 0xDF31 not in outcome.data


def test_a_card_that_leaves_before_the_last_cryptogram_has_undone_the_payment() -> None:
    transcript = sale(template("71", UNBLOCK))[:-1]
    with pytest.raises(CardError) as caught:
        play(session(), [*transcript, (UNBLOCK, REMOVED)])
    assert caught.value is REMOVED


def test_a_card_that_leaves_after_the_last_cryptogram_has_paid() -> None:
    """The script has failed at that command, and the one behind it was not begun."""
    scripts = template("72", UNBLOCK, BLOCK, UNBLOCK) + template("72", BLOCK)
    outcome = play(session(), sale(scripts, after=[(UNBLOCK, "9000"), (BLOCK, REMOVED)])).outcome
    assert outcome.result is Result.APPROVED
    assert outcome.data[0xDF31].hex() == "12" + IDENTIFIER + "00" + IDENTIFIER
    assert outcome.data[0x95].hex() == "8000048010"


@pytest.mark.parametrize("kind", ["71", "72"])
def test_a_broken_protocol_fails_the_script_and_not_the_payment(kind: str) -> None:
    delivered: Transcript = [(UNBLOCK, CardError("parity"))]
    transcript = (
        sale(template(kind, UNBLOCK), before=delivered, tvr="8000048020")
        if kind == "71"
        else sale(template(kind, UNBLOCK), after=delivered)
    )
    outcome = play(session(), transcript).outcome
    assert outcome.result is Result.APPROVED
    assert outcome.data[0xDF31].hex() == "11" + IDENTIFIER


@given(st.binary(max_size=300))
def test_anything_is_taken_apart_and_only_commands_come_out(data: bytes) -> None:
    scripts = parse_scripts(data)
    for script in scripts:
        assert script.template in (BEFORE, AFTER)
        assert len(script.identifier) == 4
        assert not (script.broken and script.commands)
        for command in script.commands:
            command_case(command)  # Raises ValueError for what no reader could send.
    assert sum(len(c) for s in scripts for c in s.commands) <= SCRIPTS_BYTES_MAX


COMMANDS = st.lists(st.sampled_from(["84180000", "8424000000", UNBLOCK, BLOCK + "00"]), max_size=4)
SCRIPTS = st.lists(st.tuples(st.sampled_from(["71", "72"]), COMMANDS), max_size=3)


@given(SCRIPTS)
def test_what_was_built_comes_out_again(scripts: list[tuple[str, list[str]]]) -> None:
    data = "".join(template(tag, *commands) for tag, commands in scripts)
    found = parse_scripts(bytes.fromhex(data))
    assert [f"{script.template:02X}" for script in found] == [tag for tag, _ in scripts]
    for (_, commands), script in zip(scripts, found, strict=True):
        if not script.broken:
            assert [command.hex().upper() for command in script.commands] == commands
            assert script.identifier.hex() == IDENTIFIER
    if len(data) // 2 <= SCRIPTS_BYTES_MAX:
        assert not any(script.broken for script in found)


@pytest.mark.parametrize(
    ("data", "broken"),
    [
        ("72", "the length is missing"),
        ("7280", "length form 80 is not allowed"),
        ("7205AA", "no whole template"),
        ("6F00", "no whole template"),
        ("7203860A84", "tag 86 says 10 bytes, 1 are there"),
        ("72058603841800", "no command: 3 bytes"),
        ("720886068418000005AA", "no command: 6 bytes"),
        ("720786058418000000", ""),  # Le alone.
    ],
)
def test_what_is_wrong_with_a_script(data: str, broken: str) -> None:
    assert parse_scripts(bytes.fromhex(data))[-1].broken == broken
