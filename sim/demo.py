"""`make demo`: a short day without a browser, told as a story in virtual time, every screen and slip kept.

Each screen goes to build/demo/ as PNG and text, each slip too, and the slips are shown here. Exit status 0 only if the
terminal's book and the acquirer's agree in the end.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from drivers.ports import PaperLine, Picture
from emv.typed import language_of
from sim.arguments import why
from sim.books import all_payments, discrepancies
from sim.phone import display_image
from sim.story import FIRST_RUN, OPERATOR, StoryError, play
from sim.wire.roll import png_of, text_of
from sim.world import World

KEPT = re.compile(r"[0-9]{3,}-(screen-[a-z0-9_]+|slip)\.(png|txt)")
PIXEL = 4  # Each pixel of the panel is drawn this large, so that a person can see it.
STORY = f"""
# The first run, asked once; then operator and 签到.
{FIRST_RUN}{OPERATOR}
idle: 12850 ENTER
# A chip sale with PIN, approved.
choose_method: 1
insert_card: insert unionpay-credit-pin
enter_pin: 123456 ENTER
approved:
remove_card: remove
# One declined: the balance does not suffice.
idle: 99900 ENTER
choose_method: 1
insert_card: insert poor
enter_pin: 123456 ENTER
declined: ENTER
remove_card: remove
# QR, shown by the terminal and scanned from the pixels of its display.
idle: 4500 ENTER
choose_method: 2
show_qr: wait 4 phone wechat
approved:
# QR, shown by the customer and scanned by the terminal.
idle: 2600 ENTER
choose_method: 3
scan_code: wait 2 show alipay
approved:
# Cash with change, reprint, today's list, settlement.
idle: 8800 ENTER
choose_method: 4
cash_tendered: 10000 ENTER
cash_change: ENTER
idle: DOWN
menu: 3
idle: DOWN
menu: 2
today: CANCEL
idle: DOWN
menu: 4
confirm_settlement: ENTER
settled: ENTER
idle:
"""


class Album:
    """Where the pictures go: NNN-screen-NAME.png and .txt, NNN-slip.png and .txt."""

    def __init__(self, folder: Path, world: World, *, show: bool) -> None:
        self._folder = folder
        self._world = world
        self._show = show
        self._count = 0
        self._last = b""
        self.screens = 0
        self.slips = 0

    def screen(self, picture: Picture) -> None:
        display = self._world.display
        pixels = picture.pixels(display.width, display.height)
        if pixels == self._last:
            return
        self._last = pixels
        image = display_image(pixels, display.width, display.height)
        path = self._path(f"screen-{picture.name}")
        image.resize((image.width * PIXEL, image.height * PIXEL), 0).save(path.with_suffix(".png"))
        path.with_suffix(".txt").write_text("\n".join(picture.text()) + "\n", encoding="utf-8")
        self.screens += 1

    def slip(self, lines: tuple[PaperLine, ...]) -> None:
        roll = self._world.printer.roll(1)
        path = self._path("slip")
        path.with_suffix(".png").write_bytes(png_of(roll, self._world.printer.cells, self._world.shop.font))
        text = "\n".join(text_of(roll, self._world.printer.cells)) + "\n"
        path.with_suffix(".txt").write_text(text, encoding="utf-8")
        if self._show:
            print(text)
            print("- " * (self._world.printer.cells // 2))
        self.slips += 1

    def _path(self, name: str) -> Path:
        self._count += 1
        return self._folder / f"{self._count:03d}-{name}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="where the pictures go (build/demo)")
    parser.add_argument("--lang", type=language_of, default="zh-CN", metavar="zh-CN|en", help="the terminal's language")
    parser.add_argument("--panel", choices=("128x64", "128x128"), default="128x64", help="the display")
    parser.add_argument("--seed", default="demo")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")


def run(args: argparse.Namespace) -> int:
    """0: the story was told and the books agree; 1: not; 2: its pictures cannot be kept there."""
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        for old in args.out.iterdir():
            if KEPT.fullmatch(old.name):  # Of an earlier demo. What else is there is somebody's.
                old.unlink()
    except OSError as error:
        print(f"--out {why(error)}", file=sys.stderr)
        return 2
    width, height = (int(side) for side in args.panel.split("x"))
    with World(args.seed, panel=(width, height), language=args.lang) as world:
        album = Album(args.out, world, show=not args.json)
        world.on_show = album.screen
        world.printer_said = album.slip
        problem = ""
        try:
            world.run(play(world, STORY))
        except StoryError as error:
            problem = str(error)
        wrong = discrepancies(world.journal, world.acquirer)
        payments = len(all_payments(world.journal))
    agree = not wrong and not problem
    if args.json:
        report = {
            "out": str(args.out),
            "screens": album.screens,
            "slips": album.slips,
            "payments": payments,
            "discrepancies": wrong,
            "problem": problem,
            "books_agree": agree,
        }
        print(json.dumps(report, ensure_ascii=False))
    else:
        print(f"{album.screens} screens and {album.slips} slips in {args.out}; {payments} payments")
        for line in (*wrong, *((problem,) if problem else ())):
            print(f"  {line}", file=sys.stderr)
        print("the books agree" if agree else "THE BOOKS DO NOT AGREE")
    return 0 if agree else 1
