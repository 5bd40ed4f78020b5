"""The card's conversation on the panel: named, taken apart by the card's own lists, and with nothing secret in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.card.profiles import PROFILES
from sim.deeds import Until, perform, step_from
from sim.panel.card_talk import CardTalk
from sim.panel.protocol import JSONObject
from sim.stage import Stage, Terms

CARD = "unionpay-credit-pin"


@pytest.fixture(scope="module")
def entries() -> list[JSONObject]:
    """A whole sale by chip and online PIN, then what offline PIN verification looks like."""
    talk, heard = CardTalk(), []

    def told(what: str, value: object) -> None:
        if what == "apdu" and isinstance(value, tuple):
            heard.append(talk.exchange(*value, "09:00:00"))

    with Stage(Terms(seed=7)) as stage:
        stage.told = told
        for step in ({"press": "12850 ENTER"}, {"see": "choose_method"}, {"press": "1"}, {"see": "insert_card"}):
            stage.perform(step_from(step))
        for step in ({"insert": CARD}, {"see": "enter_pin"}, {"press": "123456 ENTER"}, {"see": "remove_card"}):
            stage.perform(step_from(step))
        stage.perform(step_from("remove"))
        perform(stage, Until("idle"))
    heard.append(talk.exchange(bytes.fromhex("0020008008246123456FFFFFFF"), b"\x63\xc2", "09:00:01"))
    return heard


def named(entries: list[JSONObject], en: str) -> list[JSONObject]:
    return [entry for entry in entries if entry["en"] == en]


def fields(entry: JSONObject) -> dict[str, JSONObject]:
    return {field["n"]: field for field in entry["fields"]}


def test_each_exchange_has_its_name_in_both_languages_and_its_status(entries: list[JSONObject]) -> None:
    options = named(entries, "GET PROCESSING OPTIONS")[0]
    assert (options["zh"], options["badge"], options["tone"]) == ("获取处理选项", "9000", "good")
    assert fields(options)["82"]["en"] == "Application Interchange Profile (AIP)"
    refused = entries[-1]
    assert (refused["badge"], refused["tone"]) == ("63C2", "bad")
    assert (fields(refused)["SW"]["en"], fields(refused)["SW"]["zh"]) == ("counter is 2", "计数器为2")


def test_the_data_of_a_cryptogram_are_taken_apart_by_the_card_s_own_lists(entries: list[JSONObject]) -> None:
    first, second = named(entries, "GENERATE AC")
    assert fields(first)["9F02"]["value"] == "000000012850"
    assert "8A" not in fields(first) and fields(second)["8A"]["value"] == "3030"  # CDOL2 asks for the host's answer.
    bits = fields(second)["95"]["more"]
    assert {"zh": "3.3 已采集联机验证数据", "en": "3.3 Online CVM captured"} in bits


def test_nothing_secret_is_told(entries: list[JSONObject]) -> None:
    said = json.dumps(entries, ensure_ascii=False)
    app = PROFILES[CARD].applications[0]
    assert app.pan not in said and app.track2.hex().upper() not in said and app.expiry not in said
    assert fields(entries[-1])["data"]["value"] == "<8 bytes>"  # A PIN block.
    pans = [field["value"] for entry in entries for field in entry["fields"] if field["n"] == "5A"]
    assert pans and set(pans) == {f"{app.pan[:6]}******{app.pan[-4:]}"}


@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=80)), max_size=5))
def test_whatever_a_card_says_is_told_and_never_a_fall(exchanges: list[tuple[bytes, bytes]]) -> None:
    talk = CardTalk()
    for capdu, rapdu in exchanges:
        json.dumps(talk.exchange(capdu, rapdu, "09:00:00"))
