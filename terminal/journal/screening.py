"""What may enter the journal: facts are str, int or bool, and no cardholder data comes in under any name.

A test by Luhn's formula alone would be worse than none: one in ten of all long numbers passes it, so one
sale in ten would be refused for its retrieval reference or order number, at random and in front of a
customer. The rule here is deterministic instead, so that a wrong name fails in the first test that uses it:

- a number of 13 to 19 digits that stands alone as a word may only come under a key whose last word says
  that it is an identifier of something else (LONG_NUMBER_WORDS: order_no, merchant_no, rrn, ...);
- track data (digits, `=` or `D`, expiry and service code) is refused under every key;
- a key that names a secret (pan, track, pin_block, cvv, ...) takes a masked PAN at most. A bool is always
  allowed.

An int of 13 digits is a time in milliseconds; a PAN is never an int in this program.
Source: PCI DSS 4.0 §3.3 (no sensitive authentication data after authorisation), §3.4 (6+4 at most is shown).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from terminal.journal.errors import JournalError, SecretRefused

# The last word of a key (or all of it) under which a long number is no PAN.
LONG_NUMBER_WORDS = frozenset(
    {
        "no",  # order_no, merchant_no, terminal_no, batch_no
        "id",  # wallet_id, request_id
        "rrn",  # field 37: 12 digits, sometimes joined with the date
        "order",
        "reference",
        "wallet",  # the wallet's transaction number
        "serial",
        "url",
        "payload",  # what a QR code shows
        "ms",
        "time",  # YYYYMMDDhhmmss
        "hex",
        "aid",  # hex of 5 to 16 bytes, often all decimal
        "data",  # issuer_application_data, in hex
        "cryptogram",  # 16 hex digits, once in 1,800 all decimal
        "arqc",
        "tc",
        "aac",
        "kcv",
        "issuer_application_data",  # tag 9F10 as hex
        "hash",
        "digest",
        "sha256",
    }
)
SECRET_NAMES = frozenset(
    {
        "pin",
        "pin_block",
        "pinblock",
        "cvv",
        "cvv2",
        "cvc",
        "cvc2",
        "cvn",
        "cvn2",
        "psn_pan",
        "tmk",
        "pik",
        "mak",
        "tdk",
    }
)
CARD_WORDS = frozenset({"pan", "card", "account"})
DEPTH_LIMIT = 8  # A slip is a dictionary of rows of cells; deeper is a mistake (or a cycle).

_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{13,19}(?![0-9A-Za-z])")
_TRACK = re.compile(r"(?<![0-9A-Za-z])[0-9]{12,19}[=D][0-9]{7,}")
_MASKED = re.compile(r"[0-9]{0,6}\*+[0-9]{0,4}")


def harmless(key: str, text: str) -> str:
    """What a host or a card has said, fit to be kept under `key`: a number that would be refused is starred out.

    The strict check is for our own mistakes. A peer may say what it likes at any time, also in the answer that
    approves a sale, and a refusal there would stop the terminal between the approval and its record.

    >>> harmless("acquirer", "01020000 6225000000000014")
    '01020000 ****************'
    """
    shown = "".join(character for character in text if character.isprintable())
    for rule in (_TRACK, _LONG_NUMBER):
        if rule is _TRACK or not _name(key).numbers_something_else:
            shown = rule.sub(lambda found: "*" * len(found.group()), shown)
    return shown


@dataclass(frozen=True, slots=True)
class _Name:
    """What a key's name says of what is under it."""

    secret: bool
    pan: bool
    numbers_something_else: bool  # A long number under it is no card's.


@lru_cache(maxsize=1024)  # A pure function of a name, and a journal has a few hundred names.
def _name(key: str) -> _Name:
    words = key.lower().split("_")
    return _Name(
        secret=key.lower() in SECRET_NAMES or any(word.startswith("track") for word in words),
        pan="pan" in words,
        numbers_something_else=words[-1] in LONG_NUMBER_WORDS and CARD_WORDS.isdisjoint(words),
    )


def check_facts(facts: Mapping[str, Any]) -> None:
    """Raise JournalError for a fact that is not str, int or bool; SecretRefused for cardholder data."""
    for key, value in facts.items():
        if not isinstance(value, str | int):
            raise JournalError(f"fact {key!r} is a {type(value).__name__}; facts are str, int or bool")
        _check_plain(key, value)


def check_json(key: str, value: Any, depth: int = 0) -> None:
    """The same for a setting's value or a slip's body: plain JSON without floats, screened at every leaf."""
    if depth > DEPTH_LIMIT:
        raise JournalError(f"{key!r} is nested too deeply")
    if value is None:
        return
    if isinstance(value, str | int):
        _check_plain(key, value)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise JournalError(f"{key!r} has a name that is no string")
            check_json(name, inner, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        for inner in value:
            check_json(key, inner, depth + 1)
    else:
        raise JournalError(f"{key!r} holds a {type(value).__name__}; the journal takes JSON without floats")


def _check_plain(key: str, value: str | int) -> None:
    if isinstance(value, bool):
        return
    name = _name(key)
    if name.secret:
        raise SecretRefused(key, "its name says that it is a secret")
    if isinstance(value, int):
        if abs(value) >= 10**13:
            raise SecretRefused(key, "an int of 14 digits or more")
        return
    if len(value) < 12:
        if name.pan and value.strip("*") and not _MASKED.fullmatch(value):
            raise SecretRefused(key, "a PAN is kept masked")
        return
    if _TRACK.search(value):
        raise SecretRefused(key, "it looks like track data")
    if _LONG_NUMBER.search(value) and not name.numbers_something_else:
        raise SecretRefused(key, "a number of 13 to 19 digits under a name that does not say what it numbers")
