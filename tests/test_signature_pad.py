"""电子签名: what is signed on a pad is a picture (JBIG1), leaves in parts, waits for the host, and spares a line."""

from __future__ import annotations

import base64
import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hearing_host import HearingHost
from shop_days import START

from drivers.ports import DeviceError
from drivers.signature_file import SignatureFile
from sim.acquirer import Fault, FaultKind
from sim.books import all_payments
from sim.story import play
from sim.twins.pad import TwinSignaturePad
from sim.world import World
from terminal.hostlink.esign import HEIGHT, PARTS_LIMIT, WIDTH, raster, signature_parts, slip_data
from terminal.hostlink.icc import elements
from terminal.hostlink.jbig import jbig
from terminal.hostlink.messages import Terminal
from terminal.hostlink.profile import load_profile
from terminal.model import Notice, UploadState

SOLD = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert signature\napproved:\n"
NEXT = "idle: 700 ENTER\nchoose_method: 1\ninsert_card: insert no-cvm\napproved:\nremove_card: remove\nidle:"
ALONE = " wait 70\n"  # At the idle screen, long enough for what is done behind it.
NAME = [[(100, 800), (300, 200), (500, 800)], [(200, 500), (400, 500)], [(600, 200), (600, 800), (900, 700)]]
_DRAW = random.Random(1)
DOTS = [[(_DRAW.randrange(1001), _DRAW.randrange(1001))] for _ in range(1_500)]  # What cannot be made small.
UNIONPAY = load_profile("unionpay")


# The picture

VECTORS = json.loads((Path(__file__).parent / "vectors" / "jbig.json").read_text(encoding="ascii"))


@pytest.mark.parametrize("vector", VECTORS["pictures"], ids=lambda vector: vector["name"])
def test_a_picture_is_what_another_encoder_makes_of_it(vector: dict[str, str]) -> None:
    rows = [[int(pixel) for pixel in row] for row in vector["rows"]]
    assert jbig(rows).hex() == vector["jbig"]


@pytest.mark.parametrize("rows", [[], [[]], [[0, 1], [0]], [[0] * 1025]])
def test_what_is_no_picture_is_refused(rows: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="a picture has"):
        jbig(rows)


def test_strokes_are_drawn_where_they_were_made() -> None:
    rows = raster([[(0, 0), (1000, 0)], [(1000, 1000)]])
    assert (len(rows), {len(row) for row in rows}) == (HEIGHT, {WIDTH})
    assert rows[0] == rows[1] == [1] * WIDTH and not any(rows[2])
    assert rows[-1][-2:] == [1, 1] and sum(map(sum, rows[2:])) == 4


# Its messages


def messages(image: bytes) -> list[tuple[str, bytes]]:
    terminal = Terminal("898440153110001", "10000001", "000001")
    parts = signature_parts(
        terminal,
        UNIONPAY,
        stan="000042",
        rrn="112200000042",
        pan="6225000000000014",
        amount_minor=1,
        icc=b"",
        image=image,
    )
    return [(part.text(60), part.binary(62)) for part in parts]


@pytest.mark.parametrize(
    ("size", "codes"), [(1, ["800"]), (512, ["800"]), (513, ["801", "800"]), (2048, ["801", "802", "803", "800"])]
)
def test_a_picture_leaves_in_as_many_parts_as_field_62_needs(size: int, codes: list[str]) -> None:
    sent = messages(bytes(range(256)) * 8 if size == 2048 else bytes(size))
    assert [f60 for f60, _ in sent] == [f"07000001{code}" for code in codes]
    assert sum(len(part) for _, part in sent) == size


@pytest.mark.parametrize("size", [0, 512 * PARTS_LIMIT + 1])
def test_no_picture_and_too_long_a_one_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="parts"):
        messages(bytes(size))


def test_what_the_slip_says_goes_along() -> None:
    data = slip_data(merchant="掌柜茶馆", kind="消费", operator="001", at="20260305142231", auth_code="A1B2C3")
    found = {e.tag: data[e.value : e.end] for e in elements(data)}
    assert found["FF00"].decode("gb18030") == "掌柜茶馆"
    assert (found["FF06"].hex(), found["FF07"]) == ("20260305142231", b"A1B2C3")


# The flow


def play_with(world: World, pad: TwinSignaturePad, act: Callable[[], None], story: str) -> None:
    async def people() -> None:
        await play(world, START + SOLD + "sign_on_pad:")
        act()
        await play(world, story)

    world.run(people())


def uploads(world: World) -> list[tuple[Notice, UploadState]]:
    return [(u.notice, u.state) for u in world.journal.transact(lambda tx: tx.uploads(1))]


@pytest.mark.parametrize(("strokes", "parts"), [(NAME, 1), (DOTS, 3)])
def test_a_signature_reaches_the_host_s_book_and_the_slip_has_no_line(
    strokes: list[list[tuple[int, int]]], parts: int
) -> None:
    pad, host = TwinSignaturePad(), HearingHost()
    with World("pad", acquirer=host, pad=pad) as world:
        slips: list[str] = []
        world.printer_said = lambda lines: slips.append(repr(lines))
        play_with(world, pad, lambda: pad.sign(strokes), "remove_card: remove\n" + NEXT + ALONE)
        assert uploads(world) == [(Notice.SIGNATURE, UploadState.DONE)] * parts
        assert "compare_signature" not in world.eyes.history
        assert all("SIGNED ELECTRONICALLY" in slip and "____" not in slip for slip in slips[1:3])
        assert not world.journal.transact(lambda tx: tx.unprinted())
        stan = str(next(p for p in all_payments(world.journal) if p.amount.amount_minor == 12850).stan)
        (batch,) = host.book.all_batches()
    kept = batch.signatures[stan]
    assert (kept.whole, kept.image) == (True, jbig(raster(strokes)))


def test_a_signature_waits_until_the_host_hears_of_it() -> None:
    pad, host = TwinSignaturePad(), HearingHost()
    host.faults.add(Fault(FaultKind.DROP_REQUEST, mti="0820"))
    with World("waits", acquirer=host, pad=pad) as world:
        play_with(world, pad, lambda: pad.sign(NAME), f"remove_card: remove\n{NEXT} wait 90\n{NEXT}{ALONE}")
        assert uploads(world) == [(Notice.SIGNATURE, UploadState.DONE)]


LEFT = {
    "who wants paper gets it": (lambda pad: None, "sign_on_pad: CANCEL\n"),
    "nobody signs": (lambda pad: None, ""),
    "the pad breaks": (lambda pad: setattr(pad, "broken", True), ""),
    "more than a host takes": (lambda pad: pad.sign(DOTS), ""),
}
# An acquirer whose field 62 is so short that dots take more parts than there may be.
SHORT_62 = dataclasses.replace(UNIONPAY.fields[62], length=99)
SHORT = dataclasses.replace(UNIONPAY, fields={**UNIONPAY.fields, 62: SHORT_62})


@pytest.mark.parametrize("case", LEFT)
def test_without_a_signature_on_the_pad_paper_is_signed(case: str) -> None:
    act, before = LEFT[case]
    pad = TwinSignaturePad()
    with World(case, acquirer=HearingHost(), pad=pad, profile=SHORT) as world:
        slips: list[str] = []
        world.printer_said = lambda lines: slips.append(repr(lines))

        async def people() -> None:
            await play(world, START + SOLD + (before or "sign_on_pad:\n"))
            act(pad)
            await play(world, "compare_signature: ENTER\nremove_card: remove\nidle:")

        world.run(people())
        assert uploads(world) == []
        assert "____" in slips[1]


def test_a_pin_spares_the_pad_too() -> None:
    pad = TwinSignaturePad()
    with World("pin", acquirer=HearingHost(), pad=pad) as world:
        pin = "enter_pin: 123456 ENTER\napproved:\nremove_card: remove\nidle:"
        asked = SOLD.replace("signature", "unionpay-credit-pin").removesuffix("approved:\n")
        world.run(play(world, START + asked + pin))
        assert "sign_on_pad" not in world.eyes.history


# The driver


def test_a_pad_s_file_is_read_when_it_is_there_and_forgotten_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    pad = SignatureFile(path)
    assert pad.strokes() is None
    path.write_text(json.dumps(NAME), encoding="ascii")
    assert pad.strokes() == tuple(tuple(line) for line in NAME)
    pad.clear()
    assert pad.strokes() is None
    pad.clear()


BAD_FILES = [
    *("", "{}]", "7", "[[[1]]]", "[[[1, 1001]]]"),
    *("[[[-1, 0]]]", "[[[0.5, 1]]]", '[[["a", 1]]]', "[[1, 2]]", "[[null]]"),
]


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_file_that_holds_no_strokes_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "strokes.json"
    path.write_text(text, encoding="ascii")
    with pytest.raises(DeviceError, match="no list of lines"):
        SignatureFile(path).strokes()


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    path.write_bytes(b" " * 262_145)
    with pytest.raises(DeviceError, match="longer than"):
        SignatureFile(path).strokes()


def test_a_signature_is_no_secret_left_in_clear(tmp_path: Path) -> None:
    """It is personal data: until its batch is settled it is sealed, and then its key is gone."""
    pad, host = TwinSignaturePad(), HearingHost()
    host.faults.add(Fault(FaultKind.DROP_REQUEST, mti="0820", times=9))
    with World("sealed", acquirer=host, pad=pad, data=tmp_path) as world:
        play_with(world, pad, lambda: pad.sign(NAME), "remove_card: remove\nidle:" + ALONE)
    image = jbig(raster(NAME))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert image[20:] not in data and image.hex().encode() not in data
            assert base64.b64encode(image)[:40] not in data
