"""What a card holds while it works: what outlives power, what does not, and the command before it.

Spec: EMV 4.4 Book 1 §9.4 (APDUs), Book 3 §6.3.5 (status words).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from sim.card.chain import RsaKey
from sim.card.model import AAC, CardApplication, CardProfile, Limits
from sim.cryptograms import KeySet, Scheme, Transaction

OK = b"\x90\x00"
SELECTED_BLOCKED = b"\x62\x83"
AUTHENTICATION_FAILED = b"\x63\x00"
WRONG_LENGTH = b"\x67\x00"
SECURITY_NOT_SATISFIED = b"\x69\x82"
METHOD_BLOCKED = b"\x69\x83"
REFERENCE_INVALIDATED = b"\x69\x84"
CONDITIONS_NOT_SATISFIED = b"\x69\x85"
WRONG_SCRIPT_MAC = b"\x69\x88"
WRONG_DATA = b"\x6a\x80"
FUNCTION_NOT_SUPPORTED = b"\x6a\x81"  # As an answer to SELECT: the card is blocked.
FILE_NOT_FOUND = b"\x6a\x82"
RECORD_NOT_FOUND = b"\x6a\x83"
WRONG_P1_P2 = b"\x6a\x86"
DATA_NOT_FOUND = b"\x6a\x88"
INS_NOT_SUPPORTED = b"\x6d\x00"
CLA_NOT_SUPPORTED = b"\x6e\x00"

ATC_LAST = 0xFFFF  # No transaction begins after this one. Spec: EMV 4.4 Book 3 §6.5.8.


class Step(Enum):
    """Where the transaction stands. Each command is allowed in some of them only: see `card.COMMANDS`."""

    IDLE = auto()
    DIRECTORY = auto()  # The PSE is selected.
    SELECTED = auto()
    INITIATED = auto()  # GET PROCESSING OPTIONS was answered.
    ONLINE = auto()  # The first AC was an ARQC.
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU taken apart. `le` is None when there is none. Spec: EMV 4.4 Book 1 §9.4.1."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(repr=False)
    le: int | None

    @property
    def p1_p2(self) -> tuple[int, int]:
        return self.p1, self.p2

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2 Lc: what a script's MAC begins with."""
        return bytes((self.cla, self.ins, self.p1, self.p2, len(self.data)))


def parse_command(capdu: bytes) -> Command | None:
    """The four cases of a short APDU; None when the lengths do not fit."""
    if len(capdu) < 4:
        return None
    cla, ins, p1, p2 = capdu[:4]
    if len(capdu) == 4:
        return Command(cla, ins, p1, p2, b"", None)
    if len(capdu) == 5:
        return Command(cla, ins, p1, p2, b"", capdu[4])
    count = capdu[4]
    data = capdu[5 : 5 + count]
    rest = len(capdu) - 5 - count
    if count == 0 or rest not in (0, 1):
        return None
    return Command(cla, ins, p1, p2, data, capdu[-1] if rest else None)


@dataclass(frozen=True, slots=True)
class Memory:
    """One application's non-volatile data. The flags tell the next transaction how the last ones went."""

    atc: int
    last_online_atc: int
    pin: bytes = field(repr=False)
    pin_tries: int
    blocked: bool
    limits: Limits
    consecutive: int = 0  # Transactions approved offline since the last online one,
    cumulative_minor: int = 0  # and what they came to.
    online_pending: bool = False  # An ARQC was given, and the transaction never came to its end.
    authentication_failed: bool = False  # The last online transaction's ARPC was wrong,
    authentication_missing: bool = False  # or did not come.
    scripts: int = 0  # Commands of the last script that were obeyed,
    script_failed: bool = False  # and whether one was not.
    log: tuple[bytes, ...] = ()  # The newest first.
    updated: tuple[tuple[tuple[int, int], bytes], ...] = ()  # (SFI, number) → a record that a script wrote.


@dataclass(frozen=True, slots=True)
class Stored:
    """The whole EEPROM: one Memory an application, in the profile's order."""

    memories: tuple[Memory, ...]
    card_blocked: bool = False


@dataclass(frozen=True, slots=True)
class Personalised:
    """One application as the bureau made it: its keys and its files, SFI to records."""

    app: CardApplication
    scheme: Scheme
    keys: KeySet = field(repr=False)
    records: dict[int, tuple[bytes, ...]] = field(repr=False)
    locator: bytes
    icc: RsaKey | None = None
    pin: RsaKey | None = None


@dataclass(slots=True)
class Power:
    """What is gone when power goes, or another application is selected."""

    step: Step = Step.IDLE
    at: int | None = None  # The application in use.
    pdol_data: bytes = field(default=b"", repr=False)
    sent: bytes = field(default=b"", repr=False)  # All DOL data so far, for the hash of CDA.
    values: dict[int, bytes] = field(default_factory=dict, repr=False)  # What the DOLs brought, by tag.
    transaction: Transaction | None = field(default=None, repr=False)
    cryptogram: bytes = field(default=b"", repr=False)  # The first one.
    first_type: int = AAC
    authenticated: bool | None = None  # None: no ARPC came yet.
    challenge: bytes = field(default=b"", repr=False)  # For the very next command only.
    pin_attempts: int = 0
    pin_verified: bool = False
    pin_enciphered: bool = False
    dynamic_signature: bool = False  # INTERNAL AUTHENTICATE was answered.
    scripts: int = 0  # Commands with a good MAC in this transaction.


@dataclass(slots=True)
class Chip:
    """One card at work. `draft` is what the command in progress has written; `commit` makes it stay."""

    profile: CardProfile
    applications: tuple[Personalised, ...]
    draw: Callable[[int], bytes]
    stored: Stored
    draft: Stored
    power: Power = field(default_factory=Power)

    @property
    def personalised(self) -> Personalised:
        """The application in use."""
        if self.power.at is None:
            raise RuntimeError("no application is selected")
        return self.applications[self.power.at]

    @property
    def app(self) -> CardApplication:
        return self.personalised.app

    @property
    def memory(self) -> Memory:
        return self.draft.memories[self.power.at or 0]

    def write(self, **changes: object) -> None:
        """Change the memory of the application in use."""
        at = self.power.at or 0
        fresh = replace(self.memory, **changes)  # type: ignore[arg-type]  # Names of Memory's own fields.
        memories = (*self.draft.memories[:at], fresh, *self.draft.memories[at + 1 :])
        self.draft = replace(self.draft, memories=memories)

    def commit(self) -> None:
        """All that was written, or, after a tear before this, nothing of it."""
        self.stored = self.draft

    def enter(self, at: int | None, step: Step) -> None:
        self.power = Power(step=step, at=at)
