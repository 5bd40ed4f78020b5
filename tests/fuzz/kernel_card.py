"""The whole kernel with a card, a person and an issuer that answer as the fuzzer's bytes say.

Each answer of the card begins as an honest card's own. One byte of the input then says what becomes of it: nothing
(most often, or no run would come far), a byte changed, the end cut off, another status word, bytes of the input, or the
card is gone. People and issuer decide by a byte each. When the input ends, everybody is honest.

What must hold: the kernel asks a bounded number of times and ends in an Outcome, or in the CardError of a card that
left; and no approval that the issuer has not given.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from emv.aids import default_aids
from emv.capk import default_capks
from emv.commands import (
    AskOfflinePin,
    AskPin,
    CardError,
    ChooseApplication,
    Draw,
    GoOnline,
    OnlineAnswer,
    Outcome,
    PinResult,
    Result,
    Transceive,
    VerifyPin,
)
from emv.kernel import contact_session
from emv.session import Session, TerminalProfile, TransactionData
from emv.trace import APDUS_MAX
from sim.card import PROFILES, VirtualCard

REQUESTS_MAX = APDUS_MAX + 200  # Commands, and what is asked of people beside them.
# Those that sign cost ten times the others, so they come less often.
PLAIN = ("unionpay-credit-pin", "two-apps", "no-pse", "offline-pin-only", "format-77")
SIGNING = ("dda", "cda")
CARDS = PLAIN * 4 + SIGNING
PINS = tuple(PinResult)


class WentWrong(AssertionError):
    """What the kernel must never do."""


class Bytes:
    """The input, taken from the left; zeros behind its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        self.at += count
        return found


@cache
def _terminal() -> TerminalProfile:
    return TerminalProfile(aids=default_aids(), capabilities=bytes.fromhex("E0F8E8"), ca_keys=default_capks())


def run_kernel(data: bytes) -> Outcome | None:
    """One session; None when the card left. Raises WentWrong."""
    said = Bytes(data)
    card = VirtualCard(PROFILES[CARDS[said.byte() % len(CARDS)]])
    card.reset()
    session = Session(_terminal(), TransactionData(amount_minor=12_850, date="261126", time="120000", counter=1))
    steps = contact_session(session)
    answer: Any = None
    fault: CardError | None = None
    issuer_said_yes = False
    for _ in range(REQUESTS_MAX):
        try:
            request = steps.throw(fault) if fault else steps.send(answer)
        except StopIteration as end:
            outcome: Outcome = end.value
            if outcome.result is Result.APPROVED and not issuer_said_yes:
                raise WentWrong("approved, and the issuer has not said so") from None
            return outcome
        except CardError as gone:
            if not gone.removed:
                raise WentWrong("an error of the card came out of the kernel") from gone
            return None
        answer = fault = None
        try:
            answer = _answer(card, said, request)
        except CardError as left:
            fault = left
        if isinstance(request, GoOnline) and isinstance(answer, OnlineAnswer):
            issuer_said_yes = answer.response_code in session.terminal.approval_codes
    raise WentWrong(f"more than {REQUESTS_MAX} requests")


def _answer(card: VirtualCard, said: Bytes, request: object) -> Any:
    match request:
        case Transceive(capdu):
            return _spoilt(card.transmit(bytes(capdu)), said)
        case VerifyPin():
            return _spoilt(b"\x90\x00", said)
        case ChooseApplication(candidates):
            chosen = said.byte()
            return None if chosen == 0xFF else chosen % len(candidates)
        case AskPin() | AskOfflinePin():
            return PINS[said.byte() % len(PINS)]
        case GoOnline():
            return _issuer(said)
        case Draw(count):
            return bytes(range(count))
        case _:
            raise TypeError(type(request).__name__)


def _issuer(said: Bytes) -> OnlineAnswer | None:
    kind = said.byte()
    if kind < 0x80:
        return OnlineAnswer(b"00" if kind < 0x60 else b"05")
    if kind < 0xA0:
        return None
    return OnlineAnswer(said.take(2), said.take(said.byte() % 20), said.take(said.byte()))


def _spoilt(answer: bytes, said: Bytes) -> bytes:
    kind = said.byte()
    if kind < 0xC0:
        return answer
    if kind < 0xD0:
        place = said.byte() % len(answer)
        return answer[:place] + bytes((said.byte(),)) + answer[place + 1 :]
    if kind < 0xD8:
        return answer[: said.byte() % (len(answer) + 1)]
    if kind < 0xE8:
        return answer[:-2] + said.take(2)
    if kind < 0xF8:
        return said.take(said.byte())
    raise CardError("removed", removed=True)
