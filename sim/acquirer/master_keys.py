"""The host's side of a TMK download: a new key beside the old one, until the terminal has told that it has it.

Asked again it gives the same key again. A check value that is neither the new key's nor the old one's is answered 25.
The new key is drawn, or where the terminal takes published keys only, is one of those.

Spec: docs/host-link.md §4 (TMK download).
"""

from __future__ import annotations

import hmac
from dataclasses import replace

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from sim.acquirer.book import TerminalId
from sim.acquirer.registry import Registry, TerminalRow

KCV_BYTES = 4
# SP 800-38A's AES key, as any sixteen bytes: published, so that a terminal of the laboratory takes it.
PUBLISHED = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")


class MasterKeys:
    """New TMKs that terminals have asked for and not yet confirmed: each is the published one."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._waiting: dict[TerminalId, bytes] = {}

    def block(self, terminal: TerminalId, row: TerminalRow) -> bytes:
        """F62 of the answer: the new key under the present one, and its check value."""
        fresh = self._waiting.setdefault(terminal, PUBLISHED)
        return _encrypted(row.tmk, fresh) + _check_value(fresh)

    def taken(self, terminal: TerminalId, row: TerminalRow, kcv: bytes) -> bool:
        """Whether the terminal has a key that we know; if it is the new one, it is the terminal's from now on."""
        fresh = self._waiting.get(terminal)
        if fresh is not None and hmac.compare_digest(_check_value(fresh), kcv):
            self._registry.add_terminal(replace(row, tmk=self._waiting.pop(terminal)))
            return True
        return hmac.compare_digest(_check_value(row.tmk), kcv)


def _encrypted(key: bytes, data: bytes) -> bytes:
    return Cipher(TripleDES((key + key[:8])[:24]), modes.ECB()).encryptor().update(data)


def _check_value(key: bytes) -> bytes:
    return _encrypted(key, bytes(8))[:KCV_BYTES]
