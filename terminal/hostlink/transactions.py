"""TRANSACTIONS: what each kind of transaction is on the wire, and what follows from it. One row a kind.

Everything that tells one kind from another for the message builders, the reversal, the settlement's totals and the
acquirer's simulator is a column; a flow adds only what people see and do. To add a kind: a member of `model.Kind`, a
row here, its words, its flow. What acquirers do not agree on (MTI, processing code, condition, type) a profile may
change: `[transactions.repayment]` with `type = "…"`.

Spec: docs/host-link.md §3 (the table), §5 (what is reversed), §6 (what counts as debit and credit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from terminal.model import Kind


class Effect(Enum):
    """Which of the settlement's totals it is counted in."""

    DEBIT = "debit"  # The host owes the merchant.
    CREDIT = "credit"
    NONE = "none"


class Silence(Enum):
    """What no answer means, once a byte may have left."""

    REVERSE = "reverse"  # A durable reversal, until the host has taken it.
    REPEAT = "repeat"  # An advice: sent again, the same, until it is acknowledged.
    UNKNOWN = "unknown"  # A refund: neither sent again nor reversed; the settlement lists it.
    NOTHING = "nothing"  # No money moved.


class Card(Enum):
    """How far the card takes part."""

    FULL = "full"  # Chip: a whole EMV transaction with cryptogram. Swipe: track 2.
    READ = "read"  # Chip: read up to its data and ended; no field 55. It must be the original's card.
    TYPED = "typed"  # Number and expiry by keypad or telephone.
    NONE = "none"  # The original's card data, from the seal.


class Names(Enum):
    """How field 61 names the original."""

    NOTHING = "nothing"
    STAN = "stan"  # Its batch and STAN.
    DATE = "date"  # Zeros, and its date MMDD: it may be of another day or terminal.
    AUTHORISER = "authoriser"  # Zeros, then who has authorised it by which way (61.4, 61.5).


@dataclass(frozen=True, slots=True)
class Row:
    """`condition` is F25, `type` 60.1, `account` 60.7. `sends`: which of the original's fields 37 and 38 go along."""

    kind: Kind
    mti: str
    processing_code: str
    condition: str
    type: str
    effect: Effect
    silence: Silence
    card: Card
    names: Names = Names.NOTHING
    sends: tuple[int, ...] = ()
    undoes: Kind | None = None  # What its original must be.
    pin: bool = True  # Whether a PIN may go with it; the card and the profile have their say too.
    account: str = ""

    @property
    def advice(self) -> bool:
        return self.silence is Silence.REPEAT

    @property
    def reversible(self) -> bool:
        return self.silence is Silence.REVERSE


_D, _C, _N = Effect.DEBIT, Effect.CREDIT, Effect.NONE
_REV, _REP, _UNK, _NO = Silence.REVERSE, Silence.REPEAT, Silence.UNKNOWN, Silence.NOTHING
_FULL, _READ, _TYPED, _SEALED = Card.FULL, Card.READ, Card.TYPED, Card.NONE
_STAN, _DATE, _WHO = Names.STAN, Names.DATE, Names.AUTHORISER
_RA, _R, _A = (37, 38), (37,), (38,)
K = Kind

# fmt: off
_ROWS = (
    Row(K.SALE,                 "0200", "000000", "00", "22", _D, _REV, _FULL),
    Row(K.VOID,                 "0200", "200000", "00", "23", _C, _REV, _READ, _STAN, _RA, K.SALE),
    Row(K.REFUND,               "0220", "200000", "00", "25", _C, _UNK, _READ, _DATE, _R, K.SALE, pin=False),
    Row(K.BALANCE,              "0200", "310000", "00", "01", _N, _NO, _FULL),
    Row(K.AUTH,                 "0100", "030000", "06", "10", _N, _REV, _FULL),
    Row(K.AUTH_VOID,            "0100", "200000", "06", "11", _N, _REV, _READ, _DATE, _A, K.AUTH),
    Row(K.COMPLETION,           "0200", "000000", "06", "20", _D, _REV, _READ, _DATE, _A, K.AUTH),
    Row(K.COMPLETION_VOID,      "0200", "200000", "06", "21", _C, _REV, _READ, _STAN, _RA, K.COMPLETION),
    Row(K.COMPLETION_NOTICE,    "0220", "000000", "06", "24", _D, _REP, _READ, _DATE, _A, K.AUTH, pin=False),
    Row(K.TIP,                  "0220", "000000", "00", "34", _D, _REP, _SEALED, _STAN, _RA, K.SALE, pin=False),
    Row(K.OFFLINE_SETTLEMENT,   "0220", "000000", "00", "30", _D, _REP, _READ, _WHO, _A, pin=False),
    Row(K.OFFLINE_SALE,         "0220", "000000", "00", "36", _D, _REP, _FULL, pin=False),
    Row(K.MOTO_SALE,            "0200", "000000", "08", "22", _D, _REV, _TYPED, pin=False),
    Row(K.MOTO_VOID,            "0200", "200000", "08", "23", _C, _REV, _SEALED, _STAN, _RA, K.MOTO_SALE, pin=False),
    Row(K.MOTO_REFUND,          "0220", "200000", "08", "25", _C, _UNK, _TYPED, _DATE, _R, K.MOTO_SALE, pin=False),
    Row(K.MOTO_AUTH,            "0100", "030000", "08", "10", _N, _REV, _TYPED, pin=False),
    Row(K.MOTO_AUTH_VOID,       "0100", "200000", "08", "11", _N, _REV, _TYPED, _DATE, _A, K.MOTO_AUTH, pin=False),
    Row(K.MOTO_COMPLETION,      "0200", "000000", "08", "20", _D, _REV, _TYPED, _DATE, _A, K.MOTO_AUTH, pin=False),
    Row(K.MOTO_COMPLETION_VOID, "0200", "200000", "08", "21", _C, _REV, _SEALED, _STAN, _RA, K.MOTO_COMPLETION,
        pin=False),
    Row(K.INSTALMENT,           "0200", "000000", "64", "22", _D, _REV, _FULL),
    Row(K.INSTALMENT_VOID,      "0200", "200000", "64", "23", _C, _REV, _READ, _STAN, _RA, K.INSTALMENT),
    Row(K.POINTS,               "0200", "000000", "65", "22", _D, _REV, _FULL, account="048"),
    Row(K.POINTS_VOID,          "0200", "200000", "65", "23", _C, _REV, _READ, _STAN, _RA, K.POINTS, account="048"),
    Row(K.POINTS_REFUND,        "0220", "200000", "65", "25", _C, _UNK, _READ, _DATE, _R, K.POINTS, pin=False,
        account="048"),
    # 信用卡还款 has no code in public sources: these are ours, and a profile's to change.
    Row(K.REPAYMENT,            "0200", "190000", "00", "35", _D, _REV, _FULL),
    Row(K.REPAYMENT_VOID,       "0200", "200000", "00", "38", _C, _REV, _READ, _STAN, _RA, K.REPAYMENT),
)
# fmt: on

def void_of(rows: Mapping[Kind, Row], kind: Kind) -> Row | None:
    """The row that takes a payment of this kind back whole, by its STAN; None when there is none."""
    return next(
        (r for r in rows.values() if r.undoes is kind and r.names is Names.STAN and r.effect is Effect.CREDIT), None
    )


TRANSACTIONS: Mapping[Kind, Row] = MappingProxyType({row.kind: row for row in _ROWS})
