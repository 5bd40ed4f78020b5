"""The display in-process: keeps the picture, and draws it only if somebody looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from drivers.ports import DeviceError, Picture

NAMES_KEPT = 10_000  # A long day's screens; storyboards look at the last dozens.


class TwinDisplay:
    """The Display port. `on_show` is called with each picture, from the thread that shows it.

    `names` are the pictures' names in order, the newest last.
    """

    def __init__(self, width: int = 128, height: int = 64, on_show: Callable[[Picture], None] | None = None) -> None:
        self.width = width
        self.height = height
        self.names: deque[str] = deque(maxlen=NAMES_KEPT)
        self.picture: Picture | None = None
        self.shown_count = 0
        self._on_show = on_show
        self._fault = ""

    def show(self, picture: Picture) -> None:
        if self._fault:
            raise DeviceError("display", self._fault)
        self.picture = picture
        self.shown_count += 1
        self.names.append(picture.name)
        if self._on_show is not None:
            self._on_show(picture)

    def close(self) -> None:
        self.picture = None

    # What a person can see and do

    def pixels(self) -> bytes:
        """What is on the glass: the last picture's pixels, or darkness."""
        if self.picture is None:
            return bytes(-(-self.width // 8) * self.height)
        return self.picture.pixels(self.width, self.height)

    def text(self) -> tuple[str, ...]:
        return self.picture.text() if self.picture is not None else ()

    def break_off(self, message: str) -> None:
        """From now on showing fails with that message; "" mends it."""
        self._fault = message
