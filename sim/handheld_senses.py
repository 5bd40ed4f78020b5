"""What a bench sees and hears of a handheld, and the fingers on its keys: each tells the panel in JSON lines."""

from __future__ import annotations

import base64
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from drivers.display import OledDisplay
from drivers.gpio import GpioKeypad
from drivers.ports import Key, Picture
from sim.panel.protocol import to_line
from sim.wire.gpio import PinBoard
from sim.wire.i2c import FakeSMBus
from sim.wire.paper import CutMark, Printed, PrintedQr
from sim.wire.roll import png_of, text_of
from terminal.screens.font import Font

CELLS = 32  # Of the printer: 58 mm paper.
PRESS_S = 1.0  # The keypad reports within 20 ms; on a machine that is very busy, within a second or not at all.
PRESS_TRIES = 3
RELEASE_READS = 48  # Pin reads until a let-go key is surely seen: four columns, twelve scans of 5 ms.
KEYS_WAITING = 200  # Keys that a person typed ahead; more is somebody's cat.


class Voice:
    """stdout: one message a line, whole lines only, from any thread."""

    def __init__(self, wire: BinaryIO) -> None:
        self._wire = wire
        self._lock = threading.Lock()

    def say(self, **message: Any) -> None:
        line = to_line({"is": message.pop("kind"), **message})
        with self._lock:
            try:
                self._wire.write(line)
                self._wire.flush()
            except BrokenPipeError:
                os._exit(0)  # Whoever held the handheld has gone.


class SeenDisplay:
    """The real display, and beside it what a camera would see: the pixels as the controller holds them.

    The terminal's mode goes with them, so that whoever explains the screen knows what ENTER will do.
    """

    def __init__(self, display: OledDisplay, bus: FakeSMBus, voice: Voice, mode: Callable[[], str]) -> None:
        self._display = display
        self._bus = bus
        self._voice = voice
        self._mode = mode
        self.width, self.height = display.width, display.height

    def show(self, picture: Picture) -> None:
        self._display.show(picture)
        pixels = base64.b64encode(self._bus.pixels()).decode("ascii")
        self._voice.say(
            kind="screen",
            name=picture.name,
            text=list(picture.text()),
            mode=self._mode(),
            width=self.width,
            height=self.height,
            pixels=pixels,
        )

    def close(self) -> None:
        self._display.close()


class Fingers:
    """Presses keys one after the other, each until the keypad has felt it: fast typing loses nothing."""

    def __init__(self, board: PinBoard, voice: Voice) -> None:
        self._board = board
        self._voice = voice
        self._waiting: queue.Queue[Key] = queue.Queue(KEYS_WAITING)
        self._felt = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="bench-fingers", daemon=True).start()

    def press(self, key: Key) -> None:
        try:
            self._waiting.put_nowait(key)
        except queue.Full:
            self._voice.say(kind="problem", text="too many keys at once; some were not pressed")

    def felt(self) -> None:
        self._felt.set()

    def _run(self) -> None:
        while True:
            key = self._waiting.get()
            for _ in range(PRESS_TRIES):
                self._felt.clear()
                self._board.press(key)
                felt = self._felt.wait(PRESS_S)
                self._board.release(key)
                self._board.chip.wait_for_reads(RELEASE_READS)
                if felt:
                    break


class FeltKeypad:
    """The real keypad; tells the fingers when a key was felt."""

    def __init__(self, keypad: GpioKeypad, fingers: Fingers) -> None:
        self._keypad = keypad
        self._fingers = fingers

    def watch(self, on_key: Callable[[Key], None]) -> None:
        def felt(key: Key) -> None:
            on_key(key)
            self._fingers.felt()

        self._keypad.watch(felt)

    def close(self) -> None:
        self._keypad.close()


class Roll:
    """What hangs out of the printer; each piece that is cut or torn off is told as a slip."""

    def __init__(self, voice: Voice, font: Font) -> None:
        self._voice = voice
        self._font = font
        self._lock = threading.Lock()
        self._hanging: list[Printed] = []

    def add(self, printed: Printed) -> None:
        if isinstance(printed, CutMark):
            self.tear()
            return
        with self._lock:
            self._hanging.append(printed)

    def tear(self) -> None:
        with self._lock:
            piece, self._hanging = self._hanging, []
        if not piece:
            return
        codes = [printed.payload.decode("utf-8", "replace") for printed in piece if isinstance(printed, PrintedQr)]
        png = base64.b64encode(png_of(piece, CELLS, self._font)).decode("ascii")
        self._voice.say(kind="paper", text="\n".join(text_of(piece, CELLS)), png=png, qr=codes)
