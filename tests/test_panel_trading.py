"""The whole bench, real from the browser to the book: first run, sign-in, chip and QR sales, a power cut, in Chromium.

Nothing here stands in for anything but hardware: the page, the panel, the terminal's process over wire twins, the
acquirer on its socket, and a phone that reads the display's pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from panel_browser import Browser, chromium

from emv.typed import language_of
from sim.acquirer.book import EntryState
from sim.panel.command import Bench
from terminal.hostlink.subfields import OrderState
from terminal.strings import Words

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed (make system-deps)"),
]
BUILD = Path("build") / "panel"
PASSWORD = "1234"
PIN = "123456"
SEE_S = 30


class Clerk:
    """Somebody who looks at the page and touches it."""

    def __init__(self, browser: Browser, language: str) -> None:
        self.browser = browser
        self.words = Words(language)

    def see(self, *names: str) -> str:
        screen = "document.querySelector('#oled').dataset.screen"
        self.browser.until(f"{json.dumps(names)}.includes({screen})", SEE_S)
        return str(self.browser.run(screen))

    def read(self, text: str) -> None:
        self.browser.until(f"document.querySelector('#screen-text').textContent.includes({json.dumps(text)})", SEE_S)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.browser.click(f'[data-key="{key}"]')

    def touch(self, selector: str) -> None:
        self.browser.until(f"document.querySelector({json.dumps(selector)})", SEE_S)
        self.browser.click(selector)

    def picture(self, name: str) -> None:
        self.browser.run("document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 500)))")
        self.browser.screenshot(BUILD / f"{name}.png")

    def set_up(self) -> None:
        """The first run: everything as it is offered, and a password, twice."""
        self.see("choose_language")
        self.press("enter")
        for number in ("898440153110001", "10000001", "127.0.0.1"):
            self.read(number)
            self.press("enter")
        self.see("operator_password")
        self.press(*PASSWORD, "enter")
        self.read(self.words["password_problem.repeat"])
        self.press(*PASSWORD, "enter")
        self.see("confirm_test_keys")
        self.press("enter")

    def sign_in(self) -> None:
        self.see("enter_number")
        self.press("enter")
        self.see("operator_password")
        self.press(*PASSWORD, "enter")
        self.see("idle")

    def start_sale(self, digits: str, method: str) -> None:
        self.see("idle")
        self.press(*digits)
        self.see("enter_amount")
        self.press("enter")
        self.see("choose_method")
        self.press(method)


@contextmanager
def trading(folder: Path, browser: Browser, lang: str, *, direct: bool = False) -> Iterator[tuple[Bench, Clerk]]:
    bench = Bench(folder, port=0, panel="128x64", lang=language_of(lang), direct=direct)
    bench.start()
    try:
        browser.open(f"{bench.url}&lang={lang}")
        yield bench, Clerk(browser, language_of(lang))
        complaints = list(browser.console)
        browser.open("about:blank")
        browser.until("location.href === 'about:blank'")
        assert complaints == []
    finally:
        bench.close()


def test_a_morning_at_the_counter(tmp_path: Path) -> None:
    with Browser(tmp_path / "chromium") as browser, trading(tmp_path / "data", browser, "zh") as (bench, clerk):
        clerk.set_up()
        clerk.sign_in()
        book = bench.acquirer.book

        clerk.start_sale("12850", "1")  # A chip card.
        clerk.see("insert_card")
        clerk.touch('[data-card="unionpay-credit-pin"]')
        clerk.see("enter_pin")
        clerk.press(*PIN)
        clerk.press("enter")
        clerk.see("remove_card")
        clerk.picture("chip-sale-zh")
        clerk.touch(".card-in")
        clerk.see("idle")
        assert [(entry.amount_minor, entry.state) for entry in book.entries] == [(12850, EntryState.APPROVED)]

        clerk.start_sale("100", "2")  # The phone reads the display.
        clerk.see("show_qr")
        clerk.touch('[data-phone="look"]')
        clerk.touch('[data-phone="confirm"]')
        clerk.see("approved", "printing", "idle")
        clerk.picture("qr-sale-zh")
        clerk.touch('[data-phone="cancel"]')

        clerk.start_sale("2550", "3")  # The scanner reads the phone.
        clerk.see("scan_code")
        clerk.touch('[data-phone="code"]')
        clerk.touch('[data-phone="hold"]')
        clerk.see("approved", "printing", "idle")
        clerk.see("idle")
        paid = [(order.amount_minor, order.state) for order in book.qr_orders]
        assert paid == [(100, OrderState.PAID), (2550, OrderState.PAID)]

        clerk.touch('[data-tab="books"]')
        browser.until("document.querySelector('[data-verdict]').dataset.verdict === 'agree'")
        rows = browser.run("[...document.querySelectorAll('.sides tbody tr')].map((row) => row.className)")
        assert rows == ["", "", ""]

        clerk.touch('[data-tab="slips"]')
        texts = browser.run("[...document.querySelectorAll('.slip pre')].map((slip) => slip.textContent)")
        assert any("128.50" in text for text in texts) and any("25.50" in text for text in texts)
        page = browser.run("document.documentElement.outerHTML")
        assert "6225000000000014" not in page  # Its number is nowhere on the page but masked.


def test_the_phone_pays_a_shop_with_contracts_of_its_own(tmp_path: Path) -> None:
    with (
        Browser(tmp_path / "chromium") as browser,
        trading(tmp_path / "data", browser, "zh", direct=True) as (bench, clerk),
    ):
        clerk.set_up()
        clerk.sign_in()
        clerk.start_sale("100", "2")
        clerk.see("choose_wallet")
        clerk.press("2")
        clerk.see("show_qr")
        clerk.touch('[data-phone="look"]')
        clerk.touch('[data-phone="confirm"]')
        clerk.see("approved", "printing", "idle")
        clerk.picture("direct-sale-zh")
        clerk.touch('[data-phone="cancel"]')

        clerk.start_sale("2550", "3")
        clerk.see("scan_code")
        clerk.touch('[data-phone="code"]')
        clerk.touch('[data-phone="hold"]')
        clerk.see("wallet_paying")
        clerk.touch('[data-phone="confirm"]')
        clerk.see("approved", "printing", "idle")
        clerk.see("idle")
        assert bench.direct is not None
        tills = bench.direct.gateways.tills
        assert (tills["alipay"].taken_minor, tills["wechat"].taken_minor) == (2650, 0)
        assert bench.acquirer.book.qr_orders == ()


def test_power_is_cut_while_the_host_is_silent(tmp_path: Path) -> None:
    with Browser(tmp_path / "chromium") as browser, trading(tmp_path / "data", browser, "en") as (bench, clerk):
        clerk.set_up()
        clerk.sign_in()
        clerk.touch('#host [data-value="silent"]')
        clerk.start_sale("300", "1")
        clerk.see("insert_card")
        clerk.touch('[data-card="unionpay-credit-pin"]')
        clerk.see("enter_pin")
        clerk.press(*PIN, "enter")
        browser.until("document.querySelector('.entry.bad .mti')?.textContent === '0200'", SEE_S)
        clerk.picture("silent-host-en")
        clerk.touch("#kill")
        clerk.touch(".card-in")
        clerk.touch('#host [data-value="normal"]')
        clerk.sign_in()
        browser.until("[...document.querySelectorAll('.mti')].some((e) => e.textContent === '0410')", SEE_S)
        entries = bench.acquirer.book.entries
        assert [(entry.amount_minor, entry.state) for entry in entries] == [(300, EntryState.REVERSED)]
        clerk.touch('[data-tab="books"]')
        clerk.picture("after-power-cut-en")


def test_every_fault_is_a_switch_and_the_books_tell_what_it_did(tmp_path: Path) -> None:
    with Browser(tmp_path / "chromium") as browser, trading(tmp_path / "data", browser, "en") as (bench, clerk):
        clerk.set_up()
        clerk.sign_in()
        clerk.touch('[data-tab="faults"]')
        clerk.touch('[data-fault="fault:wrong-mac"] [data-mode="always"]')
        browser.until("document.querySelector('#fault-count').textContent === '1'")
        clerk.touch('[data-fault="fault:wrong-mac"] [data-mode="off"]')
        browser.until("document.querySelector('#fault-count').textContent === ''")
        for fault in ("fault:no-mac", "line:garble"):
            clerk.touch(f'[data-fault="{fault}"] [data-mode="once"]')
        browser.until("document.querySelector('#fault-count').textContent === '2'")
        clerk.touch("#faults-clear")
        browser.until("document.querySelector('#fault-count').textContent === ''")
        clerk.touch('[data-fault="line:drop-reply"] [data-mode="once"]')
        browser.until("document.querySelector('[data-fault=\"line:drop-reply\"]').classList.contains('on')")
        clerk.picture("faults-en")

        clerk.start_sale("300", "1")
        clerk.see("insert_card")
        clerk.touch('[data-card="no-cvm"]')
        clerk.touch('[data-tab="host"]')
        browser.until("[...document.querySelectorAll('.entry.line')].length === 1", SEE_S)
        clerk.touch('[data-tab="books"]')
        browser.until("document.querySelector('[data-verdict]').dataset.verdict === 'open'")
        clerk.see("remove_card")
        clerk.touch(".card-in")
        clerk.start_sale("400", "1")  # The reversal goes before the next sale.
        clerk.see("insert_card")
        clerk.press("cancel")
        browser.until("document.querySelector('[data-verdict]').dataset.verdict === 'agree'", SEE_S)
        row = "[...document.querySelectorAll('.sides tbody tr .state')].map((cell) => cell.textContent)"
        assert browser.run(row)[-2:] == ["reversed", "reversed"]
        clerk.picture("books-en")

        clerk.touch('[data-tab="journal"]')
        told = "[...document.querySelectorAll('.events b')].map((cell) => cell.textContent)"
        by = {f"{what} · operator 01" for what in ("a payment begins", "a payment's state", "a slip is made")}
        assert by <= set(browser.run(told))
        clerk.picture("journal-en")
        clerk.touch('[data-tab="host"]')
        clerk.touch('#talk-side [data-value="card"]')
        browser.until("[...document.querySelectorAll('.entry .what')].some((e) => e.textContent === 'GENERATE AC')")
        assert browser.run("document.querySelectorAll('.entry.host').length") == 0
        clerk.picture("card-talk-en")
        entries = bench.acquirer.book.entries
        assert [(entry.amount_minor, entry.state) for entry in entries] == [(300, EntryState.REVERSED)]
