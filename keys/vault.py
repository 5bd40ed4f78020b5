"""Key records at rest: one file of AES-256-GCM records under a device key, replaced whole or not at all.

`device.key` (32 random bytes) and `records` lie in a folder that only its owner may enter. Each record's
header (usage, algorithm, mode, version, flags, slot) and the terminal's number are its associated data, so
that a record cannot be moved to another role or another terminal; a tag over the whole file shows a record
taken away or put back. A file is written beside the old one, synced, renamed, and the folder is synced: a
kill at any moment leaves the old state or the new one. Working keys therefore become active together.

What this cannot show: a copy of the whole storage put back later (there is no hardware counter). A thief of
the whole storage has the device key as well, unless `device_key` joins it with something that is not stored.
Overwriting flash destroys nothing for certain; the device key goes first.

The file: "ZGK1", count (2 bytes), records, nonce 12 and tag 16 over all before. A record: usage 2 (ASCII),
algorithm 1, mode 1, version 1, flags 1, slot 4, nonce 12, length 2, cipher text with its tag of 16.
"""

from __future__ import annotations

import os
import stat
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from keys import tdes
from keys.device_key import DEVICE_KEY_BYTES, DeviceKeySource, FileOnly
from keys.errors import KeyRefused

DEVICE_KEY = "device.key"
DEAD_KEY = "device.key.dead"
RECORDS = "records"
NONCE_BYTES = 12
TAG_BYTES = 16
RECORD_LIMIT = 64  # The TMK, three working keys and a key for each batch not yet settled: a handful.
KEY_LIMIT_BYTES = 2_400  # The largest secret: an RSA key of 4096 bits has 2376 as PKCS #8, DUKPT's registers 1175.
FILE_LIMIT_BYTES = 163_840  # RECORD_LIMIT records of the largest size, and their headers.
VERSION = 1
IS_TEST = 1  # A record's flag: the key is published.

_MAGIC = b"ZGK1"
_HEADER = struct.Struct(">2sccBBI")
_LENGTH = struct.Struct(">H")
_REFUSED = "the stored keys do not open"

Place: TypeAlias = tuple[str, int]  # Usage and slot: where at most one key is.


@dataclass(frozen=True, slots=True)
class Label:
    """What a record is, in the clear and bound to it. `usage`, `algorithm` and `mode` are key block codes."""

    usage: str
    algorithm: str
    mode: str
    slot: int

    @property
    def place(self) -> Place:
        return self.usage, self.slot


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """One sealed key."""

    label: Label
    flags: int
    nonce: bytes
    sealed: bytes

    def __repr__(self) -> str:
        return f"Record({self.label.usage}/{self.label.slot})"

    def header(self) -> bytes:
        label = self.label
        codes = (label.usage.encode("ascii"), label.algorithm.encode("ascii"), label.mode.encode("ascii"))
        return _HEADER.pack(*codes, VERSION, self.flags, label.slot)


class Vault:
    """The folder's one owner; two processes must not open one folder (the journal's lock sees to it).

    Only sealed records stay in memory; the device key is read for each use and wiped. The journal's thread
    seals while the loop's thread signs in, so changes are made one at a time; readers take the records as
    they stand.
    """

    def __init__(
        self,
        folder: Path,
        *,
        terminal_id: str,
        random: Callable[[int], bytes],
        device: DeviceKeySource | None = None,
    ) -> None:
        """Open or make the folder. Raises KeyRefused: loose permissions, or records that do not open."""
        self._folder = folder
        self._device_key_path = folder / DEVICE_KEY
        self._owner = terminal_id.encode("utf-8")
        self._random = random
        self._device = device or FileOnly()
        self._records: tuple[Record, ...] = ()
        self._changing = threading.RLock()
        self._prepare()
        self._records = self._read()

    @property
    def records(self) -> tuple[Record, ...]:
        return self._records

    def find(self, place: Place) -> Record | None:
        return next((record for record in self._records if record.label.place == place), None)

    def open_record(self, record: Record) -> bytearray:
        """The clear key, which the caller wipes. Raises KeyRefused, the same for every reason."""
        device_key = self._device_key()
        try:
            return gcm_open(device_key, record.nonce, record.sealed, record.header() + self._owner)
        finally:
            tdes.wipe(device_key)

    def put(self, secrets: Iterable[tuple[Label, int, bytearray]], *, replacing: Sequence[Place] = ()) -> None:
        """Seal (label, flags, key) records in one durable step; what was in their places and in `replacing` is gone."""
        with self._changing:
            device_key = self._device_key()
            try:
                fresh = tuple(self._seal(device_key, label, flags, key) for label, flags, key in secrets)
            finally:
                tdes.wipe(device_key)
            gone = {record.label.place for record in fresh} | set(replacing)
            self._replace(tuple(record for record in self._records if record.label.place not in gone) + fresh)

    def find_or_make(self, label: Label, size: int) -> Record:
        """The record, or a new one over `size` random bytes that is durable when this returns.

        The random source gives `bytes`, so a new key has one short-lived copy that cannot be wiped.
        """
        with self._changing:
            if self.find(label.place) is None:
                key = bytearray(self._random(size))
                try:
                    self.put([(label, 0, key)])
                finally:
                    tdes.wipe(key)
            found = self.find(label.place)
        if found is None:
            raise KeyRefused(_REFUSED)
        return found

    def drop(self, places: Sequence[Place]) -> None:
        """Remove records in one durable step; none of them being there is fine."""
        with self._changing:
            kept = tuple(record for record in self._records if record.label.place not in places)
            if len(kept) != len(self._records):
                self._replace(kept)

    def zeroise(self) -> None:
        """Destroy the device key, then the records. A kill in between is finished at the next opening."""
        with self._changing:
            self._records = ()
            if (self._folder / DEVICE_KEY).exists():
                os.replace(self._folder / DEVICE_KEY, self._folder / DEAD_KEY)
                self._sync_folder()
            self._finish_zeroise()
            self._make_device_key()

    # Inside.

    def _seal(self, device_key: bytearray, label: Label, flags: int, key: bytearray) -> Record:
        nonce = self._random(NONCE_BYTES)
        draft = Record(label, flags, nonce, b"")
        return Record(label, flags, nonce, gcm_seal(device_key, nonce, key, draft.header() + self._owner))

    def _prepare(self) -> None:
        if not self._folder.exists():
            self._folder.mkdir(mode=0o700, parents=True)
        self._check_private(self._folder, 0o700)
        for leftover in (DEVICE_KEY + ".new", RECORDS + ".new"):
            (self._folder / leftover).unlink(missing_ok=True)  # A kill came before the rename: it never was.
        if (self._folder / DEAD_KEY).exists():
            self._finish_zeroise()
        if not (self._folder / DEVICE_KEY).exists():
            (self._folder / RECORDS).unlink(missing_ok=True)  # Without the device key they are noise for ever.
            self._make_device_key()

    def _check_private(self, path: Path, wanted: int) -> None:
        _refuse_shared(path.stat(), path, wanted)

    def _make_device_key(self) -> None:
        self._write(DEVICE_KEY, self._random(DEVICE_KEY_BYTES))

    def _finish_zeroise(self) -> None:
        for name in (DEAD_KEY, RECORDS):
            path = self._folder / name
            if path.exists():
                with path.open("r+b") as file:
                    file.write(self._random(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
                self._sync_folder()

    def _device_key(self) -> bytearray:
        half = self._file_half()
        try:
            return self._device.device_key(half)
        finally:
            tdes.wipe(half)

    def _file_half(self) -> bytearray:
        path = self._device_key_path
        key, more = bytearray(DEVICE_KEY_BYTES), bytearray(1)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _refuse_shared(os.fstat(descriptor), path, 0o600)
                count = os.readv(descriptor, [key, more])
            finally:
                os.close(descriptor)
        except OSError:
            raise KeyRefused(_REFUSED) from None
        if count != DEVICE_KEY_BYTES:
            tdes.wipe(key)
            raise KeyRefused(_REFUSED)
        return key

    def _read(self) -> tuple[Record, ...]:
        path = self._folder / RECORDS
        if not path.exists():
            return ()
        self._check_private(path, 0o600)
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT_BYTES + 1)
        device_key = self._device_key()
        try:
            body, nonce, tag = data[:-28], data[-28:-TAG_BYTES], data[-TAG_BYTES:]
            gcm_open(device_key, nonce, tag, body + self._owner)
        finally:
            tdes.wipe(device_key)
        return _parse(body)

    def _replace(self, records: tuple[Record, ...]) -> None:
        if len(records) > RECORD_LIMIT:
            raise KeyRefused(f"the store holds at most {RECORD_LIMIT} keys")
        body = _MAGIC + _LENGTH.pack(len(records))
        for record in records:
            if len(record.sealed) > KEY_LIMIT_BYTES + TAG_BYTES:
                raise KeyRefused(f"a key has at most {KEY_LIMIT_BYTES} bytes")
            body += record.header() + record.nonce + _LENGTH.pack(len(record.sealed)) + record.sealed
        nonce = self._random(NONCE_BYTES)
        device_key = self._device_key()
        try:
            tag = gcm_seal(device_key, nonce, bytearray(), body + self._owner)
        finally:
            tdes.wipe(device_key)
        self._write(RECORDS, body + nonce + tag)
        self._records = records

    def _write(self, name: str, data: bytes) -> None:
        """Write beside, sync, rename, sync the folder. Raises OSError when the storage fails."""
        fresh = self._folder / (name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._folder / name)
        self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refuse_shared(found: os.stat_result, path: Path, wanted: int) -> None:
    """Raise KeyRefused for what others may read, or own."""
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        raise KeyRefused(f"{path} must belong to this user alone: chmod {wanted:o} {path}")


def _parse(body: bytes) -> tuple[Record, ...]:
    """The records of a file whose tag is good. Raises KeyRefused for another version."""
    if body[:4] != _MAGIC:
        raise KeyRefused(_REFUSED)
    (count,) = _LENGTH.unpack_from(body, 4)
    offset = 4 + _LENGTH.size
    records: list[Record] = []
    for _ in range(min(count, RECORD_LIMIT)):
        usage, algorithm, mode, version, flags, slot = _HEADER.unpack_from(body, offset)
        if version != VERSION:
            raise KeyRefused(_REFUSED)
        offset += _HEADER.size
        nonce = body[offset : offset + NONCE_BYTES]
        (length,) = _LENGTH.unpack_from(body, offset + NONCE_BYTES)
        offset += NONCE_BYTES + _LENGTH.size
        label = Label(usage.decode("ascii"), algorithm.decode("ascii"), mode.decode("ascii"), slot)
        records.append(Record(label, flags, nonce, body[offset : offset + length]))
        offset += length
    return tuple(records)


def gcm_seal(key: bytearray, nonce: bytes, clear: bytes | bytearray, bound: bytes) -> bytes:
    """AES-256-GCM: cipher text and tag. `bound` is authenticated, not stored."""
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(bound)
    return encryptor.update(clear) + encryptor.finalize() + encryptor.tag


def gcm_open(key: bytearray, nonce: bytes, sealed: bytes, bound: bytes) -> bytearray:
    """The clear bytes, which the caller wipes. Raises KeyRefused, the same for every reason."""
    cipher_text, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    if len(nonce) != NONCE_BYTES or len(tag) != TAG_BYTES:
        raise KeyRefused(_REFUSED)
    clear = bytearray(len(cipher_text) + 15)  # update_into asks for the room of one more block, less a byte.
    decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(bound)
    try:
        decryptor.update_into(cipher_text, clear)
        decryptor.finalize()
    except InvalidTag:
        tdes.wipe(clear)
        raise KeyRefused(_REFUSED) from None
    return tdes.trimmed(clear, len(cipher_text))
