"""The host's side of DUKPT: the keys of one message, from the base key and the KSN that the message says.

A KSN belongs to the terminal that was first heard with it. Its counter may repeat, because a line may (the book then
finds the duplicate), but never go back: an older message is one that somebody has kept.

Spec: docs/host-link.md §15; ANSI X9.24-1:2009 Annex A.
"""

from __future__ import annotations

import hmac

from keys import KeyRefused, MacMethod, mac_methods, tdes
from keys.dukpt_tdes import TdesUse, host_keys
from keys.ksn import TDES_KSN, Ksn
from keys.testkeys import BY_NAME
from keys.usage import Algorithm
from sim.acquirer.book import TerminalId
from sim.acquirer.hostkeys import decipher, pin_of
from terminal.hostlink.codec import Message
from terminal.hostlink.messages import mac_wire_bytes, shown_mac
from terminal.hostlink.profile import Profile

_USES = (TdesUse.PIN, TdesUse.MAC_REQUEST, TdesUse.MAC_RESPONSE)


class MessageKeys:
    """What `hostkeys.WorkingKeys` is to a terminal, for one message and its answer."""

    def __init__(self, bdk: bytes, ksn: Ksn, profile: Profile) -> None:
        base = bytearray(bdk)
        with host_keys(base, ksn, *_USES) as made:
            self._pin, self._request, self._response = (bytes(made.key(use)) for use in _USES)
        tdes.wipe(base)
        self._profile = profile

    def __repr__(self) -> str:
        return "MessageKeys(…)"

    def mac(self, data: bytes) -> bytes:
        """An answer's F64 as it lies on the wire."""
        return self._shown(self._response, data)

    def mac_ok(self, data: bytes, told: bytes) -> bool:
        """Whether a request's F64, as it lies on the wire, is its MAC."""
        return hmac.compare_digest(self._shown(self._request, data), told)

    def _shown(self, key: bytes, data: bytes) -> bytes:
        made = shown_mac(_mac(self._profile.mac, key, data), self._profile)
        return made if len(made) == mac_wire_bytes(self._profile) else made.hex().upper().encode("ascii")

    def pin(self, block: bytes, pan: str) -> str | None:
        """The PIN of a block of format 0; None when it is none, or of another message."""
        return pin_of(decipher(self._pin, block), pan)

    def track(self, hidden: str) -> str:
        """As it came: no track is encrypted here, whatever F53 looks like, which is a KSN."""
        return hidden


def _mac(method: MacMethod, key: bytes, data: bytes) -> bytes:
    own = bytearray(key)
    try:
        return mac_methods.compute(method, Algorithm.TDES, own, data)
    finally:
        tdes.wipe(own)


class DukptDesk:
    """Whose KSN is whose, and how far each has counted."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._owners: dict[bytes, TerminalId] = {}
        self._reached: dict[bytes, int] = {}

    def keys(self, terminal: TerminalId, message: Message) -> MessageKeys:
        """The keys of a message. Raises KeyRefused: no KSN, another terminal's, or one that went back."""
        try:
            ksn = Ksn.parse(TDES_KSN, bytes.fromhex(message.text(self._profile.ksn_field).strip())).for_use()
        except ValueError:
            raise KeyRefused("a KSN is twenty hex digits") from None
        if self._owners.setdefault(ksn.identity, terminal) != terminal:
            raise KeyRefused("this KSN is another terminal's")
        if ksn.counter < self._reached.get(ksn.identity, 0):
            raise KeyRefused("this KSN has been passed")
        return MessageKeys(BY_NAME["bdk"], ksn, self._profile)

    def took(self, message: Message) -> None:
        """Its MAC was good: no older message will be taken. Until then anybody could have made it up."""
        ksn = Ksn.parse(TDES_KSN, bytes.fromhex(message.text(self._profile.ksn_field).strip()))
        self._reached[ksn.identity] = ksn.counter
