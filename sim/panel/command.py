"""`python -m sim panel`: the whole bench in one process, the terminal in another, and a page to hold it by.

With `--virtual` there is no other process: a world in virtual time (sim.panel.staged) behind the same page.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import errno
import os
import secrets
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol

from drivers.gpio import LAYOUT
from emv.typed import language_of
from keys import KeyRefused
from sim.acquirer.cashier_page import CashierPage
from sim.acquirer.core import Acquirer
from sim.acquirer.server import wall_ms
from sim.arguments import port_number
from sim.live import Busy
from sim.panel.bank import AcquirerBank
from sim.panel.child import LAUNCHER
from sim.panel.direct import DirectBench, DirectPhone
from sim.panel.hub import Hub
from sim.panel.phone_desk import PhoneOnDesk
from sim.panel.protocol import Do, JSONObject
from sim.panel.server import NoPort, PanelServer, RecordingRefused
from sim.panel.shelf import cards
from sim.panel.staged import StagedWorld
from sim.panel.webfont import block, glyphs_of
from sim.panel.world import Sight, World
from sim.phone import Phone
from sim.stage import Terms
from sim.story import StoryError
from terminal.screens.font import Font, load_font

DEFAULT_PORTS = range(8086, 8107)  # As many panels as one person keeps open; a port that was named is that or none.
DEFAULT_DATA = Path("data") / "panel"
TOKEN_BYTES = 16  # 128 bits.
PANELS = ("128x64", "128x128")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "There is no --host: PINs are typed on this page. From elsewhere: ssh -L 8086:127.0.0.1:8086"
    parser.add_argument(
        "--port", type=port_number, help="the page's port, on 127.0.0.1 alone; 0: a free one (default: 8086, or next)"
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="journal, keys, book (default: %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    parser.add_argument("--panel", choices=PANELS, default=PANELS[0], help="the display (default: %(default)s)")
    parser.add_argument(
        "--virtual", action="store_true", help="a world in virtual time: stop, step, speed, seed, scenarios"
    )
    parser.add_argument("--seed", default="7", help="what a virtual world is drawn from (default: %(default)s)")
    parser.add_argument(
        "--lang", type=language_of, default="zh-CN", metavar="zh-CN|en", help="of a new page and a new terminal (zh-CN)"
    )
    parser.add_argument("--direct", action="store_true", help="contracts of the shop's own with WeChat Pay and Alipay")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C. 0: ended by a person; 1: it could not start, and why is said."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        bench = bench_of(args)
    except NoPort as error:
        print(f"panel: {error}", file=sys.stderr)
        return 1
    except KeyRefused as error:  # Its terminal's store will not take the published keys of contracts.
        print(f"panel: {args.data}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno == errno.EADDRINUSE:  # The host's port, which this folder's terminal calls for ever.
            print(f"panel: 文件夹正被另一个模拟台使用 another panel is using this folder: {args.data}", file=sys.stderr)
            print("       换一个文件夹 choose another one: --data FOLDER", file=sys.stderr)
        else:
            print(f"panel: {args.data}: {error.strerror or error}", file=sys.stderr)
        return 1
    bench.start()
    try:
        print(f"\n  在浏览器中打开 · open in a browser:\n\n    {bench.url}\n\n  Ctrl-C 结束 · ends it\n", flush=True)
        if not args.no_browser and _has_desktop():
            webbrowser.open(bench.url)
        stop.wait()
    finally:
        bench.close()
    return 0


class Openable(Protocol):
    """A bench with a page."""

    @property
    def url(self) -> str: ...

    def start(self) -> None: ...

    def close(self) -> None: ...


def bench_of(args: argparse.Namespace) -> Openable:
    """The bench that the arguments describe. Raises OSError, NoPort."""
    if args.virtual:
        return VirtualBench(args.seed, port=args.port, panel=args.panel, lang=args.lang)
    return Bench(args.data, port=args.port, panel=args.panel, lang=args.lang, direct=args.direct)


def page_server(
    hub: Hub,
    do: Callable[[Do], None],
    font: Font,
    *,
    port: int | None,
    lang: str,
    data: str,
    recording: Callable[[], bytes],
) -> PanelServer:
    """The page of either bench. Raises NoPort, OSError."""
    glyphs = glyphs_of(font)
    return PanelServer(
        hub,
        do,
        ports=DEFAULT_PORTS if port is None else (port,),
        token=secrets.token_urlsafe(TOKEN_BYTES),
        hello=lambda: {
            "lang": lang,
            "layout": [key.value for row in LAYOUT for key in row],
            "data": data,
        },
        font=lambda name: block(name, glyphs),
        recording=recording,
    )


class VirtualBench:
    """A world in virtual time, and its page. Raises OSError, NoPort."""

    def __init__(self, seed: str, *, port: int | None, panel: str, lang: str) -> None:
        hub, font = Hub(), load_font()
        width, height = (int(side) for side in panel.split("x"))
        terms = Terms(seed=seed, language=lang, panel=(width, height), offered="all")
        self.world = StagedWorld(hub, terms, cards=cards(), font=font)
        try:
            self._server = page_server(
                hub, self.world.do, font, port=port, lang=lang, data="", recording=self._recording
            )
        except OSError:
            self.world.close()
            raise

    def _recording(self) -> bytes:
        try:
            return self.world.recording()
        except (Busy, ValueError, StoryError) as why:
            raise RecordingRefused(str(why)) from None

    @property
    def url(self) -> str:
        return self._server.gate.url()

    def start(self) -> None:
        self._server.start()
        self.world.start()

    def close(self) -> None:
        self.world.close()
        self._server.close()


class Bench:
    """Everything that `python -m sim panel` runs, put together. Raises OSError, NoPort, KeyRefused with `direct`."""

    def __init__(
        self,
        data: Path,
        *,
        port: int | None,
        panel: str,
        lang: str,
        launcher: Sequence[str] = LAUNCHER,
        direct: bool = False,
    ) -> None:
        self._hub = Hub()
        self.direct = DirectBench(data / "gateways", data / "terminal", self._phone_changed) if direct else None
        self._bank = AcquirerBank(data / "host", self._host_said)
        acquirer = self._bank.acquirer
        phone = DirectPhone(acquirer.gateway, self.direct.gateways) if self.direct else Phone(acquirer.gateway)
        self._cashier = CashierPage(acquirer.gateway, phone.wallets.__getitem__, acquirer.merchant_of, wall_ms)
        self._phone = PhoneOnDesk(acquirer, wall_ms, phone, self._cashier)
        self._world: World | None = None
        recording = data / "recording.jsonl"  # Of this bench, from its start on.
        recording.unlink(missing_ok=True)
        command = (
            *(*launcher, "--data", str(data / "terminal"), "--host", f"127.0.0.1:{self._bank.port}"),
            *("--panel", panel, "--lang", lang, "--record", str(recording)),
            *(self.direct.arguments if self.direct else ()),
        )
        try:
            self._server = page_server(
                self._hub,
                lambda deed: self._world.do(deed) if self._world is not None else None,
                load_font(),
                port=port,
                lang=lang,
                data=str(data),
                recording=lambda: _read(recording),
            )
            self._world = World(
                self._hub,
                command=command,
                log=data / "terminal.log",
                bank=self._bank,
                phone=self._phone,
                cards=cards(),
                sight_of=sight_of,
            )
        except OSError:
            self._cashier.close()
            self._bank.close()
            raise

    @property
    def acquirer(self) -> Acquirer:
        """The host, for whoever wants to look into its book."""
        return self._bank.acquirer

    @property
    def url(self) -> str:
        return self._server.gate.url()

    def start(self) -> None:
        self._server.start()
        if self._world is not None:
            self._world.start()

    def close(self) -> None:
        if self._world is not None:
            self._world.close()
        self._cashier.close()
        self._server.close()
        if self.direct is not None:
            self.direct.close()

    def _host_said(self, message: JSONObject) -> None:
        """What crossed the line; after an answer the phone may have something new to show."""
        self._hub.publish(message)
        if message["is"] == "books":
            self._phone_changed()

    def _phone_changed(self) -> None:
        self._hub.publish({"is": "phone", **self._phone.shown()})


def _read(recording: Path) -> bytes:
    """What the handheld has written so far."""
    try:
        return recording.read_bytes()
    except OSError as why:
        raise RecordingRefused(str(why.strerror)) from None


def sight_of(message: JSONObject) -> Sight | None:
    """What of a handheld's message a camera could see. None too for pixels that are no picture."""
    try:
        if message["is"] == "screen":
            width, height = int(message["width"]), int(message["height"])
            data = base64.b64decode(message["pixels"], validate=True)
            return Sight("display", width, height, data) if len(data) == (width + 7) // 8 * height else None
        if message["is"] == "paper":
            return Sight("paper", 0, 0, base64.b64decode(message["png"], validate=True))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    return None


def _has_desktop() -> bool:
    """Without one, `webbrowser` would start a text browser on this very console."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
