"""The journal: what the terminal knows, durable before anything depends on it.

One SQLite file (apsw, WAL, synchronous=FULL). Its heart is an append-only, hash-chained table of events;
beside it stand projections (payments, settings, counters, slips, the mode) that change in the same
transaction as the event that changes them, by the same function that would rebuild them from the events. So
the two cannot disagree, and a test folds the one into the other.

The order of things is the rule of the house: journal, sync, then send. `Journal.transact` returns when the
disk has the transaction; whatever leaves the terminal afterwards may rely on it.

Only this room opens the journal. In its process no other code may open, hash or copy `journal.db*`, by any
library: closing a second descriptor drops SQLite's POSIX locks. Readers call `events_after`, backups
`backup`.

What may be in it: see screening.py. No PAN beyond 6+4, no track, no PIN block; `sealed` holds ciphertext
that dies with its batch's key, and no event carries it.
"""

from terminal.journal.errors import (
    ChainBroken,
    JournalBroken,
    JournalError,
    JournalInUse,
    JournalNewer,
    NotAJournal,
    SecretRefused,
)
from terminal.journal.events import JSON, Event
from terminal.journal.records import PaymentRecord, SlipRecord, Total, UploadRecord
from terminal.journal.screening import harmless
from terminal.journal.store import Journal
from terminal.journal.tx import UPLOADS_LIMIT, Tx

__all__ = [
    "JSON",
    "UPLOADS_LIMIT",
    "ChainBroken",
    "Event",
    "Journal",
    "JournalBroken",
    "JournalError",
    "JournalInUse",
    "JournalNewer",
    "NotAJournal",
    "PaymentRecord",
    "SecretRefused",
    "SlipRecord",
    "Total",
    "Tx",
    "UploadRecord",
    "harmless",
]
