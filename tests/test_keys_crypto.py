"""3DES, check values, MACs, PIN blocks and key blocks against public vectors, and the MAC against openssl."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KcvMismatch, KeyLayout, KeyRefused, Pin, Usage, mac, selftest, tdes
from keys.loading import unwrap_working_keys
from keys.pin import format0

VECTORS: dict[str, Any] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent / "vectors" / "hostlink.json").read_text("utf-8"))["vectors"]
}


def hexed(name: str, field: str) -> bytearray:
    return bytearray.fromhex(VECTORS[name][field])


def kcv(key: bytearray) -> bytes:
    return tdes.check_value(key)


@pytest.mark.parametrize("name", ["mac-1", "syn-mac-double"])
def test_mac_vectors(name: str) -> None:
    data = bytes(hexed(name, "mab"))
    assert mac.fold(data) == hexed(name, "fold")
    assert mac.final_block(hexed(name, "mak"), data) == hexed(name, "final_block")
    assert mac.unionpay_mac(hexed(name, "mak"), data) == VECTORS[name]["mac_ascii"].encode()


def test_mac_is_the_first_half_of_the_final_block_in_hex() -> None:
    vector = VECTORS["mac-3"]
    assert vector["final_block"][: mac.MAC_CHARACTERS] == vector["mac_ascii"]


@pytest.mark.parametrize("name", ["pin-1", "pin-2", "pin-4"])
def test_format_0_vectors(name: str) -> None:
    vector = VECTORS[name]
    assert format0(Pin.of(vector["pin"]), vector["pan"]) == bytes.fromhex(vector["block"])


def test_pin_block_under_the_pik() -> None:
    key, clear = hexed("syn-pin-sm4", "pik"), hexed("syn-pin-sm4", "clear")
    assert tdes.encrypt_ecb(key, clear) == hexed("syn-pin-sm4", "f52_3des")


@pytest.mark.parametrize("digits", ["123", "1234567890123"])
def test_a_pin_of_a_wrong_length_is_refused(digits: str) -> None:
    pin = Pin()
    taken = [pin.push(int(digit)) for digit in digits]
    if len(digits) < 4:
        with pytest.raises(KeyRefused):
            format0(pin, "6225000000000014")
    else:
        assert taken == [True] * 12 + [False]
        assert len(pin) == 12


@pytest.mark.parametrize("pan", ["", "123456789012", "62250000000000001412", "622500000000001x", "６225000000000014"])
def test_a_pin_block_needs_a_pan(pan: str) -> None:
    with pytest.raises(KeyRefused) as refused:
        format0(Pin.of("1234"), pan)
    assert not pan or pan not in str(refused.value)


def test_a_pin_hides_itself_and_can_be_typed_anew() -> None:
    pin = Pin.of("135790")
    assert "135790" not in f"{pin!r} {pin}"
    pin.wipe()
    assert len(pin) == 0
    pin.push(4)
    assert len(pin) == 1


def test_working_keys_of_a_single_length_mak() -> None:
    vector = VECTORS["key-1"]
    pik, mak = unwrap_working_keys(hexed("key-1", "tmk"), bytes(hexed("key-1", "f62")), KeyLayout.PIK_MAK)
    assert pik.key == bytes.fromhex(vector["pik"])
    assert mak.key == bytes.fromhex(vector["mak"])
    assert len(mak.key) == 8
    assert kcv(mak.key) == bytes.fromhex(vector["mak_kcv"])
    assert tdes.encrypt_ecb(mak.key, bytes(8)) == bytes.fromhex(vector["mak_kcv_full"])


def test_a_single_mak_by_itself() -> None:
    key = tdes.decrypt_ecb(hexed("key-2", "tmk"), hexed("key-2", "enc_mak"))
    assert key == hexed("key-2", "mak")
    assert kcv(key) == hexed("key-2", "mak_kcv_computed")


def test_working_keys_of_layout_004() -> None:
    vector = VECTORS["syn-key-004"]
    found = unwrap_working_keys(hexed("syn-key-004", "tmk"), bytes(hexed("syn-key-004", "f62")), KeyLayout.PIK_MAK_TDK)
    assert [(key.usage, key.key.hex().upper()) for key in found] == [
        (Usage.PIK, vector["pik"]),
        (Usage.MAK, vector["mak"]),
        (Usage.TDK, vector["tdk"]),
    ]


@pytest.mark.parametrize("offset", range(60))
def test_any_changed_byte_of_a_key_block_names_its_key(offset: int) -> None:
    block = hexed("syn-key-004", "f62")
    block[offset] ^= 0x40
    with pytest.raises(KcvMismatch) as wrong:
        unwrap_working_keys(hexed("syn-key-004", "tmk"), bytes(block), KeyLayout.PIK_MAK_TDK)
    assert wrong.value.which is (Usage.PIK, Usage.MAK, Usage.TDK)[offset // 20]


def item(tmk: bytearray, key: str) -> bytes:
    clear = bytearray.fromhex(key)
    return bytes(tdes.encrypt_ecb(tmk, clear)) + kcv(clear)


STRONG = ("1A2B3C4D5E6F70818293A4B5C6D7E8F9", "0F1E2D3C4B5A69788796A5B4C3D2E1F0")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ((STRONG[0], STRONG[0]), "PIK and MAK are the same key"),
        # The same key but for a parity bit.
        ((STRONG[0], "1B" + STRONG[0][2:]), "PIK and MAK are the same key"),
        ((STRONG[0], "0123456789ABCDEFFEDCBA9876543210"), "TMK and MAK are the same key"),
        ((STRONG[0], "0101010101010101" + STRONG[1][:16]), "weak"),
        ((STRONG[0], STRONG[1][:16] + "E0FEE0FEF1FEF1FE"), "weak"),
        ((STRONG[1][:16] * 2, STRONG[0]), "weak"),
    ],
)
def test_equal_and_weak_keys_are_refused(keys: tuple[str, str], told: str) -> None:
    tmk = bytearray.fromhex("0123456789ABCDEFFEDCBA9876543210")
    block = item(tmk, keys[0]) + item(tmk, keys[1])
    with pytest.raises(KeyRefused, match=told) as refused:
        unwrap_working_keys(tmk, block, KeyLayout.PIK_MAK)
    assert all(key not in str(refused.value) for key in keys)


@pytest.mark.parametrize("size", [0, 39, 41, 60])
def test_a_block_of_another_layout_is_refused(size: int) -> None:
    with pytest.raises(KeyRefused, match="40 bytes"):
        unwrap_working_keys(hexed("key-1", "tmk"), bytes(size), KeyLayout.PIK_MAK)


@given(st.binary(max_size=100))
def test_any_key_block_is_taken_whole_or_refused(block: bytes) -> None:
    try:
        unwrap_working_keys(bytearray(range(1, 17)), block, KeyLayout.PIK_MAK_TDK)
    except KeyRefused:
        pass
    else:
        pytest.fail("random bytes passed three check values")


@pytest.mark.parametrize("length", [8, 16, 24])
def test_expanded_keys_are_copies_of_24_bytes(length: int) -> None:
    key = bytearray(range(1, length + 1))
    full = tdes.expand(key)
    assert len(full) == 24
    assert full[:length] == key
    tdes.wipe(full)
    assert key == bytes(range(1, length + 1))


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=0, max_size=64))
def test_ecb_comes_back(key: bytes, data: bytes) -> None:
    whole = data[: len(data) // 8 * 8]
    assert tdes.decrypt_ecb(bytearray(key), tdes.encrypt_ecb(bytearray(key), whole)) == whole


def test_no_whole_block_or_no_key_is_refused() -> None:
    with pytest.raises(KeyRefused):
        tdes.encrypt_ecb(bytearray(16), bytes(7))
    with pytest.raises(KeyRefused):
        tdes.encrypt_ecb(bytearray(15), bytes(8))


@given(st.binary(max_size=300))
def test_the_public_weakness_swapped_blocks_verify(data: bytes) -> None:
    """Why a reply's fields are compared as well, and why the link runs inside TLS."""
    blocks = [data[i : i + 8].ljust(8, b"\x00") for i in range(0, len(data), 8)]
    key = hexed("mac-1", "mak")
    assert mac.unionpay_mac(key, b"".join(reversed(blocks))) == mac.unionpay_mac(key, data)


def openssl_ecb(cipher: str, key: bytearray, data: bytes, *more: str) -> bytes:
    command = ["openssl", "enc", f"-{cipher}", "-e", "-nopad", "-K", key.hex(), *more]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=20).stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command (make system-deps)")
@pytest.mark.parametrize("data", [b"", b"\x02\x00", bytes(range(256)), b"0200" * 77])
def test_the_mac_by_openssl(data: bytes) -> None:
    """Two sides that share code cannot be wrong together: the double-length MAC step by step on another engine."""
    key = hexed("syn-mac-double", "mak")
    text = mac.fold(data).hex().upper().encode()
    first = openssl_ecb("des-ede", key, text[:8])
    chained = bytes(left ^ right for left, right in zip(first, text[8:], strict=True))
    final = openssl_ecb("des-ede", key, chained)
    assert mac.unionpay_mac(key, data) == final.hex().upper()[:8].encode()


def test_the_self_test_passes_and_names_its_checks() -> None:
    assert [name for name, _ in selftest.run()] == [
        *("3DES", "AES-GCM", "AES-CMAC", "SM4", "MAC", "PIN", "DUKPT", "key block", "random")
    ]
    assert all(passed for _, passed in selftest.run())
