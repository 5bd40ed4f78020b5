"""How each permitted fault comes into the world: one function a name, with everything about it drawn.

What happens to the line and at the host is planned when the transaction begins; what people, cards and devices do waits
in `Mischief` for its screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from drivers.ports import LinkFault, Paper
from sim.acquirer.faults import Fault, FaultKind
from sim.card import PROFILES
from sim.people import LOCKABLE, Intent
from sim.swarm.draws import Draws
from sim.swarm.permitted import Permitted
from sim.swarm.walks import WALK, WALKED
from sim.swarm.world import SwarmWorld
from sim.twins.link import GOOD_TRIP, Trip
from sim.wire.disk import FAILURES
from sim.world import MERCHANT_NO, TERMINAL_NO
from terminal.hostlink.messages import QR_REFUND, QR_REFUND_QUERY
from terminal.model import Kind, Method

REFUSED_TIMES = 4  # As often as a reversal is sent without a sign-in.
REQUESTS = 3  # A transaction's fault of the line befalls one of its first requests, the first one most often.
LATE_MS = (1_000, 90_000)  # Past the longest time-out of a profile (60 s), too.
SLOW_MS = (5_000, 50_000)  # Short of that time-out: a quiet hour still clears everything.
DEAF_MS = (150_000, 400_000)  # Two time-outs, and a settlement in the middle of it.
COMMANDS = 24  # A chip sale has about twenty commands.
DIES_MS = 20_000  # About what a sale by chip takes.
MENDED_MS = (5_000, 40_000)
CLOCK_MS = (60_000, 2 * 3_600_000)
PAPER_LINES = 30
EFFECTS = 150  # Writes and syncs of a card sale with its slips: about a hundred.
SEEN_LATE = "signature-seen-late"  # The fault of that name: what was signed for is taken back from the menu.
IN_PART = "refund-in-part"  # The fault of that name: a refund that the host approves for a part.
NO_QUESTION = "refund-query-refused"  # The fault of that name: nobody may ask about a refund whose answer is lost.
ODD_RECEIPT = "odd-receipt"  # The fault of that name: the next receipts of the printed code are told as no till takes.
GIVEN_BACK = "void-after-refund"  # The fault of that name: who has had something back wants all of it voided.
RARE = "rare-errand"  # The fault of that name: what no other customer comes for, and what may follow it.
RARE_ERRANDS = (
    ("points", "points-refund"),
    ("points", "void"),
    ("repayment", "void"),
    ("instalment", "void"),
    ("auth", "completion", "void"),
    ("moto-sale", "moto-refund"),
    ("moto-auth", "moto-completion", "void"),
    ("moto-auth", "moto-auth-void"),
    ("offline-settlement",),
)
RARE_WITH_ORDERS = (("order-refund", "order-query"), ("order-refund", "order-refund"), ("void",))
SIGNER = "signature"  # The card whose holder signs.
# Faults that need a customer of their own: (method, card or wallet, errands).
VISITS: Mapping[str, tuple[tuple[Method, str, tuple[str, ...]], ...]] = MappingProxyType(
    {
        # What is signed for, and who looks then; what a host has refused or not answered is tried once more.
        SEEN_LATE: (
            (Method.CARD, SIGNER, ("signature", "signature")),
            (Method.CARD, SIGNER, ("auth", "completion", "signature", "signature")),
            (Method.CARD, SIGNER, ("instalment", "signature", "signature")),
        ),
        IN_PART: (
            (Method.CARD, "rich", ("refund",)),
            (Method.QR_SHOWN, "wechat", ("order-refund", "order-query")),
        ),
        NO_QUESTION: (
            (Method.QR_SHOWN, "wechat", ("order-refund", "order-query")),
            (Method.QR_SHOWN, "wechat", ("order-refund", "order-refund")),
        ),
        GIVEN_BACK: (
            (Method.CARD, "rich", ("refund", "void-refunded")),
            (Method.CARD, SIGNER, ("refund", "void-refunded")),
        ),
    }
)
SLOW_BEHIND = "slow-behind"  # The fault of that name: before this customer the line is slow.
ON_DISK = "disk-"  # So the faults of sim.wire.disk begin here.
PROMPTS = ("enter_amount", "choose_method", "insert_card", "enter_pin", "show_qr", "scan_code", "wallet_paying")
CARD_SCREENS = ("reading_card", "enter_pin", "connecting", "waiting", "approved", "printing", "declined")
BUSY_SCREENS = ("connecting", "waiting", "reading_card", "printing", "settling", "signing_in", "reversing")


@dataclass(slots=True)
class Mischief:
    """What will happen at the counter during one transaction; each thing once."""

    cancel_at: str = ""
    pull_at: str = ""
    two_keys_at: str = ""
    impatient_at: str = ""
    leaves_at: str = ""
    tear_at: int | None = None
    unplugs_for_ms: int = 0
    settles: bool = False
    signs_in: bool = False
    walks: list[str] = field(default_factory=list)  # Through the menu, once this customer has been served.
    differs: bool = False  # The signature is somebody else's.
    cut_again: bool = False
    dies_after_ms: int = -1  # The power goes, or (`killed`) the process alone, whatever is being done.
    killed: bool = False
    opened_after_ms: int = -1  # A screwdriver, at whatever is being done.
    mend: list[tuple[int, Callable[[], None]]] = field(default_factory=list)  # (after so many ms, what)


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a fault is put in: the world, whose transaction it is, and what is drawn for it."""

    world: SwarmWorld
    draws: Draws
    transaction: int
    name: str
    mischief: Mischief

    def between(self, site: str, least: int, most: int) -> int:
        return self.draws.between(self.transaction, f"{self.name} {site}", least, most)

    def choice(self, site: str, values: tuple[str, ...]) -> str:
        return self.draws.choice(self.transaction, f"{self.name} {site}", values)

    def trip(self, trip: Trip) -> None:
        """Plan it for one of the transaction's first requests, beside what is planned for that already."""
        number = max(1, self.between("request", 0, REQUESTS))
        self.world.storm.trips.setdefault(number, trip)

    def call(self, fault: LinkFault) -> None:
        self.world.storm.calls.setdefault(max(1, self.between("call", -1, REQUESTS)), fault)


# The network


def _flapping(at: Counter) -> None:
    for number in range(1, 2 + REQUESTS):
        fate = at.between(f"fate {number}", 0, 3)
        if fate == 0:
            at.world.storm.calls.setdefault(number, LinkFault.REFUSED)
        elif fate < 3:
            at.world.storm.trips.setdefault(number, Trip(drop_request=fate == 1, drop_reply=fate == 2))


def _line_out(at: Counter) -> None:
    at.world.link.unplug(0)
    at.mischief.mend.append((at.between("mended", *MENDED_MS), lambda: at.world.link.plug_in(0)))


def _deaf(at: Counter) -> None:
    """Whoever has heard nothing of this sale wants to settle, and hears nothing of that, either."""
    storm = at.world.storm
    storm.between, at.mischief.settles = Trip(drop_reply=True), True

    def mend() -> None:
        storm.between = GOOD_TRIP

    at.mischief.mend.append((at.between("mended", *DEAF_MS), mend))


# The host


def _by_plan(row: Permitted) -> Callable[[Counter], None]:
    def put_in(at: Counter) -> None:
        if row.kind is None:
            return
        code = at.choice("code", row.codes) if row.codes else "96"
        at.world.acquirer.faults.add(Fault(row.kind, mti=at.choice("mti", row.mti), code=code))

    return put_in


# The card, and devices


def _tear(at: Counter) -> None:
    at.mischief.tear_at = at.between("command", 1, COMMANDS)


def _unplug(at: Counter) -> None:
    at.mischief.unplugs_for_ms = at.between("mended", *MENDED_MS)


def _paper(paper: Paper) -> Callable[[Counter], None]:
    def put_in(at: Counter) -> None:
        if paper is Paper.OUT:
            at.world.printer.run_out_after(at.between("lines", 1, PAPER_LINES))
        else:
            at.world.set_paper(paper)

    return put_in


def _clock(sign: int) -> Callable[[Counter], None]:
    def put_in(at: Counter) -> None:
        at.world.clock.wrong_ms += sign * at.between("jump", *CLOCK_MS)

    return put_in


def _scanner(at: Counter) -> None:
    at.world.scanner.broken = True

    def mend() -> None:
        at.world.scanner.broken = False

    at.mischief.mend.append((at.between("mended", *MENDED_MS), mend))


def _display(at: Counter) -> None:
    """Shorter than the tries of the display's task: a cable that stays loose stops the terminal."""
    at.world.display.break_off("it does not answer: look at its cable")
    at.mischief.mend.append((at.between("mended", 500, 3_000), lambda: at.world.display.break_off("")))


def _host_restarted(at: Counter) -> None:
    at.world.acquirer.forget_keys()


def _refuses_again(at: Counter) -> None:
    at.world.storm.trips.setdefault(1, Trip(drop_reply=True))
    code = at.choice("code", ("68", "91", "96"))
    at.world.acquirer.faults.add(Fault(FaultKind.CODE, mti="0400", code=code, times=REFUSED_TIMES))


def _in_part(at: Counter) -> None:
    refund = at.world.shop.profile.transactions[Kind.REFUND]  # And no advice, which nobody approves for a part.
    at.world.acquirer.faults.add(Fault(FaultKind.PARTIAL, mti=refund.mti, processing_code=refund.processing_code))
    at.world.acquirer.faults.add(Fault(FaultKind.PARTIAL, mti="0200", processing_code=QR_REFUND))


def _no_question(at: Counter) -> None:
    at.world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, processing_code=QR_REFUND))
    at.world.acquirer.faults.add(Fault(FaultKind.CODE, processing_code=QR_REFUND_QUERY, code="58"))


def _odd_receipt(at: Counter) -> None:
    kind = FaultKind(at.choice("kind", ("large-receipt", "track-receipt")))
    first = int(at.choice("digit", ("0", "3")))  # 3: more than an amount of the terminal's can be.
    at.world.acquirer.faults.add(Fault(kind, digit=first, times=at.between("times", 1, 4)))


def _batch_changed(at: Counter) -> None:
    at.world.acquirer.change_batch((MERCHANT_NO, TERMINAL_NO))


def _settles(at: Counter) -> None:
    at.mischief.settles = True


def _signs_in(at: Counter) -> None:
    at.mischief.signs_in = True


def _walks(at: Counter) -> None:
    at.mischief.walks = list(at.draws.choice(at.transaction, f"{at.name} way", WALKED))


def _differs(at: Counter) -> None:
    at.mischief.differs = True


def _screen_of(field_name: str, screens: tuple[str, ...]) -> Callable[[Counter], None]:
    def put_in(at: Counter) -> None:
        setattr(at.mischief, field_name, at.choice("screen", screens))

    return put_in


def _power(at: Counter) -> None:
    disk = at.world.disk
    if disk is None:
        return
    effects = at.between("effect", 0, EFFECTS)
    failure = FAILURES.get(at.name.removeprefix(ON_DISK))
    if failure is not None:
        disk.failure = replace(failure, after=disk.effects + effects, lasting=False)
    else:
        disk.cut_after = effects


def _dies(at: Counter) -> None:
    at.mischief.dies_after_ms = at.between("moment", 0, DIES_MS)
    at.mischief.killed = at.name == "killed"


def _case_opened(at: Counter) -> None:
    at.mischief.opened_after_ms = at.between("moment", 0, DIES_MS)


def _cut_again(at: Counter) -> None:
    at.mischief.cut_again = True


def _nothing(at: Counter) -> None:
    """It is in the intent already (`intent_with`), or in how long nobody comes."""


PUT_IN: Mapping[str, Callable[[Counter], None]] = MappingProxyType(
    {
        "request-lost": lambda at: at.trip(Trip(drop_request=True)),
        "reply-lost": lambda at: at.trip(Trip(drop_reply=True)),
        "request-late": lambda at: at.trip(Trip(delay_request_ms=at.between("late", *LATE_MS))),
        "reply-late": lambda at: at.trip(Trip(delay_reply_ms=at.between("late", *LATE_MS))),
        "request-overtaken": lambda at: at.trip(Trip(delay_request_ms=at.between("late", 61_000, 180_000))),
        "request-twice": lambda at: at.trip(Trip(duplicate_request=True)),
        "reply-twice": lambda at: at.trip(Trip(duplicate_reply=True)),
        "request-cut": lambda at: at.trip(Trip(cut_request_after=at.between("bytes", 0, 400))),
        "reply-cut": lambda at: at.trip(Trip(cut_reply_after=at.between("bytes", 0, 200))),
        "refused": lambda at: at.call(LinkFault.REFUSED),
        "unreachable": lambda at: at.call(LinkFault.TIMEOUT),
        "flapping": _flapping,
        "line-out": _line_out,
        "host-restarted": _host_restarted,
        "card-torn": _tear,
        "broken-card": _nothing,
        "refused-card": _nothing,
        "odd-card": _nothing,
        "reader-unplugged": _unplug,
        "paper-out": _paper(Paper.OUT),
        "cover-open": _paper(Paper.COVER_OPEN),
        "printer-browned-out": _paper(Paper.OFFLINE),
        "clock-back": _clock(-1),
        "clock-ahead": _clock(1),
        "scanner-dead": _scanner,
        "display-loose": _display,
        "power-cut": _power,
        "power-cut-again": _cut_again,
        "power-cut-between": _dies,
        "killed": _dies,
        **dict.fromkeys((ON_DISK + name for name in FAILURES), _power),
        "wrong-pin": _nothing,
        "wrong-pin-thrice": _nothing,
        "cancels": _screen_of("cancel_at", PROMPTS),
        "pulls-early": _screen_of("pull_at", CARD_SCREENS),
        "two-keys": _screen_of("two_keys_at", PROMPTS),
        "impatient": _screen_of("impatient_at", BUSY_SCREENS),
        "walks-away": _screen_of("leaves_at", PROMPTS),
        "settles-now": _settles,
        "quiet-hour": _nothing,
        "signs-in-now": _signs_in,
        "signature-differs": _differs,
        "batch-changed": _batch_changed,
        "refuses-reversal-again": _refuses_again,
        "case-opened-between": _case_opened,
        SLOW_BEHIND: _nothing,
        "settles-deaf": _deaf,
        SEEN_LATE: _nothing,
        RARE: _nothing,
        "paper-low": _paper(Paper.LOW),
        WALK: _walks,
        IN_PART: _in_part,
        NO_QUESTION: _no_question,
        GIVEN_BACK: _nothing,
        ODD_RECEIPT: _odd_receipt,
    }
)


def put_in(world: SwarmWorld, transaction: int, befalling: Iterable[Permitted]) -> Mischief:
    """Plan these faults for the transaction that begins now; what of them happens at the counter."""
    mischief = Mischief()
    for row in befalling:
        how = PUT_IN.get(row.name) or _by_plan(row)
        how(Counter(world, world.draws, transaction, row.name, mischief))
    return mischief


# What people come for

CARDS_OF = MappingProxyType({"broken-card": ("hostile",), "refused-card": ("refused",), "odd-card": ("odd", "good")})


def intent_with(intent: Intent, draws: Draws, transaction: int, befalling: Iterable[Permitted]) -> Intent:
    """The same customer with another card, another errand, or a wrong PIN."""
    for row in befalling:
        groups = CARDS_OF.get(row.name)
        if groups:
            cards = tuple(name for name, card in PROFILES.items() if card.group in groups)
            card = draws.choice(transaction, f"{row.name} card", cards)
            intent = replace(intent, method=Method.CARD, means=card, errands=())
        elif row.name in VISITS:
            method, means, errands = draws.choice(transaction, f"{row.name} errands", VISITS[row.name])
            intent = replace(intent, method=method, means=means, errands=errands)
        elif row.name == RARE and intent.method is not Method.CASH:
            by_card = intent.method is Method.CARD and not PROFILES[intent.means].mute
            wanted = RARE_ERRANDS if by_card else RARE_WITH_ORDERS
            intent = replace(intent, errands=draws.choice(transaction, f"{row.name} errands", wanted))
        elif row.name in ("wrong-pin", "wrong-pin-thrice") and intent.method is Method.CARD:
            intent = replace(intent, wrong_pins=1 if row.name == "wrong-pin" or intent.means != LOCKABLE else 3)
    return intent
