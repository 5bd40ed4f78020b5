"""The virtual card, driven by APDUs written by hand; its cryptograms checked by pyemv."""

from __future__ import annotations

import pyemv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.card.build import tlv
from sim.card.card import FIRST_ATC, PSE_NAME, VirtualCard
from sim.card.hostile import CardPulled
from sim.card.profiles import PROFILES, luhn_digit, make_test_pan
from sim.cryptograms import TEST_ISSUERS

SELECT_PSE = bytes.fromhex("00A404000E") + PSE_NAME + b"\x00"
TERMINAL = {
    "9F02": "000000012850",
    "9F03": "000000000000",
    "9F1A": "0156",
    "95": "8000048000",
    "5F2A": "0156",
    "9A": "261122",
    "9C": "00",
    "9F37": "A1B2C3D4",
}
CDOL1_DATA = bytes.fromhex("".join(TERMINAL.values()))
AC_FIRST = bytes.fromhex("80AE80001D") + CDOL1_DATA + b"\x00"


def second(kind: int, code: bytes = b"00", extra: bytes = b"") -> bytes:
    data = code + extra + CDOL1_DATA
    return bytes((0x80, 0xAE, kind, 0x00, len(data))) + data + b"\x00"


def select(aid: str, following: bool = False) -> bytes:
    name = bytes.fromhex(aid)
    return bytes((0x00, 0xA4, 0x04, 0x02 if following else 0x00, len(name))) + name + b"\x00"


def tags(data: bytes) -> dict[str, bytes]:
    """Walk templates 6F A5 70 77 61 BF0C; every object inside by its tag in hex."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        width = 2 if data[at] & 0x1F == 0x1F else 1
        tag = data[at : at + width].hex().upper()
        at += width
        size = data[at]
        at += 1
        if size == 0x81:
            size = data[at]
            at += 1
        value = data[at : at + size]
        at += size
        found[tag] = value
        if tag in ("6F", "A5", "70", "77", "61", "BF0C"):
            found |= tags(value)
    return found


def card(name: str = "unionpay-credit-pin") -> VirtualCard:
    made = VirtualCard(PROFILES[name])
    made.reset()
    return made


def initiated(name: str = "unionpay-credit-pin") -> VirtualCard:
    made = card(name)
    assert made.transmit(select("A000000333"))[-2:] == b"\x90\x00"
    pdol = made.profile.applications[0].pdol
    data = tlv(0x83, bytes(5) if pdol else b"")
    answer = made.transmit(b"\x80\xa8\x00\x00" + bytes((len(data),)) + data + b"\x00")
    assert answer[-2:] == b"\x90\x00"
    return made


def pyemv_session_key(made: VirtualCard, atc: bytes) -> bytes:
    """PBOC's own: the ATC and its complement under the card's key."""
    app = made.profile.applications[0]
    master = pyemv.kd.derive_icc_mk_a(TEST_ISSUERS[app.pan[:6]].keys.ac, app.pan, app.sequence)
    block = bytes(6) + atc + bytes(6) + bytes(byte ^ 0xFF for byte in atc)
    return pyemv.tools.adjust_key_parity(pyemv.tools.encrypt_tdes_ecb(master, block))


def online(name: str = "unionpay-credit-pin") -> tuple[VirtualCard, bytes]:
    """A card after its ARQC, and the right value of tag 91 for approval, made by pyemv."""
    made = initiated(name)
    answer = made.transmit(AC_FIRST)
    assert answer[-2:] == b"\x90\x00"
    atc, arqc = answer[3:5], answer[5:13]
    arpc = pyemv.ac.generate_arpc_1(pyemv_session_key(made, atc), arqc, b"00")
    return made, arpc + b"00"


def external_authenticate(data: bytes) -> bytes:
    return bytes((0x00, 0x82, 0x00, 0x00, len(data))) + data


def test_every_test_pan_is_valid_unique_and_has_a_test_issuer() -> None:
    pans = [app.pan for profile in PROFILES.values() for app in profile.applications]
    assert len(set(pans)) == len(pans)
    for pan in pans:
        assert luhn_digit(pan[:-1]) == pan[-1]
        assert pan[:6] in TEST_ISSUERS
        assert pan[6:12] == "000000"


def test_luhn_against_a_published_test_number() -> None:
    assert luhn_digit("622500000000001") == "4"
    assert make_test_pan("622500", 1) == "6225000000000014"
    assert luhn_digit("411111111111111") == "1"  # The best-known test number there is.


def test_the_atr_is_well_formed() -> None:
    atr = card().reset()
    check = 0
    for byte in atr[1:]:
        check ^= byte
    assert atr[0] == 0x3B and check == 0, "TCK makes the XOR of all but TS zero"
    assert VirtualCard(PROFILES["long-61xx"]).reset()[:1] == b"\x3b"
    assert VirtualCard(PROFILES["mute"]).reset() == b""
    assert VirtualCard(PROFILES["mute"]).transmit(SELECT_PSE) == b""


def test_the_directory_lists_the_applications() -> None:
    made = card("two-apps")
    fci = tags(made.transmit(SELECT_PSE)[:-2])
    assert fci["88"] == b"\x01"
    record = made.transmit(bytes.fromhex("00B2010C00"))
    assert record[-2:] == b"\x90\x00"
    assert record.count(bytes.fromhex("4F08A000000333")) == 2
    assert made.transmit(bytes.fromhex("00B2020C00")) == b"\x6a\x83"


def test_a_card_without_pse_has_no_such_file() -> None:
    assert card("no-pse").transmit(SELECT_PSE) == b"\x6a\x82"


def test_a_blocked_card_supports_no_function() -> None:
    assert card("blocked").transmit(SELECT_PSE) == b"\x6a\x81"


def test_partial_selection_walks_through_the_applications() -> None:
    made = card("two-apps")
    first = tags(made.transmit(select("A000000333"))[:-2])
    second_one = tags(made.transmit(select("A000000333", following=True))[:-2])
    assert first["84"].hex().upper() == "A000000333010101"
    assert first["87"] == b"\x81", "confirmation and priority 1"
    assert second_one["84"].hex().upper() == "A000000333010102"
    assert made.transmit(select("A000000333", following=True)) == b"\x6a\x82"
    assert made.transmit(select("A000000004")) == b"\x6a\x82"


def test_a_blocked_application_says_so_and_gives_only_aacs() -> None:
    made = card("app-blocked")
    assert made.transmit(select("A000000333"))[-2:] == b"\x62\x83"
    made.transmit(bytes.fromhex("80A8000002830000"))
    assert made.transmit(AC_FIRST)[2] == 0x00


def test_records_hold_what_a_terminal_needs() -> None:
    made = initiated()
    found: dict[str, bytes] = {}
    for apdu in ("00B2010C00", "00B2011400", "00B2021400"):
        answer = made.transmit(bytes.fromhex(apdu))
        assert answer[-2:] == b"\x90\x00"
        found |= tags(answer[:-2])
    assert {"57", "5A", "5F24", "8C", "8D", "8E", "9F0D", "9F0E", "9F0F", "9F07", "5F34"} <= set(found)
    assert found["57"].hex().upper().split("D")[0] == found["5A"].hex().upper().rstrip("F")
    assert made.transmit(bytes.fromhex("00B2031400")) == b"\x6a\x83"
    assert made.transmit(bytes.fromhex("00B2012400")) == b"\x6a\x82"
    assert made.transmit(bytes.fromhex("00B2010800")) == b"\x6a\x86"


def test_the_atc_counts_each_transaction_and_survives_a_reset() -> None:
    made = initiated()
    assert made.atc == FIRST_ATC + 1
    made.reset()
    made.transmit(select("A000000333"))
    made.transmit(bytes.fromhex("80A8000002830000"))
    assert made.transmit(bytes.fromhex("80CA9F3600"))[3:5] == (FIRST_ATC + 2).to_bytes(2, "big")
    assert made.transmit(bytes.fromhex("80CA9F1300"))[-2:] == b"\x90\x00"
    assert made.transmit(bytes.fromhex("80CA9F1700")) == bytes.fromhex("9F1701039000")
    assert made.transmit(bytes.fromhex("80CA9F7F00")) == b"\x6a\x88"


@pytest.mark.parametrize("name", ["unionpay-credit-pin", "unionpay-debit-pin", "format-77"])
def test_pyemv_agrees_with_the_arqc(name: str) -> None:
    made = initiated(name)
    answer = made.transmit(AC_FIRST)
    if name == "format-77":
        found = tags(answer[:-2])
        cid, atc, arqc, iad = found["9F27"], found["9F36"], found["9F26"], found["9F10"]
    else:
        cid, atc, arqc, iad = answer[2:3], answer[3:5], answer[5:13], answer[13:-2]
    assert cid == b"\x80"
    assert iad[3:7] == bytes.fromhex("03A00000")
    aip = made.profile.applications[0].aip
    expected = pyemv.ac.generate_ac(pyemv_session_key(made, atc), CDOL1_DATA + aip + atc + iad[3:7])
    assert arqc == expected


def test_the_arpc_of_pyemv_is_accepted_once() -> None:
    made, good = online()
    assert made.transmit(external_authenticate(good)) == b"\x90\x00"
    assert made.transmit(external_authenticate(good)) == b"\x69\x85"
    answer = made.transmit(second(0x40))
    assert answer[2] == 0x40 and answer[-2:] == b"\x90\x00"
    atc, tc, iad = answer[3:5], answer[5:13], answer[13:-2]
    assert iad[3:7] == bytes.fromhex("03600000"), "second TC, first ARQC"
    data = CDOL1_DATA + made.profile.applications[0].aip + atc + iad[3:7]
    assert tc == pyemv.ac.generate_ac(pyemv_session_key(made, atc), data)
    assert made.last_online_atc == made.atc
    assert made.transmit(second(0x40)) == b"\x69\x85"


def test_a_wrong_arpc_ends_in_an_aac() -> None:
    made, good = online()
    assert made.transmit(external_authenticate(bytes(8) + good[8:])) == b"\x63\x00"
    answer = made.transmit(second(0x40))
    assert answer[2] == 0x00
    assert answer[13:-2][4] & 0x08, "the CVR says that issuer authentication failed"


@pytest.mark.parametrize(
    ("name", "expected"), [("unionpay-credit-pin", 0x40), ("arpc-mandatory", 0x00), ("no-cdol2-8a", 0x40)]
)
def test_a_missing_arpc_is_judged_by_the_card(name: str, expected: int) -> None:
    made, _ = online(name)
    code = b"" if name == "no-cdol2-8a" else b"00"
    assert made.transmit(second(0x40, code))[2] == expected


def test_the_arpc_may_come_in_cdol2() -> None:
    name = "issuer-auth-in-cdol2"
    made, good = online(name)
    assert made.transmit(external_authenticate(good)) == b"\x69\x85"
    assert made.transmit(second(0x40, b"00", good))[2] == 0x40
    made, good = online(name)
    assert made.transmit(second(0x40, b"00", bytes(8) + good[8:]))[2] == 0x00
    made, _ = online(name)
    assert made.transmit(second(0x40, b"00", bytes(10)))[2] == 0x00, "absent: filled with zeros"


@pytest.mark.parametrize(
    ("name", "first"), [("offline-approver", 0x40), ("declines-first", 0x00), ("unionpay-credit-pin", 0x80)]
)
def test_the_first_answer_follows_the_profile(name: str, first: int) -> None:
    made = initiated(name)
    assert made.transmit(AC_FIRST)[2] == first
    assert (made.transmit(second(0x40))[-2:] == b"\x90\x00") is (first == 0x80)


@pytest.mark.parametrize("asked", [0x00, 0x40])
def test_the_first_answer_follows_the_request(asked: int) -> None:
    made = initiated()
    answer = made.transmit(AC_FIRST[:2] + bytes((asked,)) + AC_FIRST[3:])
    assert answer[2] == asked
    assert made.transmit(external_authenticate(bytes(10))) == b"\x69\x85"


def test_a_card_may_decline_after_the_approval() -> None:
    made, good = online("declines-after-approval")
    assert made.transmit(external_authenticate(good)) == b"\x90\x00"
    assert made.transmit(second(0x40))[2] == 0x00


@pytest.mark.parametrize(
    ("apdu", "status"),
    [
        ("80AE80001D" + CDOL1_DATA.hex() + "00", "6985"),  # No options yet.
        ("80A8000002830000", "6985"),  # Nothing selected.
        ("00B2010C00", "6985"),
        ("008200000A00000000000000000000", "6985"),
        ("00A4000000", "6A86"),
        ("00A4040003A0000000", "6700"),
        ("00A4040008A000", "6700"),
        ("00", "6700"),
        ("00FF0000", "6D00"),
        ("F0A4040000", "6E00"),
        ("80CA9F3600", "6985"),
    ],
)
def test_what_comes_too_early_or_wrong_is_refused(apdu: str, status: str) -> None:
    assert card().transmit(bytes.fromhex(apdu)).hex().upper() == status


@pytest.mark.parametrize(
    ("apdu", "status"),
    [
        ("80AE800001FF00", "6700"),
        ("80AE90001D" + CDOL1_DATA.hex() + "00", "6A86"),  # CDA.
        ("80AEC0001D" + CDOL1_DATA.hex() + "00", "6A86"),
        ("80A8000002830000", "6985"),  # Twice.
    ],
)
def test_a_bad_generate_ac_is_refused(apdu: str, status: str) -> None:
    assert initiated().transmit(bytes.fromhex(apdu)).hex().upper() == status


def test_options_must_fit_the_pdol() -> None:
    made = card("unionpay-debit-pin")
    made.transmit(select("A000000333"))
    assert made.transmit(bytes.fromhex("80A8000002830000")) == b"\x67\x00"
    assert made.transmit(bytes.fromhex("80A80000078305E0E0C8015600"))[-2:] == b"\x90\x00"


def test_a_refused_application_leads_to_the_next() -> None:
    made = card("gpo-refused")
    made.transmit(select("A000000333010101"))
    assert made.transmit(bytes.fromhex("80A80000078305E0E0C8015600")) == b"\x69\x85"
    made.transmit(select("A000000333010102"))
    assert made.transmit(bytes.fromhex("80A8000002830000"))[-2:] == b"\x90\x00"


def test_a_challenge_has_eight_new_bytes() -> None:
    made = card()
    first, other = (made.transmit(bytes.fromhex("0084000000")) for _ in range(2))
    assert len(first) == 10 and first != other
    assert VirtualCard(PROFILES["unionpay-credit-pin"]).transmit(bytes.fromhex("0084000000")) == first


def test_t0_answers_in_pieces() -> None:
    made = card("long-61xx")
    plain = card().transmit(select("A000000333"))
    answer = made.transmit(select("A000000333"))
    assert answer[0] == 0x61
    got = b""
    while answer[-2] == 0x61:
        answer = made.transmit(bytes((0x00, 0xC0, 0x00, 0x00, answer[-1])))
        got += answer[:-2]
    assert got + answer[-2:] == plain
    made.transmit(bytes.fromhex("80A8000002830000"))
    wanted = made.transmit(bytes.fromhex("00B2021400"))
    assert wanted[0] == 0x6C
    record = made.transmit(bytes.fromhex("00B20214") + wanted[1:])
    assert record[-2:] == b"\x90\x00" and len(record) - 2 == wanted[1]
    assert made.transmit(bytes.fromhex("00C0000010")) == b"\x69\x85"


def test_endless_61_never_ends() -> None:
    made = card("endless-61xx")
    answer = made.transmit(select("A000000333"))
    for _ in range(50):
        answer = made.transmit(bytes((0x00, 0xC0, 0x00, 0x00, answer[-1])))
        assert answer[-2] == 0x61


@pytest.mark.parametrize(
    ("name", "apdu"),
    [("garbage-tlv", "00B2021400"), ("garbage-ac", AC_FIRST.hex())],
)
def test_garbage_is_garbage(name: str, apdu: str) -> None:
    good, bad = (initiated(each).transmit(bytes.fromhex(apdu)) for each in ("unionpay-credit-pin", name))
    assert bad[-2:] == b"\x90\x00" and bad != good


def test_nothing_secret_in_a_repr() -> None:
    for profile in PROFILES.values():
        assert profile.pan not in repr(profile)
        assert "123456" not in repr(profile).replace("A1B2", "")
        assert profile.pan not in repr(VirtualCard(profile))


@given(st.lists(st.binary(max_size=40), max_size=12), st.sampled_from(sorted(PROFILES)))
def test_any_bytes_get_a_status_word(apdus: list[bytes], name: str) -> None:
    made = card(name)
    for apdu in apdus:
        try:
            answer = made.transmit(apdu)
        except CardPulled:
            return  # By itself, as such a card does.
        assert len(answer) >= 2 or PROFILES[name].mute


HEADERS = st.sampled_from(
    [select("A000000333"), select("A000000333", True), SELECT_PSE, AC_FIRST, second(0x40), second(0x00)]
    + [bytes.fromhex(x) for x in ("80A8000002830000", "00B2010C00", "00B2021400", "80CA9F3600", "0084000000")]
    + [external_authenticate(bytes(10))]
)


@given(st.lists(HEADERS, max_size=25))
def test_no_order_of_commands_yields_two_final_cryptograms(apdus: list[bytes]) -> None:
    """After a TC or AAC only a new selection leads to another one, and each has an ATC of its own."""
    made = card()
    finals: list[bytes] = []
    for apdu in apdus:
        answer = made.transmit(apdu)
        if apdu[1] == 0xAE and answer[-2:] == b"\x90\x00" and answer[2] != 0x80:
            finals.append(answer[3:5])
    assert len(finals) == len(set(finals))
