"""Whole sessions of the contact kernel, each a flat transcript and what it ends in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from emv_card_script import (
    ARPC,
    CREDIT,
    IAD,
    NO,
    PIN_TVR,
    PSE,
    UN,
    UNIONPAY,
    Transcript,
    application,
    approved_sale,
    authenticate,
    cryptogram,
    directory,
    first_generate_ac,
    ok,
    online,
    options,
    pin,
    play,
    records,
    second_generate_ac,
    select,
    selection,
    session,
    t,
)

from emv.commands import CardError, Cryptogram, OnlineAnswer, PinResult, Result
from emv.kernel import AidEntry, contact_session, read_card
from emv.rules import REASONS

START = [*selection(), *options()]
NO_ODA = "8000008000"
NONE = "00" * 10  # CDOL2 asks for tag 91, and there is none.


@dataclass
class Case:
    """A transcript and its end. `tvr`, `tsi`, `cvm` (9F34) and `code` (8A) in hex where they matter."""

    transcript: Transcript
    result: Result
    reason: str
    cryptogram: Cryptogram | None = None
    tvr: str = ""
    tsi: str = ""
    cvm: str = ""
    code: str = ""
    signature: bool = False
    online: bool | None = None
    setting: dict[str, Any] = field(default_factory=dict)


def with_pin(*after: Transcript) -> Transcript:
    """Everything up to and with the PIN, then the rest."""
    return [*START, *records(), *pin(), *(exchange for part in after for exchange in part)]


A, D, T, C = Result.APPROVED, Result.DECLINED, Result.TERMINATED, Result.CANCELLED
TC, AAC, ARQC = Cryptogram.TC, Cryptogram.AAC, Cryptogram.ARQC

CASES = {
    "approved with online PIN": Case(
        approved_sale(), A, "approved-online", TC, PIN_TVR, "7800", "420300", "00", online=True
    ),
    "approved with signature": Case(
        [
            *START,
            *records(x8E="00000000000000001E031F03"),
            *first_generate_ac(NO_ODA),
            *online(),
            *authenticate(),
            *second_generate_ac(NO_ODA),
        ],
        A, "approved-online", TC, NO_ODA, "7800", "1E0300", signature=True,
    ),
    "approved without a CVM": Case(
        [
            *START,
            *records(x8E="00000000000000001F00"),
            *first_generate_ac(NO_ODA),
            *online(),
            *authenticate(),
            *second_generate_ac(NO_ODA),
        ],
        A, "approved-online", TC, NO_ODA, "7800", "1F0002",
    ),
    "GPO format 2 and GENERATE AC format 2": Case(
        [
            *selection(),
            ("DRAW 4", UN),
            ("80A8000002830000", ok(t("77", t("82", "1C00"), t("94", "08010300")))),
            *records(),
            *pin(),
            *first_generate_ac(
                PIN_TVR,
                answer=ok(t("77", t("9F27", "80"), t("9F36", "0042"), t("9F26", "11" * 8), t("9F10", IAD))),
            ),
            *online(),
            *authenticate(),
            *second_generate_ac(
                PIN_TVR, answer=ok(t("77", t("9F27", "40"), t("9F36", "0042"), t("9F26", "22" * 8)))
            ),
        ],
        A, "approved-online", TC, PIN_TVR, "7800",
    ),
    "PDOL is filled, an unknown tag with zeros": Case(
        [
            *selection(t("9F38", "9F1A029F0206DF1901")),
            ("DRAW 4", UN),
            ("80A800000B8309" + "0156" + "000000012850" + "00" + "00", ok(t("80", "1C0008010300"))),
            *records(),
            *pin(PinResult.CANCELLED),
        ],
        C, "pin-cancelled",
    ),
    "declined by the issuer": Case(
        with_pin(
            first_generate_ac(PIN_TVR),
            online(NO),
            authenticate(data=ARPC + "3531"),
            second_generate_ac(PIN_TVR, wanted="00", given="00", code="51", auth=ARPC + "3531"),
        ),
        D, "declined-by-issuer", AAC, code="51", online=True,
    ),
    "a referral is not an approval": Case(
        with_pin(
            first_generate_ac(PIN_TVR),
            online(OnlineAnswer(b"01")),
            second_generate_ac(PIN_TVR, wanted="00", given="00", code="01", auth=NONE),
        ),
        D, "referred", AAC, code="01",
    ),
    "the issuer says yes, the card says no": Case(
        with_pin(first_generate_ac(PIN_TVR), online(), authenticate(), second_generate_ac(PIN_TVR, given="00")),
        D, "declined-by-card", AAC, code="00", online=True,
    ),
    "issuer authentication fails, the card says no": Case(
        with_pin(
            first_generate_ac(PIN_TVR),
            online(),
            authenticate("6300"),
            second_generate_ac("8000048040", given="00"),
        ),
        D, "declined-by-card", AAC, "8000048040", "7800",
    ),
    "issuer authentication fails, the card says yes": Case(
        with_pin(first_generate_ac(PIN_TVR), online(), authenticate("6985"), second_generate_ac("8000048040")),
        A, "approved-online", TC, "8000048040", "7800",
    ),
    "an AIP without issuer authentication puts tag 91 into CDOL2 only": Case(
        [
            *selection(),
            *options("1800"),
            *records(),
            *pin(),
            *first_generate_ac(PIN_TVR),
            *online(),
            *second_generate_ac(PIN_TVR),
        ],
        A, "approved-online", TC, PIN_TVR, "6800",
    ),
    "issuer authentication data of a wrong length never reach the card": Case(
        with_pin(
            first_generate_ac(PIN_TVR),
            online(OnlineAnswer(b"00", b"1234")),
            second_generate_ac("8000048040", auth=NONE),
        ),
        A, "approved-online", TC, "8000048040", "6800",
    ),
    "no issuer authentication data": Case(
        with_pin(
            first_generate_ac(PIN_TVR), online(OnlineAnswer(b"00")), second_generate_ac(PIN_TVR, auth=NONE)
        ),
        A, "approved-online", TC, PIN_TVR, "6800",
    ),
    "unable to go online": Case(
        with_pin(
            first_generate_ac(PIN_TVR),
            online(None),
            second_generate_ac(PIN_TVR, wanted="00", given="00", code="Z3", auth=NONE),
        ),
        D, "unable-to-go-online", AAC, PIN_TVR, "6800", code="Z3", online=True,
    ),
    "an answer without a response code is no answer": Case(
        with_pin(
            first_generate_ac(PIN_TVR),
            online(OnlineAnswer(b"")),
            second_generate_ac(PIN_TVR, wanted="00", given="00", code="Z3", auth=NONE),
        ),
        D, "unable-to-go-online", AAC,
    ),
    "a card that approves when the issuer was not reached": Case(
        with_pin(
            first_generate_ac(PIN_TVR),
            online(None),
            second_generate_ac(PIN_TVR, wanted="00", given="40", code="Z3", auth=NONE),
        ),
        D, "unable-to-go-online", AAC,
    ),
    "a card that approves when the issuer declined": Case(
        with_pin(
            first_generate_ac(PIN_TVR),
            online(NO),
            authenticate(data=ARPC + "3531"),
            second_generate_ac(PIN_TVR, wanted="00", given="40", code="51", auth=ARPC + "3531"),
        ),
        D, "declined-by-issuer", AAC,
    ),
    "a card that wants to go online twice": Case(
        with_pin(first_generate_ac(PIN_TVR), online(), authenticate(), second_generate_ac(PIN_TVR, given="80")),
        D, "declined-by-card", AAC,
    ),
    "a card that approves offline": Case(
        with_pin(first_generate_ac(PIN_TVR, given="40")), T, "cryptogram-not-allowed", TC, online=False
    ),
    "a reserved cryptogram type": Case(
        with_pin(first_generate_ac(PIN_TVR, given="C0")), T, "cryptogram-not-allowed"
    ),
    "the card declines at once": Case(
        with_pin(first_generate_ac(PIN_TVR, given="00")), D, "declined-by-card", AAC, PIN_TVR, "6800", online=False
    ),
    "the card does not allow the service": Case(
        with_pin(first_generate_ac(PIN_TVR, given="01")), D, "service-not-allowed", AAC
    ),
    "denied by terminal action analysis (IAC-Denial, service not allowed)": Case(
        [
            *START,
            *records(x9F07="0000"),
            *pin(),
            *first_generate_ac("8010048000", wanted="00", given="00"),
        ],
        D, "declined-offline", AAC, "8010048000", code="Z1", online=False,
    ),
    "denied, and the card wants to go online": Case(
        [
            *START,
            *records(x9F07="0000"),
            *pin(),
            *first_generate_ac("8010048000", wanted="00", given="80"),
        ],
        T, "cryptogram-not-allowed", ARQC,
    ),
    "denied by TAC-Denial alone": Case(
        [
            *START,
            *records(x9F0D=None, x9F0E=None, x9F0F=None, x5F24="231231"),
            *pin(),
            *first_generate_ac("8040048000", wanted="00", given="00"),
        ],
        D, "declined-offline", AAC, "8040048000",
        setting={"aids": (AidEntry(UNIONPAY.aid, "x", tac_denial=bytes.fromhex("0040000000")),)},
    ),
    "the first GENERATE AC is refused": Case(with_pin(first_generate_ac(PIN_TVR, answer="6985")), T, "card-refused"),
    "the second GENERATE AC is refused after an approval": Case(
        with_pin(first_generate_ac(PIN_TVR), online(), authenticate(), second_generate_ac(PIN_TVR, answer="6F00")),
        T, "card-refused", online=True,
    ),
    "no cryptogram in the answer": Case(
        with_pin(first_generate_ac(PIN_TVR, answer=ok(t("77", t("9F27", "80"), t("9F36", "0001"))))),
        T, "data-missing",
    ),
    "a cryptogram that is cut short": Case(
        with_pin(first_generate_ac(PIN_TVR, answer=ok(t("80", "8000421122")))), T, "bad-data"
    ),
    "a cryptogram of seven bytes": Case(
        with_pin(
            first_generate_ac(
                PIN_TVR, answer=ok(t("77", t("9F27", "80"), t("9F36", "0001"), t("9F26", "11" * 7)))
            )
        ),
        T, "bad-data",
    ),
    "issuer application data too long": Case(
        with_pin(first_generate_ac(PIN_TVR, answer=ok(t("80", "80", "0042", "11" * 8, "22" * 33)))), T, "bad-data"
    ),
    "forced online by the merchant": Case(
        [*START, *records(), *pin(), *first_generate_ac("8000048800", given="00")],
        D, "declined-by-card", tvr="8000048800", setting={"sale": {"forced_online": True}},
    ),
    "under the floor limit": Case(
        [*START, *records(), *pin(), *first_generate_ac("8000040000", given="00")],
        D, "declined-by-card", tvr="8000040000", tsi="6800",
        setting={"aids": (AidEntry(UNIONPAY.aid, "x", floor_limit_minor=12851),)},
    ),
    "at the floor limit": Case(
        [*START, *records(), *pin(), *first_generate_ac("8000048000", given="00")],
        D, "declined-by-card", tvr="8000048000",
        setting={"aids": (AidEntry(UNIONPAY.aid, "x", floor_limit_minor=12850),)},
    ),
    "risk management also when the AIP does not ask for it": Case(
        [
            *selection(), *options("1400"), *records(), *pin(),
            *first_generate_ac(PIN_TVR, given="00"),
        ],
        D, "declined-by-card", tvr=PIN_TVR, tsi="6800",
    ),
    "GET PROCESSING OPTIONS is refused": Case(
        [*selection(), ("DRAW 4", UN), ("80A8000002830000", "6D00")], T, "card-refused"
    ),
    "the only application is not to be used now": Case(
        [*selection(), ("DRAW 4", UN), ("80A8000002830000", "6985")], T, "no-application"
    ),
    "garbage for processing options": Case(
        [*selection(), ("DRAW 4", UN), ("80A8000002830000", "80FF9000")], T, "bad-data"
    ),
    "empty processing options": Case(
        [*selection(), ("DRAW 4", UN), ("80A8000002830000", "9000")], T, "bad-data"
    ),
    "no AFL": Case([*selection(), ("DRAW 4", UN), ("80A8000002830000", ok(t("80", "1C00")))], T, "data-missing"),
    "garbage for a record": Case([*START, ("00B2010C00", "DEADBEEF9000")], T, "bad-data"),
    "a record without its template": Case([*START, ("00B2010C00", ok(t("77", t("5A", "62"))))], T, "bad-data"),
    "a record with something behind it": Case([*START, ("00B2010C00", ok(t("70") + "5A0162"))], T, "bad-data"),
    "a record that is not there": Case([*START, ("00B2010C00", "6A83")], T, "card-refused"),
    "an answer without status words": Case([*START, ("00B2010C00", "90")], T, "bad-data"),
    "the same element twice": Case(
        [*START, ("00B2010C00", ok(t("70", t("5F24", "301231"), t("5F24", "301231"))))], T, "bad-data"
    ),
    "no PAN": Case([*START, *records(x5A=None)], T, "data-missing"),
    "no expiry": Case([*START, *records(x5F24=None)], T, "data-missing"),
    "no CDOL1": Case([*START, *records(x8C=None)], T, "data-missing"),
    "no CDOL2": Case([*START, *records(x8D=None)], T, "data-missing"),
    "PAN and track 2 differ": Case([*START, *records(x57="6222021234567894322D3012201F")], T, "bad-data"),
    "a PAN with a letter": Case([*START, *records(x5A="62220212345678A4321F")], T, "bad-data"),
    "an expiry of two bytes": Case([*START, *records(x5F24="3012")], T, "bad-data"),
    "an expiry in month 13": Case([*START, *records(x5F24="301331")], T, "bad-data"),
    "a CDOL1 that asks for too much": Case([*START, *records(x8C="9F02FF9F03FF"), *pin()], T, "bad-data"),
    "a CDOL1 that is cut short": Case([*START, *records(x8C="9F02"), *pin()], T, "bad-data"),
}


@pytest.mark.parametrize("name", CASES)
def test_session(name: str) -> None:
    case = CASES[name]
    card = session(**case.setting)
    outcome = play(card, case.transcript).outcome
    assert (outcome.result, outcome.reason) == (case.result, case.reason), card.problem
    assert outcome.reason in REASONS
    if case.cryptogram is not None:
        assert outcome.cryptogram is case.cryptogram
    for tag, wanted in ((0x95, case.tvr), (0x9B, case.tsi), (0x9F34, case.cvm), (0x8A, case.code.encode().hex())):
        if wanted:
            assert outcome.data[tag].hex().upper() == wanted.upper(), f"{tag:X}"
    assert outcome.signature is case.signature
    if case.online is not None:
        assert outcome.online is case.online


def test_what_the_kernel_leaves_out_is_reported_and_never_claimed() -> None:
    card = session()
    outcome = play(card, approved_sale()).outcome
    assert outcome.data[0x95][0] & 0x80  # Offline data authentication was not performed.
    assert outcome.data[0x9B] == bytes.fromhex("7800")  # Neither ODA nor scripts.
    assert "Offline data authentication" in card.not_performed
    assert not set(card.steps) & set(card.not_performed)
    assert card.steps == [
        "Application selection",
        "Initiate application processing",
        "Read application data",
        "Processing restrictions",
        "Cardholder verification",
        "Terminal risk management",
        "Terminal action analysis",
        "Card action analysis",
        "Online processing",
        "Issuer authentication",
        "Completion",
    ]


def test_the_online_request_holds_field_55() -> None:
    played = play(session(), approved_sale())
    assert played.online_data is not None
    data = {tag: value.hex().upper() for tag, value in played.online_data.items()}
    assert data[0x9F26] == "1122334455667788"
    assert data[0x9F27] == "80"
    assert data[0x9F10] == IAD
    assert data[0x9F37] == UN
    assert data[0x9F36] == "0042"
    assert data[0x95] == PIN_TVR
    assert data[0x9A] == "240615"
    assert data[0x9C] == "00"
    assert data[0x9F02] == "000000012850"
    assert data[0x9F03] == "000000000000"
    assert data[0x5F2A] == data[0x9F1A] == "0156"
    assert data[0x82] == "1C00"
    assert data[0x9F33] == "E06800"
    assert data[0x9F34] == "420300"
    assert data[0x9F35] == "21"
    assert data[0x84] == CREDIT
    assert data[0x9F09] == "0030"
    assert data[0x9F41] == "00000007"
    assert data[0x5F34] == "01"
    assert played.outcome.data[0x9F27].hex() == "40"


def test_an_answer_without_issuer_data_is_not_read_with_older_ones() -> None:
    bare = ok(t("77", t("9F27", "40"), t("9F36", "0042"), t("9F26", "22" * 8)))
    transcript = [*approved_sale()[:-1], *second_generate_ac(PIN_TVR, answer=bare)]
    outcome = play(session(), transcript).outcome
    assert outcome.result is Result.APPROVED
    assert 0x9F10 not in outcome.data


@pytest.mark.parametrize("step", range(len(approved_sale())))
def test_a_card_that_leaves_comes_out_as_removed(step: int) -> None:
    card = session()
    removed = CardError("removed", removed=True)
    transcript = approved_sale()
    with pytest.raises(CardError) as caught:
        play(card, [*transcript[:step], (transcript[step][0], removed)])
    assert caught.value is removed
    asked = next(number for number, (request, _) in enumerate(transcript) if request == "ONLINE")
    assert card.online is (step >= asked)


def test_a_broken_protocol_that_is_no_removal_ends_in_an_outcome() -> None:
    card = session()
    transcript = [*selection(), ("DRAW 4", UN), ("80A8000002830000", CardError("parity", position=3))]
    outcome = play(card, transcript).outcome
    assert (outcome.result, outcome.reason) == (Result.TERMINATED, "bad-data")
    assert card.problem == "parity (at byte 3)"


def test_the_card_cannot_change_what_the_terminal_says() -> None:
    card = session()
    more = {"x9F02": "000000000001", "x95": "0000000000", "x8A": "3030", "x9F33": "E0F8C8", "x9F1A": "0840"}
    outcome = play(card, [*START, *records(**more), *pin(), *first_generate_ac(PIN_TVR, given="00")]).outcome
    assert outcome.data[0x9F02].hex() == "000000012850"
    assert outcome.data[0x8A] == b"Z1"
    assert outcome.data[0x9F33].hex() == "e06800"


def test_tc_hash_over_the_default_tdol() -> None:
    import hashlib

    entry = AidEntry(UNIONPAY.aid, "x", default_tdol=bytes.fromhex("9F02069505"))
    tvr = "8000048080"  # Default TDOL used.
    digest = hashlib.sha1(bytes.fromhex("000000012850" + tvr)).hexdigest().upper()
    transcript = [
        *START,
        *records(x8C="98149505"),
        *pin(),
        (f"80AE800019{digest}{tvr}00", ok(cryptogram("00"))),
    ]
    outcome = play(session(aids=(entry,)), transcript).outcome
    assert outcome.data[0x95].hex().upper() == tvr


def test_tc_hash_over_the_cards_tdol() -> None:
    import hashlib

    digest = hashlib.sha1(bytes.fromhex("0156")).hexdigest().upper()
    transcript = [
        *START,
        *records(x8C="9814", x97="5F2A02"),
        *pin(),
        (f"80AE800014{digest}00", ok(cryptogram("00"))),
    ]
    outcome = play(session(), transcript).outcome
    assert outcome.data[0x95].hex().upper() == PIN_TVR


def test_nothing_secret_is_printed() -> None:
    card = session()
    outcome = play(card, approved_sale()).outcome
    assert "6222" not in repr(outcome)
    assert "6222" not in repr(card)
    bad = session()
    play(bad, [*START, *records(x57="6222021234567894322D3012201F")])
    assert "6222" not in bad.problem
    assert "differ" in bad.problem


def test_a_kernel_can_be_closed_at_any_point() -> None:
    kernel = contact_session(session())
    kernel.send(None)
    kernel.close()


def test_an_amount_beyond_the_binary_element() -> None:
    card = session(sale={"amount_minor": 999_999_999_999})
    assert card.data[0x9F02].hex() == "999999999999"
    assert 0x81 not in card.data


def test_directory_and_record_content_is_not_trusted() -> None:
    # Two hundred records in the AFL: refused before the first is read.
    transcript = [*selection(), ("DRAW 4", UN), ("80A8000002830000", ok(t("80", "1C00", "0801C800")))]
    card = session()
    outcome = play(card, transcript).outcome
    assert outcome.reason == "bad-data"
    assert "records" in card.problem


def test_a_proprietary_record_is_passed_over() -> None:
    transcript = [
        *selection(),
        *options(afl="0801030058010100"),
        *records(),
        ("00B2015C00", "DEADBEEF9000"),
        *pin(PinResult.TIMED_OUT),
    ]
    assert play(session(), transcript).outcome.reason == "pin-timed-out"


def test_a_second_application_starts_clean() -> None:
    """The first application's elements are forgotten when it is not to be used."""
    other = "A000000333010101"
    transcript = [
        *directory(application(CREDIT, "CREDIT", "01") + application(other, "DEBIT", "02")),
        ("CHOOSE CREDIT|DEBIT", 0),
        *select(CREDIT, ok(t("6F", t("84", CREDIT), t("A5", t("50", "41"), t("9F38", "9F1A02"))))),
        ("DRAW 4", UN),
        ("80A800000483020156" + "00", "6985"),
        ("CHOOSE DEBIT", 0),  # Whoever chose once is asked again. Spec: Book 1 §12.4.
        *select(other, ok(t("6F", t("84", other), t("A5", t("50", "42"))))),
        *options(),
        *records(),
        *pin(PinResult.CANCELLED),
    ]
    card = session()
    outcome = play(card, transcript).outcome
    assert outcome.reason == "pin-cancelled"
    assert outcome.data[0x9F06].hex().upper() == other
    assert 0x9F38 not in outcome.data


def test_a_card_is_read_and_nothing_is_asked_of_it() -> None:
    """No cryptogram: the transcript ends with the last record."""
    made = session()
    outcome = play(made, [*START, *records()], read_card).outcome
    assert (outcome.result, outcome.reason, outcome.cryptogram) == (Result.READ, "card-read", None)
    assert not outcome.online
    assert outcome.data[0x5A]
    assert made.steps[-1] == "Read application data"


def test_a_blocked_card_is_not_read() -> None:
    outcome = play(session(), select(PSE, "6A81"), read_card).outcome
    assert (outcome.result, outcome.reason) == (Result.TERMINATED, "card-blocked")
