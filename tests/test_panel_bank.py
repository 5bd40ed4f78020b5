"""The host on the bench and the line in front of it, on real sockets: what is asked for happens, and is told."""

from __future__ import annotations

import os
import queue
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.link import length_prefix
from sim.certify.seal import lab_key
from sim.panel.bank import AcquirerBank
from sim.panel.child import Handheld
from sim.panel.protocol import JSONObject
from terminal.hostlink import messages
from terminal.hostlink.codec import encode
from terminal.hostlink.frame import wrap
from terminal.hostlink.messages import Terminal

pytestmark = pytest.mark.slow

WAIT_S = 10.0
SOON_S = 0.3  # Of a silence: an answer on loopback takes a hundredth of it.
TERMINAL = Terminal("898440153110001", "10000001", "000000")


class Overheard:
    """A bank, and what it told."""

    def __init__(self, folder: Path) -> None:
        self._told: queue.Queue[JSONObject] = queue.Queue()
        self.bank = AcquirerBank(folder, self._told.put)

    def until(self, kind: str, wanted: Callable[[JSONObject], object] = lambda message: True) -> JSONObject:
        while True:
            message = self._told.get(timeout=WAIT_S)
            if message["is"] == kind and wanted(message):
                return message

    def call(self, *, seconds: float = WAIT_S) -> bytes:
        """One sign-in over the line; b"" when nothing comes back in time, or the line ends."""
        profile = self.bank.acquirer.profile
        frame = wrap(encode(messages.sign_in(TERMINAL, profile, stan="000001"), profile), profile)
        with socket.create_connection(("127.0.0.1", self.bank.port), timeout=seconds) as line:
            line.sendall(length_prefix(len(frame), profile.length_digits) + frame)
            try:
                return line.recv(4096)
            except (TimeoutError, ConnectionResetError):
                return b""


@pytest.fixture
def overheard(tmp_path: Path) -> Iterator[Overheard]:
    overheard = Overheard(tmp_path)
    yield overheard
    overheard.bank.close()


def test_a_good_trip_is_told_both_ways(overheard: Overheard) -> None:
    assert overheard.call()
    assert [overheard.until("host")["mti"] for _ in range(2)] == ["0800", "0810"]


def test_a_request_that_the_line_lost_never_reaches_the_host_and_is_told(overheard: Overheard) -> None:
    overheard.bank.happen("line", "drop-request")
    assert overheard.until("faults-on", lambda told: told["on"])["on"] == {"line:drop-request": "once"}
    assert overheard.call(seconds=SOON_S) == b""
    lost = overheard.until("host")
    assert (lost["way"], lost["badge"], lost["en"]) == ("line", "drop-request", "The line: the request is lost")
    assert lost["zh"] == "线路：请求丢失"
    assert overheard.until("faults-on", lambda told: not told["on"])["on"] == {}
    assert overheard.call()


def test_a_fault_of_the_host_lasts_until_it_is_mended(overheard: Overheard) -> None:
    overheard.bank.happen("fault", "drop-reply,times=every")
    for _ in range(2):
        assert overheard.call(seconds=SOON_S) == b""
        assert overheard.until("host")["dropped"]
    assert overheard.bank.faults() == {"fault:drop-reply": "always"}
    overheard.bank.mend("fault", "drop-reply")
    assert overheard.bank.faults() == {}
    assert overheard.call()


def test_the_same_fault_again_takes_the_place_of_the_first(overheard: Overheard) -> None:
    for how in ("delay,ms=50,times=every", "delay,ms=60"):
        overheard.bank.happen("line", how)
        overheard.bank.happen("fault", how)
    assert overheard.bank.faults() == {"line:delay": "once", "fault:delay": "once"}


def test_a_refusing_host_is_not_there_and_comes_back_under_its_port(overheard: Overheard) -> None:
    port = overheard.bank.port
    overheard.bank.behave("refuse")
    with pytest.raises(ConnectionRefusedError):
        overheard.call()
    overheard.bank.behave("normal")
    assert overheard.bank.port == port and overheard.call()


def test_silence_is_a_fault_like_any_other(overheard: Overheard) -> None:
    overheard.bank.behave("silent")
    assert overheard.bank.faults() == {"fault:drop-reply": "always"}
    overheard.bank.behave("normal")
    assert overheard.bank.faults() == {}


def test_what_is_no_fault_is_refused(overheard: Overheard) -> None:
    for what, how in (("line", "deluge"), ("fault", "deluge"), ("fault", "code,code=123456")):
        with pytest.raises(ValueError):
            overheard.bank.happen(what, how)
    with pytest.raises(ValueError):
        overheard.bank.mend("fault", "deluge")


def test_two_banks_in_one_folder_are_refused(overheard: Overheard, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        Overheard(tmp_path)


def test_the_bench_makes_no_folder_that_others_may_read(tmp_path: Path) -> None:
    """The terminal's own journal lies below the first of them, and doctor looks at that one."""
    old = os.umask(0o022)
    try:
        AcquirerBank(tmp_path / "data" / "panel" / "host", lambda message: None).close()
        log = tmp_path / "other" / "panel" / "terminal.log"
        Handheld(("true",), log=log, on_said=lambda message: None, on_end=lambda status: None).kill()
        lab_key(tmp_path / "lab" / "certify" / "lab.key")
    finally:
        os.umask(old)
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(folders) == 7
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
