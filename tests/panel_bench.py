"""A whole panel around the fake handheld: the real server, hub and world; host and phone stand still."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from drivers.gpio import LAYOUT as KEYPAD
from sim.panel.hub import Hub
from sim.panel.protocol import Do
from sim.panel.server import PanelServer
from sim.panel.webfont import block, glyphs_of
from sim.panel.world import Sight, World
from terminal.screens.font import load_font

LAYOUT = [key.value for row in KEYPAD for key in row]
FAKE = [sys.executable, str(Path(__file__).with_name("panel_fake_handheld.py"))]
TOKEN = "token-of-this-test"
WAIT_S = 20
CARDS = [
    {"name": "good", "zh": "批准的卡", "en": "Approved", "pan": "622500******0014", "pin": "123456"},
    {"name": "poor", "zh": "余额不足", "en": "No funds", "pan": "622500******0022", "pin": "123456"},
]


class StillBank:
    """A host that nobody calls."""

    def __init__(self) -> None:
        self.behaviours: list[str] = []

    def behave(self, behaviour: str) -> None:
        self.behaviours.append(behaviour)

    def happen(self, what: str, how: str) -> None:
        self.behaviours.append(f"{what} {how}")

    def mend(self, what: str, name: str) -> None:
        self.behaviours.append(f"{what} no {name}")

    def faults(self) -> dict[str, str]:
        return {}

    def journal(self, payments: list[dict[str, Any]]) -> None:
        pass

    def books(self) -> dict[str, Any]:
        return {"sections": []}

    def close(self) -> None:
        pass


class StillPhone:
    """A phone that only ever holds one code before the scanner."""

    def act(self, deed: Do, sights: Sequence[Sight]) -> tuple[dict[str, Any], str | None]:
        return self.shown(), "2800123456789" if deed.values["act"] == "hold" else None

    def shown(self) -> dict[str, Any]:
        wallet = {"name": "w", "zh": "钱包", "en": "Wallet", "balance": "100.00"}
        return {"screen": "home", "wallet": "w", "wallets": [wallet]}


class Bench:
    """The running panel, and one page's end of its channel at a time."""

    def __init__(self, server: PanelServer, world: World, bank: StillBank) -> None:
        self.server, self.world, self.bank = server, world, bank

    @contextmanager
    def page(self) -> Iterator[Page]:
        with self.connect() as socket:
            yield Page(socket)

    def connect(self, *, token: str = TOKEN, origin: str | None = None) -> ClientConnection:
        """`origin` None: our own page's; "": none at all."""
        port = self.server.gate.port
        origin = f"http://127.0.0.1:{port}" if origin is None else origin
        return connect(f"ws://127.0.0.1:{port}/channel?token={token}", origin=Origin(origin) if origin else None)


class Page:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=WAIT_S))
        return message

    def until(self, wanted: Callable[[dict[str, Any]], object]) -> list[dict[str, Any]]:
        """Everything heard up to and with the first message that is wanted."""
        heard = [self.hear()]
        while not wanted(heard[-1]):
            heard.append(self.hear())
        return heard


@contextmanager
def bench(folder: Path, command: Sequence[str] = tuple(FAKE)) -> Iterator[Bench]:
    hub, bank, font = Hub(), StillBank(), glyphs_of(load_font())
    log = folder / "handheld.log"
    world = World(hub, command=command, log=log, bank=bank, phone=StillPhone(), cards=CARDS, sight_of=lambda _: None)
    server = PanelServer(
        hub,
        world.do,
        ports=(0,),
        token=TOKEN,
        hello=lambda: {"lang": "en", "layout": LAYOUT},
        font=lambda name: block(name, font),
        recording=bytes,
    )
    server.start()
    world.start()
    try:
        yield Bench(server, world, bank)
    finally:
        world.close()
        server.close()
