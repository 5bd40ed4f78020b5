"""The Scanner port: one suite for both drivers (pyserial on a pty, frames of a camera) and for the in-process twin."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.camera import CameraScanner, PiLens
from drivers.ports import DeviceError, Scanner
from drivers.scanner import CODE_LIMIT, Gm65Scanner, ScannerSettings
from sim.twins.scanner import TwinScanner
from sim.wire.camera import FakePicamera2
from sim.wire.scanner import SerialScanner

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

WAIT_S = 5.0
CODE = b"134567890123456789"


@dataclass
class Rig:
    scanner: Scanner
    hold: Callable[[bytes | None], None]
    present: Callable[[bytes], None]


@dataclass
class Wired:
    module: SerialScanner
    scanner: Gm65Scanner
    faults: queue.Queue[DeviceError]


@pytest.fixture
def wired() -> Iterator[Wired]:
    module = SerialScanner()
    faults: queue.Queue[DeviceError] = queue.Queue()
    scanner = Gm65Scanner(ScannerSettings(device=module.path), faults.put)
    yield Wired(module, scanner, faults)
    scanner.close()
    module.check()
    module.close()


@pytest.fixture
def filmed() -> Iterator[Rig]:
    camera = FakePicamera2()
    scanner = CameraScanner(PiLens(0, camera.open), lambda fault: None)
    yield Rig(scanner, camera.hold, camera.present)
    scanner.close()


@pytest.fixture(params=["serial", "camera", "twin"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "camera":
        pointed: Rig = request.getfixturevalue("filmed")
        return pointed
    if request.param == "twin":
        twin = TwinScanner()
        return Rig(twin, twin.hold, twin.present)
    wired: Wired = request.getfixturevalue("wired")
    return Rig(wired.scanner, wired.module.hold, wired.module.present)


def watched(scanner: Scanner) -> queue.Queue[bytes]:
    seen: queue.Queue[bytes] = queue.Queue()
    scanner.watch(seen.put)
    return seen


def quiet(seen: queue.Queue[bytes]) -> bool:
    threading.Event().wait(0.15)
    return seen.empty()


def test_a_code_held_before_it_is_read_when_triggered_and_not_before(rig: Rig) -> None:
    seen = watched(rig.scanner)
    rig.hold(CODE)
    assert quiet(seen)
    rig.scanner.trigger(True)
    assert seen.get(timeout=WAIT_S) == CODE


def test_a_code_that_comes_later_is_read_too(rig: Rig) -> None:
    seen = watched(rig.scanner)
    rig.scanner.trigger(True)
    rig.hold(CODE)
    assert seen.get(timeout=WAIT_S) == CODE


def test_one_trigger_reads_one_code(rig: Rig) -> None:
    seen = watched(rig.scanner)
    rig.scanner.trigger(True)
    rig.hold(CODE)
    assert seen.get(timeout=WAIT_S) == CODE
    rig.hold(b"another")
    assert quiet(seen)
    rig.scanner.trigger(True)
    assert seen.get(timeout=WAIT_S) == b"another"


def test_a_code_shown_once_is_gone_when_it_has_been_read(rig: Rig) -> None:
    seen = watched(rig.scanner)
    rig.present(CODE)
    rig.scanner.trigger(True)
    assert seen.get(timeout=WAIT_S) == CODE
    rig.scanner.trigger(True)
    assert quiet(seen)


def test_after_it_is_stopped_nothing_is_read(rig: Rig) -> None:
    seen = watched(rig.scanner)
    rig.scanner.trigger(True)
    rig.scanner.trigger(False)
    rig.hold(CODE)
    assert quiet(seen)


@pytest.mark.parametrize("code", [b"x", "支付码 中文".encode(), b"9" * CODE_LIMIT])
def test_texts_short_long_and_not_ascii_arrive_whole(rig: Rig, code: bytes) -> None:
    seen = watched(rig.scanner)
    rig.hold(code)
    rig.scanner.trigger(True)
    assert seen.get(timeout=WAIT_S) == code


# What only a wire can do


def test_a_module_that_does_not_answer_is_an_error_that_says_what_to_do(wired: Wired) -> None:
    watched(wired.scanner)
    wired.module.deaf = True
    with pytest.raises(DeviceError, match="does not answer; check its cable"):
        wired.scanner.trigger(True)


def test_a_babbling_module_is_reported_once_and_then_works_again(wired: Wired) -> None:
    seen = watched(wired.scanner)
    for _ in range(5):
        wired.module.send(b"\xa5" * 4000)
        threading.Event().wait(0.02)
    assert "sends nonsense" in str(wired.faults.get(timeout=WAIT_S))
    wired.module.send(b"\r\n")
    assert quiet(seen)
    wired.module.hold(CODE)
    wired.scanner.trigger(True)
    assert seen.get(timeout=WAIT_S) == CODE
    assert wired.faults.empty()
    assert wired.scanner.dropped > CODE_LIMIT


def test_half_a_text_is_dropped_and_does_not_join_the_next(wired: Wired) -> None:
    seen = watched(wired.scanner)
    wired.module.send(b"half a te")
    threading.Event().wait(0.6)
    wired.module.send(b"whole\r")
    assert seen.get(timeout=WAIT_S) == b"whole"
    assert wired.scanner.dropped == 9


def test_pulling_the_plug_is_told_once_and_then_the_port_is_refused(wired: Wired) -> None:
    watched(wired.scanner)
    wired.module.unplug()
    assert "disconnected" in str(wired.faults.get(timeout=WAIT_S))
    with pytest.raises(DeviceError, match="not connected"):
        wired.scanner.trigger(True)
    assert wired.faults.empty()


@pytest.mark.slow
def test_plugged_in_again_it_works_again(tmp_path: Path) -> None:
    first, second = SerialScanner(), SerialScanner()
    device = tmp_path / "scanner"
    device.symlink_to(first.path)
    faults: queue.Queue[DeviceError] = queue.Queue()
    scanner = Gm65Scanner(ScannerSettings(device=str(device)), faults.put)
    seen = watched(scanner)
    first.unplug()
    faults.get(timeout=WAIT_S)
    device.unlink()
    device.symlink_to(second.path)
    second.hold(CODE)
    for _ in range(50):
        try:
            scanner.trigger(True)
            break
        except DeviceError:
            threading.Event().wait(0.1)
    assert seen.get(timeout=WAIT_S) == CODE
    scanner.close()
    second.close()


def test_a_port_that_is_not_there_is_an_error_that_names_it() -> None:
    scanner = Gm65Scanner(ScannerSettings(device="/dev/does-not-exist"), lambda fault: None)
    with pytest.raises(DeviceError, match="/dev/does-not-exist cannot be opened"):
        scanner.watch(lambda code: None)
    scanner.close()
