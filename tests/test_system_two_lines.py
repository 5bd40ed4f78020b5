"""A real terminal's loop and link, and a real acquirer, in two network namespaces; the first cable is pulled.

A cable is pulled at the moment when the host has taken a request, so that its answer is lost: in the middle of a sale,
of that sale's reversal, of the settlement, and of its batch upload. What follows goes by the other cable, and both
books agree at the end.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from two_lines import HOST, CannotSplit, TwoLines

from drivers.absent import AbsentStripeReader
from drivers.link import Route, TcpLink, Tls
from drivers.ports import Key, LinkFault, Paper
from keys import KeyStore
from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.server import AcquirerServer, tls_context
from sim.books import all_payments, discrepancies
from sim.card import PROFILES, VirtualCard
from sim.phone import PhoneInHand
from sim.story import FIRST_RUN, OPERATOR, Eyes, StoryError, play
from sim.tls import make_certificates
from sim.twins.card_reader import TwinCardReader
from sim.twins.display import TwinDisplay
from sim.twins.keypad import TwinBuzzer, TwinKeypad, TwinLamps, TwinTamperSwitch
from sim.twins.printer import TwinPrinter
from sim.twins.scanner import TwinScanner
from sim.world import MERCHANT_NO, TERMINAL_NO
from terminal.assembly import assemble
from terminal.config import Config, Merchant, Timeouts
from terminal.flows.boot import power_on
from terminal.hostlink.codec import decode
from terminal.hostlink.frame import unwrap
from terminal.journal import Journal
from terminal.loop import Spawn
from terminal.loop.real import RealLoop
from terminal.shop import Devices
from terminal.tools.hosts import call

PATIENCE_MS = 60_000
CARRIER_S = 20  # For a card to notice its cable, and to forget that nobody was at its end.
CONNECT_MS, REPLY_MS = 4_000, 1_500
SALE = "idle: 700 ENTER\nchoose_method: 1\ninsert_card: insert no-cvm\n"
GOOD_SALE = SALE + "approved:\nremove_card: remove\n"
UNDONE = "reversal_pending: ENTER\nremove_card: remove\n"
SETTLE = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\n"


@pytest.fixture
def lines() -> Iterator[TwoLines]:
    try:
        with TwoLines() as made:
            yield made
    except CannotSplit as why:
        pytest.skip(f"no network namespaces here: {why}")


class Shop:
    """A terminal in the shop's namespace, an acquirer in the bank's; card, display, keys and paper are twins."""

    def __init__(self, folder: Path, lines: TwoLines, *, keep: bool) -> None:
        self._lines = lines
        files = make_certificates(folder / "tls")
        self.acquirer = Acquirer(seed=1)
        # The cable that is pulled when the host has taken such a request for the nth time.
        self.pull_at: dict[tuple[str, int], int] = {}
        self.heard: list[str] = []
        context = tls_context(folder / "tls", demand_client=True)
        self.server = AcquirerServer(self.acquirer, "0.0.0.0", tls=context, on_exchange=self._seen)
        with lines.inside(lines.bank):
            self.server.start()
        self.journal = Journal.open(folder / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000)
        self.loop = RealLoop(self.journal.transact)
        self.eyes = Eyes(self.loop, PATIENCE_MS)
        self.keypad, self.printer, self.reader = TwinKeypad(), TwinPrinter(), TwinCardReader()
        tls = Tls(files.ca, files.server_name, files.client, files.client_key)
        self.routes = tuple(Route(HOST, self.server.port, tls, f"za{cable}") for cable in (0, 1))
        devices = Devices(
            display=TwinDisplay(on_show=lambda picture: self.eyes.shown(picture.name)),
            keypad=self.keypad,
            buzzer=TwinBuzzer(),
            lamps=TwinLamps(),
            tamper=TwinTamperSwitch(),
            printer=self.printer,
            reader=self.reader,
            scanner=TwinScanner(),
            stripe=AbsentStripeReader(),
            link=TcpLink.over(self.routes),
        )
        config = dataclasses.replace(
            Config.default(),
            merchant=Merchant(merchant_no=MERCHANT_NO, terminal_no=TERMINAL_NO),
            timeouts=dataclasses.replace(Timeouts(), result_ms=1_000),
            link=dataclasses.replace(Config.default().link, connect_ms=CONNECT_MS, reply_ms=REPLY_MS),
        )
        self.shop = assemble(config, devices, self.loop, KeyStore.open(folder / "keys", terminal_id="real"))
        profile = dataclasses.replace(self.shop.profile, connection_kept=keep)
        self.shop.profile = self.shop.host.profile = profile

    def _seen(self, direction: str, frame: bytes) -> None:
        """On the server's thread, before it answers."""
        if direction == "in":
            mti = decode(unwrap(frame, self.acquirer.profile).body, self.acquirer.profile).mti
            self.heard.append(mti)
            cable = self.pull_at.get((mti, self.heard.count(mti)))
            if cable is not None:
                self._lines.unplug(cable)

    def press(self, key: Key) -> None:
        self.keypad.press(key)

    def insert(self, profile: str) -> None:
        self.reader.insert(VirtualCard(PROFILES[profile]))

    def remove(self) -> None:
        self.reader.remove()

    def swipe(self, card: str) -> None:
        raise StoryError("this terminal has no stripe reader")

    def scan(self, code: str) -> None:
        raise StoryError("nobody scans here")

    def phone(self, wallet: str) -> PhoneInHand:
        raise StoryError("nobody pays by phone here")

    def set_paper(self, paper: Paper) -> None:
        self.printer.set_paper(paper)

    def host_behaviour(self, behaviour: str) -> None:
        raise StoryError("this host is a real server")

    def run(self, story: str) -> None:
        async def everything() -> None:
            await Spawn(power_on(self.shop), "terminal")
            await play(self, FIRST_RUN + OPERATOR + story)

        with self._lines.inside(self._lines.shop):
            self.loop.run(everything())

    def states(self) -> list[str]:
        return [payment.state.value for payment in reversed(all_payments(self.journal))]

    def close(self) -> None:
        self.loop.close()
        self.server.stop()
        self.journal.close()


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path, lines: TwoLines) -> Iterator[Shop]:
    made = Shop(tmp_path, lines, keep=getattr(request, "param", True))
    yield made
    made.close()


@pytest.mark.system
@pytest.mark.privileged
@pytest.mark.slow
@pytest.mark.parametrize("shop", [False, True], ids=["a connection each", "one connection"], indirect=True)
def test_the_cable_is_pulled_in_the_middle_of_a_sale(shop: Shop) -> None:
    """The host has approved it; the reversal goes by the other cable, and then the next customer's sale."""
    shop.pull_at = {("0200", 1): 0}
    shop.run(SALE + UNDONE + GOOD_SALE + SETTLE + "settled: ENTER\nidle:")
    assert shop.states() == ["reversed", "settled"]
    assert [mti for mti in shop.heard if mti in ("0200", "0400")] == ["0200", "0400", "0200"]
    assert discrepancies(shop.journal, shop.acquirer) == []
    assert shop.shop.host.line.resting() == (0,)


@pytest.mark.system
@pytest.mark.privileged
@pytest.mark.slow
def test_the_cable_is_pulled_in_the_middle_of_a_reversal(shop: Shop) -> None:
    """Silence on the first cable sends it by the second; that is pulled, and the same reversal goes by the first."""
    shop.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200"))
    shop.pull_at = {("0400", 1): 1}
    shop.run(SALE + UNDONE + "idle: 700 ENTER\nchoose_method: 1\nreversal_pending: ENTER\n" + GOOD_SALE + "idle:")
    assert shop.states() == ["reversed", "completed"]
    assert shop.heard.count("0400") == 2
    assert discrepancies(shop.journal, shop.acquirer) == []


@pytest.mark.system
@pytest.mark.privileged
@pytest.mark.slow
def test_the_cable_is_pulled_in_the_middle_of_a_settlement(shop: Shop) -> None:
    shop.pull_at = {("0500", 1): 0}
    shop.run(GOOD_SALE + SETTLE + "refused: ENTER\nidle: ENTER\nsettled: ENTER\nidle:")
    assert shop.states() == ["settled"]
    assert shop.heard.count("0500") == 2
    assert discrepancies(shop.journal, shop.acquirer) == []


@pytest.mark.system
@pytest.mark.privileged
@pytest.mark.slow
def test_the_cable_is_pulled_in_the_middle_of_a_batch_upload(shop: Shop) -> None:
    """Three chips' certificates and the end: the second one's answer is lost, and it goes again by the other cable."""
    shop.pull_at = {("0320", 2): 0}
    shop.run(GOOD_SALE * 3 + SETTLE + "settled: ENTER\nidle:")
    assert shop.states() == ["settled"] * 3
    assert (shop.heard.count("0500"), shop.heard.count("0320")) == (1, 3 + 1 + 1)
    assert discrepancies(shop.journal, shop.acquirer) == []
    assert shop.shop.host.line.resting() == (0,)


@pytest.mark.system
@pytest.mark.privileged
@pytest.mark.slow
def test_each_cable_is_a_way_of_its_own(shop: Shop, lines: TwoLines) -> None:
    """One address by two interfaces: what a pulled cable stops is its own route, as doctor sees it."""
    with lines.inside(lines.shop):
        assert [call(route) for route in shop.routes] == [None, None]
        lines.unplug(0)
        first, second = (call(route) for route in shop.routes)
        assert first in (LinkFault.TIMEOUT, LinkFault.UNREACHABLE)
        assert second is None
        lines.plug_in(0)
        end_s = time.monotonic() + CARRIER_S
        while call(shop.routes[0]) is not None:
            assert time.monotonic() < end_s, "the cable is in again, and nothing passes"
