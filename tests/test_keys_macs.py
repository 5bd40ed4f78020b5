"""ISO 9797-1, CMAC, HMAC, the UnionPay MAC with DES, 3DES and SM4, and check values, against public vectors."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from keys import KeyRefused, ciphers, kcv, mac
from keys.mac_iso9797 import Digest, Padding, algorithm_1, algorithm_3, algorithm_5, hmac, padded, same
from keys.usage import Algorithm

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "vectors" / "keys_pin_mac.json").read_text("utf-8")
)["vectors"]
PUBLISHED = bytearray.fromhex("0123456789ABCDEFFEDCBA9876543210")


def group(*names: str) -> list[dict[str, Any]]:
    found = [vector for vector in VECTORS if vector["group"] in names]
    assert found, names
    return found


def key_of(vector: dict[str, Any], field: str = "key") -> bytearray:
    return bytearray.fromhex(vector[field])


def data_of(vector: dict[str, Any]) -> bytes:
    return vector["data_ascii"].encode("ascii") if "data_ascii" in vector else bytes.fromhex(vector["data"])


@pytest.mark.parametrize("vector", group("alg1-des"))
def test_algorithm_1_with_single_des(vector: dict[str, Any]) -> None:
    made = algorithm_1(Algorithm.DES, key_of(vector), data_of(vector), Padding(vector["padding"]))
    assert made.hex().upper() == vector["result"]


@pytest.mark.parametrize("vector", group("mac-iso9797-alg1-pad1-tdes", "mac-iso9797-alg1-pad2-tdes"))
def test_algorithm_1_with_triple_des(vector: dict[str, Any]) -> None:
    padding = Padding.ZEROS if "pad1" in vector["group"] else Padding.ONE_AND_ZEROS
    made = algorithm_1(Algorithm.TDES, key_of(vector), data_of(vector), padding)
    assert made.hex().upper() == vector["result"]


@pytest.mark.parametrize("vector", group("mac-iso9797-alg3-pad1", "alg3"))
def test_algorithm_3(vector: dict[str, Any]) -> None:
    made = algorithm_3(key_of(vector), data_of(vector), Padding(vector.get("padding", 1)), size=4)
    assert made.hex().upper() == vector["result"][:8]
    whole = algorithm_3(key_of(vector), data_of(vector), Padding(vector.get("padding", 1)))
    assert whole.hex().upper().startswith(vector["result"])


@pytest.mark.parametrize(
    "vector", group(*(f"mac-iso9797-alg3-pad{number}-2key" for number in (1, 2, 3))), ids=lambda v: str(v["group"])
)
def test_algorithm_3_with_two_double_length_keys(vector: dict[str, Any]) -> None:
    key = key_of(vector, "key1") + key_of(vector, "key2")
    padding = Padding(int(vector["group"].split("pad")[1][0]))
    assert algorithm_3(key, data_of(vector), padding).hex().upper() == vector["result"]


@pytest.mark.parametrize("vector", group("x9.19"))
def test_x9_19(vector: dict[str, Any]) -> None:
    assert algorithm_3(key_of(vector), data_of(vector), Padding.ZEROS).hex().upper() == vector["mac_full"]
    assert algorithm_3(key_of(vector), data_of(vector), Padding.ZEROS, size=4).hex().upper() == vector["mac_first4"]


@pytest.mark.parametrize("vector", group("cmac-tdes3", "cmac-aes128", "cmac-aes"))
def test_cmac(vector: dict[str, Any]) -> None:
    algorithm = Algorithm.TDES if "tdes" in vector["group"] else Algorithm.AES
    made = algorithm_5(algorithm, key_of(vector), data_of(vector))
    assert made.hex().upper() == vector["result"]
    assert algorithm_5(algorithm, key_of(vector), data_of(vector), size=4) == made[:4]


@given(st.binary(max_size=70))
def test_cmac_with_sm4_by_its_definition(data: bytes) -> None:
    """No public example: the subkeys and the chain are made here, step by step, from single blocks."""
    key = PUBLISHED
    subkey = int.from_bytes(ciphers.encrypt_ecb(Algorithm.SM4, key, bytes(16)), "big")
    whole = bool(data) and len(data) % 16 == 0
    for _ in range(1 if whole else 2):
        subkey = (subkey << 1 & (1 << 128) - 1) ^ (0x87 if subkey >> 127 else 0)
    text = data if whole else data + b"\x80" + bytes(-(len(data) + 1) % 16)
    chain = 0
    for start in range(0, len(text), 16):
        chain ^= int.from_bytes(text[start : start + 16], "big") ^ (subkey if start == len(text) - 16 else 0)
        chain = int.from_bytes(ciphers.encrypt_ecb(Algorithm.SM4, key, chain.to_bytes(16, "big")), "big")
    assert algorithm_5(Algorithm.SM4, key, data) == chain.to_bytes(16, "big")


@pytest.mark.parametrize("vector", group("hmac-sha256"))
def test_hmac(vector: dict[str, Any]) -> None:
    assert hmac(key_of(vector), data_of(vector)).hex().upper() == vector["result"]


@pytest.mark.parametrize("vector", group("sm3"))
def test_sm3_and_hmac_with_it(vector: dict[str, Any]) -> None:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data_of(vector))
    assert digest.finalize().hex().upper() == vector["result"]

    def sm3(data: bytes) -> bytes:
        made = hashes.Hash(hashes.SM3())
        made.update(data)
        return made.finalize()

    # RFC 2104 by hand.
    key = bytes(PUBLISHED).ljust(64, b"\x00")
    inner = sm3(bytes(byte ^ 0x36 for byte in key) + data_of(vector))
    assert hmac(PUBLISHED, data_of(vector), Digest.SM3) == sm3(bytes(byte ^ 0x5C for byte in key) + inner)


@pytest.mark.parametrize("vector", group("unionpay-mac"))
def test_unionpay_mac(vector: dict[str, Any]) -> None:
    key, data = key_of(vector, "mak"), bytes.fromhex(vector["mab"])
    assert mac.fold(data).hex().upper() == vector["fold"]
    assert mac.final_block(key, data).hex().upper() == vector["final_block"]
    assert mac.unionpay_mac(key, data).decode() == vector["mac_ascii"]


@pytest.mark.parametrize("vector", group("unionpay-mac-sm4"))
def test_unionpay_mac_with_sm4(vector: dict[str, Any]) -> None:
    key, data = key_of(vector), data_of(vector)
    assert mac.fold(data, 16).hex().upper() == vector["fold"]
    assert mac.final_block(key, data, Algorithm.SM4).hex().upper() == vector["final_block"]
    assert mac.unionpay_mac(key, data, Algorithm.SM4).decode() == vector["mac_ascii"]


@pytest.mark.parametrize("vector", group("sm4-ecb"))
def test_sm4(vector: dict[str, Any]) -> None:
    made = ciphers.encrypt_ecb(Algorithm.SM4, key_of(vector), bytes.fromhex(vector["plaintext"]))
    assert made.hex().upper() == vector["result"]
    assert ciphers.decrypt_ecb(Algorithm.SM4, key_of(vector), made).hex().upper() == vector["plaintext"]


@pytest.mark.slow
@pytest.mark.parametrize("vector", group("sm4-ecb-1M"))
def test_sm4_a_million_times(vector: dict[str, Any]) -> None:
    """In CBC over zeros each block is the encryption of the one before: a million of them in one call."""
    key, first = key_of(vector), bytes.fromhex(vector["plaintext"])
    last = ciphers.cbc_mac(Algorithm.SM4, key, first + bytes(16 * 999_999))
    assert last.hex().upper() == vector["result"]


# Check values


@pytest.mark.parametrize("vector", group("kcv"), ids=lambda v: f"{v['alg']}-{v['key'][:8]}")
def test_check_values(vector: dict[str, Any]) -> None:
    algorithm = Algorithm.TDES if vector["alg"].startswith("TDES") else Algorithm.AES
    method = kcv.Method.CMAC if "CMAC" in vector["alg"] else kcv.Method.LEGACY
    fill = 0xFF if vector["alg"].endswith("ones") else 0
    # One example's key is printed with seventeen bytes: a published slip, and what we do with it.
    if len(vector["key"]) != 32:
        with pytest.raises(KeyRefused):
            kcv.check_value(algorithm, key_of(vector), method, fill=fill)
        return
    assert kcv.check_value(algorithm, key_of(vector), method, fill=fill).hex().upper() == vector["kcv"]


def test_check_values_of_sm4_are_the_first_bytes_of_a_block() -> None:
    zeros = bytes(16)
    block = ciphers.encrypt_ecb(Algorithm.SM4, PUBLISHED, zeros)
    assert kcv.check_value(Algorithm.SM4, PUBLISHED, kcv.Method.LEGACY, size=4) == block[:4]
    whole = algorithm_5(Algorithm.SM4, PUBLISHED, zeros)
    assert kcv.check_value(Algorithm.SM4, PUBLISHED, kcv.Method.CMAC, size=5) == whole[:5]


@pytest.mark.parametrize("size", [-1, 0, 1, 6, 16])
def test_a_check_value_is_never_long(size: int) -> None:
    with pytest.raises(KeyRefused):
        kcv.check_value(Algorithm.AES, bytearray(16), kcv.Method.CMAC, size=size)


# Rules


@given(st.binary(max_size=40), st.sampled_from(Padding), st.sampled_from([8, 16]))
def test_padding_makes_whole_blocks_and_methods_2_and_3_tell_data_apart(
    data: bytes, method: Padding, block: int
) -> None:
    made = padded(data, method, block)
    assert made
    assert len(made) % block == 0
    if method is Padding.ONE_AND_ZEROS:
        assert made.rstrip(b"\x00") == data + b"\x80"
    elif method is Padding.LENGTH_FIRST:
        bits = int.from_bytes(made[:block], "big")
        assert made[block : block + bits // 8] == data
    else:
        assert made.startswith(data)


@given(st.sampled_from(Algorithm), st.binary(max_size=40), st.binary(max_size=40), st.integers(-2, 20))
def test_garbage_is_refused_and_nothing_else(algorithm: Algorithm, key: bytes, data: bytes, size: int) -> None:
    attempts = (
        lambda: algorithm_1(algorithm, bytearray(key), data, Padding.ZEROS, size=size),
        lambda: algorithm_3(bytearray(key), data, Padding.LENGTH_FIRST, size=size),
        lambda: algorithm_5(algorithm, bytearray(key), data, size=size),
        lambda: mac.unionpay_mac(bytearray(key), data, algorithm),
        lambda: hmac(bytearray(key), data),
        lambda: kcv.check_value(algorithm, bytearray(key), kcv.Method.LEGACY, size=size),
    )
    for attempt in attempts:
        try:
            attempt()
        except KeyRefused as refused:
            assert len(key) < 4 or key.hex() not in str(refused)


def test_the_caller_s_key_is_left_alone() -> None:
    key = bytearray(PUBLISHED)
    algorithm_3(key, b"data", Padding.ZEROS)
    algorithm_5(Algorithm.AES, key, b"data")
    mac.unionpay_mac(key, b"data", Algorithm.SM4)
    assert key == PUBLISHED


def test_equal_means_every_byte_and_the_length() -> None:
    assert same(b"1234", b"1234")
    assert not same(b"1234", b"1235")
    assert not same(b"1234", b"123")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command (make system-deps)")
@pytest.mark.parametrize("size", [0, 1, 8, 300])
def test_the_retail_mac_by_openssl(size: int) -> None:
    """The chain and its last step on another engine."""
    data = bytes(range(256))[:size] if size <= 256 else bytes(size)
    whole = padded(data, Padding.ZEROS, 8)

    def run(cipher: str, key: bytes, block: bytes, *more: str) -> bytes:
        command = ["openssl", "enc", f"-{cipher}", "-nopad", "-K", key.hex(), *more]
        return subprocess.run(command, input=block, capture_output=True, check=True, timeout=20).stdout

    left, right = bytes(PUBLISHED[:8]), bytes(PUBLISHED[8:])
    chain = run("des-ede-cbc", left + left, whole, "-e", "-iv", "00" * 8)[-8:]
    final = run("des-ede", left + left, run("des-ede", right + right, chain, "-d"), "-e")
    assert algorithm_3(PUBLISHED, data, Padding.ZEROS) == final
