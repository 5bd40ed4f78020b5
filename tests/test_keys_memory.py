"""A live process after PIN blocks, MACs, check values and tracks: no key and no PIN block is found in its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
