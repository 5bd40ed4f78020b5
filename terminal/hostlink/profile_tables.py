"""What a profile changes in the tables of fields and of transactions: `[fields.48]`, `[transactions.repayment]`.

Problems go to the list of whoever reads the file: (line, key, what is wrong).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from terminal.hostlink.fields import Encoding, Field, Padding, Prefix
from terminal.hostlink.profile_checks import Check, line_of, one_of, pattern, whole
from terminal.hostlink.transactions import TRANSACTIONS, Row
from terminal.model import Kind

KSN_CHARACTERS = 20  # Of TDES: ten bytes.
_PREFIXES = {prefix.code: prefix for prefix in Prefix}
_COLUMNS: Mapping[str, tuple[Check, Callable[[Any], Any]]] = MappingProxyType(
    {
        "length": (whole(1, 999), int),
        "encoding": (pattern("|".join(e.value for e in Encoding), "a known encoding"), Encoding),
        "prefix": (one_of(_PREFIXES), _PREFIXES.__getitem__),
        "padding": (pattern("before|after", '"before" or "after"'), Padding),
    }
)


def override_fields(
    plain: Mapping[int, Field], rows: Any, problems: list[tuple[int, str, str]], text: str
) -> Mapping[int, Field]:
    """The field table with the profile's own rows over it."""
    fields = dict(plain)
    if not isinstance(rows, dict):
        problems.append((line_of(text, "fields"), "fields", "must be a section"))
        return plain
    for name, columns in rows.items():
        key = f"fields.{name}"
        if not re.fullmatch(r"[0-9]{1,2}", name) or int(name) not in fields or not isinstance(columns, dict):
            problems.append((line_of(text, f"{key}."), key, "must be a section for a field of the table"))
            continue
        changes: dict[str, Any] = {}
        for column, value in columns.items():
            check, convert = _COLUMNS.get(column, (lambda v: (v, "no such column"), str))
            _, reason = check(value)
            if reason:
                problems.append((line_of(text, f"{key}.{column}"), f"{key}.{column}", reason))
            else:
                changes[column] = convert(value)
        row = replace(fields[int(name)], **changes)
        if row.is_binary is not fields[int(name)].is_binary:
            # Whoever reads a field knows which of the two it is; a reply of the other kind would stop the terminal.
            reason = "a binary field stays binary, and text stays text"
            problems.append((line_of(text, f"{key}.encoding"), f"{key}.encoding", reason))
        if row.prefix is not Prefix.NONE and row.length > row.prefix.limit:
            reason = f"a prefix {row.prefix.code} counts to {row.prefix.limit} only"
            problems.append((line_of(text, f"{key}.length"), f"{key}.length", reason))
        fields[int(name)] = row
    return MappingProxyType(fields)


def holds_ksn(row: Field) -> bool:
    exact = row.prefix is Prefix.NONE
    fits = row.length == KSN_CHARACTERS if exact else row.length >= KSN_CHARACTERS
    return fits and row.encoding in (Encoding.AN, Encoding.ANS, Encoding.TEXT, Encoding.NIBBLES)


def any_nibbles(fields: Mapping[int, Field]) -> Mapping[int, Field]:
    """Fields 35 and 36 for encrypted tracks: eight bytes of them may be anything."""
    tracks = {number: replace(fields[number], encoding=Encoding.NIBBLES) for number in (35, 36)}
    return MappingProxyType({**fields, **tracks})


_CODES: Mapping[str, Check] = MappingProxyType(
    {
        "mti": pattern("01[0-9]{2}|02[0-9]{2}", "01 or 02 and two digits"),
        "processing_code": pattern("[0-9]{6}", "six digits"),
        "condition": pattern("[0-9]{2}", "two digits"),
        "type": pattern("[0-9]{2}", "two digits"),
        "account": pattern("([0-9]{3})?", "three digits, or none"),
    }
)


def recode(rows: Any, problems: list[tuple[int, str, str]], text: str) -> Mapping[Kind, Row]:
    """TRANSACTIONS with the profile's own codes. Two kinds that look alike on the wire are an error."""
    found = dict(TRANSACTIONS)
    if not isinstance(rows, dict):
        problems.append((line_of(text, "transactions"), "transactions", "must be a section"))
        return TRANSACTIONS
    known = {kind.value: kind for kind in TRANSACTIONS}
    for name, columns in rows.items():
        key = f"transactions.{name}"
        if name not in known or not isinstance(columns, dict):
            problems.append((line_of(text, f"{key}."), key, "must be a section for a known kind of transaction"))
            continue
        for column, value in columns.items():
            check = _CODES.get(column, lambda value: (value, "no such column"))
            _, reason = check(value)
            if reason:
                problems.append((line_of(text, f"{key}.{column}"), f"{key}.{column}", reason))
            else:
                found[known[name]] = replace(found[known[name]], **{column: value})
    seen: dict[tuple[str, ...], Kind] = {}
    for kind, row in found.items():
        code = (row.mti, row.processing_code, row.condition, row.type, row.account)
        other = seen.setdefault(code, kind)
        if other is not kind:
            reason = f"has the codes of {other.value}: the host could not tell them apart"
            problems.append((0, f"transactions.{kind.value}", reason))
    return MappingProxyType(found)
