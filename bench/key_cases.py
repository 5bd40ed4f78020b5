"""The key room beside psec, pydukpt and gmssl: the same work with the same result, in one run.

Both sides are called as a program would call them: ours with bytearrays that are wiped, theirs with bytes. The aims
are ratios: half of the peer's time, a check value in three quarters, an X9.19 MAC in nine tenths (there the library
underneath is nearly all of it).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.beside import Peers
from bench.cases import Row, Size, row
from keys import KeyRef, KeyStore, Usage, blocks, dukpt_tdes, kcv, mac, mac_iso9797, pin_formats, tdes
from keys.block_header import Header, KeyUsage, Version
from keys.ciphers import encrypt_ecb
from keys.kcv import Method
from keys.ksn import TDES_KSN, Ksn
from keys.mac_iso9797 import Padding
from keys.pin import Pin
from keys.pin_formats import PinFormat
from keys.usage import Algorithm, Mode

HALF, CHECK_VALUE, RETAIL_MAC = 1 / 2, 1 / 1.3, 1 / 1.1
TMK = bytearray.fromhex("0123456789ABCDEFFEDCBA9876543210")
AES_KBPK = bytearray.fromhex("88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6")
PIN_KEY = bytearray.fromhex("3F419E1CB7079442AA37474C2EFBF8B8")
IK = bytearray.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
KSN = Ksn.parse(TDES_KSN, bytes.fromhex("FFFF9876543210E00000"))
PAN = "6212790200001797"
Call = Callable[[], bytes]


def _spent(key: bytearray) -> bytes:
    """A result to compare, and the key wiped as its owner would."""
    result = bytes(key)
    tdes.wipe(key)
    return result


def _dukpt(counter: int) -> Call:
    ksn = KSN.at(counter)
    return lambda: _spent(dukpt_tdes.transaction_key(IK, ksn))


def _header(version: Version) -> Header:
    return Header(version, KeyUsage("P0"), Algorithm.TDES, Mode.ENCRYPT)


def _wrap(version: Version, kbpk: bytearray) -> Call:
    header = _header(version)
    return lambda: len(blocks.wrap(kbpk, header, PIN_KEY, os.urandom)).to_bytes(2, "big")


def _unwrap(version: Version, kbpk: bytearray) -> Call:
    block = blocks.wrap(kbpk, _header(version), PIN_KEY, os.urandom)
    return lambda: _spent(blocks.unwrap(kbpk, block).key)


def _pin_block() -> Call:
    pin = Pin.of("123456")  # Typed before; theirs is a string that is there before.
    return lambda: pin_formats.encrypt(PinFormat.ISO_0, Algorithm.TDES, PIN_KEY, pin, PAN, os.urandom)


def _check_value() -> Call:
    return lambda: kcv.check_value(Algorithm.TDES, TMK, Method.LEGACY)


def _sm4() -> Call:
    return lambda: bytes(encrypt_ecb(Algorithm.SM4, TMK, bytes(32)))


def _retail_mac() -> Call:
    data = bytes(range(256)) + bytes(44)
    return lambda: mac_iso9797.algorithm_3(TMK, data, Padding.ZEROS)


def _unionpay_mac() -> Call:
    data = (bytes(range(256)) * 2)[:405]
    return lambda: mac.unionpay_mac(TMK, data)


# What is measured, the peer's name for it, who the peer is, our side, and how much of the peer's time it may take.
CASES: tuple[tuple[str, str, str, Callable[[], Call], float], ...] = (
    ("DUKPT key, first counter", "dukpt-first", "pydukpt", lambda: _dukpt(1), HALF),
    ("DUKPT key, ten set bits", "dukpt-worst", "pydukpt", lambda: _dukpt(TDES_KSN.last), HALF),
    ("wrap a block B", "block-b-wrap", "psec", lambda: _wrap(Version.B, TMK), HALF),
    ("unwrap a block B", "block-b-unwrap", "psec", lambda: _unwrap(Version.B, TMK), HALF),
    ("wrap a block D", "block-d-wrap", "psec", lambda: _wrap(Version.D, AES_KBPK), HALF),
    ("unwrap a block D", "block-d-unwrap", "psec", lambda: _unwrap(Version.D, AES_KBPK), HALF),
    ("PIN block, format 0", "pin-block", "psec", _pin_block, HALF),
    ("X9.19 MAC of 300 bytes", "retail-mac", "psec", _retail_mac, RETAIL_MAC),
    ("UnionPay MAC of 405 bytes", "unionpay-mac", "the same on psec", _unionpay_mac, HALF),
    ("check value", "check-value", "psec", _check_value, CHECK_VALUE),
    ("two blocks of SM4", "sm4", "gmssl", _sm4, HALF),
)


def beside_peers(size: Size) -> list[Row]:
    """Microseconds of each, ours and the peer's in turns. Raises PeersMissing."""
    rows: list[Row] = []
    with Peers() as peers:
        for title, name, who, ours, aim in CASES:
            found = peers.beside(name, ours(), size.rounds)
            bound = statistics.median(found.theirs)
            rows.append(row(title, found.ours, "us", who, bound, aim=aim))
    return rows


def stored(size: Size) -> list[Row]:
    """What the handle costs on top: finding it, and opening the sealed key, beside the bare MAC of 405 bytes."""
    bare = _unionpay_mac()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o700)
        store = KeyStore.open(Path(folder) / "keys", terminal_id="bench")
        store.load_test_tmk()
        tmk = KeyRef(Usage.TMK)
        steps: tuple[tuple[str, Callable[[], object]], ...] = (
            ("finding a handle", lambda: store.has(tmk)),
            ("unsealing a key for its check value", lambda: store.kcv(tmk)),
        )
        spent = [(title, [_microseconds(call) for _ in range(size.rounds)]) for title, call in steps]
        bound = statistics.median(_microseconds(bare) for _ in range(size.rounds))
    return [row(title, values, "us", "a bare UnionPay MAC of 405 bytes", bound, aim=None) for title, values in spent]


def _microseconds(call: Callable[[], object], loops: int = 200) -> float:
    began = time.perf_counter_ns()
    for _ in range(loops):
        call()
    return (time.perf_counter_ns() - began) / loops / 1000
