"""The key store: what may be done with each key, and nothing else.

A key has one use: the TMK only unwraps working keys, the PIK only encrypts PIN blocks, the MAK only authenticates,
the TDK only encrypts tracks, a batch's key only seals that batch's data. Its algorithm and how far the use goes are
said by its own record's label, and `usage.check` is asked before a key is opened: any other pair of operation and
key raises KeyRefused. Clear keys exist only inside one call, in bytearrays that are wiped before it returns.

There is no way out: the store wraps nothing and gives no key away, but for those of a wallet's contract, which
`contracts` lends. What it takes, `intake` says; with `test_only` it takes published keys and no others.

Calls may come from two threads, the keys' and the journal's; the vault and DUKPT each have a lock.

Spec: PCI PIN Security requirements 18, 19; docs/host-link.md §4, §7; ISO 9564-1 §9.3.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from keys import blocks, intake, mac_methods, pin_formats, tdes, usage
from keys import pin as pin_blocks
from keys.components import Ceremony
from keys.contracts import ContractRoom
from keys.device_key import DEVICE_KEY_BYTES, DeviceKeySource
from keys.dukpt import Counters
from keys.dukpt_handle import (
    DukptRoom,
    DukptTransaction,
    DukptUse,
    initial_ksn,
    is_published_initial,
    published_initial,
)
from keys.dukpt_messages import DukptMessages
from keys.errors import KeyRefused
from keys.loading import KeyLayout, KeyScheme, check_value, unwrap_tmk
from keys.mac_methods import MacMethod
from keys.pin_formats import ONLINE, PinFormat
from keys.refs import MAC_USAGES, MASTER_USAGES, KeyRef, Usage, working_keys
from keys.testkeys import TEST_TMK, TEST_TMK_TRIPLE, is_published
from keys.track import encrypt_track
from keys.usage import Algorithm, Mode, Operation
from keys.vault import IS_TEST, NONCE_BYTES, TAG_BYTES, Label, Record, Vault, gcm_open, gcm_seal

TMK = KeyRef(Usage.TMK)
INITIAL_KEY = KeyRef(Usage.INITIAL_KEY)
BATCH_LIMIT = 0xFFFF_FFFF  # A record's slot has four bytes.
MAC_BYTES_MIN = 4

_BATCH_USAGE = "10"  # Numbers are free for one's own uses.


def _batch_label(batch: int) -> Label:
    if not 0 < batch <= BATCH_LIMIT:
        raise ValueError("a batch is a whole number above 0")
    return Label(_BATCH_USAGE, "A", "B", batch)


class KeyStore:
    """Keys by reference. Each change is durable on return; a kill leaves the old state or the new."""

    def __init__(
        self,
        vault: Vault,
        *,
        terminal_id: str,
        random: Callable[[int], bytes],
        test_only: bool = True,
        counters: Counters | None = None,
    ) -> None:
        self._vault = vault
        self._terminal_id = terminal_id
        self._random = random
        self._test_only = test_only
        self._dukpt = DukptRoom(vault, counters, random)
        self.messages = DukptMessages(partial(self.next_transaction, INITIAL_KEY))
        self.contracts = ContractRoom(vault, test_only=test_only)
        masters = [r for r in vault.records if r.label.usage in {u.value for u in MASTER_USAGES}]
        if test_only and (self.contracts.holds_own or not all(record.flags & IS_TEST for record in masters)):
            raise KeyRefused(
                "the store holds a key that is no published test key:"
                " allow such keys by name ([keys] real_keys = true), or remove its folder"
            )

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        terminal_id: str,
        random: Callable[[int], bytes] = os.urandom,
        test_only: bool = True,
        counters: Counters | None = None,
        device: DeviceKeySource | None = None,
    ) -> KeyStore:
        """The store in `folder`, made if it is not there. Without `counters` there is no DUKPT.

        Raises KeyRefused for loose permissions, another terminal's store, a store that was tampered with, and with
        `test_only` one that holds any other master key.
        """
        vault = Vault(folder, terminal_id=terminal_id, random=random, device=device)
        return cls(vault, terminal_id=terminal_id, random=random, test_only=test_only, counters=counters)

    def __repr__(self) -> str:
        held = " ".join(f"{r.label.usage}/{r.label.slot}" for r in self._vault.records)
        return f"KeyStore({self._terminal_id}: {held or 'empty'})"

    # What is held.

    def has(self, ref: KeyRef) -> bool:
        return self._vault.find(intake.place(ref)) is not None

    def held(self) -> tuple[KeyRef, ...]:
        """All keys but those of batches, in the order of their usages."""
        places = {record.label.place for record in self._vault.records}
        slots = sorted({slot for code, slot in places if code != _BATCH_USAGE})
        return tuple(KeyRef(use, slot) for use in Usage for slot in slots if (use.value, slot) in places)

    def algorithm(self, ref: KeyRef) -> Algorithm:
        """Raises KeyRefused when there is no such key."""
        return Algorithm(self._record(ref).label.algorithm)

    def kcv(self, ref: KeyRef) -> str:
        """The check value: 8 hex digits, of an AES key 10 (its CMAC). Raises KeyRefused when there is none.

        DUKPT's registers have none, since the initial key is forgotten; nor has an HMAC key.
        """
        if ref.usage is Usage.INITIAL_KEY:
            raise KeyRefused("an initial key is forgotten once it is loaded; it has a KSN")
        algorithm, key = self._open(ref, (ref.usage,), Operation.CHECK_VALUE)
        try:
            if algorithm is Algorithm.AES:
                return blocks.check_value(algorithm, key).hex().upper()
            return check_value(algorithm, key).hex().upper()
        finally:
            tdes.wipe(key)

    def check_values(self) -> tuple[tuple[KeyRef, str], ...]:
        """All keys that have one, with it, for a person to compare."""
        without = (Usage.INITIAL_KEY, Usage.MAC_HMAC)
        return tuple((ref, self.kcv(ref)) for ref in self.held() if ref.usage not in without)

    @property
    def is_test(self) -> bool:
        """Whether the TMK is a published one."""
        return self.is_test_key(TMK)

    def is_test_key(self, ref: KeyRef) -> bool:
        """Whether the key is there and published."""
        record = self._vault.find(intake.place(ref))
        return record is not None and bool(record.flags & IS_TEST)

    def working_keys_ready(self, slot: int = 0) -> bool:
        """PIK and MAK are there (a TDK only when the sign-in's layout has one)."""
        authenticates = (Usage.MAK, Usage.MAC_X9_19)
        return self.has(KeyRef(Usage.PIK, slot)) and any(self.has(KeyRef(use, slot)) for use in authenticates)

    # Loading.

    def load_test_tmk(self, scheme: KeyScheme = KeyScheme.TDES, *, slot: int = 0) -> None:
        """Take the scheme's published test key as TMK; working keys under another are discarded in the same step."""
        key = bytearray(TEST_TMK_TRIPLE if scheme is KeyScheme.TRIPLE else TEST_TMK)
        try:
            self.load_key(KeyRef(Usage.TMK, slot), key, scheme.tmk_algorithm, Mode.DECRYPT, test=True)
        finally:
            tdes.wipe(key)

    def load_test_initial_key(self, serial: bytes, *, slot: int = 0) -> str:
        """Plant the initial key of TDES DUKPT that the published base key gives for this KSN, with counter 0.

        Its check value, for a person: nobody can ask for it afterwards. Raises KeyRefused for another KSN.
        """
        key = published_initial(initial_ksn(Algorithm.TDES, serial))
        try:
            self.load_initial_key(KeyRef(Usage.INITIAL_KEY, slot), key, Algorithm.TDES, serial, test=True)
            return check_value(Algorithm.TDES, key).hex().upper()
        finally:
            tdes.wipe(key)

    def load_key(self, ref: KeyRef, key: bytearray, algorithm: Algorithm, mode: Mode, *, test: bool = False) -> None:
        """Take a clear key, as a ceremony made it; the caller wipes it. A new TMK discards its working keys.

        `test` marks a key of the laboratory that is not in the published list. Raises KeyRefused for usage, algorithm
        and mode that do not go together, for a weak key, one that is kept in another place already, and with
        `test_only` for one that is not published.
        """
        published = is_published(key)
        if self._test_only and not published:
            raise KeyRefused(intake.ONLY_PUBLISHED)
        if ref.usage is Usage.INITIAL_KEY:
            raise KeyRefused("an initial key is loaded with its KSN")
        intake.check_new(self._vault, ref, algorithm, mode, key)
        self._take(ref, algorithm, mode, key, published or test)

    def load_components(self, ref: KeyRef, ceremony: Ceremony) -> None:
        """Take the key of a ceremony that is READY, which ends it; it will unwrap and do nothing else.

        Raises CeremonyRefused, and KeyRefused as `load_key` does.
        """
        key = ceremony.result()
        try:
            self.load_key(ref, key, ceremony.plan.algorithm, Mode.DECRYPT)
        finally:
            tdes.wipe(key)

    def load_initial_key(
        self, ref: KeyRef, key: bytearray, algorithm: Algorithm, ksn: bytes, *, test: bool = False
    ) -> None:
        """Plant DUKPT's initial key; the caller wipes it, and the terminal forgets it. `ksn` has the counter 0.

        Published is what a published base key gives for this KSN. Raises KeyRefused as `load_key` does.
        """
        if ref.usage is not Usage.INITIAL_KEY:
            raise KeyRefused(f"a {ref.usage.name} is no initial key")
        serial = initial_ksn(algorithm, ksn)
        intake.check_new(self._vault, ref, algorithm, Mode.DERIVE, key)
        published = is_published_initial(algorithm, key, serial)
        if self._test_only and not published:
            raise KeyRefused(intake.ONLY_PUBLISHED)
        self._dukpt.load(ref.slot, algorithm, key, serial, IS_TEST if published or test else 0)

    def load_block(self, kbpk: KeyRef, block: str, *, slot: int = 0, ksn: bytes = b"") -> KeyRef:
        """Take the key of a TR-31 key block under a key block protection key; its new handle.

        Usage, algorithm and mode are the block's own, authenticated. An initial key brings its KSN in an optional
        block KS or IK, or in `ksn`. Whether the key may be exported does not matter: nothing leaves this store.
        Raises KeyRefused: alike for whatever keeps a block from opening (another key, a changed character, a key that
        is stronger than its protection), and by name for a key that a terminal does not hold or take.
        """
        algorithm, key = self._open(kbpk, (Usage.KBPK,), Operation.UNWRAP_BLOCK)
        try:
            opened = intake.opened_block(key, algorithm, block)
        finally:
            tdes.wipe(key)
        try:
            # Whoever has the published key can open the block.
            return self.load_unwrapped(opened, slot=slot, ksn=ksn, test=self.is_test_key(kbpk))
        finally:
            opened.wipe()

    def load_unwrapped(
        self, opened: blocks.UnwrappedKey, *, slot: int = 0, ksn: bytes = b"", test: bool = False
    ) -> KeyRef:
        """Take a key that came out of a key block elsewhere, as `load_block` does; the caller wipes it."""
        intake.check_header(opened.header)
        header = opened.header
        ref, algorithm = KeyRef(Usage(header.usage.code), slot), intake.by_length(header.algorithm, opened.key)
        if ref.usage is Usage.INITIAL_KEY:
            told = header.find("IK" if algorithm is Algorithm.AES else "KS")
            serial = bytes.fromhex(told.data) if told else ksn
            if not serial.startswith(ksn[: len(serial)]):
                raise KeyRefused("the key block has another KSN")
            self.load_initial_key(ref, opened.key, algorithm, serial, test=test)
            return ref
        if ref.usage in MASTER_USAGES and self._test_only and not is_published(opened.key):
            raise KeyRefused(intake.ONLY_PUBLISHED)
        intake.check_new(self._vault, ref, algorithm, header.mode_of_use, opened.key)
        self._take(ref, algorithm, header.mode_of_use, opened.key, test)
        return ref

    def activate_working_keys(
        self, block: bytes, layout: KeyLayout, *, mac: MacMethod = MacMethod.UNIONPAY, slot: int = 0
    ) -> None:
        """Take all keys of a sign-in's F62 under the slot's TMK, in one durable step. The MAK is one for `mac`.

        Raises KcvMismatch (naming the key) or KeyRefused; then no working key is left, old or new, and the
        terminal is not signed in (docs/host-link.md §4).
        """
        tmk = KeyRef(Usage.TMK, slot)
        algorithm, key = self._open(tmk, (Usage.TMK,), Operation.UNWRAP_KEY)
        try:
            fresh = intake.sign_in_keys(self._vault, tmk, algorithm, key, block, layout, mac)
        except KeyRefused:
            self.discard_working_keys(slot)
            raise
        finally:
            tdes.wipe(key)
        try:
            taken = []
            for one in fresh:
                ref = KeyRef(mac.usage if one.usage is Usage.MAK else one.usage, slot)
                taken.append((intake.label(ref, one.algorithm, intake.SIGN_IN_MODES[one.usage]), 0, one.key))
            # A TDK of an earlier sign-in must not outlive its PIK and MAK.
            self._vault.put(taken, replacing=[intake.place(ref) for ref in working_keys(slot)])
        finally:
            for one in fresh:
                one.wipe()

    def replace_tmk(self, block: bytes, *, slot: int = 0) -> None:
        """Take a new TMK that comes under the present one, with its check value; working keys are discarded with it.

        Raises KcvMismatch or KeyRefused, and then nothing has changed: the old TMK goes on.
        """
        ref = KeyRef(Usage.TMK, slot)
        algorithm, old = self._open(ref, (Usage.TMK,), Operation.UNWRAP_KEY)
        fresh = bytearray()
        try:
            fresh = unwrap_tmk(old, block, algorithm)
            self.load_key(ref, fresh, algorithm, Mode(self._record(ref).label.mode), test=self.is_test_key(ref))
        finally:
            tdes.wipe(old)
            tdes.wipe(fresh)

    def discard_working_keys(self, slot: int = 0) -> None:
        self._vault.drop([intake.place(ref) for ref in working_keys(slot)])

    # Using.

    def pin_block(
        self,
        ref: KeyRef,
        pin: pin_blocks.Pin,
        pan: str,
        form: PinFormat = PinFormat.ISO_0,
        *,
        without_pan: bool = False,
    ) -> bytes:
        """The encrypted block: 8 bytes, 16 in format 4. The PIN stays the caller's to wipe. Raises KeyRefused.

        `without_pan` permits format 1, which no PAN is bound to: only where the profile asks for it.
        """
        algorithm, key = self._open(ref, (Usage.PIK,), Operation.ENCRYPT_PIN)
        allowed = ONLINE | {PinFormat.ISO_1} if without_pan else ONLINE
        try:
            return pin_formats.encrypt(form, algorithm, key, pin, pan, self._random, allowed=allowed)
        finally:
            tdes.wipe(key)

    def mac(self, ref: KeyRef, data: bytes, method: MacMethod = MacMethod.UNIONPAY) -> bytes:
        """The whole MAC of `data`, the UnionPay one as 8 ASCII hex characters. Raises KeyRefused."""
        return self._mac(ref, data, method, method.make)

    def mac_ok(self, ref: KeyRef, data: bytes, mac: bytes, method: MacMethod = MacMethod.UNIONPAY) -> bool:
        """Whether `mac`, whole or but for UnionPay's its first 4 bytes and more, is the MAC of `data`.

        Compared in constant time. Raises KeyRefused without a key for it.
        """
        made = self._mac(ref, data, method, method.check)
        if method is not MacMethod.UNIONPAY and MAC_BYTES_MIN <= len(mac) <= len(made):
            made = made[: len(mac)]
        return hmac.compare_digest(made, mac)

    def encrypt_track(self, ref: KeyRef, track: str) -> str:
        """Track 2 or 3 with its eight bytes under the TDK, in hex digits. Raises KeyRefused."""
        algorithm, key = self._open(ref, (Usage.TDK,), Operation.ENCRYPT_DATA)
        try:
            return encrypt_track(key, track, algorithm)
        finally:
            tdes.wipe(key)

    # DUKPT.

    def next_transaction(self, ref: KeyRef, *uses: DukptUse) -> DukptTransaction:
        """The next transaction of an initial key, with a key for each use; leave it by `with`, which wipes them.

        Its KSN is spent for good when this returns. Waits for the journal, so never from inside a Commit. Raises
        CounterExhausted; KeyRefused without an initial key; what the journal raises, and then no key was given out.
        """
        if ref.usage is not Usage.INITIAL_KEY:
            raise KeyRefused(f"a {ref.usage.name} may not do the work of a {Usage.INITIAL_KEY.name}")
        return self._dukpt.next_transaction(ref.slot, uses)

    def ksn(self, ref: KeyRef) -> bytes:
        """The KSN of the last transaction; counter 0 before the first. Raises KeyRefused without an initial key."""
        if ref.usage is not Usage.INITIAL_KEY:
            raise KeyRefused(f"a {ref.usage.name} has no KSN")
        return self._dukpt.ksn(ref.slot)

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
        record = self._vault.find(_batch_label(batch).place)
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
        self._vault.drop((_batch_label(batch).place,))

    def zeroise(self) -> None:
        """Destroy everything, the device key first. A kill in between is finished at the next opening."""
        self.messages.wipe()
        self._vault.zeroise()

    # Inside.

    def _record(self, ref: KeyRef) -> Record:
        record = self._vault.find(intake.place(ref))
        if record is None:
            raise KeyRefused(f"there is no {ref.usage.name}")
        return record

    def _open(self, ref: KeyRef, wanted: tuple[Usage, ...], operation: Operation) -> tuple[Algorithm, bytearray]:
        """Algorithm and clear key, which the caller wipes. Raises KeyRefused for a wrong use or a missing key."""
        if ref.usage not in wanted:
            raise KeyRefused(f"a {ref.usage.name} may not do the work of a {wanted[0].name}")
        record = self._record(ref)
        kept = record.label
        usage.check(kept.usage, kept.algorithm, kept.mode, operation)
        key = self._vault.open_record(record)
        return intake.by_length(Algorithm(kept.algorithm), key), key

    def _mac(self, ref: KeyRef, data: bytes, method: MacMethod, operation: Operation) -> bytes:
        algorithm, key = self._open(ref, MAC_USAGES, operation)
        try:
            return mac_methods.compute(method, algorithm, key, data)
        finally:
            tdes.wipe(key)

    def _take(self, ref: KeyRef, algorithm: Algorithm, mode: Mode, key: bytearray, test: bool) -> None:
        under = working_keys(ref.slot) if ref.usage is Usage.TMK else ()
        self._vault.put(
            [(intake.label(ref, algorithm, mode), IS_TEST if test else 0, key)],
            replacing=[intake.place(old) for old in under],
        )

    def _batch_key(self, batch: int) -> bytearray:
        return self._vault.open_record(self._vault.find_or_make(_batch_label(batch), DEVICE_KEY_BYTES))

    def _bound(self, batch: int, context: bytes) -> bytes:
        return b"zhanggui seal 1\x00" + batch.to_bytes(4, "big") + self._terminal_id.encode("utf-8") + b"\x00" + context
