"""The printer's driver at the level of bytes: what it sends, how it waits, what it makes of answers."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.escpos_encoder import CHUNK_BYTES, encode, qr_module_dots, safe_text
from drivers.ports import Align, Cut, DeviceError, Feed, Paper, PaperLine, PaperStopped, Qr, Text
from drivers.printer import EscPosPrinter, PrinterSettings, paper_of
from sim.wire.paper import PaperPrinter, Refused, Row
from sim.wire.printer import SerialPrinter

SLIP = (Text("金额 128.50", Align.RIGHT, bold=True), Feed(3), Cut())


class DialogueWire:
    """A wire whose far end is a function: bytes written → bytes that come back."""

    def __init__(self, far_end: Callable[[bytes], bytes]) -> None:
        self.far_end = far_end
        self.sent = b""
        self.waiting = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent += data
        self.waiting += self.far_end(data)

    def read(self, limit: int, timeout_ms: int) -> bytes:
        data, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return data

    def clear(self) -> None:
        self.waiting = b""

    def close(self) -> None:
        self.closed = True


def printer_with(far_end: Callable[[bytes], bytes], **changes: object) -> tuple[EscPosPrinter, DialogueWire]:
    wire = DialogueWire(far_end)
    known = {"answer_ms": 10, "drain_ms": 50, "cutter": True, **changes}
    return EscPosPrinter(PrinterSettings(**known), open_wire=lambda: wire), wire  # type: ignore[arg-type]


def test_the_bytes_of_a_slip() -> None:
    assert b"".join(encode(SLIP, PrinterSettings(cutter=True))) == bytes.fromhex(
        "1b40 1c26"  # Initialise, Chinese mode.
        "1b6102 1b4501 1d2100 bdf0b6ee 20 3132382e3530 0a"  # Right, bold, small, 金额 128.50.
        "1b6403 1d564200"  # Three lines, cut.
    )


def test_a_native_code_is_some_hundred_bytes() -> None:
    data = b"".join(encode((Qr("https://qr.example.cn/pay?o=20260305000042"),), PrinterSettings()))
    assert len(data) < 123
    assert b"\x1d(k\x2d\x001P0https://qr.example.cn/pay?o=20260305000042" in data


def test_chunks_are_small_but_hold_a_command_whole() -> None:
    chunks = encode([Text(f"line {n}") for n in range(50)], PrinterSettings())
    assert all(len(chunk) <= CHUNK_BYTES for chunk in chunks)
    assert all(chunk.endswith(b"\n") for chunk in chunks)


def test_a_code_no_qr_can_hold_is_an_error_that_says_what_to_do() -> None:
    assert qr_module_dots(b"x" * 2331, 32) == 2
    with pytest.raises(DeviceError, match="take another way to pay"):
        encode((Qr("x" * 2332),), PrinterSettings())


def test_four_byte_hanzi_go_out_only_where_the_charset_has_them() -> None:
    assert safe_text("㐂", "gb18030") == "㐂"
    assert safe_text("㐂", "gbk") == "？"


@pytest.mark.parametrize(
    ("answers", "paper"),
    [
        ((0x12, 0x12, 0x12), Paper.OK),
        ((0x12, 0x12, 0x1E), Paper.LOW),
        ((0x12, 0x12, 0x72), Paper.OUT),
        ((0x1A, 0x32, 0x7E), Paper.OUT),
        ((0x1A, 0x16, 0x12), Paper.COVER_OPEN),
        ((0x1A, 0x36, 0x72), Paper.COVER_OPEN),
        ((0x1A, 0x12, 0x12), Paper.OFFLINE),
        ((0x12, 0x52, 0x12), Paper.OFFLINE),
    ],
)
def test_what_the_answers_mean(answers: tuple[int, int, int], paper: Paper) -> None:
    assert paper_of(*answers) is paper


def test_answers_left_over_from_an_earlier_question_are_not_believed() -> None:
    machine = PaperPrinter()
    printer, wire = printer_with(machine.receive)
    wire.waiting = b"\x12\x12\x72"
    assert printer.status() is Paper.OK


def test_a_printer_that_does_not_answer_is_offline() -> None:
    printer, _ = printer_with(lambda data: b"")
    assert printer.status() is Paper.OFFLINE
    with pytest.raises(PaperStopped):
        printer.print(SLIP)


def test_a_cable_pulled_in_a_slip_says_that_it_had_begun_and_a_port_that_does_not_open_that_it_had_not() -> None:
    machine = PaperPrinter()

    def far_end(data: bytes) -> bytes:
        if data.startswith(b"\x1b@"):
            raise OSError(5, "Input/output error")
        return machine.receive(data)

    def no_port() -> DialogueWire:
        raise OSError(2, "No such file or directory")

    printer, _ = printer_with(far_end)
    with pytest.raises(DeviceError) as failed:
        printer.print(SLIP)
    assert failed.value.begun
    with pytest.raises(DeviceError) as failed:
        EscPosPrinter(PrinterSettings(), open_wire=no_port).print(SLIP)
    assert not failed.value.begun


def test_a_printer_without_gs_r_is_believed_when_told_so_and_not_otherwise() -> None:
    def far_end(data: bytes) -> bytes:
        return b"\x12\x12\x12" if data.startswith(b"\x10") else b""

    printer, wire = printer_with(far_end, knows_gs_r=False)
    printer.print(SLIP)
    assert b"\x1dr" not in wire.sent
    printer, _ = printer_with(far_end)
    with pytest.raises(PaperStopped) as stopped:
        printer.print(SLIP)
    assert stopped.value.paper is Paper.OFFLINE


@pytest.mark.parametrize("known", [True, False])
def test_low_paper_is_told_by_whichever_answer_knows_of_it(known: bool) -> None:
    """A printer without GS r has DLE EOT 4 only; another has no near end in its answer to GS r."""

    def far_end(data: bytes) -> bytes:
        return b"\x12\x12\x1e" if data.startswith(b"\x10") else b"\x00" if data == b"\x1dr\x01" else b""

    printer, _ = printer_with(far_end, knows_gs_r=known)
    assert printer.print(SLIP) is Paper.LOW


def test_a_long_slip_never_puts_more_into_the_printer_than_its_buffer_holds() -> None:
    machine = PaperPrinter()
    in_buffer, most = 0, 0

    def far_end(data: bytes) -> bytes:
        nonlocal in_buffer, most
        in_buffer = 0 if data == b"\x1dr\x01" else in_buffer + len(data)
        most = max(most, in_buffer)
        return machine.receive(data)

    printer, _ = printer_with(far_end, native_qr=False)
    printer.print((Qr("https://qr.example.cn/pay?o=20260305000042"), *SLIP))
    assert (
        len(
            b"".join(
                encode((Qr("https://qr.example.cn/pay?o=20260305000042"),), PrinterSettings(native_qr=False))
            )
        )
        > 8000
    )
    assert most < 4096


def test_garbage_for_answers_is_offline_and_nothing_else() -> None:
    printer, _ = printer_with(lambda data: b"\xff\x00\x81\x93")
    assert printer.status() is Paper.OFFLINE


def test_a_cable_pulled_inside_a_slip_is_a_device_error_and_the_next_slip_opens_anew() -> None:
    machine = PaperPrinter()
    plugged_in = True

    def far_end(data: bytes) -> bytes:
        if not plugged_in:
            raise OSError(5, "Input/output error")
        return machine.receive(data)

    printer, wire = printer_with(far_end)
    assert printer.status() is Paper.OK
    plugged_in = False
    with pytest.raises(DeviceError, match="check its cable"):
        printer.print(SLIP)
    assert wire.closed
    plugged_in = True
    printer.print(SLIP)
    assert [row.text for row in machine.roll if isinstance(row, Row)] == ["金额 128.50"]


LINES: st.SearchStrategy[PaperLine] = st.one_of(
    st.builds(Text, st.text(max_size=8), st.sampled_from(Align), st.booleans(), st.booleans()),
    st.builds(Feed, st.integers(0, 300)),
    st.just(Cut()),
    st.builds(Qr, st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)),
)


@given(
    st.lists(LINES, max_size=8), st.sampled_from([32, 48]), st.sampled_from(["gbk", "gb18030"]), st.booleans()
)
def test_whatever_is_printed_the_printer_understands(
    lines: list[PaperLine], cells: int, charset: str, native: bool
) -> None:
    machine = PaperPrinter(cells)
    known = PrinterSettings(cells=cells, charset=charset, native_qr=native, cutter=True)
    for chunk in encode(lines, known):
        machine.receive(chunk)
    rows = [row for row in machine.roll if isinstance(row, Row)]
    assert len(rows) == sum(isinstance(line, Text) for line in lines)


@given(st.binary(max_size=200))
def test_garbage_is_refused_by_the_paper_with_its_place(data: bytes) -> None:
    machine = PaperPrinter()
    try:
        machine.receive(data)
    except Refused as refused:
        assert 0 <= refused.offset < len(data)


# The real python-escpos


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_asking_for_the_state_over_a_serial_line_takes_milliseconds(cache: Path) -> None:
    wire = SerialPrinter()
    printer = EscPosPrinter(PrinterSettings(device=wire.path, cache=cache, answer_ms=1000))
    assert printer.status() is Paper.OK  # Opens the port, and imports what it needs.
    began = time.monotonic()
    assert printer.status() is Paper.OK
    assert time.monotonic() - began < 0.9
    printer.close()
    wire.close()


def test_an_unplugged_serial_printer_is_a_device_error(cache: Path) -> None:
    wire = SerialPrinter()
    printer = EscPosPrinter(PrinterSettings(device=wire.path, cache=cache))
    assert printer.status() is Paper.OK
    wire.unplug()
    with pytest.raises(DeviceError, match="check its cable"):
        printer.status()
    with pytest.raises(DeviceError, match="cannot be opened"):
        printer.status()
    printer.close()


def test_a_printer_on_the_network(cache: Path) -> None:
    machine = PaperPrinter(48)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(4096):
                connection.sendall(machine.receive(data))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    printer = EscPosPrinter(
        PrinterSettings("network", "127.0.0.1", server.getsockname()[1], cells=48, cutter=True, cache=cache)
    )
    printer.print(SLIP)
    assert printer.status() is Paper.OK
    printer.close()
    thread.join(5)
    server.close()
    assert [row.text for row in machine.roll if isinstance(row, Row)] == ["金额 128.50"]


def test_a_printer_that_is_a_file_gets_the_bytes_and_no_questions(tmp_path: Path, cache: Path) -> None:
    device = tmp_path / "lp0"
    printer = EscPosPrinter(PrinterSettings("file", str(device), answers=False, cutter=True, cache=cache))
    assert printer.status() is Paper.OK
    printer.print(SLIP)
    printer.close()
    assert device.read_bytes() == b"".join(encode(SLIP, PrinterSettings(cutter=True)))


def test_a_file_that_should_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="answers = false"):
        EscPosPrinter(PrinterSettings("file", str(tmp_path / "lp0"))).status()


@pytest.mark.slow
def test_python_escpos_is_imported_late_and_leaves_no_litter(tmp_path: Path) -> None:
    program = """
import os, sys, tempfile
import drivers.printer
from drivers.printer import EscPosPrinter, PrinterSettings
assert not any(name.split(".")[0] in ("escpos", "serial", "qrcode") for name in sys.modules)
EscPosPrinter(PrinterSettings("file", sys.argv[1], answers=False)).print(())
assert "escpos" in sys.modules
assert os.listdir(tempfile.gettempdir()) == ["lp0"], os.listdir(tempfile.gettempdir())
"""
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "lp0")],
        check=True,
        timeout=60,
        cwd=Path(__file__).parent.parent,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
