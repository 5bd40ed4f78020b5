"""The StripeReader port: one suite for the driver (pyserial on a pty) and for the in-process twin."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.absent import AbsentStripeReader
from drivers.ports import DeviceError, StripeReader
from drivers.stripe_reader import LINE_LIMIT, SerialStripeReader, StripeSettings, SwipeStream
from sim.twins.stripe import TwinStripeReader
from sim.wire.stripe import SerialStripe

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

WAIT_S = 5.0
SWIPE = b"%B6225000000000014^TEST/CARDHOLDER^301210100000000?;6225000000000014=301210100000000?"


@dataclass
class Rig:
    reader: StripeReader
    swipe: Callable[[bytes], None]


@dataclass
class Wired:
    device: SerialStripe
    reader: SerialStripeReader
    faults: queue.Queue[DeviceError]


@pytest.fixture
def wired() -> Iterator[Wired]:
    device = SerialStripe()
    faults: queue.Queue[DeviceError] = queue.Queue()
    reader = SerialStripeReader(StripeSettings(device=device.path), faults.put)
    yield Wired(device, reader, faults)
    reader.close()
    device.check()
    device.close()


@pytest.fixture(params=["serial", "twin"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "twin":
        twin = TwinStripeReader()
        return Rig(twin, twin.swipe)
    wired: Wired = request.getfixturevalue("wired")
    return Rig(wired.reader, wired.device.swipe)


def watched(reader: StripeReader) -> queue.Queue[bytes]:
    seen: queue.Queue[bytes] = queue.Queue()
    reader.watch(seen.put)
    return seen


def quiet(seen: queue.Queue[bytes]) -> bool:
    threading.Event().wait(0.15)
    return seen.empty()


def test_a_swipe_arrives_whole_and_once(rig: Rig) -> None:
    assert rig.reader.fitted
    seen = watched(rig.reader)
    rig.swipe(SWIPE)
    assert seen.get(timeout=WAIT_S) == SWIPE
    assert quiet(seen)


def test_swipes_arrive_in_order(rig: Rig) -> None:
    seen = watched(rig.reader)
    for number in range(3):
        rig.swipe(SWIPE + str(number).encode())
    assert [seen.get(timeout=WAIT_S)[-1:] for _ in range(3)] == [b"0", b"1", b"2"]


def test_an_empty_line_is_no_swipe(rig: Rig) -> None:
    seen = watched(rig.reader)
    rig.swipe(b"")
    rig.swipe(SWIPE)
    assert seen.get(timeout=WAIT_S) == SWIPE


# What only a wire can do


def test_it_is_watched_once(wired: Wired) -> None:
    watched(wired.reader)
    with pytest.raises(ValueError, match="watched already"):
        wired.reader.watch(lambda line: None)


def test_a_babbling_reader_is_reported_once_and_then_works_again(wired: Wired) -> None:
    seen = watched(wired.reader)
    for _ in range(4):
        wired.device.send(b"\xa5" * 200)
        threading.Event().wait(0.02)
    assert "sends nonsense" in str(wired.faults.get(timeout=WAIT_S))
    wired.device.send(b"\r\n")
    wired.device.swipe(SWIPE)
    assert seen.get(timeout=WAIT_S) == SWIPE
    assert wired.faults.empty()
    assert wired.reader.dropped > LINE_LIMIT


def test_half_a_swipe_is_dropped_and_does_not_join_the_next(wired: Wired) -> None:
    seen = watched(wired.reader)
    wired.device.send(SWIPE[:40])
    threading.Event().wait(0.6)
    wired.device.swipe(SWIPE)
    assert seen.get(timeout=WAIT_S) == SWIPE
    assert wired.reader.dropped == 40


@pytest.mark.slow
def test_plugged_in_again_it_works_again(tmp_path: Path) -> None:
    first, second = SerialStripe(), SerialStripe()
    device = tmp_path / "stripe"
    device.symlink_to(first.path)
    faults: queue.Queue[DeviceError] = queue.Queue()
    reader = SerialStripeReader(StripeSettings(device=str(device)), faults.put)
    seen = watched(reader)
    first.unplug()
    assert "disconnected" in str(faults.get(timeout=WAIT_S))
    device.unlink()
    device.symlink_to(second.path)
    for _ in range(40):
        second.swipe(SWIPE)
        threading.Event().wait(0.1)
        if not seen.empty():
            break
    assert seen.get(timeout=WAIT_S) == SWIPE
    reader.close()
    second.close()


def test_a_port_that_is_not_there_is_an_error_that_names_it() -> None:
    reader = SerialStripeReader(StripeSettings(device="/dev/does-not-exist"), lambda fault: None)
    with pytest.raises(DeviceError, match="/dev/does-not-exist cannot be opened"):
        reader.watch(lambda line: None)
    reader.close()


def test_one_that_is_not_fitted_says_so_and_never_reports() -> None:
    assert not AbsentStripeReader().fitted


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_no_line_is_longer_than_the_limit_whatever_comes(pieces: list[bytes]) -> None:
    stream = SwipeStream()
    lines = [line for piece in pieces for line in stream.feed(piece)]
    stream.idle()
    whole = b"".join(pieces)
    assert all(0 < len(line) <= LINE_LIMIT and line in whole for line in lines)
    ends = sum(byte in b"\r\n" for byte in whole)
    assert stream.dropped + sum(map(len, lines)) == len(whole) - ends
