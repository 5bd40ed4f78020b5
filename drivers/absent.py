"""Devices that are not fitted. Each call says so, so that a terminal without a reader still sells by QR and cash."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.ports import DeviceError, Paper, PaperLine, Presence


class AbsentCardReader:
    """Meets drivers.ports.CardReader."""

    def __init__(self, why: str = "no card reader is set up") -> None:
        self._why = why

    def watch(self, on_presence: Callable[[Presence], None]) -> None:
        on_presence(Presence.READER_LOST)

    def power_on(self) -> bytes:
        raise DeviceError("reader", self._why)

    def transceive(self, capdu: bytes) -> bytes:
        raise DeviceError("reader", self._why)

    def power_off(self) -> None:
        raise DeviceError("reader", self._why)

    def close(self) -> None: ...


class AbsentScanner:
    """Meets drivers.ports.Scanner."""

    def watch(self, on_scan: Callable[[bytes], None]) -> None: ...

    def trigger(self, on: bool) -> None:
        raise DeviceError("scanner", "no scanner is set up")

    def close(self) -> None: ...


class AbsentStripeReader:
    """Meets drivers.ports.StripeReader."""

    fitted = False

    def watch(self, on_swipe: Callable[[bytes], None]) -> None: ...

    def close(self) -> None: ...


class AbsentPrinter:
    """Meets drivers.ports.Printer: slips are kept in the journal and never printed."""

    def __init__(self, cells: int = 32) -> None:
        self.cells = cells

    def status(self) -> Paper:
        return Paper.OFFLINE

    def print(self, lines: Sequence[PaperLine]) -> Paper:
        raise DeviceError("printer", "no printer is set up")

    def close(self) -> None: ...


class AbsentTamperSwitch:
    """Meets drivers.ports.TamperSwitch."""

    def watch(self, on_open: Callable[[], None]) -> None: ...
