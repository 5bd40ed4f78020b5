"""A phone reads the codes that are drawn from a turned, tilted, blurred and noisy picture, and not through any blur."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sim.__main__ import main
from sim.gallery.pieces import PANELS
from sim.legibility import AT_LEAST, ESLIP, LENGTHS, TABLE, Camera, Shown, measure, payload_of, shown
from sim.slip_samples import QR, STATIC_CODE
from terminal.screens.font import load_font
from terminal.screens.qr import qr_fits

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

pytest.importorskip("zxingcpp")


@pytest.fixture(scope="module")
def codes() -> list[Shown]:
    return list(shown(load_font()))


def test_every_code_that_the_terminal_draws_is_measured(codes: list[Shown]) -> None:
    for width, height in PANELS:
        drawn = {len(code.payload) for code in codes if code.where == f"{width}x{height}"}
        assert drawn >= {length for length in LENGTHS if qr_fits(payload_of(length), width, height)}
    printed = {code.payload for code in codes if code.where == "paper 32"}
    assert printed == {*map(payload_of, LENGTHS), STATIC_CODE.payload, QR.order_no}


def test_the_shop_s_own_code_and_the_slip_s_are_drawn_where_they_fit(codes: list[Shown]) -> None:
    for payload in (STATIC_CODE.payload, ESLIP):
        drawn = {code.where for code in codes if code.payload == payload and code.module_px}
        assert drawn == {f"{width}x{height}" for width, height in PANELS if qr_fits(payload, width, height)}
        assert drawn


@pytest.mark.slow
def test_they_are_read(codes: list[Shown]) -> None:
    """A few of each; `make legibility` takes a hundred."""
    results = [measure(code, Camera(), 2) for code in codes[::3]]
    assert sum(result.read for result in results) >= AT_LEAST * sum(result.pictures for result in results)


def test_a_code_behind_too_much_blur_is_not_read(codes: list[Shown], tmp_path: Path) -> None:
    code = next(code for code in codes if code.module_px == 2)
    result = measure(code, Camera(blur_px=1.5), 3, out=tmp_path)
    assert (result.read, result.rate) == (0, 0.0)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_picture_is_drawn_from_its_seed(codes: list[Shown]) -> None:
    code = codes[0]
    first, again, other = (
        Camera().shoot(code.picture, code.magnification, random.Random(seed)).tobytes() for seed in (1, 1, 2)
    )
    assert first == again != other
    still = Camera(noise=0).shoot(code.picture, code.magnification, random.Random(1)).tobytes()
    assert still != first


@pytest.mark.slow
def test_the_command_makes_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    only = ["legibility", "--pictures", "1", "--where", "128x64"]
    assert main([*only, "--blur", "3", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["camera"]["blur_px"] == 3
    assert {(row["where"], row["read"]) for row in found["codes"]} == {("128x64", 0)}
    assert main(only) == 0
    assert "100.0%" in capsys.readouterr().out
    assert main(["legibility", "--pictures", "1", "--where", "7x7"]) == 2
    assert main(["legibility", "--pictures", "0"]) == 2


@pytest.mark.slow
def test_the_table_is_kept_and_the_same_by_any_number_of_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = ["legibility", "--pictures", "1", "--where", "128x64", "--blur", "0.8"]
    tables = []
    for jobs in ("1", "2"):
        main([*only, "--jobs", jobs, "--out", str(tmp_path / jobs)])
        tables.append(json.loads((tmp_path / jobs / TABLE).read_text(encoding="utf-8")))
    assert tables[0] == tables[1]
    assert {"machine", "commit", "decoder", "camera", "seed", "codes"} == tables[0].keys()
    assert [row["bytes"] for row in tables[0]["codes"]] == [34, 44, 53, 56] * 2
