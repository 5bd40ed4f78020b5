"""One life of the real terminal in a process of its own, which may kill itself with SIGKILL at a named moment.

Everything is the product's: the loop with its threads, the journal and the key store on disk, TCP to the acquirer.
Only display, keypad, printer, reader and scanner are twins, because somebody has to stand at the counter. Their
clock runs ten times as fast as ours, so that nobody waits for the boot screen.

It speaks JSON lines on its standard output: {"point": name} for each moment, {"look": ...} when a customer holds a
phone before the display (whoever started us has the phone, and the wallets), {"done": ...} at the end.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.absent import AbsentStripeReader
from drivers.link import TcpLink
from drivers.ports import Key, Paper, Picture
from sim.books import all_payments
from sim.card import PROFILES, VirtualCard
from sim.killed.errands import Errand, Insistent
from sim.killed.points import CountedLink, Points, counted_commit
from sim.twins.card_reader import TwinCardReader
from sim.twins.display import TwinDisplay
from sim.twins.keypad import TwinBuzzer, TwinKeypad, TwinLamps, TwinTamperSwitch
from sim.twins.printer import TwinPrinter
from sim.twins.scanner import TwinScanner
from sim.world import MERCHANT_NO, TERMINAL_NO
from terminal.assembly import assemble, open_keys
from terminal.config import Config, Merchant, Timeouts
from terminal.flows.boot import power_on
from terminal.hostlink.profile import load_profile
from terminal.journal import Journal
from terminal.loop import Instant, Mailbox, Spawn, Task, Wait
from terminal.loop.real import RealLoop
from terminal.model import Method, Mode
from terminal.shop import Devices, Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord

HURRY = 10  # Milliseconds of the terminal in one of ours.
SEEN_LIMIT = 1_000


class HurriedLoop(RealLoop):
    """The real loop with its real threads; only its monotonic clock runs `HURRY` times as fast.

    Devices are given as long as ever: they run on a real machine, and a busy one must not look like a dead device.
    """

    def clock_ms(self) -> int:
        return time.monotonic_ns() * HURRY // 1_000_000

    def now(self) -> Instant:
        return Instant(self.clock_ms(), time.time_ns() // 1_000_000)

    def idle(self, until_ms: int | None) -> None:
        now_ms = self.clock_ms()
        super().idle(None if until_ms is None else now_ms + -(-max(0, until_ms - now_ms) // HURRY))

    def start_call(self, owner: str, call: Callable[[], Any], deadline_ms: int, task: Task, ticket: int) -> None:
        super().start_call(owner, call, deadline_ms * HURRY, task, ticket)


class Teller:
    """Lines on standard output, whole ones, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def tell(self, **said: object) -> None:
        with self._lock:
            os.write(sys.stdout.fileno(), json.dumps(said).encode() + b"\n")


class Counter:
    """The place where people stand; see `sim.killed.errands.Place`."""

    def __init__(self, loop: RealLoop, journal: Journal, teller: Teller) -> None:
        self._loop = loop
        self._journal = journal
        self._teller = teller
        self._seen: Mailbox[str] = Mailbox("seen", limit=SEEN_LIMIT)
        self._cards: dict[str, VirtualCard] = {}
        self.display = TwinDisplay(on_show=self._on_show)
        self.keypad = TwinKeypad()
        self.printer = TwinPrinter()
        self.reader = TwinCardReader()
        self.shop: Shop | None = None

    def _on_show(self, picture: Picture) -> None:
        self._loop.post(self._seen, picture.name)

    async def see_any(self) -> str:
        return await Wait(self._seen)

    def showing(self) -> str:
        return self.display.picture.name if self.display.picture else ""

    def press(self, key: Key) -> None:
        self.keypad.press(key)

    def keys_waiting(self) -> bool:
        return self.shop is not None and len(self.shop.boxes.keys) > 0

    def typed_digits(self) -> int:
        return sum(line.count("*") + line.count("●") for line in self.display.text())

    def insert(self, card: str) -> None:
        self.reader.insert(self._cards.setdefault(card, VirtualCard(PROFILES[card])))

    def remove(self) -> None:
        self.reader.remove()

    def pin_of(self, card: str) -> str:
        return PROFILES[card].pin

    def pay_what_is_shown(self, wallet: str) -> None:
        display = self.display
        self._teller.tell(look=display.pixels().hex(), width=display.width, height=display.height, wallet=wallet)

    def show_code(self, wallet: str) -> None:
        raise NotImplementedError("scanned codes are recovered in virtual time: tests/test_flows_recovery.py")

    def confirm(self, wallet: str) -> None:
        raise NotImplementedError("scanned codes are recovered in virtual time: tests/test_flows_recovery.py")

    def mend_paper(self) -> None:
        self.printer.set_paper(Paper.OK)

    def mode(self) -> Mode:
        return self.shop.mode if self.shop else Mode.BLANK

    def payments(self) -> tuple[PaymentRecord, ...]:
        return all_payments(self._journal)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the terminal's data folder")
    parser.add_argument("--port", type=int, required=True, help="the acquirer's port on this machine")
    parser.add_argument("--kill-at", default="", metavar="POINT", help='die there, e.g. "before commit 7"')
    parser.add_argument("--sell", action="append", default=[], metavar="AMOUNT:METHOD:MEANS")
    parser.add_argument("--settle", action="store_true", help="settle at the end")
    parser.add_argument("--reprint", action="store_true", help="reprint the last slip at the very end")


def run(args: argparse.Namespace) -> int:
    """0 when everything they came for is done; killed by SIGKILL at the chosen point."""
    teller = Teller()

    def at(name: str) -> None:
        teller.tell(point=name)
        if name == args.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    errands = tuple(_errand(text) for text in args.sell)
    journal = Journal.open(args.data / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000)
    points = Points(at)
    loop = HurriedLoop(counted_commit(journal, points))
    counter = Counter(loop, journal, teller)
    shop = counter.shop = _terminal(args, loop, journal, counter, points)
    journal.people = shop.people
    people = Insistent(counter, errands, settle=args.settle, reprint=args.reprint)

    async def everything() -> None:
        await Spawn(power_on(shop), "terminal")
        await people.live()

    loop.run(everything())
    loop.close()
    shop.devices.link.close()
    journal.close()
    teller.tell(done=_report(counter))
    return 0


def _report(counter: Counter) -> Mapping[str, object]:
    slips = counter.printer.slips
    return {"slips": counter.printer.slip_count, "last_slip": [repr(line) for line in slips[-1]] if slips else []}


def _errand(text: str) -> Errand:
    amount, method, means = text.split(":")
    return Errand(int(amount), Method(method), means)


def _terminal(
    args: argparse.Namespace, loop: RealLoop, journal: Journal, counter: Counter, points: Points
) -> Shop:
    default = Config.default()
    config = dataclasses.replace(
        default,
        general=dataclasses.replace(default.general, language="en", data=args.data),
        merchant=Merchant(merchant_no=MERCHANT_NO, terminal_no=TERMINAL_NO),
        timeouts=Timeouts(result_ms=1_000),
    )
    devices = Devices(
        display=counter.display,
        keypad=counter.keypad,
        buzzer=TwinBuzzer(),
        lamps=TwinLamps(),
        tamper=TwinTamperSwitch(),
        printer=counter.printer,
        reader=counter.reader,
        scanner=TwinScanner(),
        stripe=AbsentStripeReader(),
        link=CountedLink(TcpLink("127.0.0.1", args.port), points),
    )
    keys = open_keys(config, journal)
    return assemble(config, devices, loop, keys, profile=load_profile("unionpay"))
