"""What the journal gives back: its rows as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from terminal.journal.events import JSON
from terminal.model import CNY, Currency, Kind, Method, Money, Notice, PaymentState, UploadState

PAYMENT_COLUMNS = (
    "id, state, kind, method, amount_minor, currency, operator, batch, stan, created_ms, changed_ms, facts"
)
UPLOAD_COLUMNS = "id, notice, payment_id, batch, stan, state, code, tries"
_CURRENCIES: Mapping[str, Currency] = MappingProxyType({CNY.code: CNY})


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """A payment as the journal knows it. `facts` are small plain values a method added to it."""

    id: int
    state: PaymentState
    kind: Kind
    method: Method
    amount: Money
    operator: str
    batch: int
    stan: str | None
    created_ms: int
    changed_ms: int
    facts: Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class SlipRecord:
    """A slip as it was first made; printing it again gives the same slip."""

    id: int
    kind: str
    payment_id: int | None
    body: Mapping[str, JSON]
    created_ms: int
    printed: bool


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """One notice to the host. It keeps its STAN however often it is sent; `code` is the host's word at its end.

    `tries`: how often it was sent and not answered.
    """

    id: int
    notice: Notice
    payment_id: int
    batch: int
    stan: str
    state: UploadState
    code: str
    tries: int


@dataclass(frozen=True, slots=True)
class Total:
    """How many payments of a batch have this kind, method and state, and their sum."""

    kind: Kind
    method: Method
    state: PaymentState
    count: int
    amount_minor: int


@lru_cache(maxsize=64)  # A pure function of its row, and a flow asks for the payment at hand again and again.
def payment_record(row: tuple[JSON, ...]) -> PaymentRecord:
    number, state, kind, method, amount_minor, currency, operator, batch, stan, created_ms, changed_ms, facts = row
    return PaymentRecord(
        number,
        PaymentState(state),
        Kind(kind),
        Method(method),
        Money(amount_minor, _CURRENCIES[currency]),
        operator,
        batch,
        stan,
        created_ms,
        changed_ms,
        MappingProxyType(json.loads(facts)),
    )


def slip_record(row: tuple[JSON, ...]) -> SlipRecord:
    number, kind, payment_id, body, created_ms, printed = row
    return SlipRecord(number, kind, payment_id, MappingProxyType(json.loads(body)), created_ms, bool(printed))


def upload_record(row: tuple[JSON, ...]) -> UploadRecord:
    number, notice, payment_id, batch, stan, state, code, tries = row
    return UploadRecord(number, Notice(notice), payment_id, batch, stan, UploadState(state), code, tries)
