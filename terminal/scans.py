"""What a scan is: whose payment code, a product, a member's card, or nothing that we know, and then why not.

Each kind has patterns, which a shop may set (terminal/scan_patterns.py); EMVCo's codes are read as well.

Source: retail digest, "QR payments" (the wallets' codes); ISO/IEC 15420 (check digit), from memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from emv import qr, qr_consumer
from terminal.scan_patterns import CHARACTERS_MAX, Patterns, ScanKind

PAYMENT: Final = frozenset({ScanKind.WECHAT, ScanKind.ALIPAY, ScanKind.UNIONPAY})


class Why(Enum):
    """Why a scan is not known. The value is a word of room "bad_code"."""

    UNREADABLE = "unreadable"  # Empty, too long, or with characters that no code has.
    CHECK_DIGIT = "check_digit"
    BROKEN = "broken"  # It begins as an EMVCo code and breaks its rules.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: its kind, or why it has none; `detail` says more of a broken code."""

    text: str
    kind: ScanKind | None
    why: Why | None = None
    detail: str = ""

    def __repr__(self) -> str:
        """Without the text: a one-time code is money, a consumer's code holds a PAN."""
        return f"Scan({self.kind or self.why})"


def classify(raw: bytes, patterns: Patterns) -> Scan:
    """One reading of the scanner, with its line end or without. Never raises."""
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return Scan("", None, Why.UNREADABLE)
    if not 1 <= len(text) <= CHARACTERS_MAX or not text.isprintable():
        return Scan("", None, Why.UNREADABLE)
    fitting = [(kind, found) for kind, each in patterns.items() for found in each if found.fits(text)]
    for kind, found in fitting:
        if not found.mod10 or check_digit_holds(text):
            return _opened(Scan(text, kind))
    return Scan(text, None, Why.CHECK_DIGIT if fitting else Why.UNKNOWN)


def _opened(scan: Scan) -> Scan:
    """EMVCo's codes are read: one that cannot be is none. What only breaks a "shall" is a code all the same."""
    try:
        if scan.kind is ScanKind.MERCHANT:
            qr.read(scan.text)
        elif scan.kind is ScanKind.CONSUMER:
            qr_consumer.parse(scan.text)
    except qr.QrError as error:
        return Scan(scan.text, None, Why.BROKEN, str(error))
    return scan


def check_digit_holds(digits: str) -> bool:
    """EAN and UPC: weights 3 and 1 from the right.

    >>> check_digit_holds("6901234567892"), check_digit_holds("6901234567893")
    (True, False)
    """
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0
