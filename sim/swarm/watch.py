"""The watch: everything that happens in a world, told to every checker in its order, and what they found.

The journal is read before each frame that leaves, each slip and each screen that matters, so that a checker that hears
of a frame knows exactly what was durable before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, get_args

from drivers.ports import PaperLine, Picture, Text
from sim.swarm.ledger import Ledger, Paid
from terminal.hostlink.codec import FrameError, Message, decode
from terminal.hostlink.frame import unwrap
from terminal.journal import Event
from terminal.model import PaymentState
from terminal.receipts.words import PHRASES

if TYPE_CHECKING:
    from sim.swarm.world import SwarmWorld

DUPLICATE_MARKS = PHRASES["reprint"]
PAGE = 100  # Events read at once.
FINDINGS_LIMIT = 20  # After the first ones a broken world finds no end of them.
# Screens on which somebody reads how it stands; before each of them the journal is read.
TELLING = frozenset(
    {
        "idle",
        "approved",
        "declined",
        "reversal_pending",
        "reversal_done",
        "outcome_unknown",
        "settled",
        "locked",
        "today",
    }
)


@dataclass(frozen=True, slots=True)
class Durable:
    """An event of the journal; `paid` is the payment it is about, after it, and `was` its state before."""

    event: Event
    paid: Paid | None
    was: PaymentState | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame about to leave the terminal, decoded."""

    message: Message


@dataclass(frozen=True, slots=True)
class Unsent:
    """The last frame has not left: the line was down before its first byte."""

    message: Message


@dataclass(frozen=True, slots=True)
class Shown:
    name: str


@dataclass(frozen=True, slots=True)
class Printed:
    text: str  # The words of the slip.


@dataclass(frozen=True, slots=True)
class Torn:
    """A piece of a paper that was to have this text: the roll has ended."""

    text: str


@dataclass(frozen=True, slots=True)
class Logged:
    text: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A new transaction of the swarm; `faults` are those that befall it."""

    transaction: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disowned:
    """Somebody has told the terminal that a signature is not the cardholder's: of the payment with this id."""

    payment: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """The power came back, or the process was started again."""


@dataclass(frozen=True, slots=True)
class Over:
    """Everything is settled, or nobody has patience any more. `calm_ms`: virtual time since the last fault."""

    calm_ms: int


Happening = Durable | Sent | Unsent | Shown | Printed | Torn | Logged | Begun | Disowned | Restarted | Over
HAPPENINGS: tuple[type[Happening], ...] = get_args(Happening)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a checker found: its name, in which transaction, and what is wrong."""

    checker: str
    transaction: int
    text: str


class Checker(Protocol):
    """A named rule with a memory of its own. It is told of what it `hears`, and gives what is wrong."""

    name: str

    @property
    def hears(self) -> tuple[type[Happening], ...]: ...

    def event(self, happening: Happening, watch: Watch) -> Iterable[str]: ...


class Watch:
    """Listens to one world after the other (a terminal's lives); the ledger and the checkers outlive them all."""

    def __init__(
        self,
        checkers: Sequence[Checker],
        say: Callable[[str], None] | None = None,
        on_begin: Callable[[int], None] = lambda transaction: None,
    ) -> None:
        self._say = say
        self._on_begin = on_begin
        self._said = ""
        self.checkers = tuple(checkers)
        self._hearing = {kind: [each for each in checkers if kind in each.hears] for kind in HAPPENINGS}
        self.ledger = Ledger()
        self.findings: list[Finding] = []
        self.transaction = -1
        self.came_again = False  # The last paper was the last slip once more.
        self.case_opened = False  # Somebody has, with a screwdriver.
        self.trace = hashlib.sha256()
        self._world: SwarmWorld | None = None

    @property
    def world(self) -> SwarmWorld:
        if self._world is None:
            raise LookupError("the watch has no world yet")
        return self._world

    def look_at(self, world: SwarmWorld) -> None:
        """From now on watch this world."""
        self._world = world
        world.on_show = self._shown
        world.on_frame = self.trace.update
        world.on_send = self._sent
        world.on_unsent = self._unsent
        world.printer_said = self._printed
        world.printer.on_piece = lambda lines: self.tell(Torn(text_of(lines)))
        world.on_note = lambda text: self.tell(Logged(text))

    def begin(self, transaction: int, faults: tuple[str, ...]) -> None:
        self.sync()
        self.transaction = transaction
        self._on_begin(transaction)
        if self._say:
            self._say(f"-- transaction {transaction}: {', '.join(faults) or 'no fault'}")
        self.tell(Begun(transaction, faults))

    def tell(self, happening: Happening) -> None:
        for checker in self._hearing[type(happening)]:
            for text in checker.event(happening, self):
                if len(self.findings) < FINDINGS_LIMIT:
                    self.findings.append(Finding(checker.name, self.transaction, text))

    def found(self, checker: str, text: str) -> None:
        """A finding of whoever runs the world: a crash, a deadlock."""
        self.findings.append(Finding(checker, self.transaction, text))

    def sync(self) -> None:
        """Take in what has become durable since the last time."""
        journal = self.world.journal
        while self.ledger.n < journal.last_n:
            for event in journal.events_after(self.ledger.n, PAGE):
                self.trace.update(event.digest.encode())
                payment = self.ledger.payments.get(event.body["id"]) if event.kind == "moved" else None
                was = payment.state if payment else None
                self.tell(Durable(event, self.ledger.take(event, self.transaction), was))

    # What the world tells

    def _shown(self, picture: Picture) -> None:
        self.trace.update(f"{self.world.loop.clock_ms()} {picture.name}: {' / '.join(picture.text())}\n".encode())
        if self._say:
            self._say_screen(picture)
        if picture.name in TELLING:
            self.sync()
            self.tell(Shown(picture.name))

    def _sent(self, frame: bytes) -> None:
        self.sync()
        message = self._decoded(frame)
        if message is None:
            return
        if self._say:
            self._say(f"  → {message.mti} {message.text(3)} STAN {message.text(11)} F60 {message.text(60)}")
        self.tell(Sent(message))

    def _unsent(self, frame: bytes) -> None:
        message = self._decoded(frame)
        if message is None:
            return
        if self._say:
            self._say("  ✗ no byte of it has left")
        self.tell(Unsent(message))

    def _decoded(self, frame: bytes) -> Message | None:
        profile = self.world.shop.profile
        try:
            return decode(unwrap(frame, profile).body, profile)
        except FrameError as error:
            self.found("speaks-the-dialect", f"a frame that cannot be read left: {error}")
            return None

    def _say_screen(self, picture: Picture) -> None:
        words = f"{picture.name}: {' / '.join(picture.text())}"
        if self._say and words != self._said:
            self._said = words
            self._say(f"{self.world.loop.clock_ms() / 1000:10.3f} {words}")

    def _printed(self, lines: tuple[PaperLine, ...]) -> None:
        self.trace.update("\n".join(map(_written, lines)).encode())
        self.sync()
        text = text_of(lines)
        self.came_again = any(mark in text for mark in DUPLICATE_MARKS)
        self.tell(Printed(text))


def _written(line: PaperLine) -> str:
    """All that a line says, for the trace: a slip has dozens, and their own repr is slow."""
    return f"{line.text}|{line.align.value}{line.bold}{line.large}" if isinstance(line, Text) else repr(line)


def text_of(lines: Iterable[Any]) -> str:
    """The words of a slip."""
    return "\n".join(line.text for line in lines if hasattr(line, "text"))
