"""DUKPT against every published example we have, host side and terminal side; and what was published wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from dukpt_reference import Storage, aes_key, aes_working, tdes_key

from keys import KeyRefused, dukpt_aes, dukpt_tdes
from keys.dukpt_aes import AesKeyType, AesTerminal, AesUsage, AesUse, aes_ksn
from keys.dukpt_tdes import TdesTerminal, TdesUse
from keys.ksn import AES_KSN, TDES_KSN, Ksn

DATA: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "keys_dukpt.json").read_text("utf-8"))
BDK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
AES_BDK = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
TYPES = {"2TDEA": AesKeyType.TDEA2, "3TDEA": AesKeyType.TDEA3} | {kind.name: kind for kind in AesKeyType}
Vector = dict[str, str]


def group(name: str) -> list[Any]:
    found = [vector for vector in DATA["vectors"] if vector["group"] == name]
    return [pytest.param(vector, id=f"{vector.get('ksn', 'ik')}-{index}") for index, vector in enumerate(found)]


def raw(vector: Vector, field: str) -> bytes:
    return bytes.fromhex(vector[field])


def tdes_of(vector: Vector) -> Ksn:
    return Ksn.parse(TDES_KSN, raw(vector, "ksn"))


def aes_of(vector: Vector) -> Ksn:
    return Ksn.parse(AES_KSN, raw(vector, "ksn"))


def tdes_both(vector: Vector, use: TdesUse) -> bytes:
    """The host's key for one use; the terminal's must be the same."""
    ksn = tdes_of(vector)
    storage = Storage()
    terminal = TdesTerminal(storage, storage)
    initial = dukpt_tdes.initial_key(bytearray(BDK), ksn)
    storage.counters[ksn.counter_name] = ksn.counter - 1
    terminal.load_initial_key(initial, ksn.at(0))
    with dukpt_tdes.host_keys(bytearray(BDK), ksn, use) as host, terminal.take(use) as mine:
        assert (mine.ksn, bytes(mine.key(use))) == (ksn, bytes(host.key(use)))
        return bytes(host.key(use))


def test_every_group_of_examples_has_its_test() -> None:
    source = Path(__file__).read_text("utf-8")
    groups = {vector["group"] for vector in DATA["vectors"]}
    assert len(groups) == 13
    assert {name for name in groups if f'group("{name}")' not in source} == set()
    assert all(vector["source"] for vector in DATA["vectors"] + DATA["errors"])


# TDES


@pytest.mark.parametrize("vector", group("dukpt-tdes-ik"))
def test_tdes_initial_key(vector: Vector) -> None:
    assert dukpt_tdes.initial_key(bytearray(raw(vector, "bdk")), tdes_of(vector)) == raw(vector, "ik")


@pytest.mark.parametrize("vector", group("dukpt-tdes-txn-key"))
def test_tdes_transaction_key(vector: Vector) -> None:
    assert dukpt_tdes.transaction_key(bytearray(raw(vector, "ik")), tdes_of(vector)) == raw(vector, "key")
    assert tdes_key(raw(vector, "ik"), raw(vector, "ksn")) == raw(vector, "key")


@pytest.mark.parametrize("vector", group("dukpt-tdes-pinblock"))
def test_tdes_pin_block(vector: Vector) -> None:
    key = tdes_both(vector, TdesUse.PIN)
    encryptor = Cipher(TripleDES(key + key[:8]), modes.ECB()).encryptor()
    assert encryptor.update(raw(vector, "clear_pinblock")) == raw(vector, "encrypted")


def x919(key: bytes, data: bytes) -> bytes:
    """ISO 9797-1 algorithm 3, padding 1, four bytes."""
    padded = data + bytes(-len(data) % 8)
    chained = Cipher(TripleDES(key[:8] * 3), modes.CBC(bytes(8))).encryptor().update(padded)[-8:]
    undone = Cipher(TripleDES(key[8:] * 3), modes.ECB()).decryptor().update(chained)
    return Cipher(TripleDES(key[:8] * 3), modes.ECB()).encryptor().update(undone)[:4]


@pytest.mark.parametrize("vector", group("dukpt-tdes-mac-request-x919"))
def test_tdes_request_mac(vector: Vector) -> None:
    assert x919(tdes_both(vector, TdesUse.MAC_REQUEST), vector["data"].encode()) == raw(vector, "mac")


@pytest.mark.parametrize("vector", group("dukpt-tdes-mac-response-x919"))
def test_tdes_response_mac(vector: Vector) -> None:
    assert x919(tdes_both(vector, TdesUse.MAC_RESPONSE), vector["data"].encode()) == raw(vector, "mac")


def cmac(key: bytes, data: bytes) -> bytes:
    made = CMAC(TripleDES(key + key[:8]))
    made.update(data)
    return made.finalize()


@pytest.mark.parametrize("vector", group("dukpt-tdes-cmac-request"))
def test_tdes_request_cmac(vector: Vector) -> None:
    assert cmac(tdes_both(vector, TdesUse.MAC_REQUEST), vector["data"].encode()) == raw(vector, "mac")


@pytest.mark.parametrize("vector", group("dukpt-tdes-cmac-response"))
def test_tdes_response_cmac(vector: Vector) -> None:
    assert cmac(tdes_both(vector, TdesUse.MAC_RESPONSE), vector["data"].encode()) == raw(vector, "mac")


def cbc(key: bytes, vector: Vector) -> bytes:
    data = vector["data"].encode()
    padded = data + bytes(-len(data) % 8)
    return Cipher(TripleDES(key + key[:8]), modes.CBC(raw(vector, "iv"))).encryptor().update(padded)


@pytest.mark.parametrize("vector", group("dukpt-tdes-data-request-cbc"))
def test_tdes_request_data(vector: Vector) -> None:
    assert cbc(tdes_both(vector, TdesUse.DATA_REQUEST), vector) == raw(vector, "encrypted")


@pytest.mark.parametrize("vector", group("dukpt-tdes-txn-key"))
def test_tdes_response_data_key(vector: Vector) -> None:
    """No example is published; the variant of Annex A.3 (byte 4 of each half), under itself, half by half."""
    variant = bytearray(raw(vector, "key"))
    variant[3] ^= 0xFF
    variant[11] ^= 0xFF
    encryptor = Cipher(TripleDES(bytes(variant + variant[:8])), modes.ECB()).encryptor()
    assert tdes_both(vector, TdesUse.DATA_RESPONSE) == encryptor.update(bytes(variant))


# AES


@pytest.mark.parametrize("vector", group("dukpt-aes-ik"))
def test_aes_initial_key(vector: Vector) -> None:
    ksn = aes_ksn(raw(vector, "ikid"))
    assert dukpt_aes.initial_key(bytearray(raw(vector, "bdk")), ksn) == raw(vector, "ik")


@pytest.mark.parametrize("vector", group("dukpt-aes-txn-key"))
def test_aes_transaction_key(vector: Vector) -> None:
    assert dukpt_aes.transaction_key(bytearray(raw(vector, "ik")), aes_of(vector)) == raw(vector, "key")
    assert aes_key(raw(vector, "ik"), raw(vector, "ksn")) == raw(vector, "key")


@pytest.mark.parametrize("vector", group("dukpt-aes-working-key"))
def test_aes_working_key(vector: Vector) -> None:
    """The host's key from the BDK, and the terminal's from the initial key."""
    ksn, storage = aes_of(vector), Storage()
    use = AesUse(AesUsage(int(vector["usage_code"], 16)), TYPES[vector["key_type"]])
    terminal = AesTerminal(storage, storage)
    storage.counters[ksn.counter_name] = ksn.counter - 1
    terminal.load_initial_key(bytearray(raw(vector, "ik")), ksn.at(0))
    bdk = bytearray(AES_BDK * (len(raw(vector, "ik")) // 16))
    with dukpt_aes.host_keys(bdk, ksn, use) as host, terminal.take(use) as mine:
        assert host.key(use) == mine.key(use) == raw(vector, "key")
        assert mine.ksn == host.ksn == ksn


@pytest.mark.parametrize("vector", group("dukpt-aes-iso4-pinblock"))
def test_aes_pin_block(vector: Vector) -> None:
    """ISO 9564 format 4 under the transaction's PIN key."""
    use = AesUse(AesUsage.PIN, AesKeyType.AES128)
    with dukpt_aes.host_keys(bytearray(AES_BDK), aes_of(vector), use) as host:
        key = bytes(host.key(use))
    assert key == raw(vector, "pin_key")
    pin, pan = vector["pin"], vector["pan"]
    block = bytes.fromhex(f"4{len(pin)}{pin}".ljust(16, "A")) + raw(vector, "random")
    account = bytes.fromhex(f"{len(pan) - 12}{pan}".ljust(32, "0"))
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    first = encryptor.update(block)
    mixed = bytes(left ^ right for left, right in zip(first, account, strict=True))
    assert encryptor.update(mixed) == raw(vector, "encrypted")


@pytest.mark.parametrize("vector", group("dukpt-aes-update-key"))
def test_aes_update_key(vector: Vector) -> None:
    kind, ksn = TYPES[vector["key_type"]], aes_of(vector).at(0)
    assert dukpt_aes.host_update_key(bytearray(raw(vector, "ik")), ksn, kind) == raw(vector, "key")
    storage = Storage()
    terminal = AesTerminal(storage, storage)
    terminal.load_initial_key(bytearray(raw(vector, "ik")), ksn)
    assert terminal.update_key(kind) == raw(vector, "key")


# Published errors


def test_the_supplements_key_of_17_bits_is_refused() -> None:
    """It is what comes out when the rule is forgotten; no terminal uses it and no host takes it."""
    vector = DATA["errors"][0]
    ik, ksn = raw(vector, "ik"), aes_of(vector)
    assert aes_key(ik, raw(vector, "ksn")) == raw(vector, "key")
    with pytest.raises(KeyRefused):
        dukpt_aes.transaction_key(bytearray(ik), ksn)
    with pytest.raises(KeyRefused):
        dukpt_aes.host_keys(bytearray(AES_BDK), ksn)
    storage = Storage()
    storage.counters[ksn.counter_name] = 0x1FFFD
    terminal = AesTerminal(storage, storage)
    terminal.load_initial_key(bytearray(ik), ksn.at(0))
    assert [terminal.take().ksn.counter for _ in range(2)] == [0x1FFFE, 0x20000]


def test_a_3tdea_update_key_is_not_the_2tdea_one() -> None:
    vector = DATA["errors"][1]
    ik, ksn = raw(vector, "ik"), aes_of(vector).at(0)
    three = dukpt_aes.host_update_key(bytearray(ik), ksn, AesKeyType.TDEA3)
    two = dukpt_aes.host_update_key(bytearray(ik), ksn, AesKeyType.TDEA2)
    assert three == raw(vector, "key")
    assert three == aes_working(ik, raw(vector, "ksn"), 0x0002, "3TDEA")
    assert three[:16] != two
