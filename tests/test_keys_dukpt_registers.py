"""Future keys at rest: sealed in the vault's file, there after a restart, gone with the device key; and in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dukpt_reference import Storage, aes_key, aes_working, tdes_key

from keys import KeyRefused, dukpt_aes, dukpt_tdes
from keys.dukpt_aes import AesKeyType, AesTerminal, AesUsage, AesUse, aes_ksn
from keys.dukpt_registers import VaultRegisters
from keys.dukpt_tdes import TdesTerminal, TdesUse
from keys.ksn import AES_KSN, TDES_KSN, Ksn
from keys.vault import Vault

TDES_IK = bytes.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
AES_IK = bytes.fromhex("CE9CE0C101D1138F97FB6CAD4DF045A7083D4EAE2D35A31789D01CCF0949550F")
TDES_ID = Ksn.parse(TDES_KSN, bytes.fromhex("FFFF9876543210E00000"))
AES_ID = aes_ksn(bytes.fromhex("1234567890123456"))
PIN256 = AesUse(AesUsage.PIN, AesKeyType.AES256)
TAKEN = 5
SKIPPED_TO = 10  # Then the counter was found ahead, as after a power cut, and one more was taken.


def open_vault(folder: Path) -> Vault:
    return Vault(folder / "keys", terminal_id="12345678", random=os.urandom)


def test_two_terminals_in_one_vault_go_on_after_a_restart(tmp_path: Path) -> None:
    counters = Storage()
    vault = open_vault(tmp_path)
    TdesTerminal(VaultRegisters(vault, TDES_KSN), counters).load_initial_key(bytearray(TDES_IK), TDES_ID)
    AesTerminal(VaultRegisters(vault, AES_KSN, slot=1), counters).load_initial_key(bytearray(AES_IK), AES_ID)
    for counter in range(1, TAKEN + 1):
        vault = open_vault(tmp_path)
        with TdesTerminal(VaultRegisters(vault, TDES_KSN), counters).take(TdesUse.PIN) as taken:
            assert taken.ksn.counter == counter
        with AesTerminal(VaultRegisters(vault, AES_KSN, slot=1), counters).take(PIN256) as other:
            assert other.key(PIN256) == aes_working(AES_IK, AES_ID.at(counter).encode(), 0x1000, "AES256")
    at_rest = b"".join(path.read_bytes() for path in (tmp_path / "keys").iterdir())
    for counter in range(1, 33):
        assert tdes_key(TDES_IK, TDES_ID.at(counter).encode()) not in at_rest
        assert aes_key(AES_IK, AES_ID.at(counter).encode()) not in at_rest
    registers = VaultRegisters(vault, TDES_KSN)
    registers.drop()
    with pytest.raises(KeyRefused):
        TdesTerminal(registers, counters).take()
    vault.zeroise()
    with pytest.raises(KeyRefused):
        AesTerminal(VaultRegisters(open_vault(tmp_path), AES_KSN, slot=1), counters).take(PIN256)


def test_the_largest_registers_fit_the_vault(tmp_path: Path) -> None:
    registers = VaultRegisters(open_vault(tmp_path), AES_KSN)
    AesTerminal(registers, Storage()).load_initial_key(bytearray(AES_IK), AES_ID)
    image = VaultRegisters(open_vault(tmp_path), AES_KSN).load()
    assert image is not None
    assert len(image) == 23 + 32 * 36


CHILD = """
import sys
from keys import dukpt_aes, dukpt_tdes, tdes
from keys.dukpt_aes import AesKeyType, AesTerminal, AesUsage, AesUse, aes_ksn
from keys.dukpt_tdes import TdesTerminal, TdesUse
from keys.ksn import TDES_KSN, Ksn

class Rest:
    def __init__(self): self.image, self.counters = None, {}
    def last(self, name): return self.counters.get(name, 0)
    def advance(self, name, value): self.counters[name] = value
    def load(self):
        if self.image is None: return None
        out = bytearray(len(self.image))
        memoryview(out)[:] = self.image
        return out
    def save(self, image):
        old, self.image = self.image, bytearray(len(image))
        memoryview(self.image)[:] = image
        if old is not None: tdes.wipe(old)

def secret(size):
    key = bytearray(size)
    source.readinto(key)
    return key

source = open(0, "rb", buffering=0)
one, two = Rest(), Rest()
serial = Ksn.parse(TDES_KSN, bytes.fromhex("FFFF9876543210E00000"))
identity = aes_ksn(bytes.fromhex("1234567890123456"))
pin = AesUse(AesUsage.PIN, AesKeyType.AES256)
for terminal, size, ksn, host, use in (
    (TdesTerminal(one, one), 16, serial, dukpt_tdes, TdesUse.DATA_REQUEST),
    (AesTerminal(two, two), 32, identity, dukpt_aes, pin),
):
    bdk = secret(size)
    initial = host.initial_key(bdk, ksn)
    terminal.load_initial_key(initial, ksn)
    tdes.wipe(initial)
    for counter in range(1, 6):
        with terminal.take(use) as mine, host.host_keys(bdk, ksn.at(counter), use) as theirs:
            assert mine.key(use) == theirs.key(use)
    tdes.wipe(bdk)
    terminal._counters.advance(ksn.counter_name, 9)
    with terminal.take(use):
        pass
print("ready", flush=True)
source.read(1)
"""


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc/PID/mem here: the scan needs Linux")
def test_no_used_key_is_left_in_memory() -> None:
    """A live process after BDKs, initial keys and five transactions of each kind, host and terminal side."""
    tdes_bdk, aes_bdk = os.urandom(16), os.urandom(32)  # The published one is a constant of the test keys.
    used, resting = expected_keys(tdes_bdk, aes_bdk)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    )
    try:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(tdes_bdk + aes_bdk)
        child.stdin.flush()
        assert child.stdout.readline() == b"ready\n"
        memory = dump(child.pid)
        child.stdin.write(b".")
        child.stdin.close()
        assert child.wait(timeout=20) == 0
    finally:
        child.kill()
        child.stdout.close()
    assert {name: memory.count(key) for name, key in used.items() if key in memory} == {}
    # The scan sees what is there: the keys of the next transactions rest in the child's registers.
    assert [memory.count(key) for key in resting] == [1, 1]


def expected_keys(tdes_bdk: bytes, aes_bdk: bytes) -> tuple[dict[str, bytes], list[bytes]]:
    """What the child has used or skipped, by name, and the two transactions' keys that come next."""
    tdes_ik = bytes(dukpt_tdes.initial_key(bytearray(tdes_bdk), TDES_ID))
    aes_ik = bytes(dukpt_aes.initial_key(bytearray(aes_bdk), AES_ID))
    used = {"tdes bdk": tdes_bdk, "tdes ik": tdes_ik, "aes bdk": aes_bdk, "aes ik": aes_ik}
    for counter in range(1, SKIPPED_TO + 1):
        serial, identity = TDES_ID.at(counter), AES_ID.at(counter)
        used[f"tdes {counter}"] = tdes_key(tdes_ik, serial.encode())
        used[f"aes {counter}"] = aes_key(aes_ik, identity.encode())
        used[f"aes pin {counter}"] = aes_working(aes_ik, identity.encode(), 0x1000, "AES256")
        with dukpt_tdes.host_keys(bytearray(tdes_bdk), serial, *TdesUse) as made:
            used[f"tdes variant {counter}"] = bytes(made.key(TdesUse.PIN))
            used[f"tdes data {counter}"] = bytes(made.key(TdesUse.DATA_REQUEST))
    after = SKIPPED_TO + 1
    return used, [tdes_key(tdes_ik, TDES_ID.at(after).encode()), aes_key(aes_ik, AES_ID.at(after).encode())]


def dump(pid: int) -> bytes:
    """All that a process could read of itself."""
    parts = []
    with Path(f"/proc/{pid}/maps").open(encoding="ascii") as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, permissions, *_ = line.split()
            if not permissions.startswith("rw"):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            memory.seek(start)
            try:
                parts.append(memory.read(end - start))
            except OSError:
                continue  # A guard page, or the kernel's own.
    return b"".join(parts)
