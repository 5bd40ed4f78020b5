"""The swarm's world: the ordinary one, with a clock that may be wrong, a line with a plan, and windows to look through.

Everything random is keyed anew when a transaction begins (`begin`), so that what one transaction draws moves no other.
The host's clock and the phones' are right; only the terminal's own drifts and jumps.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from drivers.ports import Link, LinkClosed, LinkDown, LinkFault, LinkFrame
from sim.acquirer import Acquirer, default_registry
from sim.acquirer.faults import Fault, FaultKind, FaultPlan
from sim.acquirer.wallets import WalletKind
from sim.card import PROFILES, VirtualCard
from sim.loop import START_WALL_MS, SimLoop
from sim.phone import Phone
from sim.swarm.draws import Draws
from sim.twins.link import GOOD_TRIP, Network, Trip
from sim.twins.pad import TwinSignaturePad
from sim.wire.disk import Disk
from sim.world import PHONE_BALANCE_MINOR, World, hash_seed
from terminal.assembly import kernel_profile
from terminal.config import Config
from terminal.config.settings import OFFERABLE
from terminal.hostlink.codec import Message
from terminal.hostlink.messages import QR_RECEIPTS
from terminal.hostlink.profile import Profile, load_profile
from terminal.loop import Instant

LINE_MS = (15, 90)  # One way.
SPOILING = frozenset(
    {
        FaultKind.WRONG_MAC,
        FaultKind.NO_MAC,
        FaultKind.WRONG_MTI,
        FaultKind.WRONG_STAN,
        FaultKind.FLOOD,
        FaultKind.WRONG_TERMINAL,
        FaultKind.WRONG_AMOUNT,
        FaultKind.GARBLE,
    }
)
PARTS_IN = 1_000_000
DAY_SETTLE_EVERY = 200  # Customers between two settlements; field 48 counts at most 999 of a kind.
WALLETS_FULL_MINOR = 99_999_999_99  # Customers who come all day long must not run out of money...
EMPTY_PURSES = ("poor",)  # ...but for those whose part it is.


class SwarmLoop(SimLoop):
    """A loop whose latencies and random bytes are keyed by transaction, and whose wall clock may be wrong."""

    def __init__(self, draws: Draws, *, start_wall_ms: int = START_WALL_MS, drift_ppm: int = 0) -> None:
        super().__init__(draws.seed, start_wall_ms=start_wall_ms)
        self._draws = draws
        self._drift_ppm = drift_ppm
        self.wrong_ms = 0  # How far the wall clock is from the truth, drift left out.

    def begin(self, transaction: int, site: str) -> None:
        self._draw_latency = self._draws.source(transaction, f"latency{site}").random
        self._bytes = self._draws.source(transaction, f"bytes{site}")

    def true_ms(self) -> int:
        """The right time, in milliseconds since 1970."""
        return self._start_wall_ms + self._mono_ms

    def now(self) -> Instant:
        mono_ms = self._mono_ms
        return Instant(mono_ms, self._start_wall_ms + mono_ms + self.wrong_ms + mono_ms * self._drift_ppm // PARTS_IN)


class Storm:
    """What one line does, request by request and call by call, counted from each transaction's beginning."""

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._sent = self._sent_before = self._called = self._called_before = 0
        self.trips: dict[int, Trip] = {}
        self.calls: dict[int, LinkFault] = {}
        self.between = GOOD_TRIP  # Until the next transaction begins.
        self.network = Network(latency_ms=self._latency, refuse=self._refuse, trip=self._trip)

    def begin(self, source: random.Random) -> None:
        """A new transaction: nothing is planned, and everything is counted from here."""
        self._random = source
        self._sent_before, self._called_before = self._sent, self._called
        self.trips.clear()
        self.calls.clear()
        self.between = GOOD_TRIP

    def _latency(self, leg: int) -> int:
        return self._random.randrange(*LINE_MS)

    def _refuse(self, attempt: int) -> LinkFault | None:
        self._called += 1
        return self.calls.pop(self._called - self._called_before, None)

    def _trip(self, serial: int) -> Trip:
        self._sent += 1
        return self.trips.pop(self._sent - self._sent_before, self.between)


class WatchedLink:
    """Meets `drivers.ports.Link` around another one.

    `on_send` hears each frame just before it leaves, `on_unsent` each of which no byte has left after all.
    """

    def __init__(self, link: Link, on_send: Callable[[bytes], None], on_unsent: Callable[[bytes], None]) -> None:
        self._link = link
        self._on_send = on_send
        self._on_unsent = on_unsent

    @property
    def routes(self) -> tuple[str, ...]:
        return self._link.routes

    def watch(self, on_event: Callable[[LinkFrame | LinkClosed], None]) -> None:
        self._link.watch(on_event)

    def connect(self, timeout_ms: int, route: int = 0) -> int:
        return self._link.connect(timeout_ms, route)

    def send(self, data: bytes, timeout_ms: int) -> None:
        self._on_send(data)
        try:
            self._link.send(data, timeout_ms)
        except LinkDown as down:
            if not down.sent:
                self._on_unsent(data)
            raise

    def close(self) -> None:
        self._link.close()


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """What a world is before anybody comes."""

    profile: str
    language: str
    panel: tuple[int, int]
    lines: int
    stripe: bool
    pad: bool
    partial: str
    offline: bool
    drift_ppm: int
    settle_every: int
    settled_behind: bool


PROFILES_SHIPPED = ("unionpay", "unionpay", "iso8583-1987-ascii")  # The first is what most terminals speak.


def drawn(draws: Draws) -> Drawn:
    """The terminal's profile, panel, lines and clock of this seed."""
    source = draws.source(-1, "world")
    return Drawn(
        profile=source.choice(PROFILES_SHIPPED),
        language=source.choice(("zh-CN", "en")),
        panel=source.choice(((128, 64), (128, 128))),
        lines=source.choice((1, 1, 2)),
        stripe=source.random() < 0.8,
        pad=source.random() < 0.05,
        partial=source.choice(("ask", "refuse")),
        offline=source.random() < 0.3,
        drift_ppm=source.randrange(-200, 201),
        settle_every=source.choice((12, 25, 60)),
        settled_behind=source.random() < 0.2,
    )


def as_shipped() -> Drawn:
    """The shop of a day: the terminal as it is shipped, whatever the seed, settled seldom enough to fill a batch."""
    shipped = Config.default()
    return Drawn(
        profile=shipped.link.profile,
        language=shipped.general.language,
        panel=(128, 64),
        lines=1,
        stripe=True,
        pad=False,
        partial=shipped.transactions.partial,
        offline=shipped.card.offline,
        drift_ppm=0,
        settle_every=DAY_SETTLE_EVERY,
        settled_behind=False,
    )


class SpoilingPlan(FaultPlan):
    """A plan that remembers which requests had no answer but spoilt ones, and the sign-ins that gave a wrong key."""

    def __init__(self) -> None:
        super().__init__()
        self._spoilt: dict[tuple[str, str], bool] = {}  # By MTI and STAN: every answer so far.
        self.wrong_keys: set[str] = set()

    def __bool__(self) -> bool:
        """It hears of every request, also when nothing is planned."""
        return True

    def take(self, request: Message) -> dict[FaultKind, Fault]:
        taken = super().take(request)
        if request.text(3) == QR_RECEIPTS:  # The host's word alone says what was paid, under its MAC.
            taken.pop(FaultKind.WRONG_AMOUNT, None)
        if FaultKind.BAD_KCV in taken:
            self.wrong_keys.add(request.text(11))
        spoilt, stan = SPOILING & taken.keys(), request.text(11)
        # A balance has no amount to spoil.
        bad = bool(spoilt - {FaultKind.WRONG_AMOUNT} or spoilt and 4 in request.fields)
        self._spoilt[request.mti, stan] = bad and self._spoilt.get((request.mti, stan), True)
        return taken

    def has_spoilt(self, stan: str, *mtis: str) -> bool:
        """Whether a request with this STAN has had answers, and none that could be believed."""
        return any(self._spoilt.get((mti, stan), False) for mti in mtis)


class KeyedBytes:
    """The random source of the acquirer, or of the cards; keyed anew with each transaction."""

    def __init__(self) -> None:
        self.source = random.Random(0)

    def __call__(self, count: int) -> bytes:
        return self.source.randbytes(count)


def endless_customers(seed: int | str, profile: Profile, draw: Callable[[int], bytes]) -> Acquirer:
    """An acquirer whose test cards stand for many customers each: money for a whole day."""
    poor = {app.pan for name in EMPTY_PURSES for app in PROFILES[name].applications}
    registry = default_registry()
    for account in registry.accounts.values():
        if account.pan not in poor:
            account.balance_minor = WALLETS_FULL_MINOR
    return Acquirer(registry, profile=profile, seed=hash_seed(seed), draw=draw, faults=FaultPlan())


class Bank:
    """What outlives a terminal's power: the acquirer with its book, accounts, wallets, and its random source."""

    def __init__(self, draws: Draws, profile: Profile) -> None:
        self.draw, self.draw_card = KeyedBytes(), KeyedBytes()
        self.draw.source = draws.source(-1, "host")
        self.acquirer: Acquirer = endless_customers(draws.seed, profile, self.draw)
        self.plan = self.acquirer.faults = SpoilingPlan()
        accounts = self.acquirer.registry.accounts.values()
        self.money_before_minor = sum(account.balance_minor for account in accounts)
        self.cards: dict[str, VirtualCard] = {}
        self.phone = Phone(self.acquirer.gateway, dict.fromkeys(WalletKind, PHONE_BALANCE_MINOR))


class SwarmWorld(World):
    """One life of a terminal. `fittings` None: drawn from the seed. `on_send` and `on_unsent` are WatchedLink's."""

    def __init__(
        self,
        draws: Draws,
        *,
        loop: SwarmLoop | None = None,
        bank: Bank | None = None,
        data: Path | None = None,
        scratch: Path | None = None,
        disk: Disk | None = None,
        fittings: Drawn | None = None,
    ) -> None:
        self.draws = draws
        self.drawn = fittings or drawn(draws)
        shipped = load_profile(self.drawn.profile)
        profile = dataclasses.replace(shipped, settled_behind=self.drawn.settled_behind)
        self.on_send: Callable[[bytes], None] = lambda frame: None
        self.on_unsent: Callable[[bytes], None] = lambda frame: None
        self.storm = Storm()
        self.die: Callable[[bool], None] = lambda killed: None  # The power goes now; `killed`: the process alone.
        self.in_flight: list[bytes] = []  # Requests that left and have not arrived.
        self.bank = bank or Bank(draws, profile)
        others: Sequence[Network] = (Network(),) * (self.drawn.lines - 1)
        self.clock = loop or SwarmLoop(draws, drift_ppm=self.drawn.drift_ppm)
        super().__init__(
            draws.seed,
            network=self.storm.network,
            other_lines=others,
            acquirer=self.bank.acquirer,
            data=data,
            scratch=scratch,
            disk=disk,
            panel=self.drawn.panel,
            language=self.drawn.language,
            profile=profile,
            stripe=self.drawn.stripe,
            loop=self.clock,
            pad=TwinSignaturePad() if self.drawn.pad else None,
        )
        offer = dataclasses.replace(self.config.transactions, offered=OFFERABLE, partial=self.drawn.partial)
        card = dataclasses.replace(self.config.card, offline=self.drawn.offline)
        self.shop.config = self.config = dataclasses.replace(self.config, transactions=offer, card=card)
        self.shop.kernel = kernel_profile(self.config)
        self._phone = self.bank.phone
        self.cards = self.bank.cards
        for inserted in self.cards.values():
            inserted.waits_with(self.loop.spend)

    def begin(self, transaction: int, restarts: int = 0) -> None:
        """From here on everything is drawn for this transaction; what was planned for the last one is forgotten.

        `restarts`: of the terminal, since this transaction began.
        """
        site = f"{restarts}" if restarts else ""
        self.clock.begin(transaction, site)
        self.storm.begin(self.draws.source(transaction, f"line{site}"))
        self.bank.draw.source = self.draws.source(transaction, f"host{site}")
        self.bank.draw_card.source = self.draws.source(transaction, f"card{site}")
        if self.disk is not None:
            self.disk.random = self.draws.source(transaction, f"disk{site}")
        self.acquirer.faults.clear()

    def _make_devices(self, panel: tuple[int, int], card_command_ms: int, *, stripe: bool) -> None:
        super()._make_devices(panel, card_command_ms, stripe=stripe)
        link = WatchedLink(self.link, self._sending, self._not_sent)
        self.devices = dataclasses.replace(self.devices, link=link)

    def insert(self, profile: str, *, tear_at: int | None = None) -> None:
        if profile in PROFILES and profile not in self.cards:
            draw, wait = self.bank.draw_card, self.loop.spend
            self.cards[profile] = VirtualCard(PROFILES[profile], draw=draw, wait=wait)
        super().insert(profile, tear_at=tear_at)

    def _sending(self, frame: bytes) -> None:
        self.in_flight = [frame]  # One exchange at a time: whatever came before it is lost.
        self.on_send(frame)

    def _not_sent(self, frame: bytes) -> None:
        self.in_flight = []
        self.on_unsent(frame)

    def _host(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        if frame in self.in_flight:
            self.in_flight.remove(frame)
        return super()._host(frame, self.world_ms())

    def world_ms(self) -> int:
        return self.clock.true_ms()

    def wallets_minor(self) -> int:
        """What all wallets hold together."""
        return sum(wallet.balance_minor for wallet in self.bank.phone.wallets.values())
