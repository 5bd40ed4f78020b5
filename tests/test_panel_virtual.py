"""The page over a world in virtual time, in Chromium: time in hand, a scenario before your eyes, what can be kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from panel_browser import Browser, chromium
from test_panel_trading import Clerk

from emv.typed import language_of
from sim.panel.command import VirtualBench
from sim.panel.faults import VIRTUAL
from sim.recording.playing import replay

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed (make system-deps)"),
]
SCENARIO = "wrong-pin-thrice-reversal-lost-power-cut"
PLAYED = "document.querySelector('#playing').className"
WIDE, NARROW, PHONE = (1280, 800), (800, 1000), (390, 844)
AT_ONCE = ("paper-left", "clock", "power")  # Happens, and is over.
SETTLED = "document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 400)))"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@contextmanager
def staged(browser: Browser, lang: str, size: tuple[int, int] = WIDE) -> Iterator[Clerk]:
    bench = VirtualBench("7", port=0, panel="128x64", lang=language_of(lang))
    bench.start()
    try:
        browser.size(*size)
        browser.console.clear()
        browser.open(f"{bench.url}&lang={language_of(lang)}")
        clerk = Clerk(browser, language_of(lang))
        clerk.see("idle")
        browser.run(SETTLED)  # Until the font is there the buttons still move.
        yield clerk
        complaints = list(browser.console)
        browser.open("about:blank")
        browser.until("location.href === 'about:blank'")
        assert complaints == []
    finally:
        bench.close()


@pytest.mark.parametrize(("lang", "size"), [("zh", WIDE), ("en", NARROW)])
def test_a_scenario_is_played_before_your_eyes(browser: Browser, lang: str, size: tuple[int, int]) -> None:
    with staged(browser, lang, size) as clerk:
        assert browser.run("document.querySelector('#seed').value") == "7"
        clerk.touch('#speed [data-value="60"]')
        browser.run(f"document.querySelector('#scenario').value = '{SCENARIO}'")
        clerk.touch("#play-form button[type=submit]")
        browser.until("!document.querySelector('#play-stop').hidden")
        browser.until(f"{PLAYED}.includes('played')", 60)
        clerk.touch('[data-tab="books"]')
        browser.until("document.querySelector('[data-verdict]').dataset.verdict === 'agree'")
        assert browser.run(OVERFLOW) <= 0  # Nothing sticks out at the side.
        clerk.picture(f"scenario-{lang}")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_every_button_of_the_handheld_can_be_reached(browser: Browser, lang: str, size: tuple[int, int]) -> None:
    with staged(browser, lang, size):
        outside = (
            "(() => { const whole = document.querySelector('.centre').getBoundingClientRect();"
            " return [...document.querySelectorAll('.centre button, .centre a')].filter((e) => e.offsetParent)"
            ".filter((e) => { const r = e.getBoundingClientRect();"
            " return r.left < whole.left - 1 || r.right > whole.right + 1; }).map((e) => e.textContent); })()"
        )
        assert browser.run(outside) == []
        assert browser.run(OVERFLOW) <= 0


def test_time_is_stopped_and_stepped(browser: Browser) -> None:
    with staged(browser, "en") as clerk:
        clerk.touch('#speed [data-value="0"]')
        browser.until("document.querySelector('#speed [data-value=\"0\"]').getAttribute('aria-pressed') === 'true'")
        clock = "document.querySelector('#time-clock').textContent"
        browser.run("new Promise((done) => setTimeout(done, 400))")
        before = browser.run(clock)
        browser.run("new Promise((done) => setTimeout(done, 1500))")
        assert browser.run(clock) == before
        clerk.touch("#step-minute")
        browser.until(f"{clock} !== '{before}'")
        clerk.press("5")
        clerk.see("enter_amount")


def test_every_switch_is_pressed_once_and_does_what_it_says(browser: Browser) -> None:
    """Each fault's row, next time, always and off; paper, host, language, sound, side: and no word of complaint."""

    def pressed(selector: str) -> None:
        clerk.touch(selector)
        browser.until(f"document.querySelector({json.dumps(selector)}).ariaPressed === 'true'")

    with staged(browser, "en") as clerk:
        pressed('#speed [data-value="0"]')
        for group in ("language", "talk-side", "host", "paper"):
            for number in (2, 1):
                pressed(f"#{group} button:nth-child({number})")
        clerk.touch("#sound")
        pressed("#sound")
        pressed('#language [data-lang="en"]')
        clerk.touch('[data-tab="faults"]')
        rows = browser.run(
            "[...document.querySelectorAll('.fault-row')].map((row) =>"
            " [row.dataset.fault, [...row.querySelectorAll('[data-mode]')].map((each) => each.dataset.mode)])"
        )
        assert len(rows) == len(VIRTUAL)
        for fault, modes in rows:
            for mode in modes:
                switch = f'[data-fault="{fault}"] [data-mode="{mode}"]'
                (clerk.touch if fault.partition(":")[0] in AT_ONCE else pressed)(switch)
        clerk.touch("#faults-clear")
        browser.until("document.querySelector('[data-fault^=\"power-fails\"].on') === null")
        assert browser.run("document.querySelector('#trouble').textContent") == ""


def test_the_screen_and_the_slips_can_be_kept(browser: Browser) -> None:
    with staged(browser, "zh") as clerk:
        clerk.touch('#speed [data-value="10"]')
        browser.run(
            "{ const address = URL.createObjectURL; let file;"
            " URL.createObjectURL = (blob) => { file = blob; return address(blob); };"
            " HTMLAnchorElement.prototype.click = async function () { const bytes = await file.arrayBuffer();"
            " window.kept = [this.download, btoa(String.fromCharCode(...new Uint8Array(bytes)))]; } }"
        )
        clerk.touch("#screenshot")
        name, data = browser.until("window.kept")
        assert name == "screen-idle.png"
        png = base64.b64decode(data)
        assert png.startswith(b"\x89PNG") and png[16:24] == (512).to_bytes(4, "big") + (256).to_bytes(4, "big")

        clerk.start_sale("100", "4")  # Cash.
        clerk.see("cash_tendered")
        clerk.press("enter")
        browser.until("document.querySelectorAll('.slip').length > 0", 20)
        each = "(link) => [link.download, decodeURIComponent(link.href)]"
        links = f"[...document.querySelectorAll('.slip a')].map({each})"
        (image, image_data), (text, text_data) = browser.run(links)[:2]
        assert image.endswith(".png") and image_data.startswith("data:image/png;base64,")
        assert text.endswith(".txt") and "1.00" in text_data


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_recording_is_kept_and_played_again_to_the_byte(browser: Browser, lang: str, tmp_path: Path) -> None:
    """A sale that is paid at the phone, by a person with a mouse."""
    with staged(browser, lang) as clerk:
        browser.keep_downloads(tmp_path)
        clerk.start_sale("100", "2")
        clerk.see("show_qr")
        clerk.touch('[data-phone="look"]')
        clerk.touch('[data-phone="confirm"]')
        clerk.see("approved")
        clerk.picture(f"virtual-recording-{lang}")
        clerk.touch("#recording")
        assert b'"touch":{"confirm"' in browser.downloaded(tmp_path / "recording.jsonl")
    assert replay(tmp_path / "recording.jsonl").same


def test_the_tabs_and_the_faults_are_reached_by_keyboard(browser: Browser) -> None:
    with staged(browser, "en") as clerk:
        browser.run("document.querySelector('#tab-host').focus()")
        for _ in range(4):
            browser.type_key("ArrowRight", 39)
        assert browser.run("document.activeElement.id") == "tab-faults"
        assert browser.run("document.querySelector('#sheet-faults').hidden") is False
        assert browser.run("[...document.querySelectorAll('[role=tab]')].filter((e) => e.tabIndex === 0).length") == 1
        clerk.picture("virtual-faults-en")
        unnamed = (
            "[...document.querySelectorAll('button, input, select')].filter((e) => !e.closest('[hidden]') &&"
            " !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) => e.outerHTML)"
        )
        assert browser.run(unnamed) == []


@pytest.mark.parametrize(("lang", "size"), [("zh", WIDE), ("en", NARROW)])
def test_a_full_disk_is_a_switch_and_the_terminal_says_so_and_comes_back(
    browser: Browser, lang: str, size: tuple[int, int]
) -> None:
    row = '[data-fault="disk:full"]'
    with staged(browser, lang, size) as clerk:
        clerk.start_sale("100", "1")
        clerk.see("insert_card")
        clerk.touch('[data-tab="faults"]')
        clerk.touch(f'{row} [data-mode="always"]')
        browser.until(f"document.querySelector('{row}').classList.contains('on')")
        assert browser.run("document.querySelectorAll('[data-fault^=\"disk:\"]').length") == 7
        assert browser.run(OVERFLOW) <= 0
        browser.run(f"document.querySelector('{row}').scrollIntoView()")
        clerk.picture(f"disk-faults-{lang}")
        clerk.touch('[data-card="unionpay-credit-pin"]')
        clerk.see("service_mode")
        clerk.picture(f"disk-full-{lang}")
        clerk.touch(f'{row} [data-mode="off"]')
        browser.until(f"!document.querySelector('{row}').classList.contains('on')")
        clerk.touch("#kill")
        clerk.see("enter_number")
