"""What the kernel may ask for, and what it answers with in the end. The kernel's whole outside world is here.

The kernel is a coroutine that awaits these frozen requests; `terminal/methods/card.py` (or a test's flat
transcript) answers them with `send`. A card that leaves or breaks the protocol enters as
`throw(CardError(...))`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class CardError(Exception):
    """The card's fault: it left, broke the protocol or sent what the Books do not allow.

    `removed` tells that it left. `position` is the offset in the offending bytes, where there is one.
    """

    def __init__(self, reason: str, *, removed: bool = False, position: int | None = None) -> None:
        super().__init__(reason if position is None else f"{reason} (at byte {position})")
        self.reason = reason
        self.removed = removed
        self.position = position


class KernelRequest(Generic[T_co]):
    """What a kernel may await. Yields itself, so that `await Transceive(x)` is inferred as bytes."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, T_co]:
        answer: T_co = yield self  # A narrower type here makes mypy infer Any where the context is known.
        return answer


@dataclass(frozen=True, slots=True)
class Transceive(KernelRequest[bytes]):
    """One command APDU to its final response: data, then SW1 SW2."""

    capdu: bytes


@dataclass(frozen=True, slots=True)
class Application:
    """A candidate as the cardholder sees it."""

    aid: bytes
    label: str
    priority: int  # 1 is the highest, 15 the lowest, 0 none given.


@dataclass(frozen=True, slots=True)
class ChooseApplication(KernelRequest["int | None"]):
    """Let the cardholder choose (or confirm a single one): an index, or None for cancelled.

    `again`: what was chosen before cannot be used; "try again" is to be said. Spec: EMV 4.4 Book 4 §11.3.
    """

    candidates: tuple[Application, ...]
    again: bool = False


class PinResult(Enum):
    ENTERED = "entered"
    BYPASSED = "bypassed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    PAD_FAILED = "pad-failed"


@dataclass(frozen=True, slots=True)
class AskPin(KernelRequest[PinResult]):
    """Online PIN: whoever answers keeps the encrypted block; the kernel never sees digits or block.

    Spec: EMV 4.4 Book 3 §10.5.2.
    """

    pan: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskOfflinePin(KernelRequest[PinResult]):
    """A PIN for the card itself: whoever answers keeps the digits until VerifyPin and wipes them after it.

    `tries_left` is what the card said, None if it did not say; `wrong`: the PIN before this one was wrong.
    Spec: EMV 4.4 Book 3 §10.5.1, Book 4 §6.3.4.1.
    """

    tries_left: int | None
    wrong: bool


@dataclass(frozen=True, slots=True)
class PinKey:
    """The card's RSA key for enciphering a PIN. `modulus` is as long as the enciphered block."""

    modulus: bytes = field(repr=False)
    exponent: int


@dataclass(frozen=True, slots=True)
class VerifyPin(KernelRequest[bytes]):
    """Send VERIFY with the PIN that AskOfflinePin took, and answer with the card's whole response.

    The kernel never sees the PIN, nor the command that carries it. Without a `key` the PIN goes in clear.
    Spec: EMV 4.4 Book 3 §6.5.12, Book 2 §7.
    """

    key: PinKey | None
    challenge: bytes = b""  # What GET CHALLENGE gave, 8 bytes, for the enciphered block only.


@dataclass(frozen=True, slots=True)
class EarlierAmount(KernelRequest[int]):
    """What the terminal's log says of this card's latest payment, in minor units; 0: it is not there.

    Asked only of a terminal whose profile keeps such a log. Spec: EMV 4.4 Book 3 §10.6.1.
    """

    pan: str = field(repr=False)
    sequence: str  # 5F34 in two digits, or nothing.


@dataclass(frozen=True, slots=True)
class OnlineAnswer:
    """What the issuer said. `response_code` is tag 8A as two characters."""

    response_code: bytes
    issuer_authentication_data: bytes = b""
    scripts: bytes = b""  # Templates 71 and 72 as they came.


@dataclass(frozen=True, slots=True)
class GoOnline(KernelRequest["OnlineAnswer | None"]):
    """Send the request to the issuer. `data`: every element known by now, tag to value; None: no answer."""

    data: dict[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Draw(KernelRequest[bytes]):
    """Random bytes (the unpredictable number)."""

    count: int


class Result(Enum):
    APPROVED = "approved"
    DECLINED = "declined"
    TERMINATED = "terminated"  # The Books end the session: bad data, no common application, card blocked...
    CANCELLED = "cancelled"  # The cardholder or the operator ended it.
    READ = "read"  # Nothing was to be decided: the card's data are what was wanted.


class Cryptogram(Enum):
    """Cryptogram Information Data, b8-b7. Spec: EMV 4.4 Book 3 §6.5.5.4, table 15."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended. `data` holds every element for slip, field 55 and reversal, tag to value."""

    result: Result
    reason: str  # A stable word: "approved-online", "declined-by-card", "no-application", "card-blocked"...
    cryptogram: Cryptogram | None
    online: bool  # Whether GoOnline was asked.
    signature: bool  # Whether a signature is to be taken.
    data: dict[int, bytes] = field(repr=False)
    advice: bool = False  # Whether the card wants its issuer to be told. Spec: EMV 4.4 Book 3 §6.5.5.4.
