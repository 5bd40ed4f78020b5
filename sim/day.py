"""`python -m sim day`: a trading day in virtual time on the in-process twins, from one seed.

The day ends with a settlement, and only then the books are compared. The trace is a hash over every screen, frame,
slip and journal event in their order; the same seed gives the same trace, whatever PYTHONHASHSEED.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

from drivers.ports import Picture
from sim.acquirer import Acquirer, FaultPlan, default_registry
from sim.books import CHARGED, OPEN, all_payments, discrepancies, unanswered
from sim.card import PROFILES
from sim.people import People
from sim.twins.link import Network, Trip
from sim.world import World, hash_seed
from terminal.config.settings import OFFERABLE
from terminal.hostlink.profile import Profile
from terminal.journal import Event
from terminal.model import PaymentState

TRANSACTIONS_LIMIT = 100_000
SETTLE_EVERY = 200  # Sales between two settlements; field 48 counts at most 999 of a kind.
# Faults of the line in an ordinary day, each per mille of the requests.
LOST_REQUEST, LOST_REPLY, DUPLICATED, REFUSED = 4, 4, 4, 5


@dataclass(frozen=True, slots=True)
class DayReport:
    """What a day came to. Counts are of payments; `virtual_ms` is how long the day was.

    `unanswered` are refunds that nobody answered: they stay what they are, on paper. `unknown` is what is left open.
    """

    seed: str
    transactions: int
    approved: int
    declined: int
    reversed: int
    unknown: int
    unanswered: int
    abandoned: int
    discrepancies: list[str]
    virtual_ms: int
    trace_sha256: str


def ordinary_weather(seed: int | str) -> Network:
    """A line that loses, repeats and refuses now and then; draws are keyed by (seed, request)."""

    def draw(site: str, serial: int) -> int:
        # A keyed hash, not a generator made for one number: that costs twenty times as much.
        return int.from_bytes(hashlib.blake2b(f"{seed}/{site}/{serial}".encode(), digest_size=8).digest(), "big") % 1000

    def trip(serial: int) -> Trip:
        drawn = draw("trip", serial)
        return Trip(
            drop_request=drawn < LOST_REQUEST,
            drop_reply=LOST_REQUEST <= drawn < LOST_REQUEST + LOST_REPLY,
            duplicate_reply=drawn >= 995,
            duplicate_request=995 - DUPLICATED <= drawn < 995,
        )

    from drivers.ports import LinkFault

    return Network(
        latency_ms=lambda leg: 20 + draw("latency", leg) // 20,
        refuse=lambda attempt: LinkFault.REFUSED if draw("refuse", attempt) < REFUSED else None,
        trip=trip,
    )


WALLETS_FULL_MINOR = 99_999_999_99  # Customers who come all day long must not run out of money...
EMPTY_PURSES = ("poor",)  # ...but for those whose part it is.


def endless_customers(
    seed: int | str, *, profile: Profile | None = None, draw: Callable[[int], bytes] | None = None
) -> Acquirer:
    """An acquirer whose test cards stand for many customers each: money for a whole day."""
    poor = {app.pan for name in EMPTY_PURSES for app in PROFILES[name].applications}
    registry = default_registry()
    for account in registry.accounts.values():
        if account.pan not in poor:
            account.balance_minor = WALLETS_FULL_MINOR
    return Acquirer(registry, profile=profile, seed=hash_seed(seed), draw=draw, faults=FaultPlan())


def run_day(
    seed: int | str, transactions: int, *, faults: bool = True, on_sale: Callable[[int], None] = lambda n: None
) -> DayReport:
    """Trade for a day. Raises whatever the terminal raises: a crash is a finding."""
    trace = hashlib.sha256()
    weather = ordinary_weather(seed) if faults else None
    with World(seed, network=weather, acquirer=endless_customers(seed)) as world:
        everything = replace(world.config.transactions, offered=OFFERABLE)
        world.shop.config = replace(world.config, transactions=everything)

        def on_show(picture: Picture) -> None:
            trace.update(f"{world.loop.clock_ms()} {picture.name}\n".encode())

        world.on_show = on_show
        world.on_frame = lambda frame: trace.update(frame)
        world.printer_said = lambda lines: trace.update(repr(lines).encode())
        world.run(People(world, seed, transactions, SETTLE_EVERY, on_sale).live())
        for event in _events(world):
            trace.update(event.digest.encode())
        payments = all_payments(world.journal)
        states = Counter(payment.state for payment in payments if not unanswered(payment))
        return DayReport(
            seed=str(seed),
            transactions=len(payments),
            approved=sum(states[s] for s in CHARGED),
            declined=states[PaymentState.DECLINED],
            reversed=states[PaymentState.REVERSED],
            unknown=sum(states[s] for s in OPEN),
            unanswered=sum(unanswered(payment) for payment in payments),
            abandoned=states[PaymentState.ABANDONED],
            discrepancies=discrepancies(world.journal, world.acquirer),
            virtual_ms=world.loop.now().mono_ms,
            trace_sha256=trace.hexdigest(),
        )


def _events(world: World) -> Iterator[Event]:
    after = 0
    while page := world.journal.events_after(after):
        yield from page
        after = page[-1].n


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", default="1", help="what the whole day is drawn from (default: 1)")
    parser.add_argument("--transactions", type=int, default=1000, metavar="N", help="sales of the day (default: 1000)")
    parser.add_argument(
        "--faults", choices=("none", "usual"), default="usual", help="the line's weather; `swarm` has the harsh kind"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")


def run(args: argparse.Namespace) -> int:
    """Exit status 0: the books agree; 1: they do not, or something is left open; 2: usage."""
    if not 1 <= args.transactions <= TRANSACTIONS_LIMIT:
        print(f"--transactions is 1 to {TRANSACTIONS_LIMIT}", file=sys.stderr)
        return 2
    seed: int | str = int(args.seed) if args.seed.isdecimal() else args.seed
    started = time.monotonic()
    shown = sys.stderr.isatty()

    def progress(sale: int) -> None:
        if shown and sale % 50 == 0:
            print(f"\r{sale} / {args.transactions}", end="", file=sys.stderr, flush=True)

    report = run_day(seed, args.transactions, faults=args.faults == "usual", on_sale=progress)
    if shown:
        print("\r", end="", file=sys.stderr)
    seconds = time.monotonic() - started
    clean = not report.discrepancies and report.unknown == 0
    if not args.json:
        hours = report.virtual_ms / 3_600_000
        print(f"seed {report.seed}: {report.transactions} payments in {hours:.1f} virtual hours ({seconds:.1f} s)")
        print(
            f"approved {report.approved}, declined {report.declined}, reversed {report.reversed}, "
            f"abandoned {report.abandoned}, unanswered {report.unanswered}, unknown {report.unknown}"
        )
        for line in report.discrepancies:
            print(f"  {line}")
        print("the books agree" if clean else "THE BOOKS DO NOT AGREE")
        print(f"trace {report.trace_sha256}")
    else:
        print(json.dumps(asdict(report), ensure_ascii=False))
    return 0 if clean else 1
