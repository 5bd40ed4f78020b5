"""An acquirer that approves every kind of card transaction in an open batch, and remembers what it was sent.

For stories about the terminal's own part: what it asks, keeps, prints and refuses. What a host refuses is shown with
the acquirer's own desks.
"""

from __future__ import annotations

from sim.acquirer import Acquirer
from sim.acquirer.requests import DUPLICATE, Answer, Refused, Request
from terminal.hostlink.codec import Message
from terminal.hostlink.messages import SALE


class ApprovingHost(Acquirer):
    """`asked`: each request that is not a plain sale, oldest first; `balance` is field 54 of an answer."""

    def __init__(self, seed: int = 7) -> None:
        super().__init__(seed=seed)
        self.asked: list[Message] = []
        self.balance = ""

    def _money(self, request: Request) -> Answer:
        message = request.message
        if _is_plain(message) and message.mti == "0200" or message.text(3)[0] == "7":
            return super()._money(request)
        batch, stan = self._open_batch(request), message.text(11)
        if stan in batch.stans:
            raise Refused(DUPLICATE)
        batch.stans.add(stan)
        self.asked.append(Message(message.mti, message.fields))
        fields: dict[int, str | bytes] = {15: request.date, 37: self.book.next_rrn(request.date), 38: f"9{stan[1:]}"}
        if self.balance and message.text(3) == "310000":
            fields[54] = self.balance
        return Answer("00", fields)

    def _reversal(self, request: Request) -> Answer:
        if _is_plain(request.message):
            return super()._reversal(request)
        self.asked.append(request.message)
        return Answer("00")


def _is_plain(message: Message) -> bool:
    return message.text(3) == SALE and message.text(25) == "00"
