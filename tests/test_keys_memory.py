"""A live process after keys were loaded, used and dropped: none of them, and no PIN block, is found in its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dukpt_reference import aes_working, tdes_key

from keys import KeyLayout, blocks, ciphers
from keys.block_header import Header, KeyUsage, OptionalBlock, Version
from keys.usage import Algorithm, Mode

ROOT = Path(__file__).parent.parent
KEYS = 4  # TDES of 16 bytes, AES of 32, SM4 of 16, HMAC of 32: one after the other.
CHILD = """
import os
from keys import Pin, ciphers, kcv, mac, mac_iso9797, pin_formats, tdes, track
from keys.mac_iso9797 import Padding
from keys.pin_formats import PinFormat
from keys.usage import Algorithm

triple, aes, sm4, secret = bytearray(16), bytearray(32), bytearray(16), bytearray(32)
os.readv(0, [triple, aes, sm4, secret])
for turn in range(3):
    for form, algorithm, key in (
        (PinFormat.ISO_0, Algorithm.TDES, triple),
        (PinFormat.ISO_3, Algorithm.TDES, triple),
        (PinFormat.ISO_4, Algorithm.AES, aes),
    ):
        pin = Pin()
        for digit in (9, 4, 7, 1, 8, 2, 6, 3, 5, 1, 7, 4):
            pin.push(digit)
        pin_formats.encrypt(form, algorithm, key, pin, "6212790200001797", lambda count: bytes(count))
        pin.wipe()
    for padding in Padding:
        mac_iso9797.algorithm_1(Algorithm.TDES, triple, b"data" * 75, padding)
        mac_iso9797.algorithm_3(triple, b"data" * 75, padding)
    for algorithm, key in ((Algorithm.TDES, triple), (Algorithm.AES, aes), (Algorithm.SM4, sm4)):
        mac_iso9797.algorithm_5(algorithm, key, b"data" * 75)
        for method in kcv.Method:
            kcv.check_value(algorithm, key, method)
    mac_iso9797.hmac(secret, b"data")
    mac.unionpay_mac(triple, b"data" * 75)
    mac.unionpay_mac(sm4, b"data" * 75, Algorithm.SM4)
    track.encrypt_track(triple, "1" * 37)
for key in (triple, aes, sm4, secret):
    tdes.wipe(key)
print("done", flush=True)
os.read(0, 1)
"""


def memory_of(pid: int) -> bytes:
    """All readable, writable memory of a process."""
    found = bytearray()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, modes = line.split()[:2]
            if modes.startswith("rw"):
                start, end = (int(part, 16) for part in span.split("-"))
                memory.seek(start)
                try:
                    found += memory.read(end - start)
                except OSError:
                    continue  # A guard page or a device's: nothing of ours is there.
    return bytes(found)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc/PID/mem (Linux)")
def test_no_key_and_no_pin_block_stays_in_a_live_process() -> None:
    # Patterns, not random bytes, so that a failure repeats; none of them is in any program by chance.
    keys = {
        "TDES": bytes(range(0x91, 0xA1)),
        "AES": bytes((37 * place + 11) % 256 for place in range(32)),
        "SM4": bytes((91 * place + 5) % 256 for place in range(16)),
        "HMAC": bytes((53 * place + 200) % 256 for place in range(32)),
    }
    assert len(keys) == KEYS
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0
    ) as child:
        if child.stdin is None or child.stdout is None:
            pytest.fail("the child has no pipes")
        child.stdin.write(b"".join(keys.values()))
        assert child.stdout.readline() == b"done\n"
        memory = memory_of(child.pid)
        child.stdin.close()
    assert b"6212790200001797" in memory, "the scan itself must be able to find what is there"
    found = {name: memory.count(key[:8]) + memory.count(key[-8:]) for name, key in keys.items()}
    found["clear PIN, before the PAN"] = memory.count(bytes.fromhex("0C947182635174"))
    found["clear block of format 0"] = memory.count(bytes.fromhex("0C94561243517586"))
    found["PIN field, format 4"] = memory.count(bytes.fromhex("4C947182635174AA"))
    found["typed digits"] = memory.count(bytes((9, 4, 7, 1, 8, 2, 6, 3, 5, 1, 7, 4)))
    assert not any(found.values()), found


STORE_CHILD = """
import os, signal, sys
from pathlib import Path
from keys import DukptUse, KeyLayout, KeyRef, KeyStore, MacMethod, Pin, Usage, tdes
from keys.device_key import PiOtp
from keys.pin_formats import PinFormat
from keys.usage import Algorithm, Mode

class Counters:
    def __init__(self): self.values = {}
    def last(self, name): return self.values.get(name, 0)
    def advance(self, name, value): self.values[name] = value

def typed():
    pin = Pin()
    for digit in (9, 4, 7, 1, 8, 2, 6, 3, 5, 1, 7, 4):
        pin.push(digit)
    return pin

tmk, kbpk, tdes_kbpk = bytearray(24), bytearray(32), bytearray(24)
os.readv(0, [tmk, kbpk, tdes_kbpk])
lines = open(0, closefd=False)
store = KeyStore.open(
    Path(sys.argv[1]), terminal_id="10000001", test_only=False, counters=Counters(), device=PiOtp(Path(sys.argv[2]))
)
use = KeyRef
for turn in range(2):
    store.load_key(use(Usage.TMK), tmk, Algorithm.TDES, Mode.DECRYPT)
    store.load_key(use(Usage.KBPK), kbpk, Algorithm.AES, Mode.DECRYPT)
    store.load_key(use(Usage.KBPK, 1), tdes_kbpk, Algorithm.TDES, Mode.DECRYPT)
for key in (tmk, kbpk, tdes_kbpk):
    tdes.wipe(key)
store.activate_working_keys(bytes.fromhex(lines.readline()), KeyLayout.TRIPLE_PIK_MAK_TDK)
pin = typed()
store.pin_block(use(Usage.PIK), pin, "6212790200001797")
store.mac(use(Usage.MAK), b"data" * 75)
store.encrypt_track(use(Usage.TDK), "1" * 37)
loaded = [
    store.load_block(use(Usage.KBPK, int(line[0])), line[1:], slot=10 + number)
    for number, line in enumerate(lines.read().split())
]
for ref in loaded:
    if ref.usage is Usage.PIK:
        store.pin_block(ref, pin, "6212790200001797", PinFormat.ISO_4)
    for method in MacMethod:
        if method.usage is ref.usage:
            store.mac_ok(ref, b"data" * 75, store.mac(ref, b"data" * 75, method), method)
    if ref.usage is Usage.INITIAL_KEY:
        uses = tuple(DukptUse)
        with store.next_transaction(ref, *uses) as transaction:
            transaction.pin_block(pin, "6212790200001797")
            transaction.mac_ok(b"data", transaction.mac(b"data"))
            transaction.decrypt(transaction.encrypt(bytes(32)))
pin.wipe()
store.check_values()
store.replace_tmk(bytes.fromhex(sys.argv[3]))
store.discard_working_keys()
store.zeroise()
print("done", len(loaded), flush=True)
signal.pause()
"""


def pattern(seed: int, size: int) -> bytes:
    """No random bytes, so that a failure repeats; in no program by chance."""
    return bytes((place * place * 29 + place * (2 * seed + 1) * 7 + seed * 37 + 101) % 256 for place in range(size))


BLOCKS = (
    ("P0", Algorithm.AES, Mode.ENCRYPT, 32),
    ("M0", Algorithm.SM4, Mode.MAKE_AND_CHECK, 16),
    ("M1", Algorithm.AES, Mode.MAKE_AND_CHECK, 16),
    ("M3", Algorithm.TDES, Mode.MAKE_AND_CHECK, 16),
    ("M6", Algorithm.AES, Mode.MAKE_AND_CHECK, 24),
    ("M7", Algorithm.HMAC, Mode.MAKE_AND_CHECK, 32),
    ("D0", Algorithm.TDES, Mode.ENCRYPT, 16),
    ("K0", Algorithm.SM4, Mode.DECRYPT, 16),
)


def stored_keys() -> tuple[dict[str, bytes], list[str]]:
    """Every kind of key that a store takes, by name; and the lines that bring those that come wrapped."""
    keys = {"tmk": pattern(1, 24), "kbpk": pattern(2, 32), "tdes kbpk": pattern(3, 24)}
    layout, sign_in = KeyLayout.TRIPLE_PIK_MAK_TDK, b""
    for number, usage in enumerate(layout.usages):
        key = keys[f"sign-in {usage.name}"] = pattern(10 + number, 24)
        sign_in += bytes(ciphers.encrypt_ecb(Algorithm.TDES, bytearray(keys["tmk"]), key))
        sign_in += bytes(ciphers.encrypt_ecb(Algorithm.TDES, bytearray(key), bytes(8))[:4])
    lines = [sign_in.hex()]
    for number, (usage_code, algorithm, mode, size) in enumerate(BLOCKS):
        key = keys[f"{usage_code} {algorithm.name}"] = pattern(20 + number, size)
        header = Header(Version.D, KeyUsage(usage_code), algorithm, mode)
        lines.append("0" + blocks.wrap(bytearray(keys["kbpk"]), header, bytearray(key), os.urandom))
    for algorithm, size, code, serial in (
        (Algorithm.TDES, 16, "KS", "FFFF9876543210E00000"),
        (Algorithm.AES, 32, "IK", "1234567890123456"),
    ):
        key = keys[f"ik {algorithm.name}"] = pattern(30 + size, size)
        header = Header(Version.D, KeyUsage("B1"), algorithm, Mode.DERIVE, optional=(OptionalBlock(code, serial),))
        lines.append("0" + blocks.wrap(bytearray(keys["kbpk"]), header, bytearray(key), os.urandom))
    # The TDES block of version B, under the other protection key.
    key = keys["D0 version B"] = pattern(50, 16)
    header = Header(Version.B, KeyUsage("D0"), Algorithm.TDES, Mode.ENCRYPT)
    lines.append("1" + blocks.wrap(bytearray(keys["tdes kbpk"]), header, bytearray(key), os.urandom))
    keys["new tmk"] = pattern(51, 24)
    keys["tdes transaction"] = tdes_key(keys["ik TDES"], bytes.fromhex("FFFF9876543210E00001"))
    for name, code_of_use in (("pin", 0x1000), ("mac", 0x2000), ("data", 0x3000)):
        ksn = bytes.fromhex("123456789012345600000001")
        keys[f"aes transaction {name}"] = aes_working(keys["ik AES"], ksn, code_of_use, "AES256")
    return keys, lines


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc/PID/mem (Linux)")
def test_no_key_of_a_store_stays_in_a_live_process(tmp_path: Path) -> None:
    """Loaded, used and dropped by handle, of every kind that a store takes; and the device key of file and OTP."""
    keys, lines = stored_keys()
    otp = tmp_path / "otp"
    otp.write_bytes(pattern(60, 32))
    keys["otp"] = pattern(60, 32)
    fresh = bytes(ciphers.encrypt_ecb(Algorithm.TDES, bytearray(keys["tmk"]), keys["new tmk"]))
    fresh += bytes(ciphers.encrypt_ecb(Algorithm.TDES, bytearray(keys["new tmk"]), bytes(8))[:4])
    command = [sys.executable, "-c", STORE_CHILD, str(tmp_path / "keys"), str(otp), fresh.hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0) as child:
        if child.stdin is None or child.stdout is None:
            pytest.fail("the child has no pipes")
        child.stdin.write(keys["tmk"] + keys["kbpk"] + keys["tdes kbpk"])
        child.stdin.write("\n".join([*lines, ""]).encode("ascii"))
        child.stdin.close()
        assert child.stdout.readline() == f"done {len(BLOCKS) + 3}\n".encode()
        memory = memory_of(child.pid)
        child.kill()
    assert b"6212790200001797" in memory, "the scan itself must be able to find what is there"
    found = {name: memory.count(key[:8]) + memory.count(key[-8:]) for name, key in keys.items()}
    found["clear PIN, before the PAN"] = memory.count(bytes.fromhex("0C947182635174"))
    found["PIN field, format 4"] = memory.count(bytes.fromhex("4C947182635174AA"))
    assert not any(found.values()), found
