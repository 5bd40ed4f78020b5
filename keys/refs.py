"""What a key is for, and the handle that others hold instead of its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SLOT_LIMIT = 99  # The index of a master key has two digits (field 62, tag 25).


class Usage(Enum):
    """The one thing a key may do, by its key block usage code: every usage that a terminal may hold.

    What stays with hosts has no name here: base derivation keys (B0), card and PIN verification (C0, V0 to V4, P1),
    chip master keys. Spec: ASC X9.143 (TR-31) §6.3.
    """

    TMK = "K0"  # Unwraps working keys.
    KBPK = "K1"  # Opens key blocks.
    INITIAL_KEY = "B1"  # Begins DUKPT.
    PIK = "P0"  # Encrypts PIN blocks.
    MAK = "M0"  # Authenticates messages, the UnionPay way or by a CBC-MAC.
    MAC_CBC = "M1"
    MAC_X9_19 = "M3"  # The MAK of an acquirer that wants X9.19.
    MAC_CMAC = "M6"
    MAC_HMAC = "M7"
    TDK = "D0"  # Encrypts track data.


@dataclass(frozen=True, slots=True)
class KeyRef:
    """The handle of one key. A slot's working keys are under the TMK of the same slot."""

    usage: Usage
    slot: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.slot <= SLOT_LIMIT:
            raise ValueError(f"a slot is a number from 0 to {SLOT_LIMIT}")


def working_keys(slot: int = 0) -> tuple[KeyRef, ...]:
    """What a sign-in brings, and what a new TMK in the slot makes worthless."""
    return tuple(KeyRef(usage, slot) for usage in (Usage.PIK, Usage.MAK, Usage.MAC_X9_19, Usage.TDK))


MASTER_USAGES = (Usage.TMK, Usage.KBPK, Usage.INITIAL_KEY)  # Other keys come under them, or out of them.
MAC_USAGES = (Usage.MAK, Usage.MAC_CBC, Usage.MAC_X9_19, Usage.MAC_CMAC, Usage.MAC_HMAC)
