"""What passes between the acquirer's desks: a request that was looked at, an answer, a refusal, a reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.acquirer.book import TerminalId
from sim.acquirer.faults import Fault, FaultKind
from sim.acquirer.hostkeys import HostKeys
from sim.acquirer.registry import TerminalRow
from terminal.hostlink.codec import Message
from terminal.hostlink.subfields import Reserved60

# Field 39, as a host gives it; the whole table with its words is terminal.hostlink.codes.
APPROVED = "00"
INVALID_MERCHANT = "03"
USER_PAYING = "09"
INVALID_TRANSACTION = "12"
INVALID_AMOUNT = "13"
INVALID_CARD = "14"
NO_SUCH_ISSUER = "15"
OUTSIDE_ITS_TIME = "22"
NOT_FOUND = "25"
FORMAT_ERROR = "30"
NOT_SUPPORTED = "40"
CHIP_REQUIRED = "45"
INSUFFICIENT_FUNDS = "51"
EXPIRED = "54"
WRONG_PIN = "55"
NOT_AT_THIS_TERMINAL = "58"
CARD_CHECK_FAILED = "59"
OVER_THE_LIMIT = "61"
ORIGINAL_AMOUNT_WRONG = "64"
PIN_TRIES_EXCEEDED = "75"
BATCH_MISMATCH = "77"
DUPLICATE = "94"
COUNT_WRONG = "95"
TERMINAL_UNKNOWN = "97"
PIN_FORMAT = "99"
MAC_FAILED = "A0"


@dataclass(frozen=True, slots=True)
class Reply:
    """One frame to send, and how. `hang_up`: close after it (or instead of it).

    `full_bytes`: the length that is announced for a frame that is cut short (0: its own).
    """

    data: bytes
    delay_ms: int = 0
    byte_by_byte: bool = False
    hang_up: bool = False
    full_bytes: int = 0


@dataclass(slots=True)
class Answer:
    """What a desk decided: F39 and the fields beside the echoed ones. `keys`: make an F64.

    The core makes one of its own accord where the request's was good.
    """

    code: str
    fields: dict[int, str | bytes] = field(default_factory=dict)
    keys: HostKeys | None = None


@dataclass(slots=True)
class Request:
    """A message with what was found out about it."""

    message: Message
    body: bytes
    now_ms: int
    date: str  # MMDD in China.
    time: str  # hhmmss.
    year_month: str  # YYMM.
    terminal: TerminalId
    row: TerminalRow
    f60: Reserved60
    faults: Mapping[FaultKind, Fault]
    keys: HostKeys | None = None  # Those that its MAC was verified with.

    @property
    def working_keys(self) -> HostKeys:
        """Of a request that was authenticated; a desk that is asked for any other is our own mistake."""
        if self.keys is None:
            raise RuntimeError("this request carried no MAC")
        return self.keys


class Refused(Exception):
    """A check said no; `answer` says it on the wire."""

    def __init__(self, code: str, fields: Mapping[int, str | bytes] | None = None) -> None:
        super().__init__(code)
        self.answer = Answer(code, dict(fields or {}))
