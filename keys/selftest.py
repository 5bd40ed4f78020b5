"""Known answers for every primitive that the key room uses, for the boot screen and once a day.

Spec: PCI PTS POI requirement B1. Vectors: the GCM submission's test case 14; the host link's public worked
examples (docs/host-link.md §7); the published test key's check value; SP 800-38B (CMAC); GB/T 32907-2016 Annex A
(SM4); X9.24-1:2009 Annex A.4 (DUKPT); TR-31:2018 A.7.4 (key block D).
"""

from __future__ import annotations

import os

from keys import blocks, ciphers, dukpt_tdes, mac, pin, tdes
from keys.dukpt import FutureKeys
from keys.errors import KeyRefused
from keys.ksn import TDES_KSN, Ksn
from keys.usage import Algorithm
from keys.vault import gcm_open, gcm_seal


def run() -> tuple[tuple[str, bool], ...]:
    """(name, passed) of each check; two milliseconds; touches no file."""
    checks = (
        ("3DES", _tdes),
        ("AES-GCM", _gcm),
        ("AES-CMAC", _cmac),
        ("SM4", _sm4),
        ("MAC", _mac),
        ("PIN", _pin),
        ("DUKPT", _dukpt),
        ("key block", _block),
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


def _cmac() -> bool:
    # SP 800-38B Appendix D.1, example 2: one whole block.
    key = bytearray.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    data = bytes.fromhex("6BC1BEE22E409F96E93D7E117393172A")
    return ciphers.cmac(Algorithm.AES, key, data) == bytes.fromhex("070A16B46B4D4144F79BDD9DD04A287C")


def _sm4() -> bool:
    # GB/T 32907-2016 Annex A.1, and the way back.
    key = bytearray.fromhex("0123456789ABCDEFFEDCBA9876543210")
    block = bytes.fromhex("681EDF34D206965E86B3E94F536E4246")
    there = ciphers.encrypt_ecb(Algorithm.SM4, key, bytes(key))
    return there == block and ciphers.decrypt_ecb(Algorithm.SM4, key, block) == key


def _dukpt() -> bool:
    # X9.24-1:2009 Annex A.4, the third transaction: the host's way and the registers' come to one key.
    ksn = Ksn.parse(TDES_KSN, bytes.fromhex("FFFF9876543210E00003"))
    initial = bytearray.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
    expected = bytes.fromhex("0DF3D9422ACA56E547676D07AD6BADFA")
    future = FutureKeys.plant(dukpt_tdes.TdesScheme(ksn), initial)
    future.skip_to(2)
    counter, key = future.take()
    return counter == 3 and key == expected == dukpt_tdes.transaction_key(initial, ksn)


def _block() -> bool:
    # TR-31:2018 A.7.4; a changed header does not open.
    kbpk = bytearray.fromhex("88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6")
    text = (
        "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A2"
        "7E8E31DA05F7425509593D03A457DC34"
    )
    opened = blocks.unwrap(kbpk, text)
    good = opened.key == bytes.fromhex("3F419E1CB7079442AA37474C2EFBF8B8")
    try:
        blocks.unwrap(kbpk, text[:11] + "N" + text[12:])
    except KeyRefused:
        return good
    return False


def _random() -> bool:
    """Catches a random source that stands still, nothing subtler."""
    return os.urandom(16) != os.urandom(16)
