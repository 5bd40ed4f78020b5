"""The card reader without a wire: a card is an object, and putting it in is a call.

GET RESPONSE and 6Cxx go through the same `apdu_chain` as under the real reader, so a T=0 card needs its chain
here too. What goes wrong is arranged beforehand: a tear at the n-th command, a reader unplugged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from drivers.apdu_chain import exchange
from drivers.atr import Atr, AtrError, parse_atr
from drivers.ports import CardGone, CardMute, DeviceError, Presence
from sim.card.hostile import CardPulled

DEVICE = "card reader"
RESET_MS = 60


class ChipCard(Protocol):
    """What can be put in: the reset's answer (empty when mute) and raw responses, data then SW1 SW2."""

    def reset(self, *, warm: bool = False) -> bytes: ...

    def transmit(self, capdu: bytes) -> bytes: ...


class TwinCardReader:
    """Meets `drivers.ports.CardReader`. `insert`, `remove`, `unplug` and `plug` are the world's side.

    `spend(ms)`, if given, is told what each command costs (sim.loop.SimLoop.spend), `command_ms` a command.
    """

    def __init__(self, *, spend: Callable[[int], None] = lambda ms: None, command_ms: int = 15) -> None:
        self._spend = spend
        self._command_ms = command_ms
        self._lock = threading.RLock()  # The panel's thread inserts while the device's thread transceives.
        self._tell: Callable[[Presence], None] = lambda presence: None
        self._told: Presence | None = None
        self._card: ChipCard | None = None
        self._atr: Atr | None = None  # Of the powered card.
        self._plugged = True
        self._tear_in: int | None = None
        self.on_apdu: Callable[[bytes, bytes], None] = lambda command, answer: None  # Who listens on the contacts.

    # The port.

    def watch(self, on_presence: Callable[[Presence], None]) -> None:
        with self._lock:
            self._tell, self._told = on_presence, None
            self._report()

    def power_on(self) -> bytes:
        with self._lock:
            self._atr = None
            if not self._plugged:
                raise DeviceError(DEVICE, "the reader was unplugged; plug it in again")
            told = ""
            for warm in (False, True):
                if self._card is None:
                    raise CardGone(DEVICE, "there is no card; insert one and leave it in")
                self._spend(RESET_MS)
                answer = self._card.reset(warm=warm)
                try:
                    self._atr = parse_atr(answer)
                except AtrError as broken:
                    told = str(broken)
                    continue
                return answer
            raise CardMute(DEVICE, f"the card does not answer; is it upside down? ({told})")

    def transceive(self, capdu: bytes) -> bytes:
        with self._lock:
            if self._atr is None:
                raise CardGone(DEVICE, "no card is powered; insert one")
            t0 = 1 not in self._atr.protocols  # Offered both, pcscd takes T=1; so does its twin.
            return exchange(self._transmit, capdu, t0=t0)

    def power_off(self) -> None:
        with self._lock:
            self._atr = None

    def close(self) -> None:
        with self._lock:
            self._atr = None
            self._tell = lambda presence: None

    # The world.

    def insert(self, card: ChipCard, *, tear_at: int | None = None) -> None:
        """Put a card in. With `tear_at` it is pulled out during the n-th command (1 is the first) after this.

        The card has still carried that command out; only its answer is lost. Raises ValueError if one is in.
        """
        with self._lock:
            if self._card is not None:
                raise ValueError("there is a card in the reader already")
            if tear_at is not None and tear_at < 1:
                raise ValueError("commands count from 1")
            self._card, self._tear_in = card, tear_at
            self._report()

    @property
    def holds_card(self) -> bool:
        return self._card is not None

    @property
    def card(self) -> ChipCard | None:
        """The one that is in."""
        return self._card

    @property
    def plugged(self) -> bool:
        return self._plugged

    def remove(self) -> None:
        """Pull the card out, if there is one."""
        with self._lock:
            self._card = self._atr = self._tear_in = None
            self._report()

    def unplug(self) -> None:
        """Pull the reader's plug; a card stays in its slot but loses power."""
        with self._lock:
            self._plugged, self._atr = False, None
            self._report()

    def plug(self) -> None:
        with self._lock:
            self._plugged = True
            self._report()

    def take_over(self, before: TwinCardReader) -> None:
        """The card that stuck in another one, and its plug."""
        with self._lock:
            self._card, self._plugged = before._card, before._plugged
            self._report()

    def _transmit(self, command: bytes) -> bytes:
        card = self._card
        if card is None:
            raise CardGone(DEVICE, "the card left during a command; insert it again and leave it in")
        self._spend(self._command_ms)
        try:
            response = card.transmit(command)
            self.on_apdu(command, response)
        except CardPulled:
            self.remove()
            raise CardGone(DEVICE, "the card left during a command; insert it again and leave it in") from None
        if self._tear_in is not None:
            self._tear_in -= 1
            if self._tear_in == 0:
                self.remove()
                raise CardGone(DEVICE, "the card left during a command; insert it again and leave it in")
        return response

    def _report(self) -> None:
        if not self._plugged:
            presence = Presence.READER_LOST
        else:
            presence = Presence.ABSENT if self._card is None else Presence.PRESENT
        if presence is not self._told:
            self._told = presence
            self._tell(presence)
