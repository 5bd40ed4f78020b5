"""Profile files: what they may say, and that every mistake is told at once with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.acquirer.scripts import SCRIPTS
from sim.card import PROFILES, reading
from sim.card.card import VirtualCard
from sim.card.certificates import FAULTS
from sim.card.cvm_words import CONDITIONS, METHODS, rule, words
from sim.card.model import Oda
from sim.card.profiles import make_test_pan
from sim.card.reading import CardFileError, read_cards

GOOD = """
[mine]
zh = "我的卡"
en = "my card"
pin = "2468"
[[mine.application]]
aid = "A000000333010102"
label = "MINE"
pan = "{pan}"
usage = "FF 00"
cvm_amounts = [1_000, 50_000]
cvm = ["under X: nothing, else next", "always: enciphered PIN offline, else next", "0x0B: 0x2A"]
files = [{{ sfi = 1, records = ["57"] }}, {{ sfi = 7, records = ["5A 5F24", "8C 8D 8E"], signed = 1 }}]
authentication = {{ kind = "cda", exponent = 65537, pin_key = true }}
objects = {{ "9F1F" = "30" }}
""".format(pan=make_test_pan("622500", 900))


def problems(text: str) -> list[str]:
    with pytest.raises(CardFileError) as caught:
        read_cards(text, PROFILES)
    return [str(each) for each in caught.value.problems]


def test_a_file_makes_a_card() -> None:
    card = read_cards(GOOD)["mine"]
    (app,) = card.applications
    assert app.cvm_list.hex() == "000003e80000c350" + "5f06" + "4400" + "2a0b"
    assert app.aip.hex() == "3d00", "the bits of DDA and CDA follow from the keys"
    assert app.authentication.kind is Oda.CDA and app.authentication.pin_key
    made = VirtualCard(card)
    made.reset()
    made.transmit(bytes.fromhex("00A4040008A00000033301010200"))
    options = made.transmit(bytes.fromhex("80A8000002830000"))
    assert bytes.fromhex("08010100 38010201") in options
    assert made.transmit(bytes.fromhex("00B2013C00"))[-2:] == b"\x90\x00"


def test_a_card_may_begin_from_another_and_keeps_what_it_does_not_change() -> None:
    pan = make_test_pan("622500", 901)
    card = read_cards(
        f'[mine]\nbase = "poor"\nzh = "别的"\nen = "other"\n'
        f'[[mine.application]]\nlike = "signature"\npan = "{pan}"\n',
        PROFILES,
    )["mine"]
    assert card.balance_minor == PROFILES["poor"].balance_minor
    assert card.applications[0].cvm_list == PROFILES["signature"].applications[0].cvm_list
    assert card.pan == pan


def test_oddities_and_expectations_are_not_handed_down() -> None:
    card = read_cards('[mine]\nbase = "ac-flipped"\nzh = "好"\nen = "honest"\n', PROFILES)["mine"]
    assert PROFILES["ac-flipped"].quirks and PROFILES["ac-flipped"].expect
    assert card.quirks == () and card.expect is None


@pytest.mark.parametrize(
    ("line", "where", "reason"),
    [
        ('colour = "red"', "mine.colour", "is unknown; known are atc"),
        ("pin = 1234", "mine.pin", "digits"),
        ('pin = "12a4"', "mine.pin", "digits"),
        ("pin_tries = 0", "mine.pin_tries", "from 1 to 15"),
        ('blocked = "yes"', "mine.blocked", "true or false"),
        ('first_answers = "ARC"', "mine.first_answers", "AAC, TC, ARQC, RFU"),
        ('group = "best"', "mine.group", "good, refused"),
        ('issuer_sends = "flowers"', "mine.issuer_sends", "block-application"),
        ('quirk = [{ at = "gpo", does = "dance" }]', "mine.quirk", "append"),
        ('quirk = [{ at = "gpo", does = "pulled", value = "out" }]', "mine.quirk", "before, during, after"),
        ('quirk = [{ when = "gpo" }]', "mine.quirk", "has no 'when'"),
        ('expect = { outcome = "x" }', "mine.expect", "has no 'outcome'"),
        ('base = "nobody"', "mine.base", "there is no card 'nobody'"),
    ],
)
def test_a_wrong_line_of_a_card_is_named(line: str, where: str, reason: str) -> None:
    (told,) = problems(GOOD.replace('pin = "2468"', line))
    assert told.startswith(f"{where}: ") and reason in told


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ('pan = "6225000000009998"', "pan", "its last digit should be"),
        (f'pan = "{make_test_pan("400000", 1)}"', "pan", "BIN of a test issuer"),
        (f'pan = "{make_test_pan("411111", 1)}"', "pan", "of the family visa"),
        ('aid = "A0"', "aid", "5 to 16 bytes in hex"),
        ('label = "标签"', "label", "ASCII"),
        ("cvn = 0x55", "cvn", "no cryptogram version 55"),
        ('expiry = "2030"', "expiry", "6 digits"),
        ('cvm = ["sometimes: nothing"]', "cvm", "always, unattended cash"),
        ('cvm = ["always nothing"]', "cvm", "condition: method"),
        ("cvm_amounts = [1]", "cvm_amounts", "X and Y"),
        ("files = [{ sfi = 31, records = [] }]", "files", "1 to 30"),
        ('files = [{ sfi = 1, records = ["57"], signed = 2 }]', "files", "0 to 1"),
        ('files = [{ sfi = 1, records = ["5"] }]', "files", "in hex"),
        ('authentication = { kind = "rsa" }', "authentication", "none, sda, dda, cda"),
        ('authentication = { kind = "sda", exponent = 5 }', "authentication", "3, 65537"),
        ('authentication = { kind = "sda", fault = "ugly" }', "authentication", "issuer-hash"),
        ("limits = { weekly = 3 }", "limits", "has no 'weekly'"),
        ('objects = { "9F1F" = "ZZ" }', "objects", "in hex"),
        ('left_out = "5A"', "left_out", "is a list"),
        ("confirm = 1", "confirm", "true or false"),
        ('like = "nobody"', "like", "there is no card"),
    ],
)
def test_a_wrong_line_of_an_application_is_named(line: str, key: str, reason: str) -> None:
    name = line.partition(" ")[0]
    kept = [each for each in GOOD.splitlines() if each.partition(" ")[0] != name]
    told = problems("\n".join([*kept, line]))
    assert any(each.startswith(f"mine.application[1].{key}: ") and reason in each for each in told), told


def test_all_mistakes_come_at_once() -> None:
    told = problems("[one]\npin = 1\nmute = 2\n[[one.application]]\nlabel = 3\n\n[two]\n")
    assert {each.partition(": ")[0] for each in told} == {
        "one.pin",
        "one.mute",
        "one.zh",
        "one.en",
        "one.application[1].label",
        "one.application[1].aid",
        "one.application[1].pan",
        "two.zh",
        "two.en",
        "two.application",
    }


@pytest.mark.parametrize("text", ["", "x = [", "x = 1", "[poor]\nzh='a'\nen='b'\n"])
def test_what_is_no_file_of_cards_is_refused(text: str) -> None:
    assert problems(text)


@given(st.text(max_size=200))
def test_any_text_is_a_card_or_a_card_file_error(text: str) -> None:
    try:
        read_cards(text)
    except CardFileError as error:
        assert error.problems


@given(st.binary(max_size=20))
def test_words_of_any_cvm_list_read_back(rules: bytes) -> None:
    rules = bytes(byte & 0x7F if at % 2 == 0 else byte for at, byte in enumerate(rules[: len(rules) // 2 * 2]))
    assert b"".join(rule(each) for each in words(bytes(8) + rules)) == rules


def test_the_tables_agree_with_the_rooms_that_own_the_words() -> None:
    assert set(reading.SCRIPTS) - {""} == set(SCRIPTS)


def test_the_documentation_names_every_key_and_word() -> None:
    text = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text(encoding="utf-8")
    for key in (*reading.CARD, *reading.APPLICATION, *METHODS, *CONDITIONS, *FAULTS, *reading.DOES, "base", "like"):
        assert f"`{key}`" in text, key
