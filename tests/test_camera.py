"""The camera as a scanner: what it reads, what it refuses, how much it works. The port's own suite is
test_scanner_conformance.py.

Shown: padded rows, blurred and rotated codes are read; a picture with two codes gives none, and says why; the code
just read is not given again at once, and is given again when it stays; a picture of the wrong size is refused before
it is looked at, and no bytes in a picture raise; the looks are bounded; nothing streams between triggers; a missing, a
busy and a torn camera are errors that say what to do; picture files too large or no pictures are refused with the
reason.
"""

from __future__ import annotations

import dataclasses
import queue
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFilter

from drivers.camera import PIXELS_MAX, REST_MS, SAME_MS, CameraScanner, Frame, PiLens, codes_in
from drivers.ports import DeviceError
from sim.wire.camera import FILE_LIMIT, FakePicamera2, drawn, photo
from terminal.__main__ import open_scanner
from terminal.config import Config

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

WAIT_S = 5.0
CODE = b"134567890123456789"


@dataclass
class Rig:
    camera: FakePicamera2
    scanner: CameraScanner
    seen: queue.Queue[bytes]
    faults: queue.Queue[DeviceError]


@pytest.fixture
def rig() -> Iterator[Rig]:
    camera = FakePicamera2()
    faults: queue.Queue[DeviceError] = queue.Queue()
    seen: queue.Queue[bytes] = queue.Queue()
    scanner = CameraScanner(PiLens(0, camera.open), faults.put)
    scanner.watch(seen.put)
    yield Rig(camera, scanner, seen, faults)
    scanner.close()


def frame_of(*codes: bytes, turned: float = 0.0) -> Frame:
    picture = drawn(*codes).rotate(turned, fillcolor=160)
    return Frame(picture.width, picture.height, picture.width, picture.tobytes())


@pytest.mark.parametrize("turned", [0, 17, 90, 200])
def test_a_code_is_read_at_any_angle(turned: float) -> None:
    assert codes_in(frame_of(CODE, turned=turned)) == (CODE,)


def test_nearly_all_blurred_and_turned_codes_are_read_and_none_as_another() -> None:
    codes = (CODE, b"284567890123456789", b"https://pay.example/q/0001")
    shots = [(code, turned, blur) for code in codes for turned in range(0, 360, 24) for blur in (0.5, 1.0, 1.5, 2.0)]
    read = 0
    for code, turned, blur in shots:
        picture = drawn(code).rotate(turned, fillcolor=160).filter(ImageFilter.GaussianBlur(blur))
        found = codes_in(Frame(picture.width, picture.height, picture.width, picture.tobytes()))
        assert found in ((code,), ())
        read += bool(found)
    assert read >= 0.98 * len(shots), f"{read} of {len(shots)}"


def test_the_same_code_twice_in_a_picture_is_one_code() -> None:
    assert codes_in(frame_of(CODE, CODE)) == (CODE,)


def test_two_codes_at_once_give_none_and_the_reason_once(rig: Rig) -> None:
    rig.camera.show(drawn(CODE, b"https://sticker.example/"))
    rig.scanner.trigger(True)
    assert "two codes at once" in str(rig.faults.get(timeout=WAIT_S))
    threading.Event().wait(0.3)
    assert rig.seen.empty() and rig.faults.empty()
    assert rig.scanner.refused > 1
    rig.camera.hold(CODE)  # The sticker is covered: the same trigger goes on.
    assert rig.seen.get(timeout=WAIT_S) == CODE


def test_the_code_just_read_waits_a_moment_before_it_is_read_again(rig: Rig) -> None:
    rig.camera.hold(CODE)
    rig.scanner.trigger(True)
    assert rig.seen.get(timeout=WAIT_S) == CODE
    rig.scanner.trigger(True)
    with pytest.raises(queue.Empty):
        rig.seen.get(timeout=SAME_MS / 1000 / 2)
    assert rig.seen.get(timeout=WAIT_S) == CODE, "a customer who goes on holding it is not stuck"


def test_nothing_streams_before_a_trigger_and_after_a_scan(rig: Rig) -> None:
    rig.camera.hold(CODE)
    assert rig.camera.starts == 0
    rig.scanner.trigger(True)
    rig.seen.get(timeout=WAIT_S)
    rig.scanner.close()
    assert rig.camera.starts == 1
    rig.camera.open(0)  # Let go: another program may have it.


def test_looks_are_bounded_however_fast_pictures_come(rig: Rig) -> None:
    rig.scanner.trigger(True)
    threading.Event().wait(0.5)
    rig.scanner.trigger(False)
    assert 1 <= rig.scanner.looks <= 500 // REST_MS + 1


def test_no_camera_is_an_error_that_says_what_to_do_and_is_told_once(rig: Rig) -> None:
    rig.camera.unplugged = True
    for _ in range(3):
        with pytest.raises(DeviceError, match="cannot be opened; check its ribbon cable"):
            rig.scanner.trigger(True)
    assert rig.faults.qsize() == 1
    rig.camera.unplugged = False
    rig.camera.hold(CODE)
    rig.scanner.trigger(True)
    assert rig.seen.get(timeout=WAIT_S) == CODE


def test_a_camera_unplugged_while_it_looks_is_told(rig: Rig) -> None:
    rig.scanner.trigger(True)
    rig.camera.unplugged = True
    assert "gives no pictures" in str(rig.faults.get(timeout=WAIT_S))


def test_a_torn_picture_is_refused_with_the_reason(rig: Rig) -> None:
    rig.camera.cut_short = 1
    rig.camera.hold(CODE)
    rig.scanner.trigger(True)
    assert "bytes are no picture of" in str(rig.faults.get(timeout=WAIT_S))
    assert rig.seen.empty() and rig.scanner.looks == 0


def test_without_picamera2_the_error_names_the_package() -> None:
    with pytest.raises(DeviceError, match="sudo apt install python3-picamera2"):
        PiLens(0, _not_installed).start()


def _not_installed(number: int) -> object:
    raise ImportError("No module named 'picamera2'")


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (Frame(0, 1, 1, b"x"), "is no picture"),
        (Frame(4, 1, 3, b"xxx"), "is no picture"),
        (Frame(3000, 3000, 3000, b""), f"more than {PIXELS_MAX} pixels"),
        (Frame(2, 2, 2, b"xxx"), "3 bytes are no picture"),
    ],
)
def test_a_picture_that_is_none_is_refused_by_its_size(frame: Frame, why: str) -> None:
    assert why in frame.fault()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9), st.data())
@settings(max_examples=60)
def test_no_pixels_raise(width: int, height: int, padding: int, data: st.DataObject) -> None:
    size = (width + padding) * height
    grey = data.draw(st.binary(min_size=size, max_size=size))
    frame = Frame(width, height, width + padding, grey)
    assert frame.fault() == ""
    codes_in(frame)


def test_a_picture_file_is_read_as_a_camera_would(tmp_path: Path) -> None:
    path = tmp_path / "phone.png"
    drawn(CODE).save(path)
    assert codes_in(photo(path)) == (CODE,)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG's head that promises so many pixels, and no pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    begun = struct.pack(">I", zlib.crc32(head)) + b"\0\0\0\x10IDAT"
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + head + begun


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no picture that can be read"),
        (b"GIF89a of sorts", "no picture that can be read"),
        (png_of_size(60_000, 60_000), "no picture that can be read"),
        (png_of_size(3_000, 3_000), f"more than {PIXELS_MAX} pixels"),
        (png_of_size(10, 10), "no picture that can be read"),
        (bytes(FILE_LIMIT + 1), f"more than {FILE_LIMIT} bytes"),
    ],
    ids=["empty", "text", "bomb", "large", "cut short", "long"],
)
def test_hostile_picture_files_are_refused_with_the_reason(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(DeviceError, match=why):
        photo(path)


def test_the_configuration_chooses_it() -> None:
    config = Config.default()
    filmed = dataclasses.replace(config, scanner=dataclasses.replace(config.scanner, kind="camera"))
    assert isinstance(open_scanner(filmed), CameraScanner)
    assert not isinstance(open_scanner(config), CameraScanner)
