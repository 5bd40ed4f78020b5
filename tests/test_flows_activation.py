"""Activation by a code, at the first run: what is kept, what is refused, and that a code is one device's.

Shows the story on the glass and its keeping over a restart, that the numbers answer to no other device afterwards, and
that an answer which no terminal could trade under is refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.downloads import Code, parameter
from sim.story import play
from sim.world import World, hash_seed
from terminal.hostlink.activation import read_merchant_file
from terminal.hostlink.codec import FrameError, Message
from terminal.model import Mode
from terminal.shop import Activation

CODE = "31415926"
BY_CODE = f"choose_language: ENTER\nenter_number: UP\nenter_number: ENTER\nenter_number: {CODE} ENTER\n"
REST = """operator_password: 1234 ENTER
operator_password: wait 1 1234 ENTER
confirm_test_keys: ENTER
enter_number: ENTER
operator_password: 1234 ENTER
"""


def acquirer() -> Acquirer:
    made = Acquirer(seed=hash_seed("activation"))
    made.downloads.codes[CODE] = Code("898440153110001", "10000001", "街角面馆")
    return made


def test_a_code_gives_the_numbers_and_the_name(tmp_path: Path) -> None:
    host = acquirer()
    with World("code", data=tmp_path, acquirer=host, serial="A1B2C3") as world:
        world.run(play(world, BY_CODE + "activating:\nactivated: ENTER\n" + REST + "idle:"))
        given = Activation("898440153110001", "10000001", "127.0.0.1:8583", "街角面馆", "A1B2C3")
        assert world.shop.activation == given
        assert world.shop.mode is Mode.SIGNED_IN
        assert world.shop.merchant_name == "街角面馆"
    with World("code", data=tmp_path, acquirer=host, serial="A1B2C3") as world:
        world.run(play(world, "boot:\nenter_number:"))
        assert world.shop.activation == given


def test_a_code_that_is_not_known_is_refused_on_the_glass() -> None:
    with World("bad") as world:
        world.run(play(world, BY_CODE + "activating:\nactivation_failed: CANCEL\nchoose_language:"))
        assert world.shop.activation is None
        assert world.shop.mode is Mode.BLANK


def test_a_used_code_is_refused_to_a_second_terminal_and_its_numbers_too() -> None:
    host = acquirer()
    with World("one", acquirer=host, serial="A1B2C3") as world:
        world.run(play(world, BY_CODE + "activated: ENTER\n" + REST + "idle:"))
    with World("two", acquirer=host, serial="FFFFFF") as world:
        world.run(play(world, BY_CODE + "activation_failed: CANCEL\nchoose_language:"))
        assert world.shop.activation is None
    with World("three", acquirer=host, serial="FFFFFF") as world:
        by_hand = "choose_language: ENTER\nenter_number: ENTER\nenter_number: ENTER\nenter_number: ENTER\n"
        world.run(play(world, by_hand + REST + "sign_in_failed:"))
        assert world.shop.mode is Mode.KEYED


def test_the_same_device_may_ask_again_when_an_answer_was_lost() -> None:
    host = acquirer()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0800"))
    with World("lost", acquirer=host, serial="A1B2C3") as world:
        world.run(play(world, BY_CODE + "activation_failed: ENTER\nactivated: ENTER\n" + REST + "idle:"))
        assert world.shop.mode is Mode.SIGNED_IN


def test_a_code_in_the_configuration_need_not_be_typed() -> None:
    with World("prepared", acquirer=acquirer()) as world:
        config = world.shop.config
        world.shop.config = replace(config, merchant=replace(config.merchant, activation_code=CODE))
        world.run(play(world, BY_CODE.replace(CODE, "") + "activated: ENTER\noperator_password:"))


def test_numbers_that_the_person_does_not_recognise_are_not_kept() -> None:
    with World("other", acquirer=acquirer()) as world:
        world.run(play(world, BY_CODE + "activated: CANCEL\nchoose_language:"))
        assert world.shop.activation is None


GOOD = {"B3": "898440153110001", "B4": "10000001", "B5": "街角面馆"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"B3": "89844015311000"},
        {"B3": "89844015311000é"},
        {"B4": ""},
        {"B5": " "},
        {"B5": "6225000000000014"},
        {"B5": "面" * 21},
    ],
)
def test_an_answer_that_nobody_could_trade_under_is_refused(wrong: dict[str, str]) -> None:
    def answer(tags: dict[str, str]) -> Message:
        return Message("0810", {62: b"".join(parameter(tag, value) for tag, value in tags.items())})

    assert read_merchant_file(answer(GOOD)).merchant_name == "街角面馆"
    with pytest.raises(FrameError, match="field 62"):
        read_merchant_file(answer(GOOD | wrong))
    with pytest.raises(FrameError, match="field 62"):
        read_merchant_file(Message("0810", {62: b"\xff\xff"}))
