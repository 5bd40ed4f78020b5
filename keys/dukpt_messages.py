"""DUKPT as a conversation uses it: one transaction a message, for its PIN block, its MAC and the answer's MAC.

A PIN is encrypted before its message is made, and the answer's MAC comes after it has left; so two transactions may be
in hand, the one that waits for its message and the one that waits for its answer. Each is wiped when the next takes
its place, at the latest by `wipe`; a message with a PIN block is only ever authenticated by that block's own
transaction.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from keys.dukpt_handle import DukptTransaction, DukptUse
from keys.errors import KeyRefused
from keys.mac_methods import MacMethod
from keys.pin import Pin

USES = (DukptUse.PIN, DukptUse.MAC, DukptUse.MAC_RESPONSE)


class DukptMessages:
    """One terminal's messages. `take(*uses)` gives the next transaction (KeyStore.next_transaction)."""

    def __init__(self, take: Callable[..., DukptTransaction]) -> None:
        self._take = take
        self._typed: tuple[bytes, DukptTransaction] | None = None  # A PIN block, and whose it is.
        self._sent: DukptTransaction | None = None

    def __repr__(self) -> str:
        return "DukptMessages(…)"

    def pin_block(self, pin: Pin, pan: str) -> bytes:
        """Format 0 under the next transaction, which is kept for the message. Raises as `KeyStore.next_transaction`."""
        self._forget_typed()
        transaction = self._take(*USES)
        try:
            block = transaction.pin_block(pin, pan)
        except KeyRefused:
            transaction.wipe()
            raise
        self._typed = block, transaction
        return block

    def begin(self, pin_block: bytes = b"") -> bytes:
        """A message begins: its KSN. With a PIN block the transaction is the block's, else the next one.

        Raises KeyRefused for a block that is not the last one made, and as `KeyStore.next_transaction`.
        """
        if pin_block:
            if self._typed is None or not hmac.compare_digest(self._typed[0], pin_block):
                raise KeyRefused("the PIN block's keys are gone: it has to be typed again")
            transaction, self._typed = self._typed[1], None
        else:
            transaction = self._take(*USES[1:])
        if self._sent is not None:
            self._sent.wipe()
        self._sent = transaction
        return transaction.ksn

    def mac(self, data: bytes, method: MacMethod) -> bytes:
        """The whole MAC of the message that has begun. Raises KeyRefused."""
        return self._message().mac(data, method)

    def mac_ok(self, data: bytes, mac: bytes, method: MacMethod) -> bool:
        """Whether it is the MAC of an answer to that message. Raises KeyRefused."""
        return self._message().mac_ok(data, mac, method)

    def wipe(self) -> None:
        """Nobody waits for an answer any more."""
        self._forget_typed()
        if self._sent is not None:
            self._sent.wipe()
            self._sent = None

    def _message(self) -> DukptTransaction:
        if self._sent is None:
            raise KeyRefused("no message has begun")
        return self._sent

    def _forget_typed(self) -> None:
        if self._typed is not None:
            self._typed[1].wipe()
            self._typed = None
