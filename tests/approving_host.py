"""An acquirer that approves every kind of card transaction in an open batch, and remembers what it was sent.

For stories about the terminal's own part: what it asks, keeps, prints and refuses. What a host refuses is shown with
the acquirer's own desks.
"""

from __future__ import annotations

from typing import Any

from sim.acquirer import Acquirer
from sim.acquirer.requests import DUPLICATE, Answer, Refused, Request
from terminal.hostlink.codec import Message
from terminal.hostlink.messages import SALE


class ApprovingHost(Acquirer):
    """`asked`: each request that is not a plain sale, oldest first; `balance` is field 54 of an answer."""

    def __init__(self, seed: int = 7) -> None:
        super().__init__(seed=seed)
        self._mti = ""
        self.asked: list[Message] = []
        self.balance = ""

    def _judge(self, message: Message, *rest: Any) -> Answer:
        """Every kind is looked at as a 0200 is: registered, signed in, its MAC good."""
        self._mti = message.mti
        if message.mti in ("0100", "0220"):
            message = Message("0200", message.fields)
        return super()._judge(message, *rest)

    def _other(self, request: Request) -> Answer:
        keys, stan = self._keys[request.terminal], request.message.text(11)
        batch = self._open_batch(request, keys)
        if stan in batch.stans:
            raise Refused(DUPLICATE, keys)
        batch.stans.add(stan)
        self.asked.append(Message(self._mti, request.message.fields))
        fields: dict[int, str | bytes] = {15: request.date, 37: self.book.next_rrn(request.date), 38: f"9{stan[1:]}"}
        if self.balance and request.message.text(3) == "310000":
            fields[54] = self.balance
        return Answer("00", fields, keys)

    def _sale_or_order(self, request: Request) -> Answer:
        plain = self._mti == "0200" and request.message.text(3) == SALE and request.message.text(25) == "00"
        order = request.message.text(3)[0] == "7"
        return super()._sale_or_order(request) if plain or order else self._other(request)

    def _reversal(self, request: Request) -> Answer:
        if request.message.text(3) == SALE and request.message.text(25) == "00":
            return super()._reversal(request)
        self.asked.append(request.message)
        return Answer("00", {}, self._keys[request.terminal])
