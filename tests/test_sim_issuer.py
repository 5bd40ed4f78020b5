"""The issuer's cryptography against an HSM's values, against pyemv and against openssl."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pyemv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.issuer import (
    CRYPTOGRAM_TAGS,
    TEST_ISSUER_KEYS,
    Issuer,
    IssuerError,
    application_cryptogram,
    cryptogram_input,
    derive_icc_master_key,
    derive_session_key,
    response_cryptogram,
    set_odd_parity,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "emv_symmetric_crypto.json").read_text())
PAN = "6225000000000014"


def elements(**changes: bytes) -> dict[int, bytes]:
    values = {tag: bytes(range(1, length + 1)) for tag, length in CRYPTOGRAM_TAGS}
    values[0x9F10] = bytes.fromhex("07010103A0000001")
    values.update({int(name[1:], 16): value for name, value in changes.items()})
    return values


def case(scheme: str) -> dict[str, str]:
    return next(row for row in VECTORS["cvn_cases"] if row["scheme"] == scheme)


@pytest.mark.parametrize("scheme", ["visa_cvn10", "visa_cvn22", "mastercard_cvn16", "mastercard_cvn20"])
def test_the_card_master_key_has_the_hsm_check_value(scheme: str) -> None:
    row = VECTORS["cvn_cases"][0] | case(scheme)
    key = derive_icc_master_key(bytes.fromhex(row["iss_mk_ac"]), row["pan"], row["psn"])
    assert pyemv.tools.key_check_digits(key, 2).hex().upper() == row["icc_mk_kcv"]["ac"]


@pytest.mark.parametrize("scheme", ["visa_cvn22", "mastercard_cvn20"])
def test_the_common_session_key_has_the_hsm_check_value(scheme: str) -> None:
    row = case(scheme)
    master = derive_icc_master_key(bytes.fromhex(row["iss_mk_ac"]), row["pan"], row["psn"])
    session = derive_session_key(master, bytes.fromhex(row["atc"]))
    assert pyemv.tools.key_check_digits(session, 2).hex().upper() == row["session_key_ac_kcv"]


def test_the_hsm_cryptogram_comes_out() -> None:
    """Mastercard CVN 20: common session key and padding method 2, like ours."""
    row = case("mastercard_cvn20")
    master = derive_icc_master_key(bytes.fromhex(row["iss_mk_ac"]), row["pan"], row["psn"])
    session = derive_session_key(master, bytes.fromhex(row["atc"]))
    fields = {name: bytes.fromhex(value) for name, value in row["ac_input"]}
    un = bytes.fromhex(row["un_9f37"])
    names = ["tag_9f02", "tag_9f03", "tag_9f1a", "tag_95", "tag_5f2a", "tag_9a", "tag_9c"]
    data = b"".join(fields[name] for name in names) + un + fields["tag_82"]
    arqc = application_cryptogram(session, data + bytes.fromhex(row["atc"]) + fields["cvr"])
    assert arqc.hex().upper() == row["ARQC"]
    arpc = response_cryptogram(session, arqc, bytes.fromhex(row["arpc_args"][0][1]))
    assert arpc.hex().upper() == row["ARPC"]


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=2, max_size=2), st.binary(max_size=80))
def test_pyemv_says_the_same(issuer_key: bytes, atc: bytes, data: bytes) -> None:
    master = derive_icc_master_key(issuer_key, PAN, "01")
    assert master == pyemv.kd.derive_icc_mk_a(issuer_key, PAN, "01")
    session = derive_session_key(master, atc)
    assert session == pyemv.kd.derive_common_sk(master, atc + bytes(6))
    arqc = application_cryptogram(session, data)
    assert arqc == pyemv.ac.generate_ac(session, data)
    assert response_cryptogram(session, arqc, b"00") == pyemv.ac.generate_arpc_1(session, arqc, b"00")


@pytest.mark.parametrize("length", range(12, 20))
def test_pyemv_derives_the_same_key_for_any_length_of_pan(length: int) -> None:
    pan = "6225001234567890123"[:length]
    key = TEST_ISSUER_KEYS["622500"]
    assert derive_icc_master_key(key, pan, "00") == pyemv.kd.derive_icc_mk_a(key, pan, "00")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing: apt-get install openssl")
def test_openssl_computes_the_same_arpc() -> None:
    session = derive_session_key(derive_icc_master_key(TEST_ISSUER_KEYS["622500"], PAN, "01"), b"\x00\x01")
    arqc = bytes.fromhex("0011223344556677")
    block = bytes(a ^ b for a, b in zip(arqc, b"00" + bytes(6), strict=True))
    command = ["openssl", "enc", "-des-ede", "-K", session.hex(), "-nopad"]
    seen = subprocess.run(command, input=block, capture_output=True, check=True).stdout
    assert response_cryptogram(session, arqc, b"00") == seen


def test_a_genuine_cryptogram_is_told_from_a_changed_one() -> None:
    issuer = Issuer()
    values = elements()
    session = derive_session_key(issuer.icc_master_key(PAN, "01"), values[0x9F36])
    values[0x9F26] = application_cryptogram(session, cryptogram_input(values, values[0x9F10][3:7]))
    assert issuer.check(PAN, "01", values).genuine
    assert not issuer.check(PAN, "02", values).genuine
    assert not issuer.check(PAN, "01", values | {0x9F02: bytes(6)}).genuine
    answer = issuer.check(PAN, "01", values).answer(b"51")
    assert len(answer) == 10 and answer.endswith(b"51")


@pytest.mark.parametrize("missing", [0x9F26, 0x9F10, 0x9F36, 0x82, 0x95])
def test_a_missing_element_is_named(missing: int) -> None:
    values = elements() | {0x9F26: bytes(8)}
    del values[missing]
    with pytest.raises(IssuerError, match=f"{missing:X}"):
        Issuer().check(PAN, "01", values)


def test_a_bin_without_test_key_is_refused() -> None:
    with pytest.raises(IssuerError, match="BIN"):
        Issuer().check("4000000000000002", "01", elements() | {0x9F26: bytes(8)})


@given(st.binary(min_size=16, max_size=16))
def test_parity_is_odd_and_changes_only_the_low_bits(key: bytes) -> None:
    adjusted = set_odd_parity(key)
    assert all(byte.bit_count() % 2 for byte in adjusted)
    assert bytes(byte & 0xFE for byte in adjusted) == bytes(byte & 0xFE for byte in key)
