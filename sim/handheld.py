"""`python -m sim handheld`: the real terminal, its real drivers, and at the end of each wire a twin. No window.

This is the panel's child process and can be driven by anything that speaks JSON lines (see sim/panel/protocol.py):
what a person does comes in on stdin, what the world would see and hear goes out on stdout. The log is on stderr.

    flows → luma → I²C → the controller's memory     → {"is":"screen"}, the pixels as decoded from the wire
    flows ← RPi.GPIO (rpi-lgpio) ← lgpio ← contacts  ← {"do":"press"}, {"do":"happen"}
    flows → RPi.GPIO (rpi-lgpio) → lgpio → pins      → {"is":"lamp"}, {"is":"tone"}
    flows → python-escpos → pty → ESC/POS            → {"is":"paper"}, as text and PNG
    flows ⇄ card channel ⇄ virtual card              ← {"do":"insert"}, {"do":"remove"}
    flows ⇄ pyserial ⇄ pty ⇄ scanner                 ← {"do":"scan"}
    flows ← pyserial ← pty ← stripe reader           ← {"do":"swipe"}
    flows ⇄ TCP ⇄ the acquirer at --host

The end of stdin ends the process at once, as a pulled battery would: whoever held the handheld has gone.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

from drivers.display import DisplaySettings, OledDisplay
from drivers.gpio import Gpio, GpioBuzzer, GpioKeypad, GpioLamps, GpioTamperSwitch, Pins
from drivers.link import TcpLink
from drivers.ports import DeviceError, Key, Lamp, Paper
from drivers.printer import EscPosPrinter, PrinterSettings
from drivers.scanner import Gm65Scanner, ScannerSettings
from drivers.stripe_reader import SerialStripeReader, StripeSettings
from emv.typed import language_of
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL
from sim.card import PROFILES, VirtualCard
from sim.card.stripe import swipe_of
from sim.handheld_senses import CELLS, FeltKeypad, Fingers, Roll, SeenDisplay, Voice
from sim.panel.card_talk import WatchedCard
from sim.panel.journal_view import JournalView
from sim.panel.protocol import JSONObject, ProtocolError, parse_do
from sim.twins.card_reader import TwinCardReader
from sim.wire.gpio import PinBoard, install_chip
from sim.wire.i2c import FakeSMBus, Sh1107, Ssd1306
from sim.wire.paper import Printed
from sim.wire.printer import SerialPrinter
from sim.wire.scanner import SerialScanner
from sim.wire.stripe import SerialStripe
from terminal.__main__ import begin_recording, open_gateway
from terminal.assembly import assemble, open_keys
from terminal.config import Address, Config, ConfigErrors, Host, load_config
from terminal.config.settings import OFFERABLE
from terminal.flows.boot import power_on
from terminal.hostlink.profile import load_profile
from terminal.hygiene import private_folder
from terminal.journal import Journal, Tx
from terminal.loop.real import RealLoop
from terminal.model import Mode
from terminal.recorded import recorded
from terminal.recording import Recording
from terminal.screens.font import load_font
from terminal.shop import Devices

CONTROLLERS = {"128x64": "ssd1306", "128x128": "sh1107"}
LOOK_S = 0.012  # How often lamps and buzzer are looked at: the shortest tone lasts 40 ms.
HOLD_S = 6.0  # How long a person holds a code before a scanner that does not read it.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the terminal's folder: journal and keys")
    parser.add_argument("--host", metavar="ADDRESS:PORT", required=True, help="the acquirer")
    parser.add_argument("--panel", choices=sorted(CONTROLLERS), default="128x64", help="the display")
    parser.add_argument("--profile", default="unionpay", help="the acquirer's profile (default: %(default)s)")
    parser.add_argument(
        "--offered", nargs="*", choices=OFFERABLE, default=OFFERABLE, help="on the menu beside the sale (default: all)"
    )
    parser.add_argument(
        "--reply-seconds", type=int, default=20, metavar="N", help="how long the host may take (default: %(default)s)"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what happens, with no secret in it")
    parser.add_argument(
        "--lang", type=language_of, default="zh-CN", metavar="zh-CN|en", help="before the first run has asked (zh-CN)"
    )
    parser.add_argument("--wallets", type=Path, metavar="FILE", help="[wallets] of the configuration (sim gateways)")


def run(args: argparse.Namespace) -> int:
    """Run the terminal until its power is cut. Returns only when it cannot start."""
    address, _, port = args.host.rpartition(":")
    if not address or not port.isdecimal() or not 0 < int(port) < 65536:
        print(f"handheld: --host wants ADDRESS:PORT, not {args.host!r}", file=sys.stderr)
        return 2
    # Nothing but the protocol may reach stdout, whatever a library prints.
    wire = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        config = _config(args, Address(address, int(port)))
    except ConfigErrors as errors:
        print(f"handheld: {errors}", file=sys.stderr)
        return 2
    recording = begin_recording(args.record, config) if args.record else None
    handheld = Handheld(Voice(wire), config, panel=args.panel, recording=recording)
    handheld.run(FileIO(sys.stdin.fileno(), "rb", closefd=False))
    return 0


class Handheld:
    """One terminal with a twin at the end of each wire."""

    def __init__(self, voice: Voice, config: Config, *, panel: str, recording: Recording | None = None) -> None:
        self._voice = voice
        self._recording = recording
        self._data = config.general.data
        self._font = load_font()
        self._config = config
        self._board = PinBoard(Pins())
        install_chip(self._board.chip)
        self._bus = FakeSMBus(Ssd1306() if panel == "128x64" else Sh1107())
        self._printer = SerialPrinter(CELLS, self._on_row)
        self._scanner = SerialScanner()
        self._stripe = SerialStripe()
        self._reader = TwinCardReader()
        self._roll = Roll(voice, self._font)
        self._holding: threading.Timer | None = None
        self._tear_at: int | None = None
        self._cards: dict[str, WatchedCard] = {}
        self._fingers = Fingers(self._board, voice)
        self._mode: Callable[[], Mode] = lambda: Mode.BLANK  # Until the shop is there to be asked.
        self._devices = self._open_devices(panel)

    def _open_devices(self, panel: str) -> Devices:
        host = self._config.link.hosts[0].address
        gpio = Gpio(self._board.pins)
        settings = PrinterSettings(device=self._printer.path, cells=CELLS, cutter=True, cache=self._data / "cache")
        return Devices(
            display=SeenDisplay(
                OledDisplay(DisplaySettings(controller=CONTROLLERS[panel]), bus=self._bus),
                self._bus,
                self._voice,
                lambda: self._mode().value,
            ),
            keypad=FeltKeypad(GpioKeypad(gpio, _give_up), self._fingers),
            buzzer=GpioBuzzer(gpio),
            lamps=GpioLamps(gpio),
            tamper=GpioTamperSwitch(gpio, _give_up),
            printer=EscPosPrinter(settings),
            reader=self._reader,
            scanner=Gm65Scanner(ScannerSettings(device=self._scanner.path), _tell),
            stripe=SerialStripeReader(StripeSettings(device=self._stripe.path), _tell),
            link=TcpLink(host.host, host.port, length_digits=load_profile(self._config.link.profile).length_digits),
        )

    def run(self, stdin: FileIO) -> None:
        """Power on. Ends with the process; an error that no flow catches ends it too, and the panel starts it again.

        `stdin` has no buffer: a thread that waits in one would hold its lock for ever when the process ends.
        """
        private_folder(self._data)
        journal = Journal.open(self._data / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000)
        devices, recording = self._devices, self._recording
        view = JournalView(journal, lambda told: self._voice.say(kind="journal", **told))
        transact = seen(recording.rows(journal) if recording else journal.transact, view)
        loop = RealLoop(transact, drawn=recording.drawn) if recording else RealLoop(transact)
        view.look()
        if recording:
            devices = recorded(devices, recording)
        keys = open_keys(self._config, journal)
        shop = assemble(self._config, devices, loop, keys, font=self._font, https=open_gateway)
        journal.people = shop.people
        self._mode = lambda: shop.mode
        for target, name in ((self._watch_pins, "pins"), (lambda: self._listen(stdin), "stdin")):
            threading.Thread(target=target, name=f"bench-{name}", daemon=True).start()
        self._fingers.start()
        self._voice.say(kind="ready", pid=os.getpid(), version=shop.version)
        loop.run(power_on(shop))

    # What a person does.

    def _listen(self, stdin: FileIO) -> None:
        for line in stdin:
            try:
                deed = parse_do(line.decode("utf-8"))
            except (ProtocolError, UnicodeDecodeError) as broken:
                self._voice.say(kind="problem", text=f"handheld: {broken}")
                continue
            self._do(deed.act, deed.values)
        os._exit(0)

    def _do(self, act: str, values: Mapping[str, str | bool]) -> None:
        match act:
            case "press":
                self._fingers.press(Key(values["key"]))
            case "insert":
                self._insert(str(values["card"]))
            case "remove":
                self._reader.remove()
            case "swipe":
                self._swipe(str(values["card"]))
            case "scan":
                self._hold(str(values["code"]).encode("utf-8"))
            case "paper":
                self._set_paper(Paper(values["state"]))
            case "happen":
                self._happen(str(values["what"]), str(values["how"]))
            case "pixels":
                width, height = self._bus.panel.columns, self._bus.panel.height
                pixels = base64.b64encode(self._bus.pixels()).decode("ascii")
                self._voice.say(kind="pixels", width=width, height=height, pixels=pixels)
            case _:
                self._voice.say(kind="problem", text=f"handheld: {act} is not done to a handheld")

    def _insert(self, name: str) -> None:
        if name not in PROFILES:
            self._voice.say(kind="problem", text=f"there is no card {name}")
            return
        card = self._cards.setdefault(name, WatchedCard(VirtualCard(PROFILES[name], wait=_think), self._card_said))
        self._reader.remove()
        self._reader.insert(card, tear_at=self._tear_at)
        self._tear_at = None

    def _happen(self, what: str, how: str) -> None:
        match what:
            case "tear":
                self._tear_at = int(how)
            case "reader":
                (self._reader.unplug if how == "unplug" else self._reader.plug)()
            case "paper-left":
                self._printer.run_out_after(int(how))
            case "case":
                (self._board.open_case if how == "open" else self._board.shut)()
            case _:
                self._voice.say(kind="problem", text=f"handheld: {what} cannot happen to a process; it has real wires")

    def _card_said(self, entry: JSONObject) -> None:
        self._voice.say(kind="apdu", **entry)

    def _swipe(self, name: str) -> None:
        try:
            self._stripe.swipe(swipe_of(name))
        except KeyError:
            self._voice.say(kind="problem", text=f"there is no card {name}")

    def _hold(self, code: bytes) -> None:
        if self._holding is not None:
            self._holding.cancel()
        self._scanner.present(code)
        self._holding = threading.Timer(HOLD_S, lambda: self._scanner.hold(None))
        self._holding.daemon = True
        self._holding.start()

    def _set_paper(self, paper: Paper) -> None:
        self._roll.tear()  # Whoever touches the paper takes off what hangs out of it.
        self._printer.set_paper(paper)

    # What the world sees and hears.

    def _on_row(self, printed: Printed) -> None:
        self._roll.add(printed)

    def _watch_pins(self) -> None:
        lit: dict[Lamp, bool] = {}
        hertz = 0.0
        looking = False
        paper = self._printer.paper
        pause = threading.Event()
        pins = self._board.pins
        while not pause.wait(LOOK_S):
            for lamp in Lamp:
                now = self._board.lit(lamp)
                if lit.get(lamp) is not now:
                    lit[lamp] = now
                    self._voice.say(kind="lamp", lamp=lamp.value, lit=now)
            heard = self._board.chip.hertz(pins.buzzer) if pins.buzzer is not None else 0.0
            if heard != hertz:
                hertz = heard
                self._voice.say(kind="tone", hertz=round(hertz))
            if self._printer.paper is not paper:
                paper = self._printer.paper
                self._voice.say(kind="paper-state", state=paper.value)
            if self._scanner.looking is not looking:
                looking = self._scanner.looking
                self._voice.say(kind="scanner", on=looking)


def _think(ms: int) -> None:
    """A slow card keeps its reader's thread waiting, as in life."""
    time.sleep(ms / 1000)


def seen(transact: Callable[[Callable[[Tx], Any]], Any], view: JournalView) -> Callable[[Callable[[Tx], Any]], Any]:
    """The same, with a look at what has become durable."""

    def look_after(work: Callable[[Tx], Any]) -> Any:
        value = transact(work)
        view.look()
        return value

    return look_after


def _config(args: argparse.Namespace, host: Address) -> Config:
    """The bench's configuration: the test merchant is offered at the first run, the host is the given one.

    Raises ConfigErrors for what is wrong with the file of wallets.
    """
    default = Config.default()
    return dataclasses.replace(
        default,
        general=dataclasses.replace(default.general, language=args.lang, data=args.data),
        merchant=dataclasses.replace(default.merchant, merchant_no=TEST_MERCHANT, terminal_no=TEST_TERMINAL),
        link=dataclasses.replace(
            default.link, hosts=(Host(host),), profile=args.profile, reply_ms=args.reply_seconds * 1000
        ),
        display=dataclasses.replace(default.display, driver=CONTROLLERS[args.panel]),
        transactions=dataclasses.replace(default.transactions, offered=tuple(args.offered)),
        wallets=load_config(args.wallets).wallets if args.wallets else default.wallets,
    )


def _give_up(error: DeviceError) -> None:
    """Keypad or tamper switch are gone: end, and be started again, as on the real device."""
    print(f"handheld: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def _tell(error: DeviceError) -> None:
    """A terminal without its scanner still sells."""
    print(f"handheld: {error}", file=sys.stderr, flush=True)
