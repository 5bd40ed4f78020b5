"""What passes between the acquirer's desks: a request that was looked at, an answer, a refusal, a reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.acquirer.book import TerminalId
from sim.acquirer.faults import Fault, FaultKind
from sim.acquirer.hostkeys import WorkingKeys
from sim.acquirer.registry import TerminalRow
from terminal.hostlink.codec import Message
from terminal.hostlink.subfields import Reserved60

APPROVED = "00"
INVALID_MERCHANT = "03"
USER_PAYING = "09"
INVALID_TRANSACTION = "12"
INVALID_AMOUNT = "13"
NOT_FOUND = "25"
FORMAT_ERROR = "30"
NOT_SUPPORTED = "40"
BATCH_MISMATCH = "77"
DUPLICATE = "94"
TERMINAL_UNKNOWN = "97"
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
    """What a desk decided: F39 and the fields beside the echoed ones. `keys`: make an F64."""

    code: str
    fields: dict[int, str | bytes] = field(default_factory=dict)
    keys: WorkingKeys | None = None


@dataclass(slots=True)
class Request:
    """A message with what was found out about it."""

    message: Message
    body: bytes
    now_ms: int
    date: str  # MMDD in China.
    time: str  # hhmmss.
    terminal: TerminalId
    row: TerminalRow
    f60: Reserved60
    faults: Mapping[FaultKind, Fault]


class Refused(Exception):
    """A check said no; `answer` says it on the wire."""

    def __init__(self, code: str, keys: WorkingKeys | None = None) -> None:
        super().__init__(code)
        self.answer = Answer(code, keys=keys)
