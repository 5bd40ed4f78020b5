"""The rules of every screen: no text outside its box, no missing glyph, no shortened amount; both languages."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import FrozenInstanceError, replace
from itertools import combinations

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from screen_gallery import PANELS, every_case

from terminal.model import AMOUNT_MAX_MINOR, Method, Mode, Money, PaymentState
from terminal.screens import catalogue
from terminal.screens.catalogue import Screen
from terminal.screens.catalogue.samples import EXAMPLES
from terminal.screens.font import Font, load_font
from terminal.screens.place import Box, Clear, Code, Fill, Icon, Line, place
from terminal.screens.qr import code_area, modules, qr_fits
from terminal.screens.render import picture
from terminal.screens.wrap import cut, cut_start, wrap
from terminal.strings import LANGUAGES, Words

FONT = load_font()
# The only screens whose example is too long on purpose: a label or the longest number of a card, a host name, any text.
CUT_ON_PURPOSE = {"choose_application", "enter_number", "type_card_number", "problem", "declined"}


def _overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def _check_boxes(screen: Screen, language: str, width: int, height: int, font: Font) -> None:
    items = place(screen.lay(Words(language)), width, height, font)
    for item in items:
        box = item.box
        assert box.x >= 0 and box.y >= 0 and box.width > 0 and box.height > 0, item
        assert box.x + box.width <= width and box.y + box.height <= height, item
        if isinstance(item, Line):
            assert font.width(item.text, item.scale) <= box.width, item
            assert 16 * item.scale.value[1] <= box.height, item
    solid = [item for item in items if isinstance(item, Line | Icon | Code)]
    for one, other in combinations(solid, 2):
        assert not _overlap(one.box, other.box), (one, other)


def test_every_screen_has_an_example() -> None:
    screens = {
        found.name
        for _, found in inspect.getmembers(catalogue, inspect.isclass)
        if found.__module__.startswith(catalogue.__name__) and hasattr(found, "lay") and found is not Screen
    }
    assert screens == {example.name for example in EXAMPLES}
    assert len(screens) >= 48


def test_a_screen_is_a_frozen_value() -> None:
    one, same, other = catalogue.Waiting("a", 51), catalogue.Waiting(seconds_left=51, what="a"), catalogue.Cancelled()
    assert (one == same, one == other, hash(one) == hash(same)) == (True, False, True)
    assert repr(one) == "Waiting(what='a', seconds_left=51)"
    assert pickle.loads(pickle.dumps(one)) == replace(catalogue.Waiting("b", 51), what="a") == one  # type: ignore[type-var]
    with pytest.raises(FrozenInstanceError):
        one.code = "00"  # type: ignore[misc]  # what is tested
    for wrong in (lambda: catalogue.Waiting("a"), lambda: catalogue.Cancelled(1)):  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="takes"):
            wrong()
    with pytest.raises(TypeError, match="takes what, seconds_left"):
        catalogue.Waiting("a", what="a", seconds_left=51)  # type: ignore[misc]


def test_no_text_leaves_its_box_and_no_two_overlap() -> None:
    for screen, language, width, height in every_case():
        _check_boxes(screen, language, width, height, FONT)


def test_no_glyph_is_missing() -> None:
    for screen in EXAMPLES:
        for language in LANGUAGES:
            assert [c for c in "".join(picture(screen, language, FONT).text()) if c not in FONT] == [], screen


def test_no_phrase_of_ours_is_cut() -> None:
    cut_short = {
        screen.name
        for screen, language, width, height in every_case()
        for item in place(screen.lay(Words(language)), width, height, FONT)
        if isinstance(item, Line) and "…" in item.text
    }
    assert cut_short <= CUT_ON_PURPOSE


def test_an_amount_is_never_shortened() -> None:
    """Every amount that a screen is given stands on it whole; only lines that repeat it may give way."""
    amounts = (Money(0), Money(12850), Money(12345678), Money(AMOUNT_MAX_MINOR))
    for amount in amounts:
        screens: tuple[Screen, ...] = (
            catalogue.EnterAmount(amount),
            catalogue.ChooseMethod(amount, tuple(Method), 0),
            catalogue.InsertCard(amount, swipe=True, kind="sale"),
            catalogue.EnterPin(amount, 6, 60, None, wrong=False),
            catalogue.Approved(amount, "A12345", ""),
            catalogue.ShowQr(amount, "https://pay.example/1", 118),
            catalogue.ScanCode(amount, 118),
            catalogue.CashTendered(Money(100), amount),
            catalogue.CashTendered(amount, Money(0)),
            catalogue.CashChange(Money(1), Money(1), amount),
            catalogue.Settled(True, 9999, amount),
            catalogue.Today((), 10, 12, amount),
        )
        for screen in screens:
            for width, height in PANELS:
                items = place(screen.lay(Words("zh-CN")), width, height, FONT)
                shown = "".join(item.text for item in items if isinstance(item, Line))
                assert f"¥{amount}" in shown, (screen, shown)


def test_a_page_of_today_is_drawn_whole() -> None:
    for width, height in PANELS:
        count = catalogue.rows_a_page(height)
        rows = tuple(catalogue.TodayRow("14:05", "cash", Money(100 + n), "completed") for n in range(count))
        items = place(catalogue.Today(rows, 1, 1, Money(1)).lay(Words("en")), width, height, FONT)
        shown = {item.text for item in items if isinstance(item, Line)}
        assert {str(row.amount) for row in rows} <= shown


def test_the_chosen_item_is_always_in_sight() -> None:
    for width, height in PANELS:
        for selected in range(12):
            menu = catalogue.Menu("menu.main", tuple(f"Item {n}" for n in range(12)), selected)
            items = place(menu.lay(Words("en")), width, height, FONT)
            lit = [item.box for item in items if isinstance(item, Fill)][1:]
            chosen = [item for item in items if isinstance(item, Line) and item.text.endswith(f"Item {selected}")]
            assert any(_overlap(chosen[0].box, box) for box in lit)
            assert any(isinstance(item, Clear) for item in items)


def test_a_pin_is_known_by_its_length_only() -> None:
    layout = catalogue.EnterPin(Money(12850), 4, 48, None, wrong=False).lay(Words("en"))
    assert picture(catalogue.EnterPin(Money(12850), 4, 48, None, wrong=False), "en", FONT).text() == (
        "Enter PIN 48s",
        "¥128.50",
        "●●●●",
        "✗Cancel ✔OK",
    )
    assert getattr(layout, "value", None) == ""


def test_text_is_whole_where_a_panel_cuts() -> None:
    long = "A label far longer than the panel"
    drawn = picture(catalogue.ChooseApplication(("Debit", long), 1, again=False), "en", FONT)
    assert drawn.name == "choose_application"
    assert drawn.text() == ("Choose one", "1 Debit", f"> 2 {long}")


def test_what_happened_stands_on_the_screen_in_both_languages() -> None:
    assert "余额不足" in picture(catalogue.Declined("51", "余额不足", "other-card"), "zh-CN", FONT).text()
    assert "Do not honour" in picture(catalogue.Declined("05", "do not honour", "issuer"), "en", FONT).text()
    assert picture(catalogue.RemoveCard(), "zh-CN", FONT).text() == ("请取卡",)
    assert picture(catalogue.Idle(Mode.KEYED, "14:05", 0, due="", news=""), "en", FONT).text() == (
        "掌柜 Signed out",
        "14:05",
        "▲▼Menu ✔Sign in",
    )


# QR


@pytest.mark.parametrize(("width", "height"), PANELS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("length", [1, 20, 53, 54, 150, 230])
def test_a_phone_reads_the_code_from_the_panels_pixels(length: int, language: str, width: int, height: int) -> None:
    payload = ("https://pay.example/q/" + "8F3kQz81LmT0" * 20)[:length]
    module_px = qr_fits(payload, width, height)
    pixels = picture(catalogue.ShowQr(Money(12850), payload, 58), language, FONT).pixels(width, height)
    seen = Image.frombytes("1", (width, height), pixels).convert("L").resize((width * 4, height * 4))
    read = zxingcpp.read_barcode(seen, formats=zxingcpp.BarcodeFormat.QRCode)
    assert (read.text if read else "") == (payload if module_px else "")
    assert module_px == 0 or module_px >= 2


def test_a_code_stands_on_lit_ground_with_a_border() -> None:
    payload = "https://pay.example/1"
    for width, height in PANELS:
        items = place(catalogue.ShowQr(Money(1), payload, 9).lay(Words("en")), width, height, FONT)
        code = next(item for item in items if isinstance(item, Code))
        side = modules(payload).size * code.module_px
        assert (code.box.width, code.box.height) == code_area(width, height)
        assert min(code.box.width, code.box.height) - side >= 2 * code.module_px


def test_a_code_that_no_panel_carries_goes_on_paper() -> None:
    assert qr_fits("x" * 53, 128, 64) == 2
    assert qr_fits("x" * 54, 128, 64) == 0
    assert qr_fits("x" * 3000, 128, 128) == 0
    words = picture(catalogue.ShowQr(Money(1), "x" * 3000, 9), "en", FONT)
    assert words.pixels(128, 128)
    items = place(words.layout, 128, 128, FONT)
    assert any(isinstance(item, Line) and "print" in item.text for item in items)


def test_the_widest_code_of_each_panel() -> None:
    """The sizes that the documents name: version 3 on 128x64, version 9 on 128x128 (level L, 2 pixels a module)."""
    assert [qr_fits("x" * length, 128, 64) for length in (32, 53, 54)] == [2, 2, 0]
    assert [qr_fits("x" * length, 128, 128) for length in (78, 106, 230, 231)] == [3, 2, 2, 0]


# Whatever the world says


anything = st.text(max_size=80)
amount = st.integers(-AMOUNT_MAX_MINOR, AMOUNT_MAX_MINOR).map(Money)


@settings(max_examples=150)
@given(text=anything, title=anything, language=st.sampled_from(LANGUAGES), size=st.sampled_from(PANELS))
def test_any_text_stays_on_the_panel(text: str, title: str, language: str, size: tuple[int, int]) -> None:
    plain = (text + " ", title + " ")  # A trailing blank: never taken for a key of the phrase table.
    screens: tuple[Screen, ...] = (
        catalogue.Problem(plain[1], plain[0]),
        catalogue.Menu(plain[1], plain, 1),
        catalogue.ChooseApplication(plain, 0, again=False),
        catalogue.EnterNumber("link", text, plain[1]),
        catalogue.Declined(text, plain[0], "wait"),
        catalogue.QrUnknown(Money(5), text),
        catalogue.Boot(text, (("printer", True), (plain[0], False))),
        catalogue.CheckClock(text),
    )
    for screen in screens:
        _check_boxes(screen, language, *size, FONT)
        assert len(picture(screen, language, FONT).pixels(*size)) == size[0] // 8 * size[1]


@settings(max_examples=100)
@given(
    sums=st.lists(amount, max_size=8),
    kind=st.sampled_from(Method),
    state=st.sampled_from(PaymentState),
    page=st.integers(1, 999),
    size=st.sampled_from(PANELS),
    language=st.sampled_from(LANGUAGES),
)
def test_any_day_stays_on_the_panel(
    sums: list[Money], kind: Method, state: PaymentState, page: int, size: tuple[int, int], language: str
) -> None:
    rows = tuple(catalogue.TodayRow("23:59", kind.value, one, state.value) for one in sums)
    total = sums[0] if sums else Money(0)
    _check_boxes(catalogue.Today(rows, page, 999, total), language, *size, FONT)
    _check_boxes(catalogue.EnterPin(total, page % 13, page, None, wrong=False), language, *size, FONT)
    _check_boxes(catalogue.CashChange(total, total, total), language, *size, FONT)


@given(text=anything, width=st.integers(24, 200), limit=st.integers(1, 6))
def test_wrapped_lines_fit(text: str, width: int, limit: int) -> None:
    lines = wrap(text, width, limit, FONT)
    assert len(lines) <= limit
    assert all(FONT.width(line) <= width for line in lines)
    assert FONT.width(cut(text, width, FONT)) <= width
    assert FONT.width(cut_start(text, width, FONT)) <= width


def test_chinese_breaks_at_its_commas_and_english_between_words() -> None:
    assert wrap("读不到芯片，请重新插卡", 128, 2, FONT) == ("读不到芯片", "请重新插卡")
    assert wrap("装入公开测试密钥，不得受理真实卡", 128, 2, FONT) == ("装入公开测试密钥", "不得受理真实卡")
    assert wrap("Host refused the link", 100, 2, FONT) == ("Host refused", "the link")
    assert wrap("配置文件第3行有错误。请联系", 144, 2, FONT) == ("配置文件第3行有错", "误。请联系")
    assert wrap("配置文件第3行有误。请联系", 128, 2, FONT) == ("配置文件第3行有", "误。请联系")
    assert wrap("one two three four five", 64, 2, FONT) == ("one two", "three f…")


def test_every_outcome_that_flows_know_has_its_words() -> None:
    from drivers.ports import LinkFault, Paper
    from terminal.receipts import Copy

    for language in LANGUAGES:
        words = Words(language)
        screens: list[Screen] = [catalogue.NothingSent(fault.value) for fault in LinkFault]
        screens += [catalogue.NotAnswered(fault.value) for fault in LinkFault]
        screens += [catalogue.SignInFailed(fault.value, "", "", "again") for fault in LinkFault]
        screens += [catalogue.PaperStopped(paper.value) for paper in Paper]
        screens += [catalogue.Printing(copy.value) for copy in Copy]
        screens += [catalogue.Idle(mode, "14:05", 0, due="", news="") for mode in Mode]
        screens += [
            catalogue.Today((catalogue.TodayRow("14:05", method.value, Money(1), state.value),), 1, 1, Money(1))
            for method in Method
            for state in PaymentState
        ]
        for screen in screens:
            assert picture(screen, language, FONT).text()
            assert screen.lay(words)
