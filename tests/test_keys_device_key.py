"""What stored keys rest under: a file, or a file and a board's one-time memory together; and what else is not taken."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
from pathlib import Path

import pytest

from keys import KeyRef, KeyRefused, KeyStore, Usage
from keys.device_key import DeviceKeySource, FileOnly, PiOtp
from keys.usage import Algorithm, Mode
from keys.vault import KEY_LIMIT_BYTES, RECORD_LIMIT, Label, Vault
from terminal.assembly import open_keys
from terminal.config import ConfigErrors, parse_config
from terminal.journal import Journal

TMK = KeyRef(Usage.TMK)


def board(folder: Path, name: str = "board") -> Path:
    """A board's OTP, as the kernel shows it."""
    path = folder / name
    path.write_bytes(hashlib.sha256(name.encode()).digest())
    return path


def opened(folder: Path, device: DeviceKeySource) -> KeyStore:
    return KeyStore.open(folder / "keys", terminal_id="10000001", device=device)


def test_a_copied_card_opens_on_its_own_board_only(tmp_path: Path) -> None:
    device = PiOtp(board(tmp_path))
    opened(tmp_path, device).load_test_tmk()
    assert opened(tmp_path, device).kcv(TMK) == "08D7B4FB"
    shutil.copytree(tmp_path / "keys", tmp_path / "copy" / "keys")
    for other in (PiOtp(board(tmp_path, "another board")), FileOnly()):
        with pytest.raises(KeyRefused, match="^the stored keys do not open$"):
            opened(tmp_path / "copy", other)
    assert opened(tmp_path / "copy", device).is_test


def test_both_halves_count_by_hkdf(tmp_path: Path) -> None:
    """RFC 5869, written out: extract with a salt of zeros, expand by one block."""
    otp, half = board(tmp_path), bytearray(os.urandom(32))
    extracted = hmac.digest(bytes(32), bytes(half) + otp.read_bytes(), "sha256")
    assert PiOtp(otp).device_key(half) == hmac.digest(extracted, b"zhanggui device key 1\x01", "sha256")


def test_zeroising_needs_the_files_half_only(tmp_path: Path) -> None:
    device = PiOtp(board(tmp_path))
    store = opened(tmp_path, device)
    store.load_test_tmk()
    records = (tmp_path / "keys" / "records").read_bytes()
    store.zeroise()
    (tmp_path / "keys" / "records").write_bytes(records)
    (tmp_path / "keys" / "records").chmod(0o600)
    with pytest.raises(KeyRefused, match="do not open"):
        opened(tmp_path, device)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read"), (b"", "has 0 bytes"), (bytes(31), "has 31 bytes"), (bytes(32), "program it once")],
)
def test_an_otp_that_is_none_is_told_with_the_remedy(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "otp"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyRefused, match=told):
        opened(tmp_path, PiOtp(path)).load_test_tmk()


def test_the_configuration_chooses_and_allows(tmp_path: Path) -> None:
    otp = board(tmp_path)
    journal = Journal.open(None, wall_ms=lambda: 1_798_000_000_000)
    text = f'[general]\ndata = "{tmp_path}"\n[keys]\n'
    plain = parse_config(text + f'device_key = "pi-otp"\notp = "{otp}"\n')
    real = parse_config(text + f'device_key = "pi-otp"\notp = "{otp}"\nreal_keys = true\n')
    key = bytearray(os.urandom(16))
    with pytest.raises(KeyRefused, match="real_keys is false"):
        open_keys(plain, journal).load_key(TMK, key, Algorithm.TDES, Mode.DECRYPT)
    open_keys(real, journal).load_key(TMK, key, Algorithm.TDES, Mode.DECRYPT)
    assert not open_keys(real, journal).is_test
    with pytest.raises(KeyRefused, match="no published test key"):
        open_keys(plain, journal)
    with pytest.raises(KeyRefused, match="do not open"):
        open_keys(parse_config(text + "real_keys = true\n"), journal)
    with pytest.raises(ConfigErrors, match=r"keys\.device_key"):
        parse_config('[keys]\ndevice_key = "tpm"\n')


def test_a_store_of_before_still_opens(tmp_path: Path) -> None:
    """Records as they were written when a single-length MAK was labelled TDES."""
    vault = Vault(tmp_path / "keys", terminal_id="10000001", random=os.urandom)
    tmk = bytearray.fromhex("0123456789ABCDEFFEDCBA9876543210")
    pik, mak = bytearray.fromhex("1A2B3C4D5E6F70818293A4B5C6D7E8F9"), bytearray.fromhex("C24A8FB57AA20123")
    vault.put([(Label("K0", "T", "D", 0), 1, tmk), (Label("P0", "T", "E", 0), 0, pik)])
    vault.put([(Label("M0", "T", "C", 0), 0, mak)])
    store = opened(tmp_path, FileOnly())
    assert store.is_test and store.working_keys_ready()
    # The last step of vector mac-1.
    data = bytes.fromhex("4D08F434464FE7BF")
    assert store.mac(KeyRef(Usage.MAK), data) == b"8A9E91B8"
    assert store.kcv(KeyRef(Usage.MAK)) == "0547DB3E"


def test_the_vaults_limits(tmp_path: Path) -> None:
    """As many keys of the largest size as there may be can be written, and read again."""
    vault = Vault(tmp_path / "keys", terminal_id="10000001", random=os.urandom)
    full = [(Label("D0", "T", "E", slot), 0, bytearray(KEY_LIMIT_BYTES)) for slot in range(RECORD_LIMIT)]
    vault.put(full)
    assert len(Vault(tmp_path / "keys", terminal_id="10000001", random=os.urandom).records) == RECORD_LIMIT
    with pytest.raises(KeyRefused, match="at most"):
        vault.put([(Label("D0", "T", "E", RECORD_LIMIT), 0, bytearray(1))])
    with pytest.raises(KeyRefused, match="at most"):
        vault.put([(Label("D0", "T", "E", 0), 0, bytearray(KEY_LIMIT_BYTES + 1))])
    assert len(vault.records) == RECORD_LIMIT
