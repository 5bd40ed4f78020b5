"""A terminal without a printer: slips are kept, and the customer reads the e-slip's code off the glass with a phone.

Shown: of a wallet's order and of a card, on each panel and in both languages, the code is read from the display's
pixels and the acquirer's page behind it shows what was paid, to nobody without the key; a reprint shows it again; given
up on paper it is offered too; what has no e-slip, or is told to be printed, says that there is no printer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from test_flows_promotions import GIVEN, REPORTS, payments, printed
from test_flows_stories import START
from test_sim_cashier_page import BROWSER, fetch

from sim.acquirer import Acquirer
from sim.acquirer.cashier_page import CashierPage
from sim.acquirer.eslips import PATH
from sim.acquirer.wallets import Wallet, WalletKind
from sim.books import discrepancies
from sim.legibility import AT_LEAST, Camera, Shown, measure
from sim.phone import MAGNIFICATION, display_image
from sim.story import play, press, to_menu, to_transaction
from sim.world import World
from terminal.hostlink.profile import load_profile

pytestmark = pytest.mark.slow  # Whole stories.

SHORT = "HTTPS://SLIP.EXAMPLE/S/"  # Digits and capitals alone: the shortest codes.
SHOWN = "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 2 phone wechat\napproved:\nshow_eslip: wait 1\n"
CARD = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert no-cvm\napproved:\nshow_eslip: wait 1\n"
REPRINT = to_menu("reprint") + "show_eslip: wait 1\n"


def world(seed: str, address: str = SHORT, *, has_printer: bool = False, **options: object) -> World:
    profile = dataclasses.replace(load_profile("unionpay"), eslip_address=address)
    host = Acquirer(profile=profile, seed=1)
    return World(seed, acquirer=host, profile=profile, has_printer=has_printer, **options)  # type: ignore[arg-type]


def looked(place: World) -> str:
    """What a phone reads off the glass."""
    display = place.display
    seen = place.phone("wechat").phone.look(display.pixels(), display.width, display.height)
    assert seen is not None
    return seen


def tell(place: World, *parts: str) -> list[str]:
    """Play the parts; what was read off the glass after each."""
    seen: list[str] = []

    async def people() -> None:
        for part in parts:
            await play(place, part)
            seen.append(looked(place))
            await press(place, "ENTER")
        await play(place, "idle:")

    place.run(people())
    return seen


@pytest.fixture
def place() -> Iterator[World]:
    """A terminal whose acquirer shows slips on a page of this machine."""
    holder: list[World] = []
    account = Wallet(WalletKind.WECHAT, 500_000)
    served = CashierPage(
        Acquirer().gateway,
        lambda kind: account,
        lambda payment: "掌柜",
        lambda: holder[0].world_ms(),
        find_slip=lambda number, key: holder[0].acquirer.eslips.find(number, key),
    )
    with served, world("eslip-page", served.url + PATH, panel=(128, 128)) as place:
        holder.append(place)
        yield place


def test_the_page_behind_the_code_shows_what_was_paid(place: World) -> None:
    (url,) = tell(place, START + GIVEN + SHOWN)
    status, text = fetch(url, BROWSER)
    assert status == 200
    (sale,) = payments(place)
    for words in (str(sale.facts["order_no"]), "掌柜", "¥128.50", "-¥5.00", "-¥3.00", "¥120.50", "¥0.88", "Paid"):
        assert words in text
    assert fetch(url[:-1] + ("A" if url[-1] != "A" else "B"), BROWSER)[0] == 404
    assert fetch(url.rpartition("/")[0], BROWSER)[0] == 404
    assert fetch(url, BROWSER, pay=True)[0] != 200


def test_it_says_what_went_back_since(place: World) -> None:
    back = to_transaction("order-refund") + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: 2000 ENTER\n"
    ask = "enter_number: ENTER\noperator_password: 1234 ENTER\napproved:\n"

    async def people() -> None:
        await play(place, START + GIVEN + SHOWN)
        url = looked(place)
        await press(place, "ENTER")
        await play(place, back + ask + "idle:")
        assert "Given back ¥20.00" in fetch(url, BROWSER)[1]

    place.run(people())


def test_a_card_s_slip_shows_nothing_of_the_card(place: World) -> None:

    async def people() -> None:
        await play(place, START + CARD)
        status, text = fetch(looked(place), BROWSER)
        (sale,) = payments(place)
        assert status == 200 and "¥128.50" in text and str(sale.facts["rrn"]) in text
        assert str(sale.facts["masked_pan"])[-4:] not in text.replace(str(sale.facts["rrn"]), "")
        await press(place, "ENTER")
        await play(place, "remove_card: remove\nidle:")

    place.run(people())
    assert discrepancies(place.journal, place.acquirer) == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("panel", [(128, 64), (128, 128), (256, 64)])
def test_the_code_is_read_from_the_pixels_of_every_panel(panel: tuple[int, int], language: str) -> None:
    with world("eslip-panel", panel=panel, language=language) as place:

        async def people() -> None:
            await play(place, START + SHOWN)
            image = display_image(place.display.pixels(), *panel)
            shown = Shown("glass", language, looked(place), 2, image, MAGNIFICATION)
            assert measure(shown, Camera(), 100).rate >= AT_LEAST
            await press(place, "ENTER")
            await play(place, "idle:")

        place.run(people())
        assert place.printer.slips == []


def test_a_reprint_shows_it_again() -> None:
    with world("eslip-again") as place:
        first, again = tell(place, START + SHOWN, REPRINT)
        assert first == again


def test_nobody_who_looks_is_waited_for() -> None:
    with world("eslip-alone") as place:
        place.run(play(place, START + SHOWN + "idle:"))


def test_without_a_page_there_is_nothing_to_show_and_nothing_stops() -> None:
    with world("no-eslip", "") as place:
        story = START + SHOWN.replace("show_eslip: wait 1\n", "") + to_menu("reprint") + "refused: ENTER\n"
        place.run(play(place, story + REPORTS + "menu: 1\nrefused: ENTER\nidle:"))
        assert place.printer.slips == []


def test_an_address_that_no_panel_can_show_is_not_shown() -> None:
    with world("eslip-long", f"https://{'long.' * 9}example/") as place:
        place.run(play(place, START + SHOWN.replace("show_eslip: wait 1\n", "") + "idle:"))


def test_given_up_on_paper_it_is_offered() -> None:
    with world("eslip-no-paper", has_printer=True) as place:
        story = START + "idle: paper out\n" + SHOWN.replace("show_eslip", "paper_stopped: CANCEL\nshow_eslip")
        (url,) = tell(place, story)
        assert url.startswith(SHORT)


def test_with_paper_nobody_is_shown_a_code() -> None:
    with world("eslip-paper", has_printer=True) as place:
        place.run(play(place, START + SHOWN.replace("show_eslip: wait 1\n", "") + "idle:"))
        assert "show_eslip" not in place.eyes.history
        assert "RMB 128.50" in printed(place)


def test_an_order_that_would_need_paper_is_not_sold_without() -> None:
    with world("eslip-big-code") as place:
        place.acquirer.gateway.prefix = f"https://{'x' * 80}.example/"
        story = START + "idle: 12850 ENTER\nchoose_method: 2\nrefused: ENTER\norder_closed: ENTER\nidle:"
        place.run(play(place, story))
        assert [payment.state.value for payment in payments(place)] == ["reversed"]


def test_each_payment_has_a_key_of_its_own() -> None:
    with world("eslip-two") as place:
        first, second = tell(place, START + SHOWN, SHOWN)
    assert first.rpartition("/")[2] != second.rpartition("/")[2]
