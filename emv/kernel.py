"""The contact kernel: the steps of a transaction in the Books' order, and nothing else."""

from __future__ import annotations

from emv.commands import Outcome
from emv.session import AidEntry, Session, TerminalProfile, TransactionData

__all__ = ["AidEntry", "Session", "TerminalProfile", "TransactionData", "contact_session"]


async def contact_session(session: Session) -> Outcome:
    """Run one card through one transaction."""
    raise NotImplementedError
