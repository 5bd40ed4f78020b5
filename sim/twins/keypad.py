"""Keypad, buzzer, lamps and case in-process: a press is one call, a tone is one entry in a list."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from drivers.ports import Key, Lamp, Tone

TONES_KEPT = 1000  # A long run must not grow for ever; tests look at the last few.


class TwinKeypad:
    """The Keypad port; `press` is what a finger does."""

    def __init__(self) -> None:
        self._on_key: Callable[[Key], None] | None = None

    def watch(self, on_key: Callable[[Key], None]) -> None:
        self._on_key = on_key

    def press(self, key: Key) -> None:
        """A key pressed before anybody watches, or after `close`, is a key pressed on a dead terminal."""
        if self._on_key is not None:
            self._on_key(key)

    def close(self) -> None:
        self._on_key = None


class TwinBuzzer:
    """The Buzzer port; `tones` are the last ones sounded."""

    def __init__(self, on_tone: Callable[[Tone], None] | None = None) -> None:
        self.tones: deque[Tone] = deque(maxlen=TONES_KEPT)
        self._on_tone = on_tone

    def sound(self, tone: Tone) -> None:
        self.tones.append(tone)
        if self._on_tone is not None:
            self._on_tone(tone)


class TwinLamps:
    """The Lamps port; `lit` holds the lamps that are on."""

    def __init__(self, on_change: Callable[[Lamp, bool], None] | None = None) -> None:
        self.lit: set[Lamp] = set()
        self._on_change = on_change

    def set(self, lamp: Lamp, lit: bool) -> None:
        changed = (lamp in self.lit) != lit
        (self.lit.add if lit else self.lit.discard)(lamp)
        if changed and self._on_change is not None:
            self._on_change(lamp, lit)


class TwinTamperSwitch:
    """The TamperSwitch port; `open_case` is what a screwdriver does."""

    def __init__(self) -> None:
        self._on_open: Callable[[], None] | None = None
        self.is_open = False

    def watch(self, on_open: Callable[[], None]) -> None:
        self._on_open = on_open
        if self.is_open:
            on_open()

    def open_case(self) -> None:
        if not self.is_open:
            self.is_open = True
            if self._on_open is not None:
                self._on_open()

    def shut(self) -> None:
        self.is_open = False
