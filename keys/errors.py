"""What the key room refuses. Messages never hold a key, a PIN or a block."""

from __future__ import annotations

from keys.refs import Usage


class KeyRefused(Exception):
    """A key is missing, may not do this, or did not unwrap.

    All unwrap failures read the same: a message that told them apart would help only an attacker.
    """


class KcvMismatch(KeyRefused):
    """A working key's check value is wrong; all working keys were discarded."""

    def __init__(self, which: Usage) -> None:
        super().__init__(f"the check value of the {which.name} is wrong; all working keys were discarded")
        self.which = which
