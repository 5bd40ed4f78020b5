"""The simulated acquirer, and what it was told: every frame, or every request for a card's money but plain sales."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from sim.acquirer import Acquirer
from sim.card import PROFILES
from terminal.hostlink.codec import Message, decode
from terminal.hostlink.frame import unwrap

MONEY = ("0100", "0200", "0220", "0400")


class ToldHost(Acquirer):
    """`told`: its frames with their moments, so that another one can be brought to the same point."""

    def __init__(self) -> None:
        super().__init__(seed=7)
        self.told: list[tuple[bytes, int]] = []

    def handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        self.told.append((frame, now_ms))
        return super().handle(frame, now_ms)

    def brought_to(self, told: Iterable[tuple[bytes, int]]) -> Self:
        for frame, now_ms in told:
            self.handle(frame, now_ms)
        return self


class HearingHost(ToldHost):
    """`asked`: every request about money on a card that is no plain sale, oldest first, those that were refused too."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Message] = []

    def handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        message = decode(unwrap(frame, self.profile).body, self.profile)
        plain = (message.text(3), message.text(25), message.text(60)[:2]) == ("000000", "00", "22")
        if message.mti in MONEY and not plain:
            self.asked.append(message)
        return super().handle(frame, now_ms)

    def set_balance(self, card: str, balance_minor: int) -> None:
        self.registry.accounts[PROFILES[card].pan].balance_minor = balance_minor
