"""What slips are made of: head, copy, how a card was read and its holder checked, how totals agree."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from enum import Enum

CLEAR_DIGITS = re.compile(r"\d{12,}")  # A clear card number is 12 to 19 digits in a row (ISO/IEC 7812-1).


class SlipError(ValueError):
    """A slip may not hold this, or a record is not a slip. The message never repeats the value."""


class Copy(Enum):
    MERCHANT = "merchant"
    CARDHOLDER = "cardholder"


class Entry(Enum):
    """How the card number got in: the letter after it on the slip."""

    CHIP = "I"
    SWIPE = "S"
    CONTACTLESS = "C"
    MANUAL = "M"
    FALLBACK = "F"


class Verification(Enum):
    """What the cardholder has done, and so what the slip asks for."""

    SIGNATURE = "signature"  # The merchant's copy has a line to sign on.
    PIN = "pin"
    PIN_AND_SIGNATURE = "pin-and-signature"
    NONE = "none"  # No PIN and no signature asked for (免密免签 or No CVM).
    ON_PAD = "on-pad"  # The signature is a picture, and on its way to the host.
    PIN_AND_PAD = "pin-and-pad"
    ABSENT = "absent"  # No card took part: its number was typed, or was ours.


class Balance(Enum):
    """What the host said of our totals (field 48, position 31 or 62)."""

    BALANCED = "balanced"
    UNBALANCED = "unbalanced"
    ERROR = "error"
    NOT_REPORTED = "not-reported"


@dataclass(frozen=True, slots=True)
class Head:
    """Who sold, where and when: the top of each slip. `at` is local time, ISO 8601 to the second."""

    merchant_name: str
    merchant_no: str
    terminal_no: str
    operator: str
    batch_no: str
    at: str
    test_keys: bool = True

    def __post_init__(self) -> None:
        try:
            datetime.datetime.fromisoformat(self.at)
        except ValueError:
            raise SlipError("Head.at is an ISO 8601 date and time") from None
