"""Card and issuer cryptography against an HSM's values, a published example, pyemv and openssl; and the scripts."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyemv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cryptograms import (
    CRYPTOGRAM_TAGS,
    SCHEMES,
    TEST_ISSUERS,
    IssuerError,
    IssuerRow,
    KeySet,
    Session,
    Transaction,
    application_cryptogram,
    card_keys,
    derive_icc_master_key,
    derive_session_key,
    format_2,
    read_format_2,
    response_cryptogram,
    session_key,
    set_odd_parity,
)
from sim.issuer import UNBLOCK_APPLICATION, Issuer, change_pin, organisation_of, put_data

FOLDER = Path(__file__).parent / "vectors"
VECTORS = json.loads((FOLDER / "emv_symmetric_crypto.json").read_text(encoding="utf-8"))
PBOC = json.loads((FOLDER / "emv_pboc_arqc.json").read_text(encoding="utf-8"))
PAN = "6225000000000014"
ROWS = {
    "visa_cvn10": ("visa", 0x0A),
    "visa_cvn22": ("visa", 0x16),
    "mastercard_cvn16": ("mchip", 0x10),
    "mastercard_cvn20": ("mchip", 0x14),
}
hsm = pytest.mark.parametrize("name", ROWS)


def elements() -> dict[int, bytes]:
    values = {tag: bytes(range(1, length + 1)) for tag, length in CRYPTOGRAM_TAGS}
    values[0x9F10] = bytes.fromhex("07010103A0000001")
    return values


def hsm_row(name: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in VECTORS["cvn_cases"] if row["scheme"] == name)
    return row


def hsm_card(name: str) -> tuple[dict[str, Any], dict[int, bytes], bytes, Transaction]:
    """The row, its elements, its 9F10 (as far as it counts), and the transaction by our code."""
    row = hsm_row(name)
    scheme = SCHEMES[ROWS[name]]
    issuer = KeySet(*(bytes.fromhex(row[key]) for key in ("iss_mk_ac", "iss_mk_smi", "iss_mk_smc")))
    inputs = {key: bytes.fromhex(value) for key, value in row["ac_input"]}
    values = {int(key[4:], 16): value for key, value in inputs.items() if key.startswith("tag_")}
    values[0x9F36] = bytes.fromhex(row["atc"])
    if "un_9f37" in row:
        values[0x9F37] = bytes.fromhex(row["un_9f37"])
    iad = values.get(0x9F10) or bytes(3 if ROWS[name][0] == "visa" else 2) + inputs["cvr"]
    keys = card_keys(issuer, scheme, row["pan"], row["psn"])
    return row, values, iad, Transaction.begin(scheme, keys, values[0x9F36], values[0x9F37])


@hsm
def test_the_card_keys_have_the_hsm_check_values(name: str) -> None:
    row, _, _, transaction = hsm_card(name)
    keys = transaction.keys
    for which, key in (("ac", keys.ac), ("smi", keys.smi), ("smc", keys.smc)):
        assert pyemv.tools.key_check_digits(key, 2).hex().upper() == row["icc_mk_kcv"][which]
    assert pyemv.tools.key_check_digits(transaction.ac_key, 2).hex().upper() == row["session_key_ac_kcv"]


@hsm
def test_cryptogram_and_answer_are_the_hsms(name: str) -> None:
    row, values, iad, transaction = hsm_card(name)
    assert transaction.cryptogram(values, iad).hex().upper() == row["ARQC"]
    code = bytes.fromhex(row["arpc_args"][0][1])
    answer = transaction.answer(bytes.fromhex(row["ARQC"]), code)
    assert answer == bytes.fromhex(row["ARPC"]) + code


@hsm
def test_the_script_mac_is_the_hsms(name: str) -> None:
    row, _, _, transaction = hsm_card(name)
    header, expected = row["script_mac"]
    mac = transaction.script_mac(bytes.fromhex(header), b"", bytes.fromhex(row["ARQC"]), 0)
    assert mac.hex().upper() == expected


@hsm
def test_the_pin_change_command_is_the_hsms_and_opens_again(name: str) -> None:
    row, _, _, transaction = hsm_card(name)
    expected = next(value[0] for key, value in row.items() if key.startswith("pin_change_commands"))
    arqc = bytes.fromhex(row["ARQC"])
    sealed = transaction.encipher(transaction.pin_block(b"9999"), arqc, 0)
    header = bytes.fromhex("84240002") + bytes((len(sealed) + 8,))
    assert (header + sealed + transaction.script_mac(header, sealed, arqc, 0)).hex().upper() == expected
    block = transaction.decipher(sealed, arqc, 0)
    assert block is not None and transaction.read_pin_block(block) == b"9999"


def pboc_elements() -> dict[int, bytes]:
    return {int(tag, 16): bytes.fromhex(value) for tag, value in PBOC["elements"].items()}


def test_the_published_pboc_example_comes_out() -> None:
    scheme = SCHEMES["pboc", 0x01]
    master = derive_icc_master_key(bytes.fromhex(PBOC["iss_mk_ac"]), PBOC["pan"], PBOC["sequence"])
    values = pboc_elements()
    transaction = Transaction.begin(scheme, KeySet(master, master, master), values[0x9F36], values[0x9F37])
    arqc = transaction.cryptogram(values, bytes.fromhex(PBOC["iad"]))
    assert arqc.hex().upper() == PBOC["arqc"]
    code = PBOC["response_code"].encode("ascii")
    assert transaction.answer(arqc, code) == bytes.fromhex(PBOC["arpc"]) + code


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing: apt-get install openssl")
def test_openssl_derives_the_same_pboc_session_key_and_arpc() -> None:
    master = derive_icc_master_key(TEST_ISSUERS["622500"].keys.ac, PAN, "01")
    key = session_key(Session.PBOC, master, bytes.fromhex("0240"))
    block = bytes.fromhex("0000000000000240000000000000FDBF")
    assert set_odd_parity(by_openssl(master, block)) == key
    arqc = bytes.fromhex("0011223344556677")
    mixed = bytes(a ^ b for a, b in zip(arqc, b"00" + bytes(6), strict=True))
    assert response_cryptogram(key, arqc, b"00") == by_openssl(key, mixed)


def by_openssl(key: bytes, block: bytes) -> bytes:
    command = ["openssl", "enc", "-des-ede", "-K", key.hex(), "-nopad"]
    return subprocess.run(command, input=block, capture_output=True, check=True).stdout


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=2, max_size=2), st.binary(max_size=80))
def test_pyemv_says_the_same(issuer_key: bytes, atc: bytes, data: bytes) -> None:
    master = derive_icc_master_key(issuer_key, PAN, "01")
    assert master == pyemv.kd.derive_icc_mk_a(issuer_key, PAN, "01")
    session = derive_session_key(master, atc)
    assert session == pyemv.kd.derive_common_sk(master, atc + bytes(6))
    assert session_key(Session.XOR, master, atc) == pyemv.kd.derive_visa_sm_sk(master, atc)
    arqc = application_cryptogram(session, data)
    assert arqc == pyemv.ac.generate_ac(session, data)
    assert response_cryptogram(session, arqc, b"00") == pyemv.ac.generate_arpc_1(session, arqc, b"00")


@given(st.text("0123456789", min_size=12, max_size=19), st.booleans())
def test_pyemv_derives_the_same_key_for_any_pan(pan: str, option_b: bool) -> None:
    key = TEST_ISSUERS["622500"].keys.ac
    theirs = pyemv.kd.derive_icc_mk_b if option_b else pyemv.kd.derive_icc_mk_a
    assert derive_icc_master_key(key, pan, "00", option_b=option_b) == theirs(key, pan, "00")


@given(st.integers(0, 3), st.binary(min_size=8, max_size=8), st.integers(0, 255), st.sampled_from(sorted(SCHEMES)))
def test_what_is_enciphered_opens_only_as_the_same_command(
    number: int, arqc: bytes, seed: int, row: tuple[str, int]
) -> None:
    keys = KeySet(*(bytes((seed ^ at,)) * 15 + b"\x01" for at in range(3)))
    transaction = Transaction.begin(SCHEMES[row], keys, b"\x00\x07", b"\x01\x02\x03\x04")
    block = transaction.pin_block(b"2468")
    sealed = transaction.encipher(block, arqc, number)
    assert transaction.decipher(sealed, arqc, number) == block
    if transaction.scheme.messaging is Session.CRYPTOGRAM:
        assert transaction.decipher(sealed, arqc, number + 1) != block


@given(st.binary(max_size=40))
def test_no_bytes_break_decipherment_or_pin_blocks(data: bytes) -> None:
    keys = TEST_ISSUERS["622500"].keys
    for scheme in SCHEMES.values():
        transaction = Transaction.begin(scheme, keys, b"\x00\x07", bytes(4))
        clear = transaction.decipher(data, bytes(8), 0)
        if clear is not None:
            transaction.read_pin_block(clear)


@given(st.text("0123456789", min_size=4, max_size=12))
def test_a_pin_block_reads_back(pin: str) -> None:
    block = format_2(pin.encode())
    assert block == pyemv.sm.format_iso9564_2_pin_block(pin)
    assert read_format_2(block) == pin.encode()
    assert read_format_2(b"\x3f" + block[1:]) is None
    assert read_format_2(block[:-1] + b"\x00") is None


def genuine() -> dict[int, bytes]:
    values = elements()
    scheme = SCHEMES["pboc", 0x01]
    keys = Issuer().card_keys(PAN, "01", scheme)
    transaction = Transaction.begin(scheme, keys, values[0x9F36], values[0x9F37])
    return values | {0x9F26: transaction.cryptogram(values, values[0x9F10])}


def test_a_genuine_cryptogram_is_told_from_a_changed_one() -> None:
    issuer = Issuer()
    values = genuine()
    checked = issuer.check(PAN, "01", values)
    assert checked.genuine and not checked.pin_blocked
    assert not issuer.check(PAN, "02", values).genuine
    assert not issuer.check(PAN, "01", values | {0x9F02: bytes(6)}).genuine
    answer = checked.answer(b"51")
    assert len(answer) == 10 and answer.endswith(b"51")


@pytest.mark.parametrize(
    ("family", "cvn", "yes", "no"),
    [
        ("pboc", 0x01, "3030", "3531"),
        ("visa", 0x12, "00800000", "00000000"),
        ("mchip", 0x10, "0010", "0000"),
    ],
)
def test_each_family_says_yes_in_its_own_way(family: str, cvn: int, yes: str, no: str) -> None:
    pan = {"pboc": PAN, "visa": "4111110000000013", "mchip": "5555550000000014"}[family]
    iad = {"pboc": "07010103A0000001", "visa": "06011203A00000", "mchip": "0110A000032200000000"}[family]
    checked = Issuer().check(pan, "01", elements() | {0x9F10: bytes.fromhex(iad), 0x9F26: bytes(8)})
    assert checked.answer(b"00").hex().endswith(yes)
    assert checked.answer(b"51").hex().endswith(no)


def test_a_script_is_a_template_of_commands_each_with_its_own_mac() -> None:
    checked = Issuer().check(PAN, "01", genuine())
    text = checked.script(UNBLOCK_APPLICATION, put_data(0x9F58, b"\x05"), identifier=b"\x00\x00\x00\x01")
    assert text[0] == 0x72 and text[2:9] == bytes.fromhex("9F1804 00000001")
    assert bytes.fromhex("8609 8418000004") in text and bytes.fromhex("860A 04DA9F5805 05") in text
    assert "9876" not in repr(change_pin(b"9876"))


@pytest.mark.parametrize("missing", [0x9F26, 0x9F10, 0x9F36, 0x82, 0x95, 0x9F37])
def test_a_missing_element_is_named(missing: int) -> None:
    values = elements() | {0x9F26: bytes(8)}
    del values[missing]
    with pytest.raises(IssuerError, match=f"{missing:X}"):
        Issuer().check(PAN, "01", values)


@pytest.mark.parametrize(
    ("pan", "iad", "reason"),
    [("4000000000000002", "07010103A0000001", "BIN"), (PAN, "07017703A0000001", "version 77")],
)
def test_what_no_test_issuer_made_is_refused(pan: str, iad: str, reason: str) -> None:
    with pytest.raises(IssuerError, match=reason):
        Issuer().check(pan, "01", elements() | {0x9F26: bytes(8), 0x9F10: bytes.fromhex(iad)})


def test_no_key_in_any_repr() -> None:
    row = TEST_ISSUERS["622500"]
    checked = Issuer({"622500": IssuerRow("pboc", row.keys)}).check(PAN, "01", genuine())
    told = repr((row, row.keys, checked, checked.transaction))
    for key in (row.keys.ac, row.keys.smi, checked.transaction.keys.ac, checked.transaction.ac_key):
        assert key.hex() not in told and repr(key) not in told


@given(st.binary(min_size=16, max_size=16))
def test_parity_is_odd_and_changes_only_the_low_bits(key: bytes) -> None:
    adjusted = set_odd_parity(key)
    assert all(byte.bit_count() % 2 for byte in adjusted)
    assert bytes(byte & 0xFE for byte in adjusted) == bytes(byte & 0xFE for byte in key)


@pytest.mark.parametrize(
    ("pan", "organisation"),
    [
        ("6225000000000014", "CUP"),
        ("4111110000000013", "VIS"),
        ("411111******0013", "VIS"),
        ("5555550000000010", "MCC"),
        ("2221000000000009", "MCC"),
        ("2720999999999996", "MCC"),
        ("2721000000000004", "000"),
        ("5600000000000003", "000"),
        ("371449635398431", "AMX"),
        ("3528000000000007", "JCB"),
        ("", "000"),
    ],
)
def test_a_number_says_whose_card_it_is(pan: str, organisation: str) -> None:
    assert organisation_of(pan) == organisation
