"""EMVCo's merchant code built and read beside cemacqr and promptparse (npm); an order's code brought onto the glass.

All three get the same dynamic code in ASCII and must give the same text and the same amount. Ours is strict both ways,
and so is cemacqr, whose `validate` is part of its figure. promptparse only splits, and checks the CRC.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from shutil import which
from typing import TYPE_CHECKING

from bench.beside import ROOT, Peers
from bench.cases import CONTROLLERS, Row, Size, row, sales_cpu_ms
from drivers.display import DisplaySettings, OledDisplay
from emv.qr import Value, build, parse
from sim.people import Intent
from sim.phone import display_image
from sim.wire.i2c import FakeSMBus
from sim.world import World
from terminal.model import Method, Money
from terminal.screens import qr as screens_qr
from terminal.screens.catalogue import ShowQr
from terminal.screens.font import load_font
from terminal.screens.render import picture

if TYPE_CHECKING:
    from PIL.Image import Image

NODE_SERVER = ROOT / "bench" / "peers" / "serve.mjs"
NODE_MODULES = ROOT / "build" / "peers" / "node" / "node_modules"
# As in bench/peers/serve.py and serve.mjs.
OBJECTS: dict[str, Value] = {
    "01": "12", "15": "3123456789012345", "52": "5411", "53": "156", "54": "128.50", "58": "CN", "59": "ZHANGGUI",
    "60": "BEIJING", "62": {"05": "ORDER000000000000001", "07": "10000001"},
}  # fmt: skip
ADDRESS = "https://pay.example/q/8F3kQz81LmT0"
Call = Callable[[], bytes]


def _read() -> Call:
    payload = build(OBJECTS)
    return lambda: parse(payload).text("54").encode()


def _build() -> Call:
    return lambda: build(OBJECTS).encode()


CASES: tuple[tuple[str, str, Callable[[], Call]], ...] = (
    ("read a merchant code", "read", _read),
    ("build a merchant code", "build", _build),
)


def beside_peers(size: Size) -> list[Row]:
    """Microseconds of each, ours and the peer's in turns. Raises PeersMissing; without node its peer is left out."""
    with Peers() as peers:
        rows = _beside(peers, "cemacqr", size, aim=1.0)
    node = which("node")
    if node is None or not NODE_MODULES.exists():
        print("promptparse is left out: it needs node and npm, then make bench-peers", file=sys.stderr)
        return rows
    with Peers((node, str(NODE_SERVER), str(NODE_MODULES))) as peers:
        return rows + _beside(peers, "promptparse", size, aim=None)  # Another language: only told.


def _beside(peers: Peers, who: str, size: Size, aim: float | None) -> list[Row]:
    rows = []
    for title, name, ours in CASES:
        found = peers.beside(f"{name}-{who}", ours(), size.rounds)
        rows.append(row(title, found.ours, "us", who, statistics.median(found.theirs), aim=aim))
    return rows


def on_the_glass(size: Size) -> list[Row]:
    """Real time from an order's address to the pixels of each panel; a phone must read them."""
    font = load_font()
    rows: list[Row] = []
    for controller, panel in CONTROLLERS.items():
        drawn: list[float] = []
        for _ in range(size.rounds * 3):
            bus = FakeSMBus(panel())
            display = OledDisplay(DisplaySettings(controller=controller), bus=bus)
            screens_qr.modules.cache_clear()
            began = time.perf_counter()
            display.show(picture(ShowQr(Money(12_850), ADDRESS, 118), "zh-CN", font))
            drawn.append((time.perf_counter() - began) * 1000)
            lit = display_image(bus.pixels(), 128, bus.panel.height)
            if _read_by_phone(lit) != ADDRESS:
                raise RuntimeError(f"{controller}: the code on the glass is not read")
        rows.append(row(f"{controller}: an order's code, drawn and sent", drawn, "ms", "aim", 100))
    return rows


def _read_by_phone(lit: Image) -> str:
    """What a phone's camera reads, apart from wallets."""
    import zxingcpp

    found = zxingcpp.read_barcodes(lit)
    return str(found[0].text) if found else ""


def orders(size: Size) -> list[Row]:
    """CPU of whole orders in one world, from the first key to the slip: shown on the glass, and scanned off a phone."""
    rows = []
    for method in (Method.QR_SHOWN, Method.QR_SCANNED):
        intent = Intent(amount_minor=12_850, method=method, means="wechat")
        spent: list[float] = []
        for seed in range(size.rounds):
            with World(seed) as world:
                spent.append(sales_cpu_ms(world, max(1, size.sales // size.rounds // 4), intent))
        rows.append(row(f"CPU of an order, {method.value}", spent, "ms", "aim of a chip sale", 2.5, aim=None))
    return rows
