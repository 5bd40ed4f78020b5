"""What an entry does to the cardholder's account, and how it is undone: all of it from the kind's row.

A debit takes money (or points), a credit gives it back, a hold is only a promise. A repayment also lowers what is owed
on the credit account. Doing and undoing are one sum with two signs, so that no kind can be undone in another way than
it was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim.acquirer.book import Entry
from sim.acquirer.registry import Account
from terminal.hostlink.transactions import TRANSACTIONS, Effect
from terminal.model import Kind

DO, UNDO = 1, -1
_SIGNS: Mapping[Effect, int] = MappingProxyType({Effect.DEBIT: -1, Effect.CREDIT: 1, Effect.NONE: 0})
_REPAYS = (Kind.REPAYMENT, Kind.REPAYMENT_VOID)


def move(account: Account, entry: Entry, direction: int = DO) -> None:
    """Change the account by this entry; UNDO takes exactly that back."""
    row = TRANSACTIONS[entry.kind]
    minor = direction * _SIGNS[row.effect] * entry.amount_minor
    if row.account:
        account.points_minor += minor
    else:
        account.balance_minor += minor
    if entry.kind in _REPAYS:
        account.owed_minor += minor
    account.held_minor += direction * entry.held_minor


def can_pay(account: Account, entry: Entry) -> bool:
    """Whether there is money (or points) for it. What it releases of a hold may be spent."""
    row = TRANSACTIONS[entry.kind]
    if row.account:
        return account.points_minor >= entry.amount_minor
    taken = entry.amount_minor if row.effect is Effect.DEBIT else 0
    return account.available_minor >= taken + entry.held_minor
