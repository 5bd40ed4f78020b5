"""The first run with wrong answers: each is asked again, and what is kept is what the link can dial."""

from __future__ import annotations

from drivers.ports import Text
from sim.story import FIRST_RUN, OPERATOR, play
from sim.world import MERCHANT_NO, TERMINAL_NO, World
from terminal.receipts import SelfTestSlip, from_record
from terminal.screens.catalogue import EnterNumber
from terminal.screens.layout import Entry
from terminal.strings import Words


def typed(value: str) -> str:
    """The keys for an address: the arrows are its dots and colons."""
    return " ".join({".": "UP", ":": "DOWN"}.get(letter, letter) for letter in value)


def test_an_address_that_nobody_could_dial_is_not_kept() -> None:
    clear = " ".join(["CLEAR"] * 64)
    story = f"""
choose_language: ENTER
enter_number: ENTER
enter_number: ENTER
enter_number: {clear} ENTER
enter_number: {typed("127.0.0.1")} ENTER
enter_number: {typed(":99999")} ENTER
enter_number: CLEAR ENTER
operator_password: 1234 ENTER
operator_password: wait 1 1234 ENTER
confirm_test_keys: ENTER
enter_number:
"""
    with World("bad-address") as world:
        world.run(play(world, story))
        assert world.shop.activation is not None
        assert world.shop.activation.host == "127.0.0.1:9999"


def test_a_number_that_is_too_short_says_what_it_needs() -> None:
    story = "choose_language: ENTER\nenter_number: CLEAR CLEAR ENTER wait 1\nenter_number: 0 1 ENTER\nenter_number:"
    with World("short-number") as world:
        world.run(play(world, story))
    for language, needs in (("zh-CN", "须输满15位"), ("en", "Needs 15 digits")):
        screen = EnterNumber("merchant_no", "89844015311", "merchant_no_wrong")
        layout = screen.lay(Words(language))
        assert isinstance(layout, Entry)
        assert layout.note == needs


def test_the_first_run_ends_with_a_slip_that_names_what_was_looked_at() -> None:
    with World("first-slip") as world:
        world.run(play(world, FIRST_RUN + OPERATOR + "idle:"))
        record = world.journal.transact(lambda tx: tx.last_slip())
        assert record is not None and record.printed
        slip = from_record(record.body)
        assert isinstance(slip, SelfTestSlip)
        assert (slip.head.merchant_no, slip.head.terminal_no) == (MERCHANT_NO, TERMINAL_NO)
        assert {"journal", "keys"} <= {name for name, _ in slip.checks}
        assert all(passed for _, passed in slip.checks)
        kcvs = dict(slip.kcvs)
        assert "TMK" in kcvs and all(len(kcv) >= 6 for kcv in kcvs.values())
        paper = "\n".join(line.text for line in world.printer.slips[-1] if isinstance(line, Text))
        assert MERCHANT_NO in paper and kcvs["TMK"] in paper
