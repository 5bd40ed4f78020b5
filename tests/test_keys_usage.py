"""The whole usage x operation matrix, walked against a list that was written apart from the table."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KeyRefused
from keys.usage import (
    TABLE,
    Algorithm,
    Mode,
    Operation,
    check,
    check_attributes,
    check_wrapping,
    rsa_strength,
    strength,
)

O = Operation  # noqa: E741  # The matrix reads as a table.
# Usage, algorithms, then each operation with the modes of use that permit it. All that is not here is refused.
MATRIX: tuple[tuple[str, str, dict[Operation, str]], ...] = (
    ("B0", "AT", {O.DERIVE_INITIAL_KEY: "XN"}),
    ("B1", "AT", {O.DERIVE_WORKING_KEY: "XN"}),
    ("D0", "ADT4", {O.ENCRYPT_DATA: "BEN", O.DECRYPT_DATA: "BDN"}),
    ("E0", "AT", {O.DERIVE_CHIP_KEY: "XN"}),
    ("E1", "AT", {O.DERIVE_CHIP_KEY: "XN"}),
    ("E2", "AT", {O.DERIVE_CHIP_KEY: "XN"}),
    ("K0", "AT4", {O.WRAP_KEY: "BEN", O.UNWRAP_KEY: "BDN"}),
    ("K1", "AT", {O.WRAP_BLOCK: "BEN", O.UNWRAP_BLOCK: "BDN"}),
    ("M0", "DT4", {O.MAKE_MAC: "CGN", O.CHECK_MAC: "CVN", O.MAKE_CBC_MAC: "CGN", O.CHECK_CBC_MAC: "CVN"}),
    ("M1", "DAT4", {O.MAKE_CBC_MAC: "CGN", O.CHECK_CBC_MAC: "CVN"}),
    ("M3", "T", {O.MAKE_RETAIL_MAC: "CGN", O.CHECK_RETAIL_MAC: "CVN"}),
    ("M6", "AT4", {O.MAKE_CMAC: "CGN", O.CHECK_CMAC: "CVN"}),
    ("M7", "H", {O.MAKE_HMAC: "CGN", O.CHECK_HMAC: "CVN"}),
    ("P0", "ADT4", {O.ENCRYPT_PIN: "BEN", O.DECRYPT_PIN: "BDN"}),
    ("10", "A", {O.SEAL_BATCH: "B", O.UNSEAL_BATCH: "B"}),
    ("12", "R", {O.LEND: "S"}),
    ("13", "R", {O.LEND: "V"}),
    ("14", "A", {O.LEND: "D"}),
)
CODES = (
    *("B0", "B1", "B2", "B3"),
    *("C0",),
    *("D0", "D1", "D2", "D3"),
    *("E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7"),
    *("I0",),
    *("K0", "K1", "K2", "K3", "K4"),
    *("M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8"),
    *("P0", "P1"),
    *("S0", "S1", "S2"),
    *("V0", "V1", "V2", "V3", "V4", "V5"),
    *("10", "12", "13", "14"),
)


def permitted() -> set[tuple[str, str, str, Operation]]:
    return {
        (usage, algorithm, mode, operation)
        for usage, algorithms, operations in MATRIX
        for operation, modes in operations.items()
        for algorithm in algorithms
        for mode in modes
    }


def allows(usage: str, algorithm: str, mode: str, operation: Operation) -> bool:
    try:
        check(usage, algorithm, mode, operation)
    except KeyRefused:
        return False
    return True


def test_the_table_has_every_usage_of_the_standard_and_those_of_ours() -> None:
    assert set(TABLE) == set(CODES)


def test_the_whole_matrix() -> None:
    """Every usage, known or not, with every algorithm, mode and operation: permitted here, or refused there."""
    operations = [operation for operation in Operation if operation is not Operation.CHECK_VALUE]
    pairs = itertools.product([*CODES, "Z9"], [a.value for a in Algorithm], [m.value for m in Mode], operations)
    seen = {cell for cell in pairs if allows(*cell)}
    assert seen == permitted()


def test_no_key_that_hides_pins_keys_or_macs_encrypts_what_one_likes() -> None:
    for usage in TABLE:
        for algorithm, mode in itertools.product(Algorithm, Mode):
            for operation in (Operation.ENCRYPT_DATA, Operation.DECRYPT_DATA):
                assert usage == "D0" or not allows(usage, algorithm.value, mode.value, operation)


def test_check_values_are_for_symmetric_keys_of_a_known_kind() -> None:
    cells = itertools.product(TABLE, Algorithm, Mode)
    for usage, algorithm, mode in cells:
        row = TABLE[usage]
        exists = algorithm.value in row.algorithms and mode.value in row.modes
        symmetric = algorithm in (Algorithm.AES, Algorithm.DES, Algorithm.TDES, Algorithm.SM4)
        assert allows(usage, algorithm.value, mode.value, Operation.CHECK_VALUE) == (exists and symmetric)


def test_a_refusal_names_codes_and_no_more() -> None:
    with pytest.raises(KeyRefused, match=r"^a PIN encryption key \(P0, T, E\) may not decrypt a PIN$"):
        check("P0", "T", "E", Operation.DECRYPT_PIN)
    with pytest.raises(KeyRefused, match="^no key has this usage, algorithm and mode of use together$"):
        check_attributes("M3", "A", "C")


@given(st.text(max_size=3), st.text(max_size=2), st.text(max_size=2))
def test_unknown_codes_are_refused(usage: str, algorithm: str, mode: str) -> None:
    row = TABLE.get(usage)
    exists = row is not None and len(algorithm) == len(mode) == 1
    exists = exists and row is not None and algorithm in row.algorithms and mode in row.modes
    try:
        check_attributes(usage, algorithm, mode)
    except KeyRefused:
        assert not exists
    else:
        assert exists


# Strength


def key(size: int) -> bytearray:
    return bytearray(range(3, 3 + 2 * size, 2))


def test_the_order_of_strength() -> None:
    ladder = [
        strength(Algorithm.DES, key(8)),
        strength(Algorithm.TDES, key(16)),
        strength(Algorithm.TDES, key(24)),
        strength(Algorithm.AES, key(16)),
        strength(Algorithm.AES, key(24)),
        strength(Algorithm.AES, key(32)),
    ]
    assert ladder == [56, 80, 112, 128, 192, 256]
    assert strength(Algorithm.SM4, key(16)) == 128
    assert [strength(Algorithm.HMAC, bytearray(size)) for size in (16, 32, 64)] == [128, 256, 256]
    assert [rsa_strength(bits) for bits in (512, 1024, 2048, 3072, 4096)] == [0, 80, 112, 128, 128]
    for (outer, one), (inner, other) in itertools.product(enumerate(ladder), repeat=2):
        if outer < inner:
            with pytest.raises(KeyRefused, match="weaker"):
                check_wrapping(one, other)
        else:
            check_wrapping(one, other)


def test_a_triple_des_key_counts_for_what_its_parts_make_of_it() -> None:
    left, middle, right = key(24)[:8], key(24)[8:16], key(24)[16:]
    assert strength(Algorithm.TDES, left + middle + right) == 112
    assert strength(Algorithm.TDES, left + middle + left) == 80
    assert strength(Algorithm.TDES, left + left + right) == 56
    assert strength(Algorithm.TDES, left + right + right) == 56
    assert strength(Algorithm.TDES, left + left) == 56
    parity = bytearray(byte ^ 1 for byte in left)
    assert strength(Algorithm.TDES, left + parity) == 56
    assert strength(Algorithm.TDES, left + middle + parity) == 80


@given(st.sampled_from(Algorithm), st.binary(max_size=70))
def test_a_length_that_no_key_has_is_refused(algorithm: Algorithm, data: bytes) -> None:
    try:
        assert 8 <= strength(algorithm, bytearray(data)) <= 256
    except KeyRefused as refused:
        assert len(data) < 4 or data.hex() not in str(refused)


def test_the_vectors_say_where_they_come_from() -> None:
    text = (Path(__file__).parent / "vectors" / "keys_pin_mac.json").read_text("utf-8")
    assert all(vector["source"] for vector in json.loads(text)["vectors"])
