"""What the terminal asks of its devices: one Protocol a device, in plain values.

Drivers (real hardware) and twins (the simulator's) meet the same port and pass the same conformance suite. What a
device does unasked (a key, a scan, a card's arrival) goes to the callback given to `watch`, from any thread; the
terminal's callback is the loop's thread-safe `post`. Every call is bounded in time and is made on the device's own
thread, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class DeviceError(Exception):
    """A device failed. `device` names it, the message says what the person should do about it.

    `begun`, of a printer: something of the slip may be on paper.
    """

    def __init__(self, device: str, message: str, *, begun: bool = False) -> None:
        super().__init__(f"{device}: {message}")
        self.device = device
        self.begun = begun


# Display


class Picture(Protocol):
    """One screen, ready to be drawn. Pixels are made only when somebody asks for them."""

    name: str

    def text(self) -> tuple[str, ...]:
        """The words on it, line by line (for tests, the panel and people who cannot see it)."""

    def pixels(self, width: int, height: int) -> bytes:
        """1 bit a pixel, rows from the top, most significant bit left, each row padded to a byte; 1 is lit."""


class Display(Protocol):
    width: int
    height: int

    def show(self, picture: Picture) -> None:
        """Draw it; only what changed travels. Raises DeviceError."""

    def close(self) -> None: ...


# Keypad, buzzer, lamps, tamper switch


class Key(Enum):
    """The 4 x 4 keypad."""

    D0 = "0"
    D1 = "1"
    D2 = "2"
    D3 = "3"
    D4 = "4"
    D5 = "5"
    D6 = "6"
    D7 = "7"
    D8 = "8"
    D9 = "9"
    DOUBLE_ZERO = "00"
    CANCEL = "cancel"
    CLEAR = "clear"
    ENTER = "enter"
    UP = "up"
    DOWN = "down"

    @property
    def digits(self) -> str:
        """The digits this key types ("" for a function key)."""
        return self.value if self.value.isdigit() else ""


class Keypad(Protocol):
    def watch(self, on_key: Callable[[Key], None]) -> None:
        """Report each key press once, debounced."""

    def close(self) -> None: ...


class Tone(Enum):
    """What the buzzer says. Every key sounds the same (ISO 9564-1: no digit may be told by its tone)."""

    KEY = "key"
    SUCCESS = "success"
    FAILURE = "failure"
    ATTENTION = "attention"


class Buzzer(Protocol):
    def sound(self, tone: Tone) -> None: ...


class Lamp(Enum):
    POWER = "power"
    ONLINE = "online"
    CARD = "card"
    ALERT = "alert"


class Lamps(Protocol):
    def set(self, lamp: Lamp, lit: bool) -> None: ...


class TamperSwitch(Protocol):
    def watch(self, on_open: Callable[[], None]) -> None:
        """Report that the case was opened. Seen only while powered."""


# Printer


class Align(Enum):
    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; a full-width character takes two cells. `large` doubles both ways."""

    text: str
    align: Align = Align.LEFT
    bold: bool = False
    large: bool = False


@dataclass(frozen=True, slots=True)
class Qr:
    payload: str


@dataclass(frozen=True, slots=True)
class Feed:
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Cut:
    pass


PaperLine = Text | Qr | Feed | Cut


class Paper(Enum):
    OK = "ok"
    LOW = "low"
    OUT = "out"
    COVER_OPEN = "cover-open"
    OFFLINE = "offline"


class PaperStopped(DeviceError):
    """The printer stopped before or inside a slip; the slip must be printed again from its top."""

    def __init__(self, paper: Paper, *, begun: bool) -> None:
        super().__init__("printer", f"stopped: {paper.value}", begun=begun)
        self.paper = paper


class Printer(Protocol):
    cells: int  # Half-width cells a line: 32 on 58 mm paper, 48 on 80 mm.

    def status(self) -> Paper: ...

    def print(self, lines: Sequence[PaperLine]) -> Paper:
        """Print a whole slip; OK, or LOW where the roll is near its end.

        Raises PaperStopped when paper or cover stopped it, DeviceError otherwise.
        """

    def close(self) -> None: ...


# Card reader


class Presence(Enum):
    ABSENT = "absent"
    PRESENT = "present"
    READER_LOST = "reader-lost"


class CardMute(DeviceError):
    """No valid answer to reset, cold and warm: upside down, or no chip."""


class CardGone(DeviceError):
    """The card left (or died) during a command."""


class CardFault(DeviceError):
    """The card broke the transport's rules (an endless chain, a cut answer); the reader is fine."""


class CardReader(Protocol):
    def watch(self, on_presence: Callable[[Presence], None]) -> None:
        """Report the present state at once and each change after it."""

    def power_on(self) -> bytes:
        """Cold reset, one warm reset if that fails; the ATR. Raises CardMute, CardGone, DeviceError.

        Spec: EMV 4.4 Book 1 §6.1.
        """

    def transceive(self, capdu: bytes) -> bytes:
        """One command to its final answer, data then SW1 SW2; 61xx and 6Cxx are dealt with here.

        Raises CardGone, CardFault, DeviceError. Spec: EMV 4.4 Book 1 §9.3.1.
        """

    def power_off(self) -> None: ...

    def close(self) -> None: ...


# Scanner


class Scanner(Protocol):
    def watch(self, on_scan: Callable[[bytes], None]) -> None:
        """Report each decoded symbol's bytes, without frame or line end."""

    def trigger(self, on: bool) -> None:
        """Start or stop looking for a code."""

    def close(self) -> None: ...


# Stripe reader


class StripeReader(Protocol):
    fitted: bool  # Whether there is one at all: the screens ask for a swipe only then.

    def watch(self, on_swipe: Callable[[bytes], None]) -> None:
        """Report each swipe's tracks as text between their sentinels, without line end; see `emv.track`.

        Raises DeviceError.
        """

    def close(self) -> None: ...


# Link to the host


class LinkFault(Enum):
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS_DATE = "tls-date"  # The certificate is not valid today: most often our own clock.
    TLS = "tls"
    BROKEN = "broken"  # The connection ended or the frame was cut short.


class LinkDown(Exception):
    """The host could not be reached, or the connection ended.

    `sent` tells whether the first byte of a request may have left: if not, the host cannot have seen it.
    """

    def __init__(self, fault: LinkFault, *, sent: bool, detail: str = "") -> None:
        super().__init__(f"{fault.value}{': ' + detail if detail else ''}")
        self.fault = fault
        self.sent = sent


HTTP_WITHIN_S = 20.0  # One exchange, from its connection to its last byte.
HTTP_ANSWER_LIMIT_BYTES = 262_144  # The longest answer about an order is some 4 KB.


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`headers` by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Https(Protocol):
    """Asks one gateway over TLS. Called on its owner's thread: it blocks, and ends by itself."""

    @property
    def host(self) -> str: ...

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        within_s: float = HTTP_WITHIN_S,
        limit_bytes: int = HTTP_ANSWER_LIMIT_BYTES,
    ) -> HttpAnswer:
        """Ask once. Raises LinkDown; its `sent` is False only when no byte of the request can have left."""

    def at(self, host: str) -> Https:
        """The same for another host, whom only the system's authorities vouch for."""


@dataclass(frozen=True, slots=True)
class LinkFrame:
    """One frame from the host, without its length prefix."""

    connection: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LinkClosed:
    connection: int
    fault: LinkFault


class Link(Protocol):
    @property
    def routes(self) -> tuple[str, ...]:
        """The ways to the host as a person calls them, the preferred one first."""

    def watch(self, on_event: Callable[[LinkFrame | LinkClosed], None]) -> None: ...

    def connect(self, timeout_ms: int, route: int = 0) -> int:
        """Open a connection (TLS included) by one of the routes, and give its number; an open one is closed first.

        Raises LinkDown with sent=False.
        """

    def send(self, data: bytes, timeout_ms: int) -> None:
        """Send one frame; the length prefix is put before it. Raises LinkDown; `sent` says if a byte left."""

    def close(self) -> None:
        """Close the connection, if there is one."""


# Signature pad


class SignaturePad(Protocol):
    """Something to sign on. Strokes are lines of points, each 0 to 1000 across and 0 to 1000 down."""

    def clear(self) -> None:
        """Forget what was signed before. Raises DeviceError."""

    def strokes(self) -> Sequence[Sequence[tuple[int, int]]] | None:
        """What has been signed since; None as long as nobody has finished. Raises DeviceError."""
