"""What a key is for, and the handle that others hold instead of its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Usage(Enum):
    """The one thing a key may do, by its key block usage code. Spec: ASC X9.143 (TR-31) §6.3."""

    TMK = "K0"  # Unwraps working keys.
    PIK = "P0"  # Encrypts PIN blocks.
    MAK = "M0"  # Authenticates messages.
    TDK = "D0"  # Encrypts track data.


@dataclass(frozen=True, slots=True)
class KeyRef:
    """The handle of one key."""

    usage: Usage
    slot: int = 0


WORKING_KEYS = (KeyRef(Usage.PIK), KeyRef(Usage.MAK), KeyRef(Usage.TDK))
