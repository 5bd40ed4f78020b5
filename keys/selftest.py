"""Known answers for every primitive that the key room uses, for the boot screen and once a day.

Spec: PCI PTS POI requirement B1. Vectors: the GCM submission's test case 14; the host link's public worked
examples (docs/host-link.md §7); the published test key's check value.
"""

from __future__ import annotations

import os

from keys import mac, pin, tdes
from keys.errors import KeyRefused
from keys.vault import gcm_open, gcm_seal


def run() -> tuple[tuple[str, bool], ...]:
    """(name, passed) of each check; about a millisecond; touches no file."""
    checks = (
        ("3DES", _tdes),
        ("AES-GCM", _gcm),
        ("MAC", _mac),
        ("PIN", _pin),
        ("random", _random),
    )
    return tuple((name, check()) for name, check in checks)


def _tdes() -> bool:
    # The published test key's check value, and the way back.
    key = bytearray.fromhex("0123456789ABCDEFFEDCBA9876543210")
    block = bytes.fromhex("08D7B4FB629D0885")
    return tdes.encrypt_ecb(key, bytes(8)) == block and tdes.decrypt_ecb(key, block) == bytes(8)


def _gcm() -> bool:
    # GCM test case 14: AES-256, key, nonce and one block all zero.
    key, nonce = bytearray(32), bytes(12)
    sealed = bytes.fromhex("CEA7403D4D606B6E074EC5D3BAF39D18D0D1C8A799996BF0265B98B5D48AB919")
    if gcm_seal(key, nonce, bytes(16), b"") != sealed or gcm_open(key, nonce, sealed, b"") != bytes(16):
        return False
    try:
        gcm_open(key, nonce, sealed, b"moved")
    except KeyRefused:
        return True
    return False


def _mac() -> bool:
    # Vector mac-1 in its last step (single length), and the fold.
    key = bytearray.fromhex("C24A8FB57AA20123")
    return mac.unionpay_mac(key, bytes.fromhex("4D08F434464FE7BF")) == b"8A9E91B8"


def _pin() -> bool:
    entered = pin.Pin.of("123456")
    return pin.format0(entered, "1234567890123456") == bytes.fromhex("0612713176FEDCBA")


def _random() -> bool:
    """Catches a random source that stands still, nothing subtler."""
    return os.urandom(16) != os.urandom(16)
