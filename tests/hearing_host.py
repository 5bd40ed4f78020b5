"""The simulated acquirer, and what it was asked: every request about money on a card that is no plain sale."""

from __future__ import annotations

from sim.acquirer import Acquirer
from sim.card import PROFILES
from terminal.hostlink.codec import Message, decode
from terminal.hostlink.frame import unwrap

MONEY = ("0100", "0200", "0220", "0400")


class HearingHost(Acquirer):
    """`asked`: the requests, oldest first, those that were refused too."""

    def __init__(self, seed: int = 7) -> None:
        super().__init__(seed=seed)
        self.asked: list[Message] = []

    def handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        message = decode(unwrap(frame, self.profile).body, self.profile)
        plain = (message.text(3), message.text(25), message.text(60)[:2]) == ("000000", "00", "22")
        if message.mti in MONEY and not plain:
            self.asked.append(message)
        return super().handle(frame, now_ms)

    def set_balance(self, card: str, balance_minor: int) -> None:
        self.registry.accounts[PROFILES[card].pan].balance_minor = balance_minor
