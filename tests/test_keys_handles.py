"""Keys by handle: what is loaded by a ceremony or in a key block, what each may do, and what is not taken."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KeyRef, KeyRefused, KeyStore, MacMethod, Pin, Usage, blocks, ciphers, mac_methods, pin_formats
from keys.block_header import Header, KeyUsage, OptionalBlock, Version
from keys.intake import opened_block
from keys.pin_formats import PinFormat
from keys.testkeys import PUBLISHED, TEST_TMK
from keys.usage import Algorithm, Mode

PAN = "6212790200001797"
TMK, KBPK, PIK = (KeyRef(usage) for usage in (Usage.TMK, Usage.KBPK, Usage.PIK))
AES_KBPK = bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")  # Published.
TDES_KBPK = bytes.fromhex("0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123")


def drawn(size: int) -> bytearray:
    return bytearray(os.urandom(size))


def opened(folder: Path, *, test_only: bool = False) -> KeyStore:
    return KeyStore.open(folder / "keys", terminal_id="10000001", test_only=test_only)


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    """With key block protection keys of both kinds: slot 0 of AES, slot 1 of three-key TDES."""
    made = opened(tmp_path)
    made.load_key(KBPK, bytearray(AES_KBPK), Algorithm.AES, Mode.DECRYPT)
    made.load_key(KeyRef(Usage.KBPK, 1), bytearray(TDES_KBPK), Algorithm.TDES, Mode.DECRYPT)
    return made


def block(
    key: bytearray,
    usage: str,
    algorithm: Algorithm,
    mode: Mode,
    *,
    version: Version = Version.D,
    key_version: str = "00",
    optional: tuple[OptionalBlock, ...] = (),
    kbpk: bytes = b"",
) -> str:
    header = Header(version, KeyUsage(usage), algorithm, mode, key_version, optional=optional)
    return blocks.wrap(bytearray(kbpk or (AES_KBPK if version.is_aes else TDES_KBPK)), header, key, os.urandom)


# Loading


@pytest.mark.parametrize(
    ("algorithm", "size", "kcv_digits"),
    [
        (Algorithm.TDES, 16, 8),
        (Algorithm.TDES, 24, 8),
        (Algorithm.SM4, 16, 8),
        (Algorithm.AES, 16, 10),
        (Algorithm.AES, 24, 10),
        (Algorithm.AES, 32, 10),
    ],
)
def test_a_tmk_of_each_algorithm(tmp_path: Path, algorithm: Algorithm, size: int, kcv_digits: int) -> None:
    store, key = opened(tmp_path), drawn(size)
    store.load_key(TMK, key, algorithm, Mode.DECRYPT)
    again = opened(tmp_path)
    assert again.algorithm(TMK) is algorithm
    assert not again.is_test
    block_of_zeros = bytes(ciphers.block_bytes(algorithm))
    if algorithm is Algorithm.AES:
        expected = ciphers.cmac(algorithm, key, block_of_zeros)[:5]
    else:
        expected = bytes(ciphers.encrypt_ecb(algorithm, key, block_of_zeros)[:4])
    assert again.kcv(TMK) == expected.hex().upper()
    assert len(again.kcv(TMK)) == kcv_digits
    assert again.check_values() == ((TMK, again.kcv(TMK)),)


def test_a_single_length_tmk_is_none(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for algorithm, size in ((Algorithm.DES, 8), (Algorithm.TDES, 8), (Algorithm.HMAC, 32)):
        with pytest.raises(KeyRefused):
            store.load_key(TMK, drawn(size), algorithm, Mode.DECRYPT)
    assert store.held() == ()


@pytest.mark.parametrize(
    ("usage", "algorithm", "mode"),
    [
        (Usage.MAC_X9_19, Algorithm.AES, Mode.MAKE_AND_CHECK),
        (Usage.PIK, Algorithm.TDES, Mode.MAKE_AND_CHECK),
        (Usage.TMK, Algorithm.TDES, Mode.DERIVE),
        (Usage.MAC_HMAC, Algorithm.AES, Mode.MAKE_AND_CHECK),
        (Usage.KBPK, Algorithm.SM4, Mode.DECRYPT),
        (Usage.INITIAL_KEY, Algorithm.TDES, Mode.DERIVE),  # It comes with a KSN.
    ],
)
def test_what_does_not_go_together_is_not_taken(tmp_path: Path, usage: Usage, algorithm: Algorithm, mode: Mode) -> None:
    with pytest.raises(KeyRefused):
        opened(tmp_path).load_key(KeyRef(usage), drawn(16), algorithm, mode)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        ("0101010101010101" + "1A2B3C4D5E6F7081", Algorithm.TDES),
        ("1A2B3C4D5E6F7081" + "E0FEE0FEF1FEF1FE", Algorithm.TDES),
        ("1A2B3C4D5E6F7081" * 2, Algorithm.TDES),
        ("1A2B3C4D5E6F7081" + "1B2A3D4C5F6E7180", Algorithm.TDES),  # Equal but for parity.
        ("1A2B3C4D5E6F7081" + "0F1E2D3C4B5A6978" + "1A2B3C4D5E6F7081", Algorithm.TDES),  # Two parts that go as three.
        ("1A2B3C4D5E6F7081" + "0F1E2D3C4B5A6978" * 2, Algorithm.TDES),
        ("00" * 16, Algorithm.AES),
        ("5A" * 16, Algorithm.SM4),
    ],
)
def test_a_weak_key_is_not_taken(tmp_path: Path, key: str, algorithm: Algorithm) -> None:
    store = opened(tmp_path)
    with pytest.raises(KeyRefused, match="weak key") as refused:
        store.load_key(TMK, bytearray.fromhex(key), algorithm, Mode.DECRYPT)
    assert key[:8] not in str(refused.value)
    assert not store.has(TMK)


def test_one_key_has_one_place(store: KeyStore) -> None:
    """Equal to any key that is kept, whatever its role, slot or algorithm; in its own place it may come again."""
    key = drawn(16)
    store.load_key(TMK, key, Algorithm.TDES, Mode.DECRYPT)
    store.load_key(TMK, key, Algorithm.TDES, Mode.DECRYPT)
    parity = bytearray(byte ^ 1 for byte in key)
    tries: tuple[tuple[KeyRef, bytearray, Algorithm, Mode], ...] = (
        (KeyRef(Usage.TMK, 1), key, Algorithm.TDES, Mode.DECRYPT),
        (PIK, key, Algorithm.TDES, Mode.ENCRYPT),
        (PIK, parity, Algorithm.TDES, Mode.ENCRYPT),
        (KeyRef(Usage.MAC_CMAC), key, Algorithm.SM4, Mode.MAKE_AND_CHECK),
        (KeyRef(Usage.MAC_HMAC), bytearray(AES_KBPK), Algorithm.HMAC, Mode.MAKE_AND_CHECK),
    )
    for ref, candidate, algorithm, mode in tries:
        with pytest.raises(KeyRefused, match="already"):
            store.load_key(ref, candidate, algorithm, mode)
        assert not store.has(ref)


def test_a_new_tmk_discards_the_working_keys_of_its_slot_and_no_other(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for slot, usage in itertools.product((0, 1), (Usage.PIK, Usage.MAK, Usage.TDK, Usage.MAC_X9_19)):
        mode = Mode.ENCRYPT if usage in (Usage.PIK, Usage.TDK) else Mode.MAKE_AND_CHECK
        store.load_key(KeyRef(usage, slot), drawn(16), Algorithm.TDES, mode)
    store.load_key(KeyRef(Usage.TMK, 1), drawn(16), Algorithm.TDES, Mode.DECRYPT)
    assert store.working_keys_ready(0)
    assert [ref for ref in store.held() if ref.slot == 1] == [KeyRef(Usage.TMK, 1)]


def test_only_published_keys_are_taken_unless_the_configuration_says_otherwise(tmp_path: Path) -> None:
    store = opened(tmp_path, test_only=True)
    for ref, algorithm, size in ((TMK, Algorithm.TDES, 16), (KBPK, Algorithm.AES, 32), (PIK, Algorithm.TDES, 16)):
        with pytest.raises(KeyRefused, match="published"):
            mode = Mode.ENCRYPT if ref is PIK else Mode.DECRYPT
            store.load_key(ref, drawn(size), algorithm, mode, test=True)
    with pytest.raises(KeyRefused, match="published"):
        store.load_initial_key(
            KeyRef(Usage.INITIAL_KEY), drawn(16), Algorithm.TDES, bytes.fromhex("FFFF9876543210E00000")
        )
    store.load_test_tmk()
    store.load_key(KBPK, bytearray(AES_KBPK), Algorithm.AES, Mode.DECRYPT)
    assert store.is_test_key(TMK) and store.is_test_key(KBPK)
    with pytest.raises(KeyRefused, match="published"):
        store.load_block(KBPK, block(drawn(16), "K0", Algorithm.TDES, Mode.DECRYPT))
    # What comes under a published key is no secret either, and works.
    assert store.load_block(KBPK, block(drawn(16), "P0", Algorithm.TDES, Mode.ENCRYPT)) == PIK
    real = opened(tmp_path)
    real.load_key(TMK, drawn(16), Algorithm.TDES, Mode.DECRYPT)
    assert not real.is_test
    with pytest.raises(KeyRefused, match="no published test key"):
        opened(tmp_path, test_only=True)


def test_a_key_of_the_laboratory_is_marked(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.load_key(TMK, drawn(16), Algorithm.TDES, Mode.DECRYPT, test=True)
    assert opened(tmp_path).is_test


def test_every_published_key_is_known_as_one(tmp_path: Path) -> None:
    for key in PUBLISHED:
        if len(key) == 16:
            store = opened(tmp_path, test_only=True)
            store.load_key(TMK, bytearray(key), Algorithm.SM4, Mode.DECRYPT)
            assert store.is_test


# Key blocks


@pytest.mark.parametrize(
    ("usage", "algorithm", "mode", "size"),
    [
        ("K0", Algorithm.TDES, Mode.DECRYPT, 16),
        ("K0", Algorithm.SM4, Mode.DECRYPT, 16),
        ("K1", Algorithm.AES, Mode.DECRYPT, 16),
        ("P0", Algorithm.TDES, Mode.ENCRYPT, 24),
        ("P0", Algorithm.AES, Mode.ENCRYPT, 32),
        ("M0", Algorithm.TDES, Mode.MAKE_AND_CHECK, 16),
        ("M0", Algorithm.DES, Mode.MAKE_AND_CHECK, 8),
        ("M0", Algorithm.SM4, Mode.MAKE_AND_CHECK, 16),
        ("M1", Algorithm.AES, Mode.MAKE_AND_CHECK, 16),
        ("M3", Algorithm.TDES, Mode.MAKE_AND_CHECK, 16),
        ("M6", Algorithm.AES, Mode.MAKE_AND_CHECK, 16),
        ("M7", Algorithm.HMAC, Mode.MAKE_AND_CHECK, 32),
        ("D0", Algorithm.TDES, Mode.ENCRYPT, 16),
    ],
)
def test_a_key_block_brings_usage_algorithm_and_mode(
    store: KeyStore, usage: str, algorithm: Algorithm, mode: Mode, size: int
) -> None:
    ref = store.load_block(KBPK, block(drawn(size), usage, algorithm, mode), slot=3)
    assert ref == KeyRef(Usage(usage), 3)
    assert store.algorithm(ref) is algorithm
    assert ref in store.held()


@pytest.mark.parametrize("version", [Version.B, Version.C, Version.D, Version.E])
def test_blocks_of_each_version_open_under_the_key_of_their_kind(store: KeyStore, version: Version) -> None:
    key = drawn(16)
    right, wrong = (0, 1) if version.is_aes else (1, 0)
    made = block(key, "P0", Algorithm.TDES, Mode.ENCRYPT, version=version)
    with pytest.raises(KeyRefused, match="^the key block does not open$"):
        store.load_block(KeyRef(Usage.KBPK, wrong), made)
    assert store.load_block(KeyRef(Usage.KBPK, right), made) == PIK
    pin = Pin.of("123456")
    expected = pin_formats.encrypt(PinFormat.ISO_0, Algorithm.TDES, key, pin, PAN, os.urandom)
    assert store.pin_block(PIK, pin, PAN) == expected


def test_a_protection_key_of_tdes_opens_no_block_of_aes_though_it_has_16_bytes(tmp_path: Path) -> None:
    kbpk = drawn(16)
    store = opened(tmp_path)
    store.load_key(KBPK, kbpk, Algorithm.TDES, Mode.DECRYPT)
    header = Header(Version.D, KeyUsage("P0"), Algorithm.TDES, Mode.ENCRYPT)
    with pytest.raises(KeyRefused, match="^the key block does not open$"):
        store.load_block(KBPK, blocks.wrap(kbpk, header, drawn(16), os.urandom))


def test_a_key_that_is_stronger_than_its_protection_does_not_open(tmp_path: Path) -> None:
    """By what the kept key is worth: two keys of TDES protect no three, though somebody wrapped it so."""
    kbpk, key = drawn(16), drawn(24)
    store = opened(tmp_path)
    store.load_key(KBPK, kbpk, Algorithm.TDES, Mode.DECRYPT)
    header = Header(Version.B, KeyUsage("P0"), Algorithm.TDES, Mode.ENCRYPT)
    good = blocks.wrap(kbpk, header, drawn(16), os.urandom)
    store.load_block(KBPK, good)
    as_three = bytearray(bytes(kbpk) + bytes(kbpk[:8]))  # The same key, written as a triple-length one.
    with pytest.raises(KeyRefused):
        blocks.wrap(as_three, header, key, os.urandom)
    weak = opened(tmp_path)
    with pytest.raises(KeyRefused, match="weak key"):
        weak.load_key(KeyRef(Usage.KBPK, 1), as_three, Algorithm.TDES, Mode.DECRYPT)


@pytest.mark.parametrize("usage", ["B0", "C0", "E0", "P1", "V0", "V1", "V2", "K4", "B2", "D2", "10"])
def test_what_a_terminal_does_not_hold(store: KeyStore, usage: str) -> None:
    mode = {"B0": Mode.DERIVE, "B2": Mode.DERIVE, "E0": Mode.DERIVE}.get(usage, Mode.ANY)
    held = store.held()
    made = block(drawn(16), usage, Algorithm.TDES, mode)
    with pytest.raises(KeyRefused, match="a terminal does not take a|does not open"):
        store.load_block(KBPK, made)
    assert store.held() == held


def test_what_a_block_may_not_bring(store: KeyStore) -> None:
    component = block(drawn(16), "K0", Algorithm.TDES, Mode.DECRYPT, key_version="c1")
    pair = block(drawn(16), "P0", Algorithm.TDES, Mode.MAKE)
    weak = block(bytearray.fromhex("1A2B3C4D5E6F7081" * 2), "P0", Algorithm.TDES, Mode.ENCRYPT)
    single = block(drawn(8), "P0", Algorithm.TDES, Mode.ENCRYPT)
    kept = block(bytearray(TDES_KBPK), "K0", Algorithm.TDES, Mode.DECRYPT)
    for made, told in (
        (component, "component"),
        (pair, "usage, algorithm and mode"),
        (weak, "weak key"),
        (single, "single DES"),
        (kept, "already"),
        ("", "does not open"),
        ("D0000", "does not open"),
    ):
        with pytest.raises(KeyRefused, match=told):
            store.load_block(KBPK, made)
    assert [ref.usage for ref in store.held()] == [Usage.KBPK, Usage.KBPK]


def test_a_block_opens_under_a_protection_key_only(store: KeyStore) -> None:
    """A TMK unwraps working keys bare; the same key must not open key blocks as well."""
    made = block(drawn(16), "P0", Algorithm.TDES, Mode.ENCRYPT)
    store.load_key(TMK, bytearray(TEST_TMK), Algorithm.TDES, Mode.DECRYPT)
    for ref in (TMK, PIK, KeyRef(Usage.KBPK, 5)):
        with pytest.raises(KeyRefused):
            store.load_block(ref, made)
    store.load_key(KeyRef(Usage.KBPK, 5), drawn(32), Algorithm.AES, Mode.ENCRYPT)
    with pytest.raises(KeyRefused, match="may not unwrap a key block"):
        store.load_block(KeyRef(Usage.KBPK, 5), made)


GOOD_BLOCK = block(drawn(16), "P0", Algorithm.TDES, Mode.ENCRYPT)


@given(st.one_of(st.text(max_size=130), st.tuples(st.integers(0, len(GOOD_BLOCK) - 1), st.characters())))
def test_any_text_opens_or_is_refused_alike(found: str | tuple[int, str]) -> None:
    text = found if isinstance(found, str) else GOOD_BLOCK[: found[0]] + found[1] + GOOD_BLOCK[found[0] + 1 :]
    try:
        opened_block(bytearray(AES_KBPK), Algorithm.AES, text).wipe()
    except KeyRefused as refused:
        assert str(refused) == "the key block does not open"
    else:
        assert text == GOOD_BLOCK


# Using


def loaded(store: KeyStore) -> dict[KeyRef, bytearray]:
    """A key of each usage with an operation, in slot 0, by its handle."""
    made: dict[KeyRef, bytearray] = {}
    for usage, algorithm, mode, size in (
        (Usage.TMK, Algorithm.TDES, Mode.DECRYPT, 16),
        (Usage.PIK, Algorithm.TDES, Mode.ENCRYPT, 16),
        (Usage.MAK, Algorithm.TDES, Mode.MAKE_AND_CHECK, 16),
        (Usage.MAC_CBC, Algorithm.AES, Mode.MAKE_AND_CHECK, 16),
        (Usage.MAC_X9_19, Algorithm.TDES, Mode.MAKE_AND_CHECK, 16),
        (Usage.MAC_CMAC, Algorithm.AES, Mode.MAKE_AND_CHECK, 32),
        (Usage.MAC_HMAC, Algorithm.HMAC, Mode.MAKE_AND_CHECK, 32),
        (Usage.TDK, Algorithm.TDES, Mode.ENCRYPT, 24),
    ):
        made[KeyRef(usage)] = drawn(size)
        store.load_key(KeyRef(usage), made[KeyRef(usage)], algorithm, mode)
    return made


def refuses(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except KeyRefused:
        return True
    return False


MACS = {
    MacMethod.UNIONPAY: {Usage.MAK},
    MacMethod.CBC: {Usage.MAK, Usage.MAC_CBC},
    MacMethod.X9_19: {Usage.MAC_X9_19},
    MacMethod.CMAC: {Usage.MAC_CMAC},
    MacMethod.HMAC: {Usage.MAC_HMAC},
}


def test_each_handle_does_its_own_work_and_no_other(store: KeyStore) -> None:
    made = loaded(store)
    refs = [*made, KBPK, KeyRef(Usage.INITIAL_KEY)]
    pin = Pin.of("123456")
    assert [ref.usage for ref in refs if not refuses(lambda: store.pin_block(ref, pin, PAN))] == [Usage.PIK]  # noqa: B023
    assert [ref.usage for ref in refs if not refuses(lambda: store.encrypt_track(ref, "1" * 37))] == [Usage.TDK]  # noqa: B023
    for method, usages in MACS.items():
        for ref in refs:
            if ref.usage in usages:
                code = store.mac(ref, b"data" * 9, method)
                assert code == mac_methods.compute(method, store.algorithm(ref), made[ref], b"data" * 9)
                assert store.mac_ok(ref, b"data" * 9, code, method)
                assert not store.mac_ok(ref, b"data" * 8, code, method)
                assert store.mac_ok(ref, b"data" * 9, code[:4], method) is (method is not MacMethod.UNIONPAY)
                assert not store.mac_ok(ref, b"data" * 9, code[:3], method)
            else:
                assert refuses(lambda: store.mac(ref, b"data", method))  # noqa: B023
                assert refuses(lambda: store.mac_ok(ref, b"data", bytes(8), method))  # noqa: B023


def test_a_key_that_only_checks_makes_no_mac(store: KeyStore) -> None:
    key = drawn(16)
    ref = store.load_block(KBPK, block(key, "M6", Algorithm.AES, Mode.CHECK))
    code = mac_methods.compute(MacMethod.CMAC, Algorithm.AES, key, b"data")
    assert store.mac_ok(ref, b"data", code, MacMethod.CMAC)
    with pytest.raises(KeyRefused, match="may not make a CMAC"):
        store.mac(ref, b"data", MacMethod.CMAC)


@pytest.mark.parametrize(
    ("algorithm", "size", "allowed"),
    [
        (Algorithm.TDES, 16, {PinFormat.ISO_0, PinFormat.ISO_3}),
        (Algorithm.TDES, 24, {PinFormat.ISO_0, PinFormat.ISO_3}),
        (Algorithm.AES, 16, {PinFormat.ISO_4}),
        (Algorithm.AES, 32, {PinFormat.ISO_4}),
        (Algorithm.SM4, 16, set()),  # It does not fit field 52, and nobody has published how it would.
    ],
)
def test_the_formats_that_a_pin_key_allows(
    tmp_path: Path, algorithm: Algorithm, size: int, allowed: set[PinFormat]
) -> None:
    store, pin = opened(tmp_path), Pin.of("123456")
    store.load_key(PIK, drawn(size), algorithm, Mode.ENCRYPT)
    found = {form for form in PinFormat if not refuses(lambda: store.pin_block(PIK, pin, PAN, form))}  # noqa: B023
    assert found == allowed
    extra = {PinFormat.ISO_1} if algorithm is Algorithm.TDES else set()
    with_format_1 = {
        form
        for form in PinFormat
        if not refuses(lambda: store.pin_block(PIK, pin, PAN, form, without_pan=True))  # noqa: B023
    }
    assert with_format_1 == allowed | extra


def test_a_track_under_sm4_is_refused_with_the_reason(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.load_key(KeyRef(Usage.TDK), drawn(16), Algorithm.SM4, Mode.ENCRYPT)
    with pytest.raises(KeyRefused, match="no public text"):
        store.encrypt_track(KeyRef(Usage.TDK), "1" * 37)


def test_a_slot_is_a_number_of_two_digits() -> None:
    for slot in (-1, 100):
        with pytest.raises(ValueError, match="slot"):
            KeyRef(Usage.TMK, slot)
