"""RIGHTS: who may do what, one row a menu entry or transaction, one column a role.

Each role may what the one before it may. What takes money back, or trusts a number that was only told, wants a
supervisor every time, whoever is signed in: a terminal that lies there signed in is nobody's consent. A merchant may
name other transactions for that (`[transactions] supervisor`), but never lift a NO.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Role(Enum):
    """The value is the journal's word, and the phrase's in the room "role"."""

    CASHIER = "cashier"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"

    def is_at_least(self, other: Role) -> bool:
        order = tuple(Role)
        return order.index(self) >= order.index(other)


class Right(Enum):
    MAY = "may"
    ASK = "ask"  # A supervisor logs in for it, there and then.
    NO = "no"


_Y, _A, _N = Right.MAY, Right.ASK, Right.NO
# fmt: off
RIGHTS: Mapping[str, tuple[Right, Right, Right]] = MappingProxyType(
    {
        #                    cashier  supervisor  administrator
        "sale":               (_Y, _Y, _Y),
        "void":               (_A, _A, _A),
        "refund":             (_A, _A, _A),
        "order-refund":       (_A, _A, _A),
        "order-query":        (_Y, _Y, _Y),
        "signature":          (_Y, _Y, _Y),  # At once, while the cardholder stands there.
        "tip":                (_Y, _Y, _Y),
        "instalment":         (_Y, _Y, _Y),
        "points":             (_Y, _Y, _Y),
        "points-refund":      (_A, _A, _A),
        "auth":               (_Y, _Y, _Y),
        "auth-void":          (_A, _A, _A),
        "completion":         (_Y, _Y, _Y),
        "completion-notice":  (_Y, _Y, _Y),
        "moto-sale":          (_A, _A, _A),
        "moto-refund":        (_A, _A, _A),
        "moto-auth":          (_A, _A, _A),
        "moto-auth-void":     (_A, _A, _A),
        "moto-completion":    (_A, _A, _A),
        "balance":            (_Y, _Y, _Y),
        "repayment":          (_Y, _Y, _Y),
        "offline-settlement": (_A, _A, _A),  # A code that was only told.
        # The main menu.
        "transactions":       (_Y, _Y, _Y),  # Each has its own row above.
        "today":              (_Y, _Y, _Y),
        "reprint":            (_Y, _Y, _Y),
        "settlement":         (_Y, _Y, _Y),
        "query":              (_Y, _Y, _Y),
        "sign_in":            (_Y, _Y, _Y),
        "language":           (_Y, _Y, _Y),
        "self_test":          (_Y, _Y, _Y),
        "set_clock":          (_A, _Y, _Y),
        "operator":           (_Y, _Y, _Y),
        "load_keys":          (_N, _N, _Y),
        "add_operator":       (_N, _Y, _Y),
        "downloads":          (_N, _Y, _Y),
        "host":               (_Y, _Y, _Y),
        "reports":            (_Y, _Y, _Y),
        "news":               (_Y, _Y, _Y),
        # On the menu of reports.
        "reconcile":          (_A, _Y, _Y),  # What the shop has taken, and what is kept of it.
        "static_code":        (_Y, _Y, _Y),
    }
)
# fmt: on


def right(role: Role, entry: str, wants_supervisor: tuple[str, ...] | None = None) -> Right:
    """What a role may do of an entry. `wants_supervisor` replaces ASK for transactions; None leaves the table's."""
    given = RIGHTS[entry][tuple(Role).index(role)]
    if wants_supervisor is None or given is Right.NO or entry not in TRANSACTIONS:
        return given
    return Right.ASK if entry in wants_supervisor else Right.MAY


TRANSACTIONS = tuple(RIGHTS)[: tuple(RIGHTS).index("transactions")]


def least(entry: str) -> Role:
    """The first role that is not refused."""
    return next(role for role in Role if right(role, entry) is not Right.NO)
