"""The kernel's identity: its statement of options, and the checksum by which two kernels are told apart.

`emv/ics.toml` answers each option that the Books leave open. Where the terminal's profile decides, the profile's
value stands in the answer's place; what results is a configuration, and its checksum covers the version and every
major option, nothing of the code. Screen, slip and trace show it: the same eight digits mean the same behaviour.

Spec: EMV 4.4 Book 4 §5, §6.4 (what a terminal may support); the statement's form is that of a type approval,
from memory.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from emv.bits import CvmCapability, SecurityCapability
from emv.profile import TerminalProfile

ANSWERS: Final = ("yes", "no", "profile")
CHECKSUM_DIGITS = 8
_KEYS = frozenset({"word", "section", "en", "zh", "answer", "major", "why", "why_zh"})


class StatementError(ValueError):
    """The statement's file is not in order."""


@dataclass(frozen=True, slots=True)
class Option:
    """One question and its answer; `why` and `why_zh` are there for a no."""

    word: str
    section: str
    en: str
    zh: str
    answer: str
    major: bool
    why: str = ""
    why_zh: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """The whole file."""

    kernel: str
    version: str
    books: str
    options: tuple[Option, ...]


def _claims(bit: CvmCapability | SecurityCapability) -> Callable[[TerminalProfile], str]:
    """Whether 9F33 claims it: byte 2 holds the CVMs, byte 3 security."""
    place = 1 if isinstance(bit, CvmCapability) else 2
    return lambda profile: _yes(bool(profile.capabilities[place] & bit))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


# Option → what the terminal's profile makes of it.
FROM_PROFILE: Final[Mapping[str, Callable[[TerminalProfile], str]]] = MappingProxyType(
    {
        "cardholder-choice": lambda profile: _yes(profile.cardholder_choice),
        "language-preference": lambda profile: " ".join(profile.languages) or "no",
        "preferred-name": lambda profile: f"{int.from_bytes(profile.additional_capabilities[3:5], 'big') & 0x3FF:03X}",
        "terminal-type": lambda profile: f"{profile.terminal_type:02X}",
        "terminal-capabilities": lambda profile: profile.capabilities.hex().upper(),
        "transaction-types": lambda profile: profile.additional_capabilities[:2].hex().upper(),
        "sda": _claims(SecurityCapability.SDA),
        "dda": _claims(SecurityCapability.DDA),
        "cda": _claims(SecurityCapability.CDA),
        "cda-mode": lambda profile: str(profile.cda_mode.value),
        "cvm-plaintext-pin": _claims(CvmCapability.PLAINTEXT_PIN),
        "cvm-enciphered-pin": _claims(CvmCapability.ENCIPHERED_PIN),
        "cvm-online-pin": _claims(CvmCapability.ONLINE_PIN),
        "cvm-signature": _claims(CvmCapability.SIGNATURE),
        "cvm-none": _claims(CvmCapability.NO_CVM),
        "transaction-log": lambda profile: _yes(profile.card_log),
        "offline-approval": lambda profile: _yes(not profile.online_only),
        "pin-bypass": lambda profile: _yes(profile.pin_bypass),
    }
)


@lru_cache(maxsize=2)  # A pure function of its text, asked at each self-test.
def parse_statement(text: str) -> Statement:
    """Raises StatementError for the first mistake.

    >>> parse_statement("version = 1")
    Traceback (most recent call last):
        ...
    emv.ics.StatementError: kernel, version and books are texts
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StatementError(str(error)) from None
    kernel, version, books = (document.get(key) for key in ("kernel", "version", "books"))
    if not (isinstance(kernel, str) and isinstance(version, str) and isinstance(books, str)):
        raise StatementError("kernel, version and books are texts")
    options = tuple(_option(row) for row in document.get("option", ()))
    words = [option.word for option in options]
    if not words or len(set(words)) != len(words):
        raise StatementError("there are options, and none comes twice")
    return Statement(kernel, version, books, options)


def _option(row: Mapping[str, object]) -> Option:
    word = str(row.get("word", "an option without a word"))
    if row.keys() - _KEYS or not isinstance(row.get("major"), bool):
        raise StatementError(f"{word}: unknown keys, or major is not true or false")
    texts = {key: str(row.get(key, "")) for key in _KEYS - {"major"}}
    if texts["answer"] not in ANSWERS or not all(texts[key] for key in ("word", "section", "en", "zh")):
        raise StatementError(f"{word}: word, section, en and zh are texts, answer is one of {', '.join(ANSWERS)}")
    if (texts["answer"] == "no") != bool(texts["why"] and texts["why_zh"]):
        raise StatementError(f"{word}: a no has its reason in both languages, and nothing else has one")
    if (texts["answer"] == "profile") != (word in FROM_PROFILE):
        raise StatementError(f"{word}: the profile answers {', '.join(FROM_PROFILE)}")
    return Option(major=bool(row["major"]), **texts)


def statement() -> Statement:
    """This kernel's. It reads a file of this package, nothing else."""
    return parse_statement(resources.files("emv").joinpath("ics.toml").read_text(encoding="utf-8"))


def configuration(stated: Statement, profile: TerminalProfile) -> dict[str, str]:
    """Every option with the answer that holds for a terminal of this profile."""
    return {
        option.word: FROM_PROFILE[option.word](profile) if option.answer == "profile" else option.answer
        for option in stated.options
    }


def checksum(stated: Statement, profile: TerminalProfile) -> str:
    """Eight hex digits over version and major options, whatever their order in the file.

    The code does not enter: a repaired fault is a new version, said in the file.
    """
    answers = configuration(stated, profile)
    lines = sorted(f"{option.word}={answers[option.word]}" for option in stated.options if option.major)
    text = "\n".join((stated.kernel, stated.version, *lines))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:CHECKSUM_DIGITS].upper()


def identity(profile: TerminalProfile) -> str:
    """Version and checksum as people read them on screen, slip and trace.

    >>> identity(TerminalProfile(aids=()))  # doctest: +ELLIPSIS
    'EMV2 ...'
    """
    stated = statement()
    return f"EMV{stated.version} {checksum(stated, profile)}"
