"""An acquirer and a caller over it, on a clock of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sim.acquirer import Account, Acquirer
from sim.acquirer.book import Entry
from sim.acquirer.caller import Caller, new_card
from sim.card.profiles import PROFILES
from terminal.hostlink.card_messages import Original
from terminal.hostlink.codec import Message
from terminal.model import Kind

NOON = 1_795_233_600_000  # 2026-11-21 04:00:00 UTC: noon in China.
CREDIT = "unionpay-credit-pin"


class Bench:
    """`do` sends any kind of transaction; `last` is what it sent, `original` how a later one names it."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.now_ms = NOON
        self.acquirer = Acquirer(**options)  # type: ignore[arg-type]  # A test names them.
        self.caller = Caller(self.send, self.acquirer.profile, folder)
        self.last: Message | None = None
        self.original = Original()

    def send(self, frame: bytes) -> tuple[bytes, ...]:
        return self.acquirer.handle(frame, self.now_ms)

    def signed_in(self) -> Bench:
        self.caller.sign_in()
        return self

    def account(self, name: str = CREDIT) -> Account:
        return self.acquirer.registry.accounts[PROFILES[name].pan]

    def do(
        self,
        kind: Kind,
        amount_minor: int,
        about: Original | None = None,
        *,
        card: str = CREDIT,
        pin: str = "",
        extra: Mapping[int, str | bytes] | None = None,
        without: tuple[int, ...] = (),
    ) -> Message:
        """The answer. `about` names the original; `extra` adds or changes fields, `without` leaves some out."""
        request = self.caller.request(
            kind, amount_minor, new_card(card), pin=pin, original=about, extra=extra
        )
        for number in without:
            request = request.without(number)
        self.last = request
        reply = self.caller.call(request, mac=True)
        assert reply is not None, "the host was silent"
        self.original = self.caller.original(request, reply)
        return reply

    def reverse(self, request: Message, kind: Kind) -> str:
        return code(self.caller.reverse(request, kind=kind))

    def entry(self, original: Original) -> Entry:
        found = self.acquirer.book.batch(
            (self.caller.terminal.merchant_no, self.caller.terminal.terminal_no), original.batch_no
        )
        assert found is not None
        return found.entries[original.stan]


def code(reply: Message | None) -> str:
    assert reply is not None, "the host was silent"
    return reply.text(39)
