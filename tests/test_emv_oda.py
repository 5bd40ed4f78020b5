"""Offline data authentication in whole sessions: the method, the bits of TVR and TSI, and what follows from them.

The cards are signed with the published test keys by `sim.card.chain`, which shares no code with the kernel.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from emv_card_script import (
    IAD,
    PAN,
    UN,
    Transcript,
    authenticate,
    first_generate_ac,
    ok,
    online,
    pin,
    play,
    second_generate_ac,
    t,
)
from emv_oda_card import AC, CDA, CLAIM, DDA, NUMBER, SDA, KeyedCard
from hypothesis import given
from hypothesis import strategies as st

from emv.capk import CaKeys, CaPublicKey, RevokedCertificate, default_capks
from emv.certificates import OdaFailure
from emv.commands import Cryptogram, Result
from emv.explain import sentence
from emv.kernel import AidEntry
from emv.oda import recover_pin_key, static_data
from emv.profile import CdaMode
from emv.trace import Decision
from sim.card.chain import combined_data, icc_certificate, signed_dynamic_data
from sim.card.rsa_keys import published_keys

PERFORMED = 0x80  # TSI byte 1 b8.
AMOUNTS = "000000012850" + "000000000000" + "0156"
TAIL = "0156" + "240615" + "00" + UN


def to_first_ac(card: KeyedCard, tvr: str, *, dda: Transcript | None = None, **profile: Any) -> Any:
    """Play up to an AAC, which shows the TVR that the card was told. Returns (session, outcome)."""
    kernel = card.session(**profile)
    conversation = [*card.start(), *(dda or []), *pin(), *first_generate_ac(tvr, given="00")]
    outcome = play(kernel, conversation).outcome
    assert outcome.data[0x95].hex().upper() == tvr
    return kernel, outcome


def words(kernel: Any) -> list[str]:
    return [item.rule.word for item in kernel.trace if isinstance(item, Decision)]


# The method. Spec: Book 3 §10.3.


@pytest.mark.parametrize(
    ("aip", "claim", "method"),
    [
        ("7D00", "E068C8", "cda"),
        ("7D00", "E068C0", "dda"),
        ("7D00", "E06880", "sda"),
        ("7C00", "E068C8", "dda"),
        ("5C00", "E068C8", "sda"),
        ("1D00", "E06848", "cda"),
        ("1D00", "E068C0", "none"),
        ("1C00", "E068C8", "none"),
        ("9C00", "E068C8", "none"),  # XDA alone: not in.
        ("7D00", "E06800", "none"),
    ],
)
def test_the_best_that_both_can_do(aip: str, claim: str, method: str) -> None:
    card = KeyedCard(aip=aip)
    dda = card.internal_authenticate() if method == "dda" else None
    tvr = {"none": "8000048000", "sda": "0200048000"}.get(method, "0000048000")
    if method == "cda":
        kernel = card.session(capabilities=bytes.fromhex(claim))
        sent = AMOUNTS + tvr + TAIL
        aac = ok(t("80", "00", "0042", AC, IAD))
        play(kernel, [*card.start(), *pin(), (f"80AE90001D{sent}00", aac)])
    else:
        kernel, outcome = to_first_ac(card, tvr, dda=dda, capabilities=bytes.fromhex(claim))
        assert bool(outcome.data[0x9B][0] & PERFORMED) is (method != "none")
    assert f"oda-{method}" in words(kernel)


@pytest.mark.parametrize("exponent", [3, 65537])
def test_good_static_data(exponent: int) -> None:
    kernel, outcome = to_first_ac(KeyedCard(exponent, SDA), "0200048000")
    assert outcome.data[0x9F45] == b"\xda\xc0"
    assert outcome.data[0x9F22].hex() == {3: "f1", 65537: "f2"}[exponent]
    assert words(kernel)[-1] != "sda-failed"
    assert "sda-good" in words(kernel)


def test_a_tag_list_of_no_length_is_none() -> None:
    """Spec: Book 3 §5.2: an element of no length counts as absent."""
    kernel, _ = to_first_ac(KeyedCard(3, SDA, tag_list=""), "0200048000")
    assert 0x9F4A not in kernel.data
    assert "sda-good" in words(kernel)


@pytest.mark.parametrize("exponent", [3, 65537])
def test_a_good_dynamic_signature(exponent: int) -> None:
    card = KeyedCard(exponent, DDA)
    _, outcome = to_first_ac(card, "0000048000", dda=card.internal_authenticate())
    assert outcome.data[0x9F4C] == NUMBER
    assert outcome.data[0x9B][0] & PERFORMED


def test_the_answer_to_internal_authenticate_in_format_2() -> None:
    card = KeyedCard(aip=DDA)
    format_1 = card.internal_authenticate()[0][1]
    signed = format_1[format_1.index("8190") + 4 : -4]
    answer = ok(t("77", t("DF01", "00"), t("9F4B", signed)))
    _, outcome = to_first_ac(card, "0000048000", dda=card.internal_authenticate(answer=answer))
    assert outcome.data[0x9F4C] == NUMBER


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("6985", "card-refused"),
        (ok(t("77", t("9F27", "80"))), "data-missing"),
        (ok(t("70", t("9F4B", "00"))), "bad-data"),
        (ok(t("A5", t("9F4B", "00"))), "bad-data"),
        (ok(), "bad-data"),
        (ok(t("80", "00") * 2), "bad-data"),
    ],
)
def test_an_answer_to_internal_authenticate_that_is_none_ends_the_session(answer: str, reason: str) -> None:
    card = KeyedCard(aip=DDA)
    outcome = play(card.session(), [*card.start(), *card.internal_authenticate(answer=answer)]).outcome
    assert (outcome.result, outcome.reason) == (Result.TERMINATED, reason)


def test_a_wrong_dynamic_signature() -> None:
    card = KeyedCard(aip=DDA)
    kernel, outcome = to_first_ac(
        card, "0800048000", dda=card.internal_authenticate(answer=ok(t("80", "00" * 144)))
    )
    assert kernel.oda.failure is not None
    assert kernel.oda.failure.word == "dynamic-data/trailer"
    assert 0x9F4C not in outcome.data
    assert outcome.data[0x9B][0] & PERFORMED


# What is absent. Spec: Book 3 §7.5.

MISSING = 0x20


@pytest.mark.parametrize("tag", ["8F", "90", "9F32", "93"])
def test_sda_without_an_element(tag: str) -> None:
    kernel, outcome = to_first_ac(KeyedCard(aip=SDA, changes={tag: None}), "6200048000")
    assert kernel.oda.failure is not None
    assert kernel.oda.failure.word.endswith("/missing")
    assert outcome.data[0x9B][0] & PERFORMED


@pytest.mark.parametrize("tag", ["8F", "90", "9F32", "9F46", "9F47", "9F48"])
@pytest.mark.parametrize(("aip", "first"), [(DDA, "28"), (CDA, "24")])
def test_dda_and_cda_without_an_element(tag: str, aip: str, first: str) -> None:
    """No signature is asked for: neither by INTERNAL AUTHENTICATE nor with the cryptogram."""
    _, outcome = to_first_ac(KeyedCard(aip=aip, changes={tag: None}), f"{first}00048000")
    assert outcome.data[0x9B][0] & PERFORMED


def test_an_element_of_another_method_is_not_missed() -> None:
    to_first_ac(KeyedCard(aip=SDA, changes={"9F46": None, "9F47": None, "9F48": None, "9F49": None}), "0200048000")


# What is wrong: card or terminal, why, and that the method's bit is the only one. Spec: Book 2 §5.3, §5.4, §6.4, §6.5.



def expiring(*last_day: int) -> CaPublicKey:
    """The CA's key with another last day of use; the sale of these tests is on 15 June 2024."""
    return replace(default_capks().keys[0], expiry=datetime.date(*last_day))


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no CA key of this index": ({"changes": {"8F": "F3"}}, {}, "ca-key/missing"),
    "an index of two bytes": ({"changes": {"8F": "F1F1"}}, {}, "ca-key/missing"),
    "no CA keys at all": ({}, {"ca_keys": CaKeys()}, "ca-key/missing"),
    "an expired CA key": ({}, {"ca_keys": CaKeys((expiring(2024, 6, 14),))}, "ca-key/expired"),
    "the other CA's certificate": ({"changes": {"8F": "F2"}}, {}, "issuer-key/trailer"),
    "an expired issuer certificate": ({"issuer": {"expiry": "0524"}}, {}, "issuer-key/expired"),
    "another issuer": ({"issuer": {"identifier": "622600"}}, {}, "issuer-key/identity"),
    "an unknown hash": ({"issuer": {"algorithms": b"\x07\x01"}}, {}, "issuer-key/hash-algorithm"),
    "an unknown algorithm": ({"issuer": {"algorithms": b"\x01\x04"}}, {}, "issuer-key/key-algorithm"),
    "an issuer certificate of another format": ({"issuer": {"form": 0x12}}, {}, "issuer-key/format"),
    "an exponent of another key": ({"changes": {"9F32": "010001"}}, {}, "issuer-key/hash"),
    "a remainder where none was": ({"changes": {"92": "00"}}, {}, "issuer-key/hash"),
    "a revoked issuer certificate": (
        {},
        {
            "ca_keys": CaKeys(
                default_capks().keys,
                frozenset({RevokedCertificate(bytes.fromhex("A000000333"), 0xF1, bytes.fromhex("000001"))}),
            )
        },
        "issuer-key/revoked",
    ),
    "a tag list of more than the AIP": ({"tag_list": "825A"}, {}, "static-data/tag-list"),
}
WRONG_SDA = {
    "static data of another card": ({"changes": {"93": "11" * 176}}, {}, "static-data/trailer"),
    "an AIP that is not signed": ({"changes": {"9F4A": None}}, {}, "static-data/hash"),
}
WRONG_ICC = {
    "another card": ({"icc": {"pan": "6222021234567894322"}}, {}, "icc-key/identity"),
    "an expired card certificate": ({"icc": {"expiry": "0524"}}, {}, "icc-key/expired"),
    "a card certificate of another format": ({"icc": {"form": 0x14}}, {}, "icc-key/format"),
    "other static data": ({"icc": {"static_data": b""}}, {}, "icc-key/hash"),
    "an AIP that is not signed": ({"changes": {"9F4A": None}}, {}, "icc-key/hash"),
}
WRONG_DDA = {
    "a DDOL without the unpredictable number": ({"changes": {"9F49": "9A03"}}, {}, "dynamic-data/ddol"),
    "a DDOL of something else": ({"changes": {"9F49": "9F4104"}}, {}, "dynamic-data/ddol"),
    "a DDOL that asks for none of it": ({"changes": {"9F49": "9F3700"}}, {}, "dynamic-data/ddol"),
    "a DDOL that is cut short": ({"changes": {"9F49": "9F37"}}, {}, "dynamic-data/ddol"),
    "no DDOL on either side": (
        {"changes": {"9F49": None}},
        {"aids": (AidEntry(bytes.fromhex("A000000333"), "x"),)},
        "dynamic-data/ddol",
    ),
}


@pytest.mark.parametrize(
    ("aip", "name"),
    [
        *[(aip, name) for aip in (SDA, DDA, CDA) for name in WRONG],
        *[(SDA, name) for name in WRONG_SDA],
        *[(aip, name) for aip in (DDA, CDA) for name in WRONG_ICC],
        *[(DDA, name) for name in WRONG_DDA],
    ],
)
def test_what_is_wrong_fails_the_method_and_nothing_else(aip: str, name: str) -> None:
    tables = {SDA: {**WRONG, **WRONG_SDA}, DDA: {**WRONG, **WRONG_ICC, **WRONG_DDA}, CDA: {**WRONG, **WRONG_ICC}}
    facts, profile, word = tables[aip][name]
    bits = {SDA: "42", DDA: "08", CDA: "04"}[aip]
    card = KeyedCard(aip=aip, **facts)
    kernel = card.session(**profile)
    with pytest.raises(AssertionError, match="at its end"):
        play(kernel, [*card.start(), *pin()])
    assert bytes(kernel.tvr)[0] == int(bits, 16)
    assert kernel.oda.failure is not None
    assert kernel.oda.failure.word == word
    assert bytes(kernel.tsi)[0] & PERFORMED
    assert {0x9F45, 0x9F4C}.isdisjoint(kernel.data)


def test_the_trace_says_why_in_both_languages() -> None:
    kernel, _ = to_first_ac(KeyedCard(aip=SDA, issuer={"expiry": "0524"}), "4200048000")
    (failed,) = [item for item in kernel.trace if isinstance(item, Decision) and item.rule.word == "sda-failed"]
    assert sentence(failed, "en").endswith("Issuer public key certificate: expired, or its date is none")
    assert sentence(failed, "zh-CN").endswith("发卡行公钥证书: 已过期或日期无效")
    assert sentence(replace(failed, facts=(("failure", "nonsense"),)), "en").endswith("failure nonsense]")


def test_a_ca_key_on_its_last_day() -> None:
    to_first_ac(KeyedCard(aip=SDA), "0200048000", ca_keys=CaKeys((expiring(2024, 6, 15),)))


def test_the_files_up_to_10_are_signed_without_their_template() -> None:
    kernel = KeyedCard().session()
    kernel.data[0x82] = bytes.fromhex("1C00")
    record = bytes.fromhex("7081025A00")  # The length in a longer form than needed.
    kernel.oda.records = [(1, record), (10, record), (11, record), (30, record)]
    assert static_data(kernel) == 2 * record[3:] + 2 * record
    kernel.data[0x9F4A] = b"\x82"
    assert static_data(kernel) == 2 * record[3:] + 2 * record + bytes.fromhex("1C00")


@pytest.mark.parametrize("answer", ["DF0102AA55", "6103DF0100"])
def test_a_signed_record_that_is_no_template(answer: str) -> None:
    """In the files above 10 the session goes on, and authentication has failed. Spec: Book 3 §10.3."""
    card = KeyedCard(aip=SDA)
    kernel = card.session()
    conversation = [*card.start()[:-1], ("00B2015C00", ok(answer))]
    play(kernel, [*conversation, *pin(), *first_generate_ac("4200048000", given="00")])
    assert kernel.oda.failure is not None
    assert kernel.oda.failure.word == "static-data/record"


def test_padding_behind_a_template_is_signed_with_it() -> None:
    card = KeyedCard(aip=SDA)
    start = card.start()
    place = next(number for number, (asked, _) in enumerate(start) if asked == "00B2030C00")
    padded = [*start[:place], (start[place][0], ok(start[place][1][:-4] + "0000")), *start[place + 1 :]]
    play(card.session(), [*padded, *pin(), *first_generate_ac("4200048000", given="00")])


def test_the_default_ddol() -> None:
    card = KeyedCard(aip=DDA, changes={"9F49": None})
    kernel, _ = to_first_ac(card, "0000048000", dda=card.internal_authenticate())
    assert "default-ddol" in words(kernel)


def test_what_a_record_says_of_itself_does_not_count() -> None:
    _, outcome = to_first_ac(
        KeyedCard(aip=SDA, changes={"9F45": "1234", "9F4C": "0102", "93": "00" * 176}), "4200048000"
    )
    assert {0x9F45, 0x9F4C}.isdisjoint(outcome.data)


# CDA. Spec: Book 2 §6.6, Book 4 §6.3.2.1.

TVR_GOOD = "0000048000"
NOT_YET = "8000048000"
FIRST = AMOUNTS + TVR_GOOD + TAIL
SECOND = "3030" + "01020304050607083030" + TVR_GOOD + UN


def with_cda(card: KeyedCard, *after: Any) -> Transcript:
    return [*card.start(), *pin(), *after]


@pytest.mark.parametrize("exponent", [3, 65537])
def test_cda_in_both_generate_acs(exponent: int) -> None:
    card = KeyedCard(exponent, CDA)
    kernel = card.session()
    conversation = with_cda(
        card,
        card.generate_ac(f"80AE90001D{FIRST}00", FIRST),
        *online(),
        *authenticate(),
        card.generate_ac(f"80AE500015{SECOND}00", FIRST + SECOND, "40"),
    )
    played = play(kernel, conversation)
    assert (played.outcome.result, played.outcome.reason) == (Result.APPROVED, "approved-online")
    assert played.online_data is not None
    assert played.online_data[0x9F26].hex() == AC  # Out of the signature; the answer has none outside.
    assert played.online_data[0x9B][0] & PERFORMED
    assert played.outcome.data[0x95].hex() == TVR_GOOD
    assert played.outcome.data[0x9F4C] == NUMBER
    assert words(kernel).count("cda-good") == 2


@pytest.mark.parametrize("more", [t("DF01", "AA"), t("BF0C", t("9F4D", "0B0A")), "9F60" + "8101" + "00"])
def test_every_object_of_the_answer_is_under_the_signature(more: str) -> None:
    """Unknown ones, templates, and lengths in the form in which the card wrote them."""
    card = KeyedCard(aip=CDA)
    kernel = card.session()
    conversation = with_cda(card, card.generate_ac(f"80AE90001D{FIRST}00", FIRST, more=more))
    with pytest.raises(AssertionError, match="asks ONLINE"):
        play(kernel, conversation)
    assert "cda-good" in words(kernel)


def test_the_pdol_is_under_the_signature() -> None:
    card = KeyedCard(aip=CDA)
    kernel = card.session()
    start = card.start()
    place = next(number for number, (asked, _) in enumerate(start) if asked.startswith("80A8"))
    fci = start[place - 2]
    longer = t("6F", t("84", "A000000333010102"), t("A5", t("50", "41"), t("87", "01"), t("9F38", "9F1A02")))
    conversation = [
        *start[: place - 2],
        (fci[0], ok(longer)),
        start[place - 1],
        ("80A800000483020156" + "00", start[place][1]),
        *start[place + 1 :],
        *pin(),
        card.generate_ac(f"80AE90001D{FIRST}00", "0156" + FIRST),
        *online(None),
        ("80AE000015" + "5A33" + "00" * 10 + TVR_GOOD + UN + "00", ok(t("80", "00", "0042", AC, IAD))),
    ]
    assert play(kernel, conversation).outcome.reason == "unable-to-go-online"
    assert "cda-good" in words(kernel)


@pytest.mark.parametrize(
    ("mode", "first", "second"),
    [
        (CdaMode.MODE_1, "90", "50"),
        (CdaMode.MODE_2, "90", "40"),
        (CdaMode.MODE_3, "80", "40"),
        (CdaMode.MODE_4, "80", "50"),
    ],
)
def test_the_four_modes(mode: CdaMode, first: str, second: str) -> None:
    card = KeyedCard(aip=CDA)
    # Without a signature the first TVR says that nothing was authenticated; the second does not any more.
    told = FIRST if first == "90" else FIRST.replace(TVR_GOOD, NOT_YET)
    plain = [ok(t("80", kind, "0042", AC, IAD)) for kind in ("80", "40")]
    signed = [card.generate_ac("", told)[1], card.generate_ac("", told + SECOND, "40")[1]]
    conversation = with_cda(
        card,
        (f"80AE{first}001D{told}00", signed[0] if first == "90" else plain[0]),
        *online(),
        *authenticate(),
        (f"80AE{second}0015{SECOND}00", signed[1] if second == "50" else plain[1]),
    )
    outcome = play(card.session(cda_mode=mode), conversation).outcome
    assert outcome.result is Result.APPROVED
    assert bool(outcome.data[0x9B][0] & PERFORMED) is (mode is not CdaMode.MODE_3)


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another unpredictable number": ({"unpredictable": "00000000"}, "dynamic-data/hash"),
    "a replayed transaction": ({"exchanged": "00" * 29}, "dynamic-data/transaction-hash"),
    "TC inside, ARQC outside": ({"signed_kind": 0x40}, "dynamic-data/cryptogram-type"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_wrong_signature_ends_with_an_aac_and_the_issuer_is_not_asked(name: str) -> None:
    facts, word = LIES[name]
    card = KeyedCard(aip=CDA)
    kernel = card.session()
    aac = f"80AE000015{'5A31' + '00' * 10 + '0400048000' + UN}00"
    conversation = with_cda(
        card, card.generate_ac(f"80AE90001D{FIRST}00", FIRST, **facts), (aac, ok(t("80", "00", "0043", AC, IAD)))
    )
    outcome = play(kernel, conversation).outcome
    assert (outcome.result, outcome.reason, outcome.online) == (Result.DECLINED, "card-not-authenticated", False)
    assert outcome.cryptogram is Cryptogram.AAC
    assert outcome.data[0x95].hex() == "0400048000"
    assert outcome.data[0x9B][0] & PERFORMED
    assert kernel.oda.failure is not None
    assert kernel.oda.failure.word == word


@pytest.mark.parametrize(
    "answer",
    [
        t("80", "80", "0042", AC, IAD),  # Format 1: no signature at all.
        t("77", t("9F27", "80"), t("9F36", "0042"), t("9F26", AC), t("9F10", IAD)),
        t("77", t("9F27", "80"), t("9F36", "0042")),
    ],
)
def test_a_card_that_was_asked_for_a_signature_and_gives_none(answer: str) -> None:
    card = KeyedCard(aip=CDA)
    kernel = card.session()
    aac = f"80AE000015{'5A31' + '00' * 10 + '0400048000' + UN}00"
    conversation = with_cda(card, (f"80AE90001D{FIRST}00", ok(answer)), (aac, ok(t("80", "00", "0043", AC, IAD))))
    assert play(kernel, conversation).outcome.reason == "card-not-authenticated"


def test_an_aac_needs_no_signature() -> None:
    card = KeyedCard(aip=CDA)
    kernel = card.session()
    conversation = with_cda(card, (f"80AE90001D{FIRST}00", ok(t("80", "00", "0042", AC, IAD))))
    outcome = play(kernel, conversation).outcome
    assert (outcome.result, outcome.reason) == (Result.DECLINED, "declined-by-card")
    assert outcome.data[0x95].hex() == TVR_GOOD


def test_a_wrong_signature_after_the_issuers_approval() -> None:
    card = KeyedCard(aip=CDA)
    conversation = with_cda(
        card,
        card.generate_ac(f"80AE90001D{FIRST}00", FIRST),
        *online(),
        *authenticate(),
        card.generate_ac(f"80AE500015{SECOND}00", FIRST, "40"),  # CDOL2's values are left out.
    )
    outcome = play(card.session(), conversation).outcome
    assert (outcome.result, outcome.reason, outcome.online) == (Result.DECLINED, "card-not-authenticated", True)
    assert outcome.data[0x95].hex() == "0400048000"
    assert not outcome.signature
    assert 0x9F26 not in outcome.data  # Nothing vouches for a cryptogram.


def test_keys_that_cannot_be_recovered_count_before_terminal_action_analysis() -> None:
    """TAC-Denial 'CDA failed' declines at once; else the issuer is asked, and nothing is signed any more."""
    card = KeyedCard(aip=CDA, changes={"8F": "F3"})
    deny = AidEntry(bytes.fromhex("A000000333"), "x", tac_denial=bytes.fromhex("0400000000"))
    sent = AMOUNTS + "0400048000" + TAIL
    aac = (f"80AE00001D{sent}00", ok(t("80", "00", "0042", AC, IAD)))
    assert play(card.session(aids=(deny,)), with_cda(card, aac)).outcome.reason == "declined-offline"
    tvr = "0400048000"
    outcome = play(
        card.session(),
        with_cda(card, *first_generate_ac(tvr), *online(), *authenticate(), *second_generate_ac(tvr)),
    ).outcome
    assert outcome.result is Result.APPROVED


GOOD_CARD = KeyedCard(aip=CDA)
GOOD_SALE = with_cda(
    GOOD_CARD,
    GOOD_CARD.generate_ac(f"80AE90001D{FIRST}00", FIRST),
    *online(),
    *authenticate(),
    GOOD_CARD.generate_ac(f"80AE500015{SECOND}00", FIRST + SECOND, "40"),
)


@given(st.data())
def test_whoever_changes_one_bit_of_a_signed_answer_gets_no_approval(data: st.DataObject) -> None:
    """A wedge between card and terminal: every byte of both answers is under the signature or breaks its reading."""
    place = data.draw(st.sampled_from([-1, -4]))
    command, answer = GOOD_SALE[place]
    bit = data.draw(st.integers(0, 4 * len(answer) - 1))
    torn = f"{int(answer, 16) ^ 1 << bit:0{len(answer)}X}"
    conversation = [*GOOD_SALE]
    conversation[place] = (command, torn)
    kernel = GOOD_CARD.session()
    try:
        outcome = play(kernel, conversation).outcome
    except AssertionError:  # It ended before, or asked for an AAC: the way of the approved sale was left.
        assert "cda-failed" in words(kernel) or kernel.problem
        return
    assert outcome.result is not Result.APPROVED


@pytest.mark.parametrize("step", ["records", "cryptogram"])
def test_a_clone_without_the_private_key_is_not_approved(step: str) -> None:
    """A copy of everything that can be read from the card, with a key of its own behind it."""
    other = published_keys()["icc", 65537]
    data = combined_data(NUMBER, 0x80, bytes.fromhex(AC), bytes.fromhex(FIRST))
    forged = signed_dynamic_data(other, data, bytes.fromhex(UN)).hex()
    aac = (f"80AE000015{'5A31' + '00' * 10 + '0400048000' + UN}00", ok(t("80", "00", "0043", AC, IAD)))
    if step == "cryptogram":
        answer = ok(t("77", t("9F27", "80"), t("9F36", "0042"), t("9F4B", forged), t("9F10", IAD)))
        kernel = GOOD_CARD.session()
        outcome = play(kernel, with_cda(GOOD_CARD, (f"80AE90001D{FIRST}00", answer), aac)).outcome
        assert outcome.reason == "card-not-authenticated"
        return
    # Its own key in the certificate: the issuer never signed it.
    made = icc_certificate(other, other, PAN, GOOD_CARD.static_data)
    changes = {"9F46": made.certificate.hex(), "9F47": "010001", "9F48": made.remainder.hex()}
    kernel, _ = to_first_ac(KeyedCard(aip=CDA, changes=changes), "0400048000")
    assert kernel.oda.failure is not None
    assert kernel.oda.failure.word == "icc-key/length"


# The key for PIN encipherment. Spec: Book 2 §7.1.


def recovered(card: KeyedCard) -> Any:
    kernel = card.session()
    with pytest.raises(AssertionError, match="at its end"):
        play(kernel, card.start())
    return recover_pin_key(kernel)


def pin_certificate(pan: str = PAN) -> dict[str, str | None]:
    pin_key = published_keys()["pin", 3]
    made = icc_certificate(published_keys()["issuer", 3], pin_key, pan)
    return {"9F2D": made.certificate.hex(), "9F2E": pin_key.exponent.hex()}


def test_a_pin_key_of_its_own() -> None:
    assert recovered(KeyedCard(changes=pin_certificate())).modulus == published_keys()["pin", 3].modulus


def test_without_one_the_cards_key_serves() -> None:
    assert recovered(KeyedCard()).modulus == published_keys()["icc", 3].modulus
    half = {"9F2D": pin_certificate()["9F2D"]}  # Not all that is needed: as if it were not there.
    assert recovered(KeyedCard(changes=half)).modulus == published_keys()["icc", 3].modulus


def test_a_wrong_pin_key_is_no_reason_to_take_another() -> None:
    with pytest.raises(OdaFailure) as caught:
        recovered(KeyedCard(changes=pin_certificate("6222021234567894322")))
    assert caught.value.word == "pin-key/identity"


@pytest.mark.parametrize("tag", ["8F", "90", "9F32"])
def test_a_pin_key_of_its_own_needs_the_issuers(tag: str) -> None:
    with pytest.raises(OdaFailure) as caught:
        recovered(KeyedCard(changes={**pin_certificate(), tag: None}))
    assert caught.value.data_missing


def test_no_key_at_all() -> None:
    with pytest.raises(OdaFailure) as caught:
        recovered(KeyedCard(changes={"9F46": None}))
    assert caught.value.word == "icc-key/missing"


def test_a_second_application_forgets_the_first_ones_authentication() -> None:
    card = KeyedCard(aip=CDA)
    kernel = card.session()
    with pytest.raises(AssertionError, match="at its end"):
        play(kernel, card.start())
    assert kernel.oda.icc_key is not None
    assert kernel.oda.records
    kernel.begin_application(kernel.selected())
    assert kernel.oda.icc_key is None
    assert not kernel.oda.records
    assert not kernel.oda.sent
    assert CLAIM[2] == 0xC8
