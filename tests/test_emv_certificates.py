"""Certificates and signatures: real ones from a Visa test card, a whole chain made here, and each field wrong in turn.

The Visa transcript is somebody else's personalisation, so it shows that reading and making are not wrong together.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from emv_oda_card import resigned
from hypothesis import given
from hypothesis import strategies as st

from emv.certificates import (
    CHECK_WORDS,
    ICC,
    ISSUER,
    PART_WORDS,
    PIN,
    Certificate,
    Check,
    OdaFailure,
    Part,
    PublicKey,
    failure_words,
    is_card_of,
    is_issuer_of,
    month_is_over,
    opened,
    recover_combined,
    recover_dynamic,
    recover_key,
    recover_static,
)
from sim.card.chain import (
    RsaKey,
    Signed,
    combined_data,
    icc_certificate,
    issuer_certificate,
    sign,
    signed_dynamic_data,
    signed_static_data,
)
from sim.card.rsa_keys import published_keys

VECTORS = Path(__file__).parent / "vectors"
PAN = "6225000000000014"
TODAY = datetime.date(2026, 11, 25)
STATIC = b"static data"
UN = bytes.fromhex("A1B2C3D4")
NUMBER = bytes.fromhex("0102030405060708")


def public(key: RsaKey) -> PublicKey:
    return PublicKey(key.modulus, key.e)


def certificate(signed: Signed, key: RsaKey) -> Certificate:
    return Certificate(signed.certificate, signed.remainder or None, key.exponent)


# A Visa test card


def visa() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VECTORS / "emv_oda_dda_visa94.json").read_text(encoding="utf-8"))
    return found


def test_a_card_of_another_maker() -> None:
    """Issuer key and dynamic signature wholly; the card's certificate but for its hash, whose data are not known."""
    vector, today = visa(), datetime.date(2020, 1, 1)
    card = {tag: bytes.fromhex(value) for tag, value in vector["card"].items()}
    expected = vector["expected"]
    ca = PublicKey(bytes.fromhex(vector["capk"]["modulus"]), int(vector["capk"]["exponent"], 16))
    pan = vector["card"]["5A"]
    assert opened(card["90"], ca, Part.ISSUER_KEY, 2).hex().upper() == expected["issuer_cert_recovered"]
    issuer = recover_key(
        Certificate(card["90"], None, card["9F32"]), ca, ISSUER, today=today, belongs=is_issuer_of(pan)
    )
    assert len(issuer.modulus) == expected["issuer_pk_len"]
    content = opened(card["9F46"], issuer, Part.ICC_KEY, 4)
    assert content.hex().upper() == expected["icc_cert_recovered"]
    assert is_card_of(pan)(content[2:12])
    assert content[12:14].hex() == expected["icc_cert_expiry_MMYY"]
    icc = PublicKey(content[21:-21] + card["9F48"], int.from_bytes(card["9F47"], "big"))
    assert len(icc.modulus) == expected["icc_pk_len"] == content[19]
    assert opened(card["9F4B"], icc, Part.DYNAMIC_DATA, 5).hex().upper() == expected["sdad_recovered"]
    signed = recover_dynamic(card["9F4B"], icc, bytes.fromhex(vector["ddol_data"]))
    assert signed.number.hex().upper() == expected["icc_dynamic_number"]
    static = opened(card["93"], issuer, Part.STATIC_DATA, 3)
    assert static.hex().upper() == expected["ssad_recovered"]
    assert static[3:5].hex().upper() == expected["data_authentication_code_9F45"]


def test_a_card_of_another_maker_with_one_bit_wrong() -> None:
    vector = visa()
    ca = PublicKey(bytes.fromhex(vector["capk"]["modulus"]), 3)
    with pytest.raises(OdaFailure):
        opened(bytes.fromhex(vector["negative"]["invalid_issuer_cert"]), ca, Part.ISSUER_KEY, 2)


# A chain of our own


@pytest.mark.parametrize("exponent", [3, 65537])
@pytest.mark.parametrize("signer", ["ca", "issuer"], ids=["whole", "with-remainder"])
def test_a_chain_at_1984_1408_and_1152_bits(exponent: int, signer: str) -> None:
    """The CA's 1984 bits hold the issuer's key whole; a CA of 1408 bits leaves 36 bytes of it over."""
    keys = published_keys()
    ca, issuer, icc, pin = (keys[role, exponent] for role in (signer, "issuer", "icc", "pin"))
    signed = issuer_certificate(ca, issuer, "622500")
    assert len(signed.remainder) == (0 if signer == "ca" else 36)
    issuer_key = recover_key(
        certificate(signed, issuer), public(ca), ISSUER, today=TODAY, belongs=is_issuer_of(PAN)
    )
    assert issuer_key == public(issuer)
    card = icc_certificate(issuer, icc, PAN, STATIC)
    assert len(card.remainder) == 10
    icc_key = recover_key(
        certificate(card, icc), issuer_key, ICC, today=TODAY, belongs=is_card_of(PAN), static_data=STATIC
    )
    assert icc_key == public(icc)
    pin_key = recover_key(
        certificate(icc_certificate(issuer, pin, PAN), pin), issuer_key, PIN, today=TODAY, belongs=is_card_of(PAN)
    )
    assert pin_key == public(pin)
    assert recover_static(signed_static_data(issuer, STATIC), issuer_key, STATIC) == b"\xda\xc0"
    dynamic = signed_dynamic_data(icc, bytes((8,)) + NUMBER, UN)
    assert recover_dynamic(dynamic, icc_key, UN).number == NUMBER


@given(st.integers(0, 1), st.binary(min_size=100, max_size=100))
def test_the_private_key_undoes_the_public_one(which: int, data: bytes) -> None:
    key = published_keys()["pin", (3, 65537)[which]]
    block = bytes(1) + data.rjust(key.size - 1, b"\x01")
    assert pow(int.from_bytes(key.private(block), "big"), key.e, key.n) == int.from_bytes(block, "big")


# Each field in turn

KEYS = published_keys()
CA, ISS, CARD = KEYS["ca", 3], KEYS["issuer", 3], KEYS["icc", 3]
GOOD_ISSUER = issuer_certificate(CA, ISS, "622500")
GOOD_ICC = icc_certificate(ISS, CARD, PAN, STATIC)
EXPONENT = CARD.exponent


def broken_icc(position: int, value: int, *, fits: bool = True) -> Certificate:
    """The card's certificate with one byte of its content changed, under a hash that fits (or does not)."""
    tail = GOOD_ICC.remainder + EXPONENT + (STATIC if fits else b"")
    return Certificate(
        bytes.fromhex(resigned(ISS, GOOD_ICC.certificate, position, value, tail)), GOOD_ICC.remainder, EXPONENT
    )


def raw(position: int, value: int) -> Certificate:
    """Header, format or trailer: what the signer never makes."""
    content = bytearray(pow(int.from_bytes(GOOD_ICC.certificate, "big"), ISS.e, ISS.n).to_bytes(ISS.size, "big"))
    content[position] = value
    return Certificate(ISS.private(bytes(content)), GOOD_ICC.remainder, EXPONENT)


def other(**facts: Any) -> Certificate:
    key = facts.pop("key", CARD)
    return certificate(icc_certificate(ISS, key, facts.pop("pan", PAN), STATIC, **facts), key)


GOOD = certificate(GOOD_ICC, CARD)
LONG_EXPONENT = replace(CARD, e=3 * 2**16)  # Three bytes that are neither 3 nor 65537.

ICC_FIELDS: dict[str, tuple[Certificate, Check]] = {
    "a byte too short": (replace(GOOD, signed=GOOD.signed[1:]), Check.LENGTH),
    "a byte too long": (replace(GOOD, signed=bytes(1) + GOOD.signed), Check.LENGTH),
    "empty": (replace(GOOD, signed=b""), Check.LENGTH),
    "trailer": (raw(-1, 0xBD), Check.TRAILER),
    "header": (raw(0, 0x6B), Check.HEADER),
    "a lower header": (raw(0, 0x69), Check.HEADER),
    "format of an issuer's": (broken_icc(1, 0x02), Check.FORMAT),
    "remainder absent": (replace(GOOD, remainder=None), Check.MISSING),
    "remainder empty": (replace(GOOD, remainder=b""), Check.MISSING),
    "remainder of another key": (replace(GOOD, remainder=bytes(10)), Check.HASH),
    "hash algorithm": (broken_icc(17, 0x02), Check.HASH_ALGORITHM),
    "no hash algorithm": (broken_icc(17, 0x00), Check.HASH_ALGORITHM),
    "static data": (broken_icc(17, 0x01, fits=False), Check.HASH),
    "exponent of another key": (replace(GOOD, exponent=b"\x01\x00\x01"), Check.HASH),
    "another PAN": (other(pan="6225000000000022"), Check.IDENTITY),
    "the beginning of the PAN": (other(pan=PAN[:15]), Check.IDENTITY),
    "expired last month": (other(expiry="1026"), Check.EXPIRED),
    "no month": (other(expiry="1326"), Check.EXPIRED),
    "month zero": (other(expiry="0030"), Check.EXPIRED),
    "a date of letters": (broken_icc(12, 0x1A), Check.EXPIRED),
    "key algorithm": (broken_icc(18, 0x02), Check.KEY_ALGORITHM),
    "no key algorithm": (broken_icc(18, 0x00), Check.KEY_ALGORITHM),
    "says a longer key": (broken_icc(19, CARD.size + 1), Check.KEY_LENGTH),
    "says a shorter key": (broken_icc(19, CARD.size - 1), Check.KEY_LENGTH),
    "says a key of no length": (broken_icc(19, 0), Check.KEY_LENGTH),
    "says a key of 63 bytes": (broken_icc(19, 63), Check.KEY_LENGTH),
    "a key that begins with zero": (broken_icc(21, 0), Check.KEY_LENGTH),
    "says a longer exponent": (broken_icc(20, 3), Check.EXPONENT),
    "says a shorter exponent": (broken_icc(20, 0), Check.EXPONENT),
    "an exponent of neither kind": (other(key=LONG_EXPONENT), Check.EXPONENT),
}


@pytest.mark.parametrize("name", ICC_FIELDS)
def test_each_field_of_a_certificate_is_checked(name: str) -> None:
    wrong, check = ICC_FIELDS[name]
    facts: dict[str, Any] = {"today": TODAY, "belongs": is_card_of(PAN), "static_data": STATIC}
    assert recover_key(GOOD, public(ISS), ICC, **facts) == public(CARD)
    with pytest.raises(OdaFailure) as caught:
        recover_key(wrong, public(ISS), ICC, **facts)
    assert (caught.value.part, caught.value.check) == (Part.ICC_KEY, check)
    assert caught.value.data_missing is (check is Check.MISSING)


@pytest.mark.parametrize(
    ("identifier", "belongs"),
    [
        ("622", True),
        ("622500", True),
        ("62250000", True),
        ("623", False),
        ("62", False),
        ("F", False),
        ("62F50000", False),
    ],
)
def test_an_issuer_identifier_is_three_to_eight_digits_of_the_pan(identifier: str, belongs: bool) -> None:
    signed = certificate(issuer_certificate(CA, ISS, identifier), ISS)
    facts: dict[str, Any] = {"today": TODAY, "belongs": is_issuer_of(PAN)}
    if belongs:
        assert recover_key(signed, public(CA), ISSUER, **facts) == public(ISS)
        return
    with pytest.raises(OdaFailure) as caught:
        recover_key(signed, public(CA), ISSUER, **facts)
    assert caught.value.word == "issuer-key/identity"


def test_a_revoked_serial_number() -> None:
    facts: dict[str, Any] = {"today": TODAY, "belongs": is_issuer_of(PAN)}
    signed = certificate(GOOD_ISSUER, ISS)
    recover_key(signed, public(CA), ISSUER, revoked={bytes(3)}, **facts)
    with pytest.raises(OdaFailure) as caught:
        recover_key(signed, public(CA), ISSUER, revoked={bytes.fromhex("000001")}, **facts)
    assert caught.value.word == "issuer-key/revoked"


def test_the_last_day_of_a_month_still_counts() -> None:
    assert not month_is_over(bytes.fromhex("1126"), datetime.date(2026, 11, 30))
    assert month_is_over(bytes.fromhex("1126"), datetime.date(2026, 12, 1))
    assert month_is_over(bytes.fromhex("1299"), datetime.date(2026, 11, 30))  # 1999
    assert not month_is_over(bytes.fromhex("0149"), datetime.date(2048, 12, 1))
    assert not month_is_over(bytes.fromhex("1299"), datetime.date(1999, 12, 31))
    assert month_is_over(bytes.fromhex("1299"), datetime.date(2000, 1, 1))


def test_a_remainder_that_was_not_needed_is_under_the_hash_and_not_in_the_key() -> None:
    small = KEYS["pin", 3]  # 128 bytes: they fit whole into 134.
    signed = icc_certificate(ISS, small, PAN, b"extra" + small.exponent)
    # Signed as digits, key exponent, then "extra" and exponent: read again with "exponent extra" as the remainder.
    odd = Certificate(signed.certificate, small.exponent + b"extra", small.exponent)
    assert recover_key(odd, public(ISS), ICC, today=TODAY, belongs=is_card_of(PAN)) == public(small)


@pytest.mark.parametrize("remainder", [None, b"\x07"])
def test_a_key_that_just_fits_needs_no_remainder(remainder: bytes | None) -> None:
    """Under the exponent 1 a signature is its own content, so that a signer of any length can be had."""
    signer = PublicKey(b"\xff" * (CARD.size + 42), 1)
    facts = bytes.fromhex("04" + PAN.ljust(20, "F") + "1249" + "000001" + "0101")
    body = facts + bytes((CARD.size, 1)) + CARD.modulus
    digest = hashlib.sha1(body + (remainder or b"") + EXPONENT).digest()
    found = Certificate(b"\x6a" + body + digest + b"\xbc", remainder, EXPONENT)
    assert recover_key(found, signer, ICC, today=TODAY, belongs=is_card_of(PAN)) == public(CARD)


STATIC_FIELDS = {"format": (1, 0x05, Check.FORMAT), "hash algorithm": (2, 0x02, Check.HASH_ALGORITHM)}


@pytest.mark.parametrize("name", STATIC_FIELDS)
def test_each_field_of_signed_static_data(name: str) -> None:
    position, value, check = STATIC_FIELDS[name]
    good = signed_static_data(ISS, STATIC)
    wrong = bytes.fromhex(resigned(ISS, good, position, value, STATIC))
    with pytest.raises(OdaFailure) as caught:
        recover_static(wrong, public(ISS), STATIC)
    assert (caught.value.part, caught.value.check) == (Part.STATIC_DATA, check)
    with pytest.raises(OdaFailure, match="hash differs"):
        recover_static(good, public(ISS), STATIC + b"\x00")


@pytest.mark.parametrize(
    ("data", "check"),
    [
        (b"", Check.DYNAMIC_NUMBER),
        (bytes((8,)) + bytes(7), Check.DYNAMIC_NUMBER),  # The number is longer than the data.
        (bytes((1,)) + bytes(1), Check.DYNAMIC_NUMBER),
        (bytes((9,)) + bytes(9), Check.DYNAMIC_NUMBER),
        (bytes((2,)) + bytes(2), None),
        (bytes((8,)) + bytes(8), None),
        (bytes((2,)) + bytes(CARD.size - 25 - 1), None),  # As much as fits: no padding.
    ],
)
def test_the_length_of_dynamic_data(data: bytes, check: Check | None) -> None:
    signed = signed_dynamic_data(CARD, data, UN)
    if check is None:
        assert recover_dynamic(signed, public(CARD), UN).number == data[1 : 1 + data[0]]
        return
    with pytest.raises(OdaFailure) as caught:
        recover_dynamic(signed, public(CARD), UN)
    assert caught.value.check is check


def test_dynamic_data_that_reach_into_the_hash() -> None:
    data = bytes((2,)) + bytes(2)
    wrong = resigned(CARD, signed_dynamic_data(CARD, data, UN), 3, CARD.size - 24, UN)
    with pytest.raises(OdaFailure) as caught:
        recover_dynamic(bytes.fromhex(wrong), public(CARD), UN)
    assert caught.value.check is Check.DYNAMIC_NUMBER


EXCHANGED = b"what was sent and answered"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({}, None),
        ({"cryptogram_information": b"\x40"}, Check.CRYPTOGRAM_TYPE),
        ({"cryptogram_information": b""}, Check.CRYPTOGRAM_TYPE),
        ({"unpredictable": bytes(4)}, Check.HASH),
        ({"exchanged": EXCHANGED[1:]}, Check.TRANSACTION_HASH),
    ],
)
def test_each_field_of_a_signed_cryptogram(change: dict[str, Any], check: Check | None) -> None:
    data = combined_data(NUMBER, 0x80, bytes(range(8)), EXCHANGED)
    signed = signed_dynamic_data(CARD, data, UN)
    facts: dict[str, Any] = {"cryptogram_information": b"\x80", "unpredictable": UN, "exchanged": EXCHANGED, **change}
    if check is None:
        found = recover_combined(signed, public(CARD), **facts)
        assert (found.number, found.cryptogram) == (NUMBER, bytes(range(8)))
        return
    with pytest.raises(OdaFailure) as caught:
        recover_combined(signed, public(CARD), **facts)
    assert (caught.value.part, caught.value.check) == (Part.DYNAMIC_DATA, check)


def test_what_a_scheme_adds_behind_the_transaction_hash_does_not_disturb() -> None:
    data = combined_data(NUMBER, 0x80, bytes(range(8)), EXCHANGED) + bytes(20)
    found = recover_combined(
        signed_dynamic_data(CARD, data, UN),
        public(CARD),
        cryptogram_information=b"\x80",
        unpredictable=UN,
        exchanged=EXCHANGED,
    )
    assert found.cryptogram == bytes(range(8))


def test_a_signed_cryptogram_that_is_cut_short() -> None:
    data = combined_data(NUMBER, 0x80, bytes(range(8)), EXCHANGED)
    for short in (data[:-1], data[:9]):
        with pytest.raises(OdaFailure) as caught:
            recover_combined(
                signed_dynamic_data(CARD, short, UN),
                public(CARD),
                cryptogram_information=b"\x80",
                unpredictable=UN,
                exchanged=EXCHANGED,
            )
        assert caught.value.check is Check.DYNAMIC_NUMBER


# Whatever a card sends


@given(st.sampled_from(["issuer", "icc", "static", "dynamic"]), st.data())
def test_a_single_bit_flipped_is_a_failure(which: str, data: st.DataObject) -> None:
    signed = {
        "issuer": GOOD_ISSUER.certificate,
        "icc": GOOD_ICC.certificate,
        "static": signed_static_data(ISS, STATIC),
        "dynamic": signed_dynamic_data(CARD, bytes((8,)) + NUMBER, UN),
    }[which]
    bit = data.draw(st.integers(0, 8 * len(signed) - 1))
    wrong = (int.from_bytes(signed, "big") ^ 1 << bit).to_bytes(len(signed), "big")
    with pytest.raises(OdaFailure):
        check_any(which, wrong)


@given(st.sampled_from(["issuer", "icc", "static", "dynamic"]), st.binary(max_size=260))
def test_garbage_is_a_failure_and_never_another_exception(which: str, garbage: bytes) -> None:
    with pytest.raises(OdaFailure):
        check_any(which, garbage)


@given(st.sampled_from(["issuer", "icc", "static", "dynamic"]), st.binary(min_size=180, max_size=180), st.data())
def test_signed_garbage_is_a_failure(which: str, garbage: bytes, data: st.DataObject) -> None:
    """An issuer that signs nonsense under a good hash: no field of it may lead astray."""
    signer, form, tail = {
        "issuer": (CA, 2, ISS.exponent),
        "icc": (ISS, 4, EXPONENT + STATIC),
        "static": (ISS, 3, STATIC),
        "dynamic": (CARD, 5, UN),
    }[which]
    body = bytearray(bytes((form,)) + garbage.ljust(signer.size, b"\xbb"))[: signer.size - 22]
    if which in ("issuer", "icc"):
        at = {"issuer": 10, "icc": 16}[which]
        body[at : at + 2] = b"\x01\x01"
        body[at + 2] = data.draw(st.sampled_from([0, 1, 63, 64, 134, 176, 212, 213, 248, 255]))
    else:
        body[1] = 1
    wrong = sign(signer, bytes(body), tail)
    try:
        check_any(which, wrong, bare=True)
    except OdaFailure:
        return
    assert which in ("static", "dynamic"), "a certificate of garbage was taken"


def check_any(which: str, signed: bytes, *, bare: bool = False) -> None:
    if which == "issuer":
        wrong = Certificate(signed, None, ISS.exponent)
        recover_key(wrong, public(CA), ISSUER, today=TODAY, belongs=is_issuer_of(PAN))
    elif which == "icc":
        wrong = Certificate(signed, None if bare else GOOD_ICC.remainder, EXPONENT)
        recover_key(wrong, public(ISS), ICC, today=TODAY, belongs=is_card_of(PAN), static_data=STATIC)
    elif which == "static":
        recover_static(signed, public(ISS), STATIC)
    else:
        recover_dynamic(signed, public(CARD), UN)


def test_every_part_and_check_has_words_in_both_languages() -> None:
    assert set(PART_WORDS) == set(Part)
    assert set(CHECK_WORDS) == set(Check)
    failure = OdaFailure(Part.ICC_KEY, Check.HASH)
    assert str(failure) == "ICC public key certificate: the hash differs"
    assert failure_words(failure.word, language="zh-CN") == "IC卡公钥证书: 哈希不一致"


def test_a_key_signs_only_what_fits() -> None:
    with pytest.raises(ValueError, match="122"):
        sign(CARD, bytes(10))
    with pytest.raises(ValueError, match="below"):
        CARD.private(b"\xff" * CARD.size)
    assert "0x" not in repr(CARD)
    assert str(CARD.p) not in repr(CARD)
