"""`python -m sim legibility`: how often a phone reads the codes that the terminal draws and prints, by a real decoder.

A picture is the display (or the paper) as a camera has it: turned by any angle, seen from aside, blurred, with noise.
The codes are those that the terminal would show: it chooses the module's size, and the paper where a panel is too
small. One picture is one try; a phone makes ten a second.

Blur is a Gaussian radius in pixels of the panel (dots of the paper), so half a module is 1.0 on a panel that draws 2
pixels a module. Every draw is of (seed, code, picture): a picture that fails can be looked at (`--out`).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import string
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

from drivers.escpos_encoder import PrinterSettings, encode
from sim.arguments import why
from sim.gallery.pieces import PANELS, PAPERS
from sim.measured import commit, machine
from sim.phone import MAGNIFICATION, display_image
from sim.slip_samples import HEAD, QR, STATIC_CODE
from sim.wire.paper import PaperPrinter
from sim.wire.roll import image_of
from terminal.model import Money
from terminal.receipts import Copy, QrOrderSlip, Slip, lay_out
from terminal.screens.catalogue import ShowESlip, ShowQr, ShowStatic
from terminal.screens.font import Font, load_font
from terminal.screens.qr import qr_fits
from terminal.screens.render import picture
from terminal.strings import LANGUAGES

if TYPE_CHECKING:
    from PIL.Image import Image

# Bytes of a payload: a short aggregated address, a code_url, what version 3 just holds, EMVCo codes, a long one.
LENGTHS = (34, 44, 53, 80, 106, 150, 180, 230)
ESLIP = "https://q.test/s 12345678202603050000420000000001/8K3QZ7"  # Where the customer finds a slip.
AT_LEAST = 0.99
PAPER_MAGNIFICATION = 2
AROUND_DOTS = 60  # Of the paper about a code that is in its picture: two lines of print, 7 mm.
GREYS = 256
TABLE = "table.json"


@dataclass(frozen=True, slots=True)
class Camera:
    """`blur_px` in the object's pixels; `tilt_degrees` from the perpendicular; `noise` of 255, one sigma.

    The angle in the picture is any: a phone is held as it comes.
    """

    blur_px: float = 0.5
    tilt_degrees: float = 15.0
    noise: float = 20.0

    def shoot(self, picture: Image, magnification: int, draw: random.Random) -> Image:
        """A grey picture of an object that is `magnification` times as large as its pixels."""
        from PIL import Image, ImageChops, ImageFilter

        side = math.ceil(math.hypot(*picture.size) * 1.15)
        seen = picture.transform(
            (side, side),
            Image.Transform.PERSPECTIVE,
            self._view(picture.size, side, draw),
            Image.Resampling.BICUBIC,
        )
        seen = seen.filter(ImageFilter.GaussianBlur(self.blur_px * magnification))
        grain = Image.frombytes("L", seen.size, draw.randbytes(side * side).translate(_bell(self.noise)))
        return ImageChops.add(seen, grain, 1, -GREYS // 2)

    def _view(self, size: tuple[int, int], side: int, draw: random.Random) -> list[float]:
        """Pillow's eight numbers: where each point of the picture comes from. Turned about the middle, then tilted."""
        angle, aside = draw.uniform(0, math.tau), draw.uniform(0, math.tau)
        pull = 0.6 * math.tan(math.radians(self.tilt_degrees)) / side
        gx, gy = pull * math.cos(aside), pull * math.sin(aside)
        middle, (wide, high) = side / 2, (size[0] / 2, size[1] / 2)
        scale = 1 - (gx + gy) * middle
        cos, sin = math.cos(angle), math.sin(angle)
        rows = (
            (cos + wide * gx, -sin + wide * gy, (sin - cos) * middle + wide * scale),
            (sin + high * gx, cos + high * gy, -(sin + cos) * middle + high * scale),
        )
        return [value / scale for row in (*rows, (gx, gy)) for value in row]


@lru_cache(maxsize=4)
def _bell(sigma: float) -> bytes:
    """Turns even bytes into normal ones about the middle grey."""
    if not sigma:
        return bytes([GREYS // 2]) * GREYS
    normal = NormalDist(GREYS / 2, sigma)
    return bytes(min(255, max(0, round(normal.inv_cdf((grey + 0.5) / GREYS)))) for grey in range(GREYS))


@dataclass(frozen=True, slots=True)
class Shown:
    """A code as the terminal shows it: `where` it does, its picture, and how many pixels a module has."""

    where: str
    language: str
    payload: str
    module_px: int
    picture: Image
    magnification: int


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table. `read` of `pictures` were decoded to the very payload."""

    where: str
    language: str
    bytes: int
    module_px: int
    pictures: int
    read: int

    @property
    def rate(self) -> float:
        return self.read / self.pictures


def payload_of(length: int) -> str:
    """An address of so many bytes, the same each time."""
    draw = random.Random(length)
    head = "https://pay.example/"
    return head + "".join(draw.choices(string.ascii_letters + string.digits, k=length - len(head)))


def shown(font: Font) -> Iterator[Shown]:
    """Every code that the terminal chooses to draw, panel by panel, and on each paper."""
    amount = Money(12_850)
    screens: list[ShowQr | ShowStatic | ShowESlip] = [
        *(ShowQr(amount, payload_of(length), 118) for length in LENGTHS),
        ShowStatic(STATIC_CODE.payload),
        ShowESlip(amount, ESLIP),
    ]
    slips: list[tuple[Slip, str]] = [
        *((QrOrderSlip(HEAD, amount, payload_of(length), "QR1", 120), payload_of(length)) for length in LENGTHS),
        (STATIC_CODE, STATIC_CODE.payload),
        (QR, QR.order_no),
    ]
    for language in LANGUAGES:
        for width, height in PANELS:
            for screen in screens:
                if module_px := qr_fits(screen.payload, width, height):
                    pixels = picture(screen, language, font).pixels(width, height)
                    image = display_image(pixels, width, height)
                    yield Shown(f"{width}x{height}", language, screen.payload, module_px, image, MAGNIFICATION)
        for cells in PAPERS:
            for slip, payload in slips:
                yield _on_paper(slip, payload, language, cells, font)


def _on_paper(slip: Slip, payload: str, language: str, cells: int, font: Font) -> Shown:
    from PIL import Image

    settings = PrinterSettings(cells=cells, native_qr=False)  # The raster that we make, not the printer's own code.
    printer = PaperPrinter(cells)
    lines = lay_out(slip, cells=cells, language=language, copy=Copy.MERCHANT)
    printer.receive(b"".join(encode(lines, settings)))
    image = _framed(image_of(printer.roll, cells, font).convert("L"))
    large = (image.width * PAPER_MAGNIFICATION, image.height * PAPER_MAGNIFICATION)
    return Shown(
        f"paper {cells}", language, payload, 0, image.resize(large, Image.Resampling.NEAREST), PAPER_MAGNIFICATION
    )


def _framed(slip: Image) -> Image:
    """The part of a slip that a hand holds a phone over: the code, and what is printed about it."""
    import zxingcpp

    place = zxingcpp.read_barcodes(slip)[0].position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    across, down = [corner.x for corner in corners], [corner.y for corner in corners]
    left, top = max(0, min(across) - AROUND_DOTS), max(0, min(down) - AROUND_DOTS)
    return slip.crop((left, top, min(slip.width, max(across) + AROUND_DOTS), min(slip.height, max(down) + AROUND_DOTS)))


def measure(code: Shown, camera: Camera, pictures: int, seed: int = 1, out: Path | None = None) -> Result:
    """How many of so many pictures are read. `out`: a folder for those that are not."""
    import zxingcpp

    wanted = zxingcpp.BarcodeFormat.QRCode
    read = 0
    for number in range(pictures):
        name = f"{code.where}-{code.language}-{len(code.payload)}-{number}"
        seen = camera.shoot(code.picture, code.magnification, random.Random(f"{seed}/{name}"))
        found = zxingcpp.read_barcodes(seen, formats=wanted)  # type: ignore[arg-type]  # The binding converts one.
        if any(each.text == code.payload for each in found):
            read += 1
        elif out:
            seen.save(out / f"{name.replace(' ', '-')}.png")
    return Result(code.where, code.language, len(code.payload), code.module_px, pictures, read)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = Camera()
    parser.add_argument("--pictures", type=int, default=100, help="pictures of each code (default: %(default)s)")
    parser.add_argument("--blur", type=float, default=usual.blur_px, help="in pixels (default: %(default)s)")
    parser.add_argument("--tilt", type=float, default=usual.tilt_degrees, help="in degrees (default: %(default)s)")
    parser.add_argument("--noise", type=float, default=usual.noise, help="of 255, one sigma (default: %(default)s)")
    parser.add_argument("--where", help="only this panel or paper, such as 128x64 or 'paper 32'")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for the table and the pictures that were not read")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """0: every code was read in at least 99 % of its pictures; 1: one was not; 2: bad arguments."""
    if min(args.pictures, args.jobs) < 1 or min(args.blur, args.noise, args.tilt) < 0 or args.tilt > 60:
        print("pictures and jobs from 1, blur and noise from 0, tilt 0 to 60", file=sys.stderr)
        return 2
    codes = [code for code in shown(load_font()) if args.where in (None, code.where)]
    if not codes:
        print(f"the terminal draws no codes on {args.where!r}", file=sys.stderr)
        return 2
    try:
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"--out {why(error)}", file=sys.stderr)
        return 2
    camera = Camera(args.blur, args.tilt, args.noise)
    results = []
    if not args.json:
        print(f"{'where':10} {'language':8} {'bytes':>5} {'px/module':>9} {'read':>7}", flush=True)
    for row in _measured(codes, camera, args):
        results.append(row)
        if not args.json:
            size = row.module_px or "-"
            print(f"{row.where:10} {row.language:8} {row.bytes:5} {size:>9} {row.rate:7.1%}", flush=True)
    rows = [asdict(row) | {"rate": row.rate} for row in results]
    table = {"camera": asdict(camera), "seed": args.seed, "codes": rows}
    if args.json:
        print(json.dumps(table))
    if args.out:
        text = json.dumps(_measured_on() | table, indent=1)
        (args.out / TABLE).write_text(text + "\n", encoding="utf-8")
    return 0 if all(row.rate >= AT_LEAST for row in results) else 1


def _measured(codes: list[Shown], camera: Camera, args: argparse.Namespace) -> Iterator[Result]:
    """The rows in their order, as they come; on a terminal a line says how far it is."""
    one = partial(measure, camera=camera, pictures=args.pictures, seed=args.seed, out=args.out)
    with ExitStack() as stack:
        rows: Iterator[Result] = map(one, codes)
        if args.jobs > 1:
            # Forked before any thread is there: the codes need not be sent, nor the font read again.
            rows = stack.enter_context(ProcessPoolExecutor(args.jobs, get_context("fork"))).map(one, codes)
        bar = sys.stderr.isatty()
        for number, row in enumerate(rows, 1):
            if bar:
                print(f"\r{number} / {len(codes)} codes \r", end="", file=sys.stderr, flush=True)
            yield row


def _measured_on() -> dict[str, object]:
    """The figures belong to a commit and a decoder; the machine decides only how long they take."""
    from importlib.metadata import version

    return {"machine": machine(), "commit": commit(), "decoder": f"zxing-cpp {version('zxing-cpp')}"}
