"""Application selection: directory, AID list, priorities, the cardholder's word. Spec: EMV 4.4 Book 1 §12."""

from __future__ import annotations

from typing import Any

import pytest
from emv_card_script import (
    CREDIT,
    DEBIT,
    PAN,
    PSE,
    UN,
    UNIONPAY,
    VISA,
    Transcript,
    application,
    chosen,
    directory,
    fci,
    ok,
    options,
    pin,
    play,
    records,
    select,
    session,
    t,
    text,
)

from emv.commands import PinResult, Result, Transceive
from emv.kernel import AidEntry, TerminalProfile, contact_session
from emv.selection import PSE_RECORDS_MAX, SELECT_NEXT_MAX, code_table_supported
from emv.trace import APDUS_MAX

BRAND = "A000000333"
EXACT = AidEntry(bytes.fromhex(CREDIT), "UnionPay Credit", partial=False)
VISA_ENTRY = AidEntry(bytes.fromhex(VISA), "Visa")
# What follows a selection in these tests: read on, and stop at the PIN.
REST: Transcript = [*options(), *records(), *pin(PinResult.CANCELLED)]


def used(name: str, label: str = "UNIONPAY") -> Transcript:
    return select(name, ok(fci(name, t("50", text(label)))))


def selected(transcript: Transcript, **setting: Any) -> str:
    """The AID that was used, if everything went as far as the PIN; else the reason for the end."""
    outcome = play(session(**setting), transcript).outcome
    if outcome.result is Result.CANCELLED and outcome.reason == "pin-cancelled":
        return outcome.data[0x9F06].hex().upper()
    return outcome.reason


# The directory


def test_one_application_is_selected_without_asking() -> None:
    assert selected([*directory(application(CREDIT, "UNIONPAY", "01")), *used(CREDIT), *REST]) == CREDIT


def test_several_entries_in_a_record_and_several_records_in_order_of_priority() -> None:
    third = "A000000333010103"
    transcript = [
        *directory(
            application(third, "QUASI") + application(DEBIT, "DEBIT", "02"),
            application(CREDIT, "CREDIT", "01"),
        ),
        ("CHOOSE CREDIT|DEBIT|QUASI", 1),
        *used(DEBIT),
        *REST,
    ]
    assert selected(transcript) == DEBIT


def test_the_cardholder_cancels_the_choice() -> None:
    transcript = [
        *directory(application(CREDIT, "CREDIT", "01") + application(DEBIT, "DEBIT", "02")),
        ("CHOOSE CREDIT|DEBIT", None),
    ]
    assert selected(transcript) == "cancelled"


def test_nobody_to_ask_takes_the_best_that_needs_no_confirmation() -> None:
    transcript = [
        *directory(application(CREDIT, "CREDIT", "81") + application(DEBIT, "DEBIT", "02")),
        *used(DEBIT),
        *REST,
    ]
    assert selected(transcript, cardholder_choice=False) == DEBIT


def test_nobody_to_ask_and_confirmation_needed() -> None:
    assert selected(directory(application(CREDIT, "C", "81")), cardholder_choice=False) == "no-application"


@pytest.mark.parametrize(("answer", "end"), [(0, CREDIT), (None, "cancelled")])
def test_a_single_application_that_needs_confirmation(answer: int | None, end: str) -> None:
    transcript = [*directory(application(CREDIT, "CREDIT", "81")), ("CHOOSE CREDIT", answer)]
    if answer is not None:
        transcript += [*used(CREDIT), *REST]
    assert selected(transcript) == end


def test_an_application_of_another_brand_is_no_candidate() -> None:
    transcript = [
        *directory(application(VISA, "VISA", "01") + application(CREDIT, "UNIONPAY", "02")),
        *used(CREDIT),
        *REST,
    ]
    assert selected(transcript) == CREDIT


def test_a_directory_without_ours_falls_back_to_the_list() -> None:
    transcript = [
        *directory(application(VISA, "VISA", "01")),
        *select(BRAND, "6A82"),
    ]
    assert selected(transcript) == "no-application"


def listed() -> Transcript:
    """The list of AIDs in place of a directory, with one application."""
    return [*select(BRAND, ok(fci(CREDIT, t("50", text("LISTED"))))), *select(BRAND, "6A82", again=True)]


@pytest.mark.parametrize(
    "faulty",
    [
        "6985",  # Any status but 9000 and 6A83.
        "6282",
        "DEAD9000",
        "9000",
        ok(t("77", application(CREDIT, "ANOTHER"))),
        ok(t("70", "00") + t("70", application(CREDIT, "TWO"))),
        ok(t("70", t("61", t("50", text("NO NAME"))))),
        ok(t("70", t("61", t("4F", "A0000003")))),
        ok(t("70", t("61", t("4F", CREDIT * 3)))),
        ok(t("70", t("61", t("4F", CREDIT), t("4F", DEBIT)))),
    ],
)
def test_an_error_in_the_directory_makes_its_other_entries_worthless(faulty: str) -> None:
    """Spec: Book 1 §12.3.2: the candidate list is cleared, and the list of AIDs is used."""
    transcript = [
        *select(PSE, ok(fci(PSE, t("88", "01")))),
        ("00B2010C00", ok(t("70", application(DEBIT, "DEBIT", "01")))),
        ("00B2020C00", faulty),
        *listed(),
        *used(CREDIT),
        *REST,
    ]
    assert selected(transcript) == CREDIT


def test_a_directory_may_hold_other_things() -> None:
    """An entry of another directory, a discretionary template and an unknown element are ignored; so are gaps."""
    others = t("50", "41") + t("61", t("9D", text("2PAY.SYS.DDF01"))) + t("DF01", "FF") + "0000"
    entry = t("61", t("4F", CREDIT), t("50", text("U")), t("73", t("9F0A", "0001"), t("42", "622202")))
    transcript = [*directory(others, "", others + entry), *used(CREDIT), *REST]
    assert selected(transcript) == CREDIT


def test_the_same_application_twice_in_the_directory_is_one() -> None:
    entry = application(CREDIT, "UNIONPAY", "01")
    assert selected([*directory(entry + entry), *used(CREDIT), *REST]) == CREDIT


def test_a_directory_without_end_is_bounded() -> None:
    transcript = [
        *select(PSE, ok(fci(PSE, t("88", "01")))),
        *[
            (f"00B2{n:02X}0C00", ok(t("70", application(DEBIT, "D") if n == 1 else "")))
            for n in range(1, PSE_RECORDS_MAX + 1)
        ],
        *select(BRAND, "6A82"),
    ]
    assert selected(transcript) == "no-application"


@pytest.mark.parametrize(
    "answer",
    [
        "6A82",
        "6283",
        "6D00",
        ok(fci(PSE, t("88", "01"))).removesuffix("9000") + "6283",
        ok(fci(PSE)),
        ok(fci(PSE, t("88", "0B"))),
        ok(fci(PSE, t("88", "00"))),
        ok(fci(PSE, t("88", "0101"))),
        ok(t("6F", t("84", PSE))),
        ok(t("6F", t("A5", t("88", "01")))),
        ok("DEADBEEF"),
        ok(""),
    ],
)
def test_no_usable_directory_means_the_list_of_aids(answer: str) -> None:
    transcript = [
        *select(PSE, answer),
        *select(CREDIT, ok(fci(CREDIT, t("50", text("UNIONPAY"))))),
        *used(CREDIT),
        *REST,
    ]
    assert selected(transcript, aids=(EXACT,)) == CREDIT


def test_a_blocked_card_at_the_directory() -> None:
    assert selected(select(PSE, "6A81")) == "card-blocked"


# The list of AIDs


def test_a_blocked_card_at_the_list() -> None:
    assert selected([*select(PSE, "6A82"), *select(BRAND, "6A81")]) == "card-blocked"


def test_partial_match_asks_for_the_next_until_there_is_none() -> None:
    transcript = [
        *select(PSE, "6A82"),
        *select(BRAND, ok(fci(DEBIT, t("50", text("DEBIT")), t("87", "02")))),
        *select(BRAND, ok(fci(CREDIT, t("50", text("CREDIT")), t("87", "01"))), again=True),
        *select(BRAND, "6A82", again=True),
        *select(VISA, "6A82"),
        ("CHOOSE CREDIT|DEBIT", 0),
        *used(CREDIT),
        *REST,
    ]
    assert selected(transcript, aids=(UNIONPAY, VISA_ENTRY)) == CREDIT


def test_partial_match_passes_a_blocked_one() -> None:
    transcript = [
        *select(PSE, "6A82"),
        *select(BRAND, fci(DEBIT) + "6283"),
        *select(BRAND, ok(fci(CREDIT, t("50", text("CREDIT")))), again=True),
        *select(BRAND, "6A82", again=True),
        *used(CREDIT),
        *REST,
    ]
    assert selected(transcript) == CREDIT


def test_every_application_blocked() -> None:
    transcript = [*select(PSE, "6A82"), *select(CREDIT, fci(CREDIT) + "6283")]
    assert selected(transcript, aids=(EXACT,)) == "application-blocked"


def test_an_exact_row_refuses_a_longer_name() -> None:
    transcript = [*select(PSE, "6A82"), *select(CREDIT, ok(fci(CREDIT + "01")))]
    assert selected(transcript, aids=(EXACT,)) == "no-application"


def test_an_exact_name_does_not_ask_for_the_next() -> None:
    transcript = [
        *select(PSE, "6A82"),
        *select(VISA, ok(fci(VISA, t("50", text("VISA"))))),
        *used(VISA),
        *REST,
    ]
    assert selected(transcript, aids=(VISA_ENTRY,)) == VISA


def test_an_answer_about_something_else_is_not_believed() -> None:
    transcript = [*select(PSE, "6A82"), *select(CREDIT, ok(fci(VISA)))]
    assert selected(transcript, aids=(EXACT,)) == "no-application"


def test_a_card_that_has_always_another_application_is_bounded() -> None:
    same = ok(fci(CREDIT, t("50", text("AGAIN"))))
    transcript = [
        *select(PSE, "6A82"),
        *select(BRAND, same),
        *[exchange for _ in range(SELECT_NEXT_MAX) for exchange in select(BRAND, same, again=True)],
        *used(CREDIT),
        *REST,
    ]
    assert selected(transcript) == CREDIT


def test_a_card_whose_lists_have_no_end_meets_the_limit_of_a_session() -> None:
    """Forty brands with always another application of each: every bound by itself is kept, and their sum is not."""
    brands = [bytes.fromhex(f"A0000003{number:02X}") for number in range(40)]
    card = session(aids=tuple(AidEntry(aid, "Brand") for aid in brands))
    kernel = contact_session(card)
    request = kernel.send(None)
    sent = 0
    try:
        while True:
            assert isinstance(request, Transceive)
            sent += 1
            name = request.capdu[5:-1].hex().upper()
            answer = "6A82" if name == PSE else ok(fci(name + "01", t("50", text("A"))))
            request = kernel.send(bytes.fromhex(answer))
    except StopIteration as end:
        assert (end.value.reason, sent) == ("too-much", APDUS_MAX)


# The final selection


@pytest.mark.parametrize("answer", ["6283", "6985", ok("DEAD"), ok(fci(DEBIT)), ok(t("6F", t("84", CREDIT)))])
def test_what_cannot_be_selected_leaves_the_list(answer: str) -> None:
    transcript = [
        *directory(application(CREDIT, "CREDIT", "01") + application(DEBIT, "DEBIT", "02")),
        ("CHOOSE CREDIT|DEBIT", 0),
        *select(CREDIT, answer),
        ("CHOOSE DEBIT", 0),  # Nothing is taken silently in its place. Spec: Book 1 §12.4.
        *used(DEBIT),
        *REST,
    ]
    assert selected(transcript) == DEBIT


@pytest.mark.parametrize(
    "doubled",
    [t("9F38", "9F1A02") * 2, t("87", "01") * 2, t("88", "01") * 2],
)
def test_an_fci_that_says_a_thing_twice_is_in_error(doubled: str) -> None:
    transcript = [*directory(application(CREDIT, "C", "01")), *select(CREDIT, ok(fci(CREDIT, doubled)))]
    assert selected(transcript) == "no-application"
    template = [*directory(application(CREDIT, "C", "01")), *select(CREDIT, ok(t("6F", t("84", CREDIT), t("A5") * 2)))]
    assert selected(template) == "no-application"


def test_what_is_for_convenience_only_may_be_wrong() -> None:
    """Spec: Book 1 §12.2.4: label, preferred name, code table and language stop nothing."""
    wrong = t("50", "41") * 2 + t("9F12", "") + t("9F11", "0101") + t("5F2D", "7A68E0")
    transcript = [*directory(application(CREDIT, "C", "01")), *select(CREDIT, ok(fci(CREDIT, wrong))), *REST]
    assert selected(transcript) == CREDIT


def test_only_what_belongs_into_an_fci_is_taken_from_it() -> None:
    """Spec: Book 3 §7.5: an element outside its template is unknown. A PAN in the FCI is none."""
    card = session()
    stray = t("5A", "6222021234567894") + t("9F36", "0042") + t("9F63", "AB" * 16) + t("9F02", "000000000001")
    transcript = [*directory(application(CREDIT, "C", "01")), *select(CREDIT, ok(fci(CREDIT, stray))), *REST]
    outcome = play(card, transcript).outcome
    assert outcome.data[0x5A].hex() == (PAN + "f").lower()
    assert 0x9F36 not in outcome.data
    assert outcome.data[0x9F63] == bytes.fromhex("AB" * 16)  # A scheme's element may stand anywhere.
    assert outcome.data[0x9F02].hex() == "000000012850"


def test_the_last_one_blocked() -> None:
    transcript = [*directory(application(CREDIT, "CREDIT", "01")), *select(CREDIT, fci(CREDIT) + "6283")]
    assert selected(transcript) == "application-blocked"


def test_what_the_terminal_chose_itself_is_followed_by_the_next_without_a_question() -> None:
    entries = application(CREDIT, "CREDIT", "01") + application(DEBIT, "DEBIT", "02")
    transcript = [*directory(entries), *select(CREDIT, "6283"), *used(DEBIT), *REST]
    assert selected(transcript, cardholder_choice=False) == DEBIT


def test_get_processing_options_sends_back_to_the_list() -> None:
    transcript = [
        *directory(application(CREDIT, "CREDIT", "01") + application(DEBIT, "DEBIT", "02")),
        ("CHOOSE CREDIT|DEBIT", 0),
        *used(CREDIT),
        ("DRAW 4", UN),
        ("80A8000002830000", "6985"),
        ("CHOOSE DEBIT", 0),
        *used(DEBIT),
        *REST,
    ]
    assert selected(transcript) == DEBIT


def test_a_choice_that_was_not_offered_is_the_drivers_fault() -> None:
    with pytest.raises(IndexError):
        play(session(), [*directory(application(CREDIT, "C", "81")), ("CHOOSE C", 1)])


# What the cardholder reads


@pytest.mark.parametrize("index", ["", "00", "11", "0A", "0101"])
def test_what_names_no_alphabet(index: str) -> None:
    assert not code_table_supported(bytes.fromhex(index), TerminalProfile(aids=()))


@pytest.mark.parametrize(
    ("entry", "supported", "shown"),
    [
        (t("50", text("LABEL")) + t("9F12", "C9E9"), "0000000001", "Éé"),
        (t("50", text("LABEL")) + t("9F12", "C9E9"), "0000000002", "LABEL"),  # Table 2 only.
        (t("50", text("LABEL")), "0000000001", "LABEL"),
        (t("50", text("LABEL")) + t("9F12", "0A0D"), "0000000001", "LABEL"),  # Nothing of it can be shown.
        (t("50", "0A0D1B"), "0000000001", "UnionPay"),  # Nothing printable: our own name.
        ("", "0000000001", "UnionPay"),
        (t("50", text("A LABEL OF MORE THAN SIXTEEN")), "0000000001", "A LABEL OF MORE"),
    ],
)
def test_preferred_name_only_in_a_supported_alphabet(entry: str, supported: str, shown: str) -> None:
    page = t("61", t("4F", CREDIT), entry, t("87", "81"))
    transcript = [
        *select(PSE, ok(fci(PSE, t("88", "01"), t("9F11", "01")))),
        ("00B2010C00", ok(t("70", page))),
        ("00B2020C00", "6A83"),
        (f"CHOOSE {shown}", None),
    ]
    assert selected(transcript, additional_capabilities=bytes.fromhex(supported)) == "cancelled"


def test_the_chosen_piece_of_the_ordinary_card_matches() -> None:
    assert selected([*directory(application(CREDIT, "U", "01")), *chosen(), *REST]) == CREDIT


# Language


@pytest.mark.parametrize(
    ("directory_says", "application_says", "spoken"),
    [
        ("zhen", "", "zh"),
        ("enzh", "", "en"),
        ("ENZH", "", "en"),  # Capitals are accepted. Spec: Book 1 Annex B.
        ("frdeen", "", "en"),
        ("fr", "", ""),
        ("f", "", ""),
        ("", "zhen", "zh"),
        ("en", "zh", "en"),  # Which of two is free; the first to be heard stays.
        ("fr", "en", "en"),
        ("", "", ""),
    ],
)
def test_the_cardholders_language(directory_says: str, application_says: str, spoken: str) -> None:
    """Spec: Book 4 §11.1: the first of the card's languages that the terminal knows."""
    card = session()
    transcript = [
        *select(PSE, ok(fci(PSE, t("88", "01"), t("5F2D", text(directory_says))))),
        ("00B2010C00", ok(t("70", application(CREDIT, "U", "01")))),
        ("00B2020C00", "6A83"),
        *select(CREDIT, ok(fci(CREDIT, t("5F2D", text(application_says))))),
        *REST,
    ]
    play(card, transcript)
    assert card.language == spoken


def test_the_language_of_a_listed_application_is_known_before_the_choice() -> None:
    card = session()
    entries = [fci(name, t("50", text("A")), t("5F2D", text("en"))) for name in (DEBIT, CREDIT)]
    transcript = [
        *select(PSE, "6A82"),
        *select(BRAND, ok(entries[0])),
        *select(BRAND, ok(entries[1]), again=True),
        *select(BRAND, "6A82", again=True),
        ("CHOOSE A|A", None),
    ]
    play(card, transcript)
    assert card.language == "en"
