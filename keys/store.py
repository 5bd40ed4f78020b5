"""The key store: what may be done with each key, and nothing else.

A key has one use: the TMK only unwraps working keys, the PIK only encrypts PIN blocks, the MAK only
authenticates, the TDK only encrypts tracks, a batch's key only seals that batch's data (the table is in
`usage`). Any other pair of operation and key raises KeyRefused. Clear keys exist only inside one call, in
bytearrays that are wiped before it returns.

Spec: PCI PIN Security requirements 18, 19; docs/host-link.md §4, §7; ISO 9564-1 §9.3.2.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from pathlib import Path

from keys import mac as ecb_mac
from keys import pin as pin_blocks
from keys import tdes
from keys.errors import KeyRefused
from keys.loading import KeyLayout, unwrap_working_keys
from keys.refs import WORKING_KEYS, KeyRef, Usage
from keys.testkeys import TEST_TMK
from keys.track import encrypt_track
from keys.usage import Operation, check
from keys.vault import DEVICE_KEY_BYTES, NONCE_BYTES, TAG_BYTES, Label, Vault, gcm_open, gcm_seal

TMK = KeyRef(Usage.TMK)
IS_TEST = 1  # A record's flag: the key is published.
BATCH_LIMIT = 0xFFFF_FFFF  # A record's slot has four bytes.

# Key block codes of algorithm and mode of use (X9.143 §6.3): T TDES, A AES; B both ways, C MAC, D decrypt, E
# encrypt.
_CODES = {Usage.TMK: ("T", "D"), Usage.PIK: ("T", "E"), Usage.MAK: ("T", "C"), Usage.TDK: ("T", "E")}
_BATCH_USAGE = "10"  # Numbers are free for one's own uses.


def _label(ref: KeyRef) -> Label:
    algorithm, mode = _CODES[ref.usage]
    return Label(ref.usage.value, algorithm, mode, ref.slot)


_WORKING = tuple(_label(ref) for ref in WORKING_KEYS)


def _batch_label(batch: int) -> Label:
    if not 0 < batch <= BATCH_LIMIT:
        raise ValueError("a batch is a whole number above 0")
    return Label(_BATCH_USAGE, "A", "B", batch)


class KeyStore:
    """Keys by reference. Each change is durable on return; a kill leaves the old state or the new."""

    def __init__(self, vault: Vault, *, terminal_id: str, random: Callable[[int], bytes]) -> None:
        self._vault = vault
        self._terminal_id = terminal_id
        self._random = random

    @classmethod
    def open(cls, folder: Path, *, terminal_id: str, random: Callable[[int], bytes] = os.urandom) -> KeyStore:
        """The store in `folder`, made if it is not there.

        Raises KeyRefused for loose permissions, another terminal's store, and a store that was tampered with.
        """
        return cls(Vault(folder, terminal_id=terminal_id, random=random), terminal_id=terminal_id, random=random)

    def __repr__(self) -> str:
        held = " ".join(f"{r.label.usage}/{r.label.slot}" for r in self._vault.records)
        return f"KeyStore({self._terminal_id}: {held or 'empty'})"

    # What is held.

    def has(self, ref: KeyRef) -> bool:
        return self._vault.find(_label(ref)) is not None

    def kcv(self, ref: KeyRef) -> str:
        """The check value, 8 hex digits. Raises KeyRefused when there is no such key."""
        key = self._open(ref, ref.usage, Operation.CHECK_VALUE)
        try:
            return tdes.check_value(key).hex().upper()
        finally:
            tdes.wipe(key)

    @property
    def is_test(self) -> bool:
        """Whether the TMK is the published one."""
        record = self._vault.find(_label(TMK))
        return record is not None and bool(record.flags & IS_TEST)

    def working_keys_ready(self) -> bool:
        """PIK and MAK are there (a TDK only when the sign-in's layout has one)."""
        return self.has(KeyRef(Usage.PIK)) and self.has(KeyRef(Usage.MAK))

    # Loading.

    def load_test_tmk(self) -> None:
        """Take the published test key as TMK; working keys under another are discarded in the same step."""
        key = bytearray(TEST_TMK)
        try:
            self._vault.put([(_label(TMK), IS_TEST, key)], replacing=_WORKING)
        finally:
            tdes.wipe(key)

    def activate_working_keys(self, block: bytes, layout: KeyLayout) -> None:
        """Take all keys of a sign-in's F62, in one durable step.

        Raises KcvMismatch (naming the key) or KeyRefused; then no working key is left, old or new, and the
        terminal is not signed in (docs/host-link.md §4).
        """
        tmk = self._open(TMK, Usage.TMK, Operation.UNWRAP_KEY)
        try:
            fresh = unwrap_working_keys(tmk, block, layout)
        except KeyRefused:
            self.discard_working_keys()
            raise
        finally:
            tdes.wipe(tmk)
        try:
            # A TDK of an earlier sign-in must not outlive its PIK and MAK.
            self._vault.put([(_label(KeyRef(key.usage)), 0, key.key) for key in fresh], replacing=_WORKING)
        finally:
            for key in fresh:
                key.wipe()

    def discard_working_keys(self) -> None:
        self._vault.drop(_WORKING)

    # Using.

    def pin_block(self, ref: KeyRef, pin: pin_blocks.Pin, pan: str) -> bytes:
        """The encrypted format 0 block, 8 bytes. The PIN stays the caller's to wipe. Raises KeyRefused."""
        key = self._open(ref, Usage.PIK, Operation.ENCRYPT_PIN)
        clear = bytearray(8)
        try:
            clear = pin_blocks.format0(pin, pan)
            return bytes(tdes.encrypt_ecb(key, clear))
        finally:
            tdes.wipe(clear)
            tdes.wipe(key)

    def mac(self, ref: KeyRef, data: bytes) -> bytes:
        """The UnionPay ECB MAC of `data`: 8 ASCII hex characters. Raises KeyRefused."""
        key = self._open(ref, Usage.MAK, Operation.MAKE_MAC)
        try:
            return ecb_mac.unionpay_mac(key, data)
        finally:
            tdes.wipe(key)

    def mac_ok(self, ref: KeyRef, data: bytes, mac: bytes) -> bool:
        """Whether `mac` is the MAC of `data`, compared in constant time. Raises KeyRefused without a MAK."""
        return hmac.compare_digest(self.mac(ref, data), mac)

    def encrypt_track(self, ref: KeyRef, track: str) -> str:
        """Track 2 or 3 with its eight bytes under the TDK, in hex digits. Raises KeyRefused."""
        key = self._open(ref, Usage.TDK, Operation.ENCRYPT_DATA)
        try:
            return encrypt_track(key, track)
        finally:
            tdes.wipe(key)

    # Sealing.

    def seal(self, batch: int, context: bytes, clear: bytes) -> bytes:
        """Seal data that lives as long as its batch: nonce, cipher text, tag. `context` is bound to it.

        The batch's key is made, durably, on first use.
        """
        key = self._batch_key(batch)
        try:
            nonce = self._random(NONCE_BYTES)
            return nonce + gcm_seal(key, nonce, clear, self._bound(batch, context))
        finally:
            tdes.wipe(key)

    def unseal(self, batch: int, context: bytes, sealed: bytes) -> bytes:
        """The sealed data. Raises KeyRefused, alike for a settled batch, another context and tampering."""
        record = self._vault.find(_batch_label(batch))
        if record is None or len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise KeyRefused("the sealed data does not open")
        key = self._vault.open_record(record)
        try:
            nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return bytes(gcm_open(key, nonce, rest, self._bound(batch, context)))
        except KeyRefused:
            raise KeyRefused("the sealed data does not open") from None
        finally:
            tdes.wipe(key)

    def destroy_batch(self, batch: int) -> None:
        """The batch is settled: forget its key, so that what it sealed is dead. Repeating changes nothing."""
        self._vault.drop((_batch_label(batch),))

    def zeroise(self) -> None:
        """Destroy everything, the device key first. A kill in between is finished at the next opening."""
        self._vault.zeroise()

    # Inside.

    def _open(self, ref: KeyRef, wanted: Usage, operation: Operation) -> bytearray:
        """The clear key, which the caller wipes. Raises KeyRefused for a wrong use or a missing key."""
        if ref.usage is not wanted:
            raise KeyRefused(f"a {ref.usage.name} may not do the work of a {wanted.name}")
        check(ref.usage.value, *_CODES[ref.usage], operation)
        record = self._vault.find(_label(ref))
        if record is None:
            raise KeyRefused(f"there is no {ref.usage.name}")
        return self._vault.open_record(record)

    def _batch_key(self, batch: int) -> bytearray:
        return self._vault.open_record(self._vault.find_or_make(_batch_label(batch), DEVICE_KEY_BYTES))

    def _bound(self, batch: int, context: bytes) -> bytes:
        return b"zhanggui seal 1\x00" + batch.to_bytes(4, "big") + self._terminal_id.encode("utf-8") + b"\x00" + context
