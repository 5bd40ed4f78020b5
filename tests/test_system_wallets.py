"""A shop with contracts of its own, whole: gateways in a process of their own, keys by their command, and a terminal
that `assemble` builds from configuration and key store alone. TLS, TCP, libraries, clocks and threads are real.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shop_days import AGREES

from drivers.absent import AbsentCardReader, AbsentStripeReader
from drivers.link import TcpLink
from drivers.ports import Key, Paper
from keys import ContractRef
from keys.__main__ import main as keys_tool
from keys.testkeys import TEST_API_V3_KEY
from sim.acquirer import Acquirer
from sim.acquirer.server import AcquirerServer
from sim.books import all_payments
from sim.gateways import published
from sim.phone import Phone
from sim.story import FIRST_RUN, OPERATOR, Eyes, StoryError, play, to_transaction
from sim.twins.display import TwinDisplay
from sim.twins.keypad import TwinBuzzer, TwinKeypad, TwinLamps, TwinTamperSwitch
from sim.twins.printer import TwinPrinter
from sim.twins.scanner import TwinScanner
from sim.world import MERCHANT_NO, PASSWORD_COST, TERMINAL_NO
from terminal.__main__ import open_gateway, say_what_is_missing
from terminal.assembly import assemble, device_id, open_keys
from terminal.config import Config, Merchant, Timeouts, load_config
from terminal.flows.boot import power_on
from terminal.journal import Journal
from terminal.loop import Spawn
from terminal.loop.real import RealLoop
from terminal.rail import ACQUIRER
from terminal.shop import Devices

pytestmark = pytest.mark.slow
SCANNED = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show {wallet}\napproved:\n"
SHOWN = "idle: 5000 ENTER\nchoose_method: 2\nchoose_wallet: {row}\nshow_qr: phone {wallet}\napproved:\n"
PATIENCE_MS = 30_000


class Gateways:
    """`python -m sim gateways`, and what a shop's technician does with what it prints."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "sim", "gateways", "--port", "0", "--data", str(folder), "--json"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.folder = folder
        self.listening = self._told()["listening"]

    def customer(self, words: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        return self._told()[words.split()[0]]

    def _told(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0


class PhoneThere:
    """A phone whose wallet lives in the gateways' process."""

    def __init__(self, gateways: Gateways, phone: Phone, wallet: str, display: TwinDisplay) -> None:
        self._gateways, self._phone, self._wallet, self._display = gateways, phone, wallet, display

    def show_code(self) -> str:
        return str(self._gateways.customer(f"code {self._wallet}"))

    def scan_display(self) -> None:
        payload = self._phone.look(self._display.pixels(), self._display.width, self._display.height)
        assert self._gateways.customer(f"pay {payload}") == "paid"


class Counter:
    """A terminal with real wires to the acquirer and the gateways; display, keys and paper are in-process twins."""

    def __init__(self, folder: Path, gateways: Gateways) -> None:
        self._gateways = gateways
        self.acquirer = Acquirer(seed=1)
        self.server = AcquirerServer(self.acquirer)
        self.server.start()
        data = folder / "data"
        device_id(data)
        self.journal = Journal.open(data / "journal.db", wall_ms=lambda: time.time_ns() // 1_000_000)
        self.loop = RealLoop(self.journal.transact)
        self.eyes = Eyes(self.loop, PATIENCE_MS)
        self.keypad, self.printer, self.scanner = TwinKeypad(), TwinPrinter(), TwinScanner()
        self.display = TwinDisplay(on_show=lambda picture: self.eyes.shown(picture.name))
        devices = Devices(
            display=self.display,
            keypad=self.keypad,
            buzzer=TwinBuzzer(),
            lamps=TwinLamps(),
            tamper=TwinTamperSwitch(),
            printer=self.printer,
            reader=AbsentCardReader("none"),
            scanner=self.scanner,
            stripe=AbsentStripeReader(),
            link=TcpLink("127.0.0.1", self.server.port),
        )
        config = dataclasses.replace(
            load_config(gateways.folder / "wallets.toml"),
            general=dataclasses.replace(Config.default().general, data=data),
            merchant=Merchant(merchant_no=MERCHANT_NO, terminal_no=TERMINAL_NO),
            timeouts=dataclasses.replace(Timeouts(), result_ms=1_000),
        )
        keys = open_keys(config, self.journal)
        self.shop = assemble(config, devices, self.loop, keys, password_cost=PASSWORD_COST, https=open_gateway)

    def press(self, key: Key) -> None:
        self.keypad.press(key)

    def insert(self, profile: str) -> None:
        raise StoryError("this terminal has no card reader")

    def swipe(self, card: str) -> None:
        raise StoryError("this terminal has no stripe reader")

    def remove(self) -> None:
        raise StoryError("this terminal has no card reader")

    def scan(self, code: str) -> None:
        self.scanner.present(code.encode())

    def phone(self, wallet: str) -> Any:
        return PhoneThere(self._gateways, Phone(self.acquirer.gateway), wallet, self.display)

    def set_paper(self, paper: Paper) -> None:
        self.printer.set_paper(paper)

    def host_behaviour(self, behaviour: str) -> None:
        raise NotImplementedError("this host is a real server")

    def plays(self, story: str) -> None:
        async def everything() -> None:
            await Spawn(power_on(self.shop), "terminal")
            await play(self, FIRST_RUN + OPERATOR + story)

        self.loop.run(everything())

    def close(self) -> None:
        self.loop.close()
        self.journal.close()
        self.server.stop()


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    running = Gateways(tmp_path_factory.mktemp("gateways"))
    yield running
    running.close()


def load_keys(gateways: Gateways, data: Path, *wallets: str) -> None:
    """As `python -m sim gateways` says."""
    device_id(data)
    for wallet in wallets:
        files = [f"--private-key={gateways.folder}/{wallet}-shop.pem"]
        files += [f"--public-key={gateways.folder}/{wallet}-wallet.pub.pem"]
        files += [f"--api-v3-key={gateways.folder}/api-v3-key"] if wallet == "wechat" else []
        out = io.StringIO()
        assert keys_tool(["wallet", wallet, "--data", str(data), *files], io.BytesIO(), out, sys.stderr) == 0


@pytest.mark.parametrize(("wallet", "row"), [("wechat", 1), ("alipay", 2)])
def test_a_shop_sells_refunds_and_queries_by_configuration_and_keys_alone(
    gateways: Gateways, tmp_path: Path, wallet: str, row: int
) -> None:
    load_keys(gateways, tmp_path / "data", "wechat", "alipay")
    with contextlib.closing(Counter(tmp_path, gateways)) as counter:
        counter.plays(
            SCANNED.format(wallet=wallet)
            + SHOWN.format(wallet=wallet, row=row)
            + to_transaction("order-refund")
            + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: 1200 ENTER\n"
            + AGREES
            + "approved:\n"
            + to_transaction("order-query")
            + "enter_number: 2 ENTER\norder_found: ENTER\nidle:"
        )
        payments = tuple(reversed(all_payments(counter.journal)))
        assert [payment.state.value for payment in payments] == ["completed"] * 3
        assert {payment.facts["rail"] for payment in payments} == {wallet}
        assert counter.acquirer.book.qr_orders == ()
        kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
        assert str(payments[0].facts["order_no"]).encode() in kept, "the search itself must find what is there"
        for secret in (TEST_API_V3_KEY, *published.private_pem(f"{wallet}-shop").splitlines()[1:-1]):
            assert secret not in kept


def test_without_its_keys_a_wallet_says_so_and_nothing_goes_to_somebody_else(
    gateways: Gateways, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_keys(gateways, tmp_path / "data", "alipay")
    with contextlib.closing(Counter(tmp_path, gateways)) as counter:
        say_what_is_missing(counter.shop)
        assert capsys.readouterr().err == "terminal: wechat: 直连密钥未装入  Wallet keys not loaded\n"
        assert dict(counter.shop.self_tests()) | {"wechat": False, "alipay": True} == dict(counter.shop.self_tests())
        counter.plays(
            "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show wechat\nnothing_sent: ENTER\n"
            + SCANNED.format(wallet="alipay")
            + "idle:"
        )
        payments = tuple(reversed(all_payments(counter.journal)))
        assert [payment.state.value for payment in payments] == ["abandoned", "completed"]
        assert counter.acquirer.book.qr_orders == ()


def test_whoever_has_another_wallet_pays_through_the_acquirer(gateways: Gateways, tmp_path: Path) -> None:
    load_keys(gateways, tmp_path / "data", "wechat", "alipay")
    with contextlib.closing(Counter(tmp_path, gateways)) as counter:
        shown = "idle: 5000 ENTER\nchoose_method: 2\nchoose_wallet: 3\nshow_qr: "
        counter.plays(shown + "CANCEL\norder_closed: ENTER\nidle:")
        (payment,) = all_payments(counter.journal)
        assert payment.facts["rail"] == ACQUIRER


def test_the_commands_that_are_printed_load_the_keys(tmp_path: Path) -> None:
    """What a person copies from the screen is what works."""
    from sim.gateways.command import Gateways as InProcess

    made = InProcess(tmp_path / "gateways", ("wechat", "alipay"), port=0)
    made.server.close()
    data = tmp_path / "data"
    device_id(data)
    commands = [line for line in made.instructions() if "python -m keys wallet" in line]
    assert len(commands) == 2
    for line in commands:
        words = shlex.split(line.replace(" DATA ", f" {data} "))[4:]
        assert keys_tool(words, io.BytesIO(), io.StringIO(), sys.stderr) == 0
    with contextlib.closing(Journal.open(data / "journal.db", wall_ms=lambda: 0)) as journal:
        config = dataclasses.replace(Config.default(), general=dataclasses.replace(Config.default().general, data=data))
        held = open_keys(config, journal).contracts
        assert held.has(ContractRef("wechat")) and held.has(ContractRef("alipay"))
