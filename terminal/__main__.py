"""`python -m terminal`: the composition root, and the terminal's tools.

Without a command the terminal runs: configuration → drivers → shop → loop. Only this module chooses concrete drivers.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING

from terminal.tools.ending import exit_status
from terminal.version import VERSION

if TYPE_CHECKING:  # Imported late: until the panel is lit, only what lights it is.
    from drivers.display import DisplaySettings
    from drivers.escpos_encoder import PrinterSettings
    from drivers.gpio import Pins
    from drivers.link import TcpLink
    from drivers.ports import CardReader, DeviceError, Display, Https, Printer, Scanner, SignaturePad, StripeReader
    from terminal.config import Address, Config
    from terminal.journal import Journal
    from terminal.manifest import FileCheck
    from terminal.recording import Recording
    from terminal.shop import Devices, Shop

SYSTEM_CONFIG = Path("/etc/zhanggui/zhanggui.toml")
TOOLS = {
    "decode": "a frame of the host link, field by field, PAN masked",
    "card": "run the EMV kernel on a card in a PC/SC reader",
    "manifest": "make, sign and check the list of installed files",
    "doctor": "what is missing on this machine, and how to mend it",
}
CANNOT_START = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: done; 1: a tool found something wrong; 2: usage; 3: the terminal cannot start."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="python -m terminal", description=__doc__)
    parser.add_argument("--config", type=Path, help=f"the configuration (else {SYSTEM_CONFIG}, else the defaults)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what happens, without a secret, to FILE")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, words_of_help in TOOLS.items():
        command = commands.add_parser(name, help=words_of_help)
        if name in words:
            _tool(name).add_arguments(command)
    args = parser.parse_args(words)
    if args.command == "card":
        from drivers.card_reader import PcscCardReader

        status: int = _tool("card").run(args, PcscCardReader)
        return status
    if args.command:
        return int(_tool(args.command).run(args))
    return run_terminal(args.config, args.record)


def _tool(name: str) -> ModuleType:
    return importlib.import_module(f"terminal.tools.{name}")


def run_terminal(config_path: Path | None, record: Path | None = None) -> int:
    """Run until told to stop, with a recording if `record` names its file; the exit status."""
    from terminal.hygiene import private_folder, seal_process

    if not seal_process():
        print("terminal: memory is not locked and may be swapped out; doctor says how to mend it", file=sys.stderr)
    import_without_collecting()
    from drivers.display import OledDisplay
    from drivers.ports import DeviceError
    from terminal.config import Config, ConfigErrors, load_config

    path = config_path or (SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else None)
    try:
        config = load_config(path) if path else Config.default()
    except ConfigErrors as errors:
        # Nobody's language is known before the configuration is read.
        lines = [errors.name, *(f"{problem.text()}  {problem.zh}" for problem in errors.problems)]
        print("\n".join(lines), file=sys.stderr)
        return 2
    data = config.general.data
    private_folder(data)
    display = OledDisplay(display_settings(config))
    if not is_running(data):  # A second terminal must not draw over the first; the journal's lock then refuses it.
        show_splash(config, display)

    from emv.capk import CapkError
    from terminal.journal import Journal, JournalBroken, JournalError, JournalInUse

    try:
        journal = Journal.open(data / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000)
    except JournalInUse as error:
        print(f"terminal: {error}", file=sys.stderr)
        return CANNOT_START
    except JournalError as error:
        return out_of_service(config, display, "disk" if isinstance(error, JournalBroken) else "journal", error)
    try:
        recording = begin_recording(record, config) if record else None
    except OSError as error:
        print(f"terminal: {error.filename}: {error.strerror}", file=sys.stderr)
        journal.close()
        return 2
    try:
        return _trade(config, journal, display, recording)
    except CapkError as errors:
        print("\n".join(f"{config.card.capks}: {problem}" for problem in errors.problems), file=sys.stderr)
        return 2
    except DeviceError as error:
        print(f"terminal: {error}", file=sys.stderr)
        print("python -m terminal doctor says what is missing; make run needs no device at all.", file=sys.stderr)
        return CANNOT_START
    finally:
        if recording:
            recording.close()
        journal.close()


def is_running(data: Path) -> bool:
    """Whether another process holds the journal's lock now; it is not taken here."""
    try:
        with open(data / "journal.lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def import_without_collecting() -> None:
    """No garbage collection while the program is imported: all of that stays, and each look at it costs time.

    `_trade` collects again, but never what was there before trading.
    """
    gc.disable()


def display_settings(config: Config) -> DisplaySettings:
    from drivers.display import DisplaySettings

    display = config.display
    return DisplaySettings(display.driver, display.port, display.address, display.rotate)


def show_splash(config: Config, display: Display) -> None:
    """Light the panel before the rest of the program is imported."""
    from drivers.ports import DeviceError
    from terminal.screens.font import load_font
    from terminal.screens.splash import Splash

    # A panel that does not answer is the display task's affair: it tries again, and says what is wrong.
    try:
        display.show(Splash(VERSION, load_font(config.display.font or "unifont")))
    except DeviceError:
        return


def out_of_service(config: Config, display: Display, reason: str, why: Exception) -> int:
    """Say on the panel why nothing can be sold (disk, journal, keys); a supervisor starts us again after a while.

    Without a supervisor somebody sits before it who has read the message: end at once.
    """
    from drivers.ports import DeviceError
    from terminal.screens.catalogue import ServiceMode
    from terminal.screens.font import load_font
    from terminal.screens.render import picture
    from terminal.supervision import OUT_OF_SERVICE_S
    from terminal.watchdog import Watchdog

    print(f"terminal: {why}", file=sys.stderr)
    font = load_font(config.display.font or "unifont")
    with contextlib.suppress(DeviceError):  # Then the message on stderr is all there is.
        display.show(picture(ServiceMode(reason=reason), config.general.language, font))
    watchdog = Watchdog.from_environment(os.environ, lambda: time.monotonic_ns() // 1_000_000)
    if watchdog.supervised:
        watchdog.ready()
        for _ in range(OUT_OF_SERVICE_S):
            watchdog.feed()
            time.sleep(1)
    return CANNOT_START


def _trade(config: Config, journal: Journal, display: Display, recording: Recording | None) -> int:
    from keys import KeyRefused
    from terminal.assembly import assemble, device_id, kernel_profile, open_keys
    from terminal.flows.boot import power_on
    from terminal.journal import JournalBroken
    from terminal.loop.real import RealLoop
    from terminal.recorded import recorded
    from terminal.supervision import clean_stop, record_start
    from terminal.watchdog import Watchdog

    loop = RealLoop(recording.rows(journal), drawn=recording.drawn) if recording else RealLoop(journal.transact)
    watchdog = Watchdog.from_environment(os.environ, loop.clock_ms)
    try:
        service = "crashes" if watchdog.supervised and journal.transact(record_start) else ""
    except JournalBroken as broken:  # The disk that was full when we crashed still is.
        return out_of_service(config, display, "disk", broken)
    try:
        keys = open_keys(config, journal)
    except KeyRefused as refused:
        return out_of_service(config, display, "keys", refused)
    kernel = kernel_profile(config)
    devices, link = open_devices(config, display)
    if recording:
        devices = recorded(devices, recording)
    shop = assemble(
        config,
        devices,
        loop,
        keys,
        kernel=kernel,
        service_reason=service,
        dial=link.dial,
        set_system_clock=set_system_clock,
        file_check=file_check(config),
        serial=device_id(config.general.data),
        note=lambda text: print(f"terminal: host: {text}", file=sys.stderr),
        https=open_gateway,
    )
    journal.people = shop.people
    say_what_is_missing(shop)
    loop.watchdog = watchdog.feed
    signal.signal(signal.SIGTERM, _stop)
    watchdog.ready()
    gc.freeze()
    gc.enable()
    try:
        loop.run(power_on(shop))
    except (SystemExit, KeyboardInterrupt):
        watchdog.stopping()
        journal.transact(clean_stop)
        return 0
    finally:
        loop.close()
    return 0


def begin_recording(path: Path, config: Config) -> Recording:
    """Raises OSError."""
    from terminal.hostlink.profile import load_profile
    from terminal.recording import Recording

    return Recording(
        path,
        profile=load_profile(config.link.profile),
        about={"language": config.general.language, "profile": config.link.profile, "panel": config.display.driver},
        clock_ms=lambda: time.monotonic_ns() // 1_000_000,
        report=lambda text: print(f"terminal: {text}", file=sys.stderr),
    )


def file_check(config: Config) -> Callable[[], FileCheck] | None:
    """How to compare the installed files with their signed list; None when there is none."""
    from terminal.manifest import FileCheck, product_root

    signer, manifest = config.checks.signer, config.checks.manifest
    if signer is None or manifest is None:
        return None
    return partial(FileCheck, product_root(), manifest, bytes.fromhex(signer))


def _stop(signum: int, frame: FrameType | None) -> None:
    """SIGTERM: everything that matters is durable already, so the process may stop between any two steps."""
    raise SystemExit(0)


def set_system_clock(wall_ms: int) -> bool:
    """Set the system's clock; False where that is not allowed."""
    try:
        time.clock_settime_ns(time.CLOCK_REALTIME, wall_ms * 1_000_000)
    except PermissionError:
        return False
    return True


def open_devices(config: Config, display: Display) -> tuple[Devices, TcpLink]:
    """The drivers that the configuration names. What is not fitted is absent and says so when it is used."""
    from drivers.absent import AbsentTamperSwitch
    from drivers.gpio import Gpio, GpioBuzzer, GpioKeypad, GpioLamps, GpioTamperSwitch
    from drivers.link import TcpLink
    from terminal.hostlink.profile import load_profile
    from terminal.shop import Devices
    from terminal.tools.hosts import routes

    link = TcpLink.over(routes(config), load_profile(config.link.profile).length_digits)
    gpio = Gpio(gpio_pins(config))
    fitted = config.gpio.tamper is not None
    devices = Devices(
        display=display,
        keypad=GpioKeypad(gpio, _report),
        buzzer=GpioBuzzer(gpio),
        lamps=GpioLamps(gpio),
        tamper=GpioTamperSwitch(gpio, _report) if fitted else AbsentTamperSwitch(),
        printer=open_printer(config),
        reader=_or_absent(lambda: open_reader(config)),
        scanner=open_scanner(config),
        stripe=open_stripe(config),
        pad=open_pad(config),
        link=link,
    )
    return devices, link


def open_gateway(address: Address, ca: Path | None) -> Https:
    from drivers.https import HttpsClient

    return HttpsClient(address.host, address.port, ca_file=ca)


def say_what_is_missing(shop: Shop) -> None:
    """Contracts with wallets that cannot be used, for the log; the first customer's screen says it, too."""
    from terminal.strings import LANGUAGES, Words
    from terminal.wallets.contracts import NotReady

    for wallet, rail in shop.rails.items():
        if isinstance(rail, NotReady):
            told = "  ".join(words.about("fault", rail.fault) for words in map(Words, LANGUAGES))
            print(f"terminal: {wallet}: {told}", file=sys.stderr)


def gpio_pins(config: Config) -> Pins:
    from drivers.gpio import Pins
    from drivers.ports import Lamp

    gpio = config.gpio
    lamps = {
        Lamp.POWER: gpio.lamp_power,
        Lamp.ONLINE: gpio.lamp_online,
        Lamp.CARD: gpio.lamp_card,
        Lamp.ALERT: gpio.lamp_alert,
    }
    return Pins(
        rows=gpio.rows,
        columns=gpio.columns,
        buzzer=gpio.buzzer,
        lamps={lamp: pin for lamp, pin in lamps.items() if pin is not None},
        tamper=gpio.tamper,
    )


def open_printer(config: Config) -> Printer:
    from terminal.config import NO_PRINTER

    if config.printer.transport == NO_PRINTER:
        from drivers.absent import AbsentPrinter

        return AbsentPrinter(config.printer.cells)
    from drivers.printer import EscPosPrinter

    return EscPosPrinter(printer_settings(config))


def printer_settings(config: Config) -> PrinterSettings:
    from drivers.escpos_encoder import PrinterSettings

    printer = config.printer
    network = printer.address if printer.transport == "network" else None
    return PrinterSettings(
        transport=printer.transport,
        device=network.host if network else printer.device,
        network_port=network.port if network else 9100,
        baud=printer.baud,
        cells=48 if printer.width_mm == 80 else 32,
        charset=printer.encoding,
        cutter=printer.cutter,
        answers=printer.transport != "file",
        cache=config.general.data / "cache",
    )


def open_reader(config: Config) -> CardReader:
    """The PC/SC reader by name, or the only one there is. Raises DeviceError, ImportError."""
    from drivers.card_reader import PcscCardReader, reader_names
    from drivers.ports import DeviceError

    name = config.reader.name
    if name is None:
        names = reader_names()
        if len(names) != 1:
            raise DeviceError("reader", f"{len(names)} readers; name one in the configuration, [reader] name")
        name = names[0]
    return PcscCardReader(name)


def _or_absent(open_it: Callable[[], CardReader]) -> CardReader:
    from drivers.absent import AbsentCardReader
    from drivers.ports import DeviceError

    try:
        return open_it()
    except (DeviceError, ImportError) as why:
        print(f"terminal: {why}", file=sys.stderr)
        return AbsentCardReader(str(why))


def open_scanner(config: Config) -> Scanner:
    if config.scanner.kind == "camera":
        from drivers.camera import CameraScanner, PiLens

        return CameraScanner(PiLens(config.scanner.camera), _report)
    if config.scanner.device is None:
        from drivers.absent import AbsentScanner

        return AbsentScanner()
    from drivers.scanner import Gm65Scanner, ScannerSettings

    return Gm65Scanner(ScannerSettings(config.scanner.device, config.scanner.baud), _report)


def open_pad(config: Config) -> SignaturePad | None:
    if config.signature.file is None:
        return None
    from drivers.signature_file import SignatureFile

    return SignatureFile(config.signature.file)


def open_stripe(config: Config) -> StripeReader:
    if config.stripe.device is None:
        from drivers.absent import AbsentStripeReader

        return AbsentStripeReader()
    from drivers.stripe_reader import SerialStripeReader, StripeSettings

    return SerialStripeReader(StripeSettings(config.stripe.device, config.stripe.baud), _report)


def _report(fault: DeviceError) -> None:
    """A fault that a device's own thread noticed; the next use of the device shows it to the person."""
    print(f"terminal: {fault}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(exit_status(main))
