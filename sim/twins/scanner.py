"""The scanner in-process: one code for one trigger, at once if it is held there already."""

from __future__ import annotations

from collections.abc import Callable

from drivers.ports import DeviceError


class TwinScanner:
    """The Scanner port. `hold` is what a phone or a piece of paper does."""

    def __init__(self) -> None:
        self._on_scan: Callable[[bytes], None] | None = None
        self._held: bytes | None = None
        self._once = False
        self.looking = False
        self.broken = False

    def watch(self, on_scan: Callable[[bytes], None]) -> None:
        self._on_scan = on_scan

    def trigger(self, on: bool) -> None:
        if self.broken:
            raise DeviceError("scanner", "does not answer; check its cable, power and baud rate")
        self.looking = on
        self._read()

    def hold(self, code: bytes | None, *, once: bool = False) -> None:
        """Hold a code before it, or take it away (None). `once`: it is gone when it has been read."""
        self._held, self._once = code, once
        self._read()

    def present(self, code: bytes) -> None:
        """Hold a code before it until it has been read once, as a customer does."""
        self.hold(code, once=True)

    def close(self) -> None:
        self._on_scan = None
        self.looking = False

    def _read(self) -> None:
        if self.looking and self._held is not None and self._on_scan is not None:
            code = self._held
            if self._once:
                self._held, self._once = None, False
            self.looking = False
            self._on_scan(code)
