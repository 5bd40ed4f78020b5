"""A terminal's future keys in the vault: one sealed record for all registers, replaced whole.

The record bears the key block usage of a DUKPT initial key, whose offspring it holds, and the mode "derive".

Spec: ASC X9.143 (TR-31) §6.3 (usage B1, mode X).
"""

from __future__ import annotations

from keys.ksn import TDES_KSN, KsnLayout
from keys.vault import Label, Record, Vault

_USAGE, _MODE = "B1", "X"


class VaultRegisters:
    """`keys.dukpt.Registers` over a vault. A slot holds one initial key, of TDES or of AES.

    `flags`: what the next record is marked with; None keeps the old one's.
    """

    def __init__(self, vault: Vault, layout: KsnLayout, *, slot: int = 0) -> None:
        self._vault = vault
        self._label = Label(_USAGE, "T" if layout == TDES_KSN else "A", _MODE, slot)
        self.flags: int | None = None

    def load(self) -> bytearray | None:
        """The image, which the caller wipes; None: no initial key of this kind. Raises KeyRefused: it does not open."""
        record = self._record()
        return None if record is None else self._vault.open_record(record)

    def save(self, image: bytearray) -> None:
        """Durable on return. Raises OSError when the storage fails."""
        record = self._record()
        flags = self.flags if self.flags is not None else record.flags if record else 0
        self._vault.put([(self._label, flags, image)])

    def drop(self) -> None:
        """Forget the initial key; the counter's number stays with the counters."""
        if self._record() is not None:
            self._vault.drop([self._label.place])

    def _record(self) -> Record | None:
        record = self._vault.find(self._label.place)
        return record if record is not None and record.label == self._label else None
