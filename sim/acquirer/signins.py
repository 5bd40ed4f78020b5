"""Who is signed in, and with which working keys: in memory, and in the book where that keeps them.

A book keeps a sign-in as the key block that went to the terminal, under its master key. So a host that was started
again, or another process on the same book, knows the terminal's keys; a block that does not open (the master key is
another one now) is as good as none, and the terminal signs in anew.
"""

from __future__ import annotations

from sim.acquirer.book import Book, TerminalId
from sim.acquirer.hostkeys import SCHEMES, HostKeys, WorkingKeys
from sim.acquirer.registry import TerminalRow
from terminal.hostlink.profile import Profile


class SignIns:
    def __init__(self, book: Book, profile: Profile) -> None:
        self._book = book
        self._profile = profile
        self._keys: dict[TerminalId, HostKeys] = {}
        self._known: dict[TerminalId, str] = {}  # The block that each terminal's keys are of.

    def keys(self, terminal: TerminalId) -> HostKeys | None:
        return self._keys.get(terminal)

    def put(self, terminal: TerminalId, keys: HostKeys) -> None:
        """Keys that are of one message only, or that no book keeps."""
        self._keys[terminal] = keys

    def sign_in(self, row: TerminalRow, keys: WorkingKeys, layout: str) -> None:
        terminal = row.merchant_no, row.terminal_no
        self._keys[terminal] = keys
        self._known[terminal] = f"{layout}:{keys.block(row.tmk, layout).hex()}"
        self._book.keep_keys(terminal, self._known[terminal])

    def sign_out(self, terminal: TerminalId) -> None:
        self._keys.pop(terminal, None)
        self._known[terminal] = ""
        self._book.keep_keys(terminal, "")

    def forget(self) -> None:
        """Whatever only this process knew is gone."""
        self._keys.clear()
        self._known.clear()

    def recall(self, row: TerminalRow) -> None:
        """Take what the book says, if that is something new."""
        terminal = row.merchant_no, row.terminal_no
        kept = self._book.key_block(terminal)
        if kept is None or self._profile.dukpt or kept == self._known.get(terminal, ""):
            return
        self._known[terminal] = kept
        layout, _, block = kept.partition(":")
        scheme = self._profile.key_cipher
        opened = (
            WorkingKeys.of_block(row.tmk, bytes.fromhex(block), scheme, self._profile.mac)
            if layout in SCHEMES[scheme][1]
            else None
        )
        if opened is None:
            self._keys.pop(terminal, None)
        else:
            self._keys[terminal] = opened
