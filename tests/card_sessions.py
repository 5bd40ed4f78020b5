"""One card through the real kernel and the drivers' own command chain, with its issuer at the end of the line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drivers.apdu_chain import ChainBroken, exchange
from drivers.ports import CardGone
from emv.aids import default_aids
from emv.bits import TVR
from emv.commands import (
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
)
from emv.kernel import contact_session
from emv.session import Session, TerminalProfile, TransactionData
from sim.card import CardProfile, VirtualCard
from sim.card.hostile import CardPulled
from sim.card.model import ATR_T0
from sim.cryptograms import IssuerError
from sim.issuer import Issuer

GONE = "card-gone"
APDUS_MAX = 400


@dataclass(slots=True)
class Played:
    """How it ended. `reason` is the outcome's word, or GONE, or "card-fault" for a card that broke the transport."""

    reason: str
    result: Result | None
    tvr: TVR
    problem: str
    data: dict[int, bytes] = field(repr=False)
    genuine: bool | None = None  # What the issuer said of the cryptogram.
    waited_ms: int = 0


def play(
    profile: CardProfile,
    *,
    code: bytes | None = b"00",
    terminal: TerminalProfile | None = None,
    card: VirtualCard | None = None,
    amount_minor: int = 12850,
) -> Played:
    """A purchase at the default terminal, or at another; `code` None: the issuer is silent."""
    waited: list[int] = []
    card = card or VirtualCard(profile, wait=waited.append)
    t0 = card.reset() == ATR_T0
    transaction = TransactionData(amount_minor=amount_minor, date="261121", time="120000", counter=1)
    session = Session(terminal or TerminalProfile(aids=default_aids()), transaction)
    kernel = contact_session(session)
    genuine: list[bool] = []
    send: Callable[[Any], Any] = kernel.send
    answer: Any = None
    broken = ""
    for _ in range(APDUS_MAX):
        try:
            request = send(answer)
        except StopIteration as end:
            outcome: Outcome = end.value
            tvr = TVR(int.from_bytes(outcome.data[0x95], "big"))
            seen = genuine[0] if genuine else None
            reason = broken or outcome.reason
            return Played(reason, outcome.result, tvr, session.problem, outcome.data, seen, sum(waited))
        except CardError:
            return Played(GONE, None, session.tvr, session.problem, session.data)
        send, answer = kernel.send, None
        match request:
            case Transceive(capdu):
                try:
                    answer = exchange(card.transmit, capdu, t0=t0)
                except ChainBroken as fault:
                    broken = "card-fault"
                    send, answer = kernel.throw, CardError(str(fault))
                except (CardGone, CardPulled) as gone:
                    send, answer = kernel.throw, CardError(str(gone), removed=True)
            case Draw(count):
                answer = bytes(range(count))
            case ChooseApplication():
                answer = 0
            case AskPin():
                answer = PinResult.ENTERED
            case GoOnline(data):
                answer = _issuer(data, code, genuine)
            case _:
                raise TypeError(type(request).__name__)
    raise AssertionError(f"more than {APDUS_MAX} requests")


def _issuer(data: dict[int, bytes], code: bytes | None, genuine: list[bool]) -> OnlineAnswer | None:
    """The issuer refuses what it does not recognise."""
    if code is None:
        return None
    try:
        checked = Issuer().check(data[0x5A].hex().rstrip("f"), data.get(0x5F34, b"\x00").hex(), data)
    except IssuerError:
        genuine.append(False)
        return OnlineAnswer(b"59")
    genuine.append(checked.genuine)
    said = code if checked.genuine else b"59"
    return OnlineAnswer(said, checked.answer(said))
