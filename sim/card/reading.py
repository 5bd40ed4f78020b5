"""Profiles as files: TOML to frozen cards, strictly, with every mistake reported at once and its place.

A file is a table of cards, `[name]`; a card may begin from another (`base`), an application from another card's first
(`like`). docs/simulator.md documents the schema; the tables below are its keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sim.card.certificates import FAULTS
from sim.card.cvm_words import rule
from sim.card.hostile import DOES, PULLED, PULLED_WHEN
from sim.card.model import (
    AIP_CDA,
    AIP_DDA,
    AIP_SDA,
    Authentication,
    CardApplication,
    CardFile,
    CardProfile,
    Expectation,
    IssuerAuthentication,
    Limits,
    Oda,
    Quirk,
    luhn_digit,
)
from sim.card.rsa_keys import EXPONENTS
from sim.cryptograms import BIN_DIGITS, SCHEMES, TEST_ISSUERS

GROUPS = ("good", "refused", "odd", "authentication", "hostile")
ODA_BITS = MappingProxyType({Oda.NONE: 0, Oda.SDA: AIP_SDA, Oda.DDA: AIP_DDA, Oda.CDA: AIP_DDA | AIP_CDA})
SCRIPTS = ("", "block-application", "block-card", "unblock-pin", "set-limits")  # Of sim.acquirer.scripts.
CRYPTOGRAMS = MappingProxyType({"AAC": 0x00, "TC": 0x40, "ARQC": 0x80, "RFU": 0xC0})
Reader = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class CardProblem:
    """One mistake: where (`poor.application[1].pan`) and what."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class CardFileError(ValueError):
    """Every mistake of a profile file."""

    def __init__(self, problems: tuple[CardProblem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def read_cards(text: str, known: Mapping[str, CardProfile] = MappingProxyType({})) -> dict[str, CardProfile]:
    """The cards of one file by name. `known`: what `base` and `like` may name besides. Raises CardFileError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CardFileError((CardProblem("file", str(error)),)) from None
    problems: list[CardProblem] = []
    made: dict[str, CardProfile] = {}
    for name, table in document.items():
        if not isinstance(table, dict):
            problems.append(CardProblem(name, "is no table; a card is written as [name]"))
        elif name in known:
            problems.append(CardProblem(name, "is the name of another card"))
        else:
            card = _Reading(name, {**known, **made}, problems).card(table)
            if card is not None:
                made[name] = card
    if not document:
        problems.append(CardProblem("file", "has no card; write one as [name]"))
    if problems:
        raise CardFileError(tuple(problems))
    return made


class _Reading:
    """One card being read; what is wrong is added to `problems`."""

    def __init__(self, name: str, known: Mapping[str, CardProfile], problems: list[CardProblem]) -> None:
        self._name = name
        self._known = known
        self._problems = problems

    def card(self, table: dict[str, Any]) -> CardProfile | None:
        before = len(self._problems)
        base = self._other(f"{self._name}.base", table.pop("base")) if "base" in table else None
        rows = table.pop("application", [])
        values = self._values(self._name, table, CARD)
        applications = self._applications(rows, base)
        for word in ("zh", "en"):
            if not values.get(word):
                self._wrong(f"{self._name}.{word}", "is missing: one line that says what the card is")
        if not rows and not applications:
            self._wrong(f"{self._name}.application", "a card has at least one: [[name.application]]")
        if len(self._problems) > before:
            return None
        if base is None:
            return CardProfile(name=self._name, applications=applications, **values)
        quirks = {} if "quirks" in values else {"quirks": ()}  # Oddities are not handed down,
        return replace(base, name=self._name, applications=applications, **{"expect": None, **quirks, **values})

    def _applications(self, rows: Any, base: CardProfile | None) -> tuple[CardApplication, ...]:
        inherited = base.applications if base is not None else ()
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self._wrong(f"{self._name}.application", "is written as [[name.application]]")
            return inherited
        if not rows:
            return inherited
        found = []
        for at, row in enumerate(rows):
            where = f"{self._name}.application[{at + 1}]"
            start = inherited[at] if at < len(inherited) else None
            if "like" in row:
                other = self._other(f"{where}.like", row.pop("like"))
                start = other.applications[0] if other is not None else start
            app = self._application(where, row, start)
            if app is not None:
                found.append(app)
        return tuple(found)

    def _application(self, where: str, row: dict[str, Any], start: CardApplication | None) -> CardApplication | None:
        before = len(self._problems)
        values = self._values(where, row, APPLICATION)
        if start is None:
            for key in ("aid", "label", "pan"):
                if key not in values:
                    self._wrong(f"{where}.{key}", "is missing")
        amounts = values.pop("cvm_amounts", None)
        if amounts is not None or "cvm_list" in values:
            rules = values.get("cvm_list", start.cvm_list[8:] if start else b"")
            head = amounts if amounts is not None else (start.cvm_list[:8] if start else bytes(8))
            values["cvm_list"] = head + rules
        if len(self._problems) > before:
            return None
        app = CardApplication(**values) if start is None else replace(start, **values)
        if (app.family, app.cvn) not in SCHEMES:
            self._wrong(f"{where}.cvn", f"{app.family} has no cryptogram version {app.cvn:02X}")
            return None
        if TEST_ISSUERS[app.pan[:BIN_DIGITS]].family != app.family:
            self._wrong(f"{where}.pan", f"this BIN's cards are of the family {TEST_ISSUERS[app.pan[:6]].family}")
            return None
        oda = ODA_BITS[app.authentication.kind]
        all_oda = AIP_SDA | AIP_DDA | AIP_CDA
        return replace(app, aip=bytes((app.aip[0] & ~all_oda | oda,)) + app.aip[1:])

    def _other(self, where: str, name: Any) -> CardProfile | None:
        found = self._known.get(name) if isinstance(name, str) else None
        if found is None:
            self._wrong(where, f"there is no card {name!r} before this one")
        return found

    def _values(self, where: str, table: Mapping[str, Any], keys: Mapping[str, tuple[str, Reader]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in table.items():
            row = keys.get(key)
            if row is None:
                self._wrong(f"{where}.{key}", f"is unknown; known are {', '.join(sorted(keys))}")
                continue
            try:
                values[row[0]] = row[1](value)
            except (ValueError, TypeError, KeyError) as error:
                self._wrong(f"{where}.{key}", str(error) or "has the wrong form")
        return values

    def _wrong(self, where: str, reason: str) -> None:
        self._problems.append(CardProblem(where, reason))


# How each kind of value is read; each raises ValueError with what is wanted.


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is a text")
    return value


def _ascii(least: int, most: int) -> Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.isascii() or not least <= len(value) <= most:
            raise ValueError(f"is a text of {least} to {most} ASCII characters")
        return value

    return read


def _digits(*lengths: int) -> Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) not in lengths or value.strip("0123456789"):
            raise ValueError(f"is a string of {' or '.join(str(each) for each in lengths)} digits")
        return value

    return read


def _hex(least: int, most: int) -> Reader:
    def read(value: Any) -> bytes:
        try:
            data = bytes.fromhex(value) if isinstance(value, str) else None
        except ValueError:
            data = None
        if data is None or not least <= len(data) <= most:
            raise ValueError(f"is {least} to {most} bytes in hex" if least != most else f"is {least} bytes in hex")
        return data

    return read


def _number(least: int, most: int) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"is a whole number from {least} to {most}")
        return value

    return read


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is true or false")
    return value


def _one_of(words: Mapping[str, Any]) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"is one of: {', '.join(words)}")
        return words[value]

    return read


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("is a list")
    return value


def _table(value: Any, *keys: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("is a table")
    for key in value:
        if keys and key not in keys:
            raise ValueError(f"has no {key!r}; known are {', '.join(keys)}")
    return value


def _pan(value: Any) -> str:
    digits = str(_digits(*range(12, 20))(value))
    if luhn_digit(digits[:-1]) != digits[-1]:
        raise ValueError(f"its last digit should be {luhn_digit(digits[:-1])}")
    if digits[:BIN_DIGITS] not in TEST_ISSUERS:
        raise ValueError(f"begins with the BIN of a test issuer: {', '.join(TEST_ISSUERS)}")
    return digits


def _tag(value: Any) -> int:
    data = _hex(1, 3)(value)
    return int.from_bytes(data, "big")


def _tags(value: Any) -> tuple[int, ...]:
    return tuple(_tag(word) for word in _text(value).split())


def _files(value: Any) -> tuple[CardFile, ...]:
    """`[{ sfi = 1, records = ["57 5F20"], signed = 1 }]`"""
    files = []
    for row in _list(value):
        row = _table(row, "sfi", "records", "signed")
        records = tuple(_tags(each) for each in _list(row.get("records")))
        files.append(CardFile(_number(1, 30)(row.get("sfi")), records, _number(0, len(records))(row.get("signed", 0))))
    return tuple(files)


def _objects(value: Any) -> tuple[tuple[int, bytes], ...]:
    return tuple((_tag(tag), _hex(0, 255)(data)) for tag, data in _table(value).items())


def _cvm_rules(value: Any) -> bytes:
    return b"".join(rule(_text(each)) for each in _list(value))


def _cvm_amounts(value: Any) -> bytes:
    amounts = [_number(0, 0xFFFFFFFF)(each) for each in _list(value)]
    if len(amounts) != 2:
        raise ValueError("is two amounts, X and Y, in minor units")
    return b"".join(each.to_bytes(4, "big") for each in amounts)


def _authentication(value: Any) -> Authentication:
    row = _table(value, "kind", "exponent", "pin_key", "fault")
    kind = _one_of({each.value: each for each in Oda})(row.get("kind"))
    exponent = row.get("exponent", EXPONENTS[0])
    if exponent not in EXPONENTS:
        raise ValueError(f"exponent is one of: {', '.join(str(each) for each in EXPONENTS)}")
    fault = row.get("fault", "")
    if fault and fault not in FAULTS:
        raise ValueError(f"fault is one of: {', '.join(FAULTS)}")
    return Authentication(kind, exponent, _flag(row.get("pin_key", False)), fault)


def _limits(value: Any) -> Limits:
    row = _table(value, "consecutive_lower", "consecutive_upper", "cumulative_lower", "cumulative_upper")
    return Limits(**{key: _number(0, 255 if "consecutive" in key else 10**12 - 1)(each) for key, each in row.items()})


def _terminal_limits(value: Any) -> tuple[int, int]:
    lower, upper = (_number(0, 255)(each) for each in _list(value))
    return lower, upper


def _quirks(value: Any) -> tuple[Quirk, ...]:
    quirks = []
    for row in _list(value):
        row = _table(row, "at", "does", "value")
        does = _text(row.get("does"))
        if does not in DOES:
            raise ValueError(f"does is one of: {', '.join(sorted(DOES))}")
        quirk = Quirk(_text(row.get("at")), does, _text(row.get("value", "")))
        if does == PULLED and quirk.value not in PULLED_WHEN:
            raise ValueError(f"{PULLED} is one of: {', '.join(PULLED_WHEN)}")
        quirks.append(quirk)
    return tuple(quirks)


def _expectation(value: Any) -> Expectation:
    row = _table(value, "reason", "tvr")
    return Expectation(_text(row.get("reason")), tuple(_text(each) for each in _list(row.get("tvr", []))))


_AUTHENTICATIONS = {each.value: each for each in IssuerAuthentication}
_pin = _digits(0, *range(4, 13))
CARD: Mapping[str, tuple[str, Reader]] = MappingProxyType(
    {
        "zh": ("zh", _text),
        "en": ("en", _text),
        "pin": ("pin", _pin),
        "offline_pin": ("offline_pin", _pin),
        "pin_tries": ("pin_tries", _number(1, 15)),
        "tries_left": ("tries_left", _number(0, 15)),
        "group": ("group", _one_of({each: each for each in GROUPS})),
        "balance_minor": ("balance_minor", _number(0, 10**12)),
        "issuer_refuses": ("issuer_refuses", _ascii(2, 2)),
        "issuer_sends": ("issuer_sends", _one_of({each: each for each in SCRIPTS})),
        "pse": ("pse", _flag),
        "atc": ("atc", _number(0, 0xFFFF)),
        "last_online_atc": ("last_online_atc", _number(0, 0xFFFF)),
        "mute": ("mute", _flag),
        "blocked": ("blocked", _flag),
        "t0": ("transport_t0", _flag),
        "first_answers": ("first_answers", _one_of(CRYPTOGRAMS)),
        "second_answers": ("second_answers", _one_of(CRYPTOGRAMS)),
        "gives_reasons": ("gives_reasons", _flag),
        "pin_exceeded_declines": ("pin_exceeded_declines", _flag),
        "issuer_authentication": ("issuer_authentication", _one_of(_AUTHENTICATIONS)),
        "quirk": ("quirks", _quirks),
        "expect": ("expect", _expectation),
    }
)
_FAMILIES = {family: family for family, _ in SCHEMES}
APPLICATION: Mapping[str, tuple[str, Reader]] = MappingProxyType(
    {
        "aid": ("aid", _hex(5, 16)),
        "label": ("label", _ascii(1, 16)),
        "preferred": ("preferred", _hex(1, 16)),
        "code_table": ("code_table", _number(1, 10)),
        "pan": ("pan", _pan),
        "family": ("family", _one_of(_FAMILIES)),
        "cvn": ("cvn", _number(0, 255)),
        "sequence": ("sequence", _digits(2)),
        "priority": ("priority", _number(0, 15)),
        "confirm": ("confirm", _flag),
        "expiry": ("expiry", _digits(6)),
        "effective": ("effective", _digits(6)),
        "service_code": ("service_code", _digits(3)),
        "discretionary": ("discretionary", _digits(*range(14))),
        "holder": ("holder", _ascii(2, 26)),
        "language": ("language", _ascii(0, 8)),
        "country": ("country", _hex(2, 2)),
        "currency": ("currency", _hex(2, 2)),
        "usage": ("usage", _hex(2, 2)),
        "version": ("version", _hex(2, 2)),
        "aip": ("aip", _hex(2, 2)),
        "pdol": ("pdol", _hex(0, 252)),
        "cdol1": ("cdol1", _hex(0, 252)),
        "cdol2": ("cdol2", _hex(0, 252)),
        "ddol": ("ddol", _hex(0, 252)),
        "tdol": ("tdol", _hex(0, 252)),
        "cvm": ("cvm_list", _cvm_rules),
        "cvm_amounts": ("cvm_amounts", _cvm_amounts),
        "action_default": ("action_default", _hex(0, 5)),
        "action_denial": ("action_denial", _hex(0, 5)),
        "action_online": ("action_online", _hex(0, 5)),
        "files": ("files", _files),
        "authentication": ("authentication", _authentication),
        "limits": ("limits", _limits),
        "terminal_limits": ("terminal_limits", _terminal_limits),
        "log_records": ("log_records", _number(0, 30)),
        "issuer_data": ("issuer_data", _hex(0, 24)),
        "objects": ("objects", _objects),
        "template_77": ("template_77", _flag),
        "blocked": ("blocked", _flag),
        "refuses_options": ("refuses_options", _flag),
        "left_out": ("left_out", lambda value: frozenset(_tag(each) for each in _list(value))),
    }
)
