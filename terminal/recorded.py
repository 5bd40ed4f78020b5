"""The devices of a terminal that is recorded: each does what it did, and tells the recording what passed.

What fails is told by its class and raised as it was. See recording.py for what may be told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from drivers.ports import (
    Buzzer,
    CardReader,
    DeviceError,
    Display,
    Key,
    Keypad,
    Lamp,
    Lamps,
    Link,
    LinkClosed,
    LinkDown,
    LinkFrame,
    Paper,
    PaperLine,
    Picture,
    Presence,
    Printer,
    Scanner,
    StripeReader,
    TamperSwitch,
    Tone,
)
from terminal.recording import Recording
from terminal.shop import Devices


def recorded(devices: Devices, recording: Recording) -> Devices:
    """The same devices, each of which tells the recording. A signature pad's strokes are a person's, and not told."""
    return replace(
        devices,
        display=_Display(devices.display, recording),
        keypad=_Keypad(devices.keypad, recording),
        buzzer=_Buzzer(devices.buzzer, recording),
        lamps=_Lamps(devices.lamps, recording),
        tamper=_Tamper(devices.tamper, recording),
        printer=_Printer(devices.printer, recording),
        reader=_Reader(devices.reader, recording),
        scanner=_Scanner(devices.scanner, recording),
        stripe=_Stripe(devices.stripe, recording),
        link=_Link(devices.link, recording),
    )


class _Display:
    def __init__(self, display: Display, recording: Recording) -> None:
        self._display, self._recording = display, recording
        self.width, self.height = display.width, display.height

    def show(self, picture: Picture) -> None:
        self._recording.screen(picture.name)
        self._display.show(picture)

    def close(self) -> None:
        self._display.close()


class _Keypad:
    def __init__(self, keypad: Keypad, recording: Recording) -> None:
        self._keypad, self._recording = keypad, recording

    def watch(self, on_key: Callable[[Key], None]) -> None:
        def pressed(key: Key) -> None:
            self._recording.key(key)
            on_key(key)

        self._keypad.watch(pressed)

    def close(self) -> None:
        self._keypad.close()


class _Buzzer:
    def __init__(self, buzzer: Buzzer, recording: Recording) -> None:
        self._buzzer, self._recording = buzzer, recording

    def sound(self, tone: Tone) -> None:
        self._recording.note("tone", tone=tone.value)
        self._buzzer.sound(tone)


class _Lamps:
    def __init__(self, lamps: Lamps, recording: Recording) -> None:
        self._lamps, self._recording = lamps, recording

    def set(self, lamp: Lamp, lit: bool) -> None:
        self._recording.note("lamp", lamp=lamp.value, lit=lit)
        self._lamps.set(lamp, lit)


class _Tamper:
    def __init__(self, tamper: TamperSwitch, recording: Recording) -> None:
        self._tamper, self._recording = tamper, recording

    def watch(self, on_open: Callable[[], None]) -> None:
        def opened() -> None:
            self._recording.note("case", open=True)
            on_open()

        self._tamper.watch(opened)


class _Printer:
    def __init__(self, printer: Printer, recording: Recording) -> None:
        self._printer, self._recording = printer, recording
        self._paper = Paper.OK  # As it was written down last.
        self.cells = printer.cells

    def status(self) -> Paper:
        return self._note(self._printer.status())

    def print(self, lines: Sequence[PaperLine]) -> Paper:
        self._recording.slip(lines)
        try:
            paper = self._printer.print(lines)
        except DeviceError as error:
            self._recording.note("printer-failed", error=type(error).__name__)
            raise
        return paper if paper is self._paper else self._note(paper)

    def _note(self, paper: Paper) -> Paper:
        self._paper = paper
        self._recording.note("paper", state=paper.value)
        return paper

    def close(self) -> None:
        self._printer.close()


class _Reader:
    def __init__(self, reader: CardReader, recording: Recording) -> None:
        self._reader, self._recording = reader, recording

    def watch(self, on_presence: Callable[[Presence], None]) -> None:
        def changed(presence: Presence) -> None:
            self._recording.note("card", presence=presence.value)
            on_presence(presence)

        self._reader.watch(changed)

    def power_on(self) -> bytes:
        try:
            atr = self._reader.power_on()
        except DeviceError as error:
            self._recording.note("card-failed", error=type(error).__name__)
            raise
        self._recording.note("atr", hex=atr.hex())
        return atr

    def transceive(self, capdu: bytes) -> bytes:
        try:
            answer = self._reader.transceive(capdu)
        except DeviceError as error:
            self._recording.note("card-failed", error=type(error).__name__)
            raise
        self._recording.apdu(capdu, answer)
        return answer

    def power_off(self) -> None:
        self._reader.power_off()

    def close(self) -> None:
        self._reader.close()


class _Scanner:
    def __init__(self, scanner: Scanner, recording: Recording) -> None:
        self._scanner, self._recording = scanner, recording

    def watch(self, on_scan: Callable[[bytes], None]) -> None:
        def scanned(code: bytes) -> None:
            self._recording.note("code", length=len(code))
            on_scan(code)

        self._scanner.watch(scanned)

    def trigger(self, on: bool) -> None:
        try:
            self._scanner.trigger(on)
        except DeviceError as error:
            self._recording.note("scanner-failed", error=type(error).__name__)
            raise

    def close(self) -> None:
        self._scanner.close()


class _Stripe:
    def __init__(self, stripe: StripeReader, recording: Recording) -> None:
        self._stripe, self._recording = stripe, recording
        self.fitted = stripe.fitted

    def watch(self, on_swipe: Callable[[bytes], None]) -> None:
        def swiped(tracks: bytes) -> None:
            self._recording.note("swipe", length=len(tracks))
            on_swipe(tracks)

        self._stripe.watch(swiped)

    def close(self) -> None:
        self._stripe.close()


class _Link:
    def __init__(self, link: Link, recording: Recording) -> None:
        self._link, self._recording = link, recording

    @property
    def routes(self) -> tuple[str, ...]:
        return self._link.routes

    def watch(self, on_event: Callable[[LinkFrame | LinkClosed], None]) -> None:
        def came(event: LinkFrame | LinkClosed) -> None:
            if isinstance(event, LinkFrame):
                self._recording.frame(event.data, "host")
            else:
                self._recording.note("line", fault=event.fault.value)
            on_event(event)

        self._link.watch(came)

    def connect(self, timeout_ms: int, route: int = 0) -> int:
        try:
            number = self._link.connect(timeout_ms, route)
        except LinkDown as down:
            self._recording.note("line", fault=down.fault.value)
            raise
        self._recording.note("line", connection=number)
        return number

    def send(self, data: bytes, timeout_ms: int) -> None:
        self._recording.frame(data, "terminal")
        try:
            self._link.send(data, timeout_ms)
        except LinkDown as down:
            self._recording.note("line", fault=down.fault.value, sent=down.sent)
            raise

    def close(self) -> None:
        self._link.close()
