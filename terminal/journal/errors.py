"""What can go wrong with the journal. Messages name keys, rows and files, never values."""

from __future__ import annotations

from pathlib import Path


class JournalError(Exception):
    """The journal refused; nothing was changed."""


class JournalBroken(JournalError):
    """The engine or the disk failed. Nothing may be assumed about the last transaction: restart and recover.

    The journal is unusable afterwards. Trying again in the same process is how a failed sync becomes a
    silent loss: the kernel may have dropped the dirty pages and would report success the second time.
    """


class JournalInUse(JournalError):
    """Another terminal (or a tool) holds the journal of this folder."""

    def __init__(self, lock: Path) -> None:
        super().__init__(
            f"the journal is in use by another process; end it first (lock: {lock})"
            " · 日志正被另一个程序使用，请先结束它"
        )


class JournalNewer(JournalError):
    """The file was written by a newer program; an older one would misread it."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"the journal has schema {found}, this program knows {known}: install the newer program")


class NotAJournal(JournalError):
    """The file is a database, but not a journal of this program."""


class ChainBroken(JournalError):
    """The hash chain does not hold. `n` is the first event that is wrong."""

    def __init__(self, n: int, reason: str) -> None:
        super().__init__(f"event {n}: {reason}")
        self.n = n
        self.reason = reason


class SecretRefused(JournalError):
    """A value looked like a PAN, a track or a PIN. `key` is its name; the value is not repeated."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key!r} may not enter the journal: {reason}")
        self.key = key
