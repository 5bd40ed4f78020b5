"""The whole world on one virtual clock: the real terminal's flows, twins of its devices, cards, phones, the acquirer.

Everything inside is the product's own code but for the twins, which meet the same ports as the drivers. One seed
decides every latency and every random byte, so a world repeats exactly. People are tasks on the same loop.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

from drivers.ports import Key, LinkFault, Paper, PaperLine, Picture, Qr
from keys import KeyStore, selftest
from sim.acquirer import Acquirer
from sim.acquirer.bills import FEE_BP
from sim.acquirer.faults import FaultPlan
from sim.acquirer.wallets import WalletKind
from sim.card import PROFILES, VirtualCard
from sim.card.stripe import swipe_of
from sim.line_faults import LINE_FAULTS, LinePlan
from sim.loop import START_WALL_MS, SimLoop
from sim.mishaps import happen
from sim.phone import Phone, PhoneInHand
from sim.story import BEHAVIOURS, Eyes, StoryError
from sim.takes import instead
from sim.twins.card_reader import TwinCardReader
from sim.twins.display import TwinDisplay
from sim.twins.keypad import TwinBuzzer, TwinKeypad, TwinLamps, TwinTamperSwitch
from sim.twins.link import Network, Trip, TwinLink
from sim.twins.pad import TwinSignaturePad
from sim.twins.printer import TwinPrinter
from sim.twins.scanner import TwinScanner
from sim.twins.stripe import TwinStripeReader
from sim.wire.disk import Disk
from terminal.assembly import assemble
from terminal.config import NO_PRINTER, Config, Keys, Merchant, Printer
from terminal.config.settings import Bill
from terminal.flows.boot import power_on
from terminal.hostlink.profile import Profile
from terminal.journal import Journal, JournalBroken
from terminal.loop import Spawn
from terminal.manifest import FileCheck
from terminal.recorded import recorded
from terminal.recording import Recording
from terminal.screens.font import Font
from terminal.shop import Devices, Shop
from terminal.supervision import record_start

MERCHANT_NO, TERMINAL_NO = "898440153110001", "10000001"
STATIC = "000201010211"  # An EMVCo payload begins so that is not made for one payment.
PHONE_BALANCE_MINOR = 100_000_000
PASSWORD_COST = 2  # Nobody in here guesses at passwords, and a day has hundreds of them.
MEMORY = Path("/dev/shm")  # Linux's folder in memory: the keys of a world that nobody keeps cost no disk's sync.
T = TypeVar("T")
HostAnswers = Callable[[bytes, int], tuple[bytes, ...]]  # Of a frame and the time in ms since 1970; see TwinLink.


@cache
def known_answers() -> tuple[tuple[str, bool], ...]:
    """The self-test of the same program on the same machine, once for all its worlds."""
    return selftest.run()


class World:
    """One terminal and everything around it. `close()` it, or use it as a context manager.

    `data` and `acquirer` may be kept from an earlier world, to start the terminal again where it stopped; `disk` is one
    that can fail, beneath its journal. Without `data` the journal is in memory, and the keys are in a folder
    of `scratch` (None: in memory). `loop` may be one with a mind of its own (a power cut at a chosen moment); it then
    decides seed and clock. `answers`: a host that answers in place of the acquirer. `recording`: as of a real terminal.
    `counted`: this start counts among those that a supervisor made after a crash (terminal.supervision).
    Raises JournalError when the journal cannot be opened, or this start not be counted in it.
    """

    def __init__(
        self,
        seed: int | str = 0,
        *,
        network: Network | None = None,
        other_lines: Sequence[Network] = (),
        acquirer: Acquirer | None = None,
        data: Path | None = None,
        panel: tuple[int, int] = (128, 64),
        language: str = "en",
        font: Font | None = None,
        start_wall_ms: int = START_WALL_MS,
        wallet_minor: int = PHONE_BALANCE_MINOR,
        profile: Profile | None = None,
        stripe: bool = True,
        loop: SimLoop | None = None,
        keys: Keys | None = None,
        known_answers: Callable[[], tuple[tuple[str, bool], ...]] = known_answers,
        file_check: Callable[[], FileCheck] | None = None,
        card_command_ms: int = 15,
        serial: str = "simulated",
        pad: TwinSignaturePad | None = None,
        offered: tuple[str, ...] | None = None,
        has_printer: bool = True,
        scratch: Path | None = None,
        disk: Disk | None = None,
        counted: bool = False,
        answers: HostAnswers | None = None,
        recording: Recording | None = None,
    ) -> None:
        self.answers = answers  # None: the acquirer.
        self._folder = tempfile.TemporaryDirectory(dir=scratch or _memory()) if data is None else None
        self.data = Path(self._folder.name) if self._folder else Path(str(data))
        self.loop = loop or SimLoop(seed, start_wall_ms=start_wall_ms)
        self.disk = disk
        self.journal = self._open_journal(in_memory=data is None)
        service_reason = self._count_start() if counted else ""
        self._recording = recording
        self.loop.commit = recording.rows(self.journal) if recording else self.journal.transact
        # Who wants to know of everything that is shown, sent, printed and logged (a trace, a demo's files).
        self.on_show: Callable[[Picture], None] = lambda picture: None
        self.on_frame: Callable[[bytes], None] = lambda frame: None
        self.printer_said: Callable[[tuple[PaperLine, ...]], None] = lambda lines: None
        self.on_note: Callable[[str], None] = lambda text: None
        self.on_sense: Callable[[str, Any], None] = lambda what, value: None  # A tone, a lamp, an APDU.
        self.acquirer = acquirer or Acquirer(seed=hash_seed(seed), faults=FaultPlan())
        self.behaviour = "ok"
        self.printed_code = ""  # What hangs at the till.
        self.line_faults = LinePlan()
        self.tear_at: int | None = None  # The command during which the next card leaves.
        self.network = self._troubled(network or Network())
        self._other_lines = [self._troubled(line, preferred=False) for line in other_lines]
        self.pad = pad
        self._make_devices(panel, card_command_ms, stripe=stripe)
        self.config = _configured(language, keys or Keys(), has_printer, offered)
        self.shop: Shop = assemble(
            self.config,
            self.devices,
            self.loop,
            self._open_keys(),
            profile=profile,
            font=font,
            known_answers=known_answers,
            file_check=file_check,
            serial=serial,
            service_reason=service_reason,
            note=lambda text: self.on_note(text),
            password_cost=PASSWORD_COST,
        )
        self.journal.people = self.shop.people
        self.eyes = Eyes(self.loop)
        self.cards: dict[str, VirtualCard] = {}
        self._phone = Phone(self.acquirer.gateway, dict.fromkeys(WalletKind, wallet_minor))

    def _open_journal(self, *, in_memory: bool) -> Journal:
        path, vfs = None if in_memory else self.data / "journal.db", self.disk.name if self.disk else None
        return Journal.open(path, wall_ms=lambda: self.loop.now().wall_ms, vfs=vfs)

    def _count_start(self) -> str:
        """Why this start has to be a service start; "" when it has not."""
        try:
            return "crashes" if self.journal.transact(record_start) else ""
        except JournalBroken:
            self.journal.close()
            raise

    def _open_keys(self) -> KeyStore:
        return KeyStore.open(
            self.data / "keys",
            terminal_id="simulated",
            random=self.loop.draw,
            test_only=not self.config.keys.real_keys,
            counters=self.journal.counters,
        )

    def _make_devices(self, panel: tuple[int, int], card_command_ms: int, *, stripe: bool) -> None:
        spend = self.loop.spend
        self.display = TwinDisplay(*panel, on_show=self._shown)
        self.keypad = TwinKeypad()
        self.buzzer = TwinBuzzer(lambda tone: self.on_sense("tone", tone))
        self.lamps = TwinLamps(lambda lamp, lit: self.on_sense("lamp", (lamp, lit)))
        self.tamper = TwinTamperSwitch()
        self.printer = TwinPrinter(on_slip=self._printed)
        self.reader = TwinCardReader(spend=spend, command_ms=card_command_ms)
        self.reader.on_apdu = lambda command, answer: self.on_sense("apdu", (command, answer))
        self.scanner = TwinScanner()
        self.stripe = TwinStripeReader(fitted=stripe)
        self.link = TwinLink(self.loop, self._host, self.network, others=self._other_lines, spend=spend)
        devices = Devices(
            display=self.display,
            keypad=self.keypad,
            buzzer=self.buzzer,
            lamps=self.lamps,
            tamper=self.tamper,
            printer=self.printer,
            reader=self.reader,
            scanner=self.scanner,
            stripe=self.stripe,
            link=self.link,
            pad=self.pad,
        )
        self.devices = recorded(devices, self._recording) if self._recording else devices

    # The host and its line

    def _host(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        self.on_frame(frame)
        if self.behaviour == "silent":
            return ()
        # The host's clock is right, whatever the terminal's says.
        now_ms -= self.loop.clock_error_ms
        replies = (self.answers or self.acquirer.handle)(frame, now_ms)
        for reply in replies:
            self.on_frame(reply)
        if self.behaviour == "mute":  # Acts, but nobody hears it.
            return ()
        return replies

    def _troubled(self, weather: Network, *, preferred: bool = True) -> Network:
        """The weather, and what is done to the line by name. A host that takes no call is one address of several."""

        def refuse(attempt: int) -> LinkFault | None:
            if preferred and self.behaviour == "refused" or self.line_faults.take(connecting=True):
                return LinkFault.REFUSED
            return weather.refuse(attempt)

        def trip(serial: int) -> Trip:
            fault = self.line_faults.take(connecting=False)
            made = LINE_FAULTS[fault.name].trip if fault is not None else None
            return made(fault) if fault is not None and made is not None else weather.trip(serial)

        return dataclasses.replace(weather, refuse=refuse, trip=trip)

    def host_behaviour(self, behaviour: str) -> None:
        """ok · silent (never sees a request) · mute (acts, but its answers are lost) · refused (no connection).

        new: another host takes its place, with the same merchants and none of the book.
        """
        if behaviour not in BEHAVIOURS:
            raise StoryError(f"no such behaviour of the host: {behaviour}")
        if behaviour == "new" and self.answers is not None:
            raise StoryError("the host is outside this world; who takes its place is decided there")
        if behaviour == "new":
            seed = hash_seed("another host")
            self.acquirer = Acquirer(seed=seed, profile=self.acquirer.profile, faults=FaultPlan())
            self._phone = Phone(self.acquirer.gateway, self._balances())
        self.behaviour = "ok" if behaviour == "new" else behaviour

    def _balances(self) -> dict[WalletKind, int]:
        return {kind: wallet.balance_minor for kind, wallet in self._phone.wallets.items()}

    def happen(self, what: str, how: str) -> None:
        happen(self, what, how)

    def world_ms(self) -> int:
        """What everybody else's clock says, in milliseconds since 1970."""
        return self.loop.now().wall_ms

    # What people do

    def press(self, key: Key) -> None:
        self.keypad.press(key)

    def insert(self, profile: str, *, tear_at: int | None = None) -> None:
        """Put that card in; with `tear_at` it is pulled out during the n-th command."""
        if profile not in self.cards:
            if profile not in PROFILES:
                raise StoryError(f"no such card: {profile}; {instead(profile, PROFILES)}")
            self.cards[profile] = VirtualCard(PROFILES[profile], wait=self.loop.spend)
        try:
            self.reader.insert(self.cards[profile], tear_at=tear_at or self.tear_at)
        except ValueError as occupied:
            raise StoryError(str(occupied)) from None
        self.tear_at = None

    def swipe(self, card: str) -> None:
        """A card through the stripe reader: "CARD", or "FAULT:CARD" (sim.card.stripe)."""
        try:
            line = swipe_of(card, with_lrc=self.config.stripe.lrc)
        except KeyError:
            raise StoryError(f"no such card: {card}; {instead(card.rpartition(':')[2], PROFILES)}") from None
        self.stripe.swipe(line)

    def remove(self) -> None:
        self.reader.remove()

    def scan(self, code: str) -> None:
        self.scanner.present(code.encode("utf-8"))

    def set_paper(self, paper: Paper) -> None:
        self.printer.set_paper(paper)

    def phone(self, wallet: str) -> PhoneInHand:
        """The customer's phone with that wallet open, before this terminal's display."""
        return PhoneInHand(
            self._phone,
            WalletKind(wallet),
            now_ms=self.world_ms,
            display=lambda: (self.display.pixels(), self.display.width, self.display.height),
            printed=lambda: self.printed_code,
        )

    # What people see

    def _printed(self, lines: tuple[PaperLine, ...]) -> None:
        """A code of the shop's own that comes out of the printer is put up at the till."""
        codes = [line.payload for line in lines if isinstance(line, Qr) and line.payload.startswith(STATIC)]
        self.printed_code = codes[0] if codes else self.printed_code
        self.printer_said(lines)

    def _shown(self, picture: Picture) -> None:
        self.on_show(picture)
        self.eyes.shown(picture.name)

    def keys_waiting(self) -> bool:
        """Whether keys were pressed that the terminal has not looked at yet."""
        return len(self.shop.boxes.keys) > 0

    def typed_digits(self) -> int:
        """How many digits stand in the masked field on the display (a person counts the stars)."""
        return sum(line.count("*") + line.count("●") for line in self.display.text())

    def switch_on(self) -> None:
        """Power, for whoever drives the loop a step at a time with `until`; ends with `loop.stop`."""
        self.loop.spawn(power_on(self.shop), "terminal")

    def until(self, deed: Coroutine[Any, Any, T]) -> T:
        """Run the switched-on terminal until this deed is done, and stand still."""
        return self.loop.until(deed)

    def succeed(self, before: World) -> None:
        """Take over what outlives the terminal's power: cards, the one in the slot, phone, paper, line, case."""
        self.cards, self.behaviour, self.line_faults = before.cards, before.behaviour, before.line_faults
        for card in self.cards.values():
            card.waits_with(self.loop.spend)
        self._phone, self.printed_code = before._phone, before.printed_code
        self.printer.take_over(before.printer)
        self.reader.take_over(before.reader)
        self.tear_at = before.tear_at
        self.scanner.broken = before.scanner.broken
        self.link.take_over(before.link)
        if before.tamper.is_open:
            self.tamper.open_case()
        self.loop.clock_error_ms = before.loop.clock_error_ms

    def run(self, people: Coroutine[Any, Any, Any]) -> None:
        """Power the terminal on and run until these people have done what they came for."""

        async def everything() -> None:
            await Spawn(power_on(self.shop), "terminal")
            await people

        self.loop.run(everything())

    def close(self) -> None:
        """Raises JournalBroken when the disk fails at the close of the journal."""
        try:
            self.journal.close()
        finally:
            if self._recording:
                self._recording.close()
            if self._folder:
                self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _memory() -> Path | None:
    return MEMORY if os.access(MEMORY, os.W_OK) else None


def hash_seed(seed: int | str) -> int:
    """An int from any seed, whatever PYTHONHASHSEED.

    Digits are a number, however they came: typed on a command line, or in JSON.

    >>> hash_seed(7), hash_seed("7")
    (7, 7)
    """
    if isinstance(seed, int):
        return seed
    return (int(seed) if seed.isascii() and seed.isdecimal() else int.from_bytes(seed.encode(), "big")) % 2**63


def _configured(language: str, keys: Keys, has_printer: bool, offered: tuple[str, ...] | None) -> Config:
    """The configuration as it is shipped, for this world's shop."""
    shipped = Config.default()
    return dataclasses.replace(
        shipped,
        general=dataclasses.replace(shipped.general, language=language),
        merchant=Merchant(merchant_no=MERCHANT_NO, terminal_no=TERMINAL_NO),
        keys=keys,
        bill=Bill(fee_bp=FEE_BP),
        printer=Printer() if has_printer else Printer(transport=NO_PRINTER),
        transactions=shipped.transactions
        if offered is None
        else dataclasses.replace(shipped.transactions, offered=offered),
    )
