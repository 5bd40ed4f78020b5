"""Initiate application processing and read application data: what the card says before anything is decided.

Each case is one answer of the card and what the kernel makes of it. Spec: EMV 4.4 Book 3 §10.1, §10.2, §7.5, §5.4.
"""

from __future__ import annotations

from typing import Any

import pytest
from emv_card_script import (
    PAN,
    RECORD_1,
    RECORD_2,
    RECORD_3,
    UN,
    Transcript,
    ok,
    options,
    pin,
    play,
    record,
    records,
    selection,
    session,
    t,
)

from emv.commands import PinResult
from emv.session import Session

END: Transcript = pin(PinResult.CANCELLED)
READ: Transcript = [*records(), *END]


def run(transcript: Transcript, **setting: Any) -> tuple[str, Session]:
    """The reason for the end ("pin-cancelled": everything was read) and the session."""
    card = session(**setting)
    return play(card, transcript).outcome.reason, card


# GET PROCESSING OPTIONS


def asked(pdol: str, template: str) -> Transcript:
    return [*selection(t("9F38", pdol)), ("DRAW 4", UN), (f"80A80000{len(template) // 2:02X}{template}00", "6F00")]


@pytest.mark.parametrize(
    ("pdol", "template"),
    [
        ("", "8300"),  # A PDOL of no length is none. Spec: §5.2, §10.1.
        ("9F1A02", "83020156"),
        ("9F0206 9F3704 9505 9A03", "8312" + "000000012850" + UN + "0000000000" + "240615"),
        ("9F1A00 5F2A02", "83020156"),  # Nothing of a thing is nothing.
        ("9F6604 DF7F02", "8306" + "00000000" + "0000"),  # Unknown here: zeros.
        ("A502 7002", "8304" + "0000" + "0000"),  # Templates: zeros.
        ("5A0A", "830A" + "00" * 10),  # The card's own data are not there yet.
        ("9F1E7F", "837F" + "3030303030303031" + "00" * 119),  # The longest one-byte length.
        ("9F1E80", "838180" + "3030303030303031" + "00" * 120),
        ("9F1EFC", "8381FC" + "3030303030303031" + "00" * 244),  # The longest that fits a command.
    ],
)
def test_the_terminal_data_that_the_card_asked_for(pdol: str, template: str) -> None:
    assert run(asked(pdol.replace(" ", ""), template))[0] == "card-refused"


@pytest.mark.parametrize("pdol", ["9F1EFD", "9F1EFF", "9F1EFF9F1E01", "9F1E", "9F", "00"])
def test_a_list_that_cannot_be_answered(pdol: str) -> None:
    assert run([*selection(t("9F38", pdol)), ("DRAW 4", UN)])[0] == "bad-data"


AFL = "08010300"


@pytest.mark.parametrize(
    "answer",
    [
        t("80", "1C00", AFL),
        "00" + t("80", "1C00", AFL) + "0000",
        t("77", t("82", "1C00"), t("94", AFL)),
        t("77", t("94", AFL), "00", t("82", "1C00"), t("DF01", "01"), t("E1", t("82", "FFFF"))),
        t("77", t("82", "1C00"), t("94", AFL), t("9F02", "000000000001"), t("50", "41")),  # Not its to say here.
        t("77", t("82", "1C00"), t("94", AFL), t("DF01", "01"), t("DF01", "02")),  # Unknown, twice.
    ],
)
def test_both_formats_of_the_answer(answer: str) -> None:
    reason, card = run([*selection(), ("DRAW 4", UN), ("80A8000002830000", ok(answer)), *READ])
    assert reason == "pin-cancelled"
    assert (card.data[0x82].hex(), card.data[0x94].hex()) == ("1c00", AFL)
    assert card.data[0x9F02].hex() == "000000012850"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ok(), "bad-data"),
        (ok(t("80", "1C00")), "data-missing"),  # An AFL with no entries.
        (ok(t("80", "1C")), "bad-data"),
        (ok(t("80", "1C00", "080103")), "bad-data"),
        (ok(t("80", "1C00", "08000300")), "bad-data"),
        (ok(t("80", "1C00", "F8010100")), "bad-data"),
        (ok(t("80", "1C00", "08020100")), "bad-data"),
        (ok(t("80", "1C00", "08010102")), "bad-data"),
        (ok(t("80", "1C00", AFL) * 2), "bad-data"),
        (ok(t("77", t("82", "1C00"))), "data-missing"),
        (ok(t("77", t("94", AFL))), "data-missing"),
        (ok(t("77", t("82", "1C00"), t("94", ""))), "data-missing"),  # No length is not there.
        (ok(t("77", t("82", "1C"), t("94", AFL))), "bad-data"),
        (ok(t("77", t("82", "1C00"), t("94", AFL), t("82", "1C00"))), "bad-data"),
        (ok(t("77", t("82", "1C00"), t("94", AFL)))[:-6] + "9000", "bad-data"),
        (ok(t("70", t("82", "1C00"), t("94", AFL))), "bad-data"),
        ("6283", "card-refused"),
        ("6300", "card-refused"),
        ("6984", "card-refused"),
        ("6D00", "card-refused"),
        ("6985", "no-application"),  # The only status with a meaning of its own. Spec: §10.1.
    ],
)
def test_an_answer_that_ends_the_application(answer: str, reason: str) -> None:
    assert run([*selection(), ("DRAW 4", UN), ("80A8000002830000", answer)])[0] == reason


def test_what_came_with_the_options_may_not_come_again_in_a_record() -> None:
    """Spec: §10.2, and the note of Annex A1: what may stand in 70 or 77 stands in one of them."""
    start = [*selection(), ("DRAW 4", UN)]
    with_pan = ok(t("77", t("82", "1C00"), t("94", AFL), t("5A", PAN + "F")))
    assert run([*start, ("80A8000002830000", with_pan), *records(x5A=None), *END])[0] == "pin-cancelled"
    assert run([*start, ("80A8000002830000", with_pan), *records()[:2]])[0] == "bad-data"


# READ RECORD


def third(body: str = "", **changes: str | None) -> Transcript:
    """Three records, the last with `body` behind its elements."""
    last = "".join(t(tag, value) for tag, value in RECORD_3.items()) + body
    return [*records(**changes)[:2], ("00B2030C00", ok(t("70", last)))]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "0000",  # Erased objects.
        t("DF01", "01") * 2,  # Unknown.
        t("E1", t("5A", "1111111111111111")),  # A proprietary template is not looked into.
        t("9F02", "000000000001") + t("95", "0000000000") + t("8A", "3030"),  # The terminal's and the issuer's to say.
        t("82", "0000") + t("94", "08010100") + t("84", "A0000000031010"),  # They belong elsewhere. Spec: §7.5.
        t("9F36", "FFFF") + t("9F26", "00" * 8) + t("9F4B", "00"),
        t("9F13", "0001") + t("9F17", "03") + t("9F38", "9F0206"),
        t("5F34", "") + t("5A", ""),  # No length is not there, so nothing comes twice.
        t("5F20", "41" * 40) + t("9F1F", "00" * 5) + t("9F0B", "41"),  # Faults that matter to nobody. Spec: §7.5.
    ],
)
def test_what_a_record_may_also_hold(body: str) -> None:
    reason, card = run([*selection(), *options(), *third(body), *END])
    assert reason == "pin-cancelled"
    assert card.data[0x5A].hex() == (PAN + "f").lower()
    assert (card.data[0x82].hex(), card.data[0x94].hex(), card.data[0x9F02].hex()) == ("1c00", AFL, "000000012850")
    assert not card.data.keys() & {0x9F36, 0x9F26, 0x9F4B, 0x9F13, 0x9F17, 0x9F38, 0x8A}


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (third(t("5A", PAN + "F")), "bad-data"),  # Twice in two records.
        (third(t("9F0D", "0000000000")), "bad-data"),  # Twice in one.
        (third("5A0A62"), "bad-data"),
        (third(t("E1", "5A0A62")), "bad-data"),  # A template that cannot be read, whoever's it is.
        ([("00B2010C00", ok())], "bad-data"),
        ([("00B2010C00", ok(t("70") * 2))], "bad-data"),
        ([("00B2010C00", ok(t("61", t("57", "00"))))], "bad-data"),
        ([("00B2010C00", ok(t("70", t("50", "41")) + "FF"))], "bad-data"),  # FF is no filler. Spec: Annex B1.
        ([("00B2010C00", "6A83")], "card-refused"),
        ([("00B2010C00", "6282")], "card-refused"),
        ([("00B2010C00", "6300")], "card-refused"),
        (third(x5A=None), "data-missing"),
        (third(x5A=""), "data-missing"),
        (third(x5F24=""), "data-missing"),
        (third(x5A="6222021234567A94321F"), "bad-data"),
        (third(x5A="62220212345F7894321F"), "bad-data"),
        (third(x5A="1234567F", x57="1234567D3012"), "bad-data"),  # Seven digits.
        (third(x57=PAN + "D"), "pin-cancelled"),
        (third(x57=None), "pin-cancelled"),
        (third(x5F28="01"), "bad-data"),
        (third(x9F07="FF"), "bad-data"),
        (third(x8E="000000000000000042"), "bad-data"),
    ],
)
def test_records_that_end_the_transaction(reading: Transcript, reason: str) -> None:
    ends = END if reason == "pin-cancelled" else []
    assert run([*selection(), *options(), *reading, *ends])[0] == reason


def test_files_of_schemes_and_issuers() -> None:
    """Files 11 to 30: in the form of the Books they are read, else left alone. Spec: §5.3.2.2, §10.2."""
    afl = "08010201" + "58010101" + "A8010101" + "F0010100"
    first, second = record(1, RECORD_1), record(2, RECORD_2)
    eleven = t("70", *(t(tag, value) for tag, value in RECORD_3.items()))
    transcript = [
        *selection(),
        *options(afl=afl),
        first,
        second,
        ("00B2015C00", ok(eleven)),
        ("00B201AC00", ok("DEADBEEF")),
        ("00B201F400", ok()),
        *END,
    ]
    reason, card = run(transcript)
    assert reason == "pin-cancelled"
    assert card.oda.records == [
        (1, bytes.fromhex(first[1])[:-2]),
        (11, bytes.fromhex(eleven)),
        (21, bytes.fromhex("DEADBEEF")),
    ]
    assert "622202" not in repr(card.oda)


def test_a_record_of_a_scheme_that_pretends_to_the_form_must_keep_it() -> None:
    afl = "08010300" + "58010100"
    assert run([*selection(), *options(afl=afl), *records(), ("00B2015C00", ok("7005"))])[0] == "bad-data"


def test_the_order_of_the_afl_is_the_order_of_reading() -> None:
    transcript = [*selection(), *options(afl="080303000801010108020201")]
    rest = records()
    assert run([*transcript, rest[2], rest[0], rest[1], *END])[0] == "pin-cancelled"
