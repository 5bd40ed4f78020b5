"""The key store: what each key may do, all or nothing, tampering, kills, permissions, and what never shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys import KcvMismatch, KeyLayout, KeyRef, KeyRefused, KeyStore, Pin, Usage, tdes
from keys.testkeys import TEST_TMK

ROOT = Path(__file__).parent.parent
VECTORS: dict[str, Any] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent / "vectors" / "hostlink.json").read_text("utf-8"))["vectors"]
}
BLOCK = bytes.fromhex(VECTORS["syn-key-004"]["f62"])
TMK, PIK, MAK, TDK = (KeyRef(usage) for usage in (Usage.TMK, Usage.PIK, Usage.MAK, Usage.TDK))
TERMINAL = "10000001"
PAN = "6214832011141319"


def opened(folder: Path, terminal_id: str = TERMINAL) -> KeyStore:
    return KeyStore.open(folder / "keys", terminal_id=terminal_id)


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    made = opened(tmp_path)
    made.load_test_tmk()
    made.activate_working_keys(BLOCK, KeyLayout.PIK_MAK_TDK)
    return made


def test_an_empty_store_holds_nothing(tmp_path: Path) -> None:
    empty = opened(tmp_path)
    assert not empty.has(TMK)
    assert not empty.working_keys_ready()
    assert not empty.is_test
    with pytest.raises(KeyRefused, match="no TMK"):
        empty.activate_working_keys(BLOCK, KeyLayout.PIK_MAK_TDK)
    with pytest.raises(KeyRefused, match="no MAK"):
        empty.mac(MAK, b"data")


def test_keys_are_there_after_a_restart(store: KeyStore, tmp_path: Path) -> None:
    again = opened(tmp_path)
    assert again.is_test
    assert again.working_keys_ready()
    assert again.kcv(TMK) == "08D7B4FB"
    for ref, place in ((PIK, 16), (MAK, 36), (TDK, 56)):
        assert again.kcv(ref) == BLOCK[place : place + 4].hex().upper()


def test_mac_and_pin_block_meet_their_vectors(store: KeyStore) -> None:
    vector = VECTORS["syn-mac-double"]
    data = bytes.fromhex(vector["mab"])
    assert store.mac(MAK, data) == vector["mac_ascii"].encode()
    assert store.mac_ok(MAK, data, b"E9F93A63")
    assert not store.mac_ok(MAK, data, b"E9F93A64")
    assert not store.mac_ok(MAK, data, b"")
    # The clear block of vector pin-4, encrypted under the PIK by the host's side.
    block = store.pin_block(PIK, Pin.of("777777"), "6212790200001797")
    pik = bytearray.fromhex(VECTORS["syn-key-004"]["pik"])
    assert tdes.decrypt_ecb(pik, block) == bytes.fromhex(VECTORS["pin-4"]["block"])


def test_a_single_length_mak_is_used_as_single_des(tmp_path: Path) -> None:
    """Vector mac-1's MAK, wrapped under the test key in half a slot."""
    store = opened(tmp_path)
    store.load_test_tmk()
    tmk, mak = bytearray(TEST_TMK), bytearray.fromhex(VECTORS["mac-1"]["mak"])
    pik = bytearray.fromhex(VECTORS["syn-key-004"]["pik"])
    block = bytes(tdes.encrypt_ecb(tmk, pik)) + tdes.check_value(pik)
    block += bytes(tdes.encrypt_ecb(tmk, mak)) + bytes(8) + tdes.check_value(mak)
    store.activate_working_keys(block, KeyLayout.PIK_MAK)
    assert store.mac(MAK, bytes.fromhex(VECTORS["mac-1"]["mab"])) == b"8A9E91B8"
    assert not store.has(TDK)


@pytest.mark.parametrize("ref", [TMK, PIK, TDK])
def test_only_the_mak_authenticates(store: KeyStore, ref: KeyRef) -> None:
    with pytest.raises(KeyRefused):
        store.mac(ref, b"data")
    with pytest.raises(KeyRefused):
        store.mac_ok(ref, b"data", b"00000000")


@pytest.mark.parametrize("ref", [TMK, MAK, TDK])
def test_only_the_pik_encrypts_a_pin(store: KeyStore, ref: KeyRef) -> None:
    with pytest.raises(KeyRefused):
        store.pin_block(ref, Pin.of("1234"), PAN)


def test_a_wrong_check_value_discards_all_and_says_which(store: KeyStore, tmp_path: Path) -> None:
    bad = bytearray(BLOCK)
    bad[37] ^= 1
    with pytest.raises(KcvMismatch) as wrong:
        store.activate_working_keys(bytes(bad), KeyLayout.PIK_MAK_TDK)
    assert wrong.value.which is Usage.MAK
    for seen in (store, opened(tmp_path)):
        assert not any(seen.has(ref) for ref in (PIK, MAK, TDK))
        assert seen.has(TMK)


def test_a_block_of_a_wrong_length_discards_all(store: KeyStore) -> None:
    with pytest.raises(KeyRefused):
        store.activate_working_keys(BLOCK[:-1], KeyLayout.PIK_MAK_TDK)
    assert not store.working_keys_ready()


def test_a_tdk_does_not_outlive_its_sign_in(store: KeyStore) -> None:
    store.activate_working_keys(BLOCK[:40], KeyLayout.PIK_MAK)
    assert store.working_keys_ready()
    assert not store.has(TDK)


def test_a_new_tmk_ends_the_keys_under_the_old_one(store: KeyStore) -> None:
    store.load_test_tmk()
    assert not store.working_keys_ready()


# Sealing


def test_sealed_data_opens_for_its_batch_and_context_only(store: KeyStore, tmp_path: Path) -> None:
    sealed = store.seal(7, b"payment 1 pan", PAN.encode())
    assert PAN.encode() not in sealed
    assert opened(tmp_path).unseal(7, b"payment 1 pan", sealed) == PAN.encode()
    store.seal(8, b"payment 1 pan", b"")
    for batch, context, data in (
        (8, b"payment 1 pan", sealed),
        (9, b"payment 1 pan", sealed),
        (7, b"payment 2 pan", sealed),
        (7, b"payment 1 pan", sealed[:-1]),
        (7, b"payment 1 pan", sealed[:20]),
        (7, b"payment 1 pan", b""),
    ):
        with pytest.raises(KeyRefused, match="^the sealed data does not open$"):
            store.unseal(batch, context, data)


def test_every_byte_of_sealed_data_counts(store: KeyStore) -> None:
    sealed = store.seal(1, b"c", b"clear")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(KeyRefused):
            store.unseal(1, b"c", bytes(changed))


def test_equal_data_is_never_sealed_alike(store: KeyStore) -> None:
    assert store.seal(1, b"c", b"clear") != store.seal(1, b"c", b"clear")


def test_a_settled_batch_is_dead(store: KeyStore, tmp_path: Path) -> None:
    sealed, other = store.seal(1, b"c", b"clear"), store.seal(2, b"c", b"clear")
    store.destroy_batch(1)
    store.destroy_batch(1)
    for seen in (store, opened(tmp_path)):
        with pytest.raises(KeyRefused):
            seen.unseal(1, b"c", sealed)
        assert seen.unseal(2, b"c", other) == b"clear"
    store.seal(1, b"c", b"new")
    with pytest.raises(KeyRefused):
        store.unseal(1, b"c", sealed)


# At rest


def test_another_terminal_cannot_open_the_store(store: KeyStore, tmp_path: Path) -> None:
    with pytest.raises(KeyRefused):
        opened(tmp_path, "10000002")


def test_every_byte_at_rest_counts(store: KeyStore, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "records"
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x01]) + good[place + 1 :])
        with pytest.raises(KeyRefused, match="^the stored keys do not open$"):
            opened(tmp_path)
    for shorter in (0, 1, 28, len(good) - 1):
        path.write_bytes(good[:shorter])
        with pytest.raises(KeyRefused):
            opened(tmp_path)
    path.write_bytes(good + b"\x00")
    with pytest.raises(KeyRefused):
        opened(tmp_path)
    path.write_bytes(good)
    assert opened(tmp_path).working_keys_ready()


def test_records_of_another_device_key_do_not_open(store: KeyStore, tmp_path: Path) -> None:
    (tmp_path / "keys" / "device.key").write_bytes(bytes(32))
    with pytest.raises(KeyRefused):
        opened(tmp_path)
    with pytest.raises(KeyRefused):
        store.mac(MAK, b"data")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_device_key_of_a_wrong_size_is_refused(store: KeyStore, tmp_path: Path, size: int) -> None:
    (tmp_path / "keys" / "device.key").write_bytes(bytes(size))
    with pytest.raises(KeyRefused):
        opened(tmp_path)


def test_the_store_is_its_owners_alone(store: KeyStore, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "device.key": 0o600,
        "records": 0o600,
    }


@pytest.mark.parametrize("loose", [".", "device.key", "records"])
def test_loose_permissions_are_refused_with_the_remedy(store: KeyStore, tmp_path: Path, loose: str) -> None:
    path = tmp_path / "keys" / loose
    path.chmod(path.stat().st_mode | 0o040)
    with pytest.raises(KeyRefused, match="chmod"):
        opened(tmp_path)


def test_no_clear_key_is_at_rest(store: KeyStore, tmp_path: Path) -> None:
    stored = b"".join(path.read_bytes() for path in sorted((tmp_path / "keys").iterdir()))
    vector = VECTORS["syn-key-004"]
    for clear in (vector["pik"], vector["mak"], vector["tdk"], TEST_TMK.hex()):
        assert bytes.fromhex(clear)[:8] not in stored


# Kills


def test_a_kill_before_the_rename_leaves_the_old_state(store: KeyStore, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    (folder / "records.new").write_bytes(b"half a fi")
    (folder / "device.key.new").write_bytes(b"half")
    again = opened(tmp_path)
    assert again.working_keys_ready()
    again.discard_working_keys()
    assert not opened(tmp_path).working_keys_ready()
    assert {path.name for path in folder.iterdir()} == {"device.key", "records"}


def test_a_kill_before_the_first_device_key_is_a_blank_store(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    (folder / "device.key.new").write_bytes(b"half")
    blank = opened(tmp_path)
    blank.load_test_tmk()
    assert opened(tmp_path).is_test


def test_zeroise_leaves_nothing(store: KeyStore, tmp_path: Path) -> None:
    sealed = store.seal(1, b"c", b"clear")
    old_key = (tmp_path / "keys" / "device.key").read_bytes()
    store.zeroise()
    for seen in (store, opened(tmp_path)):
        assert not any(seen.has(ref) for ref in (TMK, PIK, MAK, TDK))
        with pytest.raises(KeyRefused):
            seen.unseal(1, b"c", sealed)
    assert (tmp_path / "keys" / "device.key").read_bytes() != old_key
    store.load_test_tmk()
    assert opened(tmp_path).is_test


@pytest.mark.parametrize("torn", [False, True])
def test_a_kill_inside_zeroise_is_finished_at_the_next_opening(store: KeyStore, tmp_path: Path, torn: bool) -> None:
    """The device key is gone by one rename; whatever else the kill left is noise."""
    folder = tmp_path / "keys"
    os.replace(folder / "device.key", folder / "device.key.dead")
    if torn:
        (folder / "device.key.dead").write_bytes(bytes(32))
    blank = opened(tmp_path)
    assert not blank.has(TMK)
    assert {path.name for path in folder.iterdir()} == {"device.key"}


CHURN = """
import sys
from pathlib import Path
from keys import KeyLayout, KeyStore
store = KeyStore.open(Path(sys.argv[1]), terminal_id="10000001")
blocks = [bytes.fromhex(text) for text in sys.argv[2:4]]
store.load_test_tmk()
turn = 0
while True:
    store.activate_working_keys(blocks[turn % 2], KeyLayout.PIK_MAK_TDK)
    sealed = store.seal(1 + turn % 3, b"c", b"clear")
    store.destroy_batch(1 + turn % 3)
    turn += 1
    print(turn, flush=True)
"""


@pytest.mark.slow
def test_kill_9_at_any_moment_leaves_one_whole_sign_in(tmp_path: Path) -> None:
    """A child changes the store as fast as it can and is killed; what is left is always one state, never a mixture."""
    tmk = bytearray(TEST_TMK)
    other = b""
    for name in ("tdk", "pik", "mak"):  # The same keys in other roles: a second sign-in whose keys all differ.
        key = bytearray.fromhex(VECTORS["syn-key-004"][name])
        other += bytes(tdes.encrypt_ecb(tmk, key)) + tdes.check_value(key)
    for stop_after in (1, 2, 5, 9, 14, 22):
        with subprocess.Popen(
            [sys.executable, "-c", CHURN, str(tmp_path / "keys"), BLOCK.hex(), other.hex()],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        ) as child:
            if child.stdout is None:
                pytest.fail("the child has no output")
            for _ in range(stop_after):
                assert child.stdout.readline()
            child.send_signal(signal.SIGKILL)
        left = opened(tmp_path)
        values = tuple(left.kcv(ref) for ref in (PIK, MAK, TDK))
        one = tuple(BLOCK[place : place + 4].hex().upper() for place in (16, 36, 56))
        two = tuple(other[place : place + 4].hex().upper() for place in (16, 36, 56))
        assert values in (one, two)
        assert left.kcv(TMK) == "08D7B4FB"


# What never shows


def secrets(store: KeyStore) -> list[str]:
    vector = VECTORS["syn-key-004"]
    return [vector["pik"], vector["mak"], vector["tdk"], TEST_TMK.hex().upper(), PAN, "135790"]


def everything_said(store: KeyStore, tmp_path: Path) -> list[str]:
    """repr of what others hold, and the text of every refusal that can be provoked."""
    pin = Pin.of("135790")
    said = [repr(store), str(store), repr(pin), str(pin), repr(MAK)]
    bad = bytearray(BLOCK)
    bad[0] ^= 1
    tries: list[Callable[[], object]] = [
        lambda: store.mac(PIK, b"x"),
        lambda: store.pin_block(MAK, pin, PAN),
        lambda: store.pin_block(PIK, Pin.of("1357901357"), "1" * 5),
        lambda: store.unseal(1, PAN.encode(), bytes(40)),
        lambda: opened(tmp_path, "other"),
        lambda: store.activate_working_keys(bytes(bad), KeyLayout.PIK_MAK_TDK),
        lambda: store.mac(MAK, b"x"),
    ]
    for attempt in tries:
        with pytest.raises(KeyRefused) as refused:
            attempt()
        said += [str(refused.value), repr(refused.value), repr(refused.value.__context__)]
    return said


def test_no_secret_in_any_repr_or_message(store: KeyStore, tmp_path: Path) -> None:
    for text in everything_said(store, tmp_path):
        bare = re.sub(r"[^0-9A-Za-z]", "", text).upper()
        for secret in secrets(store):
            assert secret not in bare
            assert secret[:12] not in bare or secret == PAN


LEAK_CHILD = """
import sys
from pathlib import Path
from keys import KeyLayout, KeyRef, KeyStore, Pin, Usage
store = KeyStore.open(Path(sys.argv[1]), terminal_id="10000001")
block = sys.stdin.buffer.read(60)
store.load_test_tmk()
for turn in range(3):
    store.activate_working_keys(block, KeyLayout.PIK_MAK_TDK)
    pin = Pin()
    for digit in (7, 7, 7, 7, 7, 7):
        pin.push(digit)
    store.pin_block(KeyRef(Usage.PIK), pin, "6212790200001797")
    pin.wipe()
    store.mac(KeyRef(Usage.MAK), b"0200" * 80)
    store.kcv(KeyRef(Usage.TDK))
    store.unseal(1, b"c", store.seal(1, b"c", b"clear"))
print("done", flush=True)
sys.stdin.buffer.read()
"""


def memory_of(pid: int) -> bytes:
    """All readable, writable memory of a process."""
    found = bytearray()
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, modes = line.split()[:2]
            if not modes.startswith("rw"):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            memory.seek(start)
            try:
                found += memory.read(end - start)
            except OSError:
                continue  # A guard page or a device's: nothing of ours is there.
    return bytes(found)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc/PID/mem (Linux)")
def test_no_clear_key_stays_in_a_live_processs_memory(tmp_path: Path) -> None:
    """The regression test of wiping: after three sign-ins, PINs and MACs, no key is found in the child's memory."""
    with subprocess.Popen(
        [sys.executable, "-c", LEAK_CHILD, str(tmp_path / "keys")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as child:
        if child.stdin is None or child.stdout is None:
            pytest.fail("the child has no pipes")
        child.stdin.write(BLOCK)
        child.stdin.flush()
        assert child.stdout.readline() == b"done\n"
        memory = memory_of(child.pid)
        child.stdin.close()
    assert TEST_TMK in memory, "the scan itself must be able to find a key (the test key is a constant)"
    device_key = (tmp_path / "keys" / "device.key").read_bytes()
    vector = VECTORS["syn-key-004"]
    clear = {name: bytes.fromhex(vector[name]) for name in ("pik", "mak", "tdk")}
    clear["PIN block"] = bytes.fromhex(VECTORS["pin-4"]["block"])
    clear |= {f"{name} without parity": bytes(byte & 0xFE for byte in key) for name, key in clear.items()}
    found = {name: memory.count(key[:8]) for name, key in clear.items()}
    found["device key"] = max(0, memory.count(device_key) - 1)  # One copy: the random source's own `bytes`.
    assert not any(found.values()), found


def test_a_store_can_be_moved_with_its_folder(store: KeyStore, tmp_path: Path) -> None:
    """A whole copy opens elsewhere: the records are bound to terminal and device key, not to a place. Said openly."""
    shutil.copytree(tmp_path / "keys", tmp_path / "copy" / "keys")
    assert opened(tmp_path / "copy").working_keys_ready()
