"""What the stored keys rest under: a file's half, alone or joined with something that is not on the card.

The vault keeps 32 random bytes in `device.key` and asks a `DeviceKeySource` what the device key is. By default it is
that file, and then a copy of the whole card opens anywhere. `PiOtp` joins it with 32 bytes of a Raspberry Pi's
one-time programmable memory, so that a copied card opens on that board only. A TPM would be one more such class.

None of them stops a program that runs as root on the board: it reads what we read. None notices that an older copy of
the whole card was put back, since neither memory counts. To zeroise, the file's half is destroyed: without it the
other half opens nothing.

The OTP must be programmed once, by hand, with random bytes (`rpi-otp-private-key -w`); an empty one is refused. Its
rows are read through the kernel's nvmem file, as the user that the terminal runs as must be allowed to. The file's
place depends on the kernel's version and device tree, so it is a setting. Tried with a file of that shape only, never
on hardware.

Spec: RFC 5869 (HKDF). The OTP: the vendor's documentation of the device-specific private key, rows 56 to 63 on
boards before the Pi 5.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keys import tdes
from keys.errors import KeyRefused

DEVICE_KEY_BYTES = 32
OTP_BYTES = 32
OTP_FILE = Path("/sys/bus/nvmem/devices/nvmem_priv0/nvmem")
_INFO = b"zhanggui device key 1"


class DeviceKeySource(Protocol):
    """Where the device key comes from."""

    def device_key(self, half: bytearray) -> bytearray:
        """The key, 32 bytes, that belongs to the file's half; the caller wipes both. Raises KeyRefused."""


class FileOnly:
    """The file is the device key."""

    def device_key(self, half: bytearray) -> bytearray:
        key = bytearray(len(half))
        memoryview(key)[:] = half
        return key


class PiOtp:
    """The file and a board's OTP are, together. `path` is the nvmem file of its private rows."""

    def __init__(self, path: Path = OTP_FILE) -> None:
        self._path = path

    def device_key(self, half: bytearray) -> bytearray:
        both, key = bytearray(len(half) + OTP_BYTES), bytearray(DEVICE_KEY_BYTES)
        view = memoryview(both)
        try:
            view[: len(half)] = half
            self._read(view[len(half) :])
            # Two secrets of fixed length in a row; as a salt, either would have to be a copy that cannot be wiped.
            HKDF(hashes.SHA256(), DEVICE_KEY_BYTES, None, _INFO).derive_into(both, key)
        finally:
            tdes.wipe(both)
        return key

    def _read(self, otp: memoryview) -> None:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                count = os.readv(descriptor, [otp])
            finally:
                os.close(descriptor)
        except OSError as fault:
            raise KeyRefused(
                f"the board's OTP cannot be read at {self._path} ({fault.strerror}): give this user the right to,"
                ' or set device_key = "file" on a new store'
            ) from None
        if count != OTP_BYTES:
            raise KeyRefused(f"{self._path} has {count} bytes, not {OTP_BYTES}: it is not the OTP's private rows")
        if not any(otp):
            raise KeyRefused("the board's OTP is empty: program it once, with 32 random bytes")
