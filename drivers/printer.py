"""The receipt printer: ESC/POS over python-escpos's transports, with a small text encoder of our own.

Why our own encoder (escpos_encoder): python-escpos prints "￥128.50" as "?128.50", never enters Chinese mode
(FS &), and its `paper_status()` waits the whole port timeout. So it opens the port and writes the bytes; what
they are and what the printer answers is ours.

A slip goes out in chunks. Between two of them, and at the end, the printer is asked for its state in real
time (DLE EOT, answered even when it has stopped). At the very end GS r 1, which is answered in its turn,
tells that all before it is on paper: paper that runs out under the last line is noticed too. Whatever stopped
a slip, it is printed again from its top; ESC @ at its head throws away the half line the printer still holds.

Support:
    Function                    | supported | remark
    serial (UART, USB adapter)  | yes       | RTS/CTS and DSR/DTR not used
    network (port 9100)         | yes       |
    file (/dev/usb/lp0)         | write     | no answers: `answers` must be False, paper is not watched
    USB through pyusb           | no        | the kernel's usblp or a serial adapter instead
    QR                          | yes       | the printer's own (GS ( k), or drawn by us (GS v 0)
    58 mm, 80 mm                | yes       | 32 and 48 cells of 12 dots
    paper low, out, cover       | yes       | DLE EOT 1, 2, 4
    cutter                      | yes       | GS V 66
    logo, bar codes, drawer     | no        |

Spec: Epson ESC/POS command reference; GB 18030-2005.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from drivers.escpos_encoder import CHUNK_BYTES, PrinterSettings, encode
from drivers.ports import DeviceError, Paper, PaperLine, PaperStopped

__all__ = ["EscPosPrinter", "PrinterSettings", "paper_of"]

BUFFER_BYTES = 2048  # Sent before it is waited for: without flow control a printer's 4 KB would run over.
STATUS_QUERY = b"\x10\x04\x01\x10\x04\x02\x10\x04\x04"  # DLE EOT: printer, cause of being offline, paper.
PRINTED_QUERY = b"\x1d\x72\x01"  # GS r 1: answered when all before it has been printed.


def paper_of(printer: int, cause: int, sensors: int) -> Paper:
    """The state from the answers to DLE EOT 1, 2 and 4.

    >>> paper_of(0x12, 0x12, 0x72)
    <Paper.OUT: 'out'>
    """
    if cause & 0x04:
        return Paper.COVER_OPEN
    if sensors & 0x60 or cause & 0x20:
        return Paper.OUT
    if printer & 0x08 or cause & 0x40:
        return Paper.OFFLINE
    return Paper.LOW if sensors & 0x0C else Paper.OK


def paper_in_turn(sensors: int) -> Paper:
    """The state from the answer to GS r 1.

    >>> paper_in_turn(0x03)
    <Paper.LOW: 'low'>
    """
    if sensors & 0x0C:
        return Paper.OUT
    return Paper.LOW if sensors & 0x03 else Paper.OK


class _Wire(Protocol):
    """A transport of python-escpos, made uniform. All of it raises OSError when the printer is gone."""

    def write(self, data: bytes) -> None: ...

    def read(self, limit: int, timeout_ms: int) -> bytes:
        """What has come, at most `limit` bytes; empty after `timeout_ms`."""

    def clear(self) -> None:
        """Throw away what has come and was not read."""

    def close(self) -> None: ...


class EscPosPrinter:
    """The Printer port over ESC/POS. Opened by its first call, and again after a fault."""

    def __init__(self, settings: PrinterSettings, open_wire: Callable[[], _Wire] | None = None) -> None:
        self.cells = settings.cells
        self._settings = settings
        self._open_wire = open_wire or (lambda: _open(settings))
        self._wire: _Wire | None = None
        self._begun = False  # Whether anything of the slip has left.

    def status(self) -> Paper:
        """Raises DeviceError if the port is gone; a printer that does not answer is OFFLINE."""
        if not self._settings.answers:
            return Paper.OK
        return self._talk(self._ask_now)

    def print(self, lines: Sequence[PaperLine]) -> Paper:
        """Print a whole slip; OK or LOW. Raises PaperStopped, DeviceError; print it again from its top then."""
        chunks = encode(lines, self._settings)
        self._begun = False
        return self._talk(lambda wire: self._print(wire, chunks))

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _talk(self, work: Callable[[_Wire], Paper]) -> Paper:
        try:
            if self._wire is None:
                self._wire = self._open_wire()
            return work(self._wire)
        except OSError as error:  # pyserial's exceptions are OSErrors.
            broken, self._wire = self._wire, None
            if broken is not None:
                broken.close()
            what = error.strerror or type(error).__name__
            told = f"no connection ({what}); check its cable and power"
            raise DeviceError("printer", told, begun=self._begun) from error

    def _print(self, wire: _Wire, chunks: Sequence[bytes]) -> Paper:
        if not self._settings.answers:
            for chunk in chunks:
                self._begun = True
                wire.write(chunk)
            return Paper.OK
        wire.clear()
        seen = {self._go_on(self._ask(wire, in_flight=0))}
        unprinted = 0
        for chunk in chunks:
            if unprinted + len(chunk) > BUFFER_BYTES:
                self._finish(wire)
                unprinted = 0
            self._begun = True
            wire.write(chunk)
            unprinted += len(chunk)
            seen.add(self._go_on(self._ask(wire, in_flight=len(chunk))))
        seen.add(self._finish(wire))
        return Paper.LOW if Paper.LOW in seen else Paper.OK

    def _finish(self, wire: _Wire) -> Paper:
        """Wait until all that was sent is on paper: OK or LOW. It may stop until then, so it is asked for its state."""
        if not self._settings.knows_gs_r:
            return Paper.OK
        wire.write(PRINTED_QUERY)
        for _ in range(max(1, self._settings.drain_ms // self._settings.answer_ms)):
            answer = wire.read(1, self._settings.answer_ms)
            paper = Paper.OK
            if not answer:
                answer = self._answers(wire, in_flight=0)
                paper = _paper_in(answer)
            printed = [byte for byte in answer if byte & 0x90 == 0x00]  # DLE EOT's answers have bit 4 set.
            if printed:
                return self._go_on(paper_in_turn(printed[0]))
            self._go_on(paper)
        raise PaperStopped(Paper.OFFLINE, begun=self._begun)

    def _go_on(self, paper: Paper) -> Paper:
        if paper not in (Paper.OK, Paper.LOW):
            raise PaperStopped(paper, begun=self._begun)
        return paper

    def _ask_now(self, wire: _Wire) -> Paper:
        wire.clear()  # The late answers of a call that gave up.
        return self._ask(wire, in_flight=0)

    def _ask(self, wire: _Wire, in_flight: int) -> Paper:
        return _paper_in(self._answers(wire, in_flight))

    def _answers(self, wire: _Wire, in_flight: int) -> bytes:
        """Ask DLE EOT 1, 2 and 4; all that comes back, the answer to a GS r before them included."""
        wire.write(STATUS_QUERY)
        wire_ms = (in_flight + len(STATUS_QUERY)) * 10 * 1000 // self._settings.baud
        answer = b""
        for _ in range(4):  # Three answers, and one to a GS r.
            more = wire.read(4 - len(answer), wire_ms + self._settings.answer_ms)
            answer += more
            if not more or sum(1 for byte in answer if byte & 0x93 == 0x12) >= 3:
                break
        return answer


def _paper_in(answer: bytes) -> Paper:
    states = [byte for byte in answer if byte & 0x93 == 0x12]
    return paper_of(*states[-3:]) if len(states) >= 3 else Paper.OFFLINE


# The wires


def _open(settings: PrinterSettings) -> _Wire:
    if settings.transport == "serial":
        return _SerialWire(settings)
    if settings.transport == "network":
        return _NetworkWire(settings)
    if settings.transport == "file" and not settings.answers:
        return _FileWire(settings)
    raise DeviceError("printer", "transport is serial, network, or file with answers = false")


def _import_escpos(cache: Path | None) -> Any:
    """python-escpos's printers, without its litter.

    At import it makes a folder in the temporary directory, always, and leaves it there; it parses its
    profiles into a pickle; and it calls logging.basicConfig(). So it is imported only now (logging has been
    set up), with a private folder for both (0700: a pickle that others write is code that others run).
    """
    folder = cache or Path(tempfile.mkdtemp(prefix="zhanggui-escpos-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    os.environ["ESCPOS_CAPABILITIES_PICKLE_DIR"] = str(folder)
    try:
        from escpos import printer
    finally:
        tempfile.tempdir = before
        for left in folder.iterdir():
            if left.is_dir() and not any(left.iterdir()):
                left.rmdir()
        if cache is None:
            shutil.rmtree(folder, ignore_errors=True)
    return printer


def _opened(device: Any, where: str) -> Any:
    from escpos.exceptions import DeviceNotFoundError

    try:
        device.open()
    except DeviceNotFoundError as error:
        raise DeviceError(
            "printer", f"{where} cannot be opened; check its cable, power and settings"
        ) from error
    return device


class _SerialWire:
    def __init__(self, settings: PrinterSettings) -> None:
        printer = _import_escpos(settings.cache)
        # DSR/DTR would be hardware flow control on lines that a three-wire cable does not have.
        serial = printer.Serial(devfile=settings.device, baudrate=settings.baud, timeout=1, dsrdtr=False)
        self._printer = _opened(serial, settings.device)
        self._port = self._printer.device
        self._port.write_timeout = 2 + CHUNK_BYTES * 10 / settings.baud  # A stopped printer may hold it up.

    def write(self, data: bytes) -> None:
        self._printer._raw(data)

    def read(self, limit: int, timeout_ms: int) -> bytes:
        self._port.timeout = timeout_ms / 1000
        first: bytes = self._port.read(1)  # read(limit) would wait for the last of `limit` bytes.
        rest: bytes = self._port.read(min(limit - 1, self._port.in_waiting)) if first else b""
        return first + rest

    def clear(self) -> None:
        try:
            self._port.reset_input_buffer()
        except termios.error as error:  # Which pyserial lets through, and which is no OSError.
            raise OSError(*error.args) from error

    def close(self) -> None:
        # Not through python-escpos: its close() flushes first, and waits for ever if the printer holds it up.
        self._printer._device = False
        self._port.close()


class _NetworkWire:
    def __init__(self, settings: PrinterSettings) -> None:
        printer = _import_escpos(settings.cache)
        network = printer.Network(host=settings.device, port=settings.network_port, timeout=5)
        self._printer = _opened(network, settings.device)
        self._socket = self._printer.device

    def write(self, data: bytes) -> None:
        self._printer._raw(data)

    def read(self, limit: int, timeout_ms: int) -> bytes:
        self._socket.settimeout(timeout_ms / 1000)
        try:
            data: bytes = self._socket.recv(limit)
        except TimeoutError:
            return b""
        finally:
            self._socket.settimeout(5)
        if not data:
            raise ConnectionResetError("the printer hung up")
        return data

    def clear(self) -> None:
        self._socket.setblocking(False)
        try:
            self._socket.recv(1024)
        except BlockingIOError:
            return
        finally:
            self._socket.settimeout(5)

    def close(self) -> None:
        self._printer.close()


class _FileWire:
    def __init__(self, settings: PrinterSettings) -> None:
        printer = _import_escpos(settings.cache)
        self._printer = _opened(printer.File(devfile=settings.device), settings.device)

    def write(self, data: bytes) -> None:
        self._printer._raw(data)

    def read(self, limit: int, timeout_ms: int) -> bytes:
        return b""

    def clear(self) -> None: ...

    def close(self) -> None:
        self._printer.close()
