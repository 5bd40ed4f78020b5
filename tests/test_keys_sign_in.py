"""The working keys of a sign-in in each published layout: what becomes active, and what makes all of it refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KcvMismatch, KeyLayout, KeyRef, KeyRefused, KeyScheme, KeyStore, MacMethod, Pin, Usage, ciphers
from keys.loading import unwrap_tmk, unwrap_working_keys
from keys.testkeys import TEST_TMK, TEST_TMK_TRIPLE
from keys.usage import Algorithm, Mode
from sim.acquirer import Acquirer, Registry, TerminalRow
from sim.acquirer.caller import Caller, new_card
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL, card_accounts
from terminal.hostlink.profile import PROFILES, Profile, ProfileError, load_profile, parse_profile
from terminal.hostlink.reply import VerdictKind

VECTORS: dict[str, Any] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent / "vectors" / "hostlink.json").read_text("utf-8"))["vectors"]
}
TMK, PIK, MAK, TDK, RETAIL = (KeyRef(usage) for usage in (Usage.TMK, Usage.PIK, Usage.MAK, Usage.TDK, Usage.MAC_X9_19))
NOON = 1_795_233_600_000
PAN = "6212790200001797"
# Parts that are neither weak nor equal; a key is as many of them as it is long.
PARTS = [bytes.fromhex(text) for text in ("1A2B3C4D5E6F7081", "8293A4B5C6D7E8F9", "31425364758697A8")]
OTHER = [bytes.fromhex(text) for text in ("0F1E2D3C4B5A6978", "8796A5B4C3D2E1F0", "B0C1D2E3F4051627")]
THIRD = [bytes.fromhex(text) for text in ("13579BDF02468ACE", "1122334455667788", "99AABBCCDDEEFF01")]


def item(layout: KeyLayout, key: bytes, *, tmk: bytes = b"") -> bytes:
    """A key under the TMK and its check value."""
    scheme = layout.scheme
    wrapped = ciphers.encrypt_ecb(scheme.tmk_algorithm, bytearray(tmk or tmk_of(scheme)), key)
    zeros = bytes(ciphers.block_bytes(scheme.algorithm))
    return bytes(wrapped) + bytes(ciphers.encrypt_ecb(scheme.algorithm, bytearray(key), zeros)[:4])


def tmk_of(scheme: KeyScheme) -> bytes:
    return TEST_TMK_TRIPLE if scheme is KeyScheme.TRIPLE else TEST_TMK


def keys_of(layout: KeyLayout) -> list[bytes]:
    size = layout.scheme.key_bytes
    return [b"".join(parts)[:size] for parts in (PARTS, OTHER, THIRD)][: len(layout.usages)]


def opened(folder: Path, scheme: KeyScheme) -> KeyStore:
    store = KeyStore.open(folder / "keys", terminal_id="10000001")
    store.load_test_tmk(scheme)
    return store


def signed_in(folder: Path, layout: KeyLayout) -> KeyStore:
    store = opened(folder, layout.scheme)
    store.activate_working_keys(b"".join(item(layout, key) for key in keys_of(layout)), layout)
    return store


SIZES = {
    KeyLayout.DES_PIK_MAK: 24,
    KeyLayout.DES_PIK_MAK_TDK: 36,
    KeyLayout.PIK_MAK: 40,
    KeyLayout.PIK_MAK_TDK: 60,
    KeyLayout.TRIPLE_PIK_MAK: 56,
    KeyLayout.TRIPLE_PIK_MAK_TDK: 84,
    KeyLayout.SM4_PIK_MAK_TDK: 60,
}


@pytest.mark.parametrize("layout", KeyLayout)
def test_each_layout(tmp_path: Path, layout: KeyLayout) -> None:
    """Its size by host-link.md §4, and its keys in their roles after a restart."""
    assert layout.size_bytes == SIZES[layout]
    assert KeyLayout.of(layout.code, layout.scheme, layout.size_bytes) is layout
    signed_in(tmp_path, layout)
    store = KeyStore.open(tmp_path / "keys", terminal_id="10000001")
    assert store.working_keys_ready()
    for usage, key in zip((Usage.PIK, Usage.MAK, Usage.TDK), keys_of(layout), strict=False):
        assert store.kcv(KeyRef(usage)) == item(layout, key)[-4:].hex().upper()
        assert store.algorithm(KeyRef(usage)) is layout.scheme.algorithm
    assert store.has(TDK) == (len(layout.usages) == 3)


@pytest.mark.parametrize("layout", [layout for layout in KeyLayout if layout.scheme is not KeyScheme.SM4])
def test_pin_blocks_and_macs_of_each_length(tmp_path: Path, layout: KeyLayout) -> None:
    store = signed_in(tmp_path, layout)
    algorithm = layout.scheme.algorithm
    pik, mak, *_ = (bytearray(key) for key in keys_of(layout))
    # The clear block of vector pin-4.
    clear = bytes.fromhex(VECTORS["pin-4"]["block"])
    assert store.pin_block(PIK, Pin.of("777777"), PAN) == bytes(ciphers.encrypt_ecb(algorithm, pik, clear))
    # The fold of vector mac-1, then two steps.
    text = VECTORS["mac-1"]["fold"].encode("ascii")
    first = ciphers.encrypt_ecb(algorithm, mak, text[:8])
    last = ciphers.encrypt_ecb(algorithm, mak, bytes(a ^ b for a, b in zip(first, text[8:], strict=True)))
    assert store.mac(MAK, bytes.fromhex(VECTORS["mac-1"]["mab"])) == last.hex().upper()[:8].encode("ascii")


def test_the_sm4_vectors(tmp_path: Path) -> None:
    vector = VECTORS["syn-key-006-sm4"]
    store = opened(tmp_path, KeyScheme.SM4)
    store.activate_working_keys(bytes.fromhex(vector["f62"]), KeyLayout.SM4_PIK_MAK_TDK)
    for ref, name in ((PIK, "pik"), (MAK, "mak"), (TDK, "tdk")):
        key = bytearray.fromhex(vector[name])
        assert store.kcv(ref) == ciphers.encrypt_ecb(Algorithm.SM4, key, bytes(16))[:4].hex().upper()
    with pytest.raises(KeyRefused, match="not encrypted with SM4"):
        store.pin_block(PIK, Pin.of("123456"), PAN)
    with pytest.raises(KeyRefused, match="no public text"):
        store.encrypt_track(TDK, "1" * 37)


def test_the_sm4_mac_vector(tmp_path: Path) -> None:
    vector = VECTORS["sm4-2"]
    store = KeyStore.open(tmp_path / "keys", terminal_id="10000001", test_only=False)
    store.load_key(MAK, bytearray.fromhex(vector["key"]), Algorithm.SM4, Mode.MAKE_AND_CHECK)
    data = vector["data_ascii"].encode("ascii")
    assert store.mac(MAK, data) == vector["mac_ascii"].encode("ascii")
    assert store.mac_ok(MAK, data, vector["mac_ascii"].encode("ascii"))


def test_the_x9_19_vector(tmp_path: Path) -> None:
    vector = VECTORS["mac-4"]
    store = opened(tmp_path, KeyScheme.TDES)
    mak = bytes.fromhex(vector["key"])
    layout = KeyLayout.PIK_MAK
    block = item(layout, keys_of(layout)[0]) + item(layout, mak)
    store.activate_working_keys(block, layout, mac=MacMethod.X9_19)
    assert store.working_keys_ready()
    assert not store.has(MAK)
    data = bytes.fromhex(vector["data"])
    assert store.mac(RETAIL, data, MacMethod.X9_19) == bytes.fromhex(vector["mac_full"])
    assert store.mac_ok(RETAIL, data, bytes.fromhex(vector["mac_first4"]), MacMethod.X9_19)
    with pytest.raises(KeyRefused, match="may not make a UnionPay MAC"):
        store.mac(RETAIL, data)
    # A sign-in for the other MAC leaves none of this one.
    store.activate_working_keys(block, layout)
    assert store.has(MAK) and not store.has(RETAIL)


def test_the_published_block_with_a_single_length_mak(tmp_path: Path) -> None:
    """Vector key-1, under a TMK that is not among the published test keys."""
    vector = VECTORS["key-1"]
    store = KeyStore.open(tmp_path / "keys", terminal_id="10000001", test_only=False)
    store.load_key(TMK, bytearray.fromhex(vector["tmk"]), Algorithm.TDES, Mode.DECRYPT)
    store.activate_working_keys(bytes.fromhex(vector["f62"]), KeyLayout.PIK_MAK)
    assert (store.kcv(PIK), store.kcv(MAK)) == (vector["pik_kcv"], vector["mak_kcv"])
    assert store.algorithm(MAK) is Algorithm.DES
    with pytest.raises(KeyRefused):
        store.activate_working_keys(bytes.fromhex(vector["f62"]), KeyLayout.PIK_MAK, mac=MacMethod.X9_19)
    assert not store.working_keys_ready()


@pytest.mark.parametrize("layout", KeyLayout)
def test_any_changed_byte_discards_all_keys(tmp_path: Path, layout: KeyLayout) -> None:
    store = signed_in(tmp_path, layout)
    good = b"".join(item(layout, key) for key in keys_of(layout))
    step = layout.scheme.key_bytes + 4
    for place in range(0, len(good), 7):
        store.activate_working_keys(good, layout)
        bad = good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1 :]
        with pytest.raises(KcvMismatch) as wrong:
            store.activate_working_keys(bad, layout)
        assert wrong.value.which is layout.usages[place // step]
        assert store.held() == (TMK,)


@pytest.mark.parametrize("layout", KeyLayout)
def test_a_layout_under_a_tmk_of_another_kind_is_refused(tmp_path: Path, layout: KeyLayout) -> None:
    other = KeyScheme.TDES if layout.scheme is KeyScheme.SM4 else KeyScheme.SM4
    store = opened(tmp_path, other)
    with pytest.raises(KeyRefused, match="do not come under a TMK"):
        store.activate_working_keys(bytes(layout.size_bytes), layout)


def test_a_working_key_that_is_stronger_than_the_tmk_is_refused(tmp_path: Path) -> None:
    """Three-part keys under a TMK of two parts."""
    layout = KeyLayout.TRIPLE_PIK_MAK
    store = opened(tmp_path, KeyScheme.TDES)
    block = b"".join(item(layout, key, tmk=TEST_TMK) for key in keys_of(layout))
    with pytest.raises(KeyRefused, match="weaker"):
        store.activate_working_keys(block, layout)
    assert store.held() == (TMK,)


def refused(folder: Path, layout: KeyLayout, keys: list[bytes]) -> str:
    store = opened(folder, layout.scheme)
    with pytest.raises(KeyRefused) as why:
        store.activate_working_keys(b"".join(item(layout, key) for key in keys), layout)
    assert not store.working_keys_ready()
    return str(why.value)


def test_weak_keys_of_each_length(tmp_path: Path) -> None:
    weak = bytes.fromhex("1F1F1F1F0E0E0E0E")
    one, two, three = PARTS
    for layout, key in (
        (KeyLayout.DES_PIK_MAK, weak),
        (KeyLayout.PIK_MAK, one + weak),
        (KeyLayout.PIK_MAK, one + one),
        (KeyLayout.TRIPLE_PIK_MAK, one + two + weak),
        (KeyLayout.TRIPLE_PIK_MAK, one + one + two),
        (KeyLayout.TRIPLE_PIK_MAK, one + two + two),
        (KeyLayout.TRIPLE_PIK_MAK, one + two + one),  # Two parts that go as three.
        (KeyLayout.TRIPLE_PIK_MAK, one + two + bytes(byte ^ 1 for byte in one)),
        (KeyLayout.SM4_PIK_MAK_TDK, bytes(16)),
    ):
        others = keys_of(layout)[1:]
        assert "weak key" in refused(tmp_path, layout, [key, *others])
    assert three not in (one, two)


@pytest.mark.parametrize("layout", [layout for layout in KeyLayout if len(layout.usages) == 3])
def test_equal_keys_are_refused_whichever_two_they_are(tmp_path: Path, layout: KeyLayout) -> None:
    pik, mak, tdk = keys_of(layout)
    for keys, told in (
        ([pik, pik, tdk], "PIK and MAK"),
        ([pik, mak, pik], "PIK and TDK"),
        ([pik, mak, mak], "MAK and TDK"),
    ):
        assert told in refused(tmp_path, layout, keys)
    if layout.scheme is not KeyScheme.DES:
        assert "TMK and MAK" in refused(tmp_path, layout, [pik, tmk_of(layout.scheme), tdk])


def test_a_working_key_that_another_slot_keeps_is_refused(tmp_path: Path) -> None:
    layout = KeyLayout.PIK_MAK
    store = signed_in(tmp_path, layout)
    store.load_key(KeyRef(Usage.TMK, 1), bytearray(TEST_TMK_TRIPLE), Algorithm.TDES, Mode.DECRYPT)
    block = b"".join(item(layout, key, tmk=TEST_TMK_TRIPLE) for key in keys_of(layout))
    with pytest.raises(KeyRefused, match="kept as PIK already"):
        store.activate_working_keys(block, layout, slot=1)
    assert store.working_keys_ready(0)
    assert not store.working_keys_ready(1)


def test_parity_is_not_asked_for(tmp_path: Path) -> None:
    """Real hosts send keys as they were drawn; DES does not look at the lowest bit."""
    layout = KeyLayout.PIK_MAK
    store = opened(tmp_path, layout.scheme)
    keys = [bytes(byte & 0xFE for byte in keys_of(layout)[0]), bytes(byte | 1 for byte in keys_of(layout)[1])]
    store.activate_working_keys(b"".join(item(layout, key) for key in keys), layout)
    assert store.working_keys_ready()


@given(st.sampled_from(list(KeyLayout)), st.binary(max_size=90))
def test_any_bytes_are_taken_whole_or_refused(layout: KeyLayout, block: bytes) -> None:
    for data in (block, block.ljust(layout.size_bytes, b"\x5a")[: layout.size_bytes]):
        try:
            unwrap_working_keys(bytearray(tmk_of(layout.scheme)), data, layout)
        except KeyRefused:
            continue
        pytest.fail("random bytes passed two check values")


@pytest.mark.parametrize(("code", "scheme"), [("001", KeyScheme.TDES), ("006", KeyScheme.TDES), ("004", KeyScheme.SM4)])
def test_a_code_that_the_scheme_has_not(code: str, scheme: KeyScheme) -> None:
    with pytest.raises(KeyRefused, match="no bytes"):
        KeyLayout.of(code, scheme, 60)
    with pytest.raises(KeyRefused, match="24 or 36 bytes"):
        KeyLayout.of("001", KeyScheme.DES, 60)


# A TMK that comes down under the old one


@pytest.mark.parametrize(
    ("algorithm", "old"),
    [
        (Algorithm.TDES, TEST_TMK),
        (Algorithm.TDES, TEST_TMK_TRIPLE),
        (Algorithm.SM4, TEST_TMK),
        (Algorithm.AES, TEST_TMK),
    ],
)
def test_a_tmk_under_the_old_one(tmp_path: Path, algorithm: Algorithm, old: bytes) -> None:
    store = KeyStore.open(tmp_path / "keys", terminal_id="10000001", test_only=False)
    store.load_key(TMK, bytearray(old), algorithm, Mode.DECRYPT)
    store.load_key(PIK, bytearray(os.urandom(16)), Algorithm.TDES, Mode.ENCRYPT)
    fresh = b"".join(OTHER)[: len(old)]
    value = ciphers.encrypt_ecb(algorithm, bytearray(fresh), bytes(ciphers.block_bytes(algorithm)))[:4]
    block = bytes(ciphers.encrypt_ecb(algorithm, bytearray(old), fresh)) + bytes(value)
    bad = block[:-1] + bytes([block[-1] ^ 1])
    with pytest.raises(KcvMismatch):
        store.replace_tmk(bad)
    assert store.is_test and store.has(PIK), "nothing has changed"
    store.replace_tmk(block)
    assert not store.has(PIK)
    assert unwrap_tmk(bytearray(old), block, algorithm) == fresh
    with pytest.raises(KcvMismatch):
        store.replace_tmk(block)  # The old one is gone.


def test_a_tmk_that_is_the_same_weaker_or_weak_does_not_replace(tmp_path: Path) -> None:
    one, two, _ = PARTS
    for old, fresh, told in (
        (TEST_TMK, TEST_TMK, "is the old one"),
        (TEST_TMK, bytes(byte ^ 1 for byte in TEST_TMK), "is the old one"),
        (TEST_TMK, one + one, "weak key"),
        (TEST_TMK, b"".join(PARTS), "another strength"),
        (TEST_TMK_TRIPLE, one + two, "another strength"),
    ):
        value = ciphers.encrypt_ecb(Algorithm.TDES, bytearray(fresh), bytes(8))[:4]
        block = bytes(ciphers.encrypt_ecb(Algorithm.TDES, bytearray(old), fresh)) + bytes(value)
        with pytest.raises(KeyRefused, match=told):
            unwrap_tmk(bytearray(old), block, Algorithm.TDES)
    with pytest.raises(KeyRefused, match="no TMK"):
        unwrap_tmk(bytearray(TEST_TMK), bytes(12), Algorithm.TDES)
    with pytest.raises(KeyRefused, match="published"):
        store = opened(tmp_path, KeyScheme.TDES)
        value = ciphers.encrypt_ecb(Algorithm.TDES, bytearray(one + two), bytes(8))[:4]
        store.replace_tmk(bytes(ciphers.encrypt_ecb(Algorithm.TDES, bytearray(TEST_TMK), one + two)) + bytes(value))


# With an acquirer


def profile_of(code: str, cipher: KeyScheme, mac: MacMethod = MacMethod.UNIONPAY) -> Profile:
    return replace(load_profile("unionpay"), key_scheme=code, key_cipher=cipher, mac=mac)


@pytest.mark.parametrize(
    ("code", "cipher", "mac"),
    [
        ("001", KeyScheme.DES, MacMethod.UNIONPAY),
        ("003", KeyScheme.TDES, MacMethod.UNIONPAY),
        ("004", KeyScheme.TDES, MacMethod.X9_19),
        ("003", KeyScheme.TRIPLE, MacMethod.UNIONPAY),
        ("004", KeyScheme.TRIPLE, MacMethod.UNIONPAY),
    ],
)
def test_a_sale_with_pin_in_each_scheme(tmp_path: Path, code: str, cipher: KeyScheme, mac: MacMethod) -> None:
    """The host's half is written apart: both must come to one PIN block and one MAC, there and back."""
    row = TerminalRow(TEST_MERCHANT, TEST_TERMINAL, tmk=tmk_of(cipher))
    acquirer = Acquirer(Registry([row], card_accounts()), profile=profile_of(code, cipher, mac))
    caller = Caller(lambda frame: acquirer.handle(frame, NOON), acquirer.profile, tmp_path / "keys")
    answer = caller.sign_in()
    assert answer is not None and answer.text(39) == "00"
    reply = caller.sale(12850)
    assert reply is not None and reply.text(39) == "00"
    assert caller.last_sale is not None
    assert caller.verdict(caller.last_sale, reply).kind is VerdictKind.APPROVED
    forged = reply.with_fields({38: "999999"})
    assert caller.verdict(caller.last_sale, forged).kind is VerdictKind.UNAUTHENTICATED
    for text in (b"", b"0000000", b"zzzzzzzz", reply.binary(64).lower()):
        padded = reply.with_fields({64: text.ljust(8, b" ")})
        expected = VerdictKind.APPROVED if text == reply.binary(64) else VerdictKind.UNAUTHENTICATED
        assert caller.verdict(caller.last_sale, padded).kind is expected
    wrong = caller.sale(100, pin="000000")
    assert wrong is not None and wrong.text(39) == "55"


def test_a_sale_without_pin_under_sm4(tmp_path: Path) -> None:
    acquirer = Acquirer(profile=profile_of("006", KeyScheme.SM4))
    caller = Caller(lambda frame: acquirer.handle(frame, NOON), acquirer.profile, tmp_path / "keys")
    caller.sign_in()
    sale = caller.sale_message(100, new_card("unionpay-credit-pin"))
    reply = caller.call(sale, mac=True)
    assert reply is not None
    assert caller.verdict(sale, reply).answered, "the host's MAC is ours"
    with pytest.raises(KeyRefused, match="SM4"):
        caller.sale(100)


@pytest.mark.parametrize(
    ("changes", "key", "told"),
    [
        ({'scheme = "004"': 'scheme = "006"'}, "keys.scheme", "003, 004"),
        ({'cipher = "3des"': 'cipher = "sm4"'}, "keys.scheme", "006"),
        ({'cipher = "3des"': 'cipher = "des3"'}, "keys.cipher", "must be one of des, 3des, 3des-triple, sm4"),
        ({'mac = "unionpay"': 'mac = "cbc"'}, "keys.mac", "must be one of unionpay, x9.19"),
        ({'mac = "unionpay"': 'mac = "x9.19"', 'cipher = "3des"': 'cipher = "3des-triple"'}, "keys.mac", "3des"),
        ({'scheme = "004"': 'scheme = "005"'}, "keys.scheme", "one of 001, 003, 004, 006"),
    ],
)
def test_a_profile_whose_keys_do_not_go_together(changes: dict[str, str], key: str, told: str) -> None:
    text = (PROFILES / "unionpay.toml").read_text("utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ProfileError) as wrong:
        parse_profile(text, source="x.toml")
    ((line, found, reason),) = wrong.value.problems
    assert line > 0
    assert found == key
    assert told in reason
