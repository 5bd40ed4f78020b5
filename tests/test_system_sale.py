"""A sale on real parts: real pcscd, real pyscard, a card on vpcd, real TCP and TLS to the acquirer, in real time."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.absent import AbsentStripeReader
from drivers.card_reader import PcscCardReader
from drivers.link import TcpLink, Tls
from drivers.ports import Key, Paper
from keys import KeyStore
from sim.acquirer import Acquirer, WalletKind
from sim.acquirer.server import AcquirerServer, tls_context
from sim.books import all_payments, discrepancies
from sim.card import PROFILES, VirtualCard
from sim.card.vpcd import serve
from sim.phone import Phone, PhoneInHand
from sim.story import FIRST_RUN, OPERATOR, Eyes, StoryError, play
from sim.tls import make_certificates
from sim.twins.display import TwinDisplay
from sim.twins.keypad import TwinBuzzer, TwinKeypad, TwinLamps, TwinTamperSwitch
from sim.twins.printer import TwinPrinter
from sim.twins.scanner import TwinScanner
from sim.wire.pcsc import PrivatePcscd
from sim.world import MERCHANT_NO, TERMINAL_NO
from terminal.assembly import assemble
from terminal.config import Config, Merchant, Timeouts
from terminal.flows.boot import power_on
from terminal.journal import Journal
from terminal.loop import Spawn
from terminal.loop.real import RealLoop
from terminal.shop import Devices

PATIENCE_MS = 60_000
STORY = f"""
{FIRST_RUN}{OPERATOR}
idle: 12850 ENTER
choose_method: 1
insert_card: insert unionpay-credit-pin
enter_pin: 123456 ENTER
approved:
remove_card: remove
idle: 700 ENTER
choose_method: 1
insert_card: insert long-61xx
enter_pin: 999999 ENTER
declined: ENTER
try_pin_again: ENTER
enter_pin: 123456 ENTER
approved:
remove_card: remove
idle: DOWN
menu: 4
confirm_settlement: ENTER
settled: ENTER
idle:
"""


class RealCounter:
    """A counter with real wires to card and host; display, keys and paper are in-process twins."""

    def __init__(self, folder: Path, pcscd: PrivatePcscd) -> None:
        self._pcscd = pcscd
        self._withdraw: threading.Event | None = None
        self._card: threading.Thread | None = None
        files = make_certificates(folder / "tls")
        self.acquirer = Acquirer(seed=1)
        self.server = AcquirerServer(self.acquirer, tls=tls_context(folder / "tls", demand_client=True))
        self.server.start()
        self.journal = Journal.open(folder / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000)
        self.loop = RealLoop(self.journal.transact)
        self.eyes = Eyes(self.loop, PATIENCE_MS)
        self.keypad, self.printer, self.scanner = TwinKeypad(), TwinPrinter(), TwinScanner()
        self.display = TwinDisplay(on_show=lambda picture: self.eyes.shown(picture.name))
        self.reader = PcscCardReader(pcscd.reader(0))
        tls = Tls(files.ca, files.server_name, files.client, files.client_key)
        link = TcpLink("127.0.0.1", self.server.port, tls=tls)
        devices = Devices(
            display=self.display,
            keypad=self.keypad,
            buzzer=TwinBuzzer(),
            lamps=TwinLamps(),
            tamper=TwinTamperSwitch(),
            printer=self.printer,
            reader=self.reader,
            scanner=self.scanner,
            stripe=AbsentStripeReader(),
            link=link,
        )
        config = dataclasses.replace(
            Config.default(),
            merchant=Merchant(merchant_no=MERCHANT_NO, terminal_no=TERMINAL_NO),
            timeouts=dataclasses.replace(Timeouts(), result_ms=1_000),
        )
        keys = KeyStore.open(folder / "keys", terminal_id="real")
        self.shop = assemble(config, devices, self.loop, keys)

    def press(self, key: Key) -> None:
        self.keypad.press(key)

    def insert(self, profile: str) -> None:
        self._withdraw = threading.Event()
        card = VirtualCard(PROFILES[profile])
        self._card = threading.Thread(
            target=serve, args=("127.0.0.1", self._pcscd.port(0), card), kwargs={"stop": self._withdraw}
        )
        self._card.start()

    def swipe(self, card: str) -> None:
        raise StoryError("this terminal has no stripe reader")

    def remove(self) -> None:
        if self._withdraw and self._card:
            self._withdraw.set()
            self._card.join()

    def scan(self, code: str) -> None:
        self.scanner.present(code.encode())

    def phone(self, wallet: str) -> PhoneInHand:
        return PhoneInHand(
            Phone(self.acquirer.gateway),
            WalletKind(wallet),
            now_ms=lambda: time.time_ns() // 1_000_000,
            display=lambda: (self.display.pixels(), self.display.width, self.display.height),
        )

    def set_paper(self, paper: Paper) -> None:
        self.printer.set_paper(paper)

    def host_behaviour(self, behaviour: str) -> None:
        raise NotImplementedError("this host is a real server")

    def run(self, story: str) -> None:
        async def everything() -> None:
            await Spawn(power_on(self.shop), "terminal")
            await play(self, story)

        self.loop.run(everything())

    def close(self) -> None:
        self.remove()
        self.loop.close()
        self.reader.close()
        self.server.stop()
        self.journal.close()


@pytest.fixture
def counter(tmp_path: Path, pcscd: PrivatePcscd) -> Iterator[RealCounter]:
    made = RealCounter(tmp_path, pcscd)
    yield made
    made.close()


@pytest.mark.system
def test_a_day_through_pcscd_and_tls(counter: RealCounter) -> None:
    counter.run(STORY)
    states = [payment.state.value for payment in reversed(all_payments(counter.journal))]
    assert states == ["settled", "declined", "settled"]
    assert discrepancies(counter.journal, counter.acquirer) == []
    assert counter.printer.slip_count == 6  # Self-test, two sales in two copies, settlement.
