"""One card through the real kernel and the drivers' own command chain, with its issuer at the end of the line.

The terminal is the product's own: its AID list, its CA keys, its capabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from drivers.apdu_chain import ChainBroken, exchange
from drivers.ports import CardGone
from emv.aids import default_aids
from emv.bits import TVR
from emv.capk import default_capks
from emv.commands import (
    AskOfflinePin,
    AskPin,
    CardError,
    ChooseApplication,
    Cryptogram,
    Draw,
    GoOnline,
    OnlineAnswer,
    Outcome,
    PinKey,
    PinResult,
    Result,
    Transceive,
    VerifyPin,
)
from emv.kernel import contact_session
from emv.profile import TerminalProfile, TransactionData
from emv.session import Session
from sim.card import CardProfile, VirtualCard
from sim.card.hostile import CardPulled
from sim.card.model import ATR_T0
from sim.cryptograms import IssuerError, format_2
from sim.issuer import AFTER_FINAL, CheckedCryptogram, Issuer, Order
from terminal.assembly import CAPABILITIES

GONE = "card-gone"
REQUESTS_MAX = 400


def shop_terminal(**changes: Any) -> TerminalProfile:
    """The terminal of terminal.assembly, or one that differs in something."""
    given: dict[str, Any] = {"aids": default_aids(), "capabilities": CAPABILITIES, "ca_keys": default_capks()}
    return TerminalProfile(**(given | changes))


@dataclass(slots=True)
class Bank:
    """The issuer at the end of the line. `code` None: silent. A cryptogram that is not genuine gets 59."""

    code: bytes | None = b"00"
    orders: tuple[Order, ...] = ()  # The script that comes with the answer,
    template: int = AFTER_FINAL
    arpc: str = "good"  # Or "bad", or "none".
    checked: CheckedCryptogram | None = None

    def answer(self, data: dict[int, bytes]) -> OnlineAnswer | None:
        if self.code is None:
            return None
        try:
            checked = Issuer().check(data[0x5A].hex().rstrip("f"), data.get(0x5F34, b"\x00").hex(), data)
        except IssuerError:
            return OnlineAnswer(b"59")
        self.checked = checked
        code = self.code if checked.genuine else b"59"
        arpc = b"" if self.arpc == "none" else checked.answer(code)
        if self.arpc == "bad":
            arpc = bytes(8) + arpc[8:]
        scripts = checked.script(*self.orders, template=self.template) if self.orders else b""
        return OnlineAnswer(code, arpc, scripts)


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
    tries: tuple[int | None, ...] = ()  # What was known of the tries left, each time a PIN was asked for the card.
    online_pins: int = 0
    asked: tuple[str, ...] = ()  # What people and issuer were asked, in order.
    signature: bool = False
    cryptogram: Cryptogram | None = None


class Counter:
    """Everybody at the counter: answers the kernel's requests until it ends."""

    def __init__(self, transceive: Callable[[bytes], bytes], bank: Bank, pins: tuple[str, ...]) -> None:
        self._exchange, self._bank = transceive, bank
        self._pins = list(pins)
        self._typed = ""
        self.tries: list[int | None] = []
        self.asked: list[str] = []

    def answer(self, request: Any) -> Any:
        match request:
            case Transceive(capdu):
                return self._exchange(capdu)
            case Draw(count):
                return bytes(range(count))
            case ChooseApplication(candidates):
                self.asked.append("choose " + ", ".join(each.label for each in candidates))
                return 0
            case AskPin():
                self.asked.append("pin")
                return PinResult.ENTERED
            case AskOfflinePin(tries_left, _):
                self.asked.append("card's pin")
                self.tries.append(tries_left)
                if not self._pins:
                    return PinResult.BYPASSED
                self._typed = self._pins.pop(0)
                return PinResult.ENTERED
            case VerifyPin(key, challenge):
                return self._exchange(verify(self._typed.encode("ascii"), key, challenge))
            case GoOnline(data):
                self.asked.append("online")
                return self._bank.answer(data)
        raise TypeError(type(request).__name__)


def verify(pin: bytes, key: PinKey | None, challenge: bytes) -> bytes:
    """VERIFY, built here on its own. Spec: EMV 4.4 Book 3 §6.5.12, Book 2 §7.2."""
    block = format_2(pin)
    if key is None:
        return bytes.fromhex("0020008008") + block
    size = len(key.modulus)
    clear = b"\x7f" + block + challenge
    padded = clear + bytes(at % 255 + 1 for at in range(size - len(clear)))
    value = pow(int.from_bytes(padded, "big"), key.exponent, int.from_bytes(key.modulus, "big"))
    return bytes.fromhex("00200088") + bytes((size,)) + value.to_bytes(size, "big")


def play(
    profile: CardProfile,
    *,
    bank: Bank | None = None,
    terminal: TerminalProfile | None = None,
    card: VirtualCard | None = None,
    pins: tuple[str, ...] = (),
    amount_minor: int = 12850,
    transceive: Callable[[bytes], bytes] | None = None,
) -> Played:
    """One purchase. `pins` are typed one after the other when the card's own PIN is asked; none left: bypassed.

    `transceive`: another way to the card than in process, with GET RESPONSE done.
    """
    waited: list[int] = []
    bank = bank or Bank()
    if transceive is None:
        card = card or VirtualCard(profile, wait=waited.append)
        transceive = partial(exchange, card.transmit, t0=card.reset() == ATR_T0)
    counter = Counter(transceive, bank, pins)
    transaction = TransactionData(amount_minor=amount_minor, date="261121", time="120000", counter=1)
    session = Session(terminal or shop_terminal(), transaction)
    kernel = contact_session(session)
    send: Callable[[Any], Any] = kernel.send
    answer: Any = None
    broken = ""
    for _ in range(REQUESTS_MAX):
        try:
            request = send(answer)
        except StopIteration as end:
            outcome: Outcome = end.value
            tvr = TVR(int.from_bytes(outcome.data[0x95], "big"))
            played = Played(broken or outcome.reason, outcome.result, tvr, session.problem, outcome.data)
            played.signature, played.cryptogram = outcome.signature, outcome.cryptogram
            break
        except CardError:
            played = Played(GONE, None, session.tvr, session.problem, session.data)
            break
        send, answer = kernel.send, None
        try:
            answer = counter.answer(request)
        except ChainBroken as fault:
            broken = "card-fault"
            send, answer = kernel.throw, CardError(str(fault))
        except (CardGone, CardPulled) as gone:
            send, answer = kernel.throw, CardError(str(gone), removed=True)
    else:
        raise AssertionError(f"more than {REQUESTS_MAX} requests")
    played.genuine = bank.checked.genuine if bank.checked else None
    played.waited_ms = sum(waited)
    played.tries, played.asked = tuple(counter.tries), tuple(counter.asked)
    played.online_pins = counter.asked.count("pin")
    return played
