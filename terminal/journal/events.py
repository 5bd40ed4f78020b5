"""Events: what happened, in order, each bound to the one before it.

`digest` of event n is SHA-256 over the digest of event n-1 and the canonical JSON of n: a changed, missing or
reordered row is found by `verify`. The chain has no key: it finds accidents and clumsy hands, not somebody
who rewrites the whole file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

JSON: TypeAlias = Any  # What json.loads gives: None, bool, int, str, list, dict. Never a float (screening.py).
FIRST_DIGEST = "0" * 64

# json.dumps builds a new encoder for each call that has options; this one is made once and has no state. A value that
# holds itself never comes here: check_json has a limit of depth.
_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the journal. `at_ms` is the wall clock as it was told; the order is `n`, not the time."""

    n: int
    at_ms: int
    kind: str
    version: int
    body: Mapping[str, JSON]
    digest: str


def canonical(value: JSON) -> str:
    """The one spelling of a value: keys sorted, no spaces, text as UTF-8.

    >>> canonical({"b": 1, "a": "元"})
    '{"a":"元","b":1}'
    """
    return _encode(value)


def digest_of(previous: str, n: int, at_ms: int, kind: str, version: int, body: str) -> str:
    """The digest (64 hex digits) of an event whose body is the canonical text `body`."""
    return hashlib.sha256(f"{previous}\n{n}\n{at_ms}\n{kind}\n{version}\n{body}".encode()).hexdigest()
