"""DUKPT behind a handle: the next transaction's keys of one slot, used in this room and never given out.

| initial key | PIN block | MAC | data |
|---|---|---|---|
| TDES | formats 0, 3 | X9.19, CBC, CMAC | CBC, zero initial value |
| AES | format 4 | CMAC | CBC, zero initial value |

Working keys of an AES initial key are AES keys of its length. Each key serves one transaction, so the initial value
needs not be random; but a second text under the same key would show where it begins like the first, and so data are
encrypted once in a transaction.

The counter is the journal's and durable before a key is used (`keys.dukpt`). `next_transaction` waits for the journal:
it must not be called inside one of the journal's own transactions.

Spec: ANSI X9.24-1:2009 Annex A; ANSI X9.24-3:2017 §6.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType, TracebackType
from typing import Any

from keys import ciphers, dukpt_aes, dukpt_tdes, mac_methods, pin_formats, tdes
from keys.dukpt import Counters, Terminal, Transaction
from keys.dukpt_aes import AesTerminal, AesUsage, AesUse, aes_type
from keys.dukpt_registers import VaultRegisters
from keys.dukpt_tdes import TdesTerminal, TdesUse
from keys.errors import KeyRefused
from keys.ksn import AES_KSN, TDES_KSN, Ksn
from keys.mac_methods import MacMethod
from keys.pin import Pin
from keys.pin_formats import PinFormat
from keys.refs import Usage
from keys.testkeys import BY_NAME, PUBLISHED
from keys.usage import Algorithm
from keys.vault import Vault

MAC_BYTES_MIN = 4


class DukptUse(Enum):
    """What a transaction's key is wanted for. A request is what the terminal sends, a response what it receives."""

    PIN = (TdesUse.PIN, AesUsage.PIN)
    MAC = (TdesUse.MAC_REQUEST, AesUsage.MAC_GENERATE)
    MAC_RESPONSE = (TdesUse.MAC_RESPONSE, AesUsage.MAC_VERIFY)
    DATA = (TdesUse.DATA_REQUEST, AesUsage.DATA_ENCRYPT)
    DATA_RESPONSE = (TdesUse.DATA_RESPONSE, AesUsage.DATA_DECRYPT)


_FORMATS = {
    Algorithm.TDES: (PinFormat.ISO_0, PinFormat.ISO_3),
    Algorithm.AES: (PinFormat.ISO_4,),
}
_MACS = {
    Algorithm.TDES: (MacMethod.X9_19, MacMethod.CBC, MacMethod.CMAC),
    Algorithm.AES: (MacMethod.CMAC,),
}


class DukptTransaction:
    """One transaction: its KSN for the message, and what its keys do. `with` wipes them."""

    def __init__(
        self,
        made: Transaction[Any],
        names: Mapping[DukptUse, object],
        algorithm: Algorithm,
        random: Callable[[int], bytes],
    ) -> None:
        self._made = made
        self._names = dict(names)
        self._algorithm = algorithm
        self._random = random

    def __repr__(self) -> str:
        return f"DukptTransaction({self._made.ksn})"

    @property
    def ksn(self) -> bytes:
        """10 bytes (TDES) or 12 (AES)."""
        return self._made.ksn.encode()

    def pin_block(self, pin: Pin, pan: str, form: PinFormat | None = None) -> bytes:
        """8 or 16 bytes; the PIN stays the caller's to wipe. Raises KeyRefused."""
        allowed = _FORMATS[self._algorithm]
        key = self._key(DukptUse.PIN)
        form = allowed[0] if form is None else form
        return pin_formats.encrypt(form, self._algorithm, key, pin, pan, self._random, allowed=frozenset(allowed))

    def mac(self, data: bytes, method: MacMethod | None = None) -> bytes:
        """The whole MAC of a request. Raises KeyRefused."""
        return self._mac(DukptUse.MAC, data, method)

    def mac_ok(self, data: bytes, mac: bytes, method: MacMethod | None = None) -> bool:
        """Whether `mac`, whole or its first 4 bytes and more, is a response's. Raises KeyRefused."""
        made = self._mac(DukptUse.MAC_RESPONSE, data, method)
        return MAC_BYTES_MIN <= len(mac) <= len(made) and hmac.compare_digest(made[: len(mac)], mac)

    def encrypt(self, data: bytes | bytearray) -> bytes:
        """Whole blocks, once in a transaction. Raises KeyRefused."""
        made = bytes(ciphers.encrypt_cbc(self._algorithm, self._key(DukptUse.DATA), data))
        tdes.wipe(self._key(DukptUse.DATA))
        del self._names[DukptUse.DATA]
        return made

    def decrypt(self, data: bytes) -> bytearray:
        """A response's whole blocks, which the caller wipes. Raises KeyRefused."""
        return ciphers.decrypt_cbc(self._algorithm, self._key(DukptUse.DATA_RESPONSE), data)

    def wipe(self) -> None:
        self._made.wipe()
        self._names.clear()

    def __enter__(self) -> DukptTransaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.wipe()

    def _key(self, use: DukptUse) -> bytearray:
        if use not in self._names:
            raise KeyRefused("this transaction has no key for that use")
        return self._made.key(self._names[use])

    def _mac(self, use: DukptUse, data: bytes, method: MacMethod | None) -> bytes:
        allowed = _MACS[self._algorithm]
        method = allowed[0] if method is None else method
        if method not in allowed:
            raise KeyRefused(f"DUKPT with {self._algorithm.name} makes no MAC of {method.code}")
        return mac_methods.compute(method, self._algorithm, self._key(use), data)


class DukptRoom:
    """The initial keys of a vault by slot; their future keys rest in it, their counters in `counters`."""

    def __init__(self, vault: Vault, counters: Counters | None, random: Callable[[int], bytes]) -> None:
        self._vault = vault
        self._counters = counters
        self._random = random
        self._terminals: dict[tuple[Algorithm, int], tuple[Terminal[Any], VaultRegisters]] = {}

    def load(self, slot: int, algorithm: Algorithm, key: bytearray, ksn: Ksn, flags: int) -> None:
        """Plant an initial key in the place of the slot's old one; the caller wipes it. Raises KeyRefused."""
        terminal, registers = self._at(algorithm, slot)
        registers.flags = flags
        terminal.load_initial_key(key, ksn)

    def ksn(self, slot: int) -> bytes:
        """Of the last transaction begun, 0 before the first. Raises KeyRefused without an initial key."""
        found = self._at(self._algorithm(slot), slot)[0].loaded()
        if found is None:
            raise KeyRefused("there is no INITIAL_KEY")
        return found.encode()

    def next_transaction(self, slot: int, uses: tuple[DukptUse, ...]) -> DukptTransaction:
        """Spend the next KSN. Raises CounterExhausted, KeyRefused, and whatever the journal raises."""
        algorithm = self._algorithm(slot)
        terminal, _ = self._at(algorithm, slot)
        if isinstance(terminal, AesTerminal):
            kind = aes_type(terminal.key_bytes())
            names: dict[DukptUse, object] = {use: AesUse(use.value[1], kind) for use in uses}
        else:
            names = {use: use.value[0] for use in uses}
        return DukptTransaction(terminal.take(*names.values()), names, algorithm, self._random)

    def _algorithm(self, slot: int) -> Algorithm:
        record = self._vault.find((Usage.INITIAL_KEY.value, slot))
        if record is None:
            raise KeyRefused("there is no INITIAL_KEY")
        return Algorithm(record.label.algorithm)

    def _at(self, algorithm: Algorithm, slot: int) -> tuple[Terminal[Any], VaultRegisters]:
        """One for each slot, kept: it remembers the last counter that was tried, which a failed write may have used."""
        if self._counters is None:
            raise KeyRefused("DUKPT needs durable counters: this store was opened without them")
        found = self._terminals.get((algorithm, slot))
        if found is None:
            aes = algorithm is Algorithm.AES
            registers = VaultRegisters(self._vault, AES_KSN if aes else TDES_KSN, slot=slot)
            terminal: Terminal[Any] = (AesTerminal if aes else TdesTerminal)(registers, self._counters)
            found = self._terminals[algorithm, slot] = terminal, registers
        return found


_LAYOUTS: Mapping[Algorithm, tuple[int, int]] = MappingProxyType({Algorithm.TDES: (10, 8), Algorithm.AES: (12, 8)})


def initial_ksn(algorithm: Algorithm, serial: bytes) -> Ksn:
    """An initial key's KSN from what came with it: the whole KSN with counter 0, or its first 8 bytes.

    Raises KeyRefused. Spec: X9.143 §6.3.6 (optional blocks KS and IK).
    """
    if algorithm not in _LAYOUTS:
        raise KeyRefused("an initial key is a key of TDES or AES")
    whole, short = _LAYOUTS[algorithm]
    if len(serial) not in (whole, short):
        raise KeyRefused(f"an initial key of {algorithm.name} comes with a KSN of {whole} bytes, or the first {short}")
    ksn = Ksn.parse(AES_KSN if algorithm is Algorithm.AES else TDES_KSN, serial.ljust(whole, b"\x00"))
    if ksn.counter:
        raise KeyRefused("an initial key's KSN has the counter 0")
    return ksn


def published_initial(ksn: Ksn) -> bytearray:
    """The initial key that the published base key of TDES gives for this KSN; the caller wipes it."""
    base = bytearray(BY_NAME["bdk"])
    try:
        return dukpt_tdes.initial_key(base, ksn)
    finally:
        tdes.wipe(base)


def is_published_initial(algorithm: Algorithm, key: bytearray, ksn: Ksn) -> bool:
    """Whether anybody can have this initial key: it is derived from a published base key."""
    room = dukpt_aes if algorithm is Algorithm.AES else dukpt_tdes
    found = False
    for known in PUBLISHED:
        base = bytearray(known)
        if len(base) == len(key):
            made = room.initial_key(base, ksn)
            found |= hmac.compare_digest(made, key)
            tdes.wipe(made)
    return found
