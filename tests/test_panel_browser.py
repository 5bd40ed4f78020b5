"""The page in a real browser on a machine without CJK fonts: what a person sees, types and hears."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from panel_bench import LAYOUT, Bench, bench
from panel_browser import Browser, chromium

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed (make system-deps)"),
]
BUILD = Path("build") / "panel"
SETTLED = "document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 400)))"
PIXEL_ROWS = """(() => {
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 16;
  const paint = canvas.getContext("2d");
  paint.font = '16px "Zhanggui Pixel"'; paint.textBaseline = "alphabetic"; paint.fillText("CHARACTER", 0, 14);
  const data = paint.getImageData(0, 0, 16, 16).data;
  return Array.from({length: 16}, (_, y) =>
    Array.from({length: 16}, (_, x) => +(data[4 * (16 * y + x) + 3] > 127)).reduce((row, bit) => 2 * row + bit, 0));
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def panel(tmp_path: Path, browser: Browser) -> Iterator[Bench]:
    with bench(tmp_path) as running:
        browser.console.clear()
        browser.open(running.server.gate.url() + "&lang=zh")
        browser.until("document.querySelector('#oled').dataset.screen === 'idle'")
        yield running
        complaints = list(browser.console)
        browser.open("about:blank")  # Before the server goes, so that the page does not miss it.
        browser.until("location.href === 'about:blank'")
        assert complaints == []  # No script error, and nothing that the policy had to forbid.


@pytest.mark.usefixtures("panel")
def test_the_labels_are_drawn_with_the_terminal_s_own_font(browser: Browser) -> None:
    from terminal.screens.font import load_font

    font = load_font()
    browser.run(SETTLED)
    for character in "取消清除确认电源主机":
        assert browser.run(PIXEL_ROWS.replace("CHARACTER", character)) == list(font.glyph(character).rows), character


@pytest.mark.usefixtures("panel")
def test_every_chinese_word_of_the_page_has_its_glyph(browser: Browser) -> None:
    from terminal.screens.font import load_font

    font = load_font()
    words = browser.run(
        "import(document.querySelector('script[type=module]').src.replace('panel.js', 'words.js'))"
        ".then((found) => found.WORDS)"
    )
    assert words["zh"].keys() == words["en"].keys()
    chinese = {character for text in words["zh"].values() for character in text if ord(character) >= 0x2E80}
    assert {character for character in chinese if character not in font} == set()


def test_the_page_speaks_the_panel_s_language_until_somebody_chooses_another(panel: Bench, browser: Browser) -> None:
    def opened() -> str:
        browser.open(panel.server.gate.url())
        browser.until("document.querySelector('#oled').dataset.screen === 'idle'")
        return str(browser.run("document.documentElement.lang"))

    browser.run("localStorage.removeItem('language')")
    assert [opened(), opened()] == ["en", "en"]
    browser.click('#language [data-lang="zh"]')
    assert opened() == "zh-CN"
    browser.run("localStorage.removeItem('language')")


@pytest.mark.usefixtures("panel")
def test_keys_by_mouse_and_by_keyboard(browser: Browser) -> None:
    for key in LAYOUT:
        browser.click(f'[data-key="{key}"]')
    clicked = "".join(f"[{key}]" for key in LAYOUT)
    browser.until(f"document.querySelector('#screen-text').textContent === '{clicked}'")
    typed = [("7", 55, "7"), ("Enter", 13, "\r"), ("Backspace", 8, ""), ("Escape", 27, ""), ("ArrowUp", 38, "")]
    for key, code, text in [*typed, ("ArrowDown", 40, ""), (".", 190, ".")]:
        browser.type_key(key, code, text)
    after = clicked + "[7][enter][clear][cancel][up][down][00]"
    browser.until(f"document.querySelector('#screen-text').textContent === '{after}'")


@pytest.mark.usefixtures("panel")
def test_typing_into_the_scanner_s_field_presses_no_key(browser: Browser) -> None:
    browser.click("#scan-code")
    for digit in "28":
        browser.type_key(digit, ord(digit), digit)
    browser.type_key("Enter", 13, "\r")
    browser.until("document.querySelector('#screen-text').textContent === '28'")
    browser.run("document.activeElement.blur()")


@pytest.mark.usefixtures("panel")
def test_letters_are_keys_where_hex_is_typed_and_nowhere_else(browser: Browser) -> None:
    def scan(code: str) -> None:
        browser.click("#scan-code")
        browser.run("document.querySelector('#scan-code').value = ''")
        for letter in code:
            browser.type_key(letter, ord(letter.upper()), letter)
        browser.type_key("Enter", 13, "\r")
        browser.until(f"document.querySelector('#screen-text').textContent === '{code}'")
        browser.run("document.activeElement.blur()")

    scan("hex")
    for letter in "a5F":
        browser.type_key(letter, ord(letter.upper()), letter)
    browser.until("document.querySelector('#screen-text').textContent.endsWith('[up][1][5][up][6]')")
    scan("beef")
    browser.type_key("a", 65, "a")
    browser.type_key("7", 55, "7")
    browser.until("document.querySelector('#screen-text').textContent.endsWith('[up][6][7]')")


@pytest.mark.usefixtures("panel")
def test_a_card_goes_in_and_comes_out(browser: Browser) -> None:
    browser.click('[data-card="good"]')
    browser.until("document.querySelector('.card-in')")
    browser.click(".card-in")
    browser.until("!document.querySelector('.card-in')")


@pytest.mark.usefixtures("panel")
def test_a_slip_comes_out_of_the_printer(browser: Browser) -> None:
    browser.click('[data-key="enter"]')
    browser.until("document.querySelector('#paper-out.fed img').naturalWidth === 384")
    browser.click('[data-tab="slips"]')
    browser.until("document.querySelector('.slip pre').textContent.startsWith('SLIP')")


@pytest.mark.usefixtures("panel")
def test_the_power_switch_darkens_the_display(browser: Browser) -> None:
    browser.click("#power")
    browser.until("document.querySelector('#handheld').dataset.power === 'off'")
    pixels = "document.querySelector('#oled').getContext('2d').getImageData(0, 0, 384, 192).data"
    lit = f"{pixels}.some((value, index) => index % 4 < 3 && value > 60)"
    assert not browser.run(lit)
    browser.click("#power")
    browser.until(lit)


@pytest.mark.usefixtures("panel")
def test_nothing_comes_from_elsewhere(browser: Browser) -> None:
    origins = browser.run("[...new Set(performance.getEntriesByType('resource').map((e) => new URL(e.name).origin))]")
    assert origins == [browser.run("location.origin")]
    browser.run("fetch('https://example.invalid/').then(() => { throw new Error('it was let out'); }, () => 1)")
    assert any("Content Security Policy" in line for line in browser.console)
    browser.console.clear()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_both_languages_fit_and_are_pictured(browser: Browser, panel: Bench, lang: str) -> None:
    browser.open(panel.server.gate.url() + f"&lang={lang}")
    browser.until(f"document.body.dataset.lang === '{lang}' && document.querySelector('#oled').dataset.screen")
    browser.run(SETTLED)
    spilling = browser.run(
        "[...document.querySelectorAll('button, .lamp, h2, .next p')].filter((e) => e.offsetParent"
        " && e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"
    )
    assert spilling == []
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.screenshot(BUILD / f"panel-{lang}.png").stat().st_size > 20_000
