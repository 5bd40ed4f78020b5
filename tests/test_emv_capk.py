"""CA public keys as a file: check sums, expiry, the two worlds apart, every mistake with its place."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from emv.capk import CaKeys, CapkError, CapkSet, checksum, default_capks, load_capks
from emv.certificates import OdaFailure
from sim.card.chain import ca_checksum
from sim.card.rsa_keys import CA_INDEX, RIDS, capk_rows, published_keys

VECTORS = json.loads((Path(__file__).parent / "vectors" / "emv_capk_unionpay.json").read_text(encoding="utf-8"))
UNIONPAY = VECTORS["keys"]
RID = bytes.fromhex("A000000333")
TODAY = datetime.date(2026, 11, 25)


def row(number: int = 0, **changes: str) -> str:
    """A [[capk]] of a published UnionPay key; `changes` replace a value as it stands in TOML, "" leaves it out."""
    key = UNIONPAY[number]
    expiry = key["expiry_as_published"]
    values = {
        "rid": f'"{key["rid"]}"',
        "index": f'"{key["index"]}"',
        "modulus": f'"{key["modulus"]}"',
        "exponent": f'"{key["exponent"]}"',
        "hash_algorithm": '"01"',
        "key_algorithm": '"01"',
        "checksum": f'"{key["sha1"]}"',
        "expiry": f"{expiry[:4]}-{expiry[4:6]}-{expiry[6:]}",
        "set": '"production"',
        **changes,
    }
    return "[[capk]]\n" + "".join(f"{name} = {value}\n" for name, value in values.items() if value)


def problems(text: str) -> list[str]:
    with pytest.raises(CapkError) as caught:
        load_capks(text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("number", range(len(UNIONPAY)))
def test_the_check_sums_that_unionpays_keys_are_published_with(number: int) -> None:
    key = UNIONPAY[number]
    (loaded,) = load_capks(row(number)).keys
    assert loaded.name == f"{key['rid']}/{key['index']}"
    assert loaded.key.modulus.hex().upper() == key["modulus"]
    assert 8 * len(loaded.key.modulus) == key["bits"]
    assert loaded.set is CapkSet.PRODUCTION


def test_one_digit_wrong_is_no_key() -> None:
    modulus = UNIONPAY[0]["modulus"]
    for wrong in (modulus[:8] + "0" + modulus[9:], modulus[:-2] + "59"):
        assert problems(row(modulus=f'"{wrong}"')) == [
            "capk[1].checksum: does not fit the key: a digit of the row is wrong"
        ]
    assert problems(row(index='"0C"')) == ["capk[1].checksum: does not fit the key: a digit of the row is wrong"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rid": '"A0000003"'}, "capk[1].rid: is 5 byte(s) in hex"),
        ({"index": "11"}, "capk[1].index: is 1 byte(s) in hex"),
        ({"modulus": '"CF9F"'}, "capk[1].modulus: is 64 to 248 byte(s) in hex"),
        ({"expiry": '"2024-12-31"'}, "capk[1].expiry: is a date without quotes: 2049-12-31"),
        ({"expiry": "2024-12-31T00:00:00"}, "capk[1].expiry: is a date without quotes: 2049-12-31"),
        ({"set": '"live"'}, 'capk[1].set: is "test" or "production"'),
        ({"set": ""}, "capk[1].set: is missing"),
        ({"expiry": ""}, "capk[1].expiry: is missing"),
        ({"colour": '"red"'}, "capk[1].colour: is unknown"),
        ({"hash_algorithm": '"07"'}, "capk[1].hash_algorithm: is not known; 01 is (SHA-1, RSA)"),
        ({"key_algorithm": '"04"'}, "capk[1].key_algorithm: is not known; 01 is (SHA-1, RSA)"),
    ],
)
def test_each_field_of_a_row(change: dict[str, str], problem: str) -> None:
    assert problems(row(**change)) == [problem]


@pytest.mark.parametrize(
    ("modulus", "exponent", "problem"),
    [
        (UNIONPAY[0]["modulus"], "05", "capk[1].exponent: is 03 or 010001"),
        (UNIONPAY[0]["modulus"], "000003", ""),
        (UNIONPAY[0]["modulus"][:-1] + "6", "03", "capk[1].modulus: is no modulus: it begins with 00 or is even"),
        ("00" + UNIONPAY[0]["modulus"][2:], "03", "capk[1].modulus: is no modulus: it begins with 00 or is even"),
    ],
)
def test_a_check_sum_does_not_make_a_key(modulus: str, exponent: str, problem: str) -> None:
    total = checksum(RID, 0x0B, bytes.fromhex(modulus), bytes.fromhex(exponent)).hex()
    text = row(modulus=f'"{modulus}"', exponent=f'"{exponent}"', checksum=f'"{total}"')
    if problem:
        assert problems(text) == [problem]
    else:
        assert load_capks(text).keys[0].key.exponent == 3


def test_the_same_key_twice_and_the_same_index_of_two_schemes() -> None:
    assert problems(row() + row()) == ["capk[2]: has the RID and index of capk[1]"]
    assert len(load_capks(capk_rows(published_keys())).keys) == len(RIDS) * len(CA_INDEX)


def test_test_and_production_keys_never_stand_in_one_profile() -> None:
    (told,) = problems(row(0) + row(1, set='"test"'))
    assert told == (
        "capk: test and production CA public keys in one profile (test: A000000333/09; production: A000000333/0B)"
    )
    production = load_capks(row()).keys
    with pytest.raises(ValueError, match="A000000333/F1.*A000000333/0B"):
        CaKeys(default_capks().keys + production)


def test_finding_a_key() -> None:
    keys = load_capks(row(0) + row(4))
    (good, _) = keys.keys
    assert keys.find(RID, 0x0B, datetime.date(2024, 12, 31)) == good.key
    for index, today, word in (
        (0x0B, datetime.date(2025, 1, 1), "ca-key/expired"),
        (0x01, TODAY, "ca-key/expired"),
        (0x02, TODAY, "ca-key/missing"),
    ):
        with pytest.raises(OdaFailure) as caught:
            keys.find(RID, index, today)
        assert caught.value.word == word
    with pytest.raises(OdaFailure, match="missing"):
        keys.find(bytes.fromhex("A000000003"), 0x0B, datetime.date(2024, 12, 31))


def test_revoked_certificates() -> None:
    revoked = '[[revoked]]\nrid = "A000000333"\nindex = "0B"\nserial = "000102"\n'
    keys = load_capks(row() + revoked + revoked.replace('"0B"', '"0A"').replace("02", "03"))
    assert keys.revoked_under(RID, 0x0B) == {bytes.fromhex("000102")}
    assert keys.revoked_under(RID, 0x0A) == {bytes.fromhex("000103")}
    assert keys.revoked_under(RID, 0x01) == frozenset()
    assert problems(revoked.replace("000102", "0102").replace("index", "indes")) == [
        "revoked[1].index: is missing",
        "revoked[1].indes: is unknown",
        "revoked[1].serial: is 3 byte(s) in hex",
    ]


def test_bounds() -> None:
    revoked = '[[revoked]]\nrid = "A000000333"\nindex = "0B"\nserial = "000102"\n'
    assert problems(revoked * 4097) == ["revoked: more than 4096 rows"]
    assert "capk: more than 256 rows" in problems(row() * 257)


@pytest.mark.parametrize("text", ["[[capk]", "capk = 1", "[[aid]]", "[[capk]]\nrid = ["])
def test_what_is_no_such_file(text: str) -> None:
    assert problems(text)


def test_an_empty_file_is_no_keys() -> None:
    assert load_capks("") == CaKeys()


def test_the_shipped_file_is_the_simulators_ca_and_nothing_else() -> None:
    shipped = default_capks().keys
    assert {key.set for key in shipped} == {CapkSet.TEST}
    for key in shipped:
        private = published_keys()["ca", key.key.exponent]
        assert key.key.modulus == private.modulus
        assert checksum(key.rid, key.index, private.modulus, private.exponent) == ca_checksum(
            key.rid, key.index, private
        )
    assert {(key.rid, key.index) for key in shipped} == {(rid, index) for rid in RIDS for index in CA_INDEX.values()}
