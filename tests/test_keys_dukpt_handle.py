"""DUKPT by handle: every published PIN block, MAC and cipher text comes out of a store, and no key does."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from dukpt_reference import Storage, aes_working

from keys import DukptUse, KeyRef, KeyRefused, KeyStore, MacMethod, Pin, Usage, blocks, ciphers, dukpt_aes, dukpt_tdes
from keys.block_header import Header, KeyUsage, OptionalBlock, Version
from keys.dukpt_aes import aes_ksn
from keys.ksn import AES_KSN, TDES_KSN, Ksn
from keys.pin_formats import PinFormat
from keys.usage import Algorithm, Mode
from terminal.journal import Journal, JournalError

DATA: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "keys_dukpt.json").read_text("utf-8"))
IK, KBPK = KeyRef(Usage.INITIAL_KEY), KeyRef(Usage.KBPK)
TDES_BDK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
AES_BDK = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
TDES_IK = bytes.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
AES_IK = bytes.fromhex("1273671EA26AC29AFA4D1084127652A1")
TDES_ID, AES_ID = bytes.fromhex("FFFF9876543210E00000"), bytes.fromhex("123456789012345600000000")
AES_KBPK = bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")
# The examples' card and PIN. Spec: X9.24-1:2009 Annex A.4.
PAN, PIN = "4012345678909", "1234"
ROUNDS = 15


def group(name: str) -> list[Any]:
    found = [vector for vector in DATA["vectors"] if vector["group"] == name]
    assert found
    return [pytest.param(vector, id=vector["ksn"]) for vector in found]


def opened(folder: Path, storage: Storage, *, test_only: bool = True, draw: Any = os.urandom) -> KeyStore:
    return KeyStore.open(folder / "keys", terminal_id="10000001", counters=storage, test_only=test_only, random=draw)


def at(folder: Path, ksn: str, *, draw: Any = os.urandom) -> KeyStore:
    """A store whose next transaction is this one; its initial key is the examples'."""
    serial, storage = bytes.fromhex(ksn), Storage()
    aes = len(serial) == AES_KSN.size
    parsed = Ksn.parse(AES_KSN if aes else TDES_KSN, serial)
    storage.counters[parsed.counter_name] = parsed.counter - 1
    store = opened(folder, storage, draw=draw)
    initial = parsed.at(0).encode()
    if aes:
        store.load_initial_key(IK, bytearray(AES_IK), Algorithm.AES, initial)
    else:
        store.load_initial_key(IK, bytearray(TDES_IK), Algorithm.TDES, initial)
    return store


def zero_filled(text: str) -> bytes:
    data = text.encode("ascii")
    return data + bytes(-len(data) % 8)


@pytest.mark.parametrize("vector", group("dukpt-tdes-pinblock"))
def test_tdes_pin_block(tmp_path: Path, vector: dict[str, str]) -> None:
    with at(tmp_path, vector["ksn"]).next_transaction(IK, DukptUse.PIN) as transaction:
        assert transaction.ksn.hex().upper() == vector["ksn"]
        assert transaction.pin_block(Pin.of(PIN), PAN).hex().upper() == vector["encrypted"]


@pytest.mark.parametrize("vector", group("dukpt-tdes-mac-request-x919"))
def test_tdes_mac_of_a_request(tmp_path: Path, vector: dict[str, str]) -> None:
    with at(tmp_path, vector["ksn"]).next_transaction(IK, DukptUse.MAC) as transaction:
        assert transaction.mac(vector["data"].encode())[:4].hex().upper() == vector["mac"]
        assert transaction.mac(vector["data"].encode(), MacMethod.X9_19)[:4].hex().upper() == vector["mac"]


@pytest.mark.parametrize("vector", group("dukpt-tdes-mac-response-x919"))
def test_tdes_mac_of_a_response(tmp_path: Path, vector: dict[str, str]) -> None:
    with at(tmp_path, vector["ksn"]).next_transaction(IK, DukptUse.MAC_RESPONSE) as transaction:
        data, mac = vector["data"].encode(), bytes.fromhex(vector["mac"])
        assert transaction.mac_ok(data, mac)
        assert not transaction.mac_ok(data, mac[:3])
        assert not transaction.mac_ok(data, mac + bytes(5))
        assert not transaction.mac_ok(data + b"x", mac)


@pytest.mark.parametrize("vector", group("dukpt-tdes-cmac-request"))
def test_tdes_cmac(tmp_path: Path, vector: dict[str, str]) -> None:
    with at(tmp_path, vector["ksn"]).next_transaction(IK, DukptUse.MAC) as transaction:
        assert transaction.mac(vector["data"].encode(), MacMethod.CMAC).hex().upper() == vector["mac"]


@pytest.mark.parametrize("vector", group("dukpt-tdes-data-request-cbc"))
def test_tdes_data(tmp_path: Path, vector: dict[str, str]) -> None:
    with at(tmp_path, vector["ksn"]).next_transaction(IK, DukptUse.DATA) as transaction:
        assert transaction.encrypt(zero_filled(vector["data"])).hex().upper() == vector["encrypted"]
        with pytest.raises(KeyRefused):
            transaction.encrypt(zero_filled(vector["data"]))  # Under a zero initial value it is for one text.


@pytest.mark.parametrize("vector", group("dukpt-aes-iso4-pinblock"))
def test_aes_pin_block(tmp_path: Path, vector: dict[str, str]) -> None:
    drawn = bytes.fromhex(vector["random"])
    store = at(tmp_path, vector["ksn"], draw=lambda size: drawn if size == len(drawn) else os.urandom(size))
    with store.next_transaction(IK, DukptUse.PIN) as transaction:
        block = transaction.pin_block(Pin.of(vector["pin"]), vector["pan"])
        assert block.hex().upper() == vector["encrypted"]


@pytest.mark.parametrize("size", [16, 24, 32])
def test_aes_macs_and_data_against_the_reference(tmp_path: Path, size: int) -> None:
    """No published example: the working keys are the reference's, with the ciphers of this house."""
    storage, initial = Storage(), bytes(range(7, 7 + size))
    store = opened(tmp_path, storage, test_only=False)
    store.load_initial_key(IK, bytearray(initial), Algorithm.AES, AES_ID[:8])
    kind = f"AES{8 * size}"
    uses = (DukptUse.MAC, DukptUse.MAC_RESPONSE, DukptUse.DATA, DukptUse.DATA_RESPONSE)
    with store.next_transaction(IK, *uses) as transaction:

        def key(usage: int) -> bytearray:
            return bytearray(aes_working(initial, transaction.ksn, usage, kind))

        assert transaction.mac(b"data") == ciphers.cmac(Algorithm.AES, key(0x2000), b"data")
        assert transaction.mac_ok(b"data", ciphers.cmac(Algorithm.AES, key(0x2001), b"data")[:8])
        assert transaction.encrypt(bytes(32)) == ciphers.encrypt_cbc(Algorithm.AES, key(0x3000), bytes(32))
        hidden = bytes(ciphers.encrypt_cbc(Algorithm.AES, key(0x3001), b"sixteen bytes ok"))
        assert transaction.decrypt(hidden) == b"sixteen bytes ok"


def test_what_was_not_asked_for_and_what_is_over_is_refused(tmp_path: Path) -> None:
    store = at(tmp_path, "FFFF9876543210E00001")
    with store.next_transaction(IK, DukptUse.MAC) as transaction:
        assert repr(transaction) == "DukptTransaction(Ksn(FFFF9876543210E00001))"
        for attempt in (
            lambda: transaction.pin_block(Pin.of(PIN), PAN),
            lambda: transaction.encrypt(bytes(8)),
            lambda: transaction.mac_ok(b"", bytes(8)),
            lambda: transaction.mac(b"", MacMethod.UNIONPAY),
            lambda: transaction.mac(b"", MacMethod.HMAC),
        ):
            with pytest.raises(KeyRefused):
                attempt()
    with pytest.raises(KeyRefused):
        transaction.mac(b"data")
    with store.next_transaction(IK, DukptUse.PIN) as again:
        for form in (PinFormat.ISO_1, PinFormat.ISO_2, PinFormat.ISO_4):
            with pytest.raises(KeyRefused):
                again.pin_block(Pin.of(PIN), PAN, form)
        assert len(again.pin_block(Pin.of(PIN), PAN, PinFormat.ISO_3)) == 8


def test_ksns_follow_each_other_across_restarts_in_a_real_journal(tmp_path: Path) -> None:
    for counter in range(1, 4):
        journal = Journal.open(tmp_path / "journal.db", wall_ms=lambda: 1_798_000_000_000)
        store = KeyStore.open(tmp_path / "keys", terminal_id="10000001", counters=journal.counters)
        if counter == 1:
            store.load_initial_key(IK, bytearray(TDES_IK), Algorithm.TDES, TDES_ID)
            assert store.ksn(IK) == TDES_ID
            assert store.held() == (IK,)
            assert store.check_values() == ()
        with store.next_transaction(IK, DukptUse.MAC) as transaction:
            assert Ksn.parse(TDES_KSN, transaction.ksn).counter == counter
        assert store.ksn(IK) == transaction.ksn
        with pytest.raises(JournalError, match="inside"):
            journal.transact(lambda tx, store=store: store.next_transaction(IK, DukptUse.MAC))  # type: ignore[misc]
        journal.verify()
        journal.close()


def test_the_journals_thread_and_the_keys_thread_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """One seals inside its transactions, the other advances a counter from inside the key room."""
    journal = Journal.open(tmp_path / "journal.db", wall_ms=lambda: 1_798_000_000_000)
    store = KeyStore.open(tmp_path / "keys", terminal_id="10000001", counters=journal.counters)
    store.load_initial_key(IK, bytearray(TDES_IK), Algorithm.TDES, TDES_ID)
    seen: list[bytes] = []

    def trade() -> None:
        for _ in range(ROUNDS):
            with store.next_transaction(IK, DukptUse.MAC) as transaction:
                seen.append(transaction.ksn)

    def commit() -> None:
        for batch in range(1, ROUNDS + 1):
            journal.transact(lambda tx, batch=batch: store.seal(batch, b"context", b"clear"))  # type: ignore[misc]
            store.destroy_batch(batch)

    threads = [threading.Thread(target=work, daemon=True) for work in (trade, trade, commit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "two threads wait for each other"
    assert len(set(seen)) == 2 * ROUNDS
    journal.close()


def test_slots_hold_keys_of_both_kinds(tmp_path: Path) -> None:
    store = opened(tmp_path, Storage())
    second = KeyRef(Usage.INITIAL_KEY, 1)
    store.load_initial_key(IK, bytearray(TDES_IK), Algorithm.TDES, TDES_ID)
    store.load_initial_key(second, bytearray(AES_IK), Algorithm.AES, AES_ID)
    with store.next_transaction(IK) as one, store.next_transaction(second) as two:
        assert (len(one.ksn), len(two.ksn)) == (10, 12)
    # A slot holds one initial key: the other kind's registers go when it is replaced.
    fresh = dukpt_aes.initial_key(bytearray(AES_BDK), aes_ksn(bytes(8)))
    store.load_initial_key(IK, fresh, Algorithm.AES, bytes(8))
    assert store.algorithm(IK) is Algorithm.AES
    assert store.ksn(IK) == bytes(12)


# Loading


def initial_block(key: bytes, algorithm: Algorithm, *optional: OptionalBlock) -> str:
    header = Header(Version.D, KeyUsage("B1"), algorithm, Mode.DERIVE, optional=optional)
    return blocks.wrap(bytearray(AES_KBPK), header, bytearray(key), os.urandom)


def test_an_initial_key_comes_in_a_block_with_its_serial_number(tmp_path: Path) -> None:
    for number, (key, algorithm, code, serial, expected) in enumerate(
        (
            (TDES_IK, Algorithm.TDES, "KS", TDES_ID.hex().upper(), TDES_ID),
            (TDES_IK, Algorithm.TDES, "KS", TDES_ID[:8].hex().upper(), TDES_ID),
            (AES_IK, Algorithm.AES, "IK", AES_ID[:8].hex().upper(), AES_ID),
        )
    ):
        store = opened(tmp_path / str(number), Storage())
        store.load_key(KBPK, bytearray(AES_KBPK), Algorithm.AES, Mode.DECRYPT)
        ref = store.load_block(KBPK, initial_block(key, algorithm, OptionalBlock(code, serial)), slot=4)
        assert ref == KeyRef(Usage.INITIAL_KEY, 4)
        assert store.ksn(ref) == expected
        assert store.is_test_key(ref)
        with store.next_transaction(ref):
            pass
        assert store.is_test_key(ref), "the mark stays with the registers"
    store.load_block(KBPK, initial_block(AES_IK, Algorithm.AES), ksn=AES_ID)
    with pytest.raises(KeyRefused, match="KSN"):
        store.load_block(KBPK, initial_block(AES_IK, Algorithm.AES))
    named = initial_block(AES_IK, Algorithm.AES, OptionalBlock("IK", AES_ID[:8].hex().upper()))
    store.load_block(KBPK, named, ksn=AES_ID)
    with pytest.raises(KeyRefused, match="another KSN"):
        store.load_block(KBPK, named, ksn=bytes(12))


def test_only_initial_keys_of_published_base_keys_are_test_keys(tmp_path: Path) -> None:
    store = opened(tmp_path, Storage())
    other = bytes.fromhex("FFFF9876543211000000")
    with pytest.raises(KeyRefused, match="published"):
        store.load_initial_key(IK, bytearray(TDES_IK), Algorithm.TDES, other)  # Another terminal's.
    of_other = dukpt_tdes.initial_key(bytearray(TDES_BDK), Ksn.parse(TDES_KSN, other))
    store.load_initial_key(IK, of_other, Algorithm.TDES, other)
    assert store.is_test_key(IK)


@pytest.mark.parametrize(
    ("key", "algorithm", "ksn"),
    [
        (TDES_IK, Algorithm.TDES, TDES_ID[:-1]),
        (TDES_IK, Algorithm.TDES, TDES_ID[:-1] + b"\x01"),
        (TDES_IK, Algorithm.TDES, b""),
        (TDES_IK[:8], Algorithm.TDES, TDES_ID),
        (TDES_IK[:8] * 2, Algorithm.TDES, TDES_ID),
        (AES_IK, Algorithm.AES, TDES_ID),
        (AES_IK, Algorithm.SM4, AES_ID),
        (AES_IK[:15], Algorithm.AES, AES_ID),
        (AES_KBPK, Algorithm.AES, AES_ID),  # It is kept as a protection key.
    ],
)
def test_an_initial_key_that_is_not_taken(tmp_path: Path, key: bytes, algorithm: Algorithm, ksn: bytes) -> None:
    store = opened(tmp_path, Storage(), test_only=False)
    store.load_key(KBPK, bytearray(AES_KBPK), Algorithm.AES, Mode.DECRYPT)
    with pytest.raises(KeyRefused):
        store.load_initial_key(IK, bytearray(key), algorithm, ksn)
    assert not store.has(IK)
    with pytest.raises(KeyRefused, match="no INITIAL_KEY"):
        store.next_transaction(IK, DukptUse.MAC)


def test_only_an_initial_key_begins_a_transaction(tmp_path: Path) -> None:
    store = opened(tmp_path, Storage())
    store.load_test_tmk()
    tmk = KeyRef(Usage.TMK)
    for attempt in (
        lambda: store.next_transaction(tmk, DukptUse.PIN),
        lambda: store.ksn(tmk),
        lambda: store.load_initial_key(tmk, bytearray(TDES_IK), Algorithm.TDES, TDES_ID),
        lambda: store.kcv(IK),
        lambda: store.pin_block(IK, Pin.of(PIN), PAN),
    ):
        with pytest.raises(KeyRefused):
            attempt()
